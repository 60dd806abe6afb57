import { z } from 'zod'
import { WeftError } from '../../base/errors.ts'
import { toBase64 } from '../../base/base64.ts'
import { type LogId, memoryStream } from '../../base/ids.ts'
import { archiveFrame, archiveHead } from '../proof/write-archive.ts'
import { command, type CommandsOf } from './command.ts'
import { memoryToRead, space } from './in-space.ts'

export const archiveCommands: CommandsOf<'memory.archive' | 'memory.archive-frame'> = {
  'memory.archive': command(z.strictObject({ space }), (core, input, to) => {
    const memory = memoryToRead(core, input)
    const secret = core.spaces.secrecyOf(memory.space)
    if (secret !== undefined) throw secret
    // Who may write where is not in an archive: a stranger would take for said what is void.
    if (memory.voids.some(({ code }) => code === 'not_granted'))
      throw new WeftError('not_provable', `some records of space ${memory.space} are void for want of a role, which an archive cannot show`)
    const { item, logs, forked } = archiveHead(core, memoryStream(memory.space))
    to.ok({ item: toBase64(item), logs, forked })
  }),

  'memory.archive-frame': command(
    z.strictObject({ space, log: z.string(), from: z.number().int().min(0), size: z.number().int().min(1) }),
    (core, { log, from, size, ...input }, to) => {
      const { space: name } = memoryToRead(core, input)
      if (core.chain.log(log as LogId)?.identity.stream !== memoryStream(name))
        throw new WeftError('unknown_id', `no log ${log} of space ${name}`)
      archiveFrame(core, log as LogId, from, size, { ok: ({ item, end }) => to.ok({ item: toBase64(item), end }), fail: to.fail })
    },
  ),
}
