import { ENTITY_NODES_SHOWN } from '../../base/limits.ts'
import type { CausalId } from '../../base/ids.ts'
import type { Remember } from '../../ecc/records.ts'
import type { EntityList, EntityOptions, MemoryRecord } from '../api.ts'
import { type Answering, atCut, attempt, fields } from './answers.ts'
import type { Memory } from './memory.ts'

/** What memories name: one of them, all of them, or which of them name a thing. */
export function entities(memory: Memory, options: EntityOptions & { readonly of?: CausalId | undefined }, to: Answering<EntityList>): void {
  atCut(memory, options.asOf, undefined, to, at => {
    const { of, name, limit = 50 } = options
    const isOne = of !== undefined || name !== undefined
    const nodesMax = isOne ? ENTITY_NODES_SHOWN : 0
    const found = attempt(to, () => memory.fold.entities({ of, name, at, limit, nodesMax }))
    if (found === undefined) return
    const frontier = memory.frontier(at)
    const shown = found.entities.flatMap(({ nodes }) => nodes)
    memory.texts.read(
      shown.map(node => node.ref),
      said => {
        let next = 0
        const list = found.entities.map(({ kind, name: text, inAll, nodes }) => {
          const memories = nodes.map((node): MemoryRecord => ({ ...fields(node, said[next++] as Remember), state: node.state }))
          return { kind, name: text, inAll, ...(isOne ? { memories } : {}) }
        })
        to.ok({ entities: list, frontier, truncated: found.truncated })
      },
      to.fail,
    )
  })
}
