import { BoundedQueue } from '../../../base/bounded-queue.ts'

/** Work that waits for its turn: some at a time, in order, a bounded number of them waiting. */
export class Lane<T> {
  readonly #waiting: BoundedQueue<T>
  readonly #atOnce: number
  readonly #work: (item: T) => Promise<void>
  #running = 0

  /** @param work must not reject */
  constructor(capacity: number, atOnce: number, work: (item: T) => Promise<void>) {
    this.#waiting = new BoundedQueue(capacity)
    this.#atOnce = atOnce
    this.#work = work
  }

  /** @returns false when there is no room for all of them: then none is taken */
  push(items: readonly T[]): boolean {
    if (this.#waiting.size + items.length > this.#waiting.capacity) return false
    for (const item of items) this.#waiting.push(item)
    this.#advance()
    return true
  }

  #advance(): void {
    while (this.#running < this.#atOnce) {
      const item = this.#waiting.shift()
      if (item === undefined) return
      this.#running++
      void this.#work(item).then(() => {
        this.#running--
        this.#advance()
      })
    }
  }
}
