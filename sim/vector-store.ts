import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { type ErrorCode, WeftError } from '../base/errors.ts'
import { EF_MAX, RECALL_K_MAX } from '../base/limits.ts'
import { HnswGraph } from '../ecc/hnsw/graph.ts'
import { vectorFault } from '../ecc/vector-index.ts'
import type { VectorIndexName, VectorIndexStatus, VectorRow, VectorSearch, VectorsFound, VectorStore } from '../ecc/vector-store.ts'
import type { Timeline } from './scheduler.ts'

/** 200 us: what a search among some thousands takes in another thread, with the way there and back. */
const ANSWER_US = 200

/** 512 vectors are looked at in less time than a graph of them is walked. */
const SCANNED_MAX = 512
/** 64 candidates: on vectors of a model 99 of 100 of the nearest ten are found. */
const EF_DEFAULT = 64
/** Numbers of a vector have 24 bits: a cosine is good to about so many decimals. */
const DECIMALS = 1e6

/** The vectors of one life of a simulated node: empty after each restart, like a cache that was lost. */
export class SimVectorStore implements VectorStore {
  readonly #timeline: Timeline
  readonly #shelves: Map<string, Shelf> = new Map()
  #isClosed = false

  constructor(timeline: Timeline) {
    this.#timeline = timeline
  }

  open(index: VectorIndexName, labels: Uint32Array, ids: Uint8Array, done: (missing: Uint32Array) => void): void {
    assert(ids.length === 32 * labels.length, 'an id for each label')
    const shelf = new Shelf(index, this.#shelves.get(keyOf(index)), labels, ids)
    this.#shelves.set(keyOf(index), shelf)
    const missing = labels.filter(label => !shelf.has(label))
    this.#soon(() => done(missing))
  }

  add(index: VectorIndexName, rows: readonly VectorRow[], done: () => void): void {
    const shelf = this.#shelves.get(keyOf(index))
    for (const row of rows) shelf?.add(row)
    this.#soon(done)
  }

  retire(index: VectorIndexName, labels: Uint32Array): void {
    for (const label of labels) this.#shelves.get(keyOf(index))?.retire(label, true)
  }

  revive(index: VectorIndexName, labels: Uint32Array): void {
    for (const label of labels) this.#shelves.get(keyOf(index))?.retire(label, false)
  }

  erase(index: VectorIndexName, labels: Uint32Array): void {
    for (const label of labels) this.#shelves.get(keyOf(index))?.erase(label)
  }

  search(index: VectorIndexName, request: VectorSearch, done: (found: VectorsFound) => void): void {
    const found = this.#isClosed ? failed('stopping', 'this node is stopping') : this.#search(index, request)
    this.#soon(() => done(found))
  }

  #search(index: VectorIndexName, request: VectorSearch): VectorsFound {
    const { vector, k, ef } = request
    const fault = vectorFault(vector, index.dims)
    if (fault !== undefined) return failed('vector_invalid', fault)
    if (!Number.isInteger(k) || k < 1 || k > RECALL_K_MAX) return failed('invalid_argument', `k is 1 to ${RECALL_K_MAX}, got ${k}`)
    if (ef !== undefined && (!Number.isInteger(ef) || ef < k || ef > EF_MAX))
      return failed('invalid_argument', `ef is k to ${EF_MAX}, got ${ef}`)
    return this.#shelves.get(keyOf(index))?.search(request) ?? { ok: true, neighbours: [], exact: true }
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

  #soon(run: () => void): void {
    this.#timeline.after(ANSWER_US, run)
  }
}

function keyOf({ space, embedder, dims }: VectorIndexName): string {
  return `${space} ${dims} ${embedder}`
}

function failed(code: ErrorCode, message: string): VectorsFound {
  return { ok: false, error: new WeftError(code, message) }
}

class Shelf {
  readonly #name: VectorIndexName
  readonly #vectors: Map<number, Float32Array> = new Map()
  /** By label, in hex. */
  readonly #ids: Map<number, string> = new Map()
  readonly #retired: Set<number> = new Set()
  /** Made at the first search that needs it. */
  #graph: HnswGraph | undefined
  /** By slot. */
  #labels: number[] = []

  /** @param before what it was until it was opened again: of that it keeps what is listed */
  constructor(name: VectorIndexName, before: Shelf | undefined, labels: Uint32Array, ids: Uint8Array) {
    this.#name = name
    if (before === undefined) return
    const vectors = new Map([...before.#ids].map(([label, id]) => [id, before.#vectors.get(label) as Float32Array]))
    for (const [i, label] of labels.entries()) {
      const id = ids.subarray(32 * i, 32 * i + 32)
      const vector = vectors.get(toHex(id))
      if (vector !== undefined) this.add({ label, id, vector })
    }
  }

  has(label: number): boolean {
    return this.#vectors.has(label)
  }

  add({ label, id, vector }: VectorRow): void {
    if (vectorFault(vector, this.#name.dims) !== undefined) return
    if (this.#vectors.has(label)) this.erase(label)
    this.#vectors.set(label, vector.slice())
    this.#ids.set(label, toHex(id))
  }

  retire(label: number, isRetired: boolean): void {
    if (isRetired && this.#vectors.has(label)) this.#retired.add(label)
    else this.#retired.delete(label)
  }

  erase(label: number): void {
    this.#retired.delete(label)
    this.#ids.delete(label)
    // A graph forgets nothing: the next search makes another one.
    if (this.#vectors.delete(label) && this.#labels.includes(label)) this.#graph = undefined
  }

  search({ vector, k, exact, ef = EF_DEFAULT, among }: VectorSearch): VectorsFound {
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
