import { compareHlc, type Hlc } from '../../base/hlc.ts'
import { DEFAULT_SPACE, type LogId, memoryStream, type Stream } from '../../base/ids.ts'
import { parseFrontier } from '../../base/frontier.ts'
import { CLOCK_AHEAD_MAX_MS } from '../../base/limits.ts'
import type { Written } from '../../chain/written.ts'
import type { InSpace } from '../../node/commands/types.ts'
import type { Core } from '../../node/core.ts'
import type { CoreEvent, Effect } from '../../node/step.ts'
import type { Operation } from '../workload/history.ts'
import { receiptOf } from '../workload/workload.ts'
import { Judge } from './case.ts'
import { seconds, short } from './facts.ts'
import { parentOf } from './ledger.ts'

/** A record waits for the commit before it. */
const SLACK_MS = 1_000
const CLOCK_FAULTS = ['clock-step', 'clock-freeze'] as const
const MEMORY: Stream = memoryStream(DEFAULT_SPACE)

/** Nothing is applied before what it builds on; clocks run forward along it; and who has written can read it. */
export class CausalOrder extends Judge {
  readonly id = 'causal-order'
  readonly says = 'a record is applied after all that it builds on, and whoever wrote can read what it wrote'
  /** By node: how much of each memory log was applied when last looked at. */
  readonly #applied: Map<string, Map<LogId, number>> = new Map()

  override onBoot(node: string, core: Core): void {
    super.onBoot(node, core)
    // What a snapshot brought back was applied in an earlier life.
    const { fold } = core.memory(DEFAULT_SPACE)
    this.#applied.set(node, new Map(memoryLogs(core).map(log => [log, fold.sizeOf(log)])))
  }

  onStep(node: string, core: Core, event: CoreEvent, effects: readonly Effect[]): void {
    this.ledger.onStep(node, core, event, effects)
    if (!this.setup.isCorrect(node)) return
    for (const effect of effects) {
      if (effect.kind !== 'commit') continue
      for (const { log, records } of effect.staged.groups)
        if (log.identity.author === core.self) for (const record of records) this.#isLater(node, record)
        else for (const record of records) this.#isOfToday(node, core, log.identity.id, record)
    }
    if (event.kind === 'committed' || event.kind === 'run') this.#look(node, core)
  }

  /** What is dated further ahead than clocks may differ is not stored until its time has come. */
  #isOfToday(node: string, core: Core, log: LogId, record: Written): void {
    const { wallMs } = core.now
    if (record.hlc.ms <= wallMs + CLOCK_AHEAD_MAX_MS + SLACK_MS || this.story.has(CLOCK_FAULTS, node)) return
    this.violated(
      [node],
      `${node} stores record ${record.seq} of ${this.ledger.textOf(log)}, of clock ${clock(record.hlc)}`,
      `its own clock is at ${Math.round(wallMs)} ms, and ${CLOCK_AHEAD_MAX_MS / 1000} s is as far ahead as it believes`,
    )
  }

  /** What a correct author writes is later than the record before and than every parent. */
  #isLater(node: string, record: Written): void {
    for (const { log, id } of record.parents.map(parentOf)) {
      const parent = this.ledger.record(id)
      if (parent === undefined || compareHlc(record.hlc, parent.written.hlc) > 0) continue
      return this.violated(
        [node],
        `${node} wrote record ${record.seq} (${short(record.id)}) at clock ${clock(record.hlc)}`,
        `it builds on record ${parent.written.seq} of ${this.ledger.textOf(log)}, of clock ${clock(parent.written.hlc)}`,
      )
    }
  }

  #look(node: string, core: Core): void {
    const { fold } = core.memory(DEFAULT_SPACE)
    const applied = this.#applied.get(node) ?? new Map<LogId, number>()
    this.#applied.set(node, applied)
    for (const [log, ids] of this.ledger.heldBy(node)) {
      if (this.ledger.identity(log)?.stream !== MEMORY) continue
      const size = fold.sizeOf(log)
      const before = applied.get(log) ?? 0
      if (size === before) continue
      applied.set(log, size)
      // Fewer than before: all is folded anew.
      for (let seq = size < before ? 0 : before; seq < size; seq++) {
        const id = ids[seq]
        const record = id === undefined ? undefined : this.ledger.record(id)
        if (record === undefined || this.#isFounded(node, core, record.written, fold.sizeOf(log))) continue
        return
      }
    }
  }

  #isFounded(node: string, core: Core, written: Written, size: number): boolean {
    const { fold } = core.memory(DEFAULT_SPACE)
    for (const parent of written.parents.map(parentOf)) {
      const isThere = this.ledger.heldBy(node).get(parent.log)?.[parent.seq] === parent.id && fold.sizeOf(parent.log) > parent.seq
      const fork = core.chain.log(parent.log)?.conflict
      if (isThere || (fork !== undefined && parent.seq >= fork.seq) || this.ledger.identity(parent.log)?.stream !== MEMORY) continue
      this.violated(
        [node],
        `${node} has applied record ${written.seq} (${short(written.id)}) of a log of which it has applied ${size}`,
        `it builds on record ${parent.seq} (${short(parent.id)}) of ${this.ledger.textOf(parent.log)}, of which ${node} has applied ${fold.sizeOf(parent.log)}`,
      )
      return false
    }
    return true
  }

  /** Reads your writes: what was promised to a caller is in every later answer of the same life. */
  atEnd(): void {
    if (this.story.has(['revoke', 'restore-backup', 'reformat', 'disk-rot', 'twin'])) return
    const newest = new Map<string, Operation>()
    const byEnd = this.setup.history.operations
      .filter(({ endMs }) => endMs !== null)
      .sort((a, b) => (a.endMs as number) - (b.endMs as number))
    const recalls = this.setup.history.operations.filter(({ command, outcome }) => command === 'memory.recall' && outcome === 'ok')
    if (!this.#isMonotone(recalls)) return
    let next = 0
    for (const recall of recalls) {
      for (; next < byEnd.length && ((byEnd[next] as Operation).endMs as number) < recall.atMs; next++) {
        const write = byEnd[next] as Operation
        if (receiptOf(write) !== undefined && isLater(write, newest.get(placeOf(write)))) newest.set(placeOf(write), write)
      }
      const write = newest.get(placeOf(recall))
      if (write !== undefined && !this.#sees(recall, write)) return
    }
  }

  /** Who has read can read it again: within a life no answer knows less than one before it, nor than it was to wait for. */
  #isMonotone(recalls: readonly Operation[]): boolean {
    const newest = new Map<string, Operation>()
    for (const recall of recalls) {
      const { asOf, after } = recall.input as { readonly asOf?: string; readonly after?: string }
      const before = newest.get(placeOf(recall))
      const asked = after === undefined || this.#covers(recall, after, 'it was asked to wait for what another answer knew')
      if (!asked) return false
      if (asOf !== undefined || !this.setup.isCorrect(recall.node)) continue
      if (
        before !== undefined &&
        (before.endMs ?? Infinity) <= recall.atMs &&
        !this.story.hasEnded(recall.node, before.atMs, recall.endMs ?? Infinity)
      ) {
        const { frontier } = before.result as { readonly frontier: string }
        if (!this.#covers(recall, frontier, `it answered \`recall\` at ${seconds(before.endMs ?? 0)}`)) return false
      }
      newest.set(placeOf(recall), recall)
    }
    return true
  }

  #covers(recall: Operation, wanted: string, promised: string): boolean {
    const entries = parseFrontier((recall.result as { readonly frontier: string }).frontier)
    const sizes = new Map(entries?.map(({ log, size }) => [log, size]))
    const missing = parseFrontier(wanted)?.find(({ log, size }) => (sizes.get(log) ?? 0) < size)
    if (missing === undefined || !this.setup.isCorrect(recall.node)) return true
    this.violated(
      [recall.node],
      `${recall.node} was asked \`recall\` at ${seconds(recall.atMs)}; ${promised}, with ${missing.size} records of ${this.ledger.textOf(missing.log)}`,
      `its answer speaks of ${sizes.get(missing.log) ?? 0}`,
    )
    return false
  }

  #sees(recall: Operation, write: Operation): boolean {
    const receipt = receiptOf(write)
    const entries = parseFrontier((recall.result as { readonly frontier: string }).frontier)
    if (receipt === undefined || (recall.input as { readonly asOf?: string }).asOf !== undefined) return true
    const size = entries?.find(({ log }) => log === receipt.log)?.size ?? 0
    if (size > receipt.seq || !this.setup.isCorrect(recall.node) || this.story.hasEnded(recall.node, write.atMs, recall.endMs ?? Infinity))
      return true
    this.violated(
      [recall.node],
      `${recall.node} answered \`${write.command.slice(7)}\` at ${seconds(write.endMs ?? 0)}: record ${receipt.seq} (${short(receipt.id)})`,
      `its answer to \`recall\` asked at ${seconds(recall.atMs)} speaks of ${size} records of that log`,
    )
    return false
  }
}

function memoryLogs(core: Core): readonly LogId[] {
  return [...core.chain.logs.values()].filter(({ identity }) => identity.stream === MEMORY).map(({ identity }) => identity.id)
}

function isLater(write: Operation, than: Operation | undefined): boolean {
  return than === undefined || (receiptOf(write)?.seq ?? 0) > (receiptOf(than)?.seq ?? 0)
}

/** Whoever asks one memory of a node is told nothing of the others. */
function placeOf({ node, input }: Operation): string {
  return `${node} ${(input as InSpace).space ?? DEFAULT_SPACE}`
}

function clock({ ms, counter }: Hlc): string {
  return `${ms}.${counter}`
}
