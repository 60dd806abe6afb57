import type { LogFields, LogLevel } from '../../base/ports.ts'
import type { LogId } from '../../base/ids.ts'
import { Judge } from './case.ts'
import type { Ending } from './checker.ts'
import { nodeText, short } from './facts.ts'

/** Whoever writes two histories is found out by all; and nobody is accused who did not. */
export class Equivocation extends Judge {
  readonly id = 'equivocation'
  readonly says = 'every correct node knows of every fork, and none is reported of an honest node'

  onLog(node: string, _: LogLevel, event: string, { log, seq }: LogFields): void {
    if (event !== 'chain.conflict' || !this.setup.isCorrect(node)) return
    const author = this.ledger.core(node)?.chain.log(log as LogId)?.identity.author
    const name = author === undefined ? undefined : this.story.nameOf(author)
    if (name !== undefined && !this.#mayFork(name))
      this.#accused(node, name, `${this.ledger.textOf(log as LogId)} at record ${String(seq)}`)
  }

  atEnd(ending: Ending): void {
    const { forkedLogs } = this.setup.scenario.expect
    for (const [name, { conflicts }] of ending.nodes) {
      for (const { log, author, seq, leaves } of conflicts.logs) {
        const ofWhom = this.story.nameOf(author)
        if (leaves[0] === leaves[1])
          return this.violated(
            [name],
            `${name} reports a fork of log ${short(log)} at record ${seq}`,
            `both histories have ${short(leaves[0])} there`,
          )
        if (ofWhom !== undefined && !this.#mayFork(ofWhom)) return this.#accused(name, ofWhom, `log ${short(log)} at record ${seq}`)
      }
      if (forkedLogs !== null && conflicts.logs.length < forkedLogs)
        return this.violated(
          [name],
          `promised: every correct node knows of ${forkedLogs} forked logs`,
          `${name} knows of ${conflicts.logs.length}${conflicts.logs.map(({ author, seq }) => `: one of ${nodeText(author, this.story.nameOf(author))} at record ${seq}`).join('')}`,
        )
    }
  }

  /** Hostile, or robbed of its memory: one whose disk came back older may be let sign by others who know as little. */
  #mayFork(name: string): boolean {
    return !this.story.isHonest(name) || this.story.lossesOf(name).length > 0
  }

  #accused(node: string, name: string, what: string): void {
    this.violated([node, name], `${node} reports two histories in ${what}`, `${name} is honest, and its disk has lost nothing`)
  }
}
