import { EMPTY } from '../base/bytes.ts'
import type { Hlc } from '../base/hlc.ts'
import { type CausalId, causalIdOf } from '../base/ids.ts'
import type { Log } from './log.ts'
import { bodyCommit, encodeHeader, leafOf, type ParentRef, type StoredRecord } from './record.ts'

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
export interface Unplaced {
  readonly hlc: Hlc
  readonly kind: number
  readonly actor: string
  readonly parents: readonly ParentRef[]
  readonly grant?: Uint8Array
  readonly salt: Uint8Array
  readonly body: Uint8Array
}

/**
 * Puts a record at the end of a log. Its author and everybody who takes it over make the same bytes here: log, seq,
 * prev, commitment and length follow from where it stands and from its body.
 */
export function appendTo(log: Log, { hlc, kind, actor, parents, grant = EMPTY, salt, body }: Unplaced): Written {
  const seq = log.size
  const header = encodeHeader({
    logId: log.idBytes,
    seq,
    prev: log.head,
    hlc,
    kind,
    actor,
    parents,
    grant,
    bodyCommit: bodyCommit(salt, body),
    bodyLength: body.length,
  })
  const leaf = leafOf(header)
  log.append(leaf, hlc)
  return { seq, id: causalIdOf(leaf), hlc, kind, actor, parents, record: { header, salt, body } }
}
