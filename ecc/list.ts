import type { LogId } from '../base/ids.ts'
import { WeftError } from '../base/errors.ts'
import { LIST_MAX } from '../base/limits.ts'
import { Heap } from './heap.ts'
import { type Cut, ROLE } from './record-table.ts'
import { type CausalNode, nodeOf } from './show.ts'
import type { View } from './view.ts'

export interface ListOptions {
  /** Only memories beyond this cut: the one the last page ended at. */
  readonly after?: Cut | undefined
  readonly at?: Cut | undefined
  /** 1 to LIST_MAX. */
  readonly limit: number
}

export interface Page {
  /** Oldest first, equal times by id. */
  readonly nodes: readonly CausalNode[]
  /** Where the next page starts. Whatever is applied in between is beyond it, so nothing is missed or listed twice. */
  readonly next: Cut
  /** There are memories beyond `next` by now. */
  readonly more: boolean
}

/**
 * Memories that were not retracted, superseded ones included, page by page: logs are merged by
 * time, so a page ends somewhere in each log, and those places are where the next begins.
 */
export function list(view: View, options: ListOptions): Page {
  if (!Number.isInteger(options.limit) || options.limit < 1 || options.limit > LIST_MAX) {
    throw new WeftError('invalid_argument', `limit is 1 to ${LIST_MAX}, got ${options.limit}`)
  }
  const { records } = view.tables
  const next = new Map<LogId, number>(options.after)
  const heads = new Heap<number>((a, b) => records.compareOldest(a, b))
  /** Moves on to the next memory of a log, or to its end. */
  const advance = (log: number): void => {
    const row = records.logs[log] as (typeof records.logs)[number]
    let seq = next.get(row.id) ?? 0
    while (seq < row.records.length && view.sees(row.records.at(seq)) && !isListed(view, row.records.at(seq))) seq++
    if (seq > 0) next.set(row.id, seq)
    if (seq < row.records.length && view.sees(row.records.at(seq))) heads.push(row.records.at(seq))
  }
  for (let log = 0; log < records.logs.length; log++) advance(log)
  const nodes: CausalNode[] = []
  while (nodes.length < options.limit) {
    const record = heads.pop()
    if (record === undefined) break
    nodes.push(nodeOf(view, record))
    next.set(records.logOf(record).id, records.seq.at(record) + 1)
    advance(records.log.at(record))
  }
  return { nodes, next, more: heads.size > 0 }
}

function isListed(view: View, record: number): boolean {
  return view.tables.records.role.at(record) === ROLE.node && view.isLive(record)
}
