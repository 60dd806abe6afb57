import { WeftError } from '../base/errors.ts'
import type { Stream } from '../base/ids.ts'
import { CHECKPOINT_INTERVAL_MS, COMMIT_BACKLOG_BYTES } from '../base/limits.ts'
import type { Chain, Draft, Group, StagedCommit } from '../chain/chain.ts'
import type { StartGuard } from '../chain/start-guard.ts'
import type { Written } from '../chain/written.ts'
import type { CoreContext } from './context.ts'

/** Called when a write is durable, or is known not to be. */
export type WriteDone = (error: WeftError | undefined) => void

/**
 * The way from a draft to the disk. Records are staged at once; one commit is under way at a
 * time, and everything that comes in meanwhile makes the next one, so a busy node syncs many records
 * with one sync and an idle one does not wait. Nothing is acknowledged before its commit is durable.
 */
export class Writer {
  readonly #context: CoreContext
  readonly #chain: Chain
  readonly #guard: StartGuard
  /** Waiting for durability: by the last record of their write. */
  readonly #waiting: Map<Written, WriteDone> = new Map()
  /** Streams whose log is being taken back from peers. */
  readonly #held: Set<Stream> = new Set()
  /** When the next checkpoint may be signed though nobody follows. */
  #signAtMs: number = -Infinity
  /** The next checkpoint waits for that time whoever follows. */
  #isPatient = false
  /** When the disk, which failed, is next asked for a mere checkpoint. */
  #retryAtMs: number = -Infinity
  #isDead = false

  constructor(context: CoreContext, chain: Chain, guard: StartGuard) {
    this.#context = context
    this.#chain = chain
    this.#guard = guard
  }

  /** Writes records of one stream, all or none. Throws `full` when the disk is too far behind. */
  write(stream: Stream, drafts: readonly Draft[], done: WriteDone): readonly Written[] {
    if (this.#isDead) throw new WeftError('stopping', 'this node is stopping')
    if (this.#held.has(stream)) throw new WeftError('recovering', `this node is taking its ${stream} log back from its peers`)
    if (this.#chain.backlogBytes > COMMIT_BACKLOG_BYTES)
      throw new WeftError('full', `${this.#chain.backlogBytes} bytes are waiting for the disk`)
    if (this.#chain.ownLog(stream)?.conflict !== undefined) {
      throw new WeftError('log_conflicted', `this node's ${stream} log has forked: someone else writes with the same key`)
    }
    const written = this.#chain.append(stream, drafts, this.#context.now.wallMs)
    this.#waiting.set(written.at(-1) as Written, done)
    return written
  }

  /** When a checkpoint is due though nothing else happens; Infinity for never. */
  nextWakeMs(followers: number): number {
    return this.#maySign && !this.#chain.isCommitting ? this.#dueMs(followers) : Infinity
  }

  /** Starts the next commit if there is something to write and none is under way. */
  pump(followers: number): void {
    // A commit that outlived its node would write beside the next life.
    if (this.#isDead) return
    const { monotonicMs, wallMs } = this.#context.now
    const staged = this.#chain.takeCommit(this.#maySign && this.#dueMs(followers) <= monotonicMs, wallMs)
    if (staged === undefined) return
    if (staged.checkpoints.size > 0) {
      const { buggify } = this.#context
      this.#signAtMs = monotonicMs + (buggify('writer.sign-soon') ? 0 : CHECKPOINT_INTERVAL_MS)
      this.#isPatient = buggify('writer.sign-late')
    }
    this.#context.emit({ kind: 'commit', staged })
  }

  /** While a log is taken back from peers, nothing of this node is signed: what it still holds of that log must not be. */
  get #maySign(): boolean {
    return this.#guard.isOpen && this.#held.size === 0 && this.#chain.wantsSignature
  }

  #dueMs(followers: number): number {
    return followers > 0 && !this.#isPatient ? this.#retryAtMs : Math.max(this.#retryAtMs, this.#signAtMs)
  }

  /** The journal has it: the records count from here on. */
  committed(staged: StagedCommit): void {
    const { metrics } = this.#context
    this.#chain.committed(staged)
    metrics.add('weft_chain_commits_total')
    metrics.add('weft_chain_checkpoints_total', staged.checkpoints.size)
    for (const group of staged.groups)
      metrics.add('weft_chain_records_total', group.records.length, group.cover === undefined ? 'own' : 'replica')
  }

  /** The journal does not have it, nor will it have what was staged behind it. @returns all that is lost */
  failed(staged: StagedCommit, error: WeftError): readonly Group[] {
    this.#context.metrics.add('weft_chain_commit_failures_total', 1, error.code)
    this.#context.log('error', 'chain.commit-failed', { code: error.code, message: error.message })
    // A full disk wrote nothing that others could have seen; any other failure leaves doubt.
    if (error.code !== 'disk_full') this.#guard.close()
    this.#retryAtMs = this.#context.now.monotonicMs + RETRY_MS
    return this.#chain.failed(staged)
  }

  /** Tells those who wait for these records, after the folds have them: who wrote can read what it wrote. */
  finish(groups: readonly Group[], error: WeftError | undefined): void {
    for (const group of groups) {
      for (const record of group.records) {
        const done = this.#waiting.get(record)
        if (done === undefined) continue
        this.#waiting.delete(record)
        done(error)
      }
    }
  }

  /** Writes that are not durable yet. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Writes to this stream are refused until `release`. */
  hold(stream: Stream): void {
    this.#held.add(stream)
  }

  release(stream: Stream): void {
    this.#held.delete(stream)
  }

  /** From here on nothing is written. */
  close(): void {
    this.#isDead = true
  }
}

/** 1 s: a disk that failed is not asked again for a mere checkpoint before that. */
const RETRY_MS = 1000
