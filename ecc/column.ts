import { assert } from '../base/assert.ts'

export type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array

/** No entry: what a column of indexes holds where there is nothing to point at. */
export const NONE: number = 0xffffffff

/**
 * A typed array that grows. The fold keeps its state in columns instead of objects: a tenth of
 * the memory, nothing for the garbage collector to walk, and a snapshot is a copy.
 */
export class Column<A extends Numbers> {
  /** Longer than `length`; replaced when it grows, so it is never kept across a `push`. */
  data: A
  length: number
  readonly #make: new (
    length: number,
  ) => A

  constructor(make: new (length: number) => A) {
    this.#make = make
    this.data = new make(0)
    this.length = 0
  }

  /** @returns the index of `value`. */
  push(value: number): number {
    if (this.length === this.data.length) this.#grow(this.length + 1)
    this.data[this.length] = value
    return this.length++
  }

  /** Adds `count` zeros. @returns the index of the first. */
  extend(count: number): number {
    if (this.length + count > this.data.length) this.#grow(this.length + count)
    this.length += count
    return this.length - count
  }

  at(index: number): number {
    return this.data[index] as number
  }

  set(index: number, value: number): void {
    this.data[index] = value
  }

  /** The values, without the room for more. */
  values(): A {
    return this.data.subarray(0, this.length) as A
  }

  /** Becomes what `values` gave, as bytes. @returns false when they are no whole number of values. */
  load(bytes: Uint8Array): boolean {
    const size = this.data.BYTES_PER_ELEMENT
    if (bytes.length % size !== 0) return false
    this.data = new this.#make(bytes.length / size)
    this.length = this.data.length
    new Uint8Array(this.data.buffer).set(bytes)
    return true
  }

  #grow(length: number): void {
    assert(length < NONE, 'a column has less than 2^32 - 1 rows')
    const grown = new this.#make(Math.max(16, length, Math.ceil(this.data.length * 1.5)))
    grown.set(this.data)
    this.data = grown
  }
}
