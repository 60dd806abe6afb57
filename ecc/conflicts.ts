import type { CausalId } from '../base/ids.ts'
import { SUPERSEDES_COMPARED_MAX } from '../base/limits.ts'
import { NONE } from './column.ts'
import { choicesOf, counts, laterHolders, succession, supersedesOf } from './supersession.ts'
import type { View } from './view.ts'

/** Authors who did not know of each other put different memories in one place. */
export interface Conflict {
  /** The memory whose place it is. */
  readonly target: CausalId
  /** What holds now in its place, 2 or more: one supersede of all but one of them settles it. */
  readonly current: readonly CausalId[]
}

/**
 * Two ways to disagree: concurrent supersedes of one memory by different ones, and a supersede
 * that does not count because the memory was chosen over another at the same time.
 *
 * A conflict is listed once, for the earliest memory in whose place all of it stands; targets oldest first.
 */
export function conflicts(view: View): Conflict[] {
  const { records } = view.tables
  const byTarget = new Map<number, Dispute>()
  // Whatever was superseded has a place, also when it was erased or retracted since.
  for (let record = 0; record < records.size; record++) {
    if (!view.sees(record) || records.claims.at(record) === NONE) continue
    for (const dispute of disputesOf(view, record)) byTarget.set(dispute.target, merged(dispute, byTarget.get(dispute.target)))
  }
  const disputes = [...byTarget.values()].sort((a, b) => records.compareOldest(a.target, b.target))
  const later = new Set(disputes.flatMap(({ target, reached }) => [...reached].filter(node => node !== target)))
  const listed = new Map<string, Conflict>()
  for (const { target, ends } of disputes) {
    const current = [...ends].sort((a, b) => records.compareOldest(a, b)).map(record => records.idOf(record))
    const name = current.join()
    if (!later.has(target) && !listed.has(name)) listed.set(name, { target: records.idOf(target), current })
  }
  return [...listed.values()]
}

/** One place, and what stands in it. */
export interface Dispute {
  readonly target: number
  /** What holds in its place. */
  readonly ends: ReadonlySet<number>
  /** What stood in its place since. */
  readonly reached: ReadonlySet<number>
}

function merged(a: Dispute, b: Dispute | undefined): Dispute {
  if (b === undefined) return a
  return { target: a.target, ends: new Set([...a.ends, ...b.ends]), reached: new Set([...a.reached, ...b.reached]) }
}

/** Disputes over the place of one memory, and over what was put in it in vain. */
export function disputesOf(view: View, node: number): Dispute[] {
  const { records } = view.tables
  const choices = choicesOf(view, node)
  const said = [...supersedesOf(view, node), ...[...laterHolders(view, node)].map(holder => ({ by: holder, record: holder }))]
    .sort((a, b) => records.compareOldest(a.record, b.record))
    .slice(0, SUPERSEDES_COMPARED_MAX)
  const counting = said.filter(({ record }) => counts(view, record, node, choices))
  const isContested = counting.some(a => counting.some(b => a.by !== b.by && view.isConcurrent(a.record, b.record)))
  const out = isContested ? [disputeOver(view, node, [node])] : []
  for (const { by, record } of said) {
    // It does not count, and nobody who knew of it chose `node` again.
    const isBlocked = choices.some(choice => !view.isBefore(choice, record)) && !choices.some(choice => view.isBefore(record, choice))
    if (isBlocked && by !== NONE) out.push(disputeOver(view, records.ids.compare(node, by) < 0 ? node : by, [node, by]))
  }
  return out.filter(dispute => dispute.ends.size > 1)
}

function disputeOver(view: View, target: number, nodes: readonly number[]): Dispute {
  const ways = nodes.map(node => succession(view, node))
  return { target, ends: new Set(ways.flatMap(way => way.ends)), reached: new Set(ways.flatMap(way => [...way.reached])) }
}
