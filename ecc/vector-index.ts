import { RECALL_K_MAX } from '../base/limits.ts'

/** The numbers of a vector that are not zero, by ascending index. */
export interface SparseVector {
  readonly dims: number
  readonly indexes: Uint16Array
  readonly values: Float32Array
}

export type Vector = Float32Array | SparseVector

export interface Neighbour {
  readonly label: number
  /** Cosine, -1 to 1. */
  readonly score: number
}

/**
 * PORT. Vectors by label, and those nearest to one by cosine.
 *
 * - `add` replaces what the label had; what was added is found by the next search.
 * - `search` gives the best first, of equal scores the lower label; fewer than `k` when there are fewer.
 * - Nothing that could harm an index gets in: RangeError for a vector that `vectorFault` finds fault with, a label
 *   that is no integer from 0 to 2^32 - 2, a `k` that is not 1 to RECALL_K_MAX. Vectors of peers and models are asked about first.
 */
export interface VectorIndex {
  readonly dims: number
  readonly size: number
  add(label: number, vector: Vector): void
  /** @returns false when there was no such label. */
  remove(label: number): boolean
  /** @param allow labels that may be found; all without it */
  search(vector: Vector, k: number, allow?: (label: number) => boolean): Neighbour[]
}

/** Why a vector cannot be indexed, undefined when it can. */
export function vectorFault(vector: Vector, dims: number): string | undefined {
  const isDense = vector instanceof Float32Array
  const length = isDense ? vector.length : vector.dims
  if (length !== dims) return `expected ${dims} dimensions, got ${length}`
  if (!isDense) {
    if (vector.indexes.length !== vector.values.length) return `${vector.indexes.length} indexes for ${vector.values.length} values`
    for (const [i, index] of vector.indexes.entries()) {
      if (index >= dims || (i > 0 && index <= (vector.indexes[i - 1] as number))) return `index ${index} is out of place`
    }
  }
  const squares = squaresOf(vector)
  if (!Number.isFinite(squares)) return 'a number is not finite'
  return squares > 0 ? undefined : 'all numbers are zero'
}

/** @throws RangeError as the port says, for what is given to any index */
export function checkVector(vector: Vector, dims: number): void {
  const fault = vectorFault(vector, dims)
  if (fault !== undefined) throw new RangeError(`not a vector for this index: ${fault}`)
}

export function checkLabel(label: number): void {
  if (!Number.isInteger(label) || label < 0 || label >= 0xffffffff)
    throw new RangeError(`a label is an integer from 0 to 2^32 - 2, got ${label}`)
}

export function checkCount(k: number): void {
  if (!Number.isInteger(k) || k < 1 || k > RECALL_K_MAX) throw new RangeError(`k is 1 to ${RECALL_K_MAX}, got ${k}`)
}

/** Looks at every vector: exact, and fast enough for some thousands. Sparse ones stay sparse. */
export class ExactVectorIndex implements VectorIndex {
  readonly dims: number
  readonly #rows: Map<number, Row> = new Map()

  constructor(dims: number) {
    this.dims = dims
  }

  get size(): number {
    return this.#rows.size
  }

  add(label: number, vector: Vector): void {
    checkLabel(label)
    checkVector(vector, this.dims)
    this.#rows.set(label, { vector: copyOf(vector), norm: Math.sqrt(squaresOf(vector)) })
  }

  remove(label: number): boolean {
    return this.#rows.delete(label)
  }

  search(vector: Vector, k: number, allow: (label: number) => boolean = () => true): Neighbour[] {
    checkCount(k)
    checkVector(vector, this.dims)
    const query = denseOf(vector)
    const norm = Math.sqrt(squaresOf(vector))
    const found: Neighbour[] = []
    for (const [label, row] of this.#rows) {
      if (allow(label)) found.push({ label, score: productOf(query, row.vector) / (norm * row.norm) })
    }
    return found.sort((a, b) => b.score - a.score || a.label - b.label).slice(0, k)
  }
}

interface Row {
  readonly vector: Vector
  readonly norm: number
}

function copyOf(vector: Vector): Vector {
  return vector instanceof Float32Array
    ? vector.slice()
    : { dims: vector.dims, indexes: vector.indexes.slice(), values: vector.values.slice() }
}

/** The same direction, of length 1. */
export function unitOf(vector: Vector): Float32Array {
  const norm = Math.sqrt(squaresOf(vector))
  return denseOf(vector).map(number => number / norm)
}

function denseOf(vector: Vector): Float32Array {
  if (vector instanceof Float32Array) return vector
  const out = new Float32Array(vector.dims)
  for (let i = 0; i < vector.indexes.length; i++) out[vector.indexes[i] as number] = vector.values[i] as number
  return out
}

function squaresOf(vector: Vector): number {
  const values = vector instanceof Float32Array ? vector : vector.values
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) * (values[i] as number)
  return sum
}

function productOf(query: Float32Array, vector: Vector): number {
  let sum = 0
  if (vector instanceof Float32Array) {
    for (let i = 0; i < vector.length; i++) sum += (query[i] as number) * (vector[i] as number)
  } else {
    for (let i = 0; i < vector.indexes.length; i++) sum += (query[vector.indexes[i] as number] as number) * (vector.values[i] as number)
  }
  return sum
}
