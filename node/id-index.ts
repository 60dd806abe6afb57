import type { Buggify } from '../base/buggify.ts'
import { equalBytes } from '../base/bytes.ts'
import { decode, encode } from '../base/codec.ts'
import { type CausalId, causalIdOf, digestOf, type LogId, logIdOf } from '../base/ids.ts'
import { COMMIT_RECORDS_MAX, LOGS_MAX } from '../base/limits.ts'
import type { Index, IndexWrite, Logger } from '../base/ports.ts'
import { bytes, tuple, uint } from '../base/shape.ts'
import type { Chain } from '../chain/chain.ts'
import type { Log } from '../chain/log.ts'
import type { IndexedRecord } from './step.ts'

/**
 * Finds records by the beginning of their id. Keys are `r/<id>` for a record and `s/<log>` for how
 * much of a log is in it: size, and the leaf at its end. It can always be made again from the logs, so
 * nothing in it is believed: a row counts only if the log says the same.
 */
export class IdIndex {
  readonly #index: Index
  readonly #chain: Chain
  readonly #log: Logger
  readonly #buggify: Buggify

  constructor(index: Index, chain: Chain, log: Logger, buggify: Buggify) {
    this.#index = index
    this.#chain = chain
    this.#log = log
    this.#buggify = buggify
  }

  /** Brings the index up to the logs: what was committed after it was last written, or everything. */
  catchUp(done: () => void): void {
    this.#index.scan('s/', 's0', 2 * LOGS_MAX, found => {
      const sizes = new Map<LogId, number>()
      const isUsed = found.ok && !this.#buggify('index.make-again')
      if (isUsed) for (const [key, value] of found.value) sizes.set(key.slice(2) as LogId, this.#trueSize(key.slice(2) as LogId, value))
      const missing: IndexedRecord[] = []
      for (const log of this.#chain.logs.values())
        for (const record of recordsOf(log, sizes.get(log.identity.id) ?? 0)) missing.push(record)
      if (missing.length > 0) this.#log('info', 'index.catching-up', { records: missing.length })
      this.#addAll(missing, 0, done)
    })
  }

  /** How much of a log the index holds; 0 when it holds another history. */
  #trueSize(id: LogId, value: Uint8Array): number {
    const decoded = decode(value)
    const row = decoded.ok ? sizeShape.parse(decoded.value) : undefined
    const log = this.#chain.log(id)
    if (row === undefined || log === undefined || row[0] < 1 || row[0] > log.durable) return 0
    return equalBytes(log.tree.leaf(row[0] - 1), row[1]) ? row[0] : 0
  }

  #addAll(records: readonly IndexedRecord[], from: number, done: () => void): void {
    if (from >= records.length) return done()
    this.add(records.slice(from, from + COMMIT_RECORDS_MAX), () => this.#addAll(records, from + COMMIT_RECORDS_MAX, done))
  }

  /** @param records of each log the next ones, in order */
  add(records: readonly IndexedRecord[], done: () => void = () => {}): void {
    const writes: IndexWrite[] = []
    const ends = new Map<LogId, IndexedRecord>()
    for (const record of records) {
      writes.push({ key: `r/${record.id}`, value: encode([digestOf(record.log), record.seq]) })
      ends.set(record.log, record)
    }
    for (const { log, seq, id } of ends.values()) writes.push({ key: `s/${log}`, value: encode([seq + 1, digestOf(id)]) })
    this.#write(writes, done)
  }

  #write(writes: readonly IndexWrite[], done: () => void): void {
    this.#index.batch(writes, written => {
      if (!written.ok) this.#log('warn', 'index.write-failed', { message: written.error.message })
      done()
    })
  }

  /** Two records whose ids begin with `prefix`, or one, or none. */
  find(prefix: string, done: (found: readonly IndexedRecord[]) => void): void {
    this.#index.scan(`r/${prefix}`, `r/${prefix}g`, ROWS_MAX, found => {
      const rows = found.ok ? found.value.map(([key, value]) => rowOf(key, value)) : []
      if (found.ok && rows.every(row => row !== undefined && this.#isTrue(row))) return done((rows as IndexedRecord[]).slice(0, 2))
      // Damaged, or of records that gave way: the logs decide, and these rows are written again.
      this.#log('warn', 'index.mended', { prefix })
      const all = [...this.#chain.logs.values()].flatMap(log => recordsOf(log, 0)).filter(({ id }) => id.startsWith(prefix))
      done(all.slice(0, 2))
      const stale = found.ok ? found.value.map(([key]): IndexWrite => ({ key, value: null })) : []
      this.#write(
        [
          ...stale,
          ...all.slice(0, ROWS_MAX).map(({ id, log, seq }): IndexWrite => ({ key: `r/${id}`, value: encode([digestOf(log), seq]) })),
        ],
        () => {},
      )
    })
  }

  #isTrue({ id, log, seq }: IndexedRecord): boolean {
    const held = this.#chain.log(log)
    return held !== undefined && seq < held.durable && causalIdOf(held.tree.leaf(seq)) === id
  }
}

/** 16 rows begin with one prefix of 8 digits or more: far more than chance gives. */
const ROWS_MAX = 16

/** Durable records of a log from `from` on. */
function recordsOf(log: Log, from: number): IndexedRecord[] {
  return Array.from({ length: Math.max(0, log.durable - from) }, (_, i) => ({
    id: causalIdOf(log.tree.leaf(from + i)),
    log: log.identity.id,
    seq: from + i,
  }))
}

const sizeShape = tuple(uint(), bytes(32))
const rowShape = tuple(bytes(32), uint())

function rowOf(key: string, value: Uint8Array): IndexedRecord | undefined {
  const decoded = decode(value)
  const row = decoded.ok ? rowShape.parse(decoded.value) : undefined
  return row && { id: key.slice(2) as CausalId, log: logIdOf(row[0]), seq: row[1] }
}
