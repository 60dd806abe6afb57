import { type Buggify, never } from '../base/buggify.ts'
import { equalBytes } from '../base/bytes.ts'
import type { FrontierEntry } from '../base/frontier.ts'
import { CLUSTER, keyOf, type LogId, type NodeId, type Stream } from '../base/ids.ts'
import { ANTI_ENTROPY_INTERVAL_MS, ENTRIES_DIRECT_MAX, HEADS_INTERVAL_MS } from '../base/limits.ts'
import { Metrics } from '../base/metrics.ts'
import type { Random } from '../base/ports.ts'
import { ACCEPT, ignore, reject, type Reply, type Verdict } from '../base/verdict.ts'
import type { Chain, Group } from './chain.ts'
import { type Conflict, isWitnessed } from './conflict.ts'
import { bucketDigests, differingBuckets, entryOf, isInScope, publishedByStream, Summary } from './digest.ts'
import { ForkSearch, type SearchStep } from './fork-search.ts'
import type { Log } from './log.ts'
import type { OutgoingSyncMessage, Scope, StreamBuckets, StreamDigest, SyncMessage } from './messages.ts'
import type { LogIdentity, StoredRecord } from './record.ts'
import { type Access, OPEN, Sharing } from './sharing.ts'
import { costOf, endOf, type Grounds, type Run } from './run.ts'
import { RunIntake } from './run-intake.ts'
import { SyncPeer } from './sync-peer.ts'
import { Puller } from './sync-pull.ts'
import { Pusher } from './sync-push.ts'

/**
 * The replication protocol, one conversation per connected peer, the same on both sides:
 *
 *  1. The smaller NodeId says `hello`: a digest per stream. All equal: `equal`, done in one round trip.
 *  2. Otherwise `ask` tells all entries of the streams that differ (buckets first, where a stream has many
 *     logs), and `answer` those that differ from them.
 *  3. Whoever is behind in a log asks one peer for it: `want`, with its own leaf as proof of the common past.
 *  4. `run` frames follow, as fast as the receiver's `credit` allows.
 *  5. From then on an author pushes what it commits; others tell their `heads` where a peer seems to lack them.
 *  6. Histories that differ are searched for the first differing record: `probe`, `leaf`.
 *
 * It decides, and returns effects; it never sends, reads or waits.
 */
export type SyncEffect =
  | { readonly kind: 'send'; readonly to: NodeId; readonly message: OutgoingSyncMessage }
  /** Read records of a log from `from` on, a chunk of them, and hand them to `onRead`. */
  | { readonly kind: 'read'; readonly peer: NodeId; readonly log: LogId; readonly from: number }
  /** Everything was compared with this peer: it knows no more of our own logs than we do. */
  | { readonly kind: 'vouched'; readonly peer: NodeId }
  /** This peer has shown that it has more of an own log than we have published. */
  | { readonly kind: 'outrun'; readonly peer: NodeId; readonly log: LogId; readonly size: number }
  | { readonly kind: 'conflict'; readonly conflict: Conflict }

export interface SyncInit {
  readonly chain: Chain
  readonly random: Random
  readonly foldVersion: number
  /** Whose log this is, if its author is a member: only those are pulled. */
  readonly identify: (log: LogId) => LogIdentity | undefined
  /** Which logs are for whom; all for all unless it says otherwise. */
  readonly access?: Access
  readonly metrics?: Metrics
  readonly buggify?: Buggify
}

export class ChainSync {
  readonly #chain: Chain
  readonly #random: Random
  readonly #foldVersion: number
  readonly #buggify: Buggify
  readonly #identify: (log: LogId) => LogIdentity | undefined
  readonly #peers: Map<NodeId, SyncPeer> = new Map()
  readonly #puller: Puller
  readonly #pusher: Pusher
  readonly #intake: RunIntake
  readonly #forks: ForkSearch
  /** Logs that grew since heads were last told. */
  readonly #grown: Set<Log> = new Set()
  #headsAtMs: number = Infinity
  /** When each peer that we lead is next compared with, whatever seems to be the case. */
  readonly #checkAtMs: Map<NodeId, number> = new Map()
  /** The earliest of them, or earlier. */
  #nextCheckMs: number = Infinity
  readonly #summary: Summary
  readonly #access: Access
  readonly #sharing: Sharing
  #nowMs = 0
  #effects: SyncEffect[] = []

  constructor(init: SyncInit) {
    this.#chain = init.chain
    this.#random = init.random
    this.#foldVersion = init.foldVersion
    this.#buggify = init.buggify ?? never
    const metrics = init.metrics ?? new Metrics()
    this.#identify = init.identify
    const { access = OPEN } = init
    this.#access = access
    const isFor = (peer: NodeId, log: LogIdentity): boolean => access.isOpen(log.stream) || access.isFor(peer, log)
    this.#puller = new Puller(init.chain, this.#peers, init.identify, isFor, (to, message) => this.#send(to, message), metrics)
    this.#summary = new Summary(init.chain)
    this.#sharing = new Sharing(init.chain, access, this.#summary)
    this.#pusher = new Pusher(init.chain, this.#peers, this.#sharing, effect => this.#effects.push(effect), metrics, this.#buggify)
    this.#intake = new RunIntake(init.chain, init.identify)
    this.#forks = new ForkSearch(init.chain)
  }

  /** When `onWake` has something to do; Infinity for never. */
  get nextWakeMs(): number {
    return Math.min(this.#headsAtMs, this.#nextCheckMs, this.#puller.nextWakeMs)
  }

  get followers(): number {
    return this.#peers.size
  }

  /** @param takesErased it speaks a version that knows of erased records */
  onUp(id: NodeId, nowMs: number, takesErased: boolean = true): readonly SyncEffect[] {
    this.#peers.set(id, new SyncPeer(id, this.#buggify, takesErased))
    if (this.#access.takes !== undefined) this.#send(id, { kind: 'sync.takes', ...this.#access.takes })
    if (this.#chain.self < id) {
      if (this.#buggify('sync.hello-late')) this.#compareAt(id, nowMs + HEADS_INTERVAL_MS)
      else this.#compare(id, nowMs)
    }
    return this.#take()
  }

  onDown(id: NodeId, nowMs: number): readonly SyncEffect[] {
    this.#peers.delete(id)
    this.#checkAtMs.delete(id)
    this.#forks.forget(id)
    this.#puller.onDown(id)
    this.#puller.pull(nowMs)
    return this.#take()
  }

  on(from: NodeId, message: SyncMessage, nowMs: number, wallMs: number): Reply<SyncEffect> {
    const peer = this.#peers.get(from)
    this.#nowMs = nowMs
    const verdict = peer === undefined ? ignore('unexpected') : this.#dispatch(peer, message, nowMs, wallMs)
    if (peer !== undefined) this.#inform(peer)
    return { verdict, effects: this.#take() }
  }

  #dispatch(peer: SyncPeer, message: SyncMessage, nowMs: number, wallMs: number): Verdict {
    if (message.kind !== 'sync.hello' && message.kind !== 'sync.equal') peer.equalAt = undefined
    switch (message.kind) {
      case 'sync.takes':
        peer.takes = { isExcept: message.isExcept, streams: message.streams }
        peer.view = undefined
        return ACCEPT
      case 'sync.hello':
        return this.#onHello(peer, message.digests, nowMs)
      case 'sync.equal':
        // Equal is what was compared, not what has been published since.
        return this.#onEqual(peer, peer.compared ?? NONE, nowMs)
      case 'sync.ask':
        return this.#onAsk(peer, message, nowMs)
      case 'sync.answer':
        return this.#onAnswer(peer, message, nowMs)
      case 'sync.heads': {
        const isSound = this.#learnEach(
          peer,
          message.entries.filter(entry => !peer.deferred.has(entry.log)),
          nowMs,
        )
        this.#puller.pull(nowMs)
        return isSound ? ACCEPT : TOO_MANY_LOGS
      }
      case 'sync.want':
        return this.#onWant(peer, message)
      case 'sync.run':
        return this.#onRun(peer, message.run, nowMs, wallMs)
      case 'sync.credit':
        peer.grant(message.bytes)
        this.#pusher.pump(peer)
        return ACCEPT
      case 'sync.probe':
        return this.#onProbe(peer, message.log, message.seq)
      case 'sync.leaf': {
        if (peer.outran.has(message.log) && message.seq >= (this.#chain.log(message.log)?.published ?? 0))
          return this.#onOutrunLeaf(peer, message)
        const step = this.#forks.onLeaf(peer.id, message.log, message.seq, message.witnessed, nowMs)
        this.#search(step)
        return step.verdict
      }
    }
  }

  // ---- comparing

  /** Says hello now, and again later: the smaller NodeId of the two does. */
  #compare(id: NodeId, nowMs: number): void {
    const peer = this.#peers.get(id)
    if (peer !== undefined) {
      const { digests, published } = this.#sharing.told(peer)
      peer.compared = published
      this.#send(id, { kind: 'sync.hello', foldVersion: this.#foldVersion, digests })
    }
    this.#compareAt(id, nowMs + ANTI_ENTROPY_INTERVAL_MS / 2 + this.#random.below(ANTI_ENTROPY_INTERVAL_MS))
  }

  #compareAt(id: NodeId, atMs: number): void {
    this.#checkAtMs.set(id, atMs)
    this.#nextCheckMs = Math.min(this.#nextCheckMs, atMs)
  }

  #onHello(peer: SyncPeer, digests: readonly StreamDigest[], nowMs: number): Verdict {
    this.#puller.reconsider()
    this.#compareMembership(peer, digests)
    const told = this.#sharing.told(peer)
    const mine = new Map(told.digests.map(({ stream, digest }) => [stream, digest]))
    const differing = new Set<Stream>(mine.keys())
    for (const { stream, digest } of digests) {
      if (!this.#sharing.follows(stream)) continue
      const own = mine.get(stream)
      if (own !== undefined && equalBytes(own, digest) && !this.#buggify('sync.compare-all')) differing.delete(stream)
      else differing.add(stream)
    }
    peer.open.clear()
    if (differing.size === 0) {
      this.#send(peer.id, { kind: 'sync.equal' })
      return this.#onEqual(peer, told.published, nowMs)
    }
    this.#assumeEqual(
      peer,
      this.#publishedIf(peer, log => !differing.has(log.identity.stream)),
    )
    const published = publishedByStream(this.#sharing.logsFor(peer))
    const scope: Scope[] = []
    const buckets: StreamBuckets[] = []
    for (const stream of differing) {
      peer.open.add(stream)
      const logs = published.get(stream) ?? []
      if (logs.length <= ENTRIES_DIRECT_MAX) scope.push({ stream, buckets: WHOLE })
      else buckets.push({ stream, digests: bucketDigests(logs) })
    }
    this.#ask(peer, scope, buckets)
    return ACCEPT
  }

  /** Nothing differs. Where that was so before, and nothing was said or published since, what is known of the peer stands. */
  #onEqual(peer: SyncPeer, published: ReadonlyMap<LogId, number>, nowMs: number): Verdict {
    const { revision } = this.#chain
    if (peer.equalAt !== revision) this.#assumeEqual(peer, published)
    const verdict = this.#agree(peer, nowMs)
    if (published === this.#sharing.told(peer).published && peer.open.size === 0) peer.equalAt = revision
    return verdict
  }

  #ask(peer: SyncPeer, scope: readonly Scope[], buckets: readonly StreamBuckets[]): void {
    this.#send(peer.id, { kind: 'sync.ask', scope, entries: this.#entries(peer, scope, () => true), buckets })
  }

  #onAsk(peer: SyncPeer, message: Extract<SyncMessage, { kind: 'sync.ask' }>, nowMs: number): Verdict {
    const { scope, entries, buckets } = message
    this.#assumeUnasked(peer, new Set([...scope, ...buckets].map(({ stream }) => stream)))
    if (!this.#learnAll(peer, scope, entries, () => 0, nowMs)) return TOO_MANY_LOGS
    for (const { stream } of scope) peer.open.delete(stream)
    const published = publishedByStream(this.#sharing.logsFor(peer))
    const narrowed = buckets.map(({ stream, digests }) => ({
      stream,
      buckets: differingBuckets(bucketDigests(published.get(stream) ?? []), digests),
    }))
    for (const { stream } of narrowed) peer.open.add(stream)
    this.#assumeEqual(
      peer,
      this.#publishedIf(peer, log => narrowed.some(({ stream }) => stream === log.identity.stream) && !isInScope(log, narrowed)),
    )
    if (narrowed.length > 0) this.#ask(peer, narrowed, [])
    this.#send(peer.id, {
      kind: 'sync.answer',
      scope,
      entries: this.#entries(peer, scope, log => peer.theirs.get(log.identity.id) !== log.published),
    })
    return this.#agree(peer, nowMs)
  }

  #onAnswer(peer: SyncPeer, message: Extract<SyncMessage, { kind: 'sync.answer' }>, nowMs: number): Verdict {
    // What an answer leaves out is as we told it.
    if (!this.#learnAll(peer, message.scope, message.entries, log => peer.told.get(log.identity.id) ?? 0, nowMs)) return TOO_MANY_LOGS
    for (const { stream } of message.scope) peer.open.delete(stream)
    return this.#agree(peer, nowMs)
  }

  #entries(peer: SyncPeer, scope: readonly Scope[], which: (log: Log) => boolean): FrontierEntry[] {
    const entries: FrontierEntry[] = []
    for (const log of this.#chain.logs.values()) {
      if (!isInScope(log, scope) || !this.#sharing.isShared(peer, log)) continue
      // What is not listed is not here, for the peer: also what it sent, and is on its way to the disk.
      peer.told.set(log.identity.id, log.published)
      if (log.published > 0 && which(log)) entries.push(entryOf(log))
    }
    return entries
  }

  #learnAll(
    peer: SyncPeer,
    scope: readonly Scope[],
    entries: readonly FrontierEntry[],
    unlisted: (log: Log) => number,
    nowMs: number,
  ): boolean {
    const listed = new Set(entries.map(entry => entry.log))
    for (const log of this.#chain.logs.values()) {
      if (!listed.has(log.identity.id) && isInScope(log, scope)) peer.has(log.identity.id, unlisted(log))
    }
    for (const { log } of entries) peer.deferred.delete(log)
    return this.#learnEach(peer, entries, nowMs)
  }

  /** @returns false when the peer speaks of more logs than there can be */
  #learnEach(peer: SyncPeer, entries: readonly FrontierEntry[], nowMs: number): boolean {
    return entries.every(entry => this.#learn(peer, entry, nowMs))
  }

  /** A peer's place in one log: behind ours, equal, ahead, or on another history. */
  #learn(peer: SyncPeer, { log: id, size, head }: FrontierEntry, nowMs: number): boolean {
    const log = this.#chain.log(id)
    const published = log?.published ?? 0
    if (log !== undefined && size <= published && !equalBytes(log.tree.leaf(size - 1), head) && this.#sharing.isShared(peer, log)) {
      this.#search(this.#forks.begin(peer.id, log, size - 1, nowMs))
      return true
    }
    if (!this.#puller.hears(peer, id, size)) return false
    const own = log?.identity ?? this.#identify(id)
    if (own?.author !== this.#chain.self) return true
    // Who may not know of it is asked nothing about it.
    if (!this.#access.isOpen(own.stream) && !this.#access.isFor(peer.id, own)) return true
    if (size > published) {
      // Anybody can say so: what follows from it follows when the peer has shown our own signature.
      peer.outran.add(id)
      this.#send(peer.id, { kind: 'sync.probe', log: id, seq: size - 1 })
    } else {
      peer.outran.delete(id)
      if (size === published && peer.agreed) this.#pusher.follow(peer, id, size)
    }
    return true
  }

  #publishedIf(peer: SyncPeer, which: (log: Log) => boolean): ReadonlyMap<LogId, number> {
    return new Map(
      this.#sharing
        .logsFor(peer)
        .filter(log => log.published > 0 && which(log))
        .map(log => [log.identity.id, log.published]),
    )
  }

  /** The peer has these logs as we have, or had, them. */
  #assumeEqual(peer: SyncPeer, published: ReadonlyMap<LogId, number>): void {
    for (const [id, size] of published) {
      peer.theirs.set(id, size)
      peer.told.set(id, size)
      if (peer.outran.size > 0) peer.outran.delete(id)
    }
  }

  /** Once nothing is left to compare, our own logs are pushed to this peer, and it vouches for them. */
  #agree(peer: SyncPeer, nowMs: number): Verdict {
    this.#puller.pull(nowMs)
    if (peer.open.size > 0) return ACCEPT
    peer.agreed = true
    if (peer.equalAt !== this.#chain.revision) this.#catchUp(peer, nowMs)
    this.#vouch(peer)
    return ACCEPT
  }

  #catchUp(peer: SyncPeer, nowMs: number): void {
    for (const log of this.#sharing.logsFor(peer)) {
      const { id, author } = log.identity
      if (author === this.#chain.self) this.#pusher.followOwn(peer, log)
      // Published while the comparison was under way: this peer has not been told.
      if (log.published > Math.max(peer.theirs.get(id) ?? 0, peer.told.get(id) ?? 0)) this.#grow(log, nowMs)
    }
    // Of our own logs that follows at once; of others' their heads, a little later.
    this.#pusher.pump(peer)
  }

  #vouch(peer: SyncPeer): void {
    if (peer.agreed && peer.outran.size === 0) this.#effects.push({ kind: 'vouched', peer: peer.id })
  }

  // ---- own logs that peers know better

  /** The proof that a peer has more of an own log than we have published, or of nothing. */
  #onOutrunLeaf(peer: SyncPeer, { log: id, seq, witnessed }: Extract<SyncMessage, { kind: 'sync.leaf' }>): Verdict {
    if (!isWitnessed(witnessed, seq, keyOf(this.#chain.self))) return reject('bad_proof', `leaf ${seq} of ${id}`)
    this.#effects.push({ kind: 'outrun', peer: peer.id, log: id, size: seq + 1 })
    return ACCEPT
  }

  /** The stream of a log that may not be here yet. */
  streamOf(log: LogId): Stream | undefined {
    return this.#identify(log)?.stream
  }

  /** Takes an own log back from its peers; its unsigned end has been cut. */
  recover(log: LogId, nowMs: number): readonly SyncEffect[] {
    this.#puller.recover(log)
    this.#puller.pull(nowMs)
    return this.#take()
  }

  /** The log is again as far as any connected peer knows it. */
  recovered(id: LogId): readonly SyncEffect[] {
    this.#puller.recovered(id)
    const published = this.#chain.log(id)?.published ?? 0
    for (const peer of this.#peers.values()) {
      const theirs = peer.theirs.get(id) ?? 0
      if (theirs > published || !peer.outran.delete(id)) continue
      if (theirs === published && peer.agreed) this.#pusher.follow(peer, id, published)
      this.#vouch(peer)
    }
    return this.#take()
  }

  // ---- runs

  #onWant(peer: SyncPeer, message: Extract<SyncMessage, { kind: 'sync.want' }>): Verdict {
    const log = this.#chain.log(message.log)
    if (log === undefined || message.from >= log.published) return ignore('late')
    const state = this.#sharing.of(peer, log)
    if (state !== 'shared') return ignore(state === 'barred' ? 'not_granted' : 'late')
    if (this.#pusher.serve(peer, log, message.from, message.head)) return ACCEPT
    return this.#onProbe(peer, message.log, message.from - 1)
  }

  onRead(id: NodeId, log: LogId, from: number, records: readonly StoredRecord[], grounds?: Grounds): readonly SyncEffect[] {
    const peer = this.#peers.get(id)
    if (peer !== undefined) {
      this.#pusher.onRead(peer, this.#chain.log(log), log, from, records, grounds)
      this.#inform(peer)
    }
    return this.#take()
  }

  #onRun(peer: SyncPeer, run: Run, nowMs: number, wallMs: number): Verdict {
    const cost = costOf(run)
    if (!peer.take(cost)) return reject('rate_limited', 'a run without credit')
    const author = (this.#chain.log(run.log)?.identity ?? this.#identify(run.log))?.author
    const intake =
      author === this.#chain.self && !this.#puller.isRecovering(run.log)
        ? ({ result: 'refused', code: 'late' } as const)
        : this.#intake.take(peer, run, cost, wallMs)
    if (intake.result !== 'staged') this.#repay(peer, cost)
    // An author has what it signed; a relay may hold less of it: what it has said, or what it shows here.
    const theirs = author === peer.id ? run.checkpoint.size : Math.max(peer.theirs.get(run.log) ?? 0, endOf(run))
    switch (intake.result) {
      case 'staged': {
        const end = endOf(run)
        this.#puller.hears(peer, run.log, theirs)
        this.#puller.progressed(peer.id, run.log, end >= theirs, nowMs)
        peer.told.set(run.log, end)
        return ACCEPT
      }
      case 'held':
        this.#puller.progressed(peer.id, run.log, true, nowMs)
        return ignore('duplicate')
      case 'gap':
        if (peer.deferred.has(run.log)) return ignore('clock_ahead')
        this.#puller.hears(peer, run.log, theirs)
        this.#puller.pull(nowMs)
        return ignore('gap')
      case 'deferred':
        // Asked for again after the next comparison: by then this clock may have caught up.
        peer.deferred.add(run.log)
        peer.theirs.delete(run.log)
        this.#puller.drop(run.log)
        return ignore('clock_ahead')
      case 'diverged':
        this.#search(this.#forks.begin(peer.id, intake.log, Math.min(intake.log.published, theirs) - 1, nowMs))
        return ignore('bad_proof')
      case 'refused':
        // Somebody who may become a member yet: then it is asked for.
        if (intake.code === 'unknown_author') this.#puller.hears(peer, run.log, theirs)
        return intake.code === 'unknown_author' || intake.code === 'log_conflicted' || intake.code === 'late'
          ? ignore(intake.code)
          : reject(intake.code)
    }
  }

  /** A commit is durable: what it signed is pushed, what it stored gives credit back. */
  onCommitted(groups: readonly Group[], signed: Iterable<Log>, nowMs: number): readonly SyncEffect[] {
    for (const log of signed) {
      this.#pusher.push(
        log,
        groups.filter(group => group.log === log).flatMap(group => group.records),
      )
      this.#grow(log, nowMs)
    }
    for (const group of groups) {
      if (group.cover === undefined) continue
      this.#settle(group)
      this.#grow(group.log, nowMs)
    }
    this.#puller.pull(nowMs)
    this.#nowMs = nowMs
    for (const peer of this.#peers.values()) this.#inform(peer)
    return this.#take()
  }

  #grow(log: Log, nowMs: number): void {
    this.#grown.add(log)
    this.#headsAtMs = Math.min(this.#headsAtMs, nowMs + HEADS_INTERVAL_MS)
  }

  /** A commit failed: what peers had sent is gone, and is asked for again later. */
  onFailed(groups: readonly Group[], nowMs: number): readonly SyncEffect[] {
    for (const group of groups) this.#settle(group)
    this.#puller.restart(nowMs)
    return this.#take()
  }

  #settle(group: Group): void {
    const source = group.cover === undefined ? undefined : this.#intake.settle(group)
    if (source !== undefined) this.#repay(source.peer, source.cost)
  }

  /** What a peer sent is done with; a connection that is gone has no use for credit. */
  #repay(peer: SyncPeer, cost: number): void {
    const due = this.#peers.get(peer.id) === peer ? peer.owe(cost) : 0
    if (due > 0) this.#send(peer.id, { kind: 'sync.credit', bytes: due })
  }

  // ---- forks

  #onProbe(peer: SyncPeer, id: LogId, seq: number): Verdict {
    const log = this.#chain.log(id)
    if (log === undefined || seq >= log.published) return ignore('unknown_log')
    const state = this.#sharing.of(peer, log)
    if (state !== 'shared') return ignore(state === 'barred' ? 'not_granted' : 'late')
    this.#send(peer.id, { kind: 'sync.leaf', log: id, seq, witnessed: this.#forks.witness(log, seq) })
    return ACCEPT
  }

  #search(step: SearchStep): void {
    if (step.next === 'probe') this.#send(step.peer, { kind: 'sync.probe', log: step.log, seq: step.seq })
    if (step.next !== 'conflict') return
    const log = this.#chain.log(step.conflict.log)
    if (log === undefined || log.conflict !== undefined) return
    this.#chain.stageConflict(log, step.conflict)
    this.#puller.drop(step.conflict.log)
    this.#effects.push({ kind: 'conflict', conflict: step.conflict })
  }

  // ---- time and membership

  onWake(nowMs: number): readonly SyncEffect[] {
    this.#puller.onWake(nowMs)
    if (this.#headsAtMs <= nowMs) this.#tellHeads()
    if (this.#nextCheckMs <= nowMs) this.#compareDue(nowMs)
    this.#forks.expire(nowMs)
    return this.#take()
  }

  #tellHeads(): void {
    const isSecret = this.#sharing.hasSecret
    for (const peer of this.#peers.values()) {
      if (!peer.agreed) continue
      const entries: FrontierEntry[] = []
      for (const log of this.#grown) {
        const { id, author } = log.identity
        // An author is told too that we have its log, so that it pushes to us; others only what they lack, except where they
        // wait for us to know what was decided.
        const isAwaited = peer.id === author || (isSecret && log.identity.stream === CLUSTER)
        const knows = Math.max(peer.told.get(id) ?? 0, isAwaited ? 0 : (peer.theirs.get(id) ?? 0))
        if (log.published <= knows || !this.#sharing.isShared(peer, log)) continue
        peer.told.set(id, log.published)
        entries.push(entryOf(log))
      }
      if (entries.length > 0) this.#send(peer.id, { kind: 'sync.heads', entries })
    }
    this.#grown.clear()
    this.#headsAtMs = Infinity
  }

  #compareDue(nowMs: number): void {
    this.#nextCheckMs = Infinity
    for (const [id, atMs] of this.#checkAtMs) {
      if (atMs <= nowMs) this.#compare(id, nowMs)
      else this.#nextCheckMs = Math.min(this.#nextCheckMs, atMs)
    }
  }

  /** The members changed, or what is for whom: logs that were none of our business may be now, and ours theirs. */
  onMembers(nowMs: number): readonly SyncEffect[] {
    this.#nowMs = nowMs
    this.#puller.reconsider()
    this.#puller.pull(nowMs)
    for (const peer of this.#peers.values()) {
      peer.isInformed = false
      this.#inform(peer)
    }
    return this.#take()
  }

  /** Where the `cluster` logs are equal, the peer knows as much about membership as this node. */
  #compareMembership(peer: SyncPeer, digests: readonly StreamDigest[]): void {
    if (!this.#sharing.hasSecret) return
    const mine = this.#summary.digests.find(({ stream }) => stream === CLUSTER)
    const theirs = digests.find(({ stream }) => stream === CLUSTER)
    if (mine === undefined || theirs === undefined || !equalBytes(mine.digest, theirs.digest)) return
    this.#assumeEqual(
      peer,
      this.#publishedIf(peer, log => log.identity.stream === CLUSTER),
    )
  }

  /** Asked for is what differs from our hello: in all other streams the peer has what that spoke of. */
  #assumeUnasked(peer: SyncPeer, asked: ReadonlySet<Stream>): void {
    const said = [...(peer.compared ?? NONE)].filter(([id]) => {
      const stream = this.#chain.log(id)?.identity.stream
      return stream !== undefined && !asked.has(stream)
    })
    this.#assumeEqual(peer, new Map(said))
  }

  /** Once a peer knows all that was decided, it is told of what is for it and not for everybody. */
  #inform(peer: SyncPeer): void {
    if (!this.#sharing.hasSecret) return
    const before = peer.isInformed
    peer.isInformed = this.#sharing.isInformed(peer)
    if (before || !peer.isInformed || !peer.agreed) return
    const shared = this.#sharing.secret.filter(log => this.#sharing.isShared(peer, log))
    for (const log of shared) if (log.published > (peer.theirs.get(log.identity.id) ?? 0)) this.#grow(log, this.#nowMs)
    if (shared.length > 0 && this.#chain.self < peer.id) this.#compareAt(peer.id, this.#nowMs)
    this.#pusher.pump(peer)
  }

  #send(to: NodeId, message: OutgoingSyncMessage): void {
    this.#effects.push({ kind: 'send', to, message })
  }

  #take(): readonly SyncEffect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}

const WHOLE: Uint8Array = new Uint8Array(0)
const NONE: ReadonlyMap<LogId, number> = new Map()
const TOO_MANY_LOGS: Verdict = reject('unexpected', 'more logs than a cluster has')
