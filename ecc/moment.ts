import type { LogId } from '../base/ids.ts'
import type { CausalPast } from './causal-past.ts'
import type { Cut, LogRow, RecordTable } from './record-table.ts'

/**
 * The cut of a moment: of each log all records up to the first whose author's clock showed a later time, less what builds on a record
 * that is left out, with all that follows it in its log. So it is causally closed, as every cut is that a node may have applied; and
 * a function of the applied records, the same on every node that has the same.
 *
 * @param ms since 1970
 */
export function cutAt(records: RecordTable, past: CausalPast, ms: number): Cut {
  const sizes = records.logs.map(row => untilLater(records, row, ms))
  // Only records that count for nothing are earlier than what they build on, so this ends after a round or two.
  for (let isClosed = false; !isClosed; ) {
    isClosed = true
    for (const [log, other] of past.pairs()) {
      const size = sizes[log] as number
      const kept = knowing(past, log, size, other, sizes[other] as number)
      if (kept < size) isClosed = false
      sizes[log] = kept
    }
  }
  return new Map(records.logs.flatMap(({ id }, i): [LogId, number][] => (sizes[i] === 0 ? [] : [[id, sizes[i] as number]])))
}

function untilLater(records: RecordTable, { records: row }: LogRow, ms: number): number {
  let size = 0
  while (size < row.length && records.hlcMs.at(row.at(size)) <= ms) size++
  return size
}

/** How many of the first `size` records of a log know of no more than `seen` records of another. */
function knowing(past: CausalPast, log: number, size: number, other: number, seen: number): number {
  let kept = size
  while (kept > 0 && past.count(log, kept - 1, other) > seen) kept--
  return kept
}
