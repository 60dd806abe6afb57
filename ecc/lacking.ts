import type { CausalId, NodeId } from '../base/ids.ts'
import type { Ref } from './record-table.ts'
import { isSuperseded } from './supersession.ts'
import type { View } from './view.ts'

export interface LackingOptions {
  readonly embedder: string
  readonly dims: number
  /** A place that an earlier answer named; 0 to begin. */
  readonly from: number
  /** Memories wanted, at most. */
  readonly count: number
  /** Memories looked at, at most. */
  readonly scan: number
  /** Only what this author wrote. */
  readonly author?: NodeId | undefined
}

export interface Lacking {
  /** In the order in which they were applied. */
  readonly found: readonly (Ref & { readonly id: CausalId })[]
  /** Where to look on. Places are good for as long as the fold lives. */
  readonly next: number
  /** Nothing is behind `next` yet. */
  readonly isEnd: boolean
}

/** Current memories without a vector. @param hasVector by the record of a memory */
export function lacking(view: View, { from, count, scan, author }: LackingOptions, hasVector: (record: number) => boolean): Lacking {
  const { records, nodes } = view.tables
  const found: (Ref & { readonly id: CausalId })[] = []
  let node = from
  for (; node < nodes.size && node < from + scan && found.length < count; node++) {
    const record = nodes.record.at(node)
    if (isLacking(view, record, author, hasVector)) found.push({ id: records.idOf(record), ...records.refOf(record) })
  }
  return { found, next: node, isEnd: node >= nodes.size }
}

/** How many there are from a place on: much cheaper than their ids. */
export function countLacking(view: View, from: number, author: NodeId | undefined, hasVector: (record: number) => boolean): number {
  const { nodes } = view.tables
  let count = 0
  for (let node = from; node < nodes.size; node++) if (isLacking(view, nodes.record.at(node), author, hasVector)) count++
  return count
}

function isLacking(view: View, record: number, author: NodeId | undefined, hasVector: (record: number) => boolean): boolean {
  if (author !== undefined && view.tables.records.authorOf(record) !== author) return false
  return view.isNode(record) && !isSuperseded(view, record) && !hasVector(record)
}
