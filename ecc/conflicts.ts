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
  const { records, nodes } = view.tables
  const found = new Map<string, Dispute>()
  for (let row = 0; row < nodes.size; row++) {
    const node = nodes.record.at(row)
    if (!view.sees(node) || records.claims.at(node) === NONE) continue
    for (const dispute of disputesOf(view, node)) {
      const name = dispute.current.join()
      const before = found.get(name)
      if (before === undefined || records.compareOldest(dispute.target, before.target) < 0) found.set(name, dispute)
    }
  }
  const disputes = [...found.values()].sort((a, b) => records.compareOldest(a.target, b.target))
  const later = new Set(disputes.flatMap(({ target, reached }) => reached.filter(node => node !== target)))
  return disputes
    .filter(({ target }) => !later.has(target))
    .map(({ target, current }) => ({ target: records.idOf(target), current: current.map(record => records.idOf(record)) }))
}

interface Dispute {
  readonly target: number
  /** Oldest first. */
  readonly current: readonly number[]
  /** What stood in the place since. */
  readonly reached: readonly number[]
}

function disputesOf(view: View, node: number): Dispute[] {
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
  return out.filter(dispute => dispute.current.length > 1)
}

function disputeOver(view: View, target: number, nodes: readonly number[]): Dispute {
  const ways = nodes.map(node => succession(view, node))
  const ends = new Set(ways.flatMap(way => way.ends))
  return {
    target,
    current: [...ends].sort((a, b) => view.tables.records.compareOldest(a, b)),
    reached: ways.flatMap(way => [...way.reached]),
  }
}
