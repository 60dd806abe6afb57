import { type CausalId, DEFAULT_SPACE, type LogId } from '../../base/ids.ts'
import type { Core } from '../../node/core.ts'
import type { CoreEvent, Effect } from '../../node/step.ts'
import type { Receipt } from '../../node/api.ts'
import type { InSpace } from '../../node/commands/types.ts'
import type { Operation } from '../workload/history.ts'
import { receiptOf } from '../workload/workload.ts'
import { Judge, soundNodes } from './case.ts'
import type { Ending, Testimony } from './checker.ts'
import { seconds, short } from './facts.ts'

/**
 * What was answered with `ok` is never lost, as long as one disk keeps what it had synced.
 *
 * `ok` says that the author's disk has it. So a write may be gone only when the author's disk lost it (it was
 * killed or reformatted, or a backup from before was put back) and no other correct node that kept its own disk
 * had got it by then. An author whose disk came back older may write what it then still has under a new id.
 */
export class Durability extends Judge {
  readonly id = 'durability'
  readonly says = 'every write that was answered with ok is held by every node in the end'
  /** Where else a record got, and when: correct nodes other than its author, the first time each. */
  readonly #copies: Map<CausalId, Map<string, number>> = new Map()

  /** What was synced is there after a crash, unless the disk lost it. */
  override onBoot(node: string, core: Core): void {
    super.onBoot(node, core)
    const gone = this.ledger.goneAtBoot(node)
    if (gone === undefined || !this.setup.isCorrect(node) || this.story.lossesOf(node).length > 0) return
    this.violated(
      [node],
      `${node} had synced ${gone.had} records of ${this.ledger.textOf(gone.log)}`,
      `it finds ${gone.left} of them when it starts at ${seconds(this.setup.nowMs())}, and its disk was not touched`,
    )
  }

  onStep(node: string, core: Core, event: CoreEvent, effects: readonly Effect[]): void {
    this.ledger.onStep(node, core, event, effects)
    if (event.kind !== 'committed' || event.error !== undefined || !this.setup.isCorrect(node)) return
    for (const { log, records } of event.staged.groups) {
      if (log.identity.author === core.self) continue
      for (const { id } of records) {
        const copies = this.#copies.get(id) ?? new Map<string, number>()
        if (copies.size === 0) this.#copies.set(id, copies)
        // Pulled again after a loss, it counts from then on.
        copies.set(node, this.setup.nowMs())
      }
    }
  }

  atEnd(ending: Ending): void {
    const nodes = soundNodes(ending, this.story)
    const forks = forksOf(nodes)
    for (const operation of this.setup.history.operations) {
      const receipt = receiptOf(operation)
      if (receipt === undefined || !this.story.isHonest(operation.node) || receipt.seq >= (forks.get(receipt.log) ?? Infinity)) continue
      const holders = holdersOf(operation, nodes)
      if (!this.#isOwed(operation, receipt, holders)) continue
      for (const [name, testimony] of holders) if (!this.#isKept(operation, receipt, name, testimony)) return
    }
  }

  /** Some disk that had it has kept it. */
  #isOwed(operation: Operation, { id }: Receipt, nodes: readonly (readonly [string, Testimony])[]): boolean {
    const { node: author } = operation
    // Its author may have gone for good before anybody else got what it wrote.
    const isBack = nodes.some(([name]) => name === author)
    if (isBack && !this.story.mayHaveLost(author, operation.atMs, operation.endMs ?? Infinity)) return true
    return [...(this.#copies.get(id) ?? [])].some(
      ([name, sinceMs]) => nodes.some(([known]) => known === name) && !this.story.mayHaveLost(name, sinceMs),
    )
  }

  #isKept(operation: Operation, receipt: Receipt, name: string, testimony: Testimony): boolean {
    if (this.ledger.isFed ? this.#isHeld(receipt, name) : this.#isListed(operation, receipt, testimony)) return true
    const log = testimony.heads.find(({ logId }) => logId === receipt.log)
    this.violated(
      [operation.node, name],
      `${operation.node} answered \`${operation.command.slice(7)}\` at ${seconds(operation.endMs ?? operation.atMs)}: record ${receipt.seq} of its log ${short(receipt.log)} (${short(receipt.id)})`,
      log === undefined
        ? `${name} does not have that log at the end`
        : `${name} holds ${log.size} records of that log at the end${log.size > receipt.seq ? ', and another one at that place' : ''}`,
    )
    return false
  }

  /** At its place, or under the name that its author gave it since. */
  #isHeld({ id, log, seq }: Receipt, name: string): boolean {
    const held = this.ledger.heldBy(name).get(log)
    if (held?.[seq] === id) return true
    const now = this.ledger.newest(id)
    const place = this.ledger.record(now)?.written.seq
    return now !== id && place !== undefined && held?.[place] === now
  }

  /** As far as a node says it itself: the log reaches that far, and no other memory stands at that place. */
  #isListed(operation: Operation, { id, log, seq }: Receipt, { heads, memories }: Testimony): boolean {
    // A disk that came back older may have made its author write it anew, elsewhere.
    if (this.story.lossesOf(operation.node).length > 0) return true
    const there = memories.find(memory => memory.log === log && memory.seq === seq)
    return (there === undefined || there.id === id) && heads.some(({ logId, size }) => logId === log && size > seq)
  }
}

/** Who is to hold what was written: of a private space its author, and who may. */
function holdersOf(
  { node, input }: Operation,
  nodes: readonly (readonly [string, Testimony])[],
): readonly (readonly [string, Testimony])[] {
  const { space = DEFAULT_SPACE } = input as InSpace
  return nodes.filter(([name, { spaces }]) => name === node || spaces.get(space)?.role !== 'none')
}

/** Forked logs, and the first place that is in doubt. */
function forksOf(nodes: readonly (readonly [string, Testimony])[]): ReadonlyMap<LogId, number> {
  const forks = new Map<LogId, number>()
  for (const [, { conflicts }] of nodes)
    for (const { log, seq } of conflicts.logs) forks.set(log, Math.min(seq, forks.get(log) ?? Infinity))
  return forks
}
