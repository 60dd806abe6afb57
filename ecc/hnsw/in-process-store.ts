import { assert } from '../../base/assert.ts'
import { WeftError } from '../../base/errors.ts'
import { EF_MAX, RECALL_K_MAX } from '../../base/limits.ts'
import { vectorFault } from '../vector-index.ts'
import type { VectorIndexName, VectorIndexStatus, VectorRow, VectorSearch, VectorsFound, VectorStore } from '../vector-store.ts'
import { HnswGraph } from './graph.ts'

/** 512 vectors are looked at in less time than a graph of them is walked. */
const SCANNED_MAX = 512
/** 64 candidates: on vectors of a model 99 of 100 of the nearest ten are found. */
const EF_DEFAULT = 64
/** Numbers of a vector have 24 bits: a cosine is good to about so many decimals. */
const DECIMALS = 1e6

const NOTHING: VectorsFound = { ok: true, neighbours: [], exact: true }
const STOPPING: VectorsFound = { ok: false, error: new WeftError('stopping', 'this node is stopping') }

/** Vectors in memory, in this thread, gone when it ends: for simulated nodes, and wherever there is no other. */
export class InProcessVectorStore implements VectorStore {
  readonly #soon: (run: () => void) => void
  readonly #shelves: Map<string, Shelf> = new Map()
  #isClosed = false

  /** @param soon runs later, in the order of the calls */
  constructor(soon: (run: () => void) => void) {
    this.#soon = soon
  }

  open(index: VectorIndexName, labels: Uint32Array, ids: Uint8Array, done: (missing: Uint32Array) => void): void {
    assert(ids.length === 32 * labels.length, 'an id for each label')
    const missing = labels.slice()
    // What it had is under labels of another fold.
    this.#shelves.set(keyOf(index), new Shelf(index))
    this.#soon(() => done(missing))
  }

  add(index: VectorIndexName, rows: readonly VectorRow[], done: () => void): void {
    const shelf = this.#shelfOf(index)
    for (const row of rows) shelf?.add(row)
    this.#soon(done)
  }

  retire(index: VectorIndexName, labels: Uint32Array): void {
    for (const label of labels) this.#shelfOf(index)?.retire(label, true)
  }

  revive(index: VectorIndexName, labels: Uint32Array): void {
    for (const label of labels) this.#shelfOf(index)?.retire(label, false)
  }

  erase(index: VectorIndexName, labels: Uint32Array): void {
    for (const label of labels) this.#shelfOf(index)?.erase(label)
  }

  search(index: VectorIndexName, request: VectorSearch, done: (found: VectorsFound) => void): void {
    const found = this.#isClosed ? STOPPING : (this.#shelfOf(index)?.search(request) ?? NOTHING)
    this.#soon(() => done(found))
  }

  status(done: (rows: readonly VectorIndexStatus[]) => void): void {
    const rows = [...this.#shelves.values()].map(shelf => shelf.status)
    this.#soon(() => done(rows))
  }

  close(done: () => void): void {
    this.#isClosed = true
    this.#shelves.clear()
    this.#soon(done)
  }

  /** None, where it was never opened, or all is closed. */
  #shelfOf(index: VectorIndexName): Shelf | undefined {
    return this.#shelves.get(keyOf(index))
  }
}

function keyOf({ space, embedder, dims }: VectorIndexName): string {
  return `${space} ${dims} ${embedder}`
}

class Shelf {
  readonly #name: VectorIndexName
  readonly #vectors: Map<number, Float32Array> = new Map()
  readonly #retired: Set<number> = new Set()
  /** Made at the first search that needs it. */
  #graph: HnswGraph | undefined
  /** By slot. */
  #labels: number[] = []

  constructor(name: VectorIndexName) {
    this.#name = name
  }

  add({ label, vector }: VectorRow): void {
    if (vectorFault(vector, this.#name.dims) !== undefined) return
    if (this.#vectors.has(label)) this.erase(label)
    this.#vectors.set(label, vector.slice())
  }

  retire(label: number, isRetired: boolean): void {
    if (isRetired && this.#vectors.has(label)) this.#retired.add(label)
    else this.#retired.delete(label)
  }

  erase(label: number): void {
    this.#retired.delete(label)
    // A graph forgets nothing: the next search makes another one.
    if (this.#vectors.delete(label) && this.#labels.includes(label)) this.#graph = undefined
  }

  search({ vector, k, exact, ef = EF_DEFAULT, among }: VectorSearch): VectorsFound {
    const fault = vectorFault(vector, this.#name.dims)
    if (fault !== undefined) return { ok: false, error: new WeftError('vector_invalid', fault) }
    if (!Number.isInteger(k) || k < 1 || k > RECALL_K_MAX)
      return { ok: false, error: new WeftError('invalid_argument', `k is 1 to ${RECALL_K_MAX}, got ${k}`) }
    if (!Number.isInteger(ef) || ef < 1 || ef > EF_MAX)
      return { ok: false, error: new WeftError('invalid_argument', `ef is 1 to ${EF_MAX}, got ${ef}`) }
    const isAllowed = (label: number): boolean =>
      among === undefined ? !this.#retired.has(label) : ((among[label >> 3] as number) & (1 << (label & 7))) !== 0
    const allowed = [...this.#vectors.keys()].filter(isAllowed)
    const isScan = exact === true || allowed.length <= SCANNED_MAX || allowed.length * 8 < this.#vectors.size
    const found = isScan
      ? allowed.map(label => ({ label, score: dot(vector, this.#vectors.get(label) as Float32Array) }))
      : this.#walk(vector, Math.max(k, ef), isAllowed)
    const neighbours = found
      .map(({ label, score }) => ({ label, score: Math.round(score * DECIMALS) / DECIMALS }))
      .sort((a, b) => b.score - a.score || a.label - b.label)
      .slice(0, k)
    return { ok: true, neighbours, exact: isScan }
  }

  get status(): VectorIndexStatus {
    const { size } = this.#vectors
    return {
      ...this.#name,
      engine: 'typescript',
      vectors: size,
      indexed: this.#graph === undefined ? 0 : this.#labels.length,
      retired: this.#retired.size,
      bytes: size * this.#name.dims * 4,
      state: 'ready',
    }
  }

  #walk(vector: Float32Array, ef: number, isAllowed: (label: number) => boolean): { readonly label: number; readonly score: number }[] {
    const graph = this.#grown()
    return graph
      .search(vector, ef, ef, slot => isAllowed(this.#labels[slot] as number))
      .map(({ slot, score }) => ({ label: this.#labels[slot] as number, score }))
  }

  /** The graph with all vectors in it. */
  #grown(): HnswGraph {
    if (this.#graph === undefined) {
      this.#graph = new HnswGraph({ dims: this.#name.dims })
      this.#labels = []
    }
    let left = this.#labels.length
    for (const [label, vector] of this.#vectors) {
      if (left-- > 0) continue
      this.#graph.add(vector)
      this.#labels.push(label)
    }
    return this.#graph
  }
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}
