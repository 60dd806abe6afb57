import { z } from 'zod'
import { WeftError } from '../../base/errors.ts'
import { LIST_MAX } from '../../base/limits.ts'
import { entities } from '../memory/named.ts'
import { memoryOf } from './by-id.ts'
import { command, type CommandsOf } from './command.ts'
import { id, memoryToRead, space } from './in-space.ts'

/** What memories name. */
export const entityCommands: CommandsOf<'memory.entities'> = {
  'memory.entities': command(
    z.strictObject({
      space,
      of: id.optional(),
      name: z.string().min(1).optional(),
      limit: z.number().int().min(1).max(LIST_MAX).optional(),
      asOf: z.string().optional(),
    }),
    (core, input, to) => {
      if (input.of !== undefined && input.name !== undefined) throw new WeftError('invalid_argument', 'either of, a memory, or a name')
      const { of, ...rest } = input
      if (of === undefined) return entities(memoryToRead(core, input), rest, to)
      memoryOf(core, input, [of], to, (memory, [found]) => entities(memory, { ...rest, of: found }, to))
    },
  ),
}
