import { VECTORS_BATCH } from '../../base/limits.ts'
import type { VectorRow } from '../vector-store.ts'
import type { IndexPlace, Request } from './messages.ts'

/** Rows of one index that travel together, in shared memory: asked again of the next thread they are still there. */
export class Batch {
  readonly place: IndexPlace
  readonly done: (() => void)[] = []
  onRows: (change: number) => void = () => {}
  #room: number
  #labels: Uint32Array
  #ids: Uint8Array
  #vectors: Float32Array
  #count = 0

  constructor(place: IndexPlace, rows: number) {
    this.place = place
    this.#room = Math.min(rows, VECTORS_BATCH)
    this.#labels = shared(Uint32Array, this.#room)
    this.#ids = shared(Uint8Array, 32 * this.#room)
    this.#vectors = shared(Float32Array, place.name.dims * this.#room)
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === VECTORS_BATCH
  }

  get request(): Request {
    const { number, name } = this.place
    return {
      kind: 'add',
      index: number,
      labels: this.#labels.subarray(0, this.#count),
      ids: this.#ids.subarray(0, 32 * this.#count),
      vectors: this.#vectors.subarray(0, name.dims * this.#count),
    }
  }

  /** @returns how many rows found room */
  take(rows: readonly VectorRow[], from: number): number {
    const taken = Math.min(rows.length - from, VECTORS_BATCH - this.#count)
    if (this.#count + taken > this.#room) this.#grow(this.#count + taken)
    const { dims } = this.place.name
    for (const { label, id, vector } of rows.slice(from, from + taken)) {
      this.#labels[this.#count] = label
      this.#ids.set(id, 32 * this.#count)
      this.#vectors.set(vector, dims * this.#count)
      this.#count++
    }
    this.onRows(taken)
    return taken
  }

  settle(): void {
    for (const done of this.done.splice(0)) called(done)
  }

  #grow(rows: number): void {
    this.#room = Math.min(VECTORS_BATCH, Math.max(rows, 2 * this.#room))
    const { dims } = this.place.name
    const [labels, ids, vectors] = [
      shared(Uint32Array, this.#room),
      shared(Uint8Array, 32 * this.#room),
      shared(Float32Array, dims * this.#room),
    ]
    labels.set(this.#labels)
    ids.set(this.#ids)
    vectors.set(this.#vectors)
    this.#labels = labels
    this.#ids = ids
    this.#vectors = vectors
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

type Numbers = Uint8Array | Uint32Array | Float32Array

function shared<A extends Numbers>(Kind: new (buffer: SharedArrayBuffer) => A, length: number): A {
  const bytes = length * (Kind as unknown as { readonly BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT
  return new Kind(new SharedArrayBuffer(bytes))
}

/** Labels, ids and vectors that another thread reads, and the one after it. */
export function sharedCopy<A extends Numbers>(array: A): A {
  const copy = shared(array.constructor as new (buffer: SharedArrayBuffer) => A, array.length)
  copy.set(array)
  return copy
}
