import { toHex } from '../../base/bytes.ts'
import type { NodeId } from '../../base/ids.ts'
import { LIST_MAX } from '../../base/limits.ts'
import type { EdgeType } from '../../ecc/edge-types.ts'
import type { MemoryRecord } from '../../node/api.ts'
import type { CommandName, CommandTypes } from '../../node/commands/types.ts'
import { checkersFor } from '../../sim/checkers/all.ts'
import { type Checker, type Ending, RECALLED, type Setup, type Testimony, type Violation } from '../../sim/checkers/checker.ts'
import type { Fault, TimedFault } from '../../sim/faults/fault.ts'
import type { Observer } from '../../sim/observer.ts'
import type { SimRandom } from '../../sim/random.ts'
import { lostOf } from '../../sim/scenario/cast.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { History, type MessageRef } from '../../sim/workload/history.ts'
import { tallyTo } from '../../sim/workload/tally.ts'
import { receiptOf } from '../../sim/workload/workload.ts'
import { World } from '../../sim/world.ts'
import { coreOf, settle, spawnOn, untilConnected, untilEqual } from './helpers.ts'

export const NAMES: readonly string[] = ['n1', 'n2', 'n3', 'n4']
const WORDS = 'pool cache deploy latency queue retry disk index shard leader'.split(' ')
const TYPES: readonly EdgeType[] = ['causes', 'contradicts', 'derived-from']

export function scenarioOf(change: Partial<Scenario> = {}): Scenario {
  return {
    name: 'trial',
    about: 'four nodes, split and crashed',
    nodes: NAMES.map(name => ({ name, disk: 'ssd', clockOffsetMs: 0, clockDriftPpm: 0, version: 'current', isLate: false })),
    net: {},
    workload: [],
    faults: [],
    durationMs: 60_000,
    expect: { convergeMs: 60_000, falsePositives: 0, sometimes: [], forkedLogs: null },
    guard: 'one',
    buggify: [],
    seed: 1,
    ...change,
  }
}

/** Judges with their own clock and history, and what they found. */
export interface Court {
  readonly checkers: readonly Checker[]
  readonly history: History
  readonly violations: Omit<Violation, 'atMs'>[]
  nowMs: number
}

/** Nodes are called by their names, so that hand-made answers can be read. */
export function courtOf(scenario: Scenario, change: Partial<Setup> = {}): Court {
  const history = new History()
  const violations: Court['violations'] = []
  const lost = lostOf(scenario)
  const court: { -readonly [K in keyof Court]: Court[K] } = { checkers: [], history, violations, nowMs: 0 }
  court.checkers = checkersFor({
    scenario,
    history,
    nowMs: () => court.nowMs,
    beganMs: () => 0,
    nameOf: node => (NAMES.includes(node) ? node : undefined),
    nodeIdOf: name => name as NodeId,
    isCorrect: name => NAMES.includes(name) && !lost.has(name),
    violated: violation => void violations.push(violation),
    ...change,
  })
  return court
}

/** A short storm over four nodes, watched by all judges. @returns what they found */
export function trial(seed: number): Court['violations'] {
  return new Trial(seed).run()
}

class Trial {
  readonly #world: World
  readonly #random: SimRandom
  readonly #court: Court
  readonly #known: string[] = []
  readonly #numbers: Map<string, number> = new Map()
  readonly #lives: Map<string, number> = new Map()

  constructor(seed: number) {
    const observers: Observer[] = []
    this.#world = new World({ seed, observers })
    this.#random = this.#world.random('trial')
    const ids = new Map<NodeId, string>()
    this.#court = courtOf(scenarioOf({ faults: STORM }), {
      nowMs: () => this.#world.nowMs,
      nodeIdOf: name => this.#world.nodeId(name),
      nameOf: node => {
        for (const name of NAMES) {
          const { nodeId } = this.#world.machine(name)
          if (nodeId !== undefined) ids.set(nodeId, name)
        }
        return ids.get(node)
      },
    })
    observers.push(...this.#court.checkers)
  }

  run(): Court['violations'] {
    settle(this.#world, NAMES)
    this.#world.machine('n2').clock.step(5_000)
    for (const { fault } of STORM) {
      this.#work(12)
      this.#perform(fault)
    }
    this.#work(12)
    untilConnected(this.#world, NAMES)
    untilEqual(this.#world, NAMES)
    this.#world.run(6_000)
    if (this.#court.violations.length === 0) {
      const ending: Ending = { scenario: scenarioOf({ faults: STORM }), nodes: new Map(NAMES.map(name => [name, this.#hear(name)])) }
      for (const checker of this.#court.checkers) checker.atEnd?.(ending)
    }
    return this.#court.violations
  }

  #perform(fault: Fault): void {
    for (const checker of this.#court.checkers) checker.onFault?.(fault)
    if (fault.verb === 'partition') this.#world.partition(fault.groups)
    else if (fault.verb === 'heal') this.#world.heal()
    else if (fault.verb === 'crash') this.#world.crash(fault.node, fault.how)
    else if (fault.verb === 'restart') this.#world.start(fault.node)
  }

  #work(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#once(this.#random.pick(this.#world.running).name)
      this.#world.run(this.#random.below(300))
    }
  }

  #once(node: string): void {
    const dice = this.#random.below(12)
    if (dice < 5)
      this.#ask(node, 'memory.remember', { text: this.#text(), ...(dice === 0 ? { key: 'weather', meta: { attempt: 3 } } : {}) })
    else if (dice === 5) this.#ask(node, 'memory.link', { from: this.#id(), type: this.#random.pick(TYPES), to: this.#id(), weight: 0.5 })
    else if (dice < 8) this.#supersede(node)
    else if (dice === 8) this.#ask(node, 'memory.forget', { id: this.#id() })
    else if (dice === 9) this.#ask(node, 'memory.recall', { query: this.#random.pick(WORDS) })
    else this.#message(node, dice === 10 ? 'send' : 'call')
  }

  #text(): string {
    return `${Array.from({ length: 4 }, () => this.#random.pick(WORDS)).join(' ')} ${this.#court.history.operations.length}`
  }

  #supersede(node: string): void {
    const [old, by] = [this.#id(), this.#id()]
    if (old !== by) this.#ask(node, 'memory.supersede', { old, by })
  }

  #id(): string {
    return this.#known.length === 0 ? toHex(this.#random.bytes(32)) : this.#random.pick(this.#known)
  }

  #message(from: string, mode: 'send' | 'call'): void {
    const others = this.#world.running.map(({ name }) => name).filter(name => name !== from)
    if (others.length === 0) return
    const to = this.#random.pick(others)
    const { lives } = this.#world.machine(to)
    if (this.#lives.get(to) !== lives) {
      this.#lives.set(to, lives)
      spawnOn(
        this.#world,
        to,
        tallyTo(
          ({ message }) =>
            void this.#court.history.deliveries.push({ message: message as MessageRef, atMs: this.#world.nowMs, life: lives }),
        ),
        'tally',
      )
    }
    const way = `${mode} ${from} ${to}`
    const number = (this.#numbers.get(way) ?? 0) + 1
    this.#numbers.set(way, number)
    const message: MessageRef = { mode, from, to, number }
    const address = `${this.#world.nodeId(to)}:tally`
    if (mode === 'send') this.#ask(from, 'process.send', { to: address, message }, message)
    else this.#ask(from, 'process.call', { to: address, method: 'handle', argument: message }, message)
  }

  #ask<K extends CommandName>(node: string, command: K, input: CommandTypes[K]['input'], message?: MessageRef): void {
    const operation = this.#court.history.begin(this.#world.nowMs, node, command, input, message)
    this.#world.askSoon(node, command, input, (error, result) => {
      operation.endMs = this.#world.nowMs
      operation.error = error
      operation.result = result
      operation.outcome = error === undefined ? 'ok' : error.code === 'timeout' || error.code === 'unreachable' ? 'unknown' : 'fail'
      const receipt = command === 'memory.remember' ? receiptOf(operation) : undefined
      if (receipt !== undefined) this.#known.push(receipt.id)
    })
  }

  #hear(name: string): Testimony {
    const ask = <K extends CommandName>(command: K, input: CommandTypes[K]['input']): CommandTypes[K]['result'] =>
      this.#world.ask(name, command, input)
    const memories: MemoryRecord[] = []
    for (let after: string | undefined, more = true; more; ) {
      const page = ask('memory.list', { after, limit: LIST_MAX })
      memories.push(...page.memories)
      after = page.frontier
      more = page.more
    }
    const { nodeId, frontier, frontierAll } = ask('node.status', {})
    const { foldVersion } = ask('memory.status', {})
    const queries = WORDS.slice(0, 4).map((word, i) => `${word} ${WORDS[i + 3]}`)
    return {
      nodeId,
      frontier,
      frontierAll,
      foldVersion,
      pending: coreOf(this.#world, name).pending,
      heads: ask('chain.head', {}).logs,
      verification: ask('chain.verify', { all: true }),
      memories,
      edges: ask('memory.edges', { ids: memories.map(({ id }) => id) }).edges,
      conflicts: ask('memory.conflicts', {}),
      recollections: new Map(queries.map(query => [query, ask('memory.recall', { query, k: RECALLED })])),
      matches: new Map(queries.map(query => [query, ask('memory.recall', { query, k: RECALLED, spread: false })])),
      spaces: new Map(),
      members: ask('member.list', {}),
      peers: ask('peer.list', {}).peers,
      processes: ask('process.list', {}).processes,
    }
  }
}

const FAULTS: readonly Fault[] = [
  {
    verb: 'partition',
    groups: [
      ['n1', 'n2'],
      ['n3', 'n4'],
    ],
  },
  { verb: 'crash', node: 'n3', how: 'power', torn: false },
  { verb: 'restart', node: 'n3' },
  { verb: 'heal' },
  { verb: 'crash', node: 'n1', how: 'process', torn: false },
  { verb: 'restart', node: 'n1' },
]
const STORM: readonly TimedFault[] = FAULTS.map((fault, i) => ({ atMs: 2_000 * (i + 1), fault }))
