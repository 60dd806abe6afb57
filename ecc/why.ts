import { WeftError } from '../base/errors.ts'
import type { CausalId, NodeId } from '../base/ids.ts'
import { WHY_DEPTH_MAX, WHY_PATHS_MAX } from '../base/limits.ts'
import { contradictionsOf } from './contradictions.ts'
import { type EdgeType, edgeTypeOf } from './edge-types.ts'
import { LinkBudget, Reasons, type Step } from './reasons.ts'
import type { Cut, Ref } from './record-table.ts'
import { replacementOf, type Standing } from './rivals.ts'
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
  /** Something holds in its place: what that is, as far as it has arrived. */
  readonly state?: 'superseded'
  readonly supersededBy?: readonly CausalId[]
}

export interface Explanation extends Pick<Standing, 'state' | 'supersededBy'> {
  /** Strongest first. */
  readonly paths: readonly { readonly weight: number; readonly steps: readonly WhyStep[] }[]
  /** A bound ended the search before the reasons did. */
  readonly truncated: boolean
  /** Of the memories on the paths, those that current ones are said to contradict: by which. */
  readonly contradictedBy?: Readonly<Record<CausalId, readonly CausalId[]>>
}

/** The best ways back from a memory to what it rests on, by the type of each edge (`EdgeBehaviour.reason`), until there is nothing. */
export function why(view: View, record: number, options: WhyOptions): Explanation {
  const maxPaths = bound('maxPaths', options.maxPaths, WHY_PATHS_MAX)
  const maxDepth = bound('maxDepth', options.maxDepth, WHY_DEPTH_MAX)
  const { records } = view.tables
  const { ends, truncated } = new Reasons(view, new LinkBudget(Infinity)).search(record, maxDepth)
  const paths = ends.slice(0, maxPaths).map(end => ({ weight: shownWeight(end), steps: stepsTo(view, end) }))
  const shown = new Set([records.idOf(record), ...paths.flatMap(({ steps }) => steps.map(step => step.id))])
  const against = [...shown].map(id => [id, contradictionsOf(view, records.find(id))] as const).filter(([, by]) => by.length > 0)
  return {
    ...replacementOf(view, record),
    paths,
    truncated,
    ...(against.length === 0 ? {} : { contradictedBy: Object.fromEntries(against) }),
  }
}

/** What the way to an end weighs, to 9 decimals. */
export function shownWeight(end: Step): number {
  return Math.round(end.weight * 1e9) / 1e9
}

function stepsTo(view: View, end: Step): WhyStep[] {
  const { records } = view.tables
  const steps: WhyStep[] = []
  for (let step: Step | undefined = end; step !== undefined; step = step.from) {
    const { record, type, link } = step.reason
    steps.unshift({
      id: records.idOf(record),
      edge: step.from === undefined ? '' : (edgeTypeOf(type) as EdgeType),
      author: records.authorOf(record),
      ref: records.refOf(record),
      ...(link === undefined ? {} : { linkId: records.idOf(link) }),
      ...replacementOf(view, record),
    })
  }
  return steps
}

function bound(name: string, value: number | undefined, max: number): number {
  if (value === undefined) return max
  if (!Number.isInteger(value) || value < 1 || value > max) throw new WeftError('invalid_argument', `${name} is 1 to ${max}, got ${value}`)
  return value
}
