import { NONE } from './column.ts'
import { Heap } from './heap.ts'

/** From so many vectors of one memory on it is kept which are the newest; fewer are looked through as fast. */
export const CROWD_MIN: number = 16

/**
 * The vectors of one memory that has many, by author and embedder. Whatever is given, retracted or moved costs the
 * logarithm of their number: a label that has ceased to be live is passed over, for good, when it comes to the top.
 */
export class Crowd {
  readonly #newestFirst: (a: number, b: number) => number
  readonly #isLive: (label: number) => boolean
  readonly #heaps: Map<number, Heap<number>> = new Map()
  /** What counted when it was last asked for. */
  readonly #told: Map<number, number> = new Map()

  /**
   * @param newestFirst among vectors of one author and embedder
   * @param isLive it is a live vector of this memory
   */
  constructor(newestFirst: (a: number, b: number) => number, isLive: (label: number) => boolean) {
    this.#newestFirst = newestFirst
    this.#isLive = isLive
  }

  get keys(): number[] {
    return [...this.#heaps.keys()]
  }

  /** A label is live, or live again: one that is not is passed over. */
  add(key: number, label: number): void {
    let heap = this.#heaps.get(key)
    if (heap === undefined) this.#heaps.set(key, (heap = new Heap(this.#newestFirst)))
    heap.push(label)
  }

  /** NONE without any. */
  newest(key: number): number {
    const heap = this.#heaps.get(key)
    let top = heap?.peek()
    while (top !== undefined && !this.#isLive(top)) {
      heap?.pop()
      top = heap?.peek()
    }
    return top ?? NONE
  }

  /** Takes note of what counts now, NONE for nothing. @returns what counted before */
  tell(key: number, label: number): number {
    const before = this.#told.get(key) ?? NONE
    this.#told.set(key, label)
    return before
  }
}
