import { toHex } from '../../base/bytes.ts'
import type { WeftError } from '../../base/errors.ts'
import { EDGE_TYPES, type EdgeType } from '../../ecc/edge-types.ts'
import type { Receipt } from '../../node/api.ts'
import type { CommandName, CommandTypes } from '../../node/commands/types.ts'
import { askAll } from '../ask-all.ts'
import type { SimRandom } from '../random.ts'
import type { Scenario, Work } from '../scenario/scenario.ts'
import type { Stage } from '../stage.ts'
import type { History, MessageRef, Operation } from './history.ts'
import { type Handled, TALLY, tallyTo } from './tally.ts'

const TYPES = Object.keys(EDGE_TYPES) as EdgeType[]
/** Few, so that texts have words in common and recall has something to rank. */
export const WORDS: readonly string[] =
  'pool cache deploy latency queue retry disk index shard leader vote token socket buffer quota alert rollback canary trace budget'.split(' ')
/** A call that is not answered by then fails; an at-least-once message is sent again. */
const DEADLINE_MS = 5_000
const RESEND_MS = 1_000

/**
 * What agents do while things go wrong: they remember, link, supersede, forget, recall and talk to each
 * other, at the rates of the scenario, on nodes drawn from a stream of the seed for each kind of work.
 */
export class Workload {
  readonly #stage: Stage
  readonly #scenario: Scenario
  readonly #history: History
  readonly #random: (stream: string) => SimRandom
  /** Ids of memories that somebody was promised. */
  readonly #known: string[] = []
  /** Per way and mode. */
  readonly #numbers: Map<string, number> = new Map()
  /** The life of each node in which its processes were last started. */
  readonly #spawned: Map<string, number> = new Map()
  readonly #hostile: ReadonlySet<string>
  #isStopped = false
  #texts = 0

  constructor(stage: Stage, scenario: Scenario, history: History, random: (stream: string) => SimRandom) {
    this.#stage = stage
    this.#scenario = scenario
    this.#history = history
    this.#random = random
    this.#hostile = new Set(scenario.faults.flatMap(({ fault }) => (fault.verb === 'turn' || fault.verb === 'twin' ? [fault.node] : [])))
  }

  start(): void {
    for (const [i, work] of this.#scenario.workload.entries()) this.#next(work, this.#random(`work/${i}/${work.work}`))
  }

  /** Nothing new is asked; what is under way may end. */
  stop(): void {
    this.#isStopped = true
  }

  /** What to recall in the end. */
  queries(): readonly string[] {
    const random = this.#random('work/queries')
    return Array.from({ length: 5 }, () => this.#query(random))
  }

  /** A memory of its own text. */
  remember(node: string, text: string, key?: string): Operation {
    return this.#ask(node, 'memory.remember', key === undefined ? { text } : { text, key }, receipt => this.#known.push(receipt.id))
  }

  #next(work: Work, random: SimRandom): void {
    const meanMs = 1000 / work.perSecond
    this.#stage.after(meanMs / 2 + random.below(Math.max(1, Math.round(meanMs))), () => {
      if (this.#isStopped) return
      const up = this.#stage.up
      if (up.length > 0) this.#do(work, random, up)
      this.#next(work, random)
    })
  }

  #do(work: Work, random: SimRandom, up: readonly string[]): void {
    const node = random.pick(up)
    switch (work.work) {
      case 'remember':
        return void this.remember(node, this.#text(random), work.keys === 0 ? undefined : `key-${random.below(work.keys)}`)
      case 'link': {
        const input = { from: this.#id(random), type: random.pick(TYPES), to: this.#id(random), weight: (1 + random.below(10)) / 10 }
        return void this.#ask(node, 'memory.link', input)
      }
      case 'supersede': {
        const [old, by] = [this.#id(random), this.#id(random)]
        if (old !== by) this.#ask(node, 'memory.supersede', { old, by, reason: 'it changed' })
        return
      }
      case 'forget':
        return void this.#ask(node, 'memory.forget', { id: this.#id(random) })
      case 'recall':
        return void this.#ask(node, 'memory.recall', { query: this.#query(random), k: 5 })
      case 'message':
        return this.#message(work.mode, node, random, up)
      case 'agent':
        return this.#tick(work, random, up)
    }
  }

  #text(random: SimRandom): string {
    const words = Array.from({ length: 3 + random.below(8) }, () => random.pick(WORDS))
    return `${words.join(' ')} ${this.#texts++}`
  }

  #query(random: SimRandom): string {
    return `${random.pick(WORDS)} ${random.pick(WORDS)}`
  }

  /** Of a memory that somebody was promised; now and then of none. */
  #id(random: SimRandom): string {
    return this.#known.length === 0 || random.chance(50) ? toHex(random.bytes(32)) : random.pick(this.#known)
  }

  // ---- processes

  #message(mode: MessageRef['mode'], from: string, random: SimRandom, up: readonly string[]): void {
    const others = up.filter(name => name !== from)
    if (others.length === 0) return
    const to = random.pick(others)
    const way = `${mode} ${from} ${to}`
    const number = (this.#numbers.get(way) ?? 0) + 1
    this.#numbers.set(way, number)
    const message: MessageRef = { mode, from, to, number }
    this.#ensure(to, TALLY, () => tallyTo(handled => this.#delivered(handled, to)))
    const address = `${this.#stage.nodeId(to) ?? ''}:${TALLY}`
    if (mode === 'send') this.#ask(from, 'process.send', { to: address, message }, () => {}, message)
    else this.#call(from, address, message)
  }

  /** On real nodes: what their processes noted. What ended with a node is not known. */
  async collect(): Promise<void> {
    if (!this.#stage.isReal) return
    for (const node of this.#stage.up) {
      if (this.#spawned.get(`${node} ${TALLY}`) !== this.#stage.life(node)) continue
      const [{ result }] = (await askAll(this.#stage, [node], 'process.call', { to: TALLY, method: 'report' })) as readonly [{ result: unknown }]
      for (const handled of result as readonly Handled[]) this.#delivered(handled, node)
    }
  }

  /** What a hostile node says in anybody's name is noted nowhere: it promised nothing. */
  #delivered({ message, from }: Handled, at: string): void {
    const sender = this.#scenario.nodes.find(({ name }) => from.startsWith(`${this.#stage.nodeId(name) ?? ''}/`))?.name
    if (sender === undefined || this.#hostile.has(sender)) return
    this.#history.deliveries.push({ message: message as MessageRef, atMs: this.#stage.nowMs, life: this.#stage.life(at) })
  }

  #call(node: string, to: string, message: MessageRef): void {
    const input = { to, method: 'handle', argument: message, deadlineMs: DEADLINE_MS }
    const operation = this.#history.begin(this.#stage.nowMs, node, 'process.call', input, message)
    const once = (): void => {
      this.#stage.ask(node, 'process.call', input, (error, result) => {
        if (error === undefined || message.mode === 'call') return this.#end(operation, error, result)
        if (!this.#isStopped) this.#stage.after(RESEND_MS, () => this.#stage.up.includes(node) && once())
      })
    }
    once()
  }

  /** One message to the author's own process on this node. */
  #tick(work: Extract<Work, { work: 'agent' }>, random: SimRandom, up: readonly string[]): void {
    const there = up.filter(name => work.on.includes(name))
    if (there.length === 0) return
    const node = random.pick(there)
    const process = `agent-${work.name}`
    this.#ensure(node, process, () => work.program)
    this.#ask(node, 'process.send', { to: process, message: { tick: ++this.#texts } })
  }

  /** A process that ended with its node is started again with it. */
  #ensure(node: string, process: string, program: () => Parameters<Stage['spawn']>[1]): void {
    const life = this.#stage.life(node)
    const row = `${node} ${process}`
    if (this.#spawned.get(row) === life) return
    this.#spawned.set(row, life)
    this.#stage.spawn(node, program(), process, error => {
      // A disk that fails now may not fail the next time.
      if (error !== undefined) this.#spawned.delete(row)
    })
  }

  // ---- asking

  #ask<K extends CommandName>(
    node: string,
    command: K,
    input: CommandTypes[K]['input'],
    then: (result: CommandTypes[K]['result']) => void = () => {},
    message?: MessageRef,
  ): Operation {
    const operation = this.#history.begin(this.#stage.nowMs, node, command, input, message)
    this.#stage.ask(node, command, input, (error, result) => {
      this.#end(operation, error, result)
      if (error === undefined) then(result as CommandTypes[K]['result'])
    })
    return operation
  }

  #end(operation: Operation, error: WeftError | undefined, result: Operation['result']): void {
    this.#history.end(operation, this.#stage.nowMs, error, result)
  }
}

/** A receipt, when the operation has one. */
export function receiptOf({ outcome, result }: Operation): Receipt | undefined {
  return outcome === 'ok' && result !== undefined && 'id' in result && 'seq' in result ? (result as Receipt) : undefined
}
