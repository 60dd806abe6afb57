/** What a full queue does with one item more. */
export type Overflow = 'reject' | 'drop-oldest' | 'drop-new'

/**
 * The one queue: first in, first out, bounded, counting what it drops. A ring that grows
 * to its capacity, so an idle queue costs nothing.
 */
export class BoundedQueue<T> {
  readonly capacity: number
  readonly overflow: Overflow
  #items: (T | undefined)[] = []
  #head = 0
  #size = 0
  #dropped = 0

  /** @param capacity items, 1 or more */
  constructor(capacity: number, overflow: Overflow = 'reject') {
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError(`a queue holds 1 item or more, got ${capacity}`)
    this.capacity = capacity
    this.overflow = overflow
  }

  get size(): number {
    return this.#size
  }

  /** Items that were refused or pushed out since the start. */
  get dropped(): number {
    return this.#dropped
  }

  /** @returns false when `item` was not taken. */
  push(item: T): boolean {
    if (this.#size === this.capacity) {
      this.#dropped++
      if (this.overflow !== 'drop-oldest') return false
      this.#advance()
    }
    if (this.#size === this.#items.length) this.#grow()
    this.#items[(this.#head + this.#size) % this.#items.length] = item
    this.#size++
    return true
  }

  shift(): T | undefined {
    return this.#size === 0 ? undefined : this.#advance()
  }

  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#items[this.#head]
  }

  /** Oldest first. */
  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i < this.#size; i++) yield this.#items[(this.#head + i) % this.#items.length] as T
  }

  #advance(): T {
    const item = this.#items[this.#head] as T
    this.#items[this.#head] = undefined
    this.#head = (this.#head + 1) % this.#items.length
    this.#size--
    return item
  }

  #grow(): void {
    const ordered = [...this]
    const length = Math.min(this.capacity, Math.max(8, ordered.length * 2))
    this.#items = ordered
    this.#items.length = length
    this.#head = 0
  }
}
