import { Heap } from './heap.ts'

/** The `count` first of what is offered, in the order of `compare`. */
export class First<T> {
  readonly #count: number
  readonly #compare: (a: T, b: T) => number
  readonly #heap: Heap<T>

  constructor(count: number, compare: (a: T, b: T) => number) {
    this.#count = count
    this.#compare = compare
    this.#heap = new Heap((a, b) => compare(b, a))
  }

  get isFull(): boolean {
    return this.#heap.size >= this.#count
  }

  /** Of those so far; undefined while there are none. */
  get last(): T | undefined {
    return this.#heap.peek()
  }

  /** Whether it would be among the first so far. */
  takes(item: T): boolean {
    const { last } = this
    return !this.isFull || (last !== undefined && this.#compare(item, last) < 0)
  }

  offer(item: T): void {
    if (!this.takes(item)) return
    if (this.isFull) this.#heap.pop()
    this.#heap.push(item)
  }

  /** In their order; nothing is left afterwards. */
  list(): T[] {
    const out: T[] = []
    for (let item = this.#heap.pop(); item !== undefined; item = this.#heap.pop()) out.push(item)
    return out.reverse()
  }
}
