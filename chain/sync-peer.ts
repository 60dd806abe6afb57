import { type Buggify, never } from '../base/buggify.ts'
import type { LogId, NodeId, Stream } from '../base/ids.ts'
import { CREDIT_BYTES, CREDIT_STEP_BYTES, LOGS_MAX } from '../base/limits.ts'
import { RUN_COST_MAX } from './run.ts'
import type { Takes, Told } from './sharing.ts'

/**
 * What is known of one connected peer, and forgotten with the connection: a new connection
 * compares frontiers again, so nothing here can be wrong for longer than that.
 */
export class SyncPeer {
  readonly id: NodeId
  /** Published sizes the peer has, as it said or as we sent. */
  readonly theirs: Map<LogId, number> = new Map()
  /** Published sizes of ours that the peer knows of. */
  readonly told: Map<LogId, number> = new Map()
  /** Published sizes of ours that our last hello spoke of. */
  compared: ReadonlyMap<LogId, number> | undefined
  /** The chain's revision at which nothing differed; undefined once the peer has said more than that. */
  equalAt: number | undefined
  /** Logs being sent: the next seq of each. Own logs stay, and are pushed as they grow. */
  readonly serving: Map<LogId, number> = new Map()
  /** Streams whose comparison with this peer is under way. */
  readonly open: Set<Stream> = new Set()
  /** Own logs of which the peer says it has more than we have published. */
  readonly outran: Set<LogId> = new Set()
  /** Logs whose records from this peer are ahead of our clock: they wait for the next comparison. */
  readonly deferred: Set<LogId> = new Set()
  /** What it keeps a copy of, as it said; undefined for everything. */
  takes: Takes | undefined
  /** What it is told of all logs, where some are not for everybody; `key` says what that follows from. */
  view: { readonly key: string; readonly told: Told } | undefined
  /** It held all records about membership when that was last looked at. */
  isInformed = false
  /** Everything has been compared once. */
  agreed = false
  /** A read for this peer is under way; frames leave one after the other. */
  reading = false
  /** It knows that a record may have been erased: one of the version before cannot take in the rest of it. */
  readonly takesErased: boolean
  readonly #buggify: Buggify
  #credit: number
  /** Cost of what the peer has sent and not been given credit for again. */
  #taken = 0
  /** The part of it that has been dealt with. */
  #owed = 0

  constructor(id: NodeId, buggify: Buggify = never, takesErased: boolean = true) {
    this.id = id
    this.takesErased = takesErased
    this.#buggify = buggify
    this.#credit = buggify('sync.little-credit') ? CREDIT_STEP_BYTES + RUN_COST_MAX : CREDIT_BYTES
  }

  /** The peer says that it has `size` records of a log. @returns false when it speaks of more logs than there can be */
  has(log: LogId, size: number): boolean {
    if (this.theirs.size >= LOGS_MAX && !this.theirs.has(log)) return false
    this.theirs.set(log, size)
    return true
  }

  /** Room for one frame more, whatever it costs. */
  get hasCredit(): boolean {
    return this.#credit >= RUN_COST_MAX
  }

  spend(bytes: number): void {
    this.#credit -= bytes
  }

  grant(bytes: number): void {
    this.#credit = Math.min(CREDIT_BYTES, this.#credit + bytes)
  }

  /** A frame came. @returns false when the peer has sent more than it was granted */
  take(bytes: number): boolean {
    if (this.#taken + bytes > CREDIT_BYTES) return false
    this.#taken += bytes
    return true
  }

  /** A frame that was taken has been dealt with. @returns the credit to send back now, 0 for not yet */
  owe(bytes: number): number {
    this.#owed += bytes
    if (this.#owed < CREDIT_STEP_BYTES && !this.#buggify('sync.credit-at-once')) return 0
    const due = this.#owed
    this.#owed = 0
    this.#taken -= due
    return due
  }
}
