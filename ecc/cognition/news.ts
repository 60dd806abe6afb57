import type { CausalId, LogId } from '../../base/ids.ts'
import { EDGE_TYPES } from '../edge-types.ts'
import { NONE } from '../column.ts'
import { type Cut, type Ref, ROLE } from '../record-table.ts'
import { KIND_OF_REFERENCE } from '../reference-table.ts'
import { isCurrent } from '../supersession.ts'
import type { View } from '../view.ts'

/** What some records beyond a cut say, log by log. */
export interface News {
  /** Live memories. */
  readonly memories: readonly { readonly id: CausalId; readonly ref: Ref }[]
  /** Links that say one current memory contradicts another. */
  readonly contradictions: readonly { readonly link: CausalId; readonly from: CausalId; readonly to: CausalId }[]
  /** Memories that were replaced, and by which: by a supersede, or by a later one of the same key. */
  readonly replaced: readonly { readonly by: CausalId; readonly of: CausalId }[]
  /** Memories that got a vector in the place of an older one, of the same author and embedder. */
  readonly refined: readonly { readonly node: CausalId; readonly embedder: string }[]
  /** Links among them, and what else changes the graph. */
  readonly changes: number
  /** Where to go on; equal to the applied cut when that was all. */
  readonly next: Cut
  readonly more: boolean
}

/** @param after a log that is shorter by now is taken to its end */
export function newsOf(view: View, after: Cut, limit: number): News {
  const { records } = view.tables
  const next = new Map<LogId, number>()
  const news = {
    memories: [] as News['memories'][number][],
    contradictions: [] as News['contradictions'][number][],
    replaced: [] as News['replaced'][number][],
    refined: [] as News['refined'][number][],
  }
  let changes = 0
  let left = limit
  for (const row of [...records.logs].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    let seq = Math.min(after.get(row.id) ?? 0, row.records.length)
    for (; seq < row.records.length && left > 0; seq++, left--) if (tell(view, row.records.at(seq), news)) changes++
    if (seq > 0) next.set(row.id, seq)
  }
  return { ...news, changes, next, more: records.logs.some(row => row.records.length > (next.get(row.id) ?? 0)) }
}

interface Told {
  readonly memories: News['memories'][number][]
  readonly contradictions: News['contradictions'][number][]
  readonly replaced: News['replaced'][number][]
  readonly refined: News['refined'][number][]
}

/** @returns true when it is part of the graph */
function tell(view: View, record: number, { memories, contradictions, replaced, refined }: Told): boolean {
  const { records, references, nodes, vectors } = view.tables
  const role = records.role.at(record)
  if (role === ROLE.none) return false
  const id = (of: number): CausalId => records.idOf(of)
  if (role === ROLE.node && view.isLive(record)) {
    memories.push({ id: id(record), ref: records.refOf(record) })
    const before = nodes.previous.at(records.detail.at(record))
    if (before !== NONE && view.isNode(nodes.record.at(before))) replaced.push({ by: id(record), of: id(nodes.record.at(before)) })
  }
  if (!view.isLive(record)) return true
  const first = records.detail.at(record)
  if (role === ROLE.link && references.value.at(first) >>> 20 === EDGE_TYPES.contradicts) {
    const [from, to] = [references.target.at(first), references.target.at(first + 1)]
    if (from !== NONE && to !== NONE && isCurrent(view, from) && isCurrent(view, to))
      contradictions.push({ link: id(record), from: id(from), to: id(to) })
  }
  if (role === ROLE.vector) {
    const node = references.target.at(first)
    if (node !== NONE && view.isNode(node) && hasOlder(view, record, node)) {
      const { embedder } = vectors.at(references.value.at(first))
      refined.push({ node: id(node), embedder })
    }
    return false
  }
  if (role === ROLE.supersede) {
    const by = references.target.at(first)
    for (let at = first + 1; at < references.owner.length && references.owner.at(at) === record; at++) {
      const target = references.target.at(at)
      if (references.kind.at(at) === KIND_OF_REFERENCE.target && by !== NONE && target !== NONE && view.isNode(by))
        replaced.push({ by: id(by), of: id(target) })
    }
  }
  return true
}

/** The same author gave the memory a vector of the same embedder before. */
function hasOlder(view: View, vector: number, node: number): boolean {
  const { records, references } = view.tables
  const indexOf = (record: number): number => references.value.at(records.detail.at(record))
  for (let at = records.vectors.at(node); at !== NONE; at = references.next.at(at)) {
    const other = references.owner.at(at)
    const isOlder = records.log.at(other) === records.log.at(vector) && records.seq.at(other) < records.seq.at(vector)
    if (isOlder && view.isLive(other) && indexOf(other) === indexOf(vector)) return true
  }
  return false
}
