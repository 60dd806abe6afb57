import { NONE } from './column.ts'
import type { KeyRow } from './node-table.ts'
import { ROLE } from './record-table.ts'
import { KIND_OF_REFERENCE } from './reference-table.ts'
import type { View } from './view.ts'

/**
 * Which memories hold: a causal register.
 *
 * A supersede of X counts only if every live supersede *by* X is in its causal past: whoever
 * replaces X must know of all that X was chosen over. So a later change of mind works (X over Y, then
 * Y over X), two at once block each other, and nobody's clock decides.
 *
 * A remember with a key supersedes its author's earlier ones with that key, under the same
 * rule; nothing is stored for it. The first later one that counts is the successor.
 */
export interface Succession {
  /** What takes the place, NONE while it has not arrived. */
  readonly by: number
  /** The record that says so: a supersede, or the successor itself where a key does. */
  readonly record: number
}

/** A memory that nobody took back and nothing replaced. */
export function isCurrent(view: View, node: number): boolean {
  return view.isNode(node) && !isSuperseded(view, node)
}

export function isSuperseded(view: View, node: number): boolean {
  const newest = newestHolder(view, node)
  if (view.tables.records.claims.at(node) === NONE) return newest !== NONE && newest !== node
  const chosen = choicesOf(view, node)
  if (newest !== NONE && newest !== node && counts(view, newest, node, chosen)) return true
  return supersedesOf(view, node).some(({ record }) => counts(view, record, node, chosen))
}

/** What takes the place of `node`, directly. */
export function successions(view: View, node: number): Succession[] {
  const chosen = choicesOf(view, node)
  const out = supersedesOf(view, node).filter(({ record }) => counts(view, record, node, chosen))
  for (const holder of laterHolders(view, node)) {
    if (counts(view, holder, node, chosen)) return [...out, { by: holder, record: holder }]
  }
  return out
}

/** The memories whose place `node` takes, directly: `successions` from the other side. */
export function replacedBy(view: View, node: number): { readonly node: number; readonly record: number }[] {
  const { records, references, nodes } = view.tables
  const candidates = supersedesBy(view, node).flatMap(record => {
    const targets: number[] = []
    for (let at = records.detail.at(record) + 1; references.owner.data[at] === record && at < references.owner.length; at++)
      targets.push(references.target.at(at))
    return targets
  })
  let nearest = true
  for (let row = nodes.previous.at(records.detail.at(node)); row !== NONE; row = nodes.previous.at(row)) {
    const earlier = nodes.record.at(row)
    if (!view.isNode(earlier)) continue
    // Beyond the nearest, only one that was chosen again since can have been passed over.
    if (nearest || records.claims.at(earlier) !== NONE) candidates.push(earlier)
    nearest = false
  }
  return [...new Set(candidates)].flatMap(earlier => {
    const found = view.isNode(earlier) ? successions(view, earlier).filter(succession => succession.by === node) : []
    return found.map(({ record }) => ({ node: earlier, record }))
  })
}

/** Everything along successions from `node`, itself first; what nothing replaced is where it ends. */
export function succession(view: View, node: number): { readonly reached: ReadonlySet<number>; readonly ends: readonly number[] } {
  const reached = new Set([node])
  const ends: number[] = []
  for (const at of reached) {
    const next = successions(view, at)
    for (const { by } of next) if (by !== NONE) reached.add(by)
    if (next.length === 0 && view.isNode(at)) ends.push(at)
  }
  return { reached, ends }
}

/** Live supersedes by `node`, the newest of each log: who knows of these knows of all. */
export function choicesOf(view: View, node: number): number[] {
  const { log, seq } = view.tables.records
  const newest = new Map<number, number>()
  for (const record of supersedesBy(view, node)) {
    const before = newest.get(log.at(record))
    if (before === undefined || seq.at(before) < seq.at(record)) newest.set(log.at(record), record)
  }
  return [...newest.values()]
}

/** The supersede counts for `node`: its author knew of every time that `node` was chosen. */
export function counts(view: View, record: number, node: number, choices: readonly number[]): boolean {
  // Only through an alias can a record name one that already knew of it; it says nothing then.
  return !view.isBefore(record, node) && choices.every(choice => view.isBefore(choice, record))
}

/** Live supersede records that name `node` as a target, counting or not, with what they put in its place. */
export function supersedesOf(view: View, node: number): Succession[] {
  const { records, references } = view.tables
  const out = new Map<number, Succession>()
  for (const at of claimsOf(view, node, KIND_OF_REFERENCE.target)) {
    const record = references.owner.at(at)
    const by = references.target.at(records.detail.at(record))
    if (by !== node) out.set(record, { by: by !== NONE && view.sees(by) ? by : NONE, record })
  }
  return [...out.values()]
}

/** Live later memories of the same author and key, in the order of his log. */
export function* laterHolders(view: View, node: number): Generator<number> {
  const { records, nodes } = view.tables
  if (records.role.at(node) !== ROLE.node) return
  for (let row = nodes.next.at(records.detail.at(node)); row !== NONE; row = nodes.next.at(row)) {
    const holder = nodes.record.at(row)
    if (view.isNode(holder)) yield holder
  }
}

/** The newest live memory of the same author and key, NONE without a key. */
export function newestHolder(view: View, node: number): number {
  const { records, nodes } = view.tables
  const key = records.role.at(node) === ROLE.node ? nodes.key.at(records.detail.at(node)) : NONE
  return key === NONE ? NONE : newestOf(view, (nodes.keys[key] as KeyRow).newest)
}

/** The newest live memory of a key from row `node` back. */
export function newestOf(view: View, node: number): number {
  const { nodes } = view.tables
  for (let row = node; row !== NONE; row = nodes.previous.at(row)) {
    if (view.isNode(nodes.record.at(row))) return nodes.record.at(row)
  }
  return NONE
}

function supersedesBy(view: View, node: number): number[] {
  return [...claimsOf(view, node, KIND_OF_REFERENCE.by)].map(at => view.tables.references.owner.at(at))
}

/** References of live records to `node`. */
function* claimsOf(view: View, node: number, kind: number): Generator<number> {
  const { records, references } = view.tables
  for (let at = records.claims.at(node); at !== NONE; at = references.next.at(at)) {
    if (references.kind.at(at) === kind && view.isLive(references.owner.at(at))) yield at
  }
}
