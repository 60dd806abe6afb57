import type { Hlc } from '../base/hlc.ts'
import type { CausalId, NodeId } from '../base/ids.ts'
import { NONE } from './column.ts'
import { type EdgeType, edgeTypeOf } from './edge-types.ts'
import { WEIGHT_ONE } from './records.ts'
import { type Ref, ROLE } from './record-table.ts'
import { isSuperseded, replacedBy, successions } from './supersession.ts'
import type { View } from './view.ts'

/** A memory, without its text: that stays in the journal, at `ref`. */
export interface CausalNode {
  readonly id: CausalId
  readonly ref: Ref
  readonly author: NodeId
  readonly hlc: Hlc
  readonly key?: string
  /** Milliseconds since 1970. */
  readonly validFromMs?: number
  readonly validToMs?: number
  /** Retracted ones are shown to whoever asks by id, and nowhere else. */
  readonly state: 'current' | 'superseded' | 'retracted'
}

/** One memory in the place of another, and the record that says so: a supersede, or the successor where a key does. */
export interface Replacement {
  readonly id: CausalId
  readonly record: CausalId
}

export interface NodeHistory extends CausalNode {
  readonly supersededBy: readonly Replacement[]
  readonly supersedes: readonly Replacement[]
}

/** A link as its author recorded it. */
export interface CausalEdge {
  /** The link record. */
  readonly id: CausalId
  readonly ref: Ref
  readonly author: NodeId
  readonly type: EdgeType
  /** Its ends; what a rebase renamed, by its new name. */
  readonly from: CausalId
  readonly to: CausalId
  /** Above 0, at most 1. */
  readonly weight: number
  /** False once its author retracted it. */
  readonly live: boolean
  /** An end is not here, or is no memory. */
  readonly dangling: boolean
}

/** @param record of a memory, retracted or not */
export function nodeOf(view: View, record: number): CausalNode {
  const { records, nodes } = view.tables
  const node = records.detail.at(record)
  const key = nodes.keyOf(node)
  const validFromMs = nodes.validFrom.at(node)
  const validToMs = nodes.validTo.at(node)
  return {
    id: records.idOf(record),
    ref: records.refOf(record),
    author: records.authorOf(record),
    hlc: records.hlcOf(record),
    ...(key === undefined ? {} : { key }),
    ...(Number.isNaN(validFromMs) ? {} : { validFromMs }),
    ...(Number.isNaN(validToMs) ? {} : { validToMs }),
    state: !view.isLive(record) ? 'retracted' : isSuperseded(view, record) ? 'superseded' : 'current',
  }
}

/** A memory with what came before and after it; undefined when there is none at this record. */
export function historyOf(view: View, record: number): NodeHistory | undefined {
  const { records } = view.tables
  if (record === NONE || records.role.at(record) !== ROLE.node || !view.sees(record)) return undefined
  const after = successions(view, record)
    .filter(({ by }) => by !== NONE)
    .map(({ by, record: says }) => ({ node: by, record: says }))
  const name = (list: readonly { readonly node: number; readonly record: number }[]): Replacement[] =>
    [...list]
      .sort((a, b) => records.compareOldest(a.record, b.record) || records.compareOldest(a.node, b.node))
      .map(({ node, record: says }) => ({ id: records.idOf(node), record: records.idOf(says) }))
  return { ...nodeOf(view, record), supersededBy: name(after), supersedes: name(replacedBy(view, record)) }
}

export function edgeOf(view: View, link: number): CausalEdge {
  const { records, references } = view.tables
  const first = records.detail.at(link)
  const value = references.value.at(first)
  const end = (reference: number): CausalId => {
    const target = references.target.at(reference)
    return target === NONE ? (references.missing.get(reference) as CausalId) : records.idOf(target)
  }
  const isThere = (reference: number): boolean => {
    const target = references.target.at(reference)
    return target !== NONE && records.role.at(target) === ROLE.node && view.sees(target)
  }
  return {
    id: records.idOf(link),
    ref: records.refOf(link),
    author: records.authorOf(link),
    type: edgeTypeOf(value >>> 20) as EdgeType,
    from: end(first),
    to: end(first + 1),
    weight: (value & 0xfffff) / WEIGHT_ONE,
    live: view.isLive(link),
    dangling: !isThere(first) || !isThere(first + 1),
  }
}

/** What a record is in the graph. */
export interface GraphPlace {
  readonly role: 'memory' | 'link' | 'supersede' | 'retract' | 'vector'
  /** Of a memory; null for others. */
  readonly state: CausalNode['state'] | null
  /** Records that link it with something. */
  readonly links: number
}

const ROLE_NAMES: ReadonlyMap<number, GraphPlace['role']> = new Map([
  [ROLE.node, 'memory'],
  [ROLE.link, 'link'],
  [ROLE.supersede, 'supersede'],
  [ROLE.retract, 'retract'],
  [ROLE.erase, 'retract'],
  [ROLE.vector, 'vector'],
])

export function placeIn(view: View, record: number): GraphPlace | undefined {
  const { records, references } = view.tables
  const role = record === NONE || !view.sees(record) ? undefined : ROLE_NAMES.get(records.role.at(record))
  if (role === undefined) return undefined
  const links = new Set<number>()
  for (let at = records.links.at(record); at !== NONE; at = references.next.at(at))
    if (view.sees(references.owner.at(at))) links.add(references.owner.at(at))
  return { role, state: role === 'memory' ? nodeOf(view, record).state : null, links: links.size }
}
