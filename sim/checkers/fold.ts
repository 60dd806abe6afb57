import type { MemoryRecord } from '../../node/api.ts'
import type { Core } from '../../node/core.ts'
import type { CoreEvent, Effect } from '../../node/step.ts'
import { receiptOf } from '../workload/workload.ts'
import { Judge, soundNodes } from './case.ts'
import type { Ending, Testimony } from './checker.ts'
import { difference, seconds, short } from './facts.ts'
import type { MemoryModel } from './memory-model.ts'

/** What nodes remember is what the records mean, by a model that shares no code with the fold but the reading of bodies. */
export class FoldChecker extends Judge {
  readonly id = 'fold'
  readonly says = 'memories, edges and conflicts are what the records of all authors mean'

  onStep(node: string, core: Core, event: CoreEvent, effects: readonly Effect[]): void {
    this.ledger.onStep(node, core, event, effects)
  }

  atEnd(ending: Ending): void {
    for (const [name, testimony] of soundNodes(ending, this.story)) {
      const model = this.modelOf(name, testimony)
      if (model !== undefined && !this.#isWhatIsMeant(name, testimony, model)) return
      if (!this.#isWhatWasSaid(name, testimony)) return
    }
  }

  #isWhatIsMeant(name: string, testimony: Testimony, model: MemoryModel): boolean {
    const meant = model.memories.map(({ id, state, remember: { text, key, meta, validFrom, validTo, source } }) =>
      row(id, state, [text, key, validFrom, validTo, source], Object.fromEntries(meta)),
    )
    const said = testimony.memories.map(({ id, state, text, key, meta, validFrom, validTo, source }) =>
      row(id, state, [text, key, validFrom, validTo, source], meta),
    )
    const edgeRow = ({ from, type, to, weight }: Testimony['edges'][number]): string => `${from} ${type} ${to} ${weight}`
    return (
      this.#same(name, 'memories', meant, said) &&
      this.#same(name, 'edges', model.edges.map(edgeRow), testimony.edges.map(edgeRow)) &&
      this.#same(name, 'conflicts', model.conflicts.map(conflictRow), testimony.conflicts.conflicts.map(conflictRow))
    )
  }

  #same(name: string, what: string, meant: readonly string[], said: readonly string[]): boolean {
    const [ours, theirs] = [[...meant].sort(), [...said].sort()]
    if (ours.length === theirs.length && ours.every((line, i) => line === theirs[i])) return true
    const [left, right] = difference(ours, theirs)
    this.violated([name], `${what} by what the records mean: ${left}`, `${what} as ${name} knows them: ${right}`)
    return false
  }

  /** As far as people can tell who only know what they said: nothing that nobody touched has changed. */
  #isWhatWasSaid(name: string, { memories }: Testimony): boolean {
    const byId = new Map<string, MemoryRecord>(memories.map(memory => [memory.id, memory]))
    const touched = new Set<string>()
    for (const { command, input, outcome } of this.setup.history.operations) {
      if (command !== 'memory.supersede' || outcome === 'fail') continue
      const { old } = input as { readonly old: string | readonly string[] }
      for (const id of typeof old === 'string' ? [old] : old) touched.add(id)
    }
    for (const operation of this.setup.history.operations) {
      const receipt = operation.command === 'memory.remember' ? receiptOf(operation) : undefined
      const memory = receipt === undefined ? undefined : byId.get(receipt.id)
      if (memory === undefined || memory.key !== undefined || memory.state === 'current' || touched.has(memory.id)) continue
      if (this.story.lossesOf(operation.node).length > 0) continue
      // A hostile node, or a program of the user's, may have superseded it: nobody but the records can tell.
      if (this.setup.scenario.workload.some(({ work }) => work === 'agent') || this.story.has(['turn', 'twin'])) continue
      this.violated(
        [name],
        `${operation.node} was told to remember ${short(memory.id)} at ${seconds(operation.atMs)}, and nobody asked for another in its place`,
        `${name} knows it as ${memory.state} in the end`,
      )
      return false
    }
    return true
  }
}

function row(id: string, state: string, content: readonly (string | null | undefined)[], meta: Readonly<Record<string, string>>): string {
  return `${id} ${state} ${JSON.stringify([...content, Object.entries(meta).sort(([a], [b]) => (a < b ? -1 : 1))])}`
}

function conflictRow({ target, current }: Testimony['conflicts']['conflicts'][number]): string {
  return `${target}: ${[...current].sort().join()}`
}
