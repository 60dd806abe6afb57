import type { LogId, NodeId, Stream } from '../base/ids.ts'
import { CREDIT_BYTES, CREDIT_STEP_BYTES } from '../base/limits.ts'

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
  /** Logs being sent: the next seq of each. Own logs stay, and are pushed as they grow. */
  readonly serving: Map<LogId, number> = new Map()
  /** Streams whose comparison with this peer is under way. */
  readonly open: Set<Stream> = new Set()
  /** Own logs of which the peer has more than we have published. */
  readonly outran: Set<LogId> = new Set()
  /** Everything has been compared once. */
  agreed = false
  /** A read for this peer is under way; frames leave one after the other. */
  reading = false
  #credit: number = CREDIT_BYTES
  #owed = 0

  constructor(id: NodeId) {
    this.id = id
  }

  get hasCredit(): boolean {
    return this.#credit > 0
  }

  spend(bytes: number): void {
    this.#credit -= bytes
  }

  grant(bytes: number): void {
    this.#credit = Math.min(CREDIT_BYTES, this.#credit + bytes)
  }

  /** Something the peer sent was dealt with. @returns the credit to send back now, 0 for not yet. */
  owe(bytes: number): number {
    this.#owed += bytes
    if (this.#owed < CREDIT_STEP_BYTES) return 0
    const due = this.#owed
    this.#owed = 0
    return due
  }
}
