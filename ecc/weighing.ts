import type { NodeId } from '../base/ids.ts'
import type { View } from './view.ts'

/**
 * How much a memory counts besides what it says: as much as its author is trusted, and less the older it is. Neither is
 * asked for unless the caller does.
 */
export class Weighing {
  readonly #view: View
  readonly #trust: ReadonlyMap<NodeId, number>
  readonly #halfLifeMs: number
  readonly #newestMs: number

  /**
   * @param trust by author, 0 to 1; the others are trusted
   * @param halfLifeMs after which a memory counts half
   */
  constructor(view: View, trust: ReadonlyMap<NodeId, number> = new Map(), halfLifeMs: number = Infinity) {
    this.#view = view
    this.#trust = trust
    this.#halfLifeMs = halfLifeMs
    this.#newestMs = halfLifeMs === Infinity ? 0 : view.newestMs
  }

  /** 0 to 1. */
  of(record: number): number {
    return this.trustIn(record) * this.recencyOf(record)
  }

  /** Of whoever wrote the record. */
  trustIn(record: number): number {
    return this.#trust.size === 0 ? 1 : (this.#trust.get(this.#view.authorOf(record)) ?? 1)
  }

  /**
   * The age of a memory is how much older it is than the newest record the answer rests on: no clock decides. It is as
   * old as what it says where it says since when that is so, else as old as it is.
   */
  recencyOf(record: number): number {
    if (this.#halfLifeMs === Infinity) return 1
    const { records, nodes } = this.#view.tables
    const from = nodes.validFrom.at(records.detail.at(record))
    const ageMs = this.#newestMs - (Number.isNaN(from) ? records.hlcMs.at(record) : from)
    return ageMs <= 0 ? 1 : 2 ** (-ageMs / this.#halfLifeMs)
  }
}
