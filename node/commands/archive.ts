import { z } from 'zod'
import { toBase64 } from '../../base/base64.ts'
import { DEFAULT_SPACE, type LogId, memoryStream } from '../../base/ids.ts'
import { archiveFrame, archiveHead } from '../proof/write-archive.ts'
import { command, type CommandsOf } from './command.ts'

export const archiveCommands: CommandsOf<'memory.archive' | 'memory.archive-frame'> = {
  'memory.archive': command(z.strictObject({}), (core, _, to) => {
    const { item, logs, forked } = archiveHead(core, memoryStream(DEFAULT_SPACE))
    to.ok({ item: toBase64(item), logs, forked })
  }),

  'memory.archive-frame': command(
    z.strictObject({ log: z.string(), from: z.number().int().min(0), size: z.number().int().min(1) }),
    (core, { log, from, size }, to) =>
      archiveFrame(core, log as LogId, from, size, { ok: ({ item, end }) => to.ok({ item: toBase64(item), end }), fail: to.fail }),
  ),
}
