import type { CausalId, NodeId } from '../base/ids.ts'
import { RIVALS_LOOKED_MAX, RIVALS_SHOWN } from '../base/limits.ts'
import { NONE } from './column.ts'
import { disputesOf } from './conflicts.ts'
import { type Ref, ROLE } from './record-table.ts'
import { KIND_OF_REFERENCE } from './reference-table.ts'
import { successions } from './supersession.ts'
import type { View } from './view.ts'

/** Another memory that holds in the same place. */
export interface Rival {
  readonly id: CausalId
  readonly ref: Ref
  readonly author: NodeId
}

/** What is to be known of a memory before it is believed; nothing of one that holds alone. */
export interface Standing {
  readonly rivals?: readonly Rival[]
  /** How many there are, where they are more than are named. */
  readonly rivalsInAll?: number
  /** Something holds in its place. */
  readonly state?: 'superseded'
  /** What that is, directly: RIVALS_SHOWN at most, oldest first; less than all when it has not arrived. */
  readonly supersededBy?: readonly CausalId[]
}

/** Whether a memory holds, and whether it does so alone: conflicts as `conflicts` lists them, seen from one of their ends. */
export function standingOf(view: View, record: number): Standing {
  const next = successions(view, record)
  if (next.length > 0) return { state: 'superseded', ...named(view, next) }
  const rivals = rivalsOf(view, record)
  return {
    ...(rivals.length === 0 ? {} : { rivals: rivals.slice(0, RIVALS_SHOWN).map(one => rivalAt(view, one)) }),
    ...(rivals.length <= RIVALS_SHOWN ? {} : { rivalsInAll: rivals.length }),
  }
}

/** The same of a memory on a way, where rivals are not asked for. */
export function replacementOf(view: View, record: number): Pick<Standing, 'state' | 'supersededBy'> {
  const next = successions(view, record)
  return next.length === 0 ? {} : { state: 'superseded', ...named(view, next) }
}

function named(view: View, next: readonly { readonly by: number }[]): Pick<Standing, 'supersededBy'> {
  const { records } = view.tables
  const by = [...new Set(next.map(one => one.by))].filter(one => one !== NONE).sort((a, b) => records.compareOldest(a, b))
  return by.length === 0 ? {} : { supersededBy: by.slice(0, RIVALS_SHOWN).map(one => records.idOf(one)) }
}

function rivalAt(view: View, record: number): Rival {
  const { records } = view.tables
  return { id: records.idOf(record), ref: records.refOf(record), author: records.authorOf(record) }
}

/** What else is current in a place in which this one stands, oldest first. */
function rivalsOf(view: View, record: number): number[] {
  const { records, nodes } = view.tables
  // Most never stood in the place of another.
  if (records.claims.at(record) === NONE && nodes.previous.at(records.detail.at(record)) === NONE) return []
  const rivals = new Set<number>()
  for (const place of placesOf(view, record)) {
    if (records.claims.at(place) === NONE) continue
    for (const { ends } of disputesOf(view, place)) if (ends.has(record)) for (const end of ends) rivals.add(end)
  }
  rivals.delete(record)
  return [...rivals].sort((a, b) => records.compareOldest(a, b))
}

/** The memory, and those in whose place it may stand, directly or by way of others: the nearest RIVALS_LOOKED_MAX. */
function placesOf(view: View, record: number): ReadonlySet<number> {
  const { records } = view.tables
  const places = new Set([record])
  for (const place of places) {
    // In an order that does not depend on which record arrived first, as there is a bound.
    const before = replacedIn(view, place).sort((a, b) => records.compareNewest(a, b))
    for (const one of before) {
      if (places.size >= RIVALS_LOOKED_MAX) return places
      places.add(one)
    }
  }
  return places
}

/** What live supersedes put this memory in the place of, whether they count or not, and the one before it under its key. */
function replacedIn(view: View, record: number): number[] {
  const { records, references, nodes } = view.tables
  const out: number[] = []
  for (let at = records.claims.at(record); at !== NONE; at = references.next.at(at)) {
    const owner = references.owner.at(at)
    if (references.kind.at(at) !== KIND_OF_REFERENCE.by || !view.isLive(owner)) continue
    for (let target = records.detail.at(owner) + 1; references.owner.data[target] === owner && target < references.owner.length; target++) {
      const one = references.target.at(target)
      if (one !== NONE && view.sees(one)) out.push(one)
    }
  }
  const previous = records.role.at(record) === ROLE.node ? nodes.previous.at(records.detail.at(record)) : NONE
  if (previous !== NONE) out.push(nodes.record.at(previous))
  return out
}
