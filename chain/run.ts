import { concatBytes, equalBytes, utf8 } from '../base/bytes.ts'
import type { Cbor } from '../base/codec.ts'
import type { ErrorCode } from '../base/errors.ts'
import { HLC_COUNTER_MAX, HLC_MS_MAX, HLC_ZERO, type Hlc } from '../base/hlc.ts'
import { type ClusterId, type LogId, logIdOf } from '../base/ids.ts'
import { ACTOR_MAX_BYTES, BODY_MAX_BYTES, CHUNK_BYTES, COMMIT_RECORDS_MAX, PARENTS_MAX, PROOF_MAX_HASHES } from '../base/limits.ts'
import { bytes, list, optional, option, type Shape, tuple, uint } from '../base/shape.ts'
import { parseCheckpoint, type SignedCheckpoint } from './checkpoint.ts'
import type { Log } from './log.ts'
import { decodeHeader, KIND_MAX, SALT_BYTES, type StoredRecord } from './record.ts'
import { verifyConsistency } from './tree.ts'
import { appendTo, type Written } from './written.ts'

/**
 * A frame of consecutive records of one log. What a receiver can derive is left out: version,
 * log, seq, prev, commitment and length are computed again, so a frame costs some 28 bytes a
 * record beyond its body, and a byte changed anywhere changes the root.
 *
 *   run    = [logId, from, checkpoint, signature, proof, records]
 *   record = [kind, ms since the record before (mod 2^48), counter, actor?, parents, grant, salt || body]
 */
export interface Run {
  readonly log: LogId
  readonly from: number
  /** A checkpoint of the author that reaches at least as far as the frame. */
  readonly checkpoint: SignedCheckpoint
  /** Consistency of the end of the frame with the checkpoint; empty when they are equal. */
  readonly proof: readonly Uint8Array[]
  readonly records: readonly RunRecord[]
}

type RunRecord = readonly [
  kind: number,
  deltaMs: number,
  counter: number,
  actor: string | null,
  parents: readonly ParentRow[],
  grant: Uint8Array,
  body: Uint8Array,
]
type ParentRow = readonly [logId: Uint8Array, seq: number, leaf: Uint8Array]

// What passes here is stored, and read back as a header: neither rule may be looser than `decodeHeader`.
const actorShape: Shape<string> = {
  parse: value => (typeof value === 'string' && utf8(value).length <= ACTOR_MAX_BYTES ? value : undefined),
}
const grantShape: Shape<Uint8Array> = { parse: value => bytes(0).parse(value) ?? bytes(32).parse(value) }
const parentsShape: Shape<readonly ParentRow[]> = list(tuple(bytes(32), uint(), bytes(32)), PARENTS_MAX)
const recordShape: Shape<RunRecord> = tuple(
  uint(KIND_MAX),
  uint(HLC_MS_MAX),
  uint(HLC_COUNTER_MAX),
  optional(actorShape),
  parentsShape,
  grantShape,
  bytes(SALT_BYTES, SALT_BYTES + BODY_MAX_BYTES),
)
/** A frame is stored in one commit, so it has no more records than that. */
const runShape = tuple(
  bytes(32),
  uint(),
  bytes(1, 512),
  bytes(64),
  list(bytes(32), PROOF_MAX_HASHES),
  list(recordShape, COMMIT_RECORDS_MAX),
)

export function parseRun(value: Cbor, cluster: ClusterId): Run | undefined {
  const row = runShape.parse(value)
  if (row === undefined) return undefined
  const log = logIdOf(row[0])
  const checkpoint = parseCheckpoint(row[2], row[3], cluster, log)
  if (checkpoint === undefined || row[5].length === 0) return undefined
  const run = { log, from: row[1], checkpoint, proof: row[4], records: row[5] }
  return endOf(run) > checkpoint.size ? undefined : run
}

/** The seq behind its last record. */
export function endOf(run: Run): number {
  return run.from + run.records.length
}

export interface EncodedRun {
  readonly fields: Cbor
  /** The seq behind its last record. */
  readonly end: number
  readonly cost: number
}

/** What a frame costs in credit, counted alike on both sides: bodies, 64 bytes around each, and 512 for the rest. */
export function costOf(run: Run): number {
  return run.records.reduce((cost, [, , , , , , body]) => cost + RECORD_COST + body.length - SALT_BYTES, FRAME_COST)
}

const RECORD_COST = 64
const FRAME_COST = 512
/** No frame of `encodeRun` costs more: it has a chunk of records, whose headers take more than they are counted. */
export const RUN_COST_MAX: number = FRAME_COST + CHUNK_BYTES

/** As many of `records`, which stand in `log` from `from` on, as one frame takes; one at least. */
export function encodeRun(log: Log, from: number, records: readonly StoredRecord[]): EncodedRun {
  const checkpoint = log.checkpoint as SignedCheckpoint
  const rows: Cbor[] = []
  let actor: string | undefined
  let size = 0
  let cost = FRAME_COST
  for (const record of records) {
    const seq = from + rows.length
    if (seq >= log.published || rows.length === COMMIT_RECORDS_MAX) break
    size += record.header.length + record.body.length
    if (rows.length > 0 && size > CHUNK_BYTES) break
    const header = decodeHeader(record.header) as NonNullable<ReturnType<typeof decodeHeader>>
    const before = seq === 0 ? HLC_ZERO : log.hlcAt(seq - 1)
    const deltaMs = (header.hlc.ms - before.ms + HLC_MS_MAX + 1) % (HLC_MS_MAX + 1)
    rows.push([
      header.kind,
      deltaMs,
      header.hlc.counter,
      option(header.actor === actor ? undefined : header.actor),
      header.parents.map(parent => [parent.logId, parent.seq, parent.leaf]),
      header.grant,
      concatBytes(record.salt, record.body),
    ])
    actor = header.actor
    cost += RECORD_COST + record.body.length
  }
  const end = from + rows.length
  return { fields: [log.idBytes, from, checkpoint.bytes, checkpoint.signature, log.provePrefix(end), rows], end, cost }
}

/**
 * Extends `log` by the records of a frame that begins where the log ends, and checks root and proof; on
 * any failure the log is as before. The checkpoint's signature is checked by the caller, who knows
 * which it has seen. HLC rules are not checked here: they make a record void, not a frame invalid.
 *
 * @param aheadMs records later than this wall time are not taken in yet: `clock_ahead`
 */
export function extendByRun(log: Log, run: Run, aheadMs: number): { readonly records: readonly Written[] } | { readonly code: ErrorCode } {
  const start = log.size
  const records: Written[] = []
  const undo = (code: ErrorCode): { code: ErrorCode } => {
    log.truncate(start)
    return { code }
  }
  let hlc: Hlc = log.headHlc
  let actor: string | null = null
  for (const [kind, deltaMs, counter, ownActor, rows, grant, saltAndBody] of run.records) {
    actor = ownActor ?? actor
    if (actor === null) return undo('bad_record')
    hlc = { ms: (hlc.ms + deltaMs) % (HLC_MS_MAX + 1), counter }
    if (hlc.ms > aheadMs) return undo('clock_ahead')
    const salt = saltAndBody.slice(0, SALT_BYTES)
    const body = saltAndBody.slice(SALT_BYTES)
    const parents = rows.map(([logId, seq, leaf]) => ({ logId, seq, leaf }))
    records.push(appendTo(log, { hlc, kind, actor, parents, grant, salt, body }))
  }
  const { checkpoint, proof } = run
  const isPrefix = verifyConsistency(log.size, log.tree.root(), checkpoint.size, checkpoint.root, proof)
  if (!isPrefix || (log.size === checkpoint.size && !equalBytes(log.head, checkpoint.headLeaf))) return undo('bad_proof')
  return { records }
}
