import type { CausalId, NodeId } from '../base/ids.ts'
import { NONE } from './column.ts'
import { EDGE_TYPES } from './edge-types.ts'
import { type Ref, ROLE } from './record-table.ts'
import { type LinkInput, weightOf } from './records.ts'
import { KIND_OF_REFERENCE } from './reference-table.ts'
import { isCurrent, newestOf, successions } from './supersession.ts'
import { NewestVectors } from './vector-standing.ts'
import { packEdge, type View } from './view.ts'

/**
 * What an author asks before writing: has it been said, and does it still hold? Each answer is the record that says so, or NONE.
 * Only this node's own memories are known by content.
 */
export function duplicateOf(view: View, author: NodeId, content: Uint8Array): number {
  const { own, nodes } = view.tables
  if (author !== own.author) return NONE
  for (const node of own.find(content)) {
    const record = nodes.record.at(node)
    if (isCurrent(view, record)) return record
  }
  return NONE
}

/**
 * What was said before and does not hold any more: taken back by its author, replaced by what he has under another name or by what
 * somebody else wrote, or followed by another text under its own key.
 */
export type Ending = 'retracted' | 'superseded' | 'changed'

/** This node's newest memory of just this content, if none of them is current. Of one that was erased nothing is known. */
export function endedOf(view: View, author: NodeId, content: Uint8Array): { readonly record: number; readonly how: Ending } | undefined {
  const { own, nodes, records } = view.tables
  if (author !== own.author || duplicateOf(view, author, content) !== NONE) return undefined
  for (const node of own.find(content)) {
    const record = nodes.record.at(node)
    // Its hash may still be in the table, until the fold is saved: nothing may depend on that.
    if (records.role.at(record) !== ROLE.node) continue
    if (!view.isNode(record)) return { record, how: 'retracted' }
    const key = nodes.key.at(node)
    const isUnderKey = (by: number): boolean =>
      key !== NONE && by !== NONE && records.role.at(by) === ROLE.node && nodes.key.at(records.detail.at(by)) === key
    return { record, how: successions(view, record).every(({ by }) => isUnderKey(by)) ? 'changed' : 'superseded' }
  }
  return undefined
}

/** The newest memory of `author` with this key, if it is current. */
export function underKey(view: View, author: NodeId, key: string): number {
  const { records, nodes } = view.tables
  for (const [log, row] of records.logs.entries()) {
    const newest = row.author === author ? newestOf(view, nodes.newestOf(log, key)) : NONE
    if (newest !== NONE && isCurrent(view, newest)) return newest
  }
  return NONE
}

/** A current memory, and the key it is under. */
export interface Keyed {
  readonly id: CausalId
  readonly ref: Ref
  readonly key: string
}

/** Current memories of `author` whose keys begin with `prefix`, from a place on. @returns `next` when there may be more than `max` */
export function keyed(
  view: View,
  author: NodeId,
  prefix: string,
  from: number,
  max: number,
): { readonly found: readonly Keyed[]; readonly next?: number } {
  const { records, nodes } = view.tables
  const found: Keyed[] = []
  for (let row = from; row < nodes.keys.length; row++) {
    const { log, text, newest } = nodes.keys[row] as (typeof nodes.keys)[number]
    if (!text.startsWith(prefix) || records.logs[log]?.author !== author) continue
    if (found.length === max) return { found, next: row }
    const record = newestOf(view, newest)
    if (record !== NONE && isCurrent(view, record)) found.push({ id: records.idOf(record), ref: records.refOf(record), key: text })
  }
  return { found }
}

/** The record by which its author took this one back, or erased it. */
export function retractOf(view: View, record: number): number {
  const { records, references } = view.tables
  if (record === NONE || records.retracts.at(record) === 0) return NONE
  const at = references.fromLog(records.log.at(record), records.idOf(record)).find(reference => {
    const isRetract = references.kind.at(reference) === KIND_OF_REFERENCE.retract
    return isRetract && records.retracts.at(references.owner.at(reference)) === 0 && view.retraction.counts(reference)
  })
  return at === undefined ? NONE : references.owner.at(at)
}

/**
 * The record by which `author` put `by` in the place of `target`, if that counts and `by` holds: where it was replaced since, to say so
 * again is a change of mind.
 */
export function supersedeOf(view: View, author: NodeId, target: number, by: number): number {
  const { records } = view.tables
  if (target === NONE || by === NONE || !view.isNode(target) || !isCurrent(view, by)) return NONE
  const isSaid = (record: number): boolean => records.role.at(record) === ROLE.supersede && records.authorOf(record) === author
  return successions(view, target).find(one => one.by === by && isSaid(one.record))?.record ?? NONE
}

/** The newest vector of `author` for a memory, if this is it (`contentHash` of its body). */
export function vectorOf(view: View, author: NodeId, content: Uint8Array): number {
  const { own, records } = view.tables
  const record = author === own.author ? own.findVector(content) : NONE
  const counts = record !== NONE && records.role.at(record) === ROLE.vector && new NewestVectors(view).counts(record)
  return counts ? record : NONE
}

/** A live link of `author` that says exactly this. @throws WeftError `edge_invalid` for a weight out of range */
export function sameLink(view: View, author: NodeId, link: LinkInput): number {
  const { records, references } = view.tables
  const value = packEdge(EDGE_TYPES[link.type], weightOf(link.weight ?? 1))
  const isSame = (reference: number): boolean => {
    const owner = references.owner.at(reference)
    const first = records.detail.at(owner)
    if (records.role.at(owner) !== ROLE.link || records.authorOf(owner) !== author || records.retracts.at(owner) > 0) return false
    return references.value.at(first) === value && references.names(first, link.from) && references.names(first + 1, link.to)
  }
  // It is in the lists of both ends: the shorter one decides.
  let from = references.listOf(link.from)
  let to = references.listOf(link.to)
  while (from !== NONE && to !== NONE) {
    if (isSame(from)) return references.owner.at(from)
    if (isSame(to)) return references.owner.at(to)
    from = references.next.at(from)
    to = references.next.at(to)
  }
  return NONE
}
