import type { Program } from '../../node/process/behaviour.ts'
import type { SimRandom } from '../random.ts'
import type { Work } from '../scenario/scenario.ts'
import type { Asking } from './asking.ts'
import type { MessageRef } from './history.ts'
import { type Handled, TALLY, tallyTo } from './tally.ts'
import { WORKERS, worker } from './worker.ts'

/** A call that is not answered by then fails; an at-least-once message is sent again. */
const DEADLINE_MS = 5_000
const RESEND_MS = 1_000
/** Some of what programs send each other: whatever it is, it must arrive as it was. */
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1.5,
  1e21,
  '',
  'naïve \u{1f9f5} \u0000 "quoted"',
  [],
  {},
  [1, [2, [3]]],
  { a: { b: [null, ''] }, '': 0 },
  'x'.repeat(20_000),
]

/** What processes do: they talk across nodes, wait for each other, watch each other, come and go. */
export class ProcessWork {
  readonly #asking: Asking
  readonly #hostile: ReadonlySet<string>
  /** Per way and mode. */
  readonly #numbers: Map<string, number> = new Map()
  /** The life of each node in which its processes were last started. */
  readonly #spawned: Map<string, number> = new Map()
  readonly #nodes: readonly string[]
  #isStopped = false
  #ticks = 0

  constructor(asking: Asking, nodes: readonly string[], hostile: ReadonlySet<string>) {
    this.#asking = asking
    this.#nodes = nodes
    this.#hostile = hostile
  }

  stop(): void {
    this.#isStopped = true
  }

  // ---- messages

  /** One message mostly; sometimes several in one instant, to one that may be waiting for somebody else. */
  message(mode: MessageRef['mode'], from: string, random: SimRandom, up: readonly string[]): void {
    const others = up.filter(name => name !== from)
    if (others.length === 0) return
    const to = random.pick(others)
    this.#ensure(to, TALLY, () => tallyTo(handled => this.delivered(handled, to)))
    // Whatever a hostile node answers is its answer: an honest one that asks it first cannot be held to another.
    const third = mode === 'call' && random.chance(100) ? others.find(name => name !== to && !this.#hostile.has(name)) : undefined
    const via = third === undefined ? {} : { via: this.#tallyOf(third) }
    const count = random.chance(100) ? 2 + random.below(4) : 1
    for (let i = 0; i < count; i++) {
      const value = random.chance(300) ? { value: random.pick(VALUES) } : {}
      this.#send({ mode, from, to, number: this.#count(`${mode} ${from} ${to}`), ...value, ...via }, random)
      if (third !== undefined && i === 0)
        for (let n = 0; n < 3; n++) this.#send({ mode: 'send', from, to, number: this.#count(`send ${from} ${to}`) }, random)
    }
  }

  #count(way: string): number {
    const number = (this.#numbers.get(way) ?? 0) + 1
    this.#numbers.set(way, number)
    return number
  }

  #tallyOf(name: string): string {
    return `${this.#asking.stage.nodeId(name) ?? ''}:${TALLY}`
  }

  #send(message: MessageRef, random: SimRandom): void {
    const { mode, from } = message
    const to = this.#tallyOf(message.to)
    if (mode === 'send') return void this.#asking.ask(from, 'process.send', { to, message }, () => {}, message)
    const deadlineMs = mode === 'call' && random.chance(200) ? 50 + random.below(1_000) : DEADLINE_MS
    const input = { to, method: 'handle', argument: message, deadlineMs }
    if (mode === 'call') return void this.#asking.ask(from, 'process.call', input, () => {}, message)
    const { stage, history } = this.#asking
    const operation = history.begin(stage.nowMs, from, 'process.call', input, message)
    const once = (): void => {
      stage.ask(from, 'process.call', input, (error, result) => {
        if (error === undefined) return this.#asking.end(operation, error, result)
        if (!this.#isStopped) stage.after(RESEND_MS, () => stage.up.includes(from) && once())
      })
    }
    once()
  }

  /** What a hostile node says in anybody's name is noted nowhere: it promised nothing. */
  delivered({ message, from }: Handled, at: string): void {
    const { stage, history } = this.#asking
    const sender = this.#nodes.find(name => from.startsWith(`${stage.nodeId(name) ?? ''}/`))
    if (sender === undefined || this.#hostile.has(sender)) return
    history.deliveries.push({ message: message as MessageRef, atMs: stage.nowMs, life: stage.life(at) })
  }

  /** The tally of a node, if it is still the one that was started. */
  hasTally(node: string): boolean {
    return this.#spawned.get(`${node} ${TALLY}`) === this.#asking.stage.life(node)
  }

  // ---- lives

  /** A worker somewhere begins, ends one way or another, or is watched from elsewhere. */
  live(node: string, random: SimRandom, up: readonly string[]): void {
    const { stage } = this.#asking
    const name = random.pick(WORKERS)
    const target = `${stage.nodeId(random.pick(up)) ?? ''}:${name}`
    const dice = random.below(10)
    if (dice < 3) stage.spawn(node, worker, name, () => {})
    else if (dice < 4) this.#asking.ask(node, 'process.kill', { address: name })
    else if (dice < 7) this.#asking.ask(node, 'process.monitor', { target })
    else if (dice < 9)
      this.#asking.ask(node, 'process.call', { to: target, method: random.pick(['end', 'fail', 'none']), deadlineMs: DEADLINE_MS })
    else this.#asking.ask(node, 'process.send', { to: target, message: random.pick(['end', 'fail', 'stay']) })
  }

  /** One message to the author's own process on one of its nodes. */
  tick({ name, program, on }: Extract<Work, { work: 'agent' }>, random: SimRandom, up: readonly string[]): void {
    const there = up.filter(node => on.includes(node))
    if (there.length === 0) return
    const node = random.pick(there)
    const process = `agent-${name}`
    this.#ensure(node, process, () => program)
    this.#asking.ask(node, 'process.send', { to: process, message: { tick: ++this.#ticks } })
  }

  /** A process that ended with its node is started again with it. */
  #ensure(node: string, process: string, program: () => Program): void {
    const { stage } = this.#asking
    const life = stage.life(node)
    const row = `${node} ${process}`
    if (this.#spawned.get(row) === life) return
    this.#spawned.set(row, life)
    stage.spawn(node, program(), process, error => {
      // A disk that fails now may not fail the next time.
      if (error !== undefined) this.#spawned.delete(row)
    })
  }
}
