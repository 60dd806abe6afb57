/**
 * What a search costs in nanoseconds, one way and the other. Measured by `npm run bench -- vectors` on MNIST (784 dimensions) and 10,000
 * vectors of 384, on the machine of bench/RESULTS.md; only how they compare matters.
 */

/** A number of a vector that is looked at. */
const NUMBER_NS = 0.65
/** A byte read from the page cache, and a call that reads a stretch of them. */
const BYTE_NS = 0.3
const READ_NS = 2500
/** A slot that the graph meets and the filter is asked about, beside its numbers. */
const MEET_NS: Readonly<Record<'hnswlib' | 'typescript', number>> = { hnswlib: 350, typescript: 60 }
const GRAPH_NUMBER_NS: Readonly<Record<'hnswlib' | 'typescript', number>> = { hnswlib: 0.2, typescript: 0.65 }
/** Slots met for each candidate that is kept: links lead back to where the walk has been. */
const MET_PER_CANDIDATE = 4

export interface Work {
  readonly engine: 'hnswlib' | 'typescript'
  readonly dims: number
  /** Rows there are. */
  readonly rows: number
  /** Of them, those that are allowed. */
  readonly allowed: number
  readonly ef: number
}

/** Looking at each of the allowed rows. */
export function scanNs({ engine, dims, rows, allowed }: Work): number {
  const look = allowed * dims * NUMBER_NS
  if (engine === 'typescript') return look
  const bytes = 4 * dims + 36
  return look + Math.min(allowed * (READ_NS + bytes * BYTE_NS), rows * bytes * BYTE_NS + READ_NS)
}

/** Walking the graph: the fewer are allowed, the further it goes until it has met enough of them. */
export function graphNs({ engine, dims, rows, allowed, ef }: Work): number {
  const met = Math.min(rows, (MET_PER_CANDIDATE * ef * rows) / Math.max(1, allowed))
  return met * (MEET_NS[engine] + dims * GRAPH_NUMBER_NS[engine])
}
