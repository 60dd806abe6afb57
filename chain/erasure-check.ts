import type { LogId } from '../base/ids.ts'
import { isErasedBy } from './erasure.ts'
import type { StoredRecord } from './record.ts'

interface Erased {
  readonly seq: number
  readonly by: number
  readonly header: Uint8Array
}

/** Whether every erased record of a journal has its ground in its log: one that is there must say what it is said to say. */
export class ErasureCheck {
  readonly #counts: Map<LogId, number> = new Map()
  /** Those whose ground has not come yet, by log and its seq. */
  readonly #waiting: Map<LogId, Map<number, Erased[]>> = new Map()

  /** The next record of a log. @returns the seq of a record that was erased without a ground */
  take(log: LogId, seq: number, record: StoredRecord): number | undefined {
    const waiting = this.#waiting.get(log)
    const fault = waiting?.get(seq)?.find(({ header }) => !isErasedBy(header, record, seq))
    waiting?.delete(seq)
    if (fault !== undefined || record.erasedBy === undefined) return fault?.seq
    if (record.erasedBy <= seq) return seq
    const erased = { seq, by: record.erasedBy, header: record.header }
    this.#counts.set(log, this.count(log) + 1)
    const rows = waiting ?? new Map<number, Erased[]>()
    rows.set(erased.by, [...(rows.get(erased.by) ?? []), erased])
    this.#waiting.set(log, rows)
    return undefined
  }

  count(log: LogId): number {
    return this.#counts.get(log) ?? 0
  }
}
