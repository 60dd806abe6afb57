import { degreesOf, type Net } from './net.ts'
import type { Work } from './work.ts'

/** Where a graph would come apart first. */
export interface Split {
  /** The smaller side, ascending; of two equal ones that without node 0. */
  readonly side: Uint32Array
  /** What holds it: the edges between the sides, heaviest first. */
  readonly held: readonly { readonly from: number; readonly to: number; readonly weight: number }[]
  /** Their weight relative to all that is linked on the lighter side: 0 apart, 1 nothing of its own. */
  readonly conductance: number
}

/**
 * The lightest of the cuts that the Fiedler vector suggests: nodes in its order, cut at every place in turn
 * (the sweep of Cheeger's inequality). Undefined for less than two nodes.
 *
 * @param vector one number a node
 */
export function* splitOf(net: Net, vector: Float64Array): Work<Split | undefined> {
  const { size, starts, neighbours, weights } = net
  if (size < 2) return undefined
  const degrees = degreesOf(net)
  const total = degrees.reduce((sum, degree) => sum + degree, 0)
  const order = Uint32Array.from(degrees.keys()).sort((a, b) => (vector[a] as number) - (vector[b] as number) || a - b)
  yield size * 16
  const isBelow = new Uint8Array(size)
  let volume = 0
  let cut = 0
  let best = { conductance: Number.POSITIVE_INFINITY, length: 1 }
  for (let i = 0; i + 1 < size; i++) {
    const v = order[i] as number
    isBelow[v] = 1
    volume += degrees[v] as number
    for (let at = starts[v] as number; at < (starts[v + 1] as number); at++)
      cut += isBelow[neighbours[at] as number] === 1 ? -(weights[at] as number) : (weights[at] as number)
    const conductance = cut / Math.min(volume, total - volume)
    if (conductance < best.conductance) best = { conductance, length: i + 1 }
  }
  yield neighbours.length
  const below = order.slice(0, best.length).sort()
  const above = order.slice(best.length).sort()
  const isLower = below.length < above.length || (below.length === above.length && below[0] !== 0)
  const side = isLower ? below : above
  const isIn = new Uint8Array(size)
  for (const v of side) isIn[v] = 1
  const held: { from: number; to: number; weight: number }[] = []
  for (const v of side) {
    for (let at = starts[v] as number; at < (starts[v + 1] as number); at++) {
      const other = neighbours[at] as number
      if (isIn[other] === 0) held.push({ from: v, to: other, weight: weights[at] as number })
    }
  }
  held.sort((a, b) => b.weight - a.weight || a.from - b.from || a.to - b.to)
  return { side, held, conductance: best.conductance }
}
