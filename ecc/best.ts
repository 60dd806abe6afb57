import { First } from './first.ts'
import type { View } from './view.ts'

/** The `count` best of what is offered and accepted: by score, then newer, then the lower id. */
export class Best {
  /** Scores below it need not be offered. */
  floor = 0
  readonly #accept: (record: number) => boolean
  readonly #first: First<Scored>

  /** @param accept is asked only of records that would be among the best so far */
  constructor(view: View, count: number, accept: (record: number) => boolean) {
    this.#accept = accept
    this.#first = new First(count, (a, b) => b.score - a.score || view.tables.records.compareNewest(a.record, b.record))
  }

  /** @param score of 0 or less is never among the best */
  offer(record: number, score: number): void {
    if (score < this.floor || score <= 0) return
    const entry = { record, score }
    if (!this.#first.takes(entry) || !this.#accept(record)) return
    this.#first.offer(entry)
    if (this.#first.isFull) this.floor = this.#first.last?.score ?? 0
  }

  /** Best first; nothing is left afterwards. */
  records(): number[] {
    return this.#first.list().map(entry => entry.record)
  }
}

interface Scored {
  readonly record: number
  readonly score: number
}
