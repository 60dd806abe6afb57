import { concatBytes, fromHex, toHex } from '../base/bytes.ts'
import { type Cbor, decode, encode } from '../base/codec.ts'
import type { Signer } from '../base/crypto/crypto-suite.ts'
import { isStrictKey, verify } from '../base/crypto/ed25519.ts'
import { hash, tagOf } from '../base/crypto/hash.ts'
import { KEY_NAME_BYTES, SEAL_TAG_BYTES, SPACE_KEY_BYTES } from '../base/crypto/sealed.ts'
import { type ClusterId, DEFAULT_SPACE, digestOf, isSpace, keyOf, type LogId, logIdOf, type NodeId, nodeIdOf } from '../base/ids.ts'
import { ADMINS_MAX, EVIDENCE_OPS_MAX, LOGS_MAX, SPACE_BOXES_MAX, SPACE_HEADS_MAX } from '../base/limits.ts'
import { bytes, list, literal, type Shape, text, tuple, uint } from '../base/shape.ts'

/**
 * What admins decide. An operation is the bytes `[cluster, policyVersion, op]`; it counts when
 * enough admins of that policy version have each recorded it, with a signature of its own over those bytes,
 * so it stands whatever becomes of their logs, and can be shown to a stranger.
 */
export type Op =
  | {
      readonly op: 'admit'
      readonly node: NodeId
      readonly role: string /** Hash of the invite it answers; empty for none. */
      readonly invite: Uint8Array
    }
  | { readonly op: 'retire'; readonly node: NodeId }
  /** Final. Records of the node beyond the cut are void. */
  | { readonly op: 'revoke'; readonly node: NodeId; readonly cut: readonly CutEntry[]; readonly reason: string }
  /** Replaces the policy version it names. */
  | { readonly op: 'policy'; readonly admins: readonly NodeId[]; readonly threshold: number; readonly rules: Uint8Array }
  | SpaceOp

/** What a node may do in a space. A relay holds its records for others, and cannot read what is encrypted. */
export type SpaceRole = 'none' | 'relay' | 'read' | 'write' | 'admin'

/** About one space. `after`: the newest operations about it that were known, 64 hex each, in order. */
export type SpaceOp =
  | {
      readonly op: 'space.create'
      readonly space: string
      /** Its first admin. */
      readonly owner: NodeId
      /** Only those with a grant read and write. */
      readonly isPrivate: boolean
      readonly isEncrypted: boolean
      readonly after: readonly string[]
    }
  /** `at`: of the node's log in this space, what counts: all from there on when it may write, nothing more from there on when not. */
  | {
      readonly op: 'space.grant'
      readonly space: string
      readonly node: NodeId
      readonly role: Exclude<SpaceRole, 'none'>
      readonly at: number
      readonly after: readonly string[]
    }
  | { readonly op: 'space.revoke'; readonly space: string; readonly node: NodeId; readonly at: number; readonly after: readonly string[] }
  /** Keys of an encrypted space, each sealed for a node that is to read. */
  | {
      readonly op: 'space.key'
      readonly space: string
      /** The public half of the secret that the boxes were sealed with. */
      readonly passing: Uint8Array
      readonly boxes: readonly KeyBox[]
      readonly after: readonly string[]
    }

export interface KeyBox {
  readonly node: NodeId
  /** What the key is called: 16 bytes in hex. */
  readonly key: string
  readonly box: Uint8Array
}

export interface CutEntry {
  readonly log: LogId
  readonly size: number
  readonly head: Uint8Array
}

export interface Operation {
  /** 64 hex: hash of the bytes. Also the name of the policy version that a `policy` operation makes. */
  readonly id: string
  readonly cluster: ClusterId
  /** The version it was decided under: the ClusterId for the genesis, later the id of a policy operation. */
  readonly policyVersion: string
  readonly op: Op
  readonly bytes: Uint8Array
}

/** An operation with one admin's signature: the body of a `cluster.operation` record. */
export interface SignedOperation {
  readonly operation: Operation
  readonly admin: NodeId
  readonly signature: Uint8Array
}

/** 47 KiB: with a signature it is the body of a record. */
const OPERATION_MAX_BYTES: number = 47 * 1024

const ADMIT = 1
const RETIRE = 2
const REVOKE = 3
const POLICY = 4
const CREATE = 5
const GRANT = 6
const WITHDRAW = 7
const KEY = 8
/** By number, from 1. */
export const SPACE_ROLES: readonly Exclude<SpaceRole, 'none'>[] = ['relay', 'read', 'write', 'admin']
const PRIVATE = 1
const ENCRYPTED = 2
export const ROLE: RegExp = /^[a-z][a-z0-9-]{0,31}$/

export function operationOf(cluster: ClusterId, policyVersion: string, op: Op): Operation {
  const encoded = encode([digestOf(cluster), digestOf(policyVersion as ClusterId), encodeOp(op)])
  return { id: toHex(hash('operation', encoded)), cluster, policyVersion, op, bytes: encoded }
}

function encodeOp(op: Op): Cbor {
  switch (op.op) {
    case 'admit':
      return [ADMIT, keyOf(op.node), op.role, op.invite]
    case 'retire':
      return [RETIRE, keyOf(op.node)]
    case 'revoke':
      return [REVOKE, keyOf(op.node), op.cut.map(({ log, size, head }) => [digestOf(log), size, head]), op.reason]
    case 'policy':
      return [POLICY, op.admins.map(keyOf), op.threshold, op.rules]
    case 'space.create':
      return [CREATE, op.space, keyOf(op.owner), (op.isPrivate ? PRIVATE : 0) + (op.isEncrypted ? ENCRYPTED : 0), encodeAfter(op)]
    case 'space.grant':
      return [GRANT, op.space, keyOf(op.node), SPACE_ROLES.indexOf(op.role) + 1, op.at, encodeAfter(op)]
    case 'space.revoke':
      return [WITHDRAW, op.space, keyOf(op.node), op.at, encodeAfter(op)]
    case 'space.key':
      return [KEY, op.space, op.passing, op.boxes.map(({ node, key, box }) => [keyOf(node), fromHex(key), box]), encodeAfter(op)]
  }
}

function encodeAfter({ after }: SpaceOp): Cbor {
  return after.map(fromHex)
}

const keyShape: Shape<NodeId> = { parse: value => (value instanceof Uint8Array && isStrictKey(value) ? nodeIdOf(value) : undefined) }
const shape = tuple(bytes(32), bytes(32), list({ parse: (value: Cbor): Cbor => value }, 8))
const admitShape = tuple(literal(ADMIT), keyShape, text(32), bytes(0, 32))
const retireShape = tuple(literal(RETIRE), keyShape)
const revokeShape = tuple(literal(REVOKE), keyShape, list(tuple(bytes(32), uint(), bytes(32)), LOGS_MAX), text(256))
const policyShape = tuple(literal(POLICY), list(keyShape, ADMINS_MAX), uint(ADMINS_MAX), bytes(32))
/** `main` is of all members, and nothing is decided about it. */
const spaceShape: Shape<string> = {
  parse: value => (typeof value === 'string' && isSpace(value) && value !== DEFAULT_SPACE ? value : undefined),
}
const afterShape: Shape<readonly string[]> = {
  parse: value => {
    const ids = list(bytes(32), SPACE_HEADS_MAX).parse(value)?.map(toHex)
    return ids?.every((id, i) => i === 0 || (ids[i - 1] as string) < id) === true ? ids : undefined
  },
}
const createShape = tuple(literal(CREATE), spaceShape, keyShape, uint(PRIVATE + ENCRYPTED), afterShape)
const grantShape = tuple(literal(GRANT), spaceShape, keyShape, uint(SPACE_ROLES.length), uint(), afterShape)
const keysShape = tuple(
  literal(KEY),
  spaceShape,
  bytes(32),
  list(tuple(keyShape, bytes(KEY_NAME_BYTES), bytes(SPACE_KEY_BYTES + SEAL_TAG_BYTES)), SPACE_BOXES_MAX),
  afterShape,
)
const withdrawShape = tuple(literal(WITHDRAW), spaceShape, keyShape, uint(), afterShape)

/** @returns undefined for anything but the canonical bytes of an operation of this cluster. */
export function parseOperation(encoded: Uint8Array, cluster: ClusterId): Operation | undefined {
  const decoded = decode(encoded)
  const row = decoded.ok ? shape.parse(decoded.value) : undefined
  const op = row === undefined ? undefined : parseOp(row[2])
  if (row === undefined || op === undefined || toHex(row[0]) !== cluster) return undefined
  return { id: toHex(hash('operation', encoded)), cluster, policyVersion: toHex(row[1]), op, bytes: encoded }
}

function parseOp(fields: readonly Cbor[]): Op | undefined {
  switch (fields[0]) {
    case ADMIT: {
      const row = admitShape.parse(fields)
      if (row === undefined || !ROLE.test(row[2]) || (row[3].length !== 0 && row[3].length !== 32)) return undefined
      return { op: 'admit', node: row[1], role: row[2], invite: row[3] }
    }
    case RETIRE: {
      const row = retireShape.parse(fields)
      return row && { op: 'retire', node: row[1] }
    }
    case REVOKE: {
      const row = revokeShape.parse(fields)
      return (
        row && { op: 'revoke', node: row[1], cut: row[2].map(([log, size, head]) => ({ log: logIdOf(log), size, head })), reason: row[3] }
      )
    }
    case POLICY: {
      const row = policyShape.parse(fields)
      if (row === undefined) return undefined
      const [, admins, threshold, rules] = row
      const isSorted = admins.every((admin, i) => i === 0 || (admins[i - 1] as NodeId) < admin)
      return isSorted && threshold >= 1 && threshold <= admins.length ? { op: 'policy', admins, threshold, rules } : undefined
    }
    case CREATE: {
      const row = createShape.parse(fields)
      if (row === undefined) return undefined
      const [, space, owner, flags, after] = row
      // What everybody may read is not worth a key.
      if (flags === ENCRYPTED) return undefined
      return { op: 'space.create', space, owner, isPrivate: (flags & PRIVATE) > 0, isEncrypted: (flags & ENCRYPTED) > 0, after }
    }
    case GRANT: {
      const row = grantShape.parse(fields)
      const role = row === undefined ? undefined : SPACE_ROLES[row[3] - 1]
      return row === undefined || role === undefined
        ? undefined
        : { op: 'space.grant', space: row[1], node: row[2], role, at: row[4], after: row[5] }
    }
    case WITHDRAW: {
      const row = withdrawShape.parse(fields)
      return row && { op: 'space.revoke', space: row[1], node: row[2], at: row[3], after: row[4] }
    }
    case KEY: {
      const row = keysShape.parse(fields)
      if (row === undefined) return undefined
      const boxes = row[3].map(([node, key, box]) => ({ node, key: toHex(key), box }))
      return { op: 'space.key', space: row[1], passing: row[2], boxes, after: row[4] }
    }
    default:
      return undefined
  }
}

/** What is decided about a space, rather than about members. */
export function isSpaceOp(op: Op): op is SpaceOp {
  return op.op === 'space.create' || op.op === 'space.grant' || op.op === 'space.revoke' || op.op === 'space.key'
}

export function signOperation(operation: Operation, signer: Signer): SignedOperation {
  return { operation, admin: nodeIdOf(signer.publicKey), signature: signer.sign(concatBytes(tagOf('operation'), operation.bytes)) }
}

export function isSignedByAdmin({ operation, admin, signature }: SignedOperation): boolean {
  return verify(keyOf(admin), concatBytes(tagOf('operation'), operation.bytes), signature)
}

export function encodeSignedOperation(signed: SignedOperation): Cbor {
  return [signed.operation.bytes, keyOf(signed.admin), signed.signature]
}

const signedShape = tuple(bytes(1, OPERATION_MAX_BYTES), keyShape, bytes(64))

export function parseSignedOperation(value: Cbor, cluster: ClusterId): SignedOperation | undefined {
  const row = signedShape.parse(value)
  const operation = row === undefined ? undefined : parseOperation(row[0], cluster)
  return row === undefined || operation === undefined ? undefined : { operation, admin: row[1], signature: row[2] }
}

/** Operations that prove something to a stranger: each once, with those who signed it. */
export function encodeEvidence(evidence: readonly SignedOperation[]): Cbor {
  const rows = new Map<string, { bytes: Uint8Array; signatures: Cbor[] }>()
  for (const { operation, admin, signature } of evidence) {
    const row = rows.get(operation.id) ?? { bytes: operation.bytes, signatures: [] }
    row.signatures.push([keyOf(admin), signature])
    rows.set(operation.id, row)
  }
  return [...rows.values()].map(({ bytes, signatures }) => [bytes, signatures])
}

const evidenceRows = list(tuple(bytes(1, OPERATION_MAX_BYTES), list(tuple(keyShape, bytes(64)), ADMINS_MAX)), EVIDENCE_OPS_MAX)

export function evidenceShape(cluster: ClusterId): Shape<readonly SignedOperation[]> {
  return {
    parse: value => {
      const rows = evidenceRows.parse(value)
      if (rows === undefined) return undefined
      const evidence: SignedOperation[] = []
      for (const [bytes, signatures] of rows) {
        const operation = parseOperation(bytes, cluster)
        if (operation === undefined) return undefined
        for (const [admin, signature] of signatures) evidence.push({ operation, admin, signature })
      }
      return evidence
    },
  }
}
