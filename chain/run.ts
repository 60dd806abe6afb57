import { concatBytes, equalBytes, utf8 } from '../base/bytes.ts'
import type { Cbor } from '../base/codec.ts'
import type { ErrorCode } from '../base/errors.ts'
import { HLC_COUNTER_MAX, HLC_MS_MAX, HLC_ZERO, type Hlc } from '../base/hlc.ts'
import { type ClusterId, type LogId, logIdOf } from '../base/ids.ts'
import {
  ACTOR_MAX_BYTES,
  BODY_MAX_BYTES,
  CHUNK_BYTES,
  COMMIT_RECORDS_MAX,
  HEADER_MAX_BYTES,
  PARENTS_MAX,
  PROOF_MAX_HASHES,
} from '../base/limits.ts'
import { bytes, list, optional, option, type Shape, tuple, uint } from '../base/shape.ts'
import { parseCheckpoint, type SignedCheckpoint } from './checkpoint.ts'
import type { Log } from './log.ts'
import { isErasedBy } from './erasure.ts'
import { decodeHeader, KIND_MAX, leafOf, SALT_BYTES, type StoredRecord } from './record.ts'
import { verifyConsistency, verifyInclusion } from './tree.ts'
import { appendTo, type Content, type Written } from './written.ts'

/**
 * A frame of consecutive records of one log. What a receiver can derive is left out: version,
 * log, seq, prev, commitment and length are computed again, so a frame costs some 28 bytes a
 * record beyond its body, and a byte changed anywhere changes the root.
 *
 *   run    = [logId, from, checkpoint, signature, proof, records]
 *   record = [kind, ms since the record before (mod 2^48), counter, actor?, parents, grant, salt || body]
 *   erased: in place of the body [commit, length, [seq, header, salt || body, path]]
 *
 * What stands in place of an erased body is what the header says of it, and the record that erased it, with its
 * way to the root of the frame's checkpoint: it may stand far behind the frame.
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
  body: Uint8Array | ErasedRow,
]
type ErasedRow = readonly [bodyCommit: Uint8Array, bodyLength: number, ground: GroundRow]
type GroundRow = readonly [seq: number, header: Uint8Array, body: Uint8Array, path: readonly Uint8Array[]]
type ParentRow = readonly [logId: Uint8Array, seq: number, leaf: Uint8Array]

// What passes here is stored, and read back as a header: neither rule may be looser than `decodeHeader`.
const actorShape: Shape<string> = {
  parse: value => (typeof value === 'string' && utf8(value).length <= ACTOR_MAX_BYTES ? value : undefined),
}
const grantShape: Shape<Uint8Array> = { parse: value => bytes(0).parse(value) ?? bytes(32).parse(value) }
const parentsShape: Shape<readonly ParentRow[]> = list(tuple(bytes(32), uint(), bytes(32)), PARENTS_MAX)
/** A retract names one id: its body is far below 64 bytes. */
const GROUND_BODY_MAX_BYTES = 64
const erasedShape: Shape<ErasedRow> = tuple(
  bytes(32),
  uint(BODY_MAX_BYTES),
  tuple(uint(), bytes(1, HEADER_MAX_BYTES), bytes(SALT_BYTES, SALT_BYTES + GROUND_BODY_MAX_BYTES), list(bytes(32), PROOF_MAX_HASHES)),
)
const liveShape = bytes(SALT_BYTES, SALT_BYTES + BODY_MAX_BYTES)
const contentShape: Shape<Uint8Array | ErasedRow> = { parse: value => liveShape.parse(value) ?? erasedShape.parse(value) }
const recordShape: Shape<RunRecord> = tuple(
  uint(KIND_MAX),
  uint(HLC_MS_MAX),
  uint(HLC_COUNTER_MAX),
  optional(actorShape),
  parentsShape,
  grantShape,
  contentShape,
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
  return run.records.reduce(
    (cost, [, , , , , , body]) => cost + RECORD_COST + (body instanceof Uint8Array ? body.length - SALT_BYTES : ERASED_COST),
    FRAME_COST,
  )
}

const RECORD_COST = 64
/** A ground has a header and a path: 2 KiB in a log of 2^30 records. */
const ERASED_COST = 2048
const FRAME_COST = 512
/** No frame of `encodeRun` costs more: it has a chunk of records, whose headers take more than they are counted. */
export const RUN_COST_MAX: number = FRAME_COST + CHUNK_BYTES

/**
 * As many of `records`, which stand in `log` from `from` on, as one frame takes. It ends before a record that cannot be
 * told: an erased one whose ground is not among `grounds`, by seq. When that is the first, it ends where it begins.
 */
export function encodeRun(log: Log, from: number, records: readonly StoredRecord[], grounds: Grounds = NO_GROUNDS): EncodedRun {
  const checkpoint = log.checkpoint as SignedCheckpoint
  const rows: Cbor[] = []
  let actor: string | undefined
  let size = 0
  let cost = FRAME_COST
  for (const record of records) {
    const seq = from + rows.length
    if (seq >= log.published || rows.length === COMMIT_RECORDS_MAX) break
    const isErased = record.erasedBy !== undefined
    const ground = isErased ? grounds.get(record.erasedBy) : undefined
    if (isErased && (ground === undefined || !isErasedBy(record.header, ground, record.erasedBy) || record.erasedBy >= log.published)) break
    const bodyCost = isErased ? ERASED_COST : record.body.length
    size += record.header.length + bodyCost
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
      ground === undefined
        ? concatBytes(record.salt, record.body)
        : [header.bodyCommit, header.bodyLength, groundRow(log, record.erasedBy as number, ground)],
    ])
    actor = header.actor
    cost += RECORD_COST + bodyCost
  }
  const end = from + rows.length
  return { fields: [log.idBytes, from, checkpoint.bytes, checkpoint.signature, log.provePrefix(end), rows], end, cost }
}

/** Records that erase others, by their seq. */
export type Grounds = ReadonlyMap<number, StoredRecord>
export const NO_GROUNDS: Grounds = new Map()

function groundRow(log: Log, seq: number, { header, salt, body }: StoredRecord): Cbor {
  return [seq, header, concatBytes(salt, body), log.proveRecord(seq)]
}

/** A ground that is in the log of which the checkpoint speaks. */
function isGrounded(record: StoredRecord, [seq, header, body, path]: GroundRow, { size, root }: SignedCheckpoint): boolean {
  const ground = { header, salt: body.subarray(0, SALT_BYTES), body: body.subarray(SALT_BYTES) }
  return seq < size && isErasedBy(record.header, ground, seq) && verifyInclusion(leafOf(header), seq, size, path, root)
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
  for (const [kind, deltaMs, counter, ownActor, rows, grant, body] of run.records) {
    actor = ownActor ?? actor
    if (actor === null) return undo('bad_record')
    hlc = { ms: (hlc.ms + deltaMs) % (HLC_MS_MAX + 1), counter }
    if (hlc.ms > aheadMs) return undo('clock_ahead')
    const parents = rows.map(([logId, seq, leaf]) => ({ logId, seq, leaf }))
    const written = appendTo(log, { hlc, kind, actor, parents, grant, ...contentOf(body) })
    if (!(body instanceof Uint8Array) && !isGrounded(written.record, body[2], run.checkpoint)) return undo('bad_proof')
    records.push(written)
  }
  const { checkpoint, proof } = run
  const isPrefix = verifyConsistency(log.size, log.tree.root(), checkpoint.size, checkpoint.root, proof)
  if (!isPrefix || (log.size === checkpoint.size && !equalBytes(log.head, checkpoint.headLeaf))) return undo('bad_proof')
  return { records }
}

function contentOf(body: Uint8Array | ErasedRow): Content {
  if (body instanceof Uint8Array) return { salt: body.slice(0, SALT_BYTES), body: body.slice(SALT_BYTES) }
  const [bodyCommit, bodyLength, [erasedBy]] = body
  return { bodyCommit, bodyLength, erasedBy }
}
