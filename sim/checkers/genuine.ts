import { equalBytes } from '../../base/bytes.ts'
import type { Core } from '../../node/core.ts'
import type { CoreEvent, Effect } from '../../node/step.ts'
import { Judge, soundNodes } from './case.ts'
import type { Ending } from './checker.ts'
import { receiptOf } from '../workload/workload.ts'
import { seconds, short } from './facts.ts'

/** Nobody puts words into the mouth of an honest node: what stands in its logs, its own core has written. */
export class Genuine extends Judge {
  readonly id = 'genuine'
  readonly says = 'what stands in the log of an honest node was written by that node'

  onStep(node: string, core: Core, event: CoreEvent, effects: readonly Effect[]): void {
    this.ledger.onStep(node, core, event, effects)
    if (event.kind !== 'committed' || event.error !== undefined || !this.setup.isCorrect(node)) return
    for (const { log, records } of event.staged.groups) {
      const { author, id: logId } = log.identity
      const name = this.story.nameOf(author)
      // Who has never been up was never watched, and a hostile one may write what it likes.
      if (author === core.self || name === undefined || !this.story.isHonest(name) || this.ledger.core(name) === undefined) continue
      for (const { id, seq, record } of records) {
        const truth = this.ledger.record(id)
        const isSame = truth === undefined || equalBytes(truth.written.record.body, record.body) || record.erasedBy !== undefined
        if (this.ledger.isGenuine(id) && isSame) continue
        return this.violated(
          [node, name],
          `${node} has stored record ${seq} (${short(id)}) of ${this.ledger.textOf(logId)}`,
          isSame ? `${name} has never written it` : `${name} wrote it with another body`,
        )
      }
    }
  }

  /** Of what people were told: a memory stands where its author's receipt says, with the words that were said. */
  atEnd(ending: Ending): void {
    const said = new Map<string, { readonly node: string; readonly text: string; readonly atMs: number }>()
    for (const operation of this.setup.history.operations) {
      const receipt = operation.command === 'memory.remember' ? receiptOf(operation) : undefined
      if (receipt !== undefined && this.story.isHonest(operation.node))
        said.set(receipt.id, { node: operation.node, text: (operation.input as { readonly text: string }).text, atMs: operation.atMs })
    }
    for (const [name, { memories, spaces }] of soundNodes(ending, this.story)) {
      for (const { id, author, text } of [...memories, ...[...spaces.values()].flatMap(space => space.memories ?? [])]) {
        const truth = said.get(id)
        if (truth === undefined || (truth.text === text && this.story.nameOf(author) === truth.node)) continue
        return this.violated(
          [name, truth.node],
          `${truth.node} was told to remember ${JSON.stringify(truth.text)} at ${seconds(truth.atMs)} (${short(id)})`,
          `on ${name} that is ${JSON.stringify(text)}, said by ${this.story.nameOf(author) ?? 'a stranger'}`,
        )
      }
    }
  }
}
