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
  if (view.tables.records.claims.at(node) !== NONE) return successions(view, node).length > 0
  const newest = newestHolder(view, node)
  return newest !== NONE && newest !== node
}

/** What takes the place of `node`, directly. */
export function successions(view: View, node: number): readonly Succession[] {
  if (isLastWord(view, node)) return []
  return hasManyClaims(view, node) ? knownOf(view, node).all : workedOut(view, node)
}

/** No supersede ever named it, and nothing followed under its key: so it is with most, and a question asks it of each. */
function isLastWord({ tables: { records, nodes } }: View, node: number): boolean {
  if (records.claims.at(node) !== NONE) return false
  return records.role.at(node) !== ROLE.node || nodes.next.at(records.detail.at(node)) === NONE
}

/** The memories whose place `node` takes, directly: `successions` from the other side. */
export function replacedBy(view: View, node: number): { readonly node: number; readonly record: number }[] {
  const { records, references } = view.tables
  const candidates = new Set<number>()
  for (const record of supersedesBy(view, node)) {
    for (let at = records.detail.at(record) + 1; references.owner.data[at] === record && at < references.owner.length; at++)
      candidates.add(references.target.at(at))
  }
  const key = keyOf(view, node)
  for (const earlier of key === NONE ? [] : (holdersOf(view, key).before.get(node) ?? [])) candidates.add(earlier)
  return [...candidates].flatMap(earlier =>
    view.isNode(earlier) ? successionsBy(view, earlier, node).map(({ record }) => ({ node: earlier, record })) : [],
  )
}

/** Everything along successions from some, themselves first; what nothing replaced is where it ends. */
export function succession(
  view: View,
  ...nodes: readonly number[]
): { readonly reached: ReadonlySet<number>; readonly ends: readonly number[] } {
  const reached = new Set(nodes)
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
function newestHolder(view: View, node: number): number {
  const { nodes } = view.tables
  const key = keyOf(view, node)
  if (key === NONE) return NONE
  const newest = nodes.record.at((nodes.keys[key] as KeyRow).newest)
  return view.isNode(newest) ? newest : (holdersOf(view, key).all.at(-1) ?? NONE)
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

function successionsBy(view: View, node: number, by: number): readonly Succession[] {
  if (hasManyClaims(view, node)) return knownOf(view, node).by.get(by) ?? []
  return workedOut(view, node).filter(succession => succession.by === by)
}

function workedOut(view: View, node: number): Succession[] {
  const choices = choicesOf(view, node)
  const out = supersedesOf(view, node).filter(({ record }) => counts(view, record, node, choices))
  const holder = holderAfter(view, node, choices)
  if (holder !== NONE) out.push({ by: holder, record: holder })
  return out
}

/** The first later memory of the same author and key that counts for `node`, NONE without one: as a rule the next. */
function holderAfter(view: View, node: number, choices: readonly number[]): number {
  const { records, nodes } = view.tables
  const row = records.role.at(node) === ROLE.node ? nodes.next.at(records.detail.at(node)) : NONE
  if (row === NONE) return NONE
  const next = nodes.record.at(row)
  if (view.isNode(next) && counts(view, next, node, choices)) return next
  const { all } = holdersOf(view, keyOf(view, node))
  const seq = records.seq.at(node)
  // Along a log its author knows ever more: from the first that counts on, all do.
  return firstOf(all, holder => records.seq.at(holder) > seq && counts(view, holder, node, choices))
}

/** @param isPast false for the first ones, true for all others */
function firstOf(list: readonly number[], isPast: (item: number) => boolean): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (isPast(list[middle] as number)) high = middle
    else low = middle + 1
  }
  return list[low] ?? NONE
}

function keyOf(view: View, node: number): number {
  const { records, nodes } = view.tables
  return records.role.at(node) === ROLE.node ? nodes.key.at(records.detail.at(node)) : NONE
}

// ---- what is worked out once for a view

/** From so many references to a memory on it is kept what they come to; fewer are looked through as fast. */
const MANY_CLAIMS = 16

/** The successions of a memory, and those of them by each successor. */
interface Known {
  readonly all: readonly Succession[]
  readonly by: ReadonlyMap<number, readonly Succession[]>
}

/** Live memories of one author and key, oldest first, and which of them each comes after. */
interface Holders {
  readonly all: readonly number[]
  /** The nearest first. */
  readonly before: ReadonlyMap<number, readonly number[]>
}

/**
 * An answer asks about the same memory again and again: each successor asks whom it replaced. So what is
 * worked out is kept with the view, and what was applied since makes it void.
 */
interface Kept {
  readonly size: number
  readonly known: Map<number, Known>
  readonly holders: Map<number, Holders>
}

const KEPT: WeakMap<View, Kept> = new WeakMap()

function keptOf(view: View): Kept {
  const { size } = view.tables.records
  const before = KEPT.get(view)
  if (before?.size === size) return before
  const kept = { size, known: new Map(), holders: new Map() }
  KEPT.set(view, kept)
  return kept
}

function hasManyClaims(view: View, node: number): boolean {
  const { records, references } = view.tables
  let count = 0
  for (let at = records.claims.at(node); at !== NONE && count <= MANY_CLAIMS; at = references.next.at(at)) count++
  return count > MANY_CLAIMS
}

function knownOf(view: View, node: number): Known {
  const { known } = keptOf(view)
  const before = known.get(node)
  if (before !== undefined) return before
  const all = workedOut(view, node)
  const by = new Map<number, Succession[]>()
  for (const succession of all) append(by, succession.by, succession)
  const found = { all, by }
  known.set(node, found)
  return found
}

function holdersOf(view: View, key: number): Holders {
  const { holders } = keptOf(view)
  const before = holders.get(key)
  if (before !== undefined) return before
  const found = { all: liveHolders(view, key), before: new Map<number, number[]>() }
  holders.set(key, found)
  for (const [i, holder] of found.all.entries()) {
    const isPlain = view.tables.records.claims.at(holder) === NONE
    const after = isPlain ? (found.all[i + 1] ?? NONE) : holderAfter(view, holder, choicesOf(view, holder))
    append(found.before, after, holder)
  }
  for (const earlier of found.before.values()) earlier.reverse()
  return found
}

function liveHolders(view: View, key: number): number[] {
  const { nodes } = view.tables
  const all: number[] = []
  for (let row = (nodes.keys[key] as KeyRow).newest; row !== NONE; row = nodes.previous.at(row)) {
    const holder = nodes.record.at(row)
    if (view.isNode(holder)) all.push(holder)
  }
  return all.reverse()
}

function append<T>(lists: Map<number, T[]>, key: number, item: T): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}
