import { NONE } from './column.ts'
import { ROLE } from './record-table.ts'
import { historyOf, type NodeHistory } from './show.ts'
import { replacedBy, successions } from './supersession.ts'
import type { View } from './view.ts'

/** `written`: causes before effects, which is the order of the hybrid clock. `valid`: by when it became true, where that is said. */
export type TimelineOrder = 'written' | 'valid'

export interface Timeline {
  readonly nodes: readonly NodeHistory[]
  /** There is more than was asked for. */
  readonly truncated: boolean
}

/**
 * Memories with all that they took the place of, and all that took theirs, in the order of time.
 *
 * @param from records of memories; those that are none are passed over
 * @param max memories
 */
export function timeline(view: View, from: readonly number[], order: TimelineOrder, max: number): Timeline {
  const { records, nodes } = view.tables
  const found = new Set<number>()
  const isMemory = (record: number): boolean => record !== NONE && records.role.at(record) === ROLE.node && view.sees(record)
  const open = from.filter(isMemory)
  let truncated = false
  for (let i = 0; i < open.length; i++) {
    const record = open[i] as number
    if (found.has(record)) continue
    if (found.size === max) {
      truncated = true
      break
    }
    found.add(record)
    const near = [...replacedBy(view, record).map(({ node }) => node), ...successions(view, record).map(({ by }) => by)]
    open.push(...[...new Set(near)].filter(node => isMemory(node) && !found.has(node)).sort((a, b) => records.compareOldest(a, b)))
  }
  const msOf = (record: number): number => {
    const validFrom = nodes.validFrom.at(records.detail.at(record))
    return order === 'written' || Number.isNaN(validFrom) ? records.hlcMs.at(record) : validFrom
  }
  const sorted = [...found].sort((a, b) => msOf(a) - msOf(b) || records.compareOldest(a, b))
  return { nodes: sorted.map(record => historyOf(view, record) as NodeHistory), truncated }
}
