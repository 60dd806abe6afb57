import type { CausalId } from '../../base/ids.ts'
import { COHERENCE_EDGES_MAX, COHERENCE_SIDE_MAX } from '../../base/limits.ts'
import type { CausalEdge } from '../show.ts'
import { edgeOf } from '../show.ts'
import type { View } from '../view.ts'
import { causalNetOf } from './causal-net.ts'
import { connectivityOf, type Laplacian } from './connectivity.ts'
import { componentsOf, partOf } from './net.ts'
import { splitOf } from './split.ts'
import type { Work } from './work.ts'

/** How well the memories of a space hang together. */
export interface Coherence {
  readonly laplacian: Laplacian
  /** Memories that were not taken back, and pairs of them that are linked. */
  readonly memories: number
  readonly links: number
  /** Parts of two memories or more that hang together, and memories without any link. */
  readonly parts: number
  readonly alone: number
  /** Of the largest part, of two equal ones the older: its memories, and its connectivity, 0 when there is none. */
  readonly largest: number
  readonly connectivity: number
  /** False when the search ended at a bound: then it is at most that. */
  readonly converged: boolean
  /** Where the largest part would come apart first. */
  readonly split: CoherenceSplit | undefined
}

export interface CoherenceSplit {
  /** The smaller side: how many there are, and the first COHERENCE_SIDE_MAX of them, oldest first. */
  readonly size: number
  readonly side: readonly CausalId[]
  /** Pairs of memories that hold the two sides together, and the links behind the heaviest COHERENCE_EDGES_MAX of them. */
  readonly held: number
  readonly edges: readonly CausalEdge[]
  /** Weight of what holds it, relative to all its own links: 0 apart, 1 nothing but that. */
  readonly conductance: number
}

export function* coherenceOf(view: View, laplacian: Laplacian): Work<Coherence> {
  const { net, records } = yield* causalNetOf(view)
  const { of, sizes } = yield* componentsOf(net)
  const largest = sizes.reduce((best, size, i) => (size > (sizes[best] as number) ? i : best), 0)
  const nodes = Uint32Array.from(of.keys()).filter(v => of[v] === largest)
  yield net.size
  const part = yield* partOf(net, nodes)
  const { value, converged, vector } = yield* connectivityOf(part, laplacian)
  const split = yield* splitOf(part, vector)
  const recordAt = (i: number): number => records[nodes[i] as number] as number
  return {
    laplacian,
    memories: net.size,
    links: net.neighbours.length / 2,
    parts: sizes.filter(size => size > 1).length,
    alone: sizes.filter(size => size === 1).length,
    largest: nodes.length,
    // Nine digits are known.
    connectivity: Number(value.toPrecision(9)),
    converged,
    split: split && {
      size: split.side.length,
      side: [...split.side.subarray(0, COHERENCE_SIDE_MAX)].map(i => view.tables.records.idOf(recordAt(i))),
      held: split.held.length,
      edges: linksBetween(
        view,
        split.held.map(({ from, to }) => [recordAt(from), recordAt(to)] as const),
      ),
      conductance: Number(split.conductance.toPrecision(9)),
    },
  }
}

/** The link records behind pairs, in their order; where a supersede is what links them there is none. */
function linksBetween(view: View, pairs: readonly (readonly [number, number])[]): CausalEdge[] {
  const links: CausalEdge[] = []
  for (const [a, b] of pairs) {
    if (links.length >= COHERENCE_EDGES_MAX) break
    const between = [...view.edges(a)].filter(({ other }) => other === b).map(({ record }) => record)
    between.sort((x, y) => view.tables.records.compareOldest(x, y))
    links.push(...[...new Set(between)].map(record => edgeOf(view, record)))
  }
  return links.slice(0, COHERENCE_EDGES_MAX)
}
