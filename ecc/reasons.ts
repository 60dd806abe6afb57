import { WHY_EDGES_MAX } from '../base/limits.ts'
import { behaviourOf, EDGE_TYPES } from './edge-types.ts'
import { Heap } from './heap.ts'
import { WEIGHT_ONE } from './records.ts'
import { replacedBy } from './supersession.ts'
import type { View } from './view.ts'

/** When fewer are left than this, and something was left out before, no more memories are looked at. */
const FEW_EDGES: number = WHY_EDGES_MAX / 16

/** What a memory rests on, in one step. */
export interface Reason {
  readonly record: number
  /** 0 to 1. */
  readonly weight: number
  readonly type: number
  readonly link: number | undefined
  /** The number of `record` among those that these searches have come by. */
  readonly slot: number
}

/** A memory, and the best way to it. */
export interface Step {
  readonly reason: Reason
  /** Of the whole way. */
  readonly weight: number
  readonly depth: number
  readonly from: Step | undefined
}

export interface Ways {
  /** Where the best ways end, what was asked about not among them. */
  readonly ends: readonly Step[]
  /** A bound ended the search before the reasons did. */
  readonly truncated: boolean
}

/** How many links may be looked at, by all who share it. */
export class LinkBudget {
  #left: number
  isSpent = false

  constructor(links: number) {
    this.#left = links
  }

  get left(): number {
    return this.#left
  }

  /** More than are left are not looked at, all or none: which of them came first is not the same on every node. */
  take(links: number): boolean {
    if (links > this.#left) {
      this.isSpent = true
      return false
    }
    this.#left -= links
    return true
  }
}

/** The reasons of memories as of one view: each memory's are worked out once, however many searches come by. */
export class Reasons {
  readonly #view: View
  readonly #budget: LinkBudget
  /** By record. */
  readonly #slots: Map<number, number> = new Map()
  /** By slot; null where there are more than may be looked at. */
  readonly #known: (readonly Reason[] | null | undefined)[] = []

  constructor(view: View, budget: LinkBudget) {
    this.#view = view
    this.#budget = budget
  }

  /**
   * The best ways back from a memory: each step to a reason, until there is none. A path weighs the product of its edges; each
   * memory is reached by its best path only, so the paths part but never meet again.
   *
   * Best first (Dijkstra's search on products), so the same on every node.
   */
  search(record: number, maxDepth: number): Ways {
    const { records } = this.#view.tables
    const first = {
      reason: { record, weight: 1, type: 0, link: undefined, slot: this.#slotOf(record) },
      weight: 1,
      depth: 0,
      from: undefined,
    }
    const heaviestFirst = (a: Step, b: Step): number =>
      b.weight - a.weight ||
      records.compareNewest(a.reason.record, b.reason.record) ||
      a.depth - b.depth ||
      records.compareNewest(a.from?.reason.record ?? record, b.from?.reason.record ?? record)
    const open = new Heap<Step>(heaviestFirst)
    /** By slot: the best way so far, to what is not settled and to what is. */
    const best: (Step | undefined)[] = []
    const isSettled: (true | undefined)[] = []
    const settled: Step[] = []
    const inner = new Set<Step>()
    let left = WHY_EDGES_MAX
    let truncated = false
    open.push(first)
    for (let step = open.pop(); step !== undefined; step = open.pop()) {
      const { slot } = step.reason
      if (isSettled[slot]) continue
      isSettled[slot] = true
      settled.push(step)
      if (step.from !== undefined) inner.add(step.from)
      if (truncated && left < FEW_EDGES) continue
      const reasons = this.#of(step.reason)
      if (reasons === null || reasons.length > left || (step.depth === maxDepth && reasons.some(reason => !isSettled[reason.slot]))) {
        truncated = true
        continue
      }
      left -= reasons.length
      for (const reason of reasons) {
        if (isSettled[reason.slot]) continue
        const weight = step.weight * reason.weight
        const before = best[reason.slot]
        const depth = step.depth + 1
        // As `heaviestFirst`, of two ways to one memory.
        const isWorse =
          before !== undefined &&
          (before.weight - weight ||
            depth - before.depth ||
            records.compareNewest(step.reason.record, before.from?.reason.record ?? record)) >= 0
        if (isWorse) continue
        const next: Step = { reason, weight, depth, from: step }
        best[reason.slot] = next
        open.push(next)
      }
    }
    return { ends: settled.filter(step => !inner.has(step) && step.depth > 0).sort(heaviestFirst), truncated }
  }

  #of({ record, slot }: Reason): readonly Reason[] | null {
    const known = this.#known[slot]
    if (known !== undefined) return known
    const found = reasonsOf(this.#view, record, this.#budget)
    const reasons = found === undefined ? null : found.map(reason => ({ ...reason, slot: this.#slotOf(reason.record) }))
    this.#known[slot] = reasons
    return reasons
  }

  #slotOf(record: number): number {
    let slot = this.#slots.get(record)
    if (slot === undefined) this.#slots.set(record, (slot = this.#slots.size))
    return slot
  }
}

type Found = Omit<Reason, 'slot'>

/** Each reason once, by its strongest edge; undefined when there are more than WHY_EDGES_MAX, or the budget does not last. */
function reasonsOf(view: View, record: number, budget: LinkBudget): Found[] | undefined {
  const strongest = new Map<number, Found>()
  const add = (reason: Found): void => {
    const before = strongest.get(reason.record)
    if (reason.record !== record && (before === undefined || isBetter(view, reason, before))) strongest.set(reason.record, reason)
  }
  let links = 0
  for (const { other, type, weight, outgoing, record: link } of view.edges(record)) {
    const { reason, trust } = behaviourOf(type)
    if (reason === (outgoing ? 'to' : 'from')) add({ record: other, weight: (trust * weight) / WEIGHT_ONE, type, link })
    if (strongest.size > WHY_EDGES_MAX || ++links > budget.left) break
  }
  if (!budget.take(links)) return undefined
  for (const { node, record: by } of replacedBy(view, record)) {
    add({
      record: node,
      weight: behaviourOf(EDGE_TYPES.supersedes).trust,
      type: EDGE_TYPES.supersedes,
      link: by === record ? undefined : by,
    })
  }
  return strongest.size > WHY_EDGES_MAX ? undefined : [...strongest.values()]
}

/** Equally strong edges: the lower type, then the lower id speaks. */
function isBetter(view: View, a: Found, b: Found): boolean {
  if (a.weight !== b.weight) return a.weight > b.weight
  if (a.type !== b.type) return a.type < b.type
  return a.link === undefined || (b.link !== undefined && view.tables.records.ids.compare(a.link, b.link) < 0)
}
