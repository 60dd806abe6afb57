import { z } from 'zod'
import { WeftError } from '../../base/errors.ts'
import type { CausalId } from '../../base/ids.ts'
import { GRAPH_NODES_MAX, GRAPH_ROOTS } from '../../base/limits.ts'
import { neighbourhood } from '../memory/neighbourhood.ts'
import { memoryOf } from './by-id.ts'
import { command, type CommandsOf } from './command.ts'
import { id, memoryToRead, space } from './in-space.ts'

export const graphCommands: CommandsOf<'memory.graph'> = {
  'memory.graph': command(
    z.strictObject({
      space,
      id: id.optional(),
      query: z.string().optional(),
      limit: z.number().int().min(1).max(GRAPH_NODES_MAX).optional(),
    }),
    (core, { id: name, query, limit = 40, ...input }, to) => {
      if ((name === undefined) === (query === undefined)) throw new WeftError('invalid_argument', 'an id, or a query, is needed')
      if (name === undefined) {
        const memory = memoryToRead(core, input)
        const roots = memory.fold.recall(query as string, { k: GRAPH_ROOTS }).hits.map(hit => hit.id)
        return neighbourhood(memory, roots, limit, to)
      }
      memoryOf(core, input, [name], to, (memory, [found]) => {
        const now = (memory.fold.currentId(found as CausalId) ?? found) as CausalId
        const node = memory.fold.node(now)
        if (node === undefined || node.state === 'retracted') to.fail(memory.fold.missing(now))
        else neighbourhood(memory, [now], limit, to)
      })
    },
  ),
}
