import { decode } from '../../base/codec.ts'
import { KIND } from '../../base/kinds.ts'
import type { LogFields, LogLevel } from '../../base/ports.ts'
import type { Core } from '../../node/core.ts'
import type { CoreEvent } from '../../node/step.ts'
import { Judge } from './case.ts'
import type { Ending, Testimony } from './checker.ts'

const STATES: ReadonlySet<string> = new Set<Testimony['processes'][number]['state']>(['starting', 'running', 'suspended', 'stopping'])

/** What is known of one life of a node's processes. */
interface Life {
  /** Highest pid of this life so far. */
  newest: number
  readonly exited: Set<number>
  /** Exits that are not in the chain yet. */
  readonly unaudited: Set<number>
  /** The disk refused an audit record, and the log said so. */
  hasFailed: boolean
}

/** Pids are for ever: counted up, used once, and their ends are on record. */
export class ProcessTable extends Judge {
  readonly id = 'process-table'
  readonly says = 'every pid is used once, whoever has exited is gone, and its exit is on record'
  readonly #lives: Map<string, Life> = new Map()
  /** By node: the highest pid whose start its audit log has on record. */
  readonly #recorded: Map<string, number> = new Map()

  override onBoot(node: string, core: Core): void {
    super.onBoot(node, core)
    this.#lives.set(node, { newest: 0, exited: new Set(), unaudited: new Set(), hasFailed: false })
  }

  onLog(node: string, _: LogLevel, event: string, fields: LogFields): void {
    const life = this.#lives.get(node)
    if (life === undefined || !this.setup.isCorrect(node)) return
    const pid = Number(fields['pid'])
    if (event === 'process.spawn') this.#onSpawn(node, life, pid)
    else if (event === 'process.exit') this.#onExit(node, life, pid)
    else if (event === 'audit.failed' || event === 'chain.commit-failed') life.hasFailed = true
  }

  #onSpawn(node: string, life: Life, pid: number): void {
    const recorded = this.story.lossesOf(node).length > 0 ? 0 : (this.#recorded.get(node) ?? 0)
    const highest = Math.max(life.newest, recorded)
    if (pid <= highest)
      this.violated([node], `${node} has used pid ${highest} already, and says so in its audit log`, `it started a process with pid ${pid}`)
    life.newest = Math.max(life.newest, pid)
  }

  #onExit(node: string, life: Life, pid: number): void {
    if (life.exited.has(pid)) this.violated([node], `process ${pid} of ${node} had exited`, 'it exited again')
    life.exited.add(pid)
    life.unaudited.add(pid)
  }

  onStep(node: string, core: Core, event: CoreEvent): void {
    if (event.kind !== 'committed' || event.error !== undefined) return
    for (const { log, records } of event.staged.groups) {
      if (log.identity.author !== core.self || log.identity.stream !== 'audit') continue
      for (const { kind, record } of records) {
        if (kind !== KIND['audit.spawn'] && kind !== KIND['audit.exit']) continue
        const decoded = decode(record.body)
        const pid = decoded.ok && Array.isArray(decoded.value) ? Number(decoded.value[0]) : Number.NaN
        if (kind === KIND['audit.exit']) this.#lives.get(node)?.unaudited.delete(pid)
        else this.#recorded.set(node, Math.max(pid, this.#recorded.get(node) ?? 0))
      }
    }
  }

  atEnd(ending: Ending): void {
    for (const [name, { processes, nodeId }] of ending.nodes) {
      const life = this.#lives.get(name)
      const pids = new Set<number>()
      for (const { pid, state, address, node } of processes) {
        const fault = pids.has(pid)
          ? 'another process has that pid'
          : !STATES.has(state)
            ? `it is ${state}`
            : node !== nodeId || address !== `${nodeId}/${pid}`
              ? `its address is ${address}`
              : life?.exited.has(pid) === true
                ? 'it has exited'
                : undefined
        if (fault !== undefined) return this.violated([name], `${name} lists process ${pid} in the end`, fault)
        pids.add(pid)
      }
      const [unaudited] = life?.hasFailed === false ? life.unaudited : []
      if (unaudited !== undefined)
        return this.violated([name], `process ${unaudited} of ${name} has exited`, 'its exit is not in the audit log')
    }
  }
}
