import { assert } from '../base/assert.ts'
import type { Buggify } from '../base/buggify.ts'
import type { Signer } from '../base/crypto/crypto-suite.ts'
import { asWeftError, type WeftError } from '../base/errors.ts'
import { formatFrontier } from '../base/frontier.ts'
import { AUDIT, CLUSTER, DEFAULT_SPACE, type LogId, memoryStream, type NodeId, type Pid } from '../base/ids.ts'
import { isFolded, KIND } from '../base/kinds.ts'
import { CHUNK_BYTES } from '../base/limits.ts'
import type { Metrics } from '../base/metrics.ts'
import type { LogFields, LogLevel, Random } from '../base/ports.ts'
import type { Verdict } from '../base/verdict.ts'
import { ERASED_SINCE, type Version } from '../base/version.ts'
import { AppliedCut } from '../chain/applied.ts'
import { Chain, type Group, type StagedCommit } from '../chain/chain.ts'
import { entryOf } from '../chain/digest.ts'
import type { Log } from '../chain/log.ts'
import type { SyncMessage } from '../chain/messages.ts'
import type { Displaced as DisplacedPlace } from '../chain/replay.ts'
import { logIdentity, type StoredRecord } from '../chain/record.ts'
import { type Grounds, NO_GROUNDS } from '../chain/run.ts'
import type { Takes } from '../chain/sharing.ts'
import { StartGuard } from '../chain/start-guard.ts'
import { ChainSync, type SyncEffect } from '../chain/sync.ts'
import type { Genesis } from '../discovery/genesis.ts'
import type { SignedOperation } from '../discovery/operation.ts'
import type { KnownPeer } from '../discovery/peer-book.ts'
import { reaches } from '../discovery/spaces.ts'
import type { Embedder } from '../ecc/embedder.ts'
import type { SettingInfo } from './api.ts'
import { Applier } from './applier.ts'
import { Audit } from './audit.ts'
import { Cluster } from './cluster.ts'
import { NodeCognition } from './cognition/cognition.ts'
import type { CognitionSettings } from './cognition/settings.ts'
import type { CoreContext } from './context.ts'
import { Erasures } from './erasures.ts'
import { EventRing, type NodeState } from './events.ts'
import { createInbound } from './inbound.ts'
import { Ipc } from './ipc/ipc.ts'
import { Keyring } from './keyring.ts'
import { kernelOf } from './kernel.ts'
import { forget } from './commands/forget.ts'
import { embeddedMemories } from './memory/embedded-memory.ts'
import { Embedding } from './memory/embedding.ts'
import { Memories } from './memory/memories.ts'
import type { Memory, SavedMemory } from './memory/memory.ts'
import { Policies, type SavedPolicies } from './memory/policies.ts'
import type { Policy } from './memory/policy.ts'
import { encodeMessage, type OutgoingMessage, WIRE } from './messages.ts'
import { Peers } from './peers.ts'
import type { ExitReason } from './process/behaviour.ts'
import { contextOf } from './process/context.ts'
import type { Process } from './process/process.ts'
import { Processes } from './process/processes.ts'
import { Recovery } from './recovery.ts'
import type { CoreEvent, Effect, Now } from './step.ts'
import { SpaceAccess, Spaces } from './spaces.ts'
import { Waiters } from './waiters.ts'
import { Writer } from './writer.ts'

export interface CoreInit {
  readonly self: NodeId
  readonly name: string
  readonly version: string
  readonly speaks: Version
  readonly signer: Signer
  /** For receiving keys of encrypted spaces. */
  readonly receivingSecret: Uint8Array
  readonly nextKeyCommit: Uint8Array
  readonly genesis: Genesis
  readonly evidence: readonly SignedOperation[]
  readonly random: Random
  readonly metrics: Metrics
  readonly buggify: Buggify
  /** The logs as the journal was replayed. */
  readonly logs: Map<LogId, Log>
  readonly displaced: ReadonlyMap<LogId, readonly DisplacedPlace[]>
  /** Folds saved earlier, by space; checked against the logs here. */
  readonly snapshots: ReadonlyMap<string, SavedMemory>
  readonly savedPeers: unknown
  readonly cognition: CognitionSettings
  readonly savedCognition: unknown
  readonly savedPolicies: SavedPolicies
  /** Of the configuration: what this node forgets by itself. */
  readonly policies: Readonly<Record<string, Policy>>
  readonly seeds: readonly KnownPeer[]
  readonly strictGuard: boolean
  readonly takes: Takes | undefined
  /** Where memories go by their labels. */
  readonly routes: Readonly<Record<string, string>>
  /** How far members are trusted where a recall does not say; the others wholly. */
  readonly trust?: ReadonlyMap<NodeId, number> | undefined
  readonly settings: readonly SettingInfo[]
  /** The host has one, which `embed` asks. */
  readonly embedder?: Pick<Embedder, 'id' | 'dims'> | undefined
  readonly ownAddresses: () => readonly string[]
  /** Runs `run` in a step of its own: for user code that calls in from outside one. */
  readonly enter: (run: () => void) => void
}

/**
 * A node without its hosts: `step(event, now) -> effects`. It owns the parts and passes
 * between them what one has to tell another; what each part does is in its own file.
 * Synchronous, deterministic, and the same in the simulator as on real machines.
 */
export class Core {
  readonly self: NodeId
  readonly name: string
  readonly version: string
  readonly settings: readonly SettingInfo[]
  readonly trust: ReadonlyMap<NodeId, number>
  readonly chain: Chain
  readonly cluster: Cluster
  readonly peers: Peers
  readonly processes: Processes
  readonly ipc: Ipc
  readonly writer: Writer
  readonly audit: Audit
  readonly events: EventRing = new EventRing()
  /** Who waits for the next event. */
  readonly eventWaiters: Waiters
  readonly metrics: Metrics
  readonly context: CoreContext
  readonly guard: StartGuard
  /** Undefined when this node has no embedder. */
  readonly embedding: Embedding | undefined
  readonly memories: Memories
  readonly spaces: Spaces
  readonly cognition: NodeCognition
  readonly #access: SpaceAccess
  readonly #applier: Applier
  readonly #sync: ChainSync
  readonly #recovery: Recovery
  readonly erasures: Erasures
  readonly policies: Policies
  readonly #inbound: ReturnType<typeof createInbound>
  readonly #enter: CoreInit['enter']
  #state: NodeState = 'booting'
  #startedMs = 0
  /** Records that a saved fold spoke of: these need not be folded again. */
  readonly #restored: number
  #now: Now = { wallMs: 0, monotonicMs: 0 }
  #effects: Effect[] = []
  /** Who waits for a killed process to be in the chain. */
  readonly #killers: Map<Pid, (error: WeftError | undefined) => void> = new Map()
  /** Who waits for the end. */
  readonly #stopping: (() => void)[] = []
  #diskFault: string | undefined
  #isFolded = false
  #foldWaiters: (() => void)[] = []
  #stepping = false
  #told = false
  /** The frame made last: a run goes to many peers, and is encoded once. */
  #lastRun: { readonly message: OutgoingMessage; readonly frame: Uint8Array } | undefined

  constructor(init: CoreInit) {
    this.self = init.self
    this.name = init.name
    this.version = init.version
    this.settings = init.settings
    this.trust = init.trust ?? new Map()
    this.metrics = init.metrics
    this.#enter = init.enter
    this.context = this.#contextOf(init)
    this.eventWaiters = new Waiters(this.context)
    this.chain = new Chain({ cluster: init.genesis.cluster, ...init })
    this.guard = new StartGuard(init.strictGuard)
    this.writer = new Writer(this.context, this.chain, this.guard)
    this.audit = new Audit(this.context, this.writer)
    this.cluster = new Cluster(this.context, {
      genesis: init.genesis,
      evidence: init.evidence,
      signer: init.signer,
      writer: this.writer,
      logs: this.chain.logs,
      takes: init.takes,
      knownPeers: () => this.peers.known(),
      onChange: revoked => this.#onMembers(revoked),
      onSpaces: () => {
        this.spaces.onChange()
        this.#applier.onGrants()
      },
    })
    this.spaces = new Spaces({
      self: init.self,
      membership: this.cluster.membership,
      chain: this.chain,
      takes: init.takes,
      routes: init.routes,
      keyring: new Keyring(init.self, init.receivingSecret, init.random),
      sign: (op, actor, done) => this.cluster.sign(op, actor, done),
    })
    this.#access = new SpaceAccess(init.self, this.spaces, this.chain, () => this.#isFolded, init.takes)
    this.peers = new Peers(
      this.context,
      {
        version: init.version,
        seeds: init.seeds,
        ownAddresses: init.ownAddresses,
        isMember: node => this.cluster.membership.isMember(node),
        send: (to, message) => void this.#send(to, message),
      },
      init.savedPeers,
    )
    this.processes = new Processes(this.context, {
      // Each spawn is a record of the audit log, so that is at least as long as the highest pid.
      firstPid: (this.chain.ownLog(AUDIT)?.size ?? 0) + 1,
      contextOf: process => contextOf(this, process),
      onExit: (process, reason, code) => this.#onExit(process, reason, code),
      onStillborn: process => this.ipc.onExit(process, 'failed'),
    })
    this.ipc = new Ipc(this.context, { processes: this.processes, send: (to, message) => this.#send(to, message), kernel: kernelOf(this) })
    this.memories = new Memories(this.context, this.chain, this.writer, this.spaces)
    this.cognition = new NodeCognition(
      this.context,
      init.cognition,
      init.savedCognition,
      () => this.memory(DEFAULT_SPACE),
      capacity => this.peers.onCapacity(capacity),
    )
    this.erasures = new Erasures(this.context, this.chain, () => this.memories.all)
    this.policies = new Policies(this.context, {
      configured: init.policies,
      saved: init.savedPolicies,
      memory: space => {
        const isKnown = this.memories.has(space) && reaches(this.spaces.roleOf(space, this.self), 'write')
        return isKnown ? this.memory(space) : undefined
      },
      log: space => logIdentity(this.chain.cluster, this.self, memoryStream(space)).id,
      forget: (memory, id, erase, actor, done) => {
        try {
          forget(this, memory, id, erase, actor, done)
        } catch (thrown) {
          done(asWeftError(thrown))
        }
      },
    })
    const sizes = this.memories.restore(init.snapshots)
    this.embedding =
      init.embedder &&
      new Embedding(
        this.context,
        init.embedder,
        embeddedMemories(this.memories, space => this.spaces.roleOf(space, this.self)),
        () => this.#isFolded && this.#state === 'running' && isFolded(KIND['memory.vector'], init.speaks.fold),
      )
    this.#restored = [...sizes.values()].reduce((sum, size) => sum + size, 0)
    this.#applier = new Applier(
      this.context,
      this.chain,
      new AppliedCut(this.chain, sizes, stream => stream !== AUDIT, init.buggify),
      stream => (stream === CLUSTER ? this.cluster : this.memories.ofStream(stream)),
      {
        cutOf: author => this.cluster.membership.cutOf(author),
        writesOf: (author, stream) => this.spaces.writesOf(author, stream),
      },
      groups => this.#onApplied(groups),
    )
    this.#sync = new ChainSync({
      chain: this.chain,
      random: init.random,
      foldVersion: init.speaks.fold,
      identify: log => this.cluster.logs.identify(log),
      access: this.#access,
      metrics: init.metrics,
      buggify: init.buggify,
    })
    this.#recovery = new Recovery(this.context, {
      chain: this.chain,
      sync: this.#sync,
      writer: this.writer,
      displaced: init.displaced,
      perform: effects => this.#perform(effects),
      onCut: stream => this.#applier.onCut(stream),
    })
    this.#inbound = createInbound(this.context, init.genesis.cluster, {
      peers: this.peers,
      ipc: this.ipc,
      sync: { on: (from, message) => this.#onSync(from, message) },
    })
  }

  // ---- the outside

  /** One event in, effects out. Never re-entrant, never throws for what came from outside. */
  step(event: CoreEvent, now: Now): readonly Effect[] {
    assert(!this.#stepping, 'a step within a step')
    this.#stepping = true
    this.#now = now
    try {
      this.#on(event)
      this.#settle()
    } finally {
      this.#stepping = false
    }
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  /** Runs `run` now when a step is under way, else in a step of its own: how user code and callers get in. */
  run(run: () => void): void {
    if (this.#stepping) run()
    else this.#enter(run)
  }

  get now(): Now {
    return this.#now
  }

  get state(): NodeState {
    return this.#state
  }

  get uptimeMs(): number {
    return this.#now.monotonicMs - this.#startedMs
  }

  /** When to send a `wake`, in monotonic ms; Infinity for never. */
  get nextWakeMs(): number {
    return Math.min(
      this.#sync.nextWakeMs,
      this.peers.nextWakeMs,
      this.ipc.nextWakeMs,
      this.eventWaiters.nextWakeMs,
      this.#recovery.nextWakeMs,
      this.writer.nextWakeMs(this.#sync.followers),
      this.memories.nextWakeMs,
      this.cognition.nextWakeMs,
      this.erasures.nextWakeMs,
      this.policies.nextWakeMs,
      this.embedding?.nextWakeMs ?? Infinity,
    )
  }

  #on(event: CoreEvent): void {
    switch (event.kind) {
      case 'started':
        return this.#start()
      case 'greeting':
        return this.cluster.onGreeting(event.connection, event.from, event.greeting)
      case 'greeted':
        return this.cluster.onGreeted(event.connection, event.from, event.accepted, event.reply)
      case 'up':
        return this.#onUp(event.peer)
      case 'down':
        this.peers.onDown(event.peer, event.code)
        this.ipc.onDown(event.peer)
        this.cluster.logs.forget(event.peer)
        return this.#perform(this.#sync.onDown(event.peer, this.#now.monotonicMs))
      case 'frame':
        return this.#inbound(event.from, event.protocol, event.frame)
      case 'dial-failed':
        return this.peers.onDialFailed(event.peer, event.code)
      case 'discovered':
        return this.peers.onDiscovered(event.peer, event.addresses)
      case 'committed':
        return this.#onCommitted(event.staged, event.error)
      case 'run':
        return event.run()
      case 'wake':
        return this.#onWake()
      case 'stopping':
        return this.#stop(event.done)
    }
  }

  /** What follows from a step, whatever it was: processes run, records are committed. */
  #settle(): void {
    const more = this.processes.run()
    if (this.#applier.takeChanged()) {
      this.memories.settle()
      this.cognition.onApplied()
      this.erasures.pump()
      this.embedding?.onApplied()
      this.metrics.set('weft_memory_pending', this.#applier.pending)
    }
    if (this.#state === 'running' && !this.#applier.isBusy) this.memories.settleVectors()
    if (!this.#isFolded && this.#state === 'running' && !this.#applier.isBusy) {
      this.#isFolded = true
      this.memories.onFolded()
      this.cognition.onFolded()
      this.erasures.pump()
      this.policies.start()
      for (const then of this.#foldWaiters) then()
      this.#foldWaiters = []
      this.#onAccess()
    }
    this.#openGuard()
    this.embedding?.settle()
    if (this.#told) {
      this.#told = false
      this.eventWaiters.wake()
    }
    this.writer.pump(this.#sync.followers)
    if (more) this.context.emit({ kind: 'yield' })
  }

  /** Who else belongs to the cluster is known once what was stored has been folded; a log that cannot be read may name others. */
  #openGuard(): void {
    if (this.guard.isOpen || !this.#isFolded || this.#recovery.isActive) return
    const others = this.cluster.others.length
    if (this.guard.update(this.stuck.size > 0 ? Math.max(1, others) : others, this.chain.hasLostSigned))
      this.context.log('info', 'chain.publishing', { vouchers: this.guard.vouchers })
  }

  #contextOf(init: CoreInit): CoreContext {
    const now = (): Now => this.#now
    return {
      self: init.self,
      random: init.random,
      metrics: init.metrics,
      buggify: init.buggify,
      speaks: init.speaks,
      get now() {
        return now()
      },
      emit: effect => this.#effects.push(effect),
      log: (level, event, fields = {}) => this.#log(level, event, fields),
    }
  }

  #log(level: LogLevel, event: string, fields: LogFields): void {
    if (level !== 'debug') {
      this.events.add(level, event, fields, this.#now.wallMs)
      this.#told = true
    }
    this.#effects.push({ kind: 'log', level, event, fields })
  }

  // ---- life

  #start(): void {
    this.#startedMs = this.#now.monotonicMs
    this.#applier.pump()
    this.#recovery.resume()
    this.#state = 'running'
    this.audit.write('audit.boot', [this.version, this.name])
    this.peers.retarget()
    this.context.log('info', 'boot.running', {
      node: this.self,
      cluster: this.chain.cluster,
      records: [...this.chain.logs.values()].reduce((sum, log) => sum + log.durable, 0),
      restored: this.#restored,
    })
  }

  #stop(done: () => void): void {
    this.#stopping.push(done)
    if (this.#state !== 'running') return
    this.#state = 'shutting-down'
    this.context.log('info', 'shutdown.begun', {})
    this.processes.stopAll()
    this.memories.save()
    this.cognition.save()
    this.policies.save()
    this.peers.save()
    this.audit.write('audit.shutdown', [this.version], () => {
      this.writer.close()
      this.#state = 'halted'
      this.context.log('info', 'shutdown.halted', {})
      for (const call of this.#stopping) this.context.emit({ kind: 'tell', call })
    })
  }

  #onExit(process: Process, reason: ExitReason, code: number): void {
    this.context.log('info', 'process.exit', { pid: process.pid, name: process.name, reason, code })
    this.ipc.onExit(process, reason)
    const done = this.#killers.get(process.pid)
    this.#killers.delete(process.pid)
    if (this.#state !== 'halted') this.audit.write('audit.exit', [process.pid, process.name ?? '', reason, Math.abs(code)], done)
    else done?.(undefined)
  }

  /** Kills a process; `done` when that is in the chain. */
  kill(process: Process, done: (error: WeftError | undefined) => void): void {
    this.#killers.set(process.pid, done)
    this.processes.kill(process, 'killed')
  }

  #onWake(): void {
    this.peers.onWake()
    this.ipc.onWake()
    this.eventWaiters.onWake()
    this.#recovery.onWake()
    this.memories.onWake()
    this.cognition.onWake()
    this.erasures.onWake()
    if (this.#state === 'running') this.policies.onWake()
    this.embedding?.onWake()
    this.#perform(this.#sync.onWake(this.#now.monotonicMs))
  }

  // ---- records

  #onCommitted(staged: StagedCommit, error: WeftError | undefined): void {
    const { monotonicMs } = this.#now
    if (error !== undefined) {
      this.#diskFault = error.message
      const lost = this.writer.failed(staged, error)
      this.#perform(this.#sync.onFailed(lost, monotonicMs))
      return this.writer.finish(lost, error)
    }
    this.#diskFault = undefined
    this.writer.committed(staged)
    this.#applier.onCommitted(staged.groups)
    this.#perform(this.#sync.onCommitted(staged.groups, staged.checkpoints.keys(), monotonicMs))
    this.#recovery.onCommitted(staged)
    // A record that erases may have been signed.
    if (this.erasures.pending > 0) this.erasures.pump()
  }

  #onApplied(groups: readonly Group[]): void {
    const records = groups.flatMap(group => group.records.map(({ id, seq }) => ({ id, seq, log: group.log.identity.id })))
    if (records.length > 0) this.context.emit({ kind: 'index', records })
    this.writer.finish(groups, undefined)
  }

  /** The memory of a space; it exists as soon as somebody speaks of it. */
  memory(space: string): Memory {
    return this.memories.of(space)
  }

  /** Durable records that are not applied yet. */
  get pending(): number {
    return this.#applier.pending
  }

  /** Why the last write failed; undefined when it did not. */
  get diskFault(): string | undefined {
    return this.#diskFault
  }

  /** True once everything that was stored at the start has been applied. */
  get isFolded(): boolean {
    return this.#isFolded
  }

  /** Calls `then` when that is so. */
  whenFolded(then: () => void): void {
    if (this.#isFolded) then()
    else this.#foldWaiters.push(then)
  }

  /** Logs with records that cannot be read back from the disk. */
  get stuck(): ReadonlySet<LogId> {
    return this.#applier.stuck
  }

  /** How far every log is held, as one string. */
  get frontierAll(): string {
    return formatFrontier([...this.chain.logs.values()].filter(log => log.published > 0).map(entryOf))
  }

  // ---- peers

  /** Both have accepted each other; since then we may have heard that this one is no member any more. */
  #onUp(peer: NodeId): void {
    const code = this.cluster.refusalOf(peer)
    if (code !== undefined) return this.context.emit({ kind: 'close', peer, code })
    this.peers.onUp(peer)
    this.#perform(this.#sync.onUp(peer, this.#now.monotonicMs, this.cluster.protocolOf(peer) >= ERASED_SINCE))
  }

  #onMembers(revoked: readonly NodeId[]): void {
    for (const node of revoked) {
      this.context.log('warn', 'member.revoked', { node })
      this.context.emit({ kind: 'close', peer: node, code: 'revoked' })
      this.#applier.onRevoked(node)
    }
    for (const peer of this.peers.connected)
      if (!this.cluster.membership.isMember(peer)) this.context.emit({ kind: 'close', peer, code: 'not_a_member' })
    this.peers.retarget()
    this.#onAccess()
  }

  /** Logs may be for others than before. */
  #onAccess(): void {
    this.#access.onChange()
    this.#perform(this.#sync.onMembers(this.#now.monotonicMs))
  }

  #onSync(from: NodeId, message: SyncMessage): Verdict {
    if (message.kind === 'sync.hello')
      this.cluster.logs.learn(
        from,
        message.digests.map(({ stream }) => stream),
      )
    // Only the smaller of two nodes says hello: it hears of the other's spaces when that one asks.
    if (message.kind === 'sync.ask')
      this.cluster.logs.learn(
        from,
        [...message.scope, ...message.buckets].map(({ stream }) => stream),
      )
    const { verdict, effects } = this.#sync.on(from, message, this.#now.monotonicMs, this.#now.wallMs)
    this.#perform(effects)
    return verdict
  }

  #perform(effects: readonly SyncEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          this.#send(effect.to, effect.message)
          break
        case 'read':
          this.readShown(effect.log, effect.from, 1024, CHUNK_BYTES, (records, grounds) =>
            this.#perform(this.#sync.onRead(effect.peer, effect.log, effect.from, records, grounds)),
          )
          break
        case 'vouched':
          this.guard.vouched(effect.peer)
          break
        case 'outrun':
          if (this.#recovery.onOutrun(effect.log, effect.size)) this.guard.close()
          break
        case 'conflict':
          this.context.log('error', 'chain.conflict', { log: effect.conflict.log, seq: effect.conflict.seq })
          this.metrics.set('weft_chain_conflicts', [...this.chain.logs.values()].filter(log => log.conflict !== undefined).length)
          break
      }
    }
  }

  /** Records as others may have them, with those that erased some of them: nobody is asked to believe that without a ground. */
  readShown(
    log: LogId,
    from: number,
    maxRecords: number,
    maxBytes: number,
    then: (records: readonly StoredRecord[], grounds: Grounds) => void,
  ): void {
    this.context.emit({
      kind: 'read',
      log,
      from,
      maxRecords,
      maxBytes,
      then: read => {
        const records = this.erasures.redact(log, read)
        const seqs = [...new Set(records.flatMap(({ erasedBy }) => erasedBy ?? []))]
        if (seqs.length === 0) return then(records, NO_GROUNDS)
        this.context.emit({
          kind: 'read-each',
          refs: seqs.map(seq => ({ log, seq })),
          then: found =>
            then(records, new Map(found.flatMap((ground, i) => (ground === undefined ? [] : [[seqs[i] as number, ground] as const])))),
        })
      },
    })
  }

  /** @returns false when there is no connection to `to` */
  #send(to: NodeId, message: OutgoingMessage): boolean {
    if (!this.peers.connected.has(to)) return false
    const { protocol } = WIRE[message.kind]
    const frame = this.#encode(message)
    this.context.emit({ kind: 'send', to, protocol, frame })
    return true
  }

  #encode(message: OutgoingMessage): Uint8Array {
    if (message.kind !== 'sync.run') return encodeMessage(message)
    const last = this.#lastRun?.message
    if (
      last?.kind !== 'sync.run' ||
      !('fields' in last) ||
      !('fields' in message) ||
      last.fields !== message.fields ||
      this.context.buggify('core.encode-again')
    )
      this.#lastRun = { message, frame: encodeMessage(message) }
    return (this.#lastRun as { frame: Uint8Array }).frame
  }
}
