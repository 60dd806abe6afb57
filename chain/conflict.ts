import { equalBytes } from '../base/bytes.ts'
import { decode, encode } from '../base/codec.ts'
import { type ClusterId, digestOf, type LogId, logIdOf } from '../base/ids.ts'
import { PROOF_MAX_HASHES } from '../base/limits.ts'
import { bytes, list, tuple, uint } from '../base/shape.ts'
import { isSignedBy, parseCheckpoint, type SignedCheckpoint } from './checkpoint.ts'
import { verifyInclusion } from './tree.ts'

/**
 * Evidence that an author wrote two records for one place in its log: two checkpoints it signed,
 * each with the proof of a different leaf at the same seq. It convinces anyone who has the
 * author's key and needs no trust in whoever shows it.
 */
export interface Conflict {
  readonly log: LogId
  readonly seq: number
  readonly mine: Witnessed
  readonly theirs: Witnessed
}

/** A leaf at a place, as the author signed it. */
export interface Witnessed {
  readonly checkpoint: SignedCheckpoint
  readonly leaf: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** True when the author's signature vouches for `witnessed.leaf` at `seq`. */
export function isWitnessed(witnessed: Witnessed, seq: number, key: Uint8Array): boolean {
  const { checkpoint, leaf, proof } = witnessed
  return verifyInclusion(leaf, seq, checkpoint.size, proof, checkpoint.root) && isSignedBy(checkpoint, key)
}

export function encodeConflict(conflict: Conflict): Uint8Array {
  const side = ({ checkpoint, leaf, proof }: Witnessed) => [checkpoint.bytes, checkpoint.signature, leaf, proof] as const
  return encode([digestOf(conflict.log), conflict.seq, side(conflict.mine), side(conflict.theirs)])
}

const witnessedShape = tuple(bytes(1, 512), bytes(64), bytes(32), list(bytes(32), PROOF_MAX_HASHES))
const shape = tuple(bytes(32), uint(), witnessedShape, witnessedShape)

export function decodeConflict(input: Uint8Array, cluster: ClusterId): Conflict | undefined {
  const decoded = decode(input)
  const row = decoded.ok ? shape.parse(decoded.value) : undefined
  if (row === undefined) return undefined
  const log = logIdOf(row[0])
  const mine = witnessedOf(row[2], cluster, log)
  const theirs = witnessedOf(row[3], cluster, log)
  return mine === undefined || theirs === undefined ? undefined : { log, seq: row[1], mine, theirs }
}

function witnessedOf(
  row: readonly [Uint8Array, Uint8Array, Uint8Array, readonly Uint8Array[]],
  cluster: ClusterId,
  log: LogId,
): Witnessed | undefined {
  const checkpoint = parseCheckpoint(row[0], row[1], cluster, log)
  return checkpoint === undefined ? undefined : { checkpoint, leaf: row[2], proof: row[3] }
}

/** Checks everything: two signatures, two proofs, two different leaves. */
export function isConflict(conflict: Conflict, key: Uint8Array): boolean {
  return (
    !equalBytes(conflict.mine.leaf, conflict.theirs.leaf) &&
    isWitnessed(conflict.mine, conflict.seq, key) &&
    isWitnessed(conflict.theirs, conflict.seq, key)
  )
}
