import { degreesOf, type Net } from './net.ts'
import { PAUSE_STEPS, type Work } from './work.ts'

/** Right sides are met to 10 digits: three more than the eigenvalue is to have. */
const TOLERANCE = 1e-10
/** 2,000 iterations: a grid of 100 x 100 needs some 300. */
const ITERATIONS_MAX = 2000

/**
 * Solves L x = b for the Laplacian L = D - W of a connected graph, where the numbers of b add up to 0; x is
 * known up to a constant.
 *
 * Memories hang together in chains and trees above all, and these are what iterations are slowest at.
 * So nodes with one or two neighbours are eliminated first, exactly (an end is folded into its neighbour; one in the middle
 * becomes an edge between its two, like resistors in a row): that is Cholesky's way without fill, and adds
 * only positive numbers, so that light edges beside heavy ones lose nothing. What is left, if anything, is knit closer, and
 * preconditioned conjugate gradients are quick with it (Hestenes and Stiefel, 1952).
 */
export class LaplacianSolver {
  /** All solves so far met their right side. */
  converged = true
  /** Steps that conjugate gradients took. */
  iterations = 0
  readonly #size: number
  /** Eliminated nodes in their order, each with its one or two neighbours (the same twice for one) and the shares of them. */
  readonly #order: Uint32Array
  readonly #first: Uint32Array
  readonly #second: Uint32Array
  readonly #firstShare: Float64Array
  readonly #secondShare: Float64Array
  readonly #pivots: Float64Array
  /** What is left, and which nodes these are. */
  readonly #core: Net
  readonly #nodes: Uint32Array
  readonly #degrees: Float64Array

  private constructor(size: number, eliminated: readonly Eliminated[], core: Net, nodes: Uint32Array) {
    this.#size = size
    this.#order = Uint32Array.from(eliminated, row => row.node)
    this.#first = Uint32Array.from(eliminated, row => row.first)
    this.#second = Uint32Array.from(eliminated, row => row.second)
    this.#firstShare = Float64Array.from(eliminated, row => row.firstShare)
    this.#secondShare = Float64Array.from(eliminated, row => row.secondShare)
    this.#pivots = Float64Array.from(eliminated, row => row.pivot)
    this.#core = core
    this.#nodes = nodes
    this.#degrees = degreesOf(core)
  }

  /** @param net connected */
  static *of(net: Net): Work<LaplacianSolver> {
    const rows: Map<number, number>[] = []
    let steps = 0
    for (let v = 0; v < net.size; v++) {
      const row = new Map<number, number>()
      for (let i = net.starts[v] as number; i < (net.starts[v + 1] as number); i++)
        row.set(net.neighbours[i] as number, net.weights[i] as number)
      rows.push(row)
      steps += 4 + 4 * row.size
      if (steps < PAUSE_STEPS) continue
      yield steps
      steps = 0
    }
    const eliminated = yield* eliminate(rows)
    const gone = new Uint8Array(net.size)
    for (const { node } of eliminated) gone[node] = 1
    const nodes = Uint32Array.from(rows.keys()).filter(v => gone[v] === 0)
    const place = new Map([...nodes].map((v, i) => [v, i]))
    const starts = new Uint32Array(nodes.length + 1)
    const neighbours: number[] = []
    const weights: number[] = []
    for (const [i, v] of nodes.entries()) {
      for (const [other, weight] of [...(rows[v] as Map<number, number>)].sort(([a], [b]) => a - b)) {
        neighbours.push(place.get(other) as number)
        weights.push(weight)
      }
      starts[i + 1] = neighbours.length
    }
    yield neighbours.length
    const core = { size: nodes.length, starts, neighbours: Uint32Array.from(neighbours), weights: Float64Array.from(weights) }
    return new LaplacianSolver(net.size, eliminated, core, nodes)
  }

  /** @returns x with x of some node 0 where nothing else decides */
  *solve(right: Float64Array): Work<Float64Array> {
    const b = right.slice()
    for (let i = 0; i < this.#order.length; i++) {
      const value = b[this.#order[i] as number] as number
      const [first, second] = [this.#first[i] as number, this.#second[i] as number]
      b[first] = (b[first] as number) + value * (this.#firstShare[i] as number)
      b[second] = (b[second] as number) + value * (this.#secondShare[i] as number)
    }
    yield this.#order.length
    const core = yield* this.#iterate(Float64Array.from(this.#nodes, v => b[v] as number))
    const x = new Float64Array(this.#size)
    this.#nodes.forEach((v, i) => (x[v] = core[i] as number))
    for (let i = this.#order.length - 1; i >= 0; i--) {
      const v = this.#order[i] as number
      const above =
        (x[this.#first[i] as number] as number) * (this.#firstShare[i] as number) +
        (x[this.#second[i] as number] as number) * (this.#secondShare[i] as number)
      x[v] = (b[v] as number) / (this.#pivots[i] as number) + above
    }
    yield this.#order.length
    return x
  }

  /** Conjugate gradients on the core, preconditioned by its diagonal. */
  *#iterate(b: Float64Array): Work<Float64Array> {
    const { size, starts, neighbours, weights } = this.#core
    const degrees = this.#degrees
    const x = new Float64Array(size)
    if (size < 2) return x
    removeMean(b)
    const residual = b.slice()
    const direction = new Float64Array(size)
    const product = new Float64Array(size)
    const goal = TOLERANCE * Math.sqrt(dot(b, b))
    let before = 0
    for (let iteration = 0; Math.sqrt(dot(residual, residual)) > goal; iteration++) {
      if (iteration === ITERATIONS_MAX) {
        this.converged = false
        break
      }
      let now = 0
      for (let v = 0; v < size; v++) now += ((residual[v] as number) * (residual[v] as number)) / (degrees[v] as number)
      const keep = iteration === 0 ? 0 : now / before
      for (let v = 0; v < size; v++) direction[v] = (residual[v] as number) / (degrees[v] as number) + keep * (direction[v] as number)
      for (let v = 0; v < size; v++) {
        let sum = (degrees[v] as number) * (direction[v] as number)
        for (let i = starts[v] as number; i < (starts[v + 1] as number); i++)
          sum -= (weights[i] as number) * (direction[neighbours[i] as number] as number)
        product[v] = sum
      }
      const along = dot(direction, product)
      // Rounding is all that is left.
      if (!(along > 0)) break
      const step = now / along
      for (let v = 0; v < size; v++) {
        x[v] = (x[v] as number) + step * (direction[v] as number)
        residual[v] = (residual[v] as number) - step * (product[v] as number)
      }
      removeMean(residual)
      before = now
      this.iterations++
      yield neighbours.length + 6 * size
    }
    return x
  }
}

interface Eliminated {
  readonly node: number
  readonly first: number
  readonly second: number
  readonly firstShare: number
  readonly secondShare: number
  readonly pivot: number
}

/** Takes nodes with one or two neighbours out of `rows`, until there are none. The last of a tree stays. */
function* eliminate(rows: readonly Map<number, number>[]): Work<Eliminated[]> {
  const out: Eliminated[] = []
  const isGone = new Uint8Array(rows.length)
  const waiting: number[] = []
  for (let v = rows.length - 1; v >= 0; v--) if ((rows[v] as Map<number, number>).size <= 2) waiting.push(v)
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    const row = rows[node] as Map<number, number>
    if (isGone[node] === 1 || row.size === 0 || row.size > 2) continue
    const [[first, firstWeight], other] = [...row].sort(([a], [b]) => a - b) as [[number, number], [number, number] | undefined]
    const [second, secondWeight] = other ?? [first, 0]
    const pivot = firstWeight + secondWeight
    out.push({ node, first, second, firstShare: firstWeight / pivot, secondShare: secondWeight / pivot, pivot })
    isGone[node] = 1
    const firstRow = rows[first] as Map<number, number>
    const secondRow = rows[second] as Map<number, number>
    firstRow.delete(node)
    secondRow.delete(node)
    if (other !== undefined) {
      const bridge = (firstWeight * secondWeight) / pivot + (firstRow.get(second) ?? 0)
      firstRow.set(second, bridge)
      secondRow.set(first, bridge)
    }
    for (const v of [first, second]) if ((rows[v] as Map<number, number>).size <= 2) waiting.push(v)
    if (out.length % 256 === 0) yield PAUSE_STEPS
  }
  return out
}

function removeMean(vector: Float64Array): void {
  let sum = 0
  for (const value of vector) sum += value
  const mean = sum / vector.length
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] as number) - mean
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}
