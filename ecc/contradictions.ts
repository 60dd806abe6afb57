import type { CausalId } from '../base/ids.ts'
import { CONTRADICTIONS_SHOWN } from '../base/limits.ts'
import { NONE } from './column.ts'
import { EDGE_TYPES } from './edge-types.ts'
import { isCurrent } from './supersession.ts'
import type { View } from './view.ts'

/** Current memories that somebody says contradict this one, either way round: newest first, CONTRADICTIONS_SHOWN at most. */
export function contradictionsOf(view: View, record: number): CausalId[] {
  const { records } = view.tables
  if (records.links.at(record) === NONE) return []
  const found = new Set<number>()
  for (const { other, type } of view.edges(record))
    if (type === EDGE_TYPES.contradicts && other !== record && isCurrent(view, other)) found.add(other)
  return [...found]
    .sort((a, b) => records.compareNewest(a, b))
    .slice(0, CONTRADICTIONS_SHOWN)
    .map(other => records.idOf(other))
}
