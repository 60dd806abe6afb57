import { type Buggify, never } from '../base/buggify.ts'
import { equalBytes } from '../base/bytes.ts'
import { compareHlc } from '../base/hlc.ts'
import { type LogId, logIdOf, type Stream } from '../base/ids.ts'
import type { Chain } from './chain.ts'
import type { Log } from './log.ts'
import type { ParentRef } from './record.ts'
import type { Written } from './written.ts'

/**
 * Held and applied: a node stores every verified prefix at once, and applies the part of it that
 * is causally closed. A record waits until its log's earlier records and all its parents are
 * applied; what waits is stored, so waiting costs one entry per log and nothing is ever dropped.
 */
export interface AppliedRecord extends Written {
  readonly log: Log
  /** Why it counts for nothing though it is well chained; undefined for a valid record. */
  readonly void: VoidReason | undefined
}

/** Its time is not after what it builds on; it is beyond the cut of a revoked author; or its author may not write to the space. */
export type VoidReason = 'clock' | 'revoked' | 'not_granted'

export class AppliedCut {
  readonly #chain: Chain
  readonly #isFolded: (stream: Stream) => boolean
  readonly #buggify: Buggify
  readonly #sizes: Map<LogId, number> = new Map()
  /** Durable records in memory, not applied yet, from the applied size of their log on. */
  readonly #ready: Map<LogId, Written[]> = new Map()
  /** Logs whose next record waits for another log: the other one -> those that wait. */
  readonly #waiting: Map<LogId, Set<LogId>> = new Map()
  readonly #runnable: Set<LogId> = new Set()
  /** Logs that may have durable records that are not applied; those of 200 that have none are not looked at after every commit. */
  #unread: Set<LogId>
  #readyCount = 0
  #waits = 0
  /** Counts resets: who was applying when one came must stop. */
  #era = 0

  /**
   * @param sizes what a snapshot already contains
   * @param isFolded false for streams that are only kept: their records are never read for applying
   */
  constructor(chain: Chain, sizes: ReadonlyMap<LogId, number>, isFolded: (stream: Stream) => boolean, buggify: Buggify = never) {
    this.#chain = chain
    this.#isFolded = isFolded
    this.#buggify = buggify
    for (const [log, size] of sizes) this.#sizes.set(log, size)
    this.#unread = new Set(chain.logs.keys())
  }

  /** Records of a log that are applied; of a stream that is only kept, all that are durable. */
  size(log: LogId): number {
    const size = this.#sizes.get(log)
    if (size !== undefined) return size
    const held = this.#chain.log(log)
    return held === undefined || this.#isFolded(held.identity.stream) ? 0 : held.durable
  }

  /** Durable records that are not applied yet. */
  get pending(): number {
    let count = 0
    for (const id of this.#unread) count += Math.max(0, (this.#chain.log(id)?.durable ?? 0) - this.size(id))
    return count
  }

  /** How often a record has had to wait for one of another log. */
  get waits(): number {
    return this.#waits
  }

  /** Records became durable. What does not follow on what is in memory is read again later. */
  offer(log: Log, records: readonly Written[]): void {
    const { id, stream } = log.identity
    const first = records[0]
    if (log.conflict !== undefined) this.#release(id)
    if (first === undefined || !this.#isFolded(stream)) return
    if (this.#readyCount + records.length > READY_MAX || this.#buggify('chain.evict-ready')) this.#evict()
    const queue = this.#ready.get(id) ?? []
    if (first.seq === this.size(id) + queue.length) {
      queue.push(...records)
      this.#readyCount += records.length
      this.#ready.set(id, queue)
    }
    this.#runnable.add(id)
    this.#unread.add(id)
  }

  /** True when there may be more to take. */
  get hasMore(): boolean {
    return this.#runnable.size > 0
  }

  /** Applies what can be applied, at most `max` records, in causal order; whoever takes a record may `reset`. */
  *take(max: number = Infinity): Generator<AppliedRecord> {
    const era = this.#era
    let left = max
    for (const id of this.#runnable) {
      if (left === 0) return
      this.#runnable.delete(id)
      const log = this.#chain.log(id)
      const queue = this.#ready.get(id)
      if (log === undefined || queue === undefined) continue
      let count = 0
      let isOver = false
      for (const record of queue) {
        if (left === 0) {
          this.#runnable.add(id)
          break
        }
        if (isPremature(log, record)) break
        const blocker = this.#blocker(record)
        if (blocker !== undefined) {
          this.#waits++
          this.#waiting.set(blocker, (this.#waiting.get(blocker) ?? new Set()).add(id))
          break
        }
        count++
        left--
        this.#sizes.set(id, record.seq + 1)
        // Field by field: a spread costs as much as a tenth of what the fold does with it.
        const { seq, id: causalId, hlc, kind, actor, parents, record: stored } = record
        yield { seq, id: causalId, hlc, kind, actor, parents, record: stored, log, void: this.#isLate(log, record) ? 'clock' : undefined }
        isOver = era !== this.#era
        if (isOver) break
      }
      // Whoever takes a record may also offer more, so that fewer are left of it than were taken, or reset this very log.
      if (count > 0 && this.#ready.get(id) === queue) {
        this.#readyCount -= queue.splice(0, count).length
        if (queue.length === 0) this.#ready.delete(id)
        this.#release(id)
      }
      if (!isOver) continue
      this.#runnable.add(id)
      return
    }
  }

  /** Those that wait for a log look again. */
  #release(id: LogId): void {
    for (const waiting of this.#waiting.get(id) ?? []) this.#runnable.add(waiting)
    this.#waiting.delete(id)
  }

  /** Logs with durable records to apply that are not in memory: where to read on. */
  *missing(): Generator<{ readonly log: LogId; readonly from: number }> {
    for (const id of this.#unread) {
      const size = this.size(id)
      if ((this.#chain.log(id)?.durable ?? 0) <= size) this.#unread.delete(id)
      else if (!this.#ready.has(id)) yield { log: id, from: size }
    }
  }

  /**
   * The logs of these streams are applied anew, from nothing: the rules for some of their records changed. What was applied of
   * others stays so, whatever it builds on: all that was applied will be again.
   */
  reset(streams: ReadonlySet<Stream>): void {
    this.#era++
    for (const { identity } of this.#chain.logs.values()) {
      const { id, stream } = identity
      if (!streams.has(stream)) continue
      this.#readyCount -= this.#ready.get(id)?.length ?? 0
      this.#ready.delete(id)
      this.#sizes.delete(id)
      this.#runnable.delete(id)
      this.#unread.add(id)
      for (const waiting of this.#waiting.values()) waiting.delete(id)
    }
  }

  /** Keeps only the first record of what waits: the rest is on the disk. */
  #evict(): void {
    for (const queue of this.#ready.values()) queue.length = 1
    this.#readyCount = this.#ready.size
  }

  /** The log of a parent that is not applied yet. */
  #blocker(record: Written): LogId | undefined {
    for (const parent of record.parents) {
      const id = logIdOf(parent.logId)
      if (!this.#isApplied(id, parent) && !this.#isForkedOff(id, parent)) return id
    }
    return undefined
  }

  #isApplied(id: LogId, parent: ParentRef): boolean {
    const log = this.#chain.log(id)
    return log !== undefined && parent.seq < this.size(id) && equalBytes(log.tree.leaf(parent.seq), parent.leaf)
  }

  /** A parent where its author's log has two histories: it may be on the one that is not kept here, and is not waited for. */
  #isForkedOff(id: LogId, parent: ParentRef): boolean {
    const conflict = this.#chain.log(id)?.conflict
    return conflict !== undefined && parent.seq >= conflict.seq
  }

  /** The rule of the clock: later than the record before it and than every parent. */
  #isLate(log: Log, record: Written): boolean {
    if (record.seq > 0 && compareHlc(record.hlc, log.hlcAt(record.seq - 1)) <= 0) return true
    return record.parents.some(parent => {
      const id = logIdOf(parent.logId)
      return this.#isApplied(id, parent) && compareHlc(record.hlc, (this.#chain.log(id) as Log).hlcAt(parent.seq)) <= 0
    })
  }
}

/** Without its body, and what erased it is still to come: until it is held nobody could tell that both are one history. */
function isPremature(log: Log, { record }: Written): boolean {
  return record.erasedBy !== undefined && record.erasedBy >= log.durable
}

/** 8,192 records of at most 48 KiB, a few hundred bytes as a rule: beyond it they wait on the disk. */
const READY_MAX = 8192
