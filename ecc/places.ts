import type { CausalId } from '../base/ids.ts'
import { RIVALS_SHOWN, VACANCIES_LOOKED_MAX } from '../base/limits.ts'
import { NONE } from './column.ts'
import { ROLE } from './record-table.ts'
import { replacedBy, succession } from './supersession.ts'
import type { View } from './view.ts'

/** A memory in whose place nothing holds: what was put there was taken back, and the supersede that put it there still counts. */
export interface Vacancy {
  readonly id: CausalId
  /** Forgotten by its author, it lets the memory hold again. */
  readonly supersede: CausalId
}

/** What stays replaced by a memory that was taken back, oldest first, RIVALS_SHOWN at most. */
export function vacancies(view: View, record: number): Vacancy[] {
  const { records } = view.tables
  if (record === NONE || view.isNode(record)) return []
  return replacedBy(view, record)
    .filter(({ record: says }) => records.role.at(says) === ROLE.supersede)
    .sort((a, b) => records.compareOldest(a.node, b.node))
    .slice(0, VACANCIES_LOOKED_MAX)
    .filter(({ node }) => isVacant(view, node))
    .slice(0, RIVALS_SHOWN)
    .map(({ node, record: says }) => ({ id: records.idOf(node), supersede: records.idOf(says) }))
}

/** What took the place of a memory has arrived, and none of it holds. */
export function isVacant(view: View, record: number): boolean {
  const { reached, ends } = succession(view, record)
  return reached.size > 1 && ends.length === 0
}

/** What else holds in the places of `targets`, oldest first, RIVALS_SHOWN at most: who chose `by` may not have known of it. */
export function othersInPlace(view: View, targets: readonly number[], by: number): CausalId[] {
  const { records } = view.tables
  const chosen = new Set(succession(view, by).ends)
  return succession(view, ...targets)
    .ends.filter(end => !targets.includes(end) && !chosen.has(end))
    .sort((a, b) => records.compareOldest(a, b))
    .slice(0, RIVALS_SHOWN)
    .map(end => records.idOf(end))
}
