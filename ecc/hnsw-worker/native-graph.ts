import { createRequire } from 'node:module'
import { assert } from '../../base/assert.ts'
import { EF_MAX, RECALL_K_MAX } from '../../base/limits.ts'
import { vectorFault } from '../vector-index.ts'
import { Bits, EF_CONSTRUCTION, isSet, LINKS, type Near, type SlotGraph } from './slot-graph.ts'

/**
 * hnswlib through hnswlib-node. What it is given is looked at here once more, since it ends the whole process when
 * an array holds anything but numbers or when the filter throws, takes any label for some other, and reads and writes files without a look
 * at them. Its asynchronous calls are never used: they share memory with whatever runs meanwhile.
 */
interface NativeIndex {
  initIndex(options: { maxElements: number; m: number; efConstruction: number; randomSeed: number; allowReplaceDeleted: boolean }): void
  addPoint(vector: readonly number[], label: number): void
  markDelete(label: number): void
  unmarkDelete(label: number): void
  resizeIndex(max: number): void
  setEf(ef: number): void
  searchKnn(
    vector: readonly number[],
    k: number,
    filter?: (label: number) => boolean,
  ): { readonly distances: readonly number[]; readonly neighbors: readonly number[] }
  getCurrentCount(): number
  getMaxElements(): number
  getNumDimensions(): number
  getIdsList(): readonly number[]
  readIndexSync(file: string): void
  writeIndexSync(file: string): void
}

export type NativeConstructor = new (space: 'ip', dims: number) => NativeIndex

/** What a slot costs beside its numbers: links, label, level, and its part of tables. */
const SLOT_BYTES = 300
const FIRST_CAPACITY = 1024
const SEED = 100

/** @throws Error when the package is not there, was not built, or is not what it should be */
export function loadNative(name: string): NativeConstructor {
  const loaded = createRequire(import.meta.url)(name) as { readonly HierarchicalNSW?: NativeConstructor } | undefined
  const Native = loaded?.HierarchicalNSW
  if (typeof Native !== 'function') throw new Error(`${name} has no HierarchicalNSW`)
  // That it works is tried before anything depends on it.
  const index = new Native('ip', 2)
  index.initIndex({ maxElements: 1, m: LINKS, efConstruction: EF_CONSTRUCTION, randomSeed: SEED, allowReplaceDeleted: false })
  index.addPoint([1, 0], 0)
  if (index.searchKnn([1, 0], 1).neighbors[0] !== 0) throw new Error(`${name} does not find what was added`)
  return Native
}

export class NativeGraph implements SlotGraph {
  readonly hidden: Bits
  readonly #index: NativeIndex
  readonly #dims: number
  readonly #slots: Bits
  /** One array for all calls: making one costs as much as filling it. */
  readonly #numbers: number[]
  #capacity: number
  #ef = 0

  private constructor(index: NativeIndex, dims: number, slots: Bits, hidden: Bits) {
    this.#index = index
    this.#dims = dims
    this.#slots = slots
    this.hidden = hidden
    this.#capacity = index.getMaxElements()
    this.#numbers = Array.from({ length: dims }, () => 0.5)
  }

  static make(Native: NativeConstructor, dims: number, capacity: number): NativeGraph {
    const index = new Native('ip', dims)
    const maxElements = Math.max(FIRST_CAPACITY, capacity)
    index.initIndex({ maxElements, m: LINKS, efConstruction: EF_CONSTRUCTION, randomSeed: SEED, allowReplaceDeleted: false })
    return new NativeGraph(index, dims, new Bits(), new Bits())
  }

  /** @param file whose checksum was right: a damaged one ends the process @throws Error when it is not the graph that was told of */
  static load(Native: NativeConstructor, dims: number, file: string, size: number, hidden: Uint8Array): NativeGraph {
    const index = new Native('ip', dims)
    index.readIndexSync(file)
    if (index.getNumDimensions() !== dims || index.getCurrentCount() !== size) throw new Error('not the graph that was saved')
    const slots = new Bits()
    for (const slot of index.getIdsList()) slots.set(slot, true)
    if (slots.count !== size) throw new Error('a slot is there twice')
    return new NativeGraph(index, dims, slots, Bits.of(hidden))
  }

  get size(): number {
    return this.#slots.count
  }

  get bytes(): number {
    return this.size * (4 * this.#dims + SLOT_BYTES)
  }

  has(slot: number): boolean {
    return this.#slots.has(slot)
  }

  add(slot: number, vector: Float32Array): void {
    assert(Number.isInteger(slot) && slot >= 0 && slot < 0xffffffff && !this.has(slot), 'a new slot')
    if (this.size >= this.#capacity) {
      this.#capacity = Math.ceil(this.#capacity * 1.5)
      this.#index.resizeIndex(this.#capacity)
    }
    this.#index.addPoint(this.#given(vector), slot)
    this.#slots.set(slot, true)
  }

  hide(slot: number): void {
    if (this.has(slot) && this.hidden.set(slot, true)) this.#index.markDelete(slot)
  }

  show(slot: number): void {
    if (this.has(slot) && this.hidden.set(slot, false)) this.#index.unmarkDelete(slot)
  }

  /** Another vector takes its place: the first unit vector, which nothing is near to. */
  wipe(slot: number): void {
    if (!this.has(slot)) return
    const nothing = new Float32Array(this.#dims)
    nothing[0] = 1
    this.show(slot)
    this.#index.addPoint(this.#given(nothing), slot)
    this.hide(slot)
  }

  search(vector: Float32Array, k: number, ef: number, allow?: Uint8Array): Near {
    assert(Number.isInteger(k) && k >= 1 && k <= 2 * RECALL_K_MAX && Number.isInteger(ef) && ef <= EF_MAX, 'k and ef in their bounds')
    const visible = this.size - this.hidden.count
    if (visible <= 0) return []
    if (ef !== this.#ef) {
      this.#index.setEf(ef)
      this.#ef = ef
    }
    const wanted = Math.min(k, visible)
    const numbers = this.#given(vector)
    // It reads one bit, and cannot throw.
    const { neighbors, distances } =
      allow === undefined ? this.#index.searchKnn(numbers, wanted) : this.#index.searchKnn(numbers, wanted, slot => isSet(allow, slot))
    return neighbors.map((slot, i) => ({ slot, score: 1 - (distances[i] as number) }))
  }

  free(): void {
    this.#index.initIndex({ maxElements: 1, m: LINKS, efConstruction: EF_CONSTRUCTION, randomSeed: SEED, allowReplaceDeleted: false })
  }

  save(file: string): number {
    this.#index.writeIndexSync(file)
    // Of a slot: numbers, links of the lowest level and how many, label, links of the upper ones.
    return this.size * (4 * this.#dims + 4 * (2 * LINKS + 1) + 8 + 4)
  }

  #given(vector: Float32Array): readonly number[] {
    const fault = vectorFault(vector, this.#dims)
    assert(fault === undefined, fault ?? '')
    const numbers = this.#numbers
    for (let i = 0; i < numbers.length; i++) numbers[i] = vector[i] as number
    return numbers
  }
}
