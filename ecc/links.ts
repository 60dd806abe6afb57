import { CYCLE_EDGES_MAX } from '../base/limits.ts'
import { NONE } from './column.ts'
import { behaviourOf, EDGE_TYPES } from './edge-types.ts'
import { First } from './first.ts'
import { KIND_OF_REFERENCE } from './reference-table.ts'
import { type CausalEdge, edgeOf } from './show.ts'
import type { View } from './view.ts'

export interface LinkedEdge extends CausalEdge {
  /** It is its own reason, by itself or by way of others. */
  readonly cyclic?: true
}

export interface LinksOf {
  /** The oldest, oldest first, whatever became of them. */
  readonly edges: readonly LinkedEdge[]
  readonly inAll: number
}

/** The links that name a record. */
export function linksOf(view: View, record: number, max: number): LinksOf {
  const { records, references } = view.tables
  const oldest = new First<number>(max, (a, b) => records.compareOldest(a, b))
  let inAll = 0
  for (let at = records.links.at(record); at !== NONE; at = references.next.at(at)) {
    const link = references.owner.at(at)
    // One from a memory to itself names it twice.
    const isSecond = references.kind.at(at) === KIND_OF_REFERENCE.to && references.target.at(at - 1) === record
    if (isSecond || !view.sees(link)) continue
    inAll++
    oldest.offer(link)
  }
  const loops = new Loops(view, record)
  return { edges: oldest.list().map(link => (loops.has(link) ? { ...edgeOf(view, link), cyclic: true } : edgeOf(view, link))), inAll }
}

/** Live links from a memory, a page at a time, each page oldest first: `next` is where the one after this begins, absent when there is none. */
export function outgoing(
  view: View,
  record: number,
  from: number | undefined,
  max: number,
): { readonly edges: readonly CausalEdge[]; readonly next?: number } {
  const { records, references } = view.tables
  const links: number[] = []
  let at = from ?? records.links.at(record)
  for (; at !== NONE && links.length < max; at = references.next.at(at))
    if (references.kind.at(at) === KIND_OF_REFERENCE.from && view.isLive(references.owner.at(at))) links.push(references.owner.at(at))
  const edges = links.sort((a, b) => records.compareOldest(a, b)).map(link => edgeOf(view, link))
  return at === NONE ? { edges } : { edges, next: at }
}

/**
 * Links may say that a rests on b and b on a: of concurrent authors neither can know, so both are kept, and are shown for what
 * they are. A link at a memory closes a ring when its other end rests on the memory as well as the memory on it.
 * Looked for among CYCLE_EDGES_MAX links either way; a larger ring is not noticed.
 */
class Loops {
  readonly #view: View
  readonly #record: number
  #reasons: Set<number> | undefined
  #effects: Set<number> | undefined

  constructor(view: View, record: number) {
    this.#view = view
    this.#record = record
  }

  has(link: number): boolean {
    const { records, references } = this.#view.tables
    const first = records.detail.at(link)
    const { reason } = behaviourOf(references.value.at(first) >>> 20)
    const [from, to] = [references.target.at(first), references.target.at(first + 1)]
    if (from === to && from !== NONE) return this.#view.isLive(link)
    if (reason === 'neither' || !this.#view.isLive(link) || !this.#view.isNode(from) || !this.#view.isNode(to)) return false
    const [cause, effect] = reason === 'from' ? [from, to] : [to, from]
    if (effect === this.#record) return this.#restingOnIt().has(cause)
    return this.#itRestsOn().has(effect)
  }

  #itRestsOn(): Set<number> {
    this.#reasons ??= reached(this.#view, this.#record, true)
    return this.#reasons
  }

  #restingOnIt(): Set<number> {
    this.#effects ??= reached(this.#view, this.#record, false)
    return this.#effects
  }
}

/** All that a memory rests on, or all that rests on it, as far as CYCLE_EDGES_MAX links lead. */
function reached(view: View, record: number, toReasons: boolean): Set<number> {
  const found = new Set<number>()
  const open = [record]
  let left = CYCLE_EDGES_MAX
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    for (const { other, type, outgoing: isOutgoing } of view.edges(next)) {
      if (left-- === 0) return found
      if (type === EDGE_TYPES.supersedes) continue
      const { reason } = behaviourOf(type)
      if (reason === 'neither' || (reason === (isOutgoing ? 'to' : 'from')) !== toReasons || found.has(other)) continue
      found.add(other)
      open.push(other)
    }
  }
  return found
}
