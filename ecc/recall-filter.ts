import { WeftError } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'
import { FILTER_VALUES_MAX, PHRASES_MAX } from '../base/limits.ts'
import type { MetaFilter } from './label-table.ts'
import { isSuperseded } from './supersession.ts'
import type { TermSequences } from './term-sequences.ts'
import type { View } from './view.ts'

/** What hits must be; what is none still leads on to others. */
export interface RecallFilter {
  readonly includeSuperseded?: boolean | undefined
  /** Only what was true at this time, in milliseconds since 1970: a memory that does not say is always true. */
  readonly validAtMs?: number | undefined
  /** Only what this author wrote. */
  readonly author?: NodeId | undefined
  /** Only what was written from then on, and before, in milliseconds since 1970 by its author's clock. */
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
  /** Only what has all of these labels. */
  readonly meta?: MetaFilter | undefined
  /** Only what names a source that begins so. */
  readonly source?: string | undefined
  /** Only what has the phrases that are quoted in this text. */
  readonly quoting?: string | undefined
}

const QUOTED = /"([^"]*)"|“([^”]*)”/g

/** @throws WeftError `invalid_argument` */
export function checkFilter({ meta = {} }: RecallFilter, quoting: string): void {
  const values = Object.values(meta).flat().length
  if (values > FILTER_VALUES_MAX) throw new WeftError('invalid_argument', `a filter of ${values} labels, at most ${FILTER_VALUES_MAX}`)
  const phrases = quotedIn(quoting).length
  if (phrases > PHRASES_MAX) throw new WeftError('invalid_argument', `a query quotes ${phrases} phrases, at most ${PHRASES_MAX}`)
}

function quotedIn(text: string): string[] {
  return [...text.matchAll(QUOTED)].map(match => match[1] ?? (match[2] as string))
}

/** Asked of one memory after the other; the labels were looked up before. */
export class Filter {
  readonly #view: View
  readonly #options: RecallFilter
  readonly #labelled: { readonly counts: Uint8Array; readonly all: number } | undefined
  /** What is quoted; undefined for what no memory has. */
  readonly #phrases: readonly (readonly number[] | undefined)[]
  readonly #sequences: TermSequences

  constructor(view: View, options: RecallFilter, quoting: string = options.quoting ?? '') {
    const { meta = {}, source } = options
    const { text, labels, nodes } = view.tables
    const quoted = quotedIn(quoting).map(phrase => text.phrase(phrase))
    this.#phrases = quoted.filter(phrase => phrase === undefined || phrase.length > 0)
    this.#sequences = text.sequences
    this.#view = view
    this.#options = options
    this.#labelled = Object.keys(meta).length === 0 && source === undefined ? undefined : labels.fits(nodes.size, meta, source)
  }

  /** Nodes that have the labels that are asked for; undefined when none are. */
  get labelled(): ((node: number) => boolean) | undefined {
    const found = this.#labelled
    return found && (node => found.counts[node] === found.all)
  }

  accepts(record: number): boolean {
    const { records, nodes } = this.#view.tables
    const node = records.detail.at(record)
    if (this.#labelled !== undefined && this.#labelled.counts[node] !== this.#labelled.all) return false
    const { validAtMs, author, sinceMs = -Infinity, untilMs = Infinity, includeSuperseded } = this.#options
    if (validAtMs !== undefined && (nodes.validFrom.at(node) > validAtMs || nodes.validTo.at(node) <= validAtMs)) return false
    if (author !== undefined && records.authorOf(record) !== author) return false
    const ms = records.hlcMs.at(record)
    if (ms < sinceMs || ms >= untilMs) return false
    if (!this.#phrases.every(phrase => phrase !== undefined && this.#sequences.has(node, phrase))) return false
    return includeSuperseded === true || !isSuperseded(this.#view, record)
  }
}
