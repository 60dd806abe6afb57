import { WeftError } from '../base/errors.ts'
import type { CausalId, NodeId } from '../base/ids.ts'
import { WHY_DEPTH_MAX, WHY_EDGES_MAX, WHY_PATHS_MAX } from '../base/limits.ts'
import { contradictionsOf } from './contradictions.ts'
import { behaviourOf, EDGE_TYPES, type EdgeType, edgeTypeOf } from './edge-types.ts'
import { Heap } from './heap.ts'
import { WEIGHT_ONE } from './records.ts'
import type { Cut, Ref } from './record-table.ts'
import { replacedBy } from './supersession.ts'
import type { View } from './view.ts'

export interface WhyOptions {
  readonly at?: Cut | undefined
  /** WHY_PATHS_MAX unless fewer are wanted. */
  readonly maxPaths?: number | undefined
  /** Edges of a path, WHY_DEPTH_MAX unless fewer are wanted. */
  readonly maxDepth?: number | undefined
}

export interface WhyStep {
  readonly id: CausalId
  /** The type of edge between the step before and this one; empty for the first, which is what was asked about. */
  readonly edge: EdgeType | ''
  readonly author: NodeId
  readonly ref: Ref
  /** The link or supersede record that says so; absent where a key does. */
  readonly linkId?: CausalId
}

export interface Explanation {
  /** Strongest first. */
  readonly paths: readonly { readonly weight: number; readonly steps: readonly WhyStep[] }[]
  /** A bound ended the search before the reasons did. */
  readonly truncated: boolean
  /** Of the memories on the paths, those that current ones are said to contradict: by which. */
  readonly contradictedBy?: Readonly<Record<CausalId, readonly CausalId[]>>
}

/**
 * The best ways back from a memory to what it rests on: each step to a reason, by the type of the
 * edge (`EdgeBehaviour.reason`), until there is none. A path weighs the product of its edges; each
 * memory is reached by its best path only, so the paths part but never meet again.
 *
 * Best first (Dijkstra's search on products), so the same on every node.
 */
export function why(view: View, record: number, options: WhyOptions): Explanation {
  const maxPaths = bound('maxPaths', options.maxPaths, WHY_PATHS_MAX)
  const maxDepth = bound('maxDepth', options.maxDepth, WHY_DEPTH_MAX)
  const { records } = view.tables
  const heaviestFirst = (a: Step, b: Step): number =>
    b.weight - a.weight ||
    records.compareNewest(a.record, b.record) ||
    a.depth - b.depth ||
    records.compareNewest(a.from?.record ?? record, b.from?.record ?? record)
  const open = new Heap<Step>(heaviestFirst)
  const settled = new Map<number, Step>()
  const inner = new Set<number>()
  let left = WHY_EDGES_MAX
  let truncated = false
  open.push({ record, weight: 1, depth: 0, from: undefined, type: 0, link: undefined })
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    if (settled.has(step.record)) continue
    settled.set(step.record, step)
    if (step.from !== undefined) inner.add(step.from.record)
    const reasons = reasonsOf(view, step.record, left)
    const further = reasons.filter(reason => !settled.has(reason.record))
    if (reasons.length > left || (step.depth === maxDepth && further.length > 0)) {
      truncated = true
      continue
    }
    left -= reasons.length
    for (const reason of further) open.push({ ...reason, weight: step.weight * reason.weight, depth: step.depth + 1, from: step })
  }
  const ends = [...settled.values()].filter(step => !inner.has(step.record) && step.depth > 0).sort(heaviestFirst)
  const paths = ends.slice(0, maxPaths).map(end => ({ weight: Math.round(end.weight * 1e9) / 1e9, steps: stepsTo(view, end) }))
  const shown = new Set([records.idOf(record), ...paths.flatMap(({ steps }) => steps.map(step => step.id))])
  const against = [...shown].map(id => [id, contradictionsOf(view, records.find(id))] as const).filter(([, by]) => by.length > 0)
  return { paths, truncated, ...(against.length === 0 ? {} : { contradictedBy: Object.fromEntries(against) }) }
}

interface Reason {
  readonly record: number
  /** 0 to 1. */
  readonly weight: number
  readonly type: number
  readonly link: number | undefined
}

interface Step extends Reason {
  readonly depth: number
  readonly from: Step | undefined
}

/** Each reason once, by its strongest edge; one more than `max` when there are more. */
function reasonsOf(view: View, record: number, max: number): Reason[] {
  const strongest = new Map<number, Reason>()
  const add = (reason: Reason): void => {
    const before = strongest.get(reason.record)
    if (reason.record !== record && (before === undefined || isBetter(view, reason, before))) strongest.set(reason.record, reason)
  }
  for (const { other, type, weight, outgoing, record: link } of view.edges(record)) {
    const { reason, trust } = behaviourOf(type)
    if (reason === (outgoing ? 'to' : 'from')) add({ record: other, weight: (trust * weight) / WEIGHT_ONE, type, link })
    if (strongest.size > max) break
  }
  for (const { node, record: by } of replacedBy(view, record)) {
    add({
      record: node,
      weight: behaviourOf(EDGE_TYPES.supersedes).trust,
      type: EDGE_TYPES.supersedes,
      link: by === record ? undefined : by,
    })
  }
  return [...strongest.values()]
}

/** Equally strong edges: the lower type, then the lower id speaks. */
function isBetter(view: View, a: Reason, b: Reason): boolean {
  if (a.weight !== b.weight) return a.weight > b.weight
  if (a.type !== b.type) return a.type < b.type
  return a.link === undefined || (b.link !== undefined && view.tables.records.ids.compare(a.link, b.link) < 0)
}

function stepsTo(view: View, end: Step): WhyStep[] {
  const { records } = view.tables
  const steps: WhyStep[] = []
  for (let step: Step | undefined = end; step !== undefined; step = step.from) {
    steps.unshift({
      id: records.idOf(step.record),
      edge: step.from === undefined ? '' : (edgeTypeOf(step.type) as EdgeType),
      author: records.authorOf(step.record),
      ref: records.refOf(step.record),
      ...(step.link === undefined ? {} : { linkId: records.idOf(step.link) }),
    })
  }
  return steps
}

function bound(name: string, value: number | undefined, max: number): number {
  if (value === undefined) return max
  if (!Number.isInteger(value) || value < 1 || value > max) throw new WeftError('invalid_argument', `${name} is 1 to ${max}, got ${value}`)
  return value
}
