import { WHATIF_NODES_MAX, WHY_DEPTH_MAX } from '../base/limits.ts'
import { NONE } from './column.ts'
import { behaviourOf } from './edge-types.ts'
import { ROLE } from './record-table.ts'
import { KIND_OF_REFERENCE } from './reference-table.ts'
import { type CausalNode, nodeOf } from './show.ts'
import { successions } from './supersession.ts'
import type { View } from './view.ts'
import { why } from './why.ts'

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
  const { found, truncated } = effectsOf(view, record)
  const weightIn = (at: View, node: number): number => (at.isNode(node) ? (why(at, node, { maxPaths: 1 }).paths[0]?.weight ?? 0) : 0)
  const dependents = [...found].map(node => ({ record: node, before: weightIn(view, node), after: weightIn(without, node) }))
  const { records } = view.tables
  dependents.sort((a, b) => b.before - b.after - (a.before - a.after) || records.compareNewest(a.record, b.record))
  return { dependents: dependents.map(({ record: node, before, after }) => ({ node: nodeOf(view, node), before, after })), truncated }
}

/** A record, and what would not have been said without it: that it takes the place of others. */
export function withAllItSays(view: View, record: number): readonly number[] {
  const { records, references } = view.tables
  const said = [record]
  for (let at = records.claims.at(record); at !== NONE; at = references.next.at(at))
    if (references.kind.at(at) === KIND_OF_REFERENCE.by) said.push(references.owner.at(at))
  return said
}

/** The memories for which it is a reason, or a reason of a reason. */
function effectsOf(view: View, record: number): { readonly found: ReadonlySet<number>; readonly truncated: boolean } {
  const found = new Set<number>()
  let front = rootsOf(view, record)
  for (const root of front) if (root !== record) found.add(root)
  for (let depth = 0; front.length > 0; depth++) {
    const next = new Set<number>()
    for (const reason of front) for (const effect of restingOn(view, reason)) if (effect !== record && !found.has(effect)) next.add(effect)
    if (next.size > 0 && depth === WHY_DEPTH_MAX) return { found, truncated: true }
    for (const effect of next) {
      if (found.size === WHATIF_NODES_MAX) return { found, truncated: true }
      found.add(effect)
    }
    front = [...next]
  }
  return { found, truncated: false }
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

/** The memories that `why` leads from to this one, in one step. */
function restingOn(view: View, reason: number): readonly number[] {
  const effects: number[] = []
  for (const { other, type, outgoing } of view.edges(reason))
    if (behaviourOf(type).reason === (outgoing ? 'from' : 'to')) effects.push(other)
  for (const { by } of successions(view, reason)) if (by !== NONE) effects.push(by)
  return effects
}
