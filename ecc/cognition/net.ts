import { PAUSE_STEPS, type Work } from './work.ts'

/**
 * An undirected graph with weights above 0, by rows: the neighbours of `v` stand from `starts[v]` to `starts[v + 1]`,
 * ascending, each once. Every edge stands in the rows of both its ends.
 */
export interface Net {
  readonly size: number
  readonly starts: Uint32Array
  readonly neighbours: Uint32Array
  readonly weights: Float64Array
}

/** An edge as it is found: what stands twice counts twice, an edge from a node to itself holds nothing and is left out. */
export interface NetEdge {
  readonly a: number
  readonly b: number
  readonly weight: number
}

/** The graph of these edges. Integer weights add up to the same sums in whatever order they come. */
export function* netOf(size: number, edges: readonly NetEdge[]): Work<Net> {
  const counts = new Uint32Array(size + 1)
  for (const { a, b } of edges) {
    if (a === b) continue
    counts[a + 1] = (counts[a + 1] as number) + 1
    counts[b + 1] = (counts[b + 1] as number) + 1
  }
  yield edges.length
  for (let v = 0; v < size; v++) counts[v + 1] = (counts[v + 1] as number) + (counts[v] as number)
  const rows = new Uint32Array(counts[size] as number)
  const heavy = new Float64Array(rows.length)
  const at = counts.slice()
  const put = (from: number, to: number, weight: number): void => {
    const place = at[from] as number
    rows[place] = to
    heavy[place] = weight
    at[from] = place + 1
  }
  let steps = 0
  for (const { a, b, weight } of edges) {
    if (a === b) continue
    put(a, b, weight)
    put(b, a, weight)
    if (++steps % PAUSE_STEPS === 0) yield 2 * PAUSE_STEPS
  }
  return yield* merged(size, counts, rows, heavy)
}

/** Rows in order, with what stands twice as one. */
function* merged(size: number, counts: Uint32Array, rows: Uint32Array, heavy: Float64Array): Work<Net> {
  const starts = new Uint32Array(size + 1)
  const neighbours = new Uint32Array(rows.length)
  const weights = new Float64Array(rows.length)
  const sums = new Float64Array(size)
  let length = 0
  let steps = 0
  for (let v = 0; v < size; v++) {
    const [from, to] = [counts[v] as number, counts[v + 1] as number]
    const first = length
    for (let i = from; i < to; i++) {
      const other = rows[i] as number
      if (sums[other] === 0) neighbours[length++] = other
      sums[other] = (sums[other] as number) + (heavy[i] as number)
    }
    neighbours.subarray(first, length).sort()
    for (let i = first; i < length; i++) {
      const other = neighbours[i] as number
      weights[i] = sums[other] as number
      sums[other] = 0
    }
    starts[v + 1] = length
    steps += 4 + 4 * (to - from)
    if (steps < PAUSE_STEPS) continue
    yield steps
    steps = 0
  }
  return { size, starts, neighbours: neighbours.slice(0, length), weights: weights.slice(0, length) }
}

/** The sum of the weights at each node. */
export function degreesOf({ size, starts, weights }: Net): Float64Array {
  const degrees = new Float64Array(size)
  for (let v = 0; v < size; v++) {
    let sum = 0
    for (let i = starts[v] as number; i < (starts[v + 1] as number); i++) sum += weights[i] as number
    degrees[v] = sum
  }
  return degrees
}

/** What hangs together: the number of its component for each node, from 0 in the order of their first nodes, and how large they are. */
export interface Components {
  readonly of: Uint32Array
  readonly sizes: readonly number[]
}

export function* componentsOf({ size, starts, neighbours }: Net): Work<Components> {
  const of = new Uint32Array(size).fill(size)
  const sizes: number[] = []
  const front: number[] = []
  let steps = 0
  for (let root = 0; root < size; root++) {
    if (of[root] !== size) continue
    const component = sizes.length
    of[root] = component
    front.push(root)
    let count = 0
    for (let v = front.pop(); v !== undefined; v = front.pop()) {
      count++
      for (let i = starts[v] as number; i < (starts[v + 1] as number); i++) {
        const other = neighbours[i] as number
        if (of[other] !== size) continue
        of[other] = component
        front.push(other)
      }
      steps += 1 + (starts[v + 1] as number) - (starts[v] as number)
      if (steps < PAUSE_STEPS) continue
      yield steps
      steps = 0
    }
    sizes.push(count)
  }
  return { of, sizes }
}

/** The part of a net that these nodes make, ascending; they are numbered in that order. */
export function* partOf(net: Net, nodes: Uint32Array): Work<Net> {
  const place = new Uint32Array(net.size).fill(net.size)
  nodes.forEach((v, i) => (place[v] = i))
  const starts = new Uint32Array(nodes.length + 1)
  const neighbours: number[] = []
  const weights: number[] = []
  let steps = 0
  for (const [i, v] of nodes.entries()) {
    for (let at = net.starts[v] as number; at < (net.starts[v + 1] as number); at++) {
      const other = place[net.neighbours[at] as number] as number
      if (other === net.size) continue
      neighbours.push(other)
      weights.push(net.weights[at] as number)
    }
    starts[i + 1] = neighbours.length
    steps += 1 + (net.starts[v + 1] as number) - (net.starts[v] as number)
    if (steps < PAUSE_STEPS) continue
    yield steps
    steps = 0
  }
  return { size: nodes.length, starts, neighbours: Uint32Array.from(neighbours), weights: Float64Array.from(weights) }
}
