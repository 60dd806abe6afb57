import type { Buggify } from '../base/buggify.ts'
import { equalBytes } from '../base/bytes.ts'
import type { LogId, NodeId } from '../base/ids.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Chain } from './chain.ts'
import { entryOf } from './digest.ts'
import type { Log } from './log.ts'
import type { StoredRecord } from './record.ts'
import { type EncodedRun, encodeRun, type Grounds, NO_GROUNDS } from './run.ts'
import type { Sharing } from './sharing.ts'
import type { SyncEffect } from './sync.ts'
import type { SyncPeer } from './sync-peer.ts'
import type { Written } from './written.ts'

/**
 * Sends runs: to a peer that asked, and of own logs to everyone who has the rest. Frames come
 * straight from memory when a commit ends, from the disk otherwise, never more than the peer's credit.
 */
export class Pusher {
  readonly #chain: Chain
  readonly #peers: ReadonlyMap<NodeId, SyncPeer>
  readonly #emit: (effect: SyncEffect) => void
  readonly #buggify: Buggify
  readonly #metrics: Metrics
  readonly #sharing: Sharing

  constructor(
    chain: Chain,
    peers: ReadonlyMap<NodeId, SyncPeer>,
    sharing: Sharing,
    emit: (effect: SyncEffect) => void,
    metrics: Metrics,
    buggify: Buggify,
  ) {
    this.#sharing = sharing
    this.#chain = chain
    this.#peers = peers
    this.#emit = emit
    this.#metrics = metrics
    this.#buggify = buggify
  }

  /** A peer wants a log from `from` on. @returns false when our history before `from` is another one. */
  serve(peer: SyncPeer, log: Log, from: number, head: Uint8Array): boolean {
    if (from > 0 && from <= log.published && !equalBytes(log.tree.leaf(from - 1), head)) return false
    const { id } = log.identity
    peer.theirs.set(id, from)
    peer.serving.set(id, from)
    if (!this.#isOwn(log) && (peer.told.get(id) ?? 0) < log.published) {
      this.#emit({ kind: 'send', to: peer.id, message: { kind: 'sync.heads', entries: [entryOf(log)] } })
      peer.told.set(id, log.published)
    }
    this.pump(peer)
    return true
  }

  #isOwn(log: Log): boolean {
    return log.identity.author === this.#chain.self
  }

  /**
   * How much of a log is sent to a peer: of others' logs what it was told of, though more may have come meanwhile. So it knows
   * when it has what it asked for, and does not ask another one for what is on its way.
   */
  #limit(peer: SyncPeer, log: Log): number {
    return this.#isOwn(log) ? log.published : Math.min(log.published, peer.told.get(log.identity.id) ?? 0)
  }

  /** A peer has all of an own log up to `next`: what follows is pushed. */
  follow(peer: SyncPeer, log: LogId, next: number): void {
    if (!peer.serving.has(log)) peer.serving.set(log, next)
  }

  /** The same for a peer that has as much of an own log as it was told of: what it was told of and lacks, it asks for. */
  followOwn(peer: SyncPeer, log: Log): void {
    const { id } = log.identity
    const theirs = peer.theirs.get(id) ?? 0
    if (theirs >= (peer.told.get(id) ?? 0) && theirs <= log.published) this.follow(peer, id, theirs)
  }

  /** Has the next frame read for a peer that waits for one and has credit. */
  pump(peer: SyncPeer): void {
    if (peer.reading) return
    if (!peer.hasCredit) return this.#metrics.add('weft_sync_stalls_total')
    for (const [id, next] of peer.serving) {
      const log = this.#chain.log(id)
      const state = log === undefined ? 'barred' : this.#sharing.of(peer, log)
      if (state === 'barred') peer.serving.delete(id)
      if (state !== 'shared') continue
      if (log !== undefined && next < this.#limit(peer, log)) {
        peer.reading = true
        this.#emit({ kind: 'read', peer: peer.id, log: id, from: next })
        return
      }
      if (log === undefined || !this.#isOwn(log)) peer.serving.delete(id)
    }
  }

  /** The records asked for; none when they could not be read: then the peer will ask someone else. */
  onRead(
    peer: SyncPeer,
    log: Log | undefined,
    id: LogId,
    from: number,
    records: readonly StoredRecord[],
    grounds: Grounds = NO_GROUNDS,
  ): void {
    peer.reading = false
    const limit = log === undefined ? 0 : this.#limit(peer, log)
    if (log !== undefined && peer.serving.get(id) === from && from < limit && this.#sharing.isShared(peer, log)) {
      const shared = this.#share(records.slice(0, limit - from))
      const frame = shared.length === 0 ? undefined : encodeRun(log, from, shared, peer.takesErased ? grounds : NO_GROUNDS)
      if (frame !== undefined && frame.end > from) this.#send(peer, log, frame)
      else this.#giveUp(peer, id, shared)
    }
    this.pump(peer)
  }

  /** The next record of a log cannot be told to this peer. */
  #giveUp(peer: SyncPeer, id: LogId, records: readonly StoredRecord[]): void {
    peer.serving.delete(id)
    if (records.length > 0) this.#metrics.add('weft_sync_withheld_total')
  }

  /** An own log was committed and signed; `fresh` are the records that this commit added. */
  push(log: Log, fresh: readonly Written[]): void {
    const first = fresh[0]?.seq
    const frames: EncodedRun[] = []
    for (const peer of this.#peers.values()) {
      if (!peer.agreed || this.#buggify('sync.no-push') || !this.#sharing.isShared(peer, log)) continue
      this.followOwn(peer, log)
      if (!peer.reading && first !== undefined && peer.serving.get(log.identity.id) === first) {
        if (frames.length === 0) frames.push(...this.#framesOf(log, first, fresh))
        for (const frame of frames) {
          if (!peer.hasCredit) break
          this.#send(peer, log, frame)
        }
      }
      this.pump(peer)
    }
  }

  #send(peer: SyncPeer, log: Log, frame: EncodedRun): void {
    const id = log.identity.id
    this.#emit({ kind: 'send', to: peer.id, message: { kind: 'sync.run', fields: frame.fields } })
    peer.spend(frame.cost)
    peer.serving.set(id, frame.end)
    peer.theirs.set(id, Math.max(peer.theirs.get(id) ?? 0, frame.end))
    // A frame of an author says how far its log goes.
    if (this.#isOwn(log)) peer.told.set(id, log.published)
  }

  #framesOf(log: Log, first: number, fresh: readonly Written[]): EncodedRun[] {
    const records = fresh.map(written => written.record)
    const frames: EncodedRun[] = []
    for (let from = first; from < first + records.length && from < log.published; ) {
      const frame = encodeRun(log, from, this.#share(records.slice(from - first)))
      if (frame.end === from) break
      frames.push(frame)
      from = frame.end
    }
    return frames
  }

  /** What is offered to one frame. */
  #share(records: readonly StoredRecord[]): readonly StoredRecord[] {
    return this.#buggify('sync.one-record-frames') ? records.slice(0, 1) : records
  }
}
