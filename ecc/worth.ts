import type { Hlc } from '../base/hlc.ts'
import type { CausalId, LogId } from '../base/ids.ts'
import { DEPENDENTS_MAX } from '../base/limits.ts'
import { NONE } from './column.ts'
import { behaviourOf, EDGE_TYPES } from './edge-types.ts'
import { type Ref, ROLE } from './record-table.ts'
import { isCurrent } from './supersession.ts'
import type { View } from './view.ts'

/** What is known of a memory's use, without its text: what a policy goes by. */
export interface Worth {
  readonly id: CausalId
  readonly ref: Ref
  readonly hlc: Hlc
  /** Live links that lead to it. */
  readonly linksIn: number
  /** When the newest live link at it was written, by that author's clock; 0 when there is none. */
  readonly linkedMs: number
  /** It is among the reasons of a memory that is current: `why` would lose a step without it. */
  readonly isNeeded: boolean
}

/** The memories of one log that nobody took back, from record `from` on, at most `limit`. */
export function worthsOf(
  view: View,
  log: LogId,
  from: number,
  limit: number,
): { readonly worths: readonly Worth[] /** Undefined at the end. */; readonly next: number | undefined } {
  const { records } = view.tables
  const worths: Worth[] = []
  const size = records.sizeOf(log)
  let seq = from
  for (; seq < size && worths.length < limit; seq++) {
    const record = records.at({ log, seq })
    if (record !== NONE && records.role.at(record) === ROLE.node && view.isLive(record)) worths.push(worthOf(view, record))
  }
  return { worths, next: seq < size ? seq : undefined }
}

function worthOf(view: View, record: number): Worth {
  const { records } = view.tables
  let linksIn = 0
  let linkedMs = 0
  for (const edge of view.edges(record)) {
    if (!edge.outgoing) linksIn++
    linkedMs = Math.max(linkedMs, records.hlcOf(edge.record).ms)
  }
  const [id, ref, hlc] = [records.idOf(record), records.refOf(record), records.hlcOf(record)]
  return { id, ref, hlc, linksIn, linkedMs, isNeeded: isNeeded(view, record) }
}

/** Whether a current memory is reached from this one along links from reasons to what rests on them. In doubt it is. */
function isNeeded(view: View, record: number): boolean {
  const seen = new Set([record])
  for (const reason of seen) {
    for (const { other, type, outgoing } of view.edges(reason)) {
      if (type === EDGE_TYPES.supersedes || behaviourOf(type).reason !== (outgoing ? 'from' : 'to') || other === record) continue
      if (isCurrent(view, other)) return true
      seen.add(other)
      if (seen.size > DEPENDENTS_MAX) return true
    }
  }
  return false
}
