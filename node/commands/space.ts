import { z } from 'zod'
import { memoryStream } from '../../base/ids.ts'
import type { SpaceInfo } from '../api.ts'
import type { Core } from '../core.ts'
import type { Memory } from '../memory/memory.ts'
import { command, type CommandsOf } from './command.ts'
import { memoryToRead, spaceName } from './in-space.ts'

export const spaceCommands: CommandsOf<'space.list' | 'space.show'> = {
  'space.list': command(z.strictObject({}), (core, _, to) => to.ok({ spaces: core.memories.all.map(memory => infoOf(core, memory)) })),

  'space.show': command(z.strictObject({ space: spaceName }), (core, input, to) => {
    const memory = memoryToRead(core, input)
    to.ok({ ...infoOf(core, memory), frontier: memory.frontier() })
  }),
}

function infoOf(core: Core, memory: Memory): SpaceInfo {
  const stream = memoryStream(memory.space)
  const logs = [...core.chain.logs.values()].filter(({ identity, durable }) => identity.stream === stream && durable > 0)
  return { space: memory.space, memories: memory.fold.stats.nodes, authors: logs.map(({ identity }) => identity.author).sort() }
}
