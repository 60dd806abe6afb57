import type { WeftError } from '../base/errors.ts'

/** One index: vectors of one embedder in one space. */
export interface VectorIndexName {
  readonly space: string
  readonly embedder: string
  readonly dims: number
}

/** `label`: the number of the record in the fold, an integer from 0, never given to another while the fold lives. `id`: 32 bytes, the record. `vector`: unit length. */
export interface VectorRow {
  readonly label: number
  readonly id: Uint8Array
  readonly vector: Float32Array
}

export interface VectorSearch {
  readonly vector: Float32Array
  readonly k: number
  /** Look at every vector. */
  readonly exact?: boolean | undefined
  /** Candidates kept while the graph is walked, up to EF_MAX; never fewer than k. */
  readonly ef?: number | undefined
  /** One bit for each label, lowest bit first: only these, also retired ones. Without it: all that are not retired. */
  readonly among?: Uint8Array | undefined
}

export type VectorsFound =
  | {
      readonly ok: true
      /** Best first, of equal scores the lower label; fewer than k when there are fewer. Scores are cosines to six decimals. */
      readonly neighbours: readonly { readonly label: number; readonly score: number }[]
      /** Every allowed vector was looked at. */
      readonly exact: boolean
    }
  | { readonly ok: false; readonly error: WeftError }

/**
 * PORT. The vectors of a node, found by cosine. A cache: everything in it can be made again from the journal.
 *
 * - What was added is found by the next search, indexed or not.
 * - An operation takes effect in the order in which it was called; a callback is called once and never before the call has returned.
 * - It never throws for what a peer wrote: vectors are checked (vectorFault) before they get here, and checked again here. What is none
 *   is left out. Of a caller who gives what is no label or id, or does not wait for `done` with VECTOR_ROWS_WAITING_MAX rows, it may throw a RangeError.
 */
export interface VectorStore {
  /**
   * Opens an index that is to hold exactly these records. `done` gets the labels whose vectors it does not have: the caller
   * reads them from the journal and adds them. What it holds beyond them is dropped. Opening again is how a fold that was made anew begins.
   */
  open(index: VectorIndexName, labels: Uint32Array, ids: Uint8Array, done: (missing: Uint32Array) => void): void
  add(index: VectorIndexName, rows: readonly VectorRow[], done: () => void): void
  /** From now on found only when asked for by `among`: replaced or retracted vectors, for answers as of an earlier cut. */
  retire(index: VectorIndexName, labels: Uint32Array): void
  /** Back from retirement (a retract was taken back). */
  revive(index: VectorIndexName, labels: Uint32Array): void
  /** Gone from memory and disk: erased records. */
  erase(index: VectorIndexName, labels: Uint32Array): void
  search(index: VectorIndexName, request: VectorSearch, done: (found: VectorsFound) => void): void
  /** For status and metrics. */
  status(done: (rows: readonly VectorIndexStatus[]) => void): void
  /** Saves what makes the next start fast, and lets go. */
  close(done: () => void): void
}

export interface VectorIndexStatus extends VectorIndexName {
  readonly engine: 'hnswlib' | 'typescript'
  readonly vectors: number
  /** Of them, how many are in the graph; the rest is scanned. */
  readonly indexed: number
  readonly retired: number
  /** On the disk, or in memory where there is none. */
  readonly bytes: number
  /** `rebuilding` while a graph is made anew beside the one that answers (or beside exact scans). */
  readonly state: 'opening' | 'ready' | 'rebuilding'
}
