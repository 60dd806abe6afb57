import { toBase64 } from '../../base/base64.ts'
import { toHex } from '../../base/bytes.ts'
import { encode } from '../../base/codec.ts'
import { WeftError } from '../../base/errors.ts'
import type { CausalId, LogId } from '../../base/ids.ts'
import type { Log } from '../../chain/log.ts'
import type { StoredRecord } from '../../chain/record.ts'
import { encodeGenesisFile } from '../../discovery/genesis.ts'
import { encodeEvidence } from '../../discovery/operation.ts'
import type { Explanation } from '../../ecc/why.ts'
import { headerOf } from '../applier.ts'
import type { Core } from '../core.ts'
import type { Answering } from '../memory/answers.ts'
import type { Memory } from '../memory/memory.ts'
import type { RecordRef } from '../step.ts'
import { claimOf, type ProvenRecord, type Way } from './claim.ts'
import { inOrder, type Proof, PROOF_FORMAT, type ProvenLog } from './proof.ts'

/** Puts together what shows to anybody why `id` is believed, or says why that cannot be shown. */
export function prove(
  core: Core,
  { fold, space }: Memory,
  id: CausalId,
  { paths }: Pick<Explanation, 'paths'>,
  to: Answering<Proof>,
): void {
  const secret = core.spaces.secrecyOf(space)
  if (secret !== undefined) return to.fail(secret)
  const ids = new Set([
    id,
    ...paths.flatMap(({ steps }) => steps.flatMap(({ id: step, linkId }) => (linkId === undefined ? [step] : [step, linkId]))),
  ])
  const refs = [...ids].map(one => fold.refOf(one) as RecordRef)
  const fault = refs.map(ref => notSigned(core, ref)).find(error => error !== undefined)
  if (fault !== undefined) return to.fail(fault)
  core.context.emit({
    kind: 'read-each',
    refs,
    then: stored => {
      const records = new Map<CausalId, ProvenRecord>()
      const byLog = new Map<LogId, { seq: number; stored: StoredRecord }[]>()
      for (const [i, one] of [...ids].entries()) {
        const ref = refs[i] as RecordRef
        const log = core.chain.log(ref.log) as Log
        const record = stored[i]
        const header = record === undefined ? undefined : headerOf(log, ref.seq, record)
        if (record === undefined || header === undefined)
          return to.fail(new WeftError('chain_damaged', `record ${ref.seq} of log ${ref.log} cannot be read back`, { details: { ...ref } }))
        records.set(one, { log: log.identity, header, body: record.body })
        const rows = byLog.get(ref.log) ?? []
        rows.push({ seq: ref.seq, stored: record })
        byLog.set(ref.log, rows)
      }
      const ways = paths.map(({ steps }): Way => steps.map(({ id: step, edge, linkId }) => ({ id: step, edge, link: linkId })))
      const claimed = claimOf(id, ways, records)
      // An edge to a record that its author wrote again under another id: the link names the old one.
      if (!claimed.ok) return to.fail(new WeftError('not_provable', claimed.fault))
      const logs = [...byLog].map(([log, rows]) => logOf(core.chain.log(log) as Log, rows)).sort(inOrder)
      const { genesis, membership } = core.cluster
      to.ok({
        format: PROOF_FORMAT,
        cluster: genesis.cluster,
        ...claimed.claim,
        genesis: toBase64(encode(encodeGenesisFile(genesis))),
        evidence: toBase64(encode(encodeEvidence(membership.standing(logs.map(({ author }) => author))))),
        logs,
      })
    },
  })
}

/** What no signature of its author covers cannot be shown to anybody. */
function notSigned(core: Core, { log: id, seq }: RecordRef): WeftError | undefined {
  const log = core.chain.log(id)
  if (log?.conflict !== undefined) return new WeftError('log_conflicted', `the author of log ${id} has signed two histories`)
  if (log !== undefined && seq < log.published) return undefined
  return new WeftError('not_signed', `record ${seq} of log ${id} is not under a signed checkpoint yet`)
}

function logOf(log: Log, rows: readonly { readonly seq: number; readonly stored: StoredRecord }[]): ProvenLog {
  const { author, stream } = log.identity
  const checkpoint = log.checkpoint as NonNullable<Log['checkpoint']>
  return {
    author,
    stream,
    checkpoint: toBase64(checkpoint.bytes),
    signature: toBase64(checkpoint.signature),
    records: [...rows]
      .sort((a, b) => a.seq - b.seq)
      .map(({ seq, stored: { header, salt, body } }) => ({
        seq,
        header: toBase64(header),
        salt: toBase64(salt),
        body: toBase64(body),
        inclusion: log.proveRecord(seq).map(toHex),
      })),
  }
}
