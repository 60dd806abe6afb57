import { EMBEDDERS_PER_AUTHOR_MAX } from '../base/limits.ts'
import { Column } from './column.ts'
import type { Crowd } from './crowded-vectors.ts'

/** The vectors of one embedder; those of other dimensions are another's. */
export interface VectorIndexRow {
  readonly embedder: string
  readonly dims: number
  /** Record numbers as they arrived, also of what was erased since. */
  readonly records: Column<Uint32Array>
}

/** Which embedders there are, and the records with vectors of each. The vectors themselves stay in the journal. */
export class VectorTable {
  readonly indexes: VectorIndexRow[] = []
  /** Vectors, and memories with all of theirs, of which it may have changed what counts, since somebody last looked. */
  readonly touched: Set<number> = new Set()
  /** Vectors that are no more of a memory: each pair of the memory and the vector. */
  left: (readonly [node: number, label: number])[] = []
  /** By memory: those that had many vectors when somebody looked. */
  readonly crowds: Map<number, Crowd> = new Map()
  /** The vector that was folded last: whoever wants it need not decode it again. */
  last: { readonly label: number; readonly vector: Float32Array } | undefined
  /** Records left out because their author had EMBEDDERS_PER_AUTHOR_MAX embedders before. */
  dropped = 0
  readonly #numbers: Map<string, number> = new Map()
  /** Indexes by log. */
  readonly #ofLog: Map<number, Set<number>> = new Map()

  /** The number of an index, made on first sight; undefined when the log has as many as count. */
  open(log: number, embedder: string, dims: number): number | undefined {
    const known = this.find(embedder, dims)
    const ofLog = this.#indexesOf(log)
    if (known !== undefined && ofLog.has(known)) return known
    if (ofLog.size >= EMBEDDERS_PER_AUTHOR_MAX) {
      this.dropped++
      return undefined
    }
    const number = known ?? this.indexes.length
    if (known === undefined) this.load(number, embedder, dims)
    ofLog.add(number)
    return number
  }

  /** Whether a vector of this embedder would count in that log. */
  hasRoom(log: number, embedder: string, dims: number): boolean {
    const known = this.find(embedder, dims)
    const ofLog = this.#indexesOf(log)
    return (known !== undefined && ofLog.has(known)) || ofLog.size < EMBEDDERS_PER_AUTHOR_MAX
  }

  find(embedder: string, dims: number): number | undefined {
    return this.#numbers.get(`${dims} ${embedder}`)
  }

  add(index: number, record: number): void {
    this.at(index).records.push(record)
  }

  at(index: number): VectorIndexRow {
    return this.indexes[index] as VectorIndexRow
  }

  /** Puts back an index of a snapshot; one that is there stays. */
  load(number: number, embedder: string, dims: number): void {
    if (number < this.indexes.length) return
    this.indexes.push({ embedder, dims, records: new Column(Uint32Array) })
    this.#numbers.set(`${dims} ${embedder}`, number)
  }

  /** Which log has which indexes, once the columns are loaded. */
  reindex(logOf: (record: number) => number): void {
    for (const [number, { records }] of this.indexes.entries())
      for (const record of records.values()) this.#indexesOf(logOf(record)).add(number)
  }

  #indexesOf(log: number): Set<number> {
    let indexes = this.#ofLog.get(log)
    if (indexes === undefined) {
      indexes = new Set()
      this.#ofLog.set(log, indexes)
    }
    return indexes
  }
}
