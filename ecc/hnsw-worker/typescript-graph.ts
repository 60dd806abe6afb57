import { readFileSync, writeFileSync } from 'node:fs'
import { type GraphImage, HnswGraph } from '../hnsw/graph.ts'
import { Bits, EF_CONSTRUCTION, isSet, LINKS, type Near, type SlotGraph } from './slot-graph.ts'

const PARTS = ['numbers', 'levels', 'bottom', 'upperAt', 'upper', 'slots', 'hidden'] as const
const FIRST_CAPACITY = 256

/** Our own graph, where hnswlib is not to be had. It saves its links alone: its vectors are those of the rows. */
export class TypescriptGraph implements SlotGraph {
  readonly hidden: Bits
  readonly #graph: HnswGraph
  /** Place in the graph by slot, one more than it is; 0 is none. And back. */
  #places: Uint32Array
  #slots: Uint32Array

  private constructor(graph: HnswGraph, slots: Uint32Array, hidden: Bits) {
    this.#graph = graph
    this.hidden = hidden
    this.#slots = slots
    this.#places = new Uint32Array(FIRST_CAPACITY)
    for (let place = 0; place < graph.size; place++) this.#place(slots[place] as number, place)
  }

  static make(dims: number, capacity: number): TypescriptGraph {
    const graph = new HnswGraph({ dims, links: LINKS, efConstruction: EF_CONSTRUCTION }, Math.max(FIRST_CAPACITY, capacity))
    return new TypescriptGraph(graph, new Uint32Array(FIRST_CAPACITY), new Bits())
  }

  /** @param file whose checksum was right @param vectors visits the rows of slots that go up */
  static load(
    dims: number,
    file: string,
    vectors: (slots: Uint32Array, visit: (slot: number, numbers: Float32Array, from: number) => void) => void,
  ): TypescriptGraph {
    const parts = partsOf(readFileSync(file))
    const graph = HnswGraph.of({ dims, links: LINKS, efConstruction: EF_CONSTRUCTION }, parts)
    const made = new TypescriptGraph(graph, parts.slots, Bits.of(parts.hidden))
    vectors(parts.slots.slice().sort(), (slot, numbers, from) => graph.setVector((made.#places[slot] as number) - 1, numbers, from))
    return made
  }

  get size(): number {
    return this.#graph.size
  }

  get bytes(): number {
    return this.#graph.bytes + this.#slots.byteLength + this.#places.byteLength
  }

  has(slot: number): boolean {
    return slot < this.#places.length && this.#places[slot] !== 0
  }

  add(slot: number, vector: Float32Array): void {
    const place = this.#graph.add(vector)
    if (place >= this.#slots.length) this.#slots = roomier(this.#slots, place)
    this.#slots[place] = slot
    this.#place(slot, place)
  }

  hide(slot: number): void {
    if (this.has(slot)) this.hidden.set(slot, true)
  }

  show(slot: number): void {
    if (this.has(slot)) this.hidden.set(slot, false)
  }

  wipe(slot: number): void {
    if (!this.has(slot)) return
    this.hide(slot)
    this.#graph.wipe((this.#places[slot] as number) - 1)
  }

  search(vector: Float32Array, k: number, ef: number, allow?: Uint8Array): Near {
    const slots = this.#slots
    const hidden = this.hidden.bytes
    const accept =
      allow === undefined
        ? this.hidden.count === 0
          ? undefined
          : (place: number): boolean => !isSet(hidden, slots[place] as number)
        : (place: number): boolean => isSet(allow, slots[place] as number) && !isSet(hidden, slots[place] as number)
    return this.#graph.search(vector, k, ef, accept).map(({ slot, score }) => ({ slot: slots[slot] as number, score }))
  }

  scoreOf(vector: Float32Array, slot: number): number {
    return this.#graph.similarity(vector, (this.#places[slot] as number) - 1)
  }

  save(file: string): number {
    const parts = { ...this.#graph.image, slots: this.#slots.subarray(0, this.size), hidden: this.hidden.bytes }
    const lengths = Uint32Array.from(PARTS, name => parts[name].byteLength)
    const blocks = PARTS.map(name => {
      const { buffer, byteOffset, byteLength } = parts[name]
      const block = new Uint8Array(4 * Math.ceil(byteLength / 4))
      block.set(new Uint8Array(buffer, byteOffset, byteLength))
      return block
    })
    const whole = Buffer.concat([new Uint8Array(lengths.buffer), ...blocks])
    writeFileSync(file, whole, { mode: 0o600 })
    return whole.length
  }

  #place(slot: number, place: number): void {
    if (slot >= this.#places.length) this.#places = roomier(this.#places, slot)
    this.#places[slot] = place + 1
  }
}

function partsOf(bytes: Uint8Array): GraphImage & { readonly slots: Uint32Array; readonly hidden: Uint8Array } {
  const whole = bytes.slice().buffer
  const lengths = new Uint32Array(whole, 0, PARTS.length)
  let at = lengths.byteLength
  const [numbers, levels, bottom, upperAt, upper, slots, hidden] = [...lengths].map(length => {
    const block = whole.slice(at, at + length)
    at += 4 * Math.ceil(length / 4)
    return block
  }) as [ArrayBuffer, ArrayBuffer, ArrayBuffer, ArrayBuffer, ArrayBuffer, ArrayBuffer, ArrayBuffer]
  return {
    numbers: new Uint32Array(numbers),
    levels: new Uint8Array(levels),
    bottom: new Uint32Array(bottom),
    upperAt: new Uint32Array(upperAt),
    upper: new Uint32Array(upper),
    slots: new Uint32Array(slots),
    hidden: new Uint8Array(hidden),
  }
}

function roomier(array: Uint32Array, place: number): Uint32Array {
  const out = new Uint32Array(Math.ceil(1.5 * (place + 1)))
  out.set(array)
  return out
}
