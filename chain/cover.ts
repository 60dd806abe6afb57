import { decode, encode } from '../base/codec.ts'
import { type ClusterId, digestOf, type LogId, logIdOf } from '../base/ids.ts'
import { PROOF_MAX_HASHES } from '../base/limits.ts'
import { bytes, list, tuple, uint } from '../base/shape.ts'
import { parseCheckpoint, type SignedCheckpoint } from './checkpoint.ts'

/**
 * What vouches for the records a node holds of a log: a checkpoint of its author and, where
 * that reaches further than the node has got, the proof that what it holds is the beginning. Either
 * way the node can prove to others what it holds, and any part of it: see `Beyond` in `tree.ts`.
 */
export interface Cover {
  readonly log: LogId
  readonly checkpoint: SignedCheckpoint
  /** Records held when it was written: at most `checkpoint.size`. */
  readonly held: number
  /** Consistency of `held` with the checkpoint; empty when they are equal. */
  readonly proof: readonly Uint8Array[]
}

/** The cover of everything that a checkpoint speaks of. */
export function wholeCover(log: LogId, checkpoint: SignedCheckpoint): Cover {
  return { log, checkpoint, held: checkpoint.size, proof: [] }
}

export function encodeCover(cover: Cover): Uint8Array {
  return encode([digestOf(cover.log), cover.checkpoint.bytes, cover.checkpoint.signature, cover.held, cover.proof])
}

const shape = tuple(bytes(32), bytes(1, 512), bytes(64), uint(), list(bytes(32), PROOF_MAX_HASHES))

export function decodeCover(input: Uint8Array, cluster: ClusterId): Cover | undefined {
  const decoded = decode(input)
  const row = decoded.ok ? shape.parse(decoded.value) : undefined
  if (row === undefined) return undefined
  const log = logIdOf(row[0])
  const checkpoint = parseCheckpoint(row[1], row[2], cluster, log)
  if (checkpoint === undefined || row[3] < 1 || row[3] > checkpoint.size) return undefined
  if ((row[4].length === 0) !== (row[3] === checkpoint.size)) return undefined
  return { log, checkpoint, held: row[3], proof: row[4] }
}

/** A cut: the records of an own log from `size` on give way to what a peer knows. */
export interface Cut {
  readonly log: LogId
  readonly size: number
}

export function encodeCut(cut: Cut): Uint8Array {
  return encode([digestOf(cut.log), cut.size])
}

const cutShape = tuple(bytes(32), uint())

export function decodeCut(input: Uint8Array): Cut | undefined {
  const decoded = decode(input)
  const row = decoded.ok ? cutShape.parse(decoded.value) : undefined
  return row === undefined ? undefined : { log: logIdOf(row[0]), size: row[1] }
}
