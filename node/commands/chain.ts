import { z } from 'zod'
import { toHex } from '../../base/bytes.ts'
import { WeftError } from '../../base/errors.ts'
import { isoOf } from '../../base/hlc.ts'
import { causalIdOf, logIdOf } from '../../base/ids.ts'
import { kindName } from '../../base/kinds.ts'
import { CHUNK_BYTES, LIST_MAX } from '../../base/limits.ts'
import type { Log } from '../../chain/log.ts'
import { decodeHeader, leafOf } from '../../chain/record.ts'
import type { Verification } from '../../chain/verify.ts'
import type { ChainPage } from '../api.ts'
import type { Core } from '../core.ts'
import { command, type CommandsOf } from './command.ts'

export const chainCommands: CommandsOf<'chain.head' | 'chain.log' | 'chain.verify'> = {
  'chain.head': command(z.strictObject({}), (core, _, to) => {
    const logs = [...core.chain.logs.values()]
      .filter(log => log.durable > 0)
      .map(log => {
        const { id, author, stream } = log.identity
        return {
          logId: id,
          author,
          stream,
          size: log.durable,
          head: toHex(log.tree.leaf(log.durable - 1)),
          root: toHex(log.tree.root(log.durable)),
          published: log.published,
          conflict: log.conflict !== undefined,
        }
      })
    to.ok({ logs: logs.sort((a, b) => (a.author === b.author ? (a.stream < b.stream ? -1 : 1) : a.author < b.author ? -1 : 1)) })
  }),

  'chain.log': command(
    z.strictObject({
      log: z.string().optional(),
      from: z.number().int().min(0).optional(),
      limit: z.number().int().min(1).max(LIST_MAX).optional(),
    }),
    (core, input, to) => {
      const log = findLog(core, input.log)
      const limit = input.limit ?? 20
      const from = input.from ?? Math.max(0, log.durable - limit)
      const empty = { logId: log.identity.id, records: [] }
      if (from >= log.durable) return to.ok(empty)
      core.context.emit({
        kind: 'read',
        log: log.identity.id,
        from,
        maxRecords: limit,
        maxBytes: 16 * CHUNK_BYTES,
        then: records => to.ok({ ...empty, records: records.map(record => rowOf(record.header, record.body.length)) }),
      })
    },
  ),

  'chain.verify': command(z.strictObject({ all: z.boolean().optional() }), (core, input, to) => {
    core.context.emit({
      kind: 'verify',
      then: result => (result.ok ? to.ok(input.all === true ? result.value : ownOnly(result.value, core)) : to.fail(result.error)),
    })
  }),
}

function ownOnly(verification: Verification, core: Core): Verification {
  return verification.valid ? { ...verification, logs: verification.logs.filter(log => log.author === core.self) } : verification
}

/** A log by id, prefix of 8 or more, or stream of this node; its audit log without a name. */
function findLog(core: Core, text: string = 'audit'): Log {
  const logs = [...core.chain.logs.values()].filter(log => log.durable > 0)
  const own = logs.find(log => log.identity.author === core.self && log.identity.stream === text)
  if (own !== undefined) return own
  const found = text.length >= 8 ? logs.filter(log => log.identity.id.startsWith(text)) : []
  if (found.length > 1) throw new WeftError('ambiguous_id', `more than one log begins with ${text}`)
  if (found[0] === undefined)
    throw new WeftError(
      'unknown_id',
      `no log ${JSON.stringify(text)}: use a log id from weft chain head, or one of ${[...new Set(logs.map(log => log.identity.stream))].join(', ')}`,
    )
  return found[0]
}

function rowOf(bytes: Uint8Array, bodyBytes: number): ChainPage['records'][number] {
  const header = decodeHeader(bytes) as NonNullable<ReturnType<typeof decodeHeader>>
  return {
    seq: header.seq,
    id: causalIdOf(leafOf(bytes)),
    kind: kindName(header.kind),
    actor: header.actor,
    at: isoOf(header.hlc),
    parents: header.parents.map(parent => ({ log: logIdOf(parent.logId), seq: parent.seq })),
    bodyBytes,
  }
}
