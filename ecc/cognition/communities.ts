import { componentsOf, degreesOf, type Net, netOf, partOf } from './net.ts'
import { PAUSE_STEPS, type Work } from './work.ts'

/** Groups with more between their members than chance would put there. */
export interface Communities {
  /** The community of each node, numbered from 0, the largest first; equal ones by their first node. */
  readonly of: Uint32Array
  readonly sizes: readonly number[]
  /** How much more is within them than by chance, -0.5 to 1 (Newman and Girvan, 2004); above 0.3 says something. */
  readonly modularity: number
}

/** 32 levels halve 4 billion nodes to one. */
const LEVELS_MAX = 32
/** 64 passes over all nodes: ten are usual. */
const PASSES_MAX = 64
/** Less is rounding. */
const GAIN_MIN = 1e-12

/**
 * Louvain's method (Blondel et al., 2008): every node moves to the community of a neighbour where it gains most
 * modularity, until none gains; then communities become nodes, and so on. Nodes take their turns in
 * their own order and equal gains go to the lower community, so the same graph has the same communities everywhere.
 * What does not hang together in the end is taken apart, as Leiden's method does (Traag et al., 2019).
 */
export function* communitiesOf(net: Net): Work<Communities> {
  let level = net
  let within = new Float64Array(net.size)
  let of = Uint32Array.from({ length: net.size }, (_, v) => v)
  for (let i = 0; i < LEVELS_MAX; i++) {
    const moved = yield* moveAll(level, within)
    if (moved === undefined) break
    of = of.map(v => moved.of[v] as number)
    const edges: { a: number; b: number; weight: number }[] = []
    const inside = new Float64Array(moved.count)
    for (let v = 0; v < level.size; v++) {
      const a = moved.of[v] as number
      inside[a] = (inside[a] as number) + (within[v] as number)
      for (let at = level.starts[v] as number; at < (level.starts[v + 1] as number); at++) {
        const other = level.neighbours[at] as number
        const b = moved.of[other] as number
        const weight = level.weights[at] as number
        if (other < v) continue
        if (a === b) inside[a] += 2 * weight
        else edges.push({ a, b, weight })
      }
    }
    yield level.neighbours.length
    level = yield* netOf(moved.count, edges)
    within = inside
  }
  return yield* ranked(net, of)
}

/** @param within twice the weight inside each node @returns undefined when nothing moved */
function* moveAll(net: Net, within: Float64Array): Work<{ readonly of: Uint32Array; readonly count: number } | undefined> {
  const { size, starts, neighbours, weights } = net
  const degrees = degreesOf(net).map((degree, v) => degree + (within[v] as number))
  const total = degrees.reduce((sum, degree) => sum + degree, 0)
  const of = Uint32Array.from({ length: size }, (_, v) => v)
  const volume = degrees.slice()
  const toward = new Float64Array(size)
  let isMoved = false
  let steps = 0
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    let moves = 0
    for (let v = 0; v < size; v++) {
      const from = of[v] as number
      const near: number[] = [from]
      for (let at = starts[v] as number; at < (starts[v + 1] as number); at++) {
        const community = of[neighbours[at] as number] as number
        if (toward[community] === 0 && community !== from) near.push(community)
        toward[community] = (toward[community] as number) + (weights[at] as number)
      }
      const degree = degrees[v] as number
      volume[from] = (volume[from] as number) - degree
      const gainOf = (community: number): number => (toward[community] as number) - ((volume[community] as number) * degree) / total
      let best = from
      for (const community of near) {
        const gain = gainOf(community) - gainOf(best)
        if (gain > GAIN_MIN * total || (gain > -GAIN_MIN * total && best !== from && community < best)) best = community
      }
      for (const community of near) toward[community] = 0
      volume[best] = (volume[best] as number) + degree
      of[v] = best
      if (best !== from) moves++
      steps += 4 + 4 * ((starts[v + 1] as number) - (starts[v] as number))
      if (steps < PAUSE_STEPS) continue
      yield steps
      steps = 0
    }
    if (moves === 0) break
    isMoved = true
  }
  if (!isMoved) return undefined
  const numbers = new Map<number, number>()
  for (const community of of) if (!numbers.has(community)) numbers.set(community, numbers.size)
  return { of: of.map(community => numbers.get(community) as number), count: numbers.size }
}

/** Parts that hang together, largest first. */
function* ranked(net: Net, of: Uint32Array): Work<Communities> {
  const inside: { a: number; b: number; weight: number }[] = []
  for (let v = 0; v < net.size; v++) {
    for (let at = net.starts[v] as number; at < (net.starts[v + 1] as number); at++) {
      const other = net.neighbours[at] as number
      if (other > v && of[v] === of[other]) inside.push({ a: v, b: other, weight: net.weights[at] as number })
    }
  }
  const parts = yield* componentsOf(yield* netOf(net.size, inside))
  const order = parts.sizes.map((size, part) => ({ size, part })).sort((a, b) => b.size - a.size || a.part - b.part)
  const rank = new Uint32Array(order.length)
  order.forEach(({ part }, i) => (rank[part] = i))
  const ranks = parts.of.map(part => rank[part] as number)
  return { of: ranks, sizes: order.map(({ size }) => size), modularity: yield* modularityOf(net, ranks) }
}

/** @param of the community of each node */
export function* modularityOf(net: Net, of: Uint32Array): Work<number> {
  const degrees = degreesOf(net)
  const total = degrees.reduce((sum, degree) => sum + degree, 0)
  if (total === 0) return 0
  const volume = new Map<number, number>()
  let inside = 0
  for (let v = 0; v < net.size; v++) {
    const community = of[v] as number
    volume.set(community, (volume.get(community) ?? 0) + (degrees[v] as number))
    for (let at = net.starts[v] as number; at < (net.starts[v + 1] as number); at++)
      if (of[net.neighbours[at] as number] === community) inside += net.weights[at] as number
  }
  yield net.neighbours.length
  let expected = 0
  for (const sum of volume.values()) expected += (sum / total) * (sum / total)
  return inside / total - expected
}

/** The members of one community that have most links inside of it. */
export function* centralOf(net: Net, members: Uint32Array, count: number): Work<number[]> {
  const degrees = degreesOf(yield* partOf(net, members))
  const order = [...degrees.keys()].sort((a, b) => (degrees[b] as number) - (degrees[a] as number) || a - b)
  return order.slice(0, count).map(i => members[i] as number)
}
