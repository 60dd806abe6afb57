import { assert } from '../base/assert.ts'
import type { NodeId } from '../base/ids.ts'
import { NONE } from './column.ts'
import type { FoldState } from './folding.ts'
import { type Cut, type LogRow, ROLE } from './record-table.ts'
import { KIND_OF_REFERENCE } from './reference-table.ts'
import type { Retraction } from './retraction.ts'

/** A link as seen from one of its ends. */
export interface Edge {
  readonly other: number
  /** The number of its type. */
  readonly type: number
  /** Millionths. */
  readonly weight: number
  /** This end is the subject: the edge leads from it to `other`. */
  readonly outgoing: boolean
  /** The record that says so. */
  readonly record: number
}

/** Type and weight of a link in one number. */
export function packEdge(type: number, weight: number): number {
  return (type << 20) | weight
}

/**
 * The fold as of a cut: the one place that knows what can be seen. Every query asks it, so an
 * answer as of a cut is what a fold of only those records would answer. Two exceptions, both about
 * what is not content: an erased body is gone at every cut, and an alias names its record at every cut.
 *
 * The newest cut costs nothing to look at; an older one costs a pass over retracts and memories.
 */
export class View {
  readonly tables: FoldState
  readonly retraction: Retraction
  /** Live memories, and the words in them. */
  readonly nodes: number
  readonly words: number
  /** By log, undefined for everything. */
  readonly #sizes: readonly number[] | undefined
  /** Records that are retracted as of the cut, or left out. */
  readonly #dead: Set<number>

  /** @param without records that count for nothing, as if they had not been written; only together with a cut */
  constructor(tables: FoldState, retraction: Retraction, cut?: Cut, without: Iterable<number> = []) {
    this.tables = tables
    this.retraction = retraction
    this.#dead = new Set(without)
    assert(cut !== undefined || this.#dead.size === 0, 'what is left out is left out of a cut')
    this.#sizes = cut === undefined ? undefined : tables.records.logs.map(log => cut.get(log.id) ?? 0)
    if (this.#sizes !== undefined) this.#bury()
    const seen = this.#sizes === undefined ? tables.totals : this.#count()
    this.nodes = seen.nodes
    this.words = seen.words
  }

  /** When the newest record within the cut was written, by its author's clock; 0 without any. */
  get newestMs(): number {
    const { records } = this.tables
    const last = (log: number): number => this.#sizes?.[log] ?? (records.logs[log] as LogRow).records.length
    const ends = records.logs.map((row, log) => (last(log) === 0 ? 0 : records.hlcMs.at(row.records.at(last(log) - 1))))
    return ends.reduce((newest, ms) => Math.max(newest, ms), 0)
  }

  /** Within the cut. */
  sees(record: number): boolean {
    const { log, seq } = this.tables.records
    return this.#sizes === undefined || seq.at(record) < (this.#sizes[log.at(record)] as number)
  }

  isLive(record: number): boolean {
    if (this.#sizes === undefined) return this.tables.records.retracts.at(record) === 0
    return this.sees(record) && !this.#dead.has(record)
  }

  /** A memory that nobody took back. */
  isNode(record: number): boolean {
    return record !== NONE && this.tables.records.role.at(record) === ROLE.node && this.isLive(record)
  }

  /** a happened before b: b's author knew of it. */
  isBefore(a: number, b: number): boolean {
    const { log, seq } = this.tables.records
    return seq.at(a) < this.tables.past.count(log.at(b), seq.at(b), log.at(a))
  }

  /** Neither knew of the other. */
  isConcurrent(a: number, b: number): boolean {
    return a !== b && !this.isBefore(a, b) && !this.isBefore(b, a)
  }

  authorOf(record: number): NodeId {
    return this.tables.records.authorOf(record)
  }

  /** Live links at a memory to other memories, newest record first as they arrived. */
  *edges(record: number): Generator<Edge> {
    const { references, records } = this.tables
    const { owner, target, kind, value, next } = references
    for (let at = records.links.at(record); at !== NONE; at = next.at(at)) {
      const link = owner.at(at)
      if (!this.isLive(link)) continue
      const outgoing = kind.at(at) === KIND_OF_REFERENCE.from
      const other = target.at(outgoing ? at + 1 : at - 1)
      if (!this.isNode(other)) continue
      yield { other, type: value.at(at) >>> 20, weight: value.at(at) & 0xfffff, outgoing, record: link }
    }
  }

  /**
   * Retracts of one log are decided from its newest down. References are numbered in the order
   * their records arrived, which within a log is its order.
   */
  #bury(): void {
    const { references } = this.tables
    for (let at = references.owner.length - 1; at >= 0; at--) {
      if (references.kind.at(at) !== KIND_OF_REFERENCE.retract || !this.isLive(references.owner.at(at))) continue
      if (this.retraction.counts(at)) this.#dead.add(references.target.at(at))
    }
  }

  #count(): { nodes: number; words: number } {
    const { nodes } = this.tables
    let count = 0
    let words = 0
    for (let node = 0; node < nodes.size; node++) {
      if (!this.isNode(nodes.record.at(node))) continue
      count++
      words += nodes.words.at(node)
    }
    return { nodes: count, words }
  }
}
