import { equalBytes } from '../base/bytes.ts'
import { decode } from '../base/codec.ts'
import type { LogId } from '../base/ids.ts'
import { KIND } from '../base/kinds.ts'
import { bytes, literal, tuple } from '../base/shape.ts'
import { decodeHeader, isAsCommitted, leafOf, type StoredRecord } from './record.ts'

/**
 * Who may erase what: an author its own, by a later record of the same log that names it. So a record
 * without its body carries its ground with it, and no relay can pass off as erased what it would rather not tell.
 *
 * Erased for good are bodies in which people say something. A retract holds two ids and stays: what it did must be
 * done again whenever the log is folded anew.
 */
export interface Erasure {
  readonly log: LogId
  readonly seq: number
  /** Seq of the record that says so. */
  readonly by: number
}

const ERASABLE: ReadonlySet<number> = new Set([
  KIND['memory.remember'],
  KIND['memory.link'],
  KIND['memory.supersede'],
  KIND['memory.vector'],
])

export function isErasable(kind: number): boolean {
  return ERASABLE.has(kind)
}

const eraseShape = tuple(bytes(32), literal(1))

/** What a record erases: a leaf; undefined for nothing. Its body must be known to be its own. */
export function erasedLeaf(kind: number, body: Uint8Array): Uint8Array | undefined {
  if (kind !== KIND['memory.retract']) return undefined
  const decoded = decode(body)
  return decoded.ok ? eraseShape.parse(decoded.value)?.[0] : undefined
}

/** Whether `ground`, as record `by` of the log, erases the record with this header. */
export function isErasedBy(header: Uint8Array, ground: StoredRecord, by: number): boolean {
  const erased = decodeHeader(header)
  const eraser = decodeHeader(ground.header)
  if (erased === undefined || eraser === undefined || ground.erasedBy !== undefined) return false
  if (!isErasable(erased.kind) || eraser.seq !== by || by <= erased.seq || !equalBytes(eraser.logId, erased.logId)) return false
  if (!isAsCommitted(eraser, ground)) return false
  const leaf = erasedLeaf(eraser.kind, ground.body)
  return leaf !== undefined && equalBytes(leaf, leafOf(header))
}

/** A record's place as a key. */
export function placeKey(log: LogId, seq: number): string {
  return `${log}/${seq}`
}
