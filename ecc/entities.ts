import { ENTITIES_MAX } from '../base/limits.ts'
import { foldAccents, forEachRun, placeOfStopWord } from './words.ts'

/** In the order in which the first ENTITIES_MAX of a text are taken: what tells most first. */
export const ENTITY_KINDS = ['path', 'identifier', 'number', 'date', 'name'] as const

export type EntityKind = (typeof ENTITY_KINDS)[number]

/** Something particular that a text names, so that another text may name the same. */
export interface Entity {
  readonly kind: EntityKind
  /** In lower case; a date as `2026-01-31`, without its year as `01-31`. */
  readonly name: string
}

/**
 * What a text names, found by its shape: no model, no dictionary. Each once, ENTITIES_MAX at most.
 *
 * - path: `ecc/recall.ts`, `github.com/a/b/pull/7`; not `and/or`
 * - identifier: `parseLine`, `retry_after`, `ENOSPC`, `v1.2.3`, `a81bc9f`, `redis.conf`; not `10ms`, nor an address of mail: who, not what
 * - number: `8080`, `12345`; not a year, nor a round one
 * - date: `2026-01-31`, `31 January 2026`, `January 31st`
 * - name: `Caroline`, where upper case is not the beginning of a sentence; four letters or more
 */
export function entitiesOf(text: string): Entity[] {
  const found = new Map<string, Entity>()
  const add = (entity: Entity | undefined): void => {
    if (entity !== undefined && found.size < CANDIDATES_MAX) found.set(entityKey(entity), entity)
  }
  forEachRun(text, run => add(entityOfRun(run)))
  if (MONTH.test(text)) for (const date of datesIn(text)) add(date)
  for (const [names] of foldAccents(text).matchAll(NAMES))
    for (const name of names.split(' ')) if (isName(name)) add({ kind: 'name', name: name.toLowerCase() })
  if (found.size <= ENTITIES_MAX) return [...found.values()]
  return ENTITY_KINDS.flatMap(kind => [...found.values()].filter(entity => entity.kind === kind)).slice(0, ENTITIES_MAX)
}

/** What a question or a name may mean: each word of it as anything, wherever it stands, and what its shape says. Not bounded, not each once. */
export function entitiesMeant(text: string): Entity[] {
  const meant: Entity[] = []
  forEachRun(text, run => {
    const name = bareOf(run).toLowerCase()
    for (const kind of ENTITY_KINDS) meant.push({ kind, name })
  })
  return [...meant, ...entitiesOf(text)]
}

/** Kind and name in one. */
export function entityKey({ kind, name }: Entity): string {
  return `${kind} ${name}`
}

export function entityOfKey(key: string): Entity {
  const [kind] = key.split(' ', 1) as [EntityKind]
  return { kind, name: key.slice(kind.length + 1) }
}

/** Of a text that is one long list, the end is not looked at. */
const CANDIDATES_MAX = 16 * ENTITIES_MAX

const RUN_MIN_CHARS = 3
/** Longer ones are data. So long is a name that is told to other nodes at most. */
export const RUN_MAX_CHARS = 64

function entityOfRun(run: string): Entity | undefined {
  if (run.length < RUN_MIN_CHARS || run.length > RUN_MAX_CHARS || PLAIN_WORD.test(run)) return undefined
  const date = WRITTEN_DATE.exec(run)
  if (date !== null) return dateOf(date[1], Number(date[2]), Number(date[3]))
  const bare = bareOf(run)
  const name = bare.toLowerCase()
  if (/^\d+$/.test(bare)) return YEAR.test(bare) || bare.endsWith('00') ? undefined : { kind: 'number', name }
  if (MAIL.test(bare)) return undefined
  if (/[/\\]/.test(bare)) return /\p{L}/u.test(bare) && !ALTERNATIVES.test(bare) ? { kind: 'path', name } : undefined
  return isIdentifier(bare) ? { kind: 'identifier', name } : undefined
}

/** `parseLine` of `parseLine's`. */
function bareOf(run: string): string {
  return run.replace(/['’]s?$/, '')
}

const PLAIN_WORD = /^[A-Z]?[a-z]+$/
const WRITTEN_DATE = /^(\d{4})[-/](\d{2})[-/](\d{2})(?:T.*)?$/
const YEAR = /^(?:19|20)\d\d$/
const MAIL = /^[^@]+@[^@]+\.[a-z]+$/i
const ALTERNATIVES = /^[a-z]+\/[a-z]+$/i
const QUANTITY = /^\d+(?:st|nd|rd|th|s|ms|us|am|pm|h|x|k|m|kb|mb|gb|tb|kib|mib|gib)$/i

function isIdentifier(run: string): boolean {
  if (/\d/.test(run)) return /\p{L}/u.test(run) ? !QUANTITY.test(run) : /^\d+(?:\.\d+){2,}$/.test(run)
  if (/^[A-Z]{3,}$/.test(run)) return placeOfStopWord(run) === undefined
  return /_|[a-z][A-Z]|[a-zA-Z]{2}[.:@][a-zA-Z]{2}/.test(run)
}

const MONTHS = ['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november', 'december']
/** `it may 3 times` names no day. */
const VERBS = ['march', 'may']
const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']
const MONTH = new RegExp(`\\b(?:${MONTHS.join('|')})\\b`, 'i')
const DAY_FIRST = new RegExp(`\\b(\\d{1,2})(?:st|nd|rd|th)?\\s{1,4}(?:of\\s{1,4})?(${MONTHS.join('|')})\\b(?:,?\\s{1,4}(\\d{4})\\b)?`, 'gi')
const MONTH_FIRST = new RegExp(`\\b(${MONTHS.join('|')})\\s{1,4}(\\d{1,2})(?:st|nd|rd|th)?\\b(?:,?\\s{1,4}(\\d{4})\\b)?`, 'gi')

function* datesIn(text: string): Generator<Entity | undefined> {
  const monthOf = (name: string): number => (VERBS.includes(name) ? 0 : MONTHS.indexOf(name.toLowerCase()) + 1)
  for (const [, day, month = '', year] of text.matchAll(DAY_FIRST)) yield dateOf(year, monthOf(month), Number(day))
  for (const [, month = '', day, year] of text.matchAll(MONTH_FIRST)) yield dateOf(year, monthOf(month), Number(day))
}

function dateOf(year: string | undefined, month: number, day: number): Entity | undefined {
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined
  const monthAndDay = `${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
  return { kind: 'date', name: year === undefined ? monthAndDay : `${year}-${monthAndDay}` }
}

/** Words in upper case, of four letters or more, that follow a word in lower case: no beginning of a sentence. */
const NAMES = /(?<=[\p{Ll},;] )\p{Lu}\p{Ll}{3,}(?![\p{L}\p{N}_/\\@-])(?: \p{Lu}\p{Ll}{3,}(?![\p{L}\p{N}_/\\@-]))*/gu

function isName(word: string): boolean {
  const name = word.toLowerCase()
  return word.length <= RUN_MAX_CHARS && placeOfStopWord(word) === undefined && !MONTHS.includes(name) && !WEEKDAYS.includes(name)
}
