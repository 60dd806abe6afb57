import { Heap } from './heap.ts'
import type { View } from './view.ts'

/** The `count` best of what is offered and accepted: by score, then newer, then the lower id. */
export class Best {
  /** Scores below it need not be offered. */
  floor = 0
  readonly #count: number
  readonly #accept: (record: number) => boolean
  readonly #worstFirst: (a: Scored, b: Scored) => number
  readonly #heap: Heap<Scored>

  /** @param accept is asked only of records that would be among the best so far */
  constructor(view: View, count: number, accept: (record: number) => boolean) {
    this.#count = count
    this.#accept = accept
    this.#worstFirst = (a, b) => a.score - b.score || view.tables.records.compareNewest(b.record, a.record)
    this.#heap = new Heap(this.#worstFirst)
  }

  /** @param score of 0 or less is never among the best */
  offer(record: number, score: number): void {
    if (score < this.floor || score <= 0) return
    const heap = this.#heap
    const entry = { record, score }
    const isFull = heap.size === this.#count
    if ((isFull && this.#worstFirst(entry, heap.peek() as Scored) <= 0) || !this.#accept(record)) return
    if (isFull) heap.pop()
    heap.push(entry)
    if (heap.size === this.#count) this.floor = (heap.peek() as Scored).score
  }

  /** Best first; nothing is left afterwards. */
  records(): number[] {
    const out: number[] = []
    for (let entry = this.#heap.pop(); entry !== undefined; entry = this.#heap.pop()) out.push(entry.record)
    return out.reverse()
  }
}

interface Scored {
  readonly record: number
  readonly score: number
}
