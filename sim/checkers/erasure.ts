import type { LogId } from '../../base/ids.ts'
import { erasedLeaf, isErasedBy } from '../../chain/erasure.ts'
import type { Core } from '../../node/core.ts'
import type { CoreEvent, Effect } from '../../node/step.ts'
import { Judge, soundNodes } from './case.ts'
import type { Ending } from './checker.ts'

/**
 * What an author had erased nobody holds in the end: each node's journal has so many records without their bodies as
 * records of the same log erase others, by what their authors wrote, and not one more.
 */
export class ErasureChecker extends Judge {
  readonly id = 'erasure'
  readonly says = 'what its author had erased has no body on any node, and nothing else has lost its own'

  onStep(node: string, core: Core, event: CoreEvent, effects: readonly Effect[]): void {
    this.ledger.onStep(node, core, event, effects)
  }

  atEnd(ending: Ending): void {
    if (!this.ledger.isFed) return
    for (const [name, { verification, foldVersion }] of soundNodes(ending, this.story)) {
      // The version before does not know what erasing is.
      if (!verification.valid || foldVersion < 1) continue
      for (const { logId, author, erased } of verification.logs) {
        const writer = this.story.nameOf(author)
        if (writer === undefined || !this.story.isHonest(writer)) continue
        const meant = this.#erasedIn(name, logId)
        if (meant === erased) continue
        return this.violated(
          [name, writer],
          `${writer} had ${meant} records of ${this.ledger.textOf(logId)} erased`,
          `${name} has ${erased} of them without a body`,
        )
      }
    }
  }

  #erasedIn(node: string, log: LogId): number {
    const held = (this.ledger.heldBy(node).get(log) ?? []).map(id => this.ledger.record(id)?.written)
    const erased = new Set<number>()
    for (const eraser of held) {
      if (eraser === undefined || erasedLeaf(eraser.kind, eraser.record.body) === undefined) continue
      for (const record of held.slice(0, eraser.seq))
        if (record !== undefined && isErasedBy(record.record.header, eraser.record, eraser.seq)) erased.add(record.seq)
    }
    return erased.size
  }
}
