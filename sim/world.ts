import { assert } from '../base/assert.ts'
import { type Buggify, never } from '../base/buggify.ts'
import { utf8 } from '../base/bytes.ts'
import { rememberVerified } from '../base/crypto/ed25519.ts'
import { WeftError } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'
import type { Metrics } from '../base/metrics.ts'
import type { LogFields, Logger } from '../base/ports.ts'
import { CURRENT, PREVIOUS, type Version } from '../base/version.ts'
import { boot, type BootOptions } from '../node/boot.ts'
import { type CognitionSettings, QUIET } from '../node/cognition/settings.ts'
import type { CommandName, CommandTypes } from '../node/commands/types.ts'
import type { Core } from '../node/core.ts'
import { type ClusterFile, foundCluster, type Identity, loadIdentity } from '../node/identity.ts'
import { joinCluster } from '../node/join.ts'
import type { Runtime } from '../node/runtime.ts'
import type { CoreEvent, Effect, Loaded } from '../node/step.ts'
import { Audience } from './audience.ts'
import { buggifyOf } from './buggify.ts'
import { HostileTransport } from './byzantine/hostile-transport.ts'
import { SimClock } from './clock.ts'
import { type DiskLatency, SimDisk } from './disk.ts'
import type { WireQuality } from './faults/fault.ts'
import { Spells } from './faults/spells.ts'
import type { SimEmbedder } from './embedder.ts'
import { Gate } from './gate.ts'
import { SimIndex } from './index.ts'
import type { Machine, Phase } from './machine.ts'
import { SimNetwork } from './network.ts'
import type { Observer } from './observer.ts'
import { Promises } from './promises.ts'
import { SimRandom } from './random.ts'
import { Scheduler } from './scheduler.ts'
import { Trace, traceCodeOf } from './trace.ts'
import { SimVectorStore } from './vector-store.ts'
import { SimTransport } from './transport.ts'
import { shapeWith, type WireShape } from './wire.ts'

/**
 * A cluster in virtual time: the cores of real nodes on simulated ports, joined by the ordinary
 * `init`, `invite` and `join`. One seed decides everything; the same seed gives the same run, event for
 * event. There is no protocol in here: what a node does, it does in `node/`; and no story: what goes wrong
 * is said by `faults/perform.ts`.
 */
export interface WorldOptions {
  readonly seed: number
  /** When time begins: 0 unless told otherwise. */
  readonly startMs?: number
  /** Of all wires; a fast local network where nothing else is said. */
  readonly wire?: WireQuality
  /** How fast the disk of each machine is. */
  readonly disk?: (machine: string) => DiskLatency
  /** See everything and change nothing; more may be added until the first node is started. */
  readonly observers?: readonly Observer[]
  /** Sees what every node logs, with the virtual time in seconds in front. */
  readonly onLog?: (line: string) => void
  readonly strictGuard?: boolean
  /** What the node on a machine embeds with; nothing unless it is said. */
  readonly embedder?: (machine: string) => SimEmbedder | undefined
  /** Which spaces a machine's node keeps a copy of, where it is not all; and where it puts memories by their labels. */
  readonly spaces?: (machine: string) => Pick<BootOptions, 'takes' | 'routes'>
  /** How much every node thinks by itself: not at all, without it. */
  readonly cognition?: CognitionSettings
  /** Rare branches that are switched on, on every node; see `base/buggify.ts`. */
  readonly buggify?: readonly string[]
}

const LAN: WireShape = { delayMinUs: 200, delayMeanUs: 300 }
const SSD: DiskLatency = { readUs: 50, writeUs: 50, syncUs: 500 }
/** 60 s of virtual time: nothing a healthy cluster does takes longer. */
const LIMIT_MS = 60_000
const SPEAKS: Readonly<Record<Machine['version'], Version>> = { current: CURRENT, previous: PREVIOUS }

export class World {
  readonly scheduler: Scheduler
  readonly network: SimNetwork
  readonly trace: Trace = new Trace()
  readonly audience: Audience
  /** Faults of the network that last a while. */
  readonly spells: Spells
  readonly #options: WorldOptions
  readonly #machines: Map<string, Machine> = new Map()
  readonly #promises: Promises = new Promises()

  constructor(options: WorldOptions) {
    rememberVerified()
    this.#options = options
    this.scheduler = new Scheduler((options.startMs ?? 0) * 1000)
    this.spells = new Spells(this.scheduler)
    this.audience = new Audience(options.observers ?? [])
    this.network = new SimNetwork(this.scheduler, options.seed, shapeWith(LAN, options.wire ?? {}), {
      trace: this.trace,
      audience: this.audience,
      gateOf: place => this.machine(place).gate,
    })
  }

  get nowMs(): number {
    return this.scheduler.nowUs / 1000
  }

  random(stream: string): SimRandom {
    return new SimRandom(this.#options.seed, stream)
  }

  /** The machine of this name; it is there from the first time somebody speaks of it. */
  machine(name: string): Machine {
    let machine = this.#machines.get(name)
    if (machine === undefined) {
      const gate = new Gate(this.scheduler)
      machine = {
        name,
        disk: new SimDisk(gate, this.random(`${name}/disk`), this.#options.disk?.(name) ?? SSD),
        index: new SimIndex(gate, this.random(`${name}/index`)),
        gate,
        spells: new Spells(this.scheduler),
        clock: new SimClock(gate),
        nodeId: undefined,
        phase: 'off',
        runtime: undefined,
        transport: undefined,
        lives: 0,
        era: 0,
        version: 'current',
        behaviours: [],
        backup: undefined,
      }
      this.#machines.set(name, machine)
    }
    return machine
  }

  get machines(): readonly Machine[] {
    return [...this.#machines.values()]
  }

  /** Machines with a node running, in the order in which they were first spoken of. */
  get running(): readonly Machine[] {
    return this.machines.filter(machine => machine.runtime !== undefined)
  }

  /** The machine to which something happens just now, or happened when that threw. */
  get acting(): string | undefined {
    const { acting } = this.scheduler
    return acting === null ? undefined : this.machines.find(({ gate }) => gate === acting)?.name
  }

  runtime(name: string): Runtime {
    const { runtime } = this.machine(name)
    assert(runtime !== undefined, `${name} is not running`)
    return runtime
  }

  // ---- life

  /** `weft init` on a new machine. */
  init(name: string, cluster: string = 'sim'): void {
    this.wait(done => foundCluster(this.machine(name).disk, this.random(`${name}/init`), cluster, error => done(error, true)))
  }

  /** `weft join` on a new machine. */
  join(name: string, token: string): void {
    this.wait(done => this.joinSoon(name, token, error => done(error, true)))
  }

  /** In the directory of a node that is up this ends at once: it belongs to a cluster. */
  joinSoon(name: string, token: string, done: (error: WeftError | undefined) => void): void {
    const machine = this.machine(name)
    if (machine.phase === 'off') this.#begin(machine, 'joining')
    const { disk, clock, era, version } = machine
    const transport = ({ nodeId }: Identity): SimTransport => this.#transport(machine, nodeId)
    joinCluster({ disk, clock, random: this.random(`${name}/init`), transport, speaks: SPEAKS[version] }, token, error => {
      if (machine.era !== era) return
      if (machine.phase === 'joining') machine.phase = 'off'
      done(error)
    })
  }

  /** `weft start`: a new life of the node on this machine. */
  start(name: string): Runtime {
    return this.wait<Runtime>(done => this.startSoon(name, done))
  }

  /** A life that ends before it has begun never calls back. */
  startSoon(name: string, done: (error: WeftError | undefined, runtime: Runtime | undefined) => void): void {
    const machine = this.machine(name)
    assert(machine.phase === 'off', `${name} is ${machine.phase}`)
    this.#begin(machine, 'starting')
    const { clock, disk, index, era, version } = machine
    const life = ++machine.lives
    const log = this.#log(name)
    boot(
      {
        clock,
        random: this.random(`${name}/${life}`),
        disk,
        index,
        vectors: new SimVectorStore(machine.gate),
        log,
        embedder: this.#options.embedder?.(name)?.at(machine.gate),
        load: (path, then) => then(noModules(path)),
        onStop: () => machine.gate.after(0, () => this.stopSoon(name, () => {})),
        buggify: this.#buggify(name, life),
        observe: core => this.#watch(name, core),
        transport: (identity, cluster, metrics, runtime) => this.#hostile(machine, identity, cluster, metrics, runtime),
      },
      {
        name,
        version: 'sim',
        seeds: [],
        strictGuard: this.#options.strictGuard ?? false,
        ...this.#options.spaces?.(name),
        settings: [],
        speaks: SPEAKS[version],
        cognition: this.#options.cognition ?? QUIET,
      },
      (error, runtime) => {
        if (machine.era !== era) return
        machine.phase = runtime === undefined ? 'off' : 'up'
        machine.runtime = runtime
        machine.nodeId = runtime?.core.self ?? machine.nodeId
        done(error, runtime)
      },
    )
  }

  /** A clean shutdown. */
  stop(name: string): void {
    this.wait(done => this.stopSoon(name, () => done(undefined, true)))
  }

  /** A node that crashes before it has stopped never calls back. */
  stopSoon(name: string, done: () => void): void {
    const machine = this.machine(name)
    const runtime = this.runtime(name)
    const { era } = machine
    if (machine.phase === 'up') machine.phase = 'stopping'
    this.#inside(machine, () =>
      runtime.stop(() => {
        if (machine.era !== era) return
        this.#end(machine, 'stopped')
        done()
      }),
    )
  }

  /**
   * `power` loses what was not synced; with `torn` the newest write that was not is there in part, for certain.
   * `process` is SIGKILL: the disk's cache survives.
   */
  crash(name: string, how: 'power' | 'process' = 'power', torn: boolean = false): void {
    const machine = this.machine(name)
    machine.runtime?.close()
    machine.clock.kill()
    machine.spells.end('pause')
    this.network.crash(name)
    machine.disk.crash(how, torn)
    machine.index.crash({ lose: how === 'power' })
    this.#end(machine, how)
  }

  /** Dead for ever. */
  kill(name: string): void {
    this.crash(name)
    this.machine(name).phase = 'dead'
  }

  /** From now on the node does these things besides its work, in every life. */
  turn(name: string, behaviours: readonly string[]): void {
    const machine = this.machine(name)
    machine.behaviours = behaviours
    machine.transport?.turn(behaviours)
  }

  /** The first machine founds the cluster, the others are invited by it and join. */
  cluster(names: readonly string[]): void {
    const [first, ...others] = names as [string, ...string[]]
    this.init(first)
    this.start(first)
    for (const name of others) {
      const { token } = this.ask(first, 'member.invite', {})
      this.join(name, token)
      this.start(name)
    }
  }

  nodeId(name: string): NodeId {
    const { nodeId, disk } = this.machine(name)
    return nodeId ?? this.wait<NodeId>(done => loadIdentity(disk, (error, identity) => done(error, identity?.nodeId)))
  }

  // ---- faults

  /** Silent: frames vanish and nobody is told. */
  partition(groups: readonly (readonly string[])[]): void {
    this.network.partition(groups)
  }

  /** Ends every fault of the network. */
  heal(): void {
    this.spells.endAll()
    this.network.heal()
  }

  // ---- time

  run(ms: number): void {
    this.scheduler.runUntil(this.scheduler.nowUs + ms * 1000)
  }

  /** Runs until `holds`. Throws when it does not within `limitMs` of virtual time. */
  until(what: string, holds: () => boolean, limitMs: number = LIMIT_MS): void {
    if (!this.scheduler.runWhile(() => !holds(), this.#after(limitMs))) throw this.#late(what, limitMs)
  }

  /**
   * The same with handlers that wait for promises: after each step of a node that has any, user code goes on until it
   * waits for the node again. No virtual time goes by meanwhile.
   */
  async runAsync(ms: number): Promise<void> {
    const untilUs = this.#after(ms)
    await this.#promises.run(this.scheduler, () => true, untilUs)
    this.scheduler.runUntil(untilUs)
  }

  async untilAsync(what: string, holds: () => boolean, limitMs: number = LIMIT_MS): Promise<void> {
    if (!(await this.#promises.run(this.scheduler, () => !holds(), this.#after(limitMs)))) throw this.#late(what, limitMs)
  }

  /** Runs until `start` has called back. Throws the error it called back with. */
  wait<T>(start: (done: (error: WeftError | undefined, value: T | undefined) => void) => void): T {
    let outcome: { error: WeftError | undefined; value: T | undefined } | undefined
    start((error, value) => (outcome = { error, value }))
    this.until('an answer', () => outcome !== undefined)
    const { error, value } = outcome as unknown as { error: WeftError | undefined; value: T | undefined }
    if (error !== undefined) throw error
    return value as T
  }

  /** Performs a command on a node and runs until it has answered. */
  ask<K extends CommandName>(name: string, command: K, input: CommandTypes[K]['input']): CommandTypes[K]['result'] {
    return this.wait<CommandTypes[K]['result']>(done => this.askSoon(name, command, input, done))
  }

  /** A node that dies before it answers never calls back. */
  askSoon<K extends CommandName>(
    name: string,
    command: K,
    input: CommandTypes[K]['input'],
    done: (error: WeftError | undefined, value: CommandTypes[K]['result'] | undefined) => void,
  ): void {
    const runtime = this.runtime(name)
    const to = {
      actor: name,
      ok: (value: CommandTypes[K]['result']) => done(undefined, value),
      fail: (error: WeftError) => done(error, undefined),
    }
    this.#inside(this.machine(name), () => runtime.ask(command, input, to))
  }

  /** Says something about a machine where its node would log. */
  note(name: string, event: string, fields: LogFields): void {
    this.#log(name)('info', event, fields)
  }

  // ---- within

  #begin(machine: Machine, phase: Phase): void {
    machine.phase = phase
    machine.era++
    machine.clock = machine.clock.reboot()
  }

  #end(machine: Machine, how: 'power' | 'process' | 'stopped'): void {
    const isLife = machine.phase !== 'off' && machine.phase !== 'joining' && machine.phase !== 'dead'
    if (machine.phase !== 'dead') machine.phase = 'off'
    machine.era++
    machine.runtime = undefined
    machine.transport = undefined
    if (isLife) this.audience.onEnd(machine.name, how)
  }

  /** Like everything that happens to a node: when the machine has time for it. */
  #inside({ gate }: Machine, run: () => void): void {
    if (gate.isOpen) this.scheduler.within(gate, run)
    else gate.after(0, run)
  }

  #transport({ name, gate }: Machine, nodeId: NodeId, metrics?: Metrics): SimTransport {
    const log = this.#log(name)
    return new SimTransport(this.network, name, nodeId, { log, timeline: gate, ...(metrics === undefined ? {} : { metrics }) })
  }

  #hostile(
    machine: Machine,
    { nodeId, signer }: Identity,
    { genesis }: ClusterFile,
    metrics: Metrics,
    runtime: () => Runtime | undefined,
  ): HostileTransport {
    const { name, clock, lives, behaviours } = machine
    const random = this.random(`${name}/${lives}/hostile`)
    const transport = new HostileTransport(this.#transport(machine, nodeId, metrics), { random, clock, signer, genesis, runtime })
    machine.transport = transport
    if (behaviours.length > 0) transport.turn(behaviours)
    return transport
  }

  #watch(name: string, core: Core): (event: CoreEvent, effects: readonly Effect[]) => void {
    const { audience } = this
    const promises = this.#promises.ofLife()
    audience.onBoot(name, core)
    return (event, effects) => {
      if (audience.watchesSteps) audience.onStep(name, core, event, effects)
      promises.stepped(effects)
    }
  }

  #buggify(name: string, life: number): Buggify {
    const { buggify = [] } = this.#options
    if (buggify.length === 0) return never
    const log = this.#log(name)
    return buggifyOf(this.random(`${name}/${life}/buggify`), buggify, site => log('debug', 'buggify', { site }))
  }

  #log(name: string): Logger {
    return (level, event, fields = {}) => {
      const line = `${name} ${level} ${event} ${JSON.stringify(fields)}`
      this.trace.add(this.scheduler.nowUs, LOG, utf8(line))
      this.audience.onLog(name, level, event, fields)
      this.#options.onLog?.(`${(this.scheduler.nowUs / 1e6).toFixed(6)} ${line}`)
    }
  }

  #after(ms: number): number {
    return this.scheduler.nowUs + ms * 1000
  }

  #late(what: string, limitMs: number): Error {
    return new Error(`not within ${limitMs} ms: ${what}; replay with seed ${this.#options.seed}`)
  }
}

const LOG: number = traceCodeOf('log')

function noModules(path: string): Loaded {
  return { ok: false, error: new WeftError('module_invalid', `the simulator loads no modules: ${path}`) }
}
