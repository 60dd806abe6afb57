import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { assert } from '../../base/assert.ts'
import { asWeftError, type ErrorCode, WeftError } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import { REAL_NODES_MAX } from '../../base/limits.ts'
import type { CommandName, CommandTypes } from '../../node/commands/types.ts'
import type { Program } from '../../node/process/behaviour.ts'
import type { Fault, WireQuality } from '../../sim/faults/fault.ts'
import { Exchange } from '../../sim/proxy/exchange.ts'
import type { AskDone, Stage } from '../../sim/stage.ts'
import { TALLY } from '../../sim/workload/tally.ts'
import { RealNode } from './real-node.ts'
import { RealWays } from './real-ways.ts'
import { whyVirtualOnly } from './virtual-only.ts'

export interface RealStageOptions {
  /** What the ways between nodes are like while nothing is wrong; as they are on this machine unless given. */
  readonly net?: WireQuality
  readonly guard?: 'one' | 'majority'
  /** Where the program of a process is, by the name of the process: `file.js#export`. */
  readonly modules?: ReadonlyMap<string, string>
}

/** How often a node is looked at while the nodes find each other. */
const LOOK_MS = 25
/** 30 s for all first nodes to be connected: a second or two unless the machine is overloaded. */
const MEET_MS = 30_000
const MISSED: ReadonlySet<ErrorCode> = new Set(['not_running', 'stopping', 'unreachable', 'timeout'])
const ENDINGS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const
const BUILT_IN: ReadonlyMap<string, string> = new Map([
  [TALLY, `${fileURLToPath(new URL('../../sim/workload/tally.js', import.meta.url))}#tally`],
])

/**
 * A scenario on real processes: `weft start` in a fresh directory each, real sockets, real disks, real time. What the
 * simulator promises of a protocol is checked here against the world. All connections between nodes go through the exchange, where
 * the network goes bad; nothing of it is known to the nodes. Whatever ends the stage ends the processes and takes the directories away.
 */
export class RealStage implements Stage {
  readonly isReal = true
  readonly #options: RealStageOptions
  readonly #dir: string = mkdtempSync(join(tmpdir(), 'weft-stage-'))
  readonly #startMs: number = performance.now()
  readonly #exchange: Exchange = new Exchange()
  readonly #ways: RealWays
  readonly #nodes: Map<string, RealNode> = new Map()
  /** What was begun on each node, one thing after the other. */
  readonly #begun: Map<string, Promise<void>> = new Map()
  /** The pause that each frozen node is in. */
  readonly #pauses: Map<string, object> = new Map()
  readonly #timers: Set<NodeJS.Timeout> = new Set()
  #founder = ''
  /** The first thing that went wrong with the stage itself. */
  #failure: WeftError | undefined
  #isStopped = false
  readonly #onExit = (): void => this.#endNow()
  readonly #onSignal = (signal: NodeJS.Signals): void => process.exit(128 + ENDINGS[signal as keyof typeof ENDINGS])

  constructor(options: RealStageOptions = {}) {
    this.#options = options
    this.#ways = new RealWays(this.#exchange, options.net ?? {}, (ms, task) => this.after(ms, task))
    process.on('exit', this.#onExit)
    for (const signal of Object.keys(ENDINGS)) process.on(signal, this.#onSignal)
  }

  get nowMs(): number {
    return performance.now() - this.#startMs
  }

  /** Rejects when a node could not be started, or ended by itself. */
  async run(ms: number): Promise<void> {
    if (this.#failure === undefined) await sleep(ms)
    if (this.#failure !== undefined) throw this.#failure
  }

  after(ms: number, task: () => void): void {
    if (this.#isStopped) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      task()
    }, ms)
    this.#timers.add(timer)
  }

  async found(names: readonly string[]): Promise<void> {
    const [founder, ...others] = await Promise.all(names.map(name => this.#add(name)))
    assert(founder !== undefined, 'a cluster has a first node')
    this.#founder = founder.name
    await founder.found()
    await founder.start()
    await all(others.map(node => this.#join(node, founder)))
    await this.#untilConnected()
  }

  get up(): readonly string[] {
    return [...this.#nodes.values()].filter(({ isUp }) => isUp).map(({ name }) => name)
  }

  nodeId(name: string): NodeId | undefined {
    return this.#nodes.get(name)?.nodeId
  }

  life(name: string): number {
    return this.#nodes.get(name)?.life ?? 0
  }

  ask<K extends CommandName>(name: string, command: K, input: CommandTypes[K]['input'], done: AskDone<K>): void {
    const node = this.#nodes.get(name)
    if (node === undefined || !node.isUp) return
    const { life } = node
    const isAlive = (): boolean => !this.#isStopped && node.isUp && node.life === life
    node.request(command, input).then(
      value => isAlive() && done(undefined, value),
      thrown => isAlive() && done(undecided(asWeftError(thrown)), undefined),
    )
  }

  /** The program of a process is found by the name of the process: a function cannot be sent to another process. */
  spawn(name: string, _program: Program, process: string, done: (error: WeftError | undefined) => void): void {
    const path = this.#options.modules?.get(process) ?? BUILT_IN.get(process)
    if (path === undefined) {
      return done(new WeftError('module_invalid', `the program of ${process} is in no module`, { next: 'play it in virtual time' }))
    }
    this.ask(name, 'process.spawn', { path, name: process }, error => done(error))
  }

  perform(fault: Fault): void {
    assert(whyVirtualOnly(fault) === undefined, `${fault.verb} happens in virtual time only`)
    switch (fault.verb) {
      case 'crash':
        return this.#onNode(fault.node, node => node.stop('SIGKILL'))
      case 'kill':
        return this.#onNode(fault.node, node => node.kill())
      case 'stop':
        return this.#onNode(fault.node, node => node.stop('SIGTERM'))
      case 'restart':
        return this.#onNode(fault.node, node => node.start())
      case 'pause':
        return this.#pause(fault.node, fault.forMs)
      case 'mute':
        return this.#ways.mute(fault.node, fault.forMs)
      case 'join':
        return this.#begin(fault.node, () => this.#joinLate(fault.node, fault.by))
      case 'retire':
      case 'revoke':
        return this.#onNode(fault.node, node => this.#dismiss(fault.verb, node))
      case 'backup':
        return this.#onNode(fault.node, node => node.backup())
      case 'restore-backup':
        return this.#onNode(fault.node, node => node.restoreBackup())
      case 'reformat':
        return this.#onNode(fault.node, node => node.reformat())
      default:
        return this.#ways.perform(fault as Parameters<RealWays['perform']>[0])
    }
  }

  mend(names: readonly string[]): void {
    this.#ways.mend(names)
    for (const name of names) {
      this.#thaw(name)
      this.#onNode(name, node => node.start())
    }
  }

  async stop(): Promise<void> {
    this.#halt()
    await Promise.allSettled(this.#begun.values())
    for (const node of this.#nodes.values()) node.end()
    await Promise.all([...this.#nodes.values()].map(node => node.gone()))
    await this.#exchange.close()
    rmSync(this.#dir, { recursive: true, force: true })
    process.off('exit', this.#onExit)
    for (const signal of Object.keys(ENDINGS)) process.off(signal, this.#onSignal)
  }

  #halt(): void {
    this.#isStopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    for (const node of this.#nodes.values()) node.end()
  }

  /** The process ends: what takes time is not waited for. */
  #endNow(): void {
    this.#halt()
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 10 })
  }

  // ---- nodes

  async #add(name: string): Promise<RealNode> {
    const known = this.#nodes.get(name)
    if (known !== undefined) return known
    if (this.#nodes.size === REAL_NODES_MAX) {
      throw new WeftError('invalid_argument', `at most ${REAL_NODES_MAX} real nodes play on one machine`, {
        next: 'play it in virtual time',
      })
    }
    const node = new RealNode({
      name,
      dir: join(this.#dir, name),
      door: await this.#exchange.open(name),
      guard: this.#options.guard ?? 'one',
      onListen: port => this.#exchange.lead(name, port),
      onLost: error => this.#fail(error),
    })
    this.#nodes.set(name, node)
    this.#ways.add(name)
    return node
  }

  /** Where whoever invites is down or cut off, nobody joins. */
  async #joinLate(name: string, by: string): Promise<void> {
    const host = this.#nodes.get(by)
    if (host === undefined || this.life(name) > 0) return
    try {
      await this.#join(await this.#add(name), host)
    } catch (thrown) {
      if (!MISSED.has(asWeftError(thrown).code)) throw thrown
    }
  }

  async #join(node: RealNode, by: RealNode): Promise<void> {
    const { token } = await by.request('member.invite', {})
    await node.join(token)
    await node.start()
  }

  /** By the founder, who is the admin. While it is down nobody can, and it cannot dismiss itself or one that is no member. */
  async #dismiss(verb: 'retire' | 'revoke', { name, nodeId }: RealNode): Promise<void> {
    const founder = this.#nodes.get(this.#founder)
    if (founder?.isUp !== true || name === founder.name || nodeId === undefined) return
    await founder.request(`member.${verb}`, { nodeId }).catch(() => {})
  }

  /** Of two pauses the later one counts. */
  #pause(name: string, forMs: number): void {
    const turn = {}
    this.#pauses.set(name, turn)
    this.#nodes.get(name)?.freeze()
    this.after(forMs, () => this.#pauses.get(name) === turn && this.#thaw(name))
  }

  #thaw(name: string): void {
    if (this.#pauses.delete(name)) this.#nodes.get(name)?.thaw()
  }

  /** A fault that cannot happen changes nothing: from a list of faults some may have been taken away. */
  #onNode(name: string, task: (node: RealNode) => Promise<void>): void {
    const node = this.#nodes.get(name)
    if (node !== undefined) this.#begin(name, () => task(node))
  }

  /** Does it once everything that was begun on this node before is done. */
  #begin(name: string, task: () => Promise<void>): void {
    const before = this.#begun.get(name) ?? Promise.resolve()
    const work = before.then(async () => {
      if (!this.#isStopped) await task()
    })
    this.#begun.set(
      name,
      work.catch(thrown => this.#fail(asWeftError(thrown))),
    )
  }

  #fail(error: WeftError): void {
    if (!this.#isStopped) this.#failure ??= error
  }

  async #untilConnected(): Promise<void> {
    const limitMs = this.nowMs + MEET_MS
    for (const node of this.#nodes.values()) {
      for (;;) {
        const { peers } = await node.request('peer.list', {})
        if (peers.filter(({ state }) => state === 'up').length === this.#nodes.size - 1) break
        if (this.nowMs > limitMs) throw new WeftError('timeout', `${node.name} is not connected to all others within ${MEET_MS / 1000} s`)
        await this.run(LOOK_MS)
      }
    }
  }
}

/** Waits for all before it fails for one: whoever stops the stage then finds every process that was started. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find(result => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

/** A connection to a node that lives broke: what was asked may have been done. */
function undecided(error: WeftError): WeftError {
  return error.code === 'not_running' ? new WeftError('unreachable', error.message, { cause: error }) : error
}
