import { utf8 } from '../base/bytes.ts'
import type { ErrorCode } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'
import { PEER_ADDRESSES_MAX, PEER_EXCHANGE_BYTES, PEER_EXCHANGE_MAX, PEER_SCORE_MAX } from '../base/limits.ts'
import { ACCEPT, ignore, type Verdict } from '../base/verdict.ts'
import { Heartbeat } from '../discovery/heartbeat.ts'
import type { ControlMessage } from '../discovery/messages.ts'
import { type KnownPeer, PeerBook } from '../discovery/peer-book.ts'
import { Redial } from '../discovery/redial.ts'
import type { Capacity } from './cognition/calibration.ts'
import type { CoreContext } from './context.ts'
import { SINCE } from './messages.ts'

/** A member as `weft peers` shows it. */
export interface PeerInfo {
  readonly nodeId: NodeId
  readonly role: string
  readonly status: 'member' | 'retired' | 'revoked'
  readonly state: 'up' | 'down'
  readonly addresses: readonly string[]
  /** Round trip in ms, null before the first answer. */
  readonly rttMs: number | null
  /** How far its wall clock is ahead of ours, and how sure that is; null before the first answer. */
  readonly clockOffsetMs: number | null
  readonly clockErrorMs: number | null
  /** Of the software it runs, and of its fold; null when it is down, or of a version that does not tell. */
  readonly version: string | null
  readonly foldVersion: number | null
  /** How long a synthetic tick of cognition takes it, in microseconds; null when it is down, or does not tell. */
  readonly capacity: Capacity | null
}

export interface PeersInit {
  /** Of the software, as peers are told. */
  readonly version: string
  readonly seeds: readonly KnownPeer[]
  /** Where this node can be reached; known once the transport listens. */
  readonly ownAddresses: () => readonly string[]
  readonly isMember: (node: NodeId) => boolean
  readonly send: (to: NodeId, message: ControlMessage) => void
}

export const PEERS_FILE = 'peers.json'
/** 1 s between two saves of the book: when a hundred nodes start, each is told of a hundred addresses, one after the other. */
const SAVE_INTERVAL_MS = 1000

/** Stays connected to the members: whom to dial and when, who is alive, who misbehaves, who can be reached where. */
export class Peers {
  readonly #context: CoreContext
  readonly #init: PeersInit
  readonly #book: PeerBook
  readonly #heartbeat: Heartbeat
  readonly #redial: Redial
  /** Strangers alone are not worth a save, of which a flood of them would make thousands; they go with what is. */
  #isSaved = true
  /** When the book is saved; Infinity while nothing in it is worth that. */
  #saveAtMs: number = Infinity
  #savedAtMs: number = -Infinity
  readonly #up: Set<NodeId> = new Set()
  /** What connected peers say they are; those of an earlier version say nothing. */
  readonly #about: Map<NodeId, { readonly version: string; readonly foldVersion: number }> = new Map()
  /** How fast connected peers think, and this node, as far as they have measured it. */
  readonly #capacities: Map<NodeId, Capacity> = new Map()
  #ownCapacity: Capacity | undefined
  /** What each peer's frames have cost it; halved every minute. */
  readonly #scores: Map<NodeId, number> = new Map()
  #scoreAtMs: number = Infinity

  constructor(context: CoreContext, init: PeersInit, saved: unknown) {
    this.#context = context
    this.#init = init
    this.#book = new PeerBook(context.self, init.isMember)
    this.#book.load(saved)
    this.#heartbeat = new Heartbeat(context.self)
    this.#redial = new Redial(context.self, context.random, context.buggify)
    for (const seed of init.seeds) this.#book.learn(seed.id, seed.addresses, 0, 'itself')
  }

  get nextWakeMs(): number {
    return Math.min(this.#heartbeat.nextWakeMs, this.#redial.nextWakeMs, this.#scoreAtMs, this.#saveAtMs)
  }

  get connected(): ReadonlySet<NodeId> {
    return this.#up
  }

  /** Addresses of this node and of members it knows: what a newcomer, or a peer, is told. */
  known(): readonly KnownPeer[] {
    const own = { id: this.#context.self, addresses: this.#init.ownAddresses().slice(0, PEER_ADDRESSES_MAX) }
    const known: KnownPeer[] = []
    let left = PEER_EXCHANGE_BYTES
    for (const peer of [own, ...this.#book.peers.filter(({ id }) => this.#init.isMember(id))]) {
      left -= 64 + peer.addresses.reduce((sum, address) => sum + 4 + address.length, 0)
      if (left < 0 || known.length === PEER_EXCHANGE_MAX) break
      if (peer.addresses.length > 0) known.push(peer)
    }
    return known
  }

  /** Where this node can be dialled. */
  get addresses(): readonly string[] {
    return this.#init.ownAddresses()
  }

  clockOf(peer: NodeId): Pick<PeerInfo, 'rttMs' | 'clockOffsetMs' | 'clockErrorMs'> {
    const { rttMs, offsetMs } = this.#heartbeat.clockOf(peer)
    return { rttMs: rttMs ?? null, clockOffsetMs: offsetMs ?? null, clockErrorMs: rttMs === undefined ? null : rttMs / 2 }
  }

  versionOf(peer: NodeId): Pick<PeerInfo, 'version' | 'foldVersion'> {
    return this.#about.get(peer) ?? { version: null, foldVersion: null }
  }

  capacityOf(peer: NodeId): Capacity | undefined {
    return this.#capacities.get(peer)
  }

  /** This node has measured itself: those it is connected to are told, and those to come. */
  onCapacity(capacity: Capacity): void {
    this.#ownCapacity = capacity
    for (const peer of this.#up) this.#tellCapacity(peer)
  }

  #tellCapacity(peer: NodeId): void {
    if (this.#ownCapacity !== undefined && this.#context.speaks.protocol >= SINCE['peer.capacity'])
      this.#init.send(peer, { kind: 'peer.capacity', ...this.#ownCapacity })
  }

  addressesOf(peer: NodeId): readonly string[] {
    return this.#book.addressesOf(peer)
  }

  // ---- connections

  onUp(peer: NodeId): void {
    const { monotonicMs } = this.#context.now
    this.#up.add(peer)
    this.#redial.onUp(peer, monotonicMs)
    this.#heartbeat.onUp(peer, monotonicMs)
    this.#context.metrics.set('weft_peers', this.#up.size)
    this.#context.log('info', 'peer.up', { peer })
    this.#init.send(peer, { kind: 'peer.known', peers: this.known() })
    const { speaks, buggify } = this.#context
    if (speaks.protocol >= SINCE['peer.about'])
      this.#init.send(peer, { kind: 'peer.about', version: this.#init.version, fold: speaks.fold })
    this.#tellCapacity(peer)
    if (buggify('peers.close-early')) this.#context.emit({ kind: 'close', peer, code: 'unreachable' })
  }

  onDown(peer: NodeId, code: ErrorCode): void {
    this.#up.delete(peer)
    this.#about.delete(peer)
    this.#capacities.delete(peer)
    this.#redial.onDown(peer, this.#context.now.monotonicMs)
    this.#heartbeat.onDown(peer)
    this.#context.metrics.set('weft_peers', this.#up.size)
    this.#context.log('info', 'peer.down', { peer, code })
  }

  onDialFailed(peer: NodeId, code: ErrorCode): void {
    const waitMs = this.#redial.onDialFailed(peer, this.#context.now.monotonicMs)
    this.#context.log('debug', 'peer.dial-failed', { peer, code, waitMs })
  }

  /** Somebody said where a node can be reached: unproved, so it only becomes something to try. */
  onDiscovered(peer: NodeId, addresses: readonly string[]): void {
    this.#learn([{ id: peer, addresses }])
  }

  /** @param from who says so, if that is known */
  #learn(peers: readonly KnownPeer[], from?: NodeId): void {
    let isNew = false
    for (const { id, addresses } of peers) {
      if (!this.#book.learn(id, addresses, this.#context.now.wallMs, id === from ? 'itself' : 'others')) continue
      this.#isSaved = false
      if (!this.#init.isMember(id)) continue
      isNew = true
      this.#redial.hint(id, this.#context.now.monotonicMs)
      if (id === from) this.#passOn(id)
    }
    if (isNew) this.retarget()
  }

  /** What a peer says of itself is told to the others: those that connected just before it have not heard of it. */
  #passOn(id: NodeId): void {
    const peers = [{ id, addresses: this.#book.addressesOf(id) }]
    for (const other of this.#up) if (other !== id) this.#init.send(other, { kind: 'peer.known', peers })
  }

  /** Members or addresses changed: whom should we be connected to? */
  retarget(): void {
    const reachable = this.#book.peers.filter(({ id }) => this.#init.isMember(id)).map(({ id }) => id)
    this.#redial.setTargets(reachable, this.#context.now.monotonicMs)
    if (this.#isSaved) return
    this.#saveAtMs = Math.min(this.#saveAtMs, this.#savedAtMs + SAVE_INTERVAL_MS)
    this.#saveDue()
  }

  #saveDue(): void {
    if (this.#saveAtMs <= this.#context.now.monotonicMs) this.save()
  }

  /** Saves the book at once if it was to be saved. */
  save(): void {
    if (this.#saveAtMs === Infinity) return
    this.#saveAtMs = Infinity
    this.#savedAtMs = this.#context.now.monotonicMs
    this.#isSaved = true
    this.#context.emit({ kind: 'save', file: PEERS_FILE, content: () => utf8(JSON.stringify(this.#book)) })
  }

  /** This node is cut off from other peers than before, or from none: somebody said so, and waits for it. */
  onBlocked(): void {
    this.#redial.hintAll(this.#context.now.monotonicMs, 0)
  }

  // ---- messages

  on(from: NodeId, message: ControlMessage): Verdict {
    switch (message.kind) {
      case 'peer.ping':
        this.#init.send(from, { kind: 'peer.pong', number: message.number, wallMs: Math.max(0, Math.floor(this.#context.now.wallMs)) })
        return ACCEPT
      case 'peer.pong':
        return this.#heartbeat.onPong(from, message.number, message.wallMs, this.#context.now.monotonicMs) ? ACCEPT : ignore('late')
      case 'peer.known':
        this.#learn(message.peers, from)
        return ACCEPT
      case 'peer.about':
        this.#about.set(from, { version: message.version, foldVersion: message.fold })
        return ACCEPT
      case 'peer.capacity':
        this.#capacities.set(from, { p50Us: message.p50Us, p95Us: message.p95Us })
        return ACCEPT
    }
  }

  heard(from: NodeId): void {
    this.#heartbeat.heard(from, this.#context.now.monotonicMs)
  }

  /** A frame was rejected. A peer that goes on like that is disconnected; honest bugs are forgiven with time. */
  blame(peer: NodeId): void {
    const score = (this.#scores.get(peer) ?? 0) + 10
    this.#scores.set(peer, score)
    if (this.#scoreAtMs === Infinity) this.#scoreAtMs = this.#context.now.monotonicMs + 60_000
    if (score < PEER_SCORE_MAX) return
    this.#scores.delete(peer)
    this.#context.log('warn', 'peer.scored-out', { peer })
    this.#context.emit({ kind: 'close', peer, code: 'rate_limited' })
  }

  onWake(): void {
    const { monotonicMs, wallMs } = this.#context.now
    const { pings, gone } = this.#heartbeat.onWake(monotonicMs, wallMs)
    for (const peer of gone) this.#context.emit({ kind: 'close', peer, code: 'timeout' })
    for (const { peer, number } of pings)
      if (!this.#context.buggify('heartbeat.no-ping')) this.#init.send(peer, { kind: 'peer.ping', number })
    for (const peer of this.#redial.onWake(monotonicMs)) this.#context.emit({ kind: 'dial', peer, addresses: this.#book.addressesOf(peer) })
    this.#saveDue()
    if (this.#scoreAtMs > monotonicMs) return
    for (const [peer, score] of this.#scores) score > 1 ? this.#scores.set(peer, score / 2) : this.#scores.delete(peer)
    this.#scoreAtMs = this.#scores.size === 0 ? Infinity : monotonicMs + 60_000
  }
}
