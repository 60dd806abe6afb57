import { dot, LaplacianSolver } from './laplacian-solver.ts'
import { degreesOf, type Net } from './net.ts'
import { largestEigenpair } from './tridiagonal.ts'
import type { Work } from './work.ts'

/**
 * How well a graph hangs together: the second smallest eigenvalue of its Laplacian (Fiedler, 1973), by Lanczos'
 * method with full reorthogonalisation on the inverse, where it is the largest and well apart from the next.
 *
 * - `plain`, L = D - W: Fiedler's algebraic connectivity. 0 for what is in parts, n for a complete graph of n nodes with
 *   weights 1; one memory that hangs on a light link brings it down to about that weight.
 * - `normalised`, D^-1/2 L D^-1/2: what it is when every node counts by its links. From 0 to 2 whatever the size and the
 *   weights; with h the lightest cut relative to what it cuts off, h^2 / 2 <= lambda <= 2 h (Cheeger).
 *
 * The start is the same every time, and only additions, products and square roots follow: equal graphs give equal
 * bits on every machine.
 */
export type Laplacian = 'plain' | 'normalised'

export interface Connectivity {
  /** The eigenvalue; 0 for less than two nodes. */
  readonly value: number
  /** False when the bounds below ended the search: then `value` is from above. */
  readonly converged: boolean
  /** One number a node: those of one sign are on one side (the Fiedler vector). */
  readonly vector: Float64Array
  /** Steps of Lanczos, and of conjugate gradients within them. */
  readonly steps: number
  readonly iterations: number
}

/** Eight digits. The error of the value is at most its residual squared by the gap to the next one (Kato and Temple, 1949). */
const TOLERANCE = 1e-8
/** Before that the residual is below a thousandth: then the gap that is seen is the gap there is. */
const RESIDUAL_MAX = 1e-3
/** 64 MB of vectors: 128 of them up to 65,000 nodes, where eigenvalues that lie close (a random graph of 10,000) needed 96, and never less than 24. */
const NUMBERS_MAX = 2 ** 23
const STEPS_MIN = 24
const STEPS_MAX = 128
/** Started again from the best so far: what is not found by then is not worth the wait. */
const RESTARTS_MAX = 3

/** @param net connected */
export function* connectivityOf(net: Net, laplacian: Laplacian): Work<Connectivity> {
  const n = net.size
  if (n < 2) return { value: 0, converged: true, vector: new Float64Array(n), steps: 0, iterations: 0 }
  const degrees = degreesOf(net)
  const roots = laplacian === 'plain' ? new Float64Array(n).fill(1) : degrees.map(Math.sqrt)
  const solver = yield* LaplacianSolver.of(net)
  let start = startOf(n)
  let steps = 0
  let found: { readonly vector: Float64Array; readonly settled: boolean } | undefined
  for (let restart = 0; restart < RESTARTS_MAX && found?.settled !== true; restart++) {
    found = yield* lanczos(solver, roots, start, () => steps++)
    start = found.vector
  }
  const { vector: rough, settled } = found as { vector: Float64Array; settled: boolean }
  // One more step of plain inverse iteration takes out what is left of the large eigenvalues, which the energy would magnify.
  const vector = yield* image(solver, roots, rough)
  orthogonalise(vector, [normalised(roots)])
  const potentials = vector.map((value, v) => value / (roots[v] as number))
  return {
    value: energyOf(net, potentials) / dot(vector, vector),
    converged: settled && solver.converged,
    vector: potentials,
    steps,
    iterations: solver.iterations,
  }
}

/** The largest eigenvector of the inverse, as far as one run from `start` leads to it. */
function* lanczos(
  solver: LaplacianSolver,
  roots: Float64Array,
  start: Float64Array,
  count: () => void,
): Work<{ readonly vector: Float64Array; readonly settled: boolean }> {
  const n = roots.length
  const stepsMax = Math.max(STEPS_MIN, Math.min(STEPS_MAX, Math.floor(NUMBERS_MAX / n)))
  const still = normalised(roots)
  const basis: Float64Array[] = []
  const diagonal: number[] = []
  const beside: number[] = []
  let next: Float64Array = start.slice()
  orthogonalise(next, [still])
  next = normalised(next)
  for (;;) {
    count()
    basis.push(next)
    const solved = yield* image(solver, roots, next)
    diagonal.push(dot(solved, next))
    const before = Math.sqrt(dot(solved, solved))
    // Twice is enough (Kahan and Parlett).
    for (let round = 0; round < 2; round++) {
      for (const other of [still, ...basis]) {
        orthogonalise(solved, [other])
        yield n
      }
    }
    const length = Math.sqrt(dot(solved, solved))
    const { value, vector, gap } = largestEigenpair(diagonal, beside)
    const residual = length * Math.abs(vector[vector.length - 1] as number)
    const settled = residual <= RESIDUAL_MAX * value && residual * residual <= TOLERANCE * value * Math.max(gap, residual)
    const isExhausted = length <= 1e-14 * before || basis.length === n - 1
    if (settled || isExhausted || basis.length === stepsMax) {
      const ritz = new Float64Array(n)
      for (const [i, row] of basis.entries()) {
        for (let v = 0; v < n; v++) ritz[v] = (ritz[v] as number) + (row[v] as number) * (vector[i] as number)
        yield n
      }
      return { vector: normalised(ritz), settled: settled || isExhausted }
    }
    beside.push(length)
    next = solved.map(part => part / length)
  }
}

/** The inverse of the Laplacian in question, applied. */
function* image(solver: LaplacianSolver, roots: Float64Array, vector: Float64Array): Work<Float64Array> {
  const solved = yield* solver.solve(vector.map((value, v) => value * (roots[v] as number)))
  return solved.map((value, v) => value * (roots[v] as number))
}

/** The sum of w (x - y)^2 over all edges: without the cancellation of x L x. */
function energyOf({ size, starts, neighbours, weights }: Net, x: Float64Array): number {
  let sum = 0
  for (let v = 0; v < size; v++) {
    for (let i = starts[v] as number; i < (starts[v + 1] as number); i++) {
      const other = neighbours[i] as number
      const gap = (x[v] as number) - (x[other] as number)
      if (other > v) sum += (weights[i] as number) * gap * gap
    }
  }
  return sum
}

/** Numbers without a pattern that a graph could share (xorshift, Marsaglia, 2003). */
function startOf(n: number): Float64Array {
  let state = 0x9e3779b9
  return Float64Array.from({ length: n }, () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 0x100000000 - 0.5
  })
}

function orthogonalise(vector: Float64Array, against: readonly Float64Array[]): void {
  for (const other of against) {
    const share = dot(vector, other)
    for (let v = 0; v < vector.length; v++) vector[v] = (vector[v] as number) - share * (other[v] as number)
  }
}

function normalised(vector: Float64Array): Float64Array {
  const length = Math.sqrt(dot(vector, vector))
  return vector.map(value => value / length)
}
