import { encode } from '../../base/codec.ts'
import { WeftError } from '../../base/errors.ts'
import { keyOf, type LogId } from '../../base/ids.ts'
import { CHUNK_BYTES, COMMIT_RECORDS_MAX } from '../../base/limits.ts'
import type { Log } from '../../chain/log.ts'
import { type EncodedRun, encodeRun } from '../../chain/run.ts'
import { encodeGenesisFile } from '../../discovery/genesis.ts'
import { encodeEvidence } from '../../discovery/operation.ts'
import type { Core } from '../core.ts'
import { ARCHIVE_FORMAT, type ArchiveHead } from './archive.ts'

/** The logs of a space as they are now, as far as their authors have signed them and belonged to the cluster. */
export function archiveHead(core: Core, stream: string): ArchiveHead {
  const { genesis, membership } = core.cluster
  const logs: { log: Log; size: number }[] = []
  const forked: LogId[] = []
  for (const log of core.chain.logs.values()) {
    if (log.identity.stream !== stream || log.published === 0) continue
    const size = Math.min(log.published, sizeThatCounts(core, log))
    if (log.conflict !== undefined) forked.push(log.identity.id)
    else if (size > 0) logs.push({ log, size })
  }
  logs.sort((a, b) => (a.log.identity.id < b.log.identity.id ? -1 : 1))
  const item = encode([
    ARCHIVE_FORMAT,
    encodeGenesisFile(genesis),
    logs.map(({ log: { identity }, size }) => [
      keyOf(identity.author),
      identity.stream,
      size,
      encodeEvidence(membership.standing([identity.author])),
    ]),
  ])
  return { item, logs: logs.map(({ log, size }) => ({ log: log.identity.id, size })), forked }
}

/** Of a member who was thrown out nothing counts beyond the cut. */
function sizeThatCounts(core: Core, { identity }: Log): number {
  const cut = core.cluster.membership.cutOf(identity.author)
  return cut === undefined ? Infinity : (cut.find(entry => entry.log === identity.id)?.size ?? 0)
}

/** The next frame of a log, from record `from` on and at most to `size`. */
export function archiveFrame(
  core: Core,
  id: LogId,
  from: number,
  size: number,
  to: { readonly ok: (frame: { readonly item: Uint8Array; readonly end: number }) => void; readonly fail: (error: WeftError) => void },
): void {
  const log = core.chain.log(id)
  if (log === undefined || from >= size || size > log.published) throw new WeftError('invalid_argument', `log ${id} has no record ${from}`)
  const make = (records: Parameters<typeof encodeRun>[2], grounds: Parameters<typeof encodeRun>[3]): void => {
    const frame: EncodedRun | undefined = records.length === 0 ? undefined : encodeRun(log, from, records, grounds)
    if (frame === undefined || frame.end === from)
      return to.fail(new WeftError('chain_damaged', `record ${from} of log ${id} cannot be read back`, { details: { log: id, seq: from } }))
    to.ok({ item: encode(frame.fields), end: frame.end })
  }
  core.readShown(id, from, Math.min(COMMIT_RECORDS_MAX, size - from), CHUNK_BYTES, make)
}
