import { equalBytes, ZERO_32 } from '../base/bytes.ts'
import { decode, encode, type Cbor } from '../base/codec.ts'
import { hash } from '../base/crypto/hash.ts'
import { type Hlc, isHlc } from '../base/hlc.ts'
import { type ClusterId, digestOf, keyOf, type LogId, logIdOf, type NodeId, nodeIdOf, parseStream, type Stream } from '../base/ids.ts'
import { ACTOR_MAX_BYTES, BODY_MAX_BYTES, HEADER_MAX_BYTES, PARENTS_MAX } from '../base/limits.ts'
import { bytes, list, literal, type Shape, text, tuple, uint } from '../base/shape.ts'

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

/** A record as it is kept: the exact header bytes, and the body beside them. */
export interface StoredRecord {
  readonly header: Uint8Array
  readonly salt: Uint8Array
  readonly body: Uint8Array
}

export const RECORD_VERSION = 1
export const SALT_BYTES = 16

export function encodeHeader(header: RecordHeader): Uint8Array {
  return encode([
    RECORD_VERSION,
    header.logId,
    header.seq,
    header.prev,
    [header.hlc.ms, header.hlc.counter],
    header.kind,
    header.actor,
    encodeParents(header.parents),
    header.grant,
    header.bodyCommit,
    header.bodyLength,
  ])
}

export function encodeParents(parents: readonly ParentRef[]): Cbor {
  return parents.map(parent => [parent.logId, parent.seq, parent.leaf])
}

const hlcShape: Shape<readonly [ms: number, counter: number]> = tuple(uint(), uint())
export const parentsShape: Shape<readonly (readonly [logId: Uint8Array, seq: number, leaf: Uint8Array])[]> = list(tuple(bytes(32), uint(), bytes(32)), PARENTS_MAX)
const headerShape = tuple(
  literal(RECORD_VERSION),
  bytes(32),
  uint(),
  bytes(32),
  hlcShape,
  uint(0xffff),
  text(ACTOR_MAX_BYTES),
  parentsShape,
  bytes(0, 32),
  bytes(32),
  uint(BODY_MAX_BYTES),
)

/** @returns undefined for anything but the canonical bytes of a header. */
export function decodeHeader(input: Uint8Array): RecordHeader | undefined {
  if (input.length > HEADER_MAX_BYTES) return undefined
  const decoded = decode(input)
  const row = decoded.ok ? headerShape.parse(decoded.value) : undefined
  if (row === undefined) return undefined
  const [, logId, seq, prev, [ms, counter], kind, actor, parents, grant, bodyCommit, bodyLength] = row
  if (!isHlc(ms, counter) || (grant.length !== 0 && grant.length !== 32)) return undefined
  return {
    logId, seq, prev, hlc: { ms, counter }, kind, actor, grant, bodyCommit, bodyLength,
    parents: parents.map(([parentLog, parentSeq, leaf]) => ({ logId: parentLog, seq: parentSeq, leaf })),
  }
}

export function leafOf(header: Uint8Array): Uint8Array {
  return hash('leaf', header)
}

export function bodyCommit(salt: Uint8Array, body: Uint8Array): Uint8Array {
  return hash('body', salt, body)
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
