import type { Happening } from './event.ts'
import { plain, shortened } from './plain-text.ts'

/**
 * What goes on, a line per transition, while a run goes on: virtual time, a column for each node, a sign in the
 * column of the node it happened to, and what it was. A dot is a node that is up, an empty column one that is down.
 * What a node writes is added up for a second, and then a line.
 *
 * ```
 *     12.345   ·  ×  ·   n2 crashed (power)
 * ```
 */
export class LiveLog {
  readonly #nodes: readonly string[]
  readonly #paint: Paint | undefined
  readonly #up: Set<string> = new Set()
  readonly #commits: Map<string, { commits: number; records: number; untilMs: number }> = new Map()

  constructor({ nodes, paint }: LiveOptions) {
    this.#nodes = nodes
    this.#paint = paint
  }

  /** @returns the lines that this event is worth: none for most */
  lines(event: Happening): readonly string[] {
    const { node, kind } = event
    const summaries = this.#dueSummaries(event)
    if (node !== null && kind === 'boot') this.#up.add(node)
    if (node !== null && kind === 'end') this.#up.delete(node)
    if (node !== null && kind === 'commit') this.#count(node, event)
    const line = liveLine(event, this.#columns())
    return line === undefined ? summaries : [...summaries, line]
  }

  #count(node: string, { atMs, fields }: Happening): void {
    const own = Number(fields['own'] ?? 0)
    if (own === 0) return
    const count = this.#commits.get(node) ?? { commits: 0, records: 0, untilMs: atMs + SUMMARY_MS }
    count.commits++
    count.records += own
    this.#commits.set(node, count)
  }

  /** Of nodes whose second is over, and of one that ends. */
  #dueSummaries({ atMs, node, kind }: Happening): readonly string[] {
    const lines: string[] = []
    for (const [name, { commits, records, untilMs }] of this.#commits) {
      if (atMs < untilMs && !(kind === 'end' && name === node)) continue
      this.#commits.delete(name)
      const text = `${name} wrote ${records} record${records === 1 ? '' : 's'} in ${commits} commit${commits === 1 ? '' : 's'}`
      lines.push(row(Math.min(atMs, untilMs), name, WRITTEN, text, this.#columns()))
    }
    return lines
  }

  #columns(): Columns {
    return { nodes: this.#nodes, paint: this.#paint, isUp: name => this.#up.has(name) }
  }
}

export interface LiveOptions {
  readonly nodes: readonly string[]
  /** Makes a sign coloured, where somebody looks who wants that. */
  readonly paint?: Paint | undefined
}

type Paint = (colour: Colour, sign: string) => string

/** Those that dark and light terminals both show. */
type Colour = 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan'

export interface Columns extends LiveOptions {
  readonly isUp: (node: string) => boolean
}

/** One event as a line; undefined for what is no transition: messages, operations, ordinary commits. */
export function liveLine(event: Happening, columns: Columns = NO_COLUMNS): string | undefined {
  const told = toldOf(event)
  return told === undefined ? undefined : row(event.atMs, event.node, told.sign, told.text, columns)
}

/** For a line by itself. */
const NO_COLUMNS: Columns = { nodes: [], isUp: () => false }
/** So many commits are one line. */
const SUMMARY_MS = 1_000

interface Sign {
  readonly mark: string
  readonly colour: Colour
}

const UP: Sign = { mark: '▲', colour: 'green' }
const DOWN: Sign = { mark: '×', colour: 'red' }
const FAULT: Sign = { mark: '!', colour: 'yellow' }
const HEALED: Sign = { mark: '~', colour: 'green' }
const LINK_UP: Sign = { mark: '+', colour: 'cyan' }
const LINK_DOWN: Sign = { mark: '-', colour: 'yellow' }
const WRITTEN: Sign = { mark: '●', colour: 'blue' }
const NOTE: Sign = { mark: 'i', colour: 'cyan' }
const TROUBLE: Sign = { mark: '#', colour: 'magenta' }
const BROKEN: Sign = { mark: '✗', colour: 'red' }

const ENDS: Readonly<Record<string, string>> = { power: 'crashed (power)', process: 'was killed (process)', stopped: 'stopped' }

function toldOf({ node, kind, what, fields }: Happening): { readonly sign: Sign; readonly text: string } | undefined {
  switch (kind) {
    case 'boot':
      return { sign: UP, text: `${node} started` }
    case 'end':
      return { sign: DOWN, text: `${node} ${ENDS[what] ?? what}` }
    case 'fault':
      return { sign: what === 'heal' ? HEALED : FAULT, text: what }
    case 'violation':
      return { sign: BROKEN, text: `VIOLATION of ${what}: ${fields['fact']}; but ${fields['other']}` }
    case 'commit':
      return what === 'failed' ? { sign: TROUBLE, text: `${node} could not write: ${fields['code']}` } : undefined
    case 'log':
      return toldOfLog(node, what, fields)
    default:
      return undefined
  }
}

/** Peers, the guard of a start, conflicts, and whatever a node warns of. */
function toldOfLog(
  node: string | null,
  what: string,
  { level, ...fields }: Happening['fields'],
): { readonly sign: Sign; readonly text: string } | undefined {
  const details = Object.entries(fields).map(([name, value]) => `${name}=${shortened(String(value), DETAIL_CHARACTERS)}`)
  const text = [`${node} ${what}`, ...details].join(' ')
  if (what === 'peer.up') return { sign: LINK_UP, text }
  if (what === 'peer.down') return { sign: LINK_DOWN, text }
  if (what === 'chain.publishing' || what.startsWith('chain.recover')) return { sign: NOTE, text }
  return level === 'warn' || level === 'error' ? { sign: TROUBLE, text } : undefined
}

/** An id is known by its last or first few characters. */
const DETAIL_CHARACTERS = 24
/** More columns than this do not fit beside the text: the name says where. */
const COLUMNS_MAX = 16

function row(atMs: number, node: string | null, sign: Sign, text: string, { nodes, paint, isUp }: Columns): string {
  const mark = paint?.(sign.colour, sign.mark) ?? sign.mark
  const cell = (name: string): string => (name === node || node === null ? mark : isUp(name) ? '·' : ' ')
  const cells = nodes.length <= COLUMNS_MAX ? nodes.map(cell).join('  ') : mark
  return `${(atMs / 1000).toFixed(3).padStart(10)}   ${cells}   ${plain(text)}`
}
