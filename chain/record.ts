import { assert } from '../base/assert.ts'
import { EMPTY, equalBytes, utf8, ZERO_32 } from '../base/bytes.ts'
import { decode, encode } from '../base/codec.ts'
import { hash } from '../base/crypto/hash.ts'
import { HLC_COUNTER_MAX, HLC_MS_MAX, type Hlc } from '../base/hlc.ts'
import { type ClusterId, digestOf, keyOf, type LogId, logIdOf, type NodeId, nodeIdOf, parseStream, type Stream } from '../base/ids.ts'
import { ACTOR_MAX_BYTES, BODY_MAX_BYTES, HEADER_MAX_BYTES, PARENTS_MAX } from '../base/limits.ts'
import { bytes, text, tuple } from '../base/shape.ts'
import { CborReader } from './cursor.ts'

/**
 * One record of a log: a header that is hashed into the tree, and a body that is only committed
 * to, so that it can be erased while the chain still verifies.
 *
 *   header = [version, logId, seq, prev, [ms, counter], kind, actor, parents, grant, bodyCommit, bodyLength]
 *   leaf   = H(leaf || header)        prev = leaf of seq - 1, zeros at seq 0
 *   commit = H(body || salt16 || body)
 */
export interface RecordHeader {
  readonly logId: Uint8Array
  readonly seq: number
  readonly prev: Uint8Array
  readonly hlc: Hlc
  readonly kind: number
  /** Process name or delegated key: set by the kernel, never by the caller. */
  readonly actor: string
  readonly parents: readonly ParentRef[]
  /** Hash of the grant it was written under; empty for none. */
  readonly grant: Uint8Array
  readonly bodyCommit: Uint8Array
  readonly bodyLength: number
}

/** A record of another author in the same stream that this one builds on. */
export interface ParentRef {
  readonly logId: Uint8Array
  readonly seq: number
  readonly leaf: Uint8Array
}

/** A record as it is kept: the exact header bytes, and the body beside them, unless it was erased. */
export interface StoredRecord {
  readonly header: Uint8Array
  readonly salt: Uint8Array
  readonly body: Uint8Array
  /** Seq of the record in the same log by which its author had it erased; then there is neither salt nor body. */
  readonly erasedBy?: number | undefined
}

export const RECORD_VERSION = 1
const FIELDS = 11
/** Kinds are two bytes: 65,536 of them. */
export const KIND_MAX = 0xffff
export const SALT_BYTES = 16

/** The header's bytes; what goes beyond a limit would never be read back, and is a bug in the caller. */
export function encodeHeader(header: RecordHeader): Uint8Array {
  assert(header.parents.length <= PARENTS_MAX, `a record with ${header.parents.length} parents`)
  assert(header.bodyLength <= BODY_MAX_BYTES, `a body of ${header.bodyLength} bytes`)
  assert(3 * header.actor.length <= ACTOR_MAX_BYTES || utf8(header.actor).length <= ACTOR_MAX_BYTES, 'an actor with too long a name')
  const { logId, seq, prev, hlc, kind, actor, parents, grant, bodyLength } = header
  return encode([
    RECORD_VERSION,
    logId,
    seq,
    prev,
    [hlc.ms, hlc.counter],
    kind,
    actor,
    parents.map(parent => [parent.logId, parent.seq, parent.leaf]),
    grant,
    header.bodyCommit,
    bodyLength,
  ])
}

/** @returns undefined for anything but the canonical bytes of a header. */
export function decodeHeader(input: Uint8Array): RecordHeader | undefined {
  if (input.length > HEADER_MAX_BYTES) return undefined
  const read = new CborReader(input)
  if (read.array(FIELDS) !== FIELDS || read.uint() !== RECORD_VERSION) return undefined
  const logId = read.bytes(32)
  const seq = read.uint()
  const prev = read.bytes(32)
  if (read.array(2) !== 2) return undefined
  const hlc = { ms: read.uint(HLC_MS_MAX), counter: read.uint(HLC_COUNTER_MAX) }
  const kind = read.uint(KIND_MAX)
  const actor = read.text(ACTOR_MAX_BYTES)
  const parents: ParentRef[] = []
  for (let left = read.array(PARENTS_MAX); left > 0; left--) {
    if (read.array(3) !== 3) return undefined
    parents.push({ logId: read.bytes(32), seq: read.uint(), leaf: read.bytes(32) })
  }
  const grant = read.bytes(32, true)
  const commit = read.bytes(32)
  const bodyLength = read.uint(BODY_MAX_BYTES)
  return read.isDone ? { logId, seq, prev, hlc, kind, actor, parents, grant, bodyCommit: commit, bodyLength } : undefined
}

export function leafOf(header: Uint8Array): Uint8Array {
  return hash('leaf', header)
}

export function bodyCommit(salt: Uint8Array, body: Uint8Array): Uint8Array {
  return hash('body', salt, body)
}

/** Whether salt and body are those that the header commits to; of an erased record that is all that can be asked. */
export function isAsCommitted(header: RecordHeader, { salt, body, erasedBy }: StoredRecord): boolean {
  return erasedBy !== undefined || (header.bodyLength === body.length && equalBytes(bodyCommit(salt, body), header.bodyCommit))
}

/** What is left of a record. */
export function erasedRecord(header: Uint8Array, erasedBy: number): StoredRecord {
  return { header, salt: ZERO_SALT, body: EMPTY, erasedBy }
}

// ---- genesis: record 0 of every log

/** What a log is: bound to one cluster, one first key and one stream, for ever. */
export interface LogIdentity {
  readonly id: LogId
  readonly cluster: ClusterId
  readonly author: NodeId
  readonly stream: Stream
}

export function logIdentity(cluster: ClusterId, author: NodeId, stream: Stream): LogIdentity {
  return { id: logIdOf(hash('logid', encode([digestOf(cluster), keyOf(author), stream]))), cluster, author, stream }
}

/** Body of record 0: the identity and the commitment to the key of the next epoch. */
export function encodeGenesis(identity: LogIdentity, nextKeyCommit: Uint8Array): Uint8Array {
  return encode([digestOf(identity.cluster), keyOf(identity.author), identity.stream, nextKeyCommit])
}

export function nextKeyCommitOf(publicKey: Uint8Array): Uint8Array {
  return hash('nextkey', publicKey)
}

const genesisShape = tuple(bytes(32), bytes(32), text(80), bytes(32))

/** The identity a genesis body claims; the caller compares its `id` with the header's. */
export function decodeGenesis(body: Uint8Array, cluster: ClusterId): LogIdentity | undefined {
  const decoded = decode(body)
  const row = decoded.ok ? genesisShape.parse(decoded.value) : undefined
  if (row === undefined) return undefined
  const stream = parseStream(row[2])
  if (stream === undefined) return undefined
  const identity = logIdentity(cluster, nodeIdOf(row[1]), stream)
  return equalBytes(row[0], digestOf(cluster)) ? identity : undefined
}

export const ZERO_SALT: Uint8Array = new Uint8Array(SALT_BYTES)
export const FIRST_PREV: Uint8Array = ZERO_32
