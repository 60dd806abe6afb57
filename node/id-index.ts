import { decode, encode } from '../base/codec.ts'
import { type CausalId, causalIdOf, digestOf, type LogId, logIdOf } from '../base/ids.ts'
import { COMMIT_RECORDS_MAX } from '../base/limits.ts'
import type { Index, IndexWrite, Logger } from '../base/ports.ts'
import { bytes, tuple, uint } from '../base/shape.ts'
import type { Chain } from '../chain/chain.ts'
import type { IndexedRecord } from './step.ts'

/**
 * Finds records by the beginning of their id. Keys are `r/<id>` for a record and `s/<log>` for how
 * many of a log are in it. It can always be made again from the logs, so nothing in it is believed: a
 * row counts only if the record it names has that id.
 */
export class IdIndex {
  readonly #index: Index
  readonly #chain: Chain
  readonly #log: Logger

  constructor(index: Index, chain: Chain, log: Logger) {
    this.#index = index
    this.#chain = chain
    this.#log = log
  }

  /** Brings the index up to the logs: what was committed after it was last written, or everything. */
  catchUp(done: () => void): void {
    this.#index.scan('s/', 's0', 100_000, found => {
      const sizes = new Map<LogId, number>()
      if (found.ok) for (const [key, value] of found.value) sizes.set(key.slice(2) as LogId, sizeOf(value))
      const missing: IndexedRecord[] = []
      for (const log of this.#chain.logs.values()) {
        const { id } = log.identity
        for (let seq = sizes.get(id) ?? 0; seq < log.durable; seq++) missing.push({ id: causalIdOf(log.tree.leaf(seq)), log: id, seq })
      }
      if (missing.length > 0) this.#log('info', 'index.catching-up', { records: missing.length })
      this.#addAll(missing, 0, done)
    })
  }

  #addAll(records: readonly IndexedRecord[], from: number, done: () => void): void {
    if (from >= records.length) return done()
    this.add(records.slice(from, from + COMMIT_RECORDS_MAX), () => this.#addAll(records, from + COMMIT_RECORDS_MAX, done))
  }

  add(records: readonly IndexedRecord[], done: () => void = () => {}): void {
    const writes: IndexWrite[] = []
    const sizes = new Map<LogId, number>()
    for (const { id, log, seq } of records) {
      writes.push({ key: `r/${id}`, value: encode([digestOf(log), seq]) })
      sizes.set(log, Math.max(sizes.get(log) ?? 0, seq + 1))
    }
    for (const [log, size] of sizes) writes.push({ key: `s/${log}`, value: encode(size) })
    this.#index.batch(writes, written => {
      if (!written.ok) this.#log('warn', 'index.write-failed', { message: written.error.message })
      done()
    })
  }

  /** Two records whose ids begin with `prefix`, or one, or none. */
  find(prefix: string, done: (found: readonly IndexedRecord[]) => void): void {
    this.#index.scan(`r/${prefix}`, `r/${prefix}g`, 3, found => {
      const rows = found.ok ? found.value.map(([key, value]) => rowOf(key, value)) : []
      if (found.ok && rows.every(row => row !== undefined && this.#isTrue(row))) return done((rows as IndexedRecord[]).slice(0, 2))
      // Damaged, or ahead of what the journal kept: the logs decide, and the index is written again.
      this.#log('warn', 'index.damaged', { prefix })
      done(this.#search(prefix))
      this.#addAll(this.#all(), 0, () => {})
    })
  }

  #isTrue({ id, log, seq }: IndexedRecord): boolean {
    const held = this.#chain.log(log)
    return held !== undefined && seq < held.durable && causalIdOf(held.tree.leaf(seq)) === id
  }

  #search(prefix: string): IndexedRecord[] {
    return this.#all().filter(({ id }) => id.startsWith(prefix)).slice(0, 2)
  }

  #all(): IndexedRecord[] {
    return [...this.#chain.logs.values()].flatMap(log => Array.from({ length: log.durable }, (_, seq) => ({ id: causalIdOf(log.tree.leaf(seq)), log: log.identity.id, seq })))
  }
}

const rowShape = tuple(bytes(32), uint())

function rowOf(key: string, value: Uint8Array): IndexedRecord | undefined {
  const decoded = decode(value)
  const row = decoded.ok ? rowShape.parse(decoded.value) : undefined
  return row && { id: key.slice(2) as CausalId, log: logIdOf(row[0]), seq: row[1] }
}

function sizeOf(value: Uint8Array): number {
  const decoded = decode(value)
  return decoded.ok && typeof decoded.value === 'number' ? decoded.value : 0
}
