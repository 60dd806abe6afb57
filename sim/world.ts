import { assert } from '../base/assert.ts'
import { utf8 } from '../base/bytes.ts'
import { WeftError } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'
import type { Logger } from '../base/ports.ts'
import { boot } from '../node/boot.ts'
import type { CommandName, CommandTypes } from '../node/commands/types.ts'
import { foundCluster, type Identity, loadIdentity } from '../node/identity.ts'
import { joinCluster } from '../node/join.ts'
import type { Loaded } from '../node/step.ts'
import type { Runtime } from '../node/runtime.ts'
import { SimClock } from './clock.ts'
import { type DiskLatency, SimDisk } from './disk.ts'
import { SimIndex } from './index.ts'
import { SimNetwork, type WireShape } from './network.ts'
import { SimRandom } from './random.ts'
import { Scheduler } from './scheduler.ts'
import { Trace } from './trace.ts'
import { SimTransport } from './transport.ts'

/**
 * A cluster in virtual time: the cores of real nodes on simulated ports, joined by the ordinary
 * `init`, `invite` and `join`. One seed decides everything; the same seed gives the same run, event for
 * event. There is no protocol in here: what a node does, it does in `node/`.
 */
export interface WorldOptions {
  readonly seed: number
  readonly wire?: WireShape
  /** How fast the disk of each machine is. */
  readonly disk?: (machine: string) => DiskLatency
  /** Sees what every node logs, with the virtual time in seconds in front. */
  readonly onLog?: (line: string) => void
  readonly strictGuard?: boolean
}

/** A machine outlives the processes that run on it. */
export interface Machine {
  readonly name: string
  readonly disk: SimDisk
  readonly index: SimIndex
  clock: SimClock
  nodeId: NodeId | undefined
  runtime: Runtime | undefined
  lives: number
}

const LAN: WireShape = { delayMinUs: 200, delayMeanUs: 300 }
const SSD: DiskLatency = { readUs: 50, writeUs: 50, syncUs: 500 }
/** 60 s of virtual time: nothing a healthy cluster does takes longer. */
const LIMIT_MS = 60_000

export class World {
  readonly scheduler: Scheduler = new Scheduler()
  readonly network: SimNetwork
  readonly trace: Trace = new Trace()
  readonly #options: WorldOptions
  readonly #machines: Map<string, Machine> = new Map()

  constructor(options: WorldOptions) {
    this.#options = options
    this.network = new SimNetwork(this.scheduler, options.seed, {
      ...(options.wire ?? LAN),
      onEvent: (kind, from, to, bytes) => this.trace.add(this.scheduler.nowUs, utf8(`${kind} ${from} ${to}`), bytes),
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
      machine = {
        name,
        disk: new SimDisk(this.scheduler, this.random(`${name}/disk`), this.#options.disk?.(name) ?? SSD),
        index: new SimIndex(this.scheduler, this.random(`${name}/index`)),
        clock: new SimClock(this.scheduler),
        nodeId: undefined,
        runtime: undefined,
        lives: 0,
      }
      this.#machines.set(name, machine)
    }
    return machine
  }

  /** Machines with a node running, by name. */
  get running(): readonly Machine[] {
    return [...this.#machines.values()].filter(machine => machine.runtime !== undefined)
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

  joinSoon(name: string, token: string, done: (error: WeftError | undefined) => void): void {
    const { disk, clock } = this.machine(name)
    const transport = ({ nodeId }: Identity): SimTransport => new SimTransport(this.network, nodeId, { log: this.#log(name) })
    joinCluster({ disk, clock, random: this.random(`${name}/init`), transport }, token, done)
  }

  /** `weft start`: a new life of the node on this machine. */
  start(name: string): Runtime {
    return this.wait<Runtime>(done => this.startSoon(name, done))
  }

  startSoon(name: string, done: (error: WeftError | undefined, runtime: Runtime | undefined) => void): void {
    const machine = this.machine(name)
    assert(machine.runtime === undefined, `${name} is running`)
    machine.lives++
    machine.clock = new SimClock(this.scheduler, { offsetMs: machine.clock.offsetMs, driftPpm: machine.clock.driftPpm })
    const life = machine.lives
    const log = this.#log(name)
    boot(
      {
        clock: machine.clock,
        random: this.random(`${name}/${life}`),
        disk: machine.disk,
        index: machine.index,
        log,
        load: (path, then) => then(noModules(path)),
        onStop: () => this.scheduler.after(0, () => this.stopSoon(name, () => {})),
        transport: (identity, _cluster, metrics) => new SimTransport(this.network, identity.nodeId, { log, metrics }),
      },
      { name, version: 'sim', seeds: [], strictGuard: this.#options.strictGuard ?? false, settings: [] },
      (error, runtime) => {
        if (machine.lives !== life) return
        machine.runtime = runtime
        machine.nodeId = runtime?.core.self
        done(error, runtime)
      },
    )
  }

  /** A clean shutdown. */
  stop(name: string): void {
    this.wait(done => this.stopSoon(name, () => done(undefined, true)))
  }

  stopSoon(name: string, done: () => void): void {
    this.runtime(name).stop(() => {
      this.machine(name).runtime = undefined
      done()
    })
  }

  /** `power` loses what was not synced; `process` is SIGKILL: the disk's cache survives. */
  crash(name: string, how: 'power' | 'process' = 'power'): void {
    const machine = this.machine(name)
    machine.runtime?.close()
    machine.runtime = undefined
    machine.lives++
    machine.clock.kill()
    if (machine.nodeId !== undefined) this.network.crash(machine.nodeId)
    machine.disk.crash(how)
    machine.index.crash({ lose: how === 'power' })
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
    this.network.partition(groups.map(group => group.map(name => this.nodeId(name))))
  }

  heal(): void {
    this.network.heal()
  }

  // ---- time

  run(ms: number): void {
    this.scheduler.runUntil(this.scheduler.nowUs + ms * 1000)
  }

  /** Runs until `holds`. Throws when it does not within `limitMs` of virtual time. */
  until(what: string, holds: () => boolean, limitMs: number = LIMIT_MS): void {
    const reached = this.scheduler.runWhile(() => !holds(), this.scheduler.nowUs + limitMs * 1000)
    if (!reached) throw new Error(`not within ${limitMs} ms: ${what}; replay with seed ${this.#options.seed}`)
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

  askSoon<K extends CommandName>(
    name: string,
    command: K,
    input: CommandTypes[K]['input'],
    done: (error: WeftError | undefined, value: CommandTypes[K]['result'] | undefined) => void,
  ): void {
    this.runtime(name).ask(command, input, { actor: name, ok: value => done(undefined, value), fail: error => done(error, undefined) })
  }

  #log(name: string): Logger {
    return (level, event, fields = {}) => {
      const line = `${name} ${level} ${event} ${JSON.stringify(fields)}`
      this.trace.add(this.scheduler.nowUs, LOG, utf8(line))
      this.#options.onLog?.(`${(this.scheduler.nowUs / 1e6).toFixed(6)} ${line}`)
    }
  }
}

const LOG: Uint8Array = utf8('log')

function noModules(path: string): Loaded {
  return { ok: false, error: new WeftError('module_invalid', `the simulator loads no modules: ${path}`) }
}
