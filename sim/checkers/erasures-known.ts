import { DEFAULT_SPACE } from '../../base/ids.ts'
import type { Core } from '../../node/core.ts'
import type { History, Operation } from '../workload/history.ts'

interface Known {
  readonly atMs: number
  readonly count: number
  readonly erased: string
}

/**
 * What each node knew of erasures, and when. An answer as of an earlier frontier leaves out what has been erased since: two answers
 * are compared only where both knew the same.
 */
export class ErasuresKnown {
  readonly #byNode: Map<string, Known[]> = new Map()

  onStep(node: string, core: Core, atMs: number): void {
    const { fold } = core.memory(DEFAULT_SPACE)
    const count = fold.erasures ?? 0
    const known = this.#byNode.get(node) ?? []
    if (count === (known.at(-1)?.count ?? 0)) return
    const erased = [...new Set(fold.erased().map(({ ref: { log, seq } }) => `${log}/${seq}`))].sort().join(' ')
    known.push({ atMs, count, erased })
    this.#byNode.set(node, known)
  }

  /** What a node knew while it answered; undefined when that changed meanwhile, or nobody watched. */
  during({ node, atMs, endMs }: Operation, history: History): string | undefined {
    const known = this.#byNode.get(node) ?? []
    if (known.length === 0 && this.#byNode.size === 0 && history.operations.some(isErasing)) return undefined
    if (known.some(one => one.atMs >= atMs && one.atMs <= (endMs ?? Infinity))) return undefined
    return known.findLast(one => one.atMs < atMs)?.erased ?? ''
  }
}

function isErasing({ command, input }: Operation): boolean {
  return command === 'memory.forget' && (input as { readonly erase?: boolean }).erase === true
}
