import { ZERO_32 } from '../base/bytes.ts'
import type { LogId, NodeId } from '../base/ids.ts'
import { PULL_TIMEOUT_MS, PULLS_PER_PEER_MAX } from '../base/limits.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Chain } from './chain.ts'
import type { OutgoingSyncMessage } from './messages.ts'
import type { LogIdentity } from './record.ts'
import type { SyncPeer } from './sync-peer.ts'

/**
 * Which logs are behind some peer's, and who is asked for each: one peer at a time, its
 * author first, another one when the first keeps us waiting.
 */
export class Puller {
  readonly #chain: Chain
  readonly #peers: ReadonlyMap<NodeId, SyncPeer>
  readonly #identify: (log: LogId) => LogIdentity | undefined
  /** Whether a peer may know that we have a log, and how much of it. */
  readonly #isFor: (peer: NodeId, log: LogIdentity) => boolean
  readonly #send: (to: NodeId, message: OutgoingSyncMessage) => void
  readonly #metrics: Metrics
  /** Logs of which a peer has said that it holds more. */
  readonly #behind: Set<LogId> = new Set()
  /** Those of nobody we know: an author may become a member yet. Apart, so that a flood of them costs nothing after every frame. */
  readonly #unknown: Set<LogId> = new Set()
  readonly #pulls: Map<LogId, { readonly peer: NodeId; readonly untilMs: number }> = new Map()
  readonly #slow: Map<LogId, Set<NodeId>> = new Map()
  /** Logs whose pull ended with its connection. */
  readonly #broken: Set<LogId> = new Set()
  /** Own logs that are taken back from peers. */
  readonly #recovering: Set<LogId> = new Set()
  /** A commit failed: nothing is asked for before this time. */
  #pausedUntilMs: number = -Infinity

  constructor(
    chain: Chain,
    peers: ReadonlyMap<NodeId, SyncPeer>,
    identify: (log: LogId) => LogIdentity | undefined,
    isFor: (peer: NodeId, log: LogIdentity) => boolean,
    send: (to: NodeId, message: OutgoingSyncMessage) => void,
    metrics: Metrics,
  ) {
    this.#chain = chain
    this.#peers = peers
    this.#identify = identify
    this.#isFor = isFor
    this.#send = send
    this.#metrics = metrics
  }

  get nextWakeMs(): number {
    let next = this.#pausedUntilMs > -Infinity ? this.#pausedUntilMs : Infinity
    for (const pull of this.#pulls.values()) next = Math.min(next, pull.untilMs)
    return next
  }

  /** A peer holds `size` records of a log. @returns false when it speaks of more logs than there can be */
  hears(peer: SyncPeer, log: LogId, size: number): boolean {
    if (!peer.has(log, size)) return false
    if (size > (this.#chain.log(log)?.size ?? 0)) this.#behind.add(log)
    return true
  }

  /** Asks for everything that is behind and not on its way, membership first. */
  pull(nowMs: number): void {
    if (nowMs < this.#pausedUntilMs) return
    const wanted: LogIdentity[] = []
    for (const id of this.#behind) {
      if (this.#pulls.has(id)) continue
      const log = this.#chain.log(id)
      const identity = log?.identity ?? this.#identify(id)
      if (identity === undefined) {
        this.#behind.delete(id)
        this.#unknown.add(id)
        continue
      }
      if (identity.author === this.#chain.self && !this.#recovering.has(id)) continue
      if (log?.conflict !== undefined) this.#behind.delete(id)
      else wanted.push(identity)
    }
    wanted.sort((a, b) => Number(b.stream === 'cluster') - Number(a.stream === 'cluster') || (a.id < b.id ? -1 : 1))
    for (const identity of wanted) this.#want(identity, nowMs)
  }

  /** Members or streams may be known that were not. */
  reconsider(): void {
    for (const id of this.#unknown) this.#behind.add(id)
    this.#unknown.clear()
  }

  #want(identity: LogIdentity, nowMs: number): void {
    const log = this.#chain.log(identity.id)
    const size = log?.size ?? 0
    let source: SyncPeer | undefined
    let ahead = false
    for (const peer of this.#peers.values()) {
      if ((peer.theirs.get(identity.id) ?? 0) <= size) continue
      ahead = true
      if (!this.#isFor(peer.id, identity)) continue
      if (this.#load(peer.id) >= PULLS_PER_PEER_MAX) continue
      if (source === undefined || this.#isBetter(peer, source, identity)) source = peer
    }
    if (!ahead) this.#behind.delete(identity.id)
    if (source === undefined) return
    this.#pulls.set(identity.id, { peer: source.id, untilMs: nowMs + PULL_TIMEOUT_MS })
    if (this.#broken.delete(identity.id)) this.#metrics.add('weft_sync_pulls_resumed_total')
    this.#send(source.id, { kind: 'sync.want', log: identity.id, from: size, head: log?.head ?? ZERO_32 })
  }

  /** Not known to be slow; then the author itself; then the least asked; then the smaller id. */
  #isBetter(a: SyncPeer, b: SyncPeer, { id, author }: LogIdentity): boolean {
    const slow = this.#slow.get(id)
    const rank = (peer: SyncPeer): readonly number[] => [
      slow?.has(peer.id) === true ? 1 : 0,
      peer.id === author ? 0 : 1,
      this.#load(peer.id),
    ]
    const [ofA, ofB] = [rank(a), rank(b)]
    const differs = ofA.findIndex((value, i) => value !== ofB[i])
    return differs < 0 ? a.id < b.id : (ofA[differs] as number) < (ofB[differs] as number)
  }

  #load(peer: NodeId): number {
    let count = 0
    for (const pull of this.#pulls.values()) if (pull.peer === peer) count++
    return count
  }

  /** A frame was staged: the pull goes on, or is complete. A frame nobody asked for that is not the last one is a pull too. */
  progressed(peer: NodeId, log: LogId, complete: boolean, nowMs: number): void {
    this.#slow.delete(log)
    if ((this.#pulls.get(log)?.peer ?? peer) !== peer) return
    if (complete) this.#pulls.delete(log)
    else this.#pulls.set(log, { peer, untilMs: nowMs + PULL_TIMEOUT_MS })
  }

  isRecovering(log: LogId): boolean {
    return this.#recovering.has(log)
  }

  recover(log: LogId): void {
    this.#recovering.add(log)
    this.#behind.add(log)
  }

  recovered(log: LogId): void {
    this.#recovering.delete(log)
  }

  /** Gives up a pull without blame: its log is in conflict, or its records are not to be stored yet. */
  drop(log: LogId): void {
    this.#pulls.delete(log)
    this.#behind.delete(log)
  }

  /** What was staged is lost: everything is asked for again, a little later. */
  restart(nowMs: number): void {
    this.#pulls.clear()
    this.#pausedUntilMs = nowMs + PULL_TIMEOUT_MS
    for (const peer of this.#peers.values()) for (const [log, size] of peer.theirs) this.hears(peer, log, size)
  }

  /** A peer is gone, and with it what only it had. */
  onDown(id: NodeId): void {
    for (const [log, pull] of this.#pulls) {
      if (pull.peer !== id) continue
      this.#pulls.delete(log)
      this.#broken.add(log)
    }
    this.reconsider()
    for (const log of this.#behind) if (![...this.#peers.values()].some(peer => peer.theirs.has(log))) this.#behind.delete(log)
  }

  onWake(nowMs: number): void {
    if (this.#pausedUntilMs <= nowMs) this.#pausedUntilMs = -Infinity
    for (const [log, pull] of this.#pulls) {
      if (pull.untilMs > nowMs) continue
      this.#pulls.delete(log)
      this.#slow.set(log, (this.#slow.get(log) ?? new Set()).add(pull.peer))
    }
    this.pull(nowMs)
  }
}
