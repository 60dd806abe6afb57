import { EMPTY } from '../base/bytes.ts'
import type { Hlc } from '../base/hlc.ts'
import { type CausalId, causalIdOf } from '../base/ids.ts'
import type { Log } from './log.ts'
import { bodyCommit, encodeHeader, erasedRecord, leafOf, type ParentRef, type StoredRecord } from './record.ts'

/** A record that stands in its log, and may not be durable yet. */
export interface Written {
  readonly seq: number
  readonly id: CausalId
  readonly hlc: Hlc
  readonly kind: number
  readonly actor: string
  readonly parents: readonly ParentRef[]
  readonly record: StoredRecord
}

/** What its place in the log does not say of a record. */
export type Unplaced = Labels & Content

interface Labels {
  readonly hlc: Hlc
  readonly kind: number
  readonly actor: string
  readonly parents: readonly ParentRef[]
  readonly grant?: Uint8Array
}

/** A body, or what its author's header said of it before it was erased. */
export type Content =
  | { readonly salt: Uint8Array; readonly body: Uint8Array }
  | { readonly bodyCommit: Uint8Array; readonly bodyLength: number; readonly erasedBy: number }

/**
 * Puts a record at the end of a log. Its author and everybody who takes it over make the same bytes here: log, seq,
 * prev, commitment and length follow from where it stands and from its body.
 */
export function appendTo(log: Log, unplaced: Unplaced): Written {
  const { hlc, kind, actor, parents, grant = EMPTY } = unplaced
  const seq = log.size
  const isLive = 'body' in unplaced
  const header = encodeHeader({
    logId: log.idBytes,
    seq,
    prev: log.head,
    hlc,
    kind,
    actor,
    parents,
    grant,
    bodyCommit: isLive ? bodyCommit(unplaced.salt, unplaced.body) : unplaced.bodyCommit,
    bodyLength: isLive ? unplaced.body.length : unplaced.bodyLength,
  })
  const leaf = leafOf(header)
  log.append(leaf, hlc)
  const record = isLive ? { header, salt: unplaced.salt, body: unplaced.body } : erasedRecord(header, unplaced.erasedBy)
  return { seq, id: causalIdOf(leaf), hlc, kind, actor, parents, record }
}
