import { toHex } from '../../base/bytes.ts'
import { WeftError } from '../../base/errors.ts'
import { isoOf } from '../../base/hlc.ts'
import { causalIdOf } from '../../base/ids.ts'
import { kindName } from '../../base/kinds.ts'
import { decodeHeader } from '../../chain/record.ts'
import type { Log } from '../../chain/log.ts'
import type { Location } from '../cognition/api.ts'
import type { Core } from '../core.ts'
import type { Answering } from './answers.ts'
import type { Memory } from './memory.ts'

/** All names of one thing: the chain record, its leaf in the tree, what it is in the graph. @param name an id, or `log/seq` */
export function locate(core: Core, memory: Memory, name: string, to: Answering<Location>): void {
  const place = /^([0-9a-f]{8,64})\/(\d+)$/.exec(name)
  if (place !== null) return locateAt(core, memory, logOf(core, place[1] as string), Number(place[2]), to)
  memory.resolve(
    name,
    id => {
      // What its author has renamed is found under its new name.
      const ref = memory.fold.refOf(id)
      if (ref !== undefined) return locateAt(core, memory, core.chain.log(ref.log), ref.seq, to)
      core.context.emit({
        kind: 'find',
        prefix: id,
        then: ([found]) =>
          found === undefined
            ? to.fail(new WeftError('unknown_id', `no record ${id}`))
            : locateAt(core, memory, core.chain.log(found.log), found.seq, to),
      })
    },
    to.fail,
  )
}

/** A log by its id, or the beginning of it. */
function logOf(core: Core, text: string): Log | undefined {
  const found = [...core.chain.logs.values()].filter(({ identity }) => identity.id.startsWith(text))
  if (found.length > 1) throw new WeftError('ambiguous_id', `more than one log begins with ${text}`)
  return found[0]
}

function locateAt(core: Core, memory: Memory, log: Log | undefined, seq: number, to: Answering<Location>): void {
  if (log === undefined || seq >= log.durable)
    return to.fail(new WeftError('unknown_id', log === undefined ? 'no such log' : `log ${log.identity.id} has ${log.durable} records`))
  const { id: logId, stream, author } = log.identity
  const size = log.durable
  core.context.emit({
    kind: 'read',
    log: logId,
    from: seq,
    maxRecords: 1,
    maxBytes: 1,
    then: ([record]) => {
      const header = record === undefined ? undefined : decodeHeader(record.header)
      if (header === undefined || size > log.durable)
        return to.fail(
          new WeftError('chain_damaged', `record ${seq} of log ${logId} cannot be read back`, { details: { log: logId, seq } }),
        )
      const id = causalIdOf(log.tree.leaf(seq))
      to.ok({
        id,
        log: logId,
        seq,
        stream,
        author,
        kind: kindName(header.kind),
        at: isoOf(header.hlc),
        leaf: { index: seq, size, root: toHex(log.tree.root(size)), path: log.tree.inclusionProof(seq, size).map(toHex) },
        signed: seq < log.published,
        graph: memory.fold.placeOf(id) ?? null,
        vectors: memory.fold.vectors.at(id),
      })
    },
  })
}
