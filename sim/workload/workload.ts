import { DEFAULT_SPACE } from '../../base/ids.ts'
import type { Receipt } from '../../node/api.ts'
import type { CommandName, InSpace } from '../../node/commands/types.ts'
import { askAll } from '../ask-all.ts'
import type { SimRandom } from '../random.ts'
import { hostileOf } from '../scenario/cast.ts'
import type { Scenario, Work } from '../scenario/scenario.ts'
import type { Stage } from '../stage.ts'
import { Asking } from './asking.ts'
import type { History, Operation } from './history.ts'
import { MemoryWork } from './memory-work.ts'
import { ProcessWork } from './process-work.ts'
import { RoleWork } from './role-work.ts'
import { type Handled, TALLY } from './tally.ts'

/**
 * What agents do while things go wrong: they remember, link, supersede, forget, recall and talk to each
 * other, at the rates of the scenario, on nodes drawn from a stream of the seed for each kind of work.
 */
export class Workload {
  readonly #stage: Stage
  readonly #scenario: Scenario
  readonly #random: (stream: string) => SimRandom
  readonly #memory: MemoryWork
  readonly #inSpaces: Map<string, MemoryWork> = new Map()
  /** Of spaces that are created in this run. */
  readonly #roles: Map<string, RoleWork> = new Map()
  readonly #processes: ProcessWork
  #isStopped = false

  constructor(stage: Stage, scenario: Scenario, history: History, random: (stream: string) => SimRandom) {
    const asking = new Asking(stage, history)
    this.#stage = stage
    this.#scenario = scenario
    this.#random = random
    this.#memory = new MemoryWork(asking)
    const names = scenario.nodes.map(({ name }) => name)
    this.#processes = new ProcessWork(asking, names, hostileOf(scenario))
    for (const work of scenario.workload) {
      if (!('space' in work) || work.space === undefined) continue
      this.#inSpaces.set(work.space, new MemoryWork(asking, work.space))
      if (work.work === 'roles') this.#roles.set(work.space, new RoleWork(asking, work.space, names))
    }
  }

  start(): void {
    for (const [i, work] of this.#scenario.workload.entries()) this.#next(work, this.#random(`work/${i}/${work.work}`))
  }

  /** Nothing new is asked; what is under way may end. */
  stop(): void {
    this.#isStopped = true
    this.#processes.stop()
  }

  /** What to recall in the end. */
  queries(): readonly string[] {
    const random = this.#random('work/queries')
    return Array.from({ length: 5 }, () => this.#memory.query(random))
  }

  /** A memory of its own text. */
  remember(node: string, text: string): Operation {
    return this.#memory.remember(node, { text })
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
      case 'link':
      case 'supersede':
      case 'forget':
      case 'recall':
        return this.#doInMemory(work, node, random, up)
      case 'roles':
        return this.#roles.get(work.space)?.decide(node, random, up)
      case 'message':
        return this.#processes.message(work.mode, node, random, up)
      case 'process':
        return this.#processes.live(node, random, up)
      case 'agent':
        return this.#processes.tick(work, random, up)
    }
  }

  #doInMemory(work: Extract<Work, { work: MemoryKind }>, drawn: string, random: SimRandom, up: readonly string[]): void {
    const { space } = work
    const memory = space === undefined ? this.#memory : (this.#inSpaces.get(space) ?? this.#memory)
    const roles = space === undefined ? undefined : this.#roles.get(space)
    const node = roles === undefined ? drawn : roles.somebodyWho(work.work === 'recall' ? 'read' : 'write', drawn, random, up)
    if (node === undefined) return
    if (work.work === 'remember') memory.rememberSome(node, random, work.keys)
    else memory[work.work](node, random)
  }

  /** On real nodes: what their processes noted. What ended with a node is not known. */
  async collect(): Promise<void> {
    if (!this.#stage.isReal) return
    for (const node of this.#stage.up) {
      if (!this.#processes.hasTally(node)) continue
      const [{ result }] = (await askAll(this.#stage, [node], 'process.call', { to: TALLY, method: 'report' })) as readonly [
        { result: unknown },
      ]
      for (const handled of result as readonly Handled[]) this.#processes.delivered(handled, node)
    }
  }
}

type MemoryKind = 'remember' | 'link' | 'supersede' | 'forget' | 'recall'

const WRITES: ReadonlySet<CommandName> = new Set<CommandName>(['memory.remember', 'memory.link', 'memory.supersede', 'memory.forget'])

/** What was asked was about the space of all members. */
export function isOfMain({ input }: Operation): boolean {
  return ((input as InSpace).space ?? DEFAULT_SPACE) === DEFAULT_SPACE
}

/** A receipt, when the operation has one. */
export function receiptOf({ command, outcome, result }: Operation): Receipt | undefined {
  return outcome === 'ok' && WRITES.has(command) ? (result as Receipt | undefined) : undefined
}
