import { z } from 'zod'
import { WeftError } from '../../base/errors.ts'
import { LIST_MAX } from '../../base/limits.ts'
import { reaches } from '../../discovery/spaces.ts'
import type { Core } from '../core.ts'
import type { Memory } from '../memory/memory.ts'
import { requireWhole } from '../memory/whole.ts'
import { command, type CommandsOf } from './command.ts'
import { memoryToRead, space, spaceName } from './in-space.ts'

/** What this node has under keys, for imports that look after what they brought in before. */
export const keyedCommands: CommandsOf<'memory.keyed'> = {
  'memory.keyed': command(
    z.strictObject({
      space,
      prefix: z.string().min(1),
      from: z.strictObject({ space: spaceName, place: z.number().int().min(0) }).optional(),
    }),
    (core, { space: name, prefix, from }, to) => {
      const memories = name === undefined ? ownMemories(core) : [memoryToRead(core, { space: name })]
      const memory = from === undefined ? memories[0] : memories.find(one => one.space === from.space)
      if (memory === undefined) throw new WeftError('unknown_space', `there is no space ${from?.space} here`)
      const { found, next } = memory.fold.keyed(core.self, prefix, from?.place ?? 0, LIST_MAX)
      const after = memories[memories.indexOf(memory) + 1]
      const then = next === undefined ? after && { space: after.space, place: 0 } : { space: memory.space, place: next }
      memory.texts.read(
        found.map(({ ref }) => ref),
        said =>
          to.ok({
            memories: found.map(({ id, key }, i) => ({ id, key, text: said[i]?.text ?? '', space: memory.space })),
            ...(then === undefined ? {} : { next: then }),
          }),
        to.fail,
      )
    },
  ),
}

/** Where this node may write, by name. @throws NotWhole */
function ownMemories(core: Core): readonly Memory[] {
  return core.memories.all.filter(one => reaches(core.spaces.roleOf(one.space, core.self), 'write')).map(requireWhole)
}
