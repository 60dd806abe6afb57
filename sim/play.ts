import { PEER_SILENT_MS } from '../base/limits.ts'
import type { ChainHeads } from '../node/api.ts'
import { askAll } from './ask-all.ts'
import { areEqual } from './equality.ts'
import type { Ending, InvariantId, Testimony, Violation } from './checkers/checker.ts'
import type { Fault } from './faults/fault.ts'
import { hostileOf, lostOf } from './scenario/cast.ts'
import type { Scenario } from './scenario/scenario.ts'
import type { SimRandom } from './random.ts'
import type { Stage } from './stage.ts'
import { testimonyOf } from './testimony.ts'
import { receiptOf, type Workload } from './workload/workload.ts'

/**
 * Plays a scenario on a stage, simulated or real. First safety: the workload runs and everything goes wrong
 * that the scenario says. Then liveness: a core of the cluster is mended, all other faults become permanent, and the
 * core must make progress. Then all is mended, and all must become equal. In the end every node is heard.
 */
export interface PlayInit {
  readonly stage: Stage
  readonly scenario: Scenario
  readonly workload: Workload
  readonly random: SimRandom
  /** True once a promise is broken: there is nothing more to learn. */
  readonly isOver: () => boolean
  readonly violated: (violation: Omit<Violation, 'atMs'>) => void
  /** Told when a phase begins. */
  readonly onPhase: (phase: Phase) => void
  readonly onFault: (fault: Fault) => void
}

export type Phase = 'founding' | 'safety' | 'liveness' | 'convergence' | 'testimony'

/** How often the player looks at whether what it waits for has come. */
const LOOK_MS = 50
/** A slice of the story: how soon the player notices that a promise was broken. */
const SLICE_MS = 1_000
/** Twice what a crashed node, an unanswered call and a long redial backoff take. */
const PROGRESS_MS = 60_000
/** 3 logs in which nodes differ are told of each: enough to see who lacks what of whom. */
const TOLD_LOGS = 3

export class Play {
  readonly #init: PlayInit
  readonly #stage: Stage
  readonly #scenario: Scenario

  constructor(init: PlayInit) {
    this.#init = init
    this.#stage = init.stage
    this.#scenario = init.scenario
  }

  /** @returns what the nodes say in the end, undefined when it did not come to that */
  async run(): Promise<Ending | undefined> {
    for (const [phase, play] of [
      ['founding', () => this.#found()],
      ['safety', () => this.#safety()],
      ['liveness', () => this.#liveness()],
      ['convergence', () => this.#convergence()],
    ] as const) {
      this.#init.onPhase(phase)
      await play()
      if (this.#init.isOver()) return undefined
    }
    this.#init.onPhase('testimony')
    await this.#init.workload.collect()
    return this.#hear()
  }

  async #found(): Promise<void> {
    const names = this.#scenario.nodes.filter(({ isLate }) => !isLate).map(({ name }) => name)
    await this.#stage.found(names)
    await this.#until('liveness', names, PROGRESS_MS, 'all first nodes are up', () => this.#areUp(names))
    // Time is counted from here, where the stage can see to it.
    await this.#pass(-this.#stage.nowMs)
  }

  async #safety(): Promise<void> {
    for (const { atMs, fault } of this.#scenario.faults)
      this.#stage.after(atMs, () => {
        this.#init.onFault(fault)
        this.#stage.perform(fault)
      })
    this.#init.workload.start()
    await this.#pass(this.#scenario.durationMs)
    this.#init.workload.stop()
  }

  /** What a majority that is whole can do must not depend on the rest. */
  async #liveness(): Promise<void> {
    const core = this.#core()
    if (core.length < 2) return
    this.#stage.mend(core)
    await this.#until('liveness', core, PROGRESS_MS, 'every node of the mended core is up', () => this.#areUp(core))
    const marks = core.map(name => this.#init.workload.remember(name, `mark of ${name} after the storm`))
    const isWritten = async (): Promise<boolean> => marks.every(({ outcome }) => outcome === 'ok')
    await this.#until('liveness', core, PROGRESS_MS, 'every node of the mended core can write', isWritten)
    const ids = marks.flatMap(mark => receiptOf(mark)?.id ?? [])
    await this.#until('liveness', core, PROGRESS_MS, 'what is written in the mended core is known in all of it', async () => {
      const answers = await askAll(this.#stage, core, 'memory.has', { ids })
      return answers.every(({ known }) => known.length === ids.length)
    })
  }

  async #convergence(): Promise<void> {
    // What they spread before must not keep the others apart, whoever has it.
    for (const node of hostileOf(this.#scenario)) this.#stage.perform({ verb: 'kill', node })
    for (const { fault } of this.#scenario.faults) if (fault.verb === 'twin') this.#stage.perform({ verb: 'kill', node: `${fault.node}'` })
    this.#stage.perform({ verb: 'heal' })
    const names = this.#members()
    this.#stage.mend(names)
    const { convergeMs } = this.#scenario.expect
    // A connection that lost something in the storm is found out by its silence, and only then made anew.
    await this.#pass(2 * PEER_SILENT_MS)
    await this.#until('liveness', names, PROGRESS_MS, 'every node is up', () => this.#areUp(names))
    await this.#until('convergence', names, convergeMs, 'all nodes are equal', () =>
      areEqual(this.#stage, names, hostileOf(this.#scenario).size > 0),
    )
    await this.#until('liveness', names, PROGRESS_MS, 'all nodes are connected', () => this.#areConnected(names))
    // What was asked of a node that has not died since has been answered by now, one way or the other.
    await this.#pass(SLICE_MS)
  }

  async #hear(): Promise<Ending> {
    const nodes = new Map<string, Testimony>()
    const queries = this.#init.workload.queries()
    for (const name of this.#members()) nodes.set(name, await testimonyOf(this.#stage, name, queries))
    return { nodes, scenario: this.#scenario }
  }

  // ---- who

  /** Correct nodes that belong to the cluster and can be brought up. */
  #members(): readonly string[] {
    const lost = lostOf(this.#scenario)
    return this.#scenario.nodes.map(({ name }) => name).filter(name => !lost.has(name) && this.#stage.life(name) > 0)
  }

  /** A majority of all nodes, drawn. */
  #core(): readonly string[] {
    const size = Math.floor(this.#scenario.nodes.length / 2) + 1
    return this.#init.random.shuffle(this.#members()).slice(0, size).sort()
  }

  // ---- what is so

  async #areUp(names: readonly string[]): Promise<boolean> {
    return names.every(name => this.#stage.up.includes(name))
  }

  async #areConnected(names: readonly string[]): Promise<boolean> {
    if (!(await this.#areUp(names))) return false
    const lists = await askAll(this.#stage, names, 'peer.list', {})
    const ids = names.map(name => this.#stage.nodeId(name))
    return lists.every(({ peers }, i) => {
      const up = new Set(peers.filter(({ state }) => state === 'up').map(({ nodeId }) => nodeId))
      return ids.every((id, j) => i === j || (id !== undefined && up.has(id)))
    })
  }

  // ---- time

  async #pass(ms: number): Promise<void> {
    const endMs = this.#stage.nowMs + ms
    while (this.#stage.nowMs < endMs && !this.#init.isOver()) await this.#stage.run(Math.min(SLICE_MS, endMs - this.#stage.nowMs))
  }

  async #until(
    invariant: InvariantId,
    nodes: readonly string[],
    limitMs: number,
    what: string,
    holds: () => Promise<boolean>,
  ): Promise<void> {
    const beganMs = this.#stage.nowMs
    while (!this.#init.isOver() && !(await holds())) {
      if (this.#stage.nowMs - beganMs >= limitMs) {
        const facts = [`promised: ${what} within ${limitMs / 1000} s`, await this.#whyNot(nodes)] as const
        return this.#init.violated({ invariant, nodes, facts })
      }
      await this.#stage.run(LOOK_MS)
    }
  }

  /** What each node says of itself, for whoever has to find out why something did not happen. */
  async #whyNot(nodes: readonly string[]): Promise<string> {
    const down = nodes.filter(name => !this.#stage.up.includes(name))
    const up = nodes.filter(name => this.#stage.up.includes(name))
    const statuses = await askAll(this.#stage, up, 'node.status', {})
    const logs = this.#differences((await askAll(this.#stage, up, 'chain.head', {})).map(heads => heads.logs))
    const said = statuses.map(
      ({ peers, records, publishing }, i) =>
        `${up[i]}: ${records} records, ${peers.filter(({ state }) => state === 'up').length} peers${publishing ? '' : ', not publishing'}${logs[i]}`,
    )
    return [...said, ...(down.length === 0 ? [] : [`down: ${down.join(', ')}`])].join('; ')
  }

  /** Of each node how far it holds the logs of which not all hold the same: `, 51 of n4/memory/main`. */
  #differences(heads: readonly ChainHeads['logs'][]): readonly string[] {
    const names = new Map(this.#scenario.nodes.map(({ name }) => [this.#stage.nodeId(name), name]))
    const held = heads.map(logs => new Map(logs.map(log => [log.logId, log])))
    const logs = [...new Map(heads.flat().map(log => [log.logId, log])).values()]
    const differing = logs.filter(({ logId, size, head }) => held.some(of => of.get(logId)?.size !== size || of.get(logId)?.head !== head))
    return held.map(of => {
      const said = differing.slice(0, TOLD_LOGS).map(({ logId, author, stream, size }) => {
        const isForked = held.every(other => other.get(logId)?.size === size)
        return `${of.get(logId)?.size ?? 0} of ${names.get(author) ?? `..${author.slice(-8)}`}/${stream}${isForked ? ` (..${of.get(logId)?.head.slice(-8)})` : ''}`
      })
      const more = differing.length > TOLD_LOGS ? ` and ${differing.length - TOLD_LOGS} logs more` : ''
      return said.length === 0 ? '' : `, ${said.join(', ')}${more}`
    })
  }
}
