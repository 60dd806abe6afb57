import type { WeftError } from '../base/errors.ts'
import type { LogId } from '../base/ids.ts'
import { ERASE_RETRY_MS, ERASURES_AT_ONCE } from '../base/limits.ts'
import type { Chain } from '../chain/chain.ts'
import { type Erasure, placeKey } from '../chain/erasure.ts'
import { decodeHeader, erasedRecord, type StoredRecord } from '../chain/record.ts'
import type { CoreContext } from './context.ts'
import type { Memory } from './memory/memory.ts'
import { Waiters } from './waiters.ts'

/**
 * What authors have had erased is taken off this node's disk, in this order:
 *
 *  1. the fold says so: from here on no answer speaks of it and no peer is sent its body.
 *  2. the record that says so is under a signed checkpoint: now it can never be given up, as the unsigned end of a log can.
 *  3. the journal writes the segment anew without the body.
 *  4. the fold is saved anew, so that its file has none of the words.
 *
 * After a crash it is done again from the first step: what is erased already costs nothing.
 */
export class Erasures {
  readonly #context: CoreContext
  readonly #chain: Chain
  readonly #memories: () => Iterable<Memory>
  readonly #pending: Map<string, Erasure> = new Map()
  readonly #waiters: Waiters
  #isAtWork = false
  #retryAtMs = Infinity

  constructor(context: CoreContext, chain: Chain, memories: () => Iterable<Memory>) {
    this.#context = context
    this.#chain = chain
    this.#memories = memories
    this.#waiters = new Waiters(context)
  }

  get nextWakeMs(): number {
    return Math.min(this.#retryAtMs, this.#waiters.nextWakeMs)
  }

  /** How many bodies are still to go. */
  get pending(): number {
    return this.#pending.size
  }

  onWake(): void {
    if (this.#retryAtMs <= this.#context.now.monotonicMs) this.#retryAtMs = Infinity
    this.#waiters.onWake()
    this.pump()
  }

  /** Goes on with what was learnt of since. */
  pump(): void {
    this.#collect()
    if (this.#isAtWork || this.#pending.size === 0 || this.#retryAtMs < Infinity) return
    const ready: Erasure[] = []
    for (const erasure of this.#pending.values()) {
      if (ready.length >= ERASURES_AT_ONCE) break
      if (erasure.by < (this.#chain.log(erasure.log)?.published ?? 0)) ready.push(erasure)
    }
    if (ready.length === 0) return
    this.#isAtWork = true
    this.#context.emit({
      kind: 'erase',
      erasures: ready,
      then: (error, erased) => (error === undefined ? this.#save(ready, erased) : this.#retry(error)),
    })
  }

  #collect(): void {
    for (const memory of this.#memories()) {
      for (const { ref, by } of memory.takeErased()) {
        if (ref.log === by.log) this.#pending.set(placeKey(ref.log, ref.seq), { ...ref, by: by.seq })
      }
    }
  }

  #save(done: readonly Erasure[], erased: number): void {
    const unsaved = [...this.#memories()].filter(memory => memory.hasUnsavedErasures)
    let left = unsaved.length
    let failed = false
    const finish = (): void => {
      if (failed) return this.#retry(undefined)
      this.#isAtWork = false
      for (const { log, seq } of done) this.#pending.delete(placeKey(log, seq))
      if (erased > 0) {
        this.#context.metrics.add('weft_chain_erased_total', erased)
        this.#context.log('info', 'chain.erased', { records: erased })
      }
      this.#waiters.wake()
      this.pump()
    }
    if (left === 0) return finish()
    for (const memory of unsaved)
      memory.saveErasures(ok => {
        failed ||= !ok
        if (--left === 0) finish()
      })
  }

  #retry(error: WeftError | undefined): void {
    this.#isAtWork = false
    this.#retryAtMs = this.#context.now.monotonicMs + ERASE_RETRY_MS
    this.#context.log('warn', 'chain.not-erased', { code: error?.code ?? 'disk_failed' })
  }

  /** Calls `then` when no byte of the record's body is on the disk any more, or when the time is up. */
  whenErased(log: LogId, seq: number, untilMs: number, then: (isErased: boolean) => void): void {
    this.#collect()
    const look = (): void => {
      if (!this.#pending.has(placeKey(log, seq))) then(true)
      else if (!this.#waiters.add(untilMs, look)) then(false)
    }
    look()
  }

  /** Records as peers may have them: without the bodies that are still to go. */
  redact(log: LogId, records: readonly StoredRecord[]): readonly StoredRecord[] {
    if (this.#pending.size === 0) return records
    return records.map(record => {
      const seq = decodeHeader(record.header)?.seq
      const erasure = seq === undefined ? undefined : this.#pending.get(placeKey(log, seq))
      return erasure === undefined ? record : erasedRecord(record.header, erasure.by)
    })
  }
}
