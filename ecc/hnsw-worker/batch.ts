import { VECTORS_BATCH } from '../../base/limits.ts'
import type { VectorRow } from '../vector-store.ts'
import type { IndexPlace, Request } from './messages.ts'
import type { SharedPool } from './shared-pool.ts'

/** Rows of one index that travel together, in shared memory: asked again of the next thread they are still there. */
export class Batch {
  readonly place: IndexPlace
  readonly done: (() => void)[] = []
  onRows: (change: number) => void = () => {}
  readonly #pool: SharedPool
  #block: Block
  #count = 0

  constructor(place: IndexPlace, rows: number, pool: SharedPool) {
    this.place = place
    this.#pool = pool
    this.#block = new Block(pool, place.name.dims, Math.min(rows, VECTORS_BATCH))
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === VECTORS_BATCH
  }

  get request(): Request {
    const { labels, ids, vectors } = this.#block
    const { number, name } = this.place
    return {
      kind: 'add',
      index: number,
      labels: labels.subarray(0, this.#count),
      ids: ids.subarray(0, 32 * this.#count),
      vectors: vectors.subarray(0, name.dims * this.#count),
    }
  }

  /** @returns how many rows found room */
  take(rows: readonly VectorRow[], from: number): number {
    const taken = Math.min(rows.length - from, VECTORS_BATCH - this.#count)
    const { dims } = this.place.name
    if (this.#count + taken > this.#block.room) {
      const small = this.#block
      this.#block = new Block(this.#pool, dims, this.#count + taken)
      this.#block.set(small)
      this.#pool.give(small.buffer)
    }
    const { labels, ids, vectors } = this.#block
    for (const { label, id, vector } of rows.slice(from, from + taken)) {
      labels[this.#count] = label
      ids.set(id, 32 * this.#count)
      vectors.set(vector, dims * this.#count)
      this.#count++
    }
    this.onRows(taken)
    return taken
  }

  /** The other thread has taken it in. */
  settle(): void {
    this.#pool.give(this.#block.buffer)
    for (const done of this.done.splice(0)) called(done)
  }
}

class Block {
  readonly buffer: SharedArrayBuffer
  /** Rows. */
  readonly room: number
  readonly vectors: Float32Array
  readonly labels: Uint32Array
  readonly ids: Uint8Array

  constructor(pool: SharedPool, dims: number, rows: number) {
    const bytes = 4 * dims + 4 + 32
    this.buffer = pool.take(rows * bytes)
    this.room = Math.min(VECTORS_BATCH, Math.floor(this.buffer.byteLength / bytes))
    this.vectors = new Float32Array(this.buffer, 0, dims * this.room)
    this.labels = new Uint32Array(this.buffer, this.vectors.byteLength, this.room)
    this.ids = new Uint8Array(this.buffer, this.vectors.byteLength + this.labels.byteLength, 32 * this.room)
  }

  set({ labels, ids, vectors }: Block): void {
    this.labels.set(labels)
    this.ids.set(ids)
    this.vectors.set(vectors)
  }
}

/** What a caller does with an answer stops no other answer. */
export function called(callback: () => void): void {
  try {
    callback()
  } catch (thrown) {
    setImmediate(() => {
      throw thrown
    })
  }
}

/** Labels and ids that another thread reads, and the one after it. */
export function sharedCopy<A extends Uint8Array | Uint32Array>(array: A): A {
  const copy = new (array.constructor as new (buffer: SharedArrayBuffer) => A)(new SharedArrayBuffer(array.byteLength))
  copy.set(array)
  return copy
}
