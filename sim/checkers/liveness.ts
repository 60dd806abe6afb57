import { CALL_DEADLINE_MS } from '../../base/limits.ts'
import { DEFAULT_SPACE, spaceOf } from '../../base/ids.ts'
import type { Core } from '../../node/core.ts'
import type { Fault } from '../faults/fault.ts'
import type { Operation } from '../workload/history.ts'
import { type Case, Judge, soundNodes } from './case.ts'
import type { Ending } from './checker.ts'
import { seconds } from './facts.ts'
import { Lag } from './lag.ts'

/**
 * While nothing is wrong news travels at once, and once all is well again everything that was asked is answered,
 * and nothing waits. That the mended cluster becomes one in time, the player judges.
 */
export class Liveness extends Judge {
  readonly id = 'liveness'
  readonly says = 'when all is mended the cluster makes progress, every question is answered and nothing waits'
  readonly #lag: Lag

  constructor(shared: Case) {
    super(shared)
    this.#lag = new Lag(shared.setup, shared.story, shared.ledger)
  }

  override onFault(fault: Fault): void {
    super.onFault(fault)
    this.#lag.onFault(fault)
  }

  onEnd(node: string): void {
    this.#lag.onEnd(node)
  }

  onStep(node: string, core: Core): void {
    const late = this.#lag.onStep(node, core)
    if (late !== undefined) this.violated(late.nodes, late.promised, late.seen)
  }

  atEnd(ending: Ending): void {
    const nowMs = this.setup.nowMs()
    for (const operation of this.setup.history.operations) if (!this.#isAnswered(operation, nowMs)) return
    for (const [name, { pending, heads, nodeId, spaces }] of soundNodes(ending, this.story)) {
      const unshown = heads.find(log => log.author === nodeId && !log.conflict && log.published < log.size)
      const core = this.ledger.core(name)
      const barred = heads.filter(({ stream }) => spaces.get(spaceOf(stream) ?? DEFAULT_SPACE)?.role === 'none')
      const leftOver = barred.reduce((sum, { size }) => sum + size, 0)
      const waits =
        // What a hostile node refers to may never come, and what builds on it waits for ever; nor does what a node may hold no more.
        pending > leftOver && !this.story.has(['turn'])
          ? `${pending} records are held and not applied`
          : unshown !== undefined
            ? `it has published ${unshown.published} of ${unshown.size} records of its ${unshown.stream} log`
            : core !== undefined && !core.guard.isOpen
              ? 'it may not sign: nobody has vouched for its logs'
              : core !== undefined && core.writer.waiting > 0
                ? `${core.writer.waiting} writes wait for the disk`
                : undefined
      if (waits !== undefined) return this.violated([name], `${name} is up and mended, and all is quiet`, waits)
    }
  }

  /** An answer that comes after its deadline is none; who asks again until he is told is told in his own time. */
  #isAnswered({ node, command, input, message, atMs, endMs }: Operation, nowMs: number): boolean {
    if (endMs !== null || message?.mode === 'at-least-once' || command === 'process.monitor' || !this.setup.isCorrect(node)) return true
    const { deadlineMs = CALL_DEADLINE_MS } = input as { readonly deadlineMs?: number }
    if (nowMs - atMs <= deadlineMs || this.story.hasEnded(node, atMs, nowMs)) return true
    this.violated(
      [node],
      `${node} was asked \`${command}\` at ${seconds(atMs)}, and has been up ever since`,
      `it has not answered by ${seconds(nowMs)}`,
    )
    return false
  }
}
