import { WHATIF_LINKS_MAX, WHATIF_NODES_MAX, WHY_DEPTH_MAX } from '../base/limits.ts'
import { NONE } from './column.ts'
import { behaviourOf } from './edge-types.ts'
import { First } from './first.ts'
import { LinkBudget, Reasons } from './reasons.ts'
import { ROLE } from './record-table.ts'
import { KIND_OF_REFERENCE } from './reference-table.ts'
import { type CausalNode, nodeOf } from './show.ts'
import { successions } from './supersession.ts'
import type { View } from './view.ts'
import { shownWeight } from './why.ts'

/** What would be otherwise if something had not been written. */
export interface Counterfactual {
  /** Those that lose most first; equally much newest first. */
  readonly dependents: readonly Dependent[]
  /** A bound ended the search: more may rest on it. */
  readonly truncated: boolean
}

/** A memory that rests on it. */
export interface Dependent {
  readonly node: CausalNode
  /** The weight of the best way back to a reason: with it, and without it; 0 when no way is left. */
  readonly before: number
  readonly after: number
}

/**
 * What rests on a record, as `why` follows reasons, and what it rests on without it.
 *
 * @param record a memory, or a link or supersede between some
 * @param without the same view without it
 */
export function whatIf(view: View, without: View, record: number): Counterfactual {
  const budget = new LinkBudget(WHATIF_LINKS_MAX)
  const { found, truncated } = effectsOf(view, record, budget)
  const weights = [view, without].map(at => {
    const reasons = new Reasons(at, budget)
    return (node: number): number => {
      const [best] = at.isNode(node) ? reasons.search(node, WHY_DEPTH_MAX).ends : []
      return best === undefined ? 0 : shownWeight(best)
    }
  })
  const [weightWith, weightWithout] = weights as [(node: number) => number, (node: number) => number]
  const dependents: { readonly record: number; readonly before: number; readonly after: number }[] = []
  for (const node of found) {
    const dependent = { record: node, before: weightWith(node), after: weightWithout(node) }
    // What could not be looked at on both sides is not compared.
    if (budget.isSpent) break
    dependents.push(dependent)
  }
  const { records } = view.tables
  dependents.sort((a, b) => b.before - b.after - (a.before - a.after) || records.compareNewest(a.record, b.record))
  return {
    dependents: dependents.map(({ record: node, before, after }) => ({ node: nodeOf(view, node), before, after })),
    truncated: truncated || budget.isSpent,
  }
}

/** A record, and what would not have been said without it: that it takes the place of others. */
export function withAllItSays(view: View, record: number): readonly number[] {
  const { records, references } = view.tables
  const said = [record]
  for (let at = records.claims.at(record); at !== NONE; at = references.next.at(at))
    if (references.kind.at(at) === KIND_OF_REFERENCE.by) said.push(references.owner.at(at))
  return said
}

/** The memories for which it is a reason, or a reason of a reason: of too many at one distance the newest. */
function effectsOf(view: View, record: number, budget: LinkBudget): { readonly found: ReadonlySet<number>; readonly truncated: boolean } {
  const found = new Set<number>()
  let front = rootsOf(view, record)
  for (const root of front) if (root !== record) found.add(root)
  for (let depth = 0; front.length > 0; depth++) {
    const next = new Set<number>()
    for (const reason of front)
      for (const effect of restingOn(view, reason, budget)) if (effect !== record && !found.has(effect)) next.add(effect)
    if (next.size > 0 && depth === WHY_DEPTH_MAX) return { found, truncated: true }
    front = newestOf(view, next, WHATIF_NODES_MAX - found.size)
    for (const effect of front) found.add(effect)
    if (front.length < next.size) return { found, truncated: true }
  }
  return { found, truncated: false }
}

function newestOf(view: View, nodes: ReadonlySet<number>, count: number): number[] {
  const newest = new First<number>(count, (a, b) => view.tables.records.compareNewest(a, b))
  for (const node of nodes) newest.offer(node)
  return newest.list()
}

/** Where the effects begin: at the memory itself; of a link or supersede, at the end that it gives a reason to. */
function rootsOf(view: View, record: number): readonly number[] {
  const { records, references } = view.tables
  const role = records.role.at(record)
  if (role === ROLE.node) return [record]
  const first = records.detail.at(record)
  if (role === ROLE.link) {
    const { reason } = behaviourOf(references.value.at(first) >>> 20)
    const end = reason === 'from' ? references.target.at(first + 1) : reason === 'to' ? references.target.at(first) : NONE
    return view.isNode(end) ? [end] : []
  }
  const by = role === ROLE.supersede ? references.target.at(first) : NONE
  return view.isNode(by) ? [by] : []
}

/** The memories that `why` leads from to this one, in one step; none when there are more links than may be looked at. */
function restingOn(view: View, reason: number, budget: LinkBudget): readonly number[] {
  const effects: number[] = []
  let links = 0
  for (const { other, type, outgoing } of view.edges(reason)) {
    if (behaviourOf(type).reason === (outgoing ? 'from' : 'to')) effects.push(other)
    if (++links > budget.left) break
  }
  if (!budget.take(links)) return []
  for (const { by } of successions(view, reason)) if (view.isNode(by)) effects.push(by)
  return effects
}
