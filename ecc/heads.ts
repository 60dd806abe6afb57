import type { CausalId, LogId } from '../base/ids.ts'
import type { CausalPast } from './causal-past.ts'
import type { RecordTable } from './record-table.ts'

/** A record to build on, as a header names it. */
export interface Parent {
  readonly log: LogId
  readonly seq: number
  readonly id: CausalId
}

/**
 * What the next record of `log` is to name as its parents: the newest record of every other log,
 * but for those it knows already and those that another of them knows. By log id.
 */
export function parentsFor(records: RecordTable, past: CausalPast, log: LogId): Parent[] {
  const self = records.logNumber(log)
  const sizes = records.logs.map(row => row.records.length)
  const known = (by: number, other: number): boolean => past.count(by, (sizes[by] as number) - 1, other) >= (sizes[other] as number)
  const unknown = sizes.flatMap((size, other) =>
    size === 0 || other === self || (self !== undefined && sizes[self] !== 0 && known(self, other)) ? [] : [other],
  )
  return unknown
    .filter(other => !unknown.some(by => by !== other && known(by, other)))
    .map(other => (records.logs[other] as (typeof records.logs)[number]).records.at((sizes[other] as number) - 1))
    .map(record => ({ ...records.refOf(record), id: records.idOf(record) }))
    .sort((a, b) => (a.log < b.log ? -1 : 1))
}
