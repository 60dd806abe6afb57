import { dot } from '../hnsw/dot.ts'
import { Nearest } from '../hnsw/nearest.ts'
import type { Engine } from './graph-cache.ts'
import { graphNs, scanNs } from './plan.ts'
import type { RowFile } from './row-file.ts'
import { isSet, type SlotGraph } from './slot-graph.ts'
import { type SlotTable, STATE } from './slot-table.ts'

/** 128 candidates: of the nearest ten of hashed texts, the hardest there are, 994 in 1,000 are found; with 64 it is 967. */
const EF_DEFAULT = 128
/** Beside the last of those asked for, as many more are counted again: they may be as near as it. */
const SPARE = 8
/** Numbers of a vector have 24 bits: a cosine is good to about so many decimals, whatever summed it up. */
const DECIMALS = 1e6

/** What is searched. */
export interface Searched {
  readonly engine: Engine
  readonly dims: number
  readonly rows: RowFile
  readonly table: SlotTable
  readonly graph: SlotGraph | undefined
  readonly live: number
  /** Live slots that the graph does not have. */
  readonly unindexed: ReadonlySet<number>
}

export interface IndexSearch {
  readonly vector: Float32Array
  readonly k: number
  readonly ef: number | undefined
  readonly exact: boolean
  readonly among: Uint8Array | undefined
}

export interface IndexFound {
  readonly labels: readonly number[]
  readonly scores: readonly number[]
  readonly exact: boolean
}

/**
 * The nearest of the live rows, or of those that are allowed. Whatever met a row, its score is counted from the stored numbers by one
 * function: the same on every node, in every engine.
 *
 * @param request checked, its vector of unit length
 */
export function find(searched: Searched, { vector, k, ef: asked, exact, among }: IndexSearch): IndexFound {
  const ef = Math.max(k, asked ?? EF_DEFAULT)
  const best = new Best(searched, vector, k)
  const { graph, live, unindexed } = searched
  if (among !== undefined) return findAmong(searched, best, ef, exact, among)
  const indexed = live - unindexed.size
  if (!exact && graph !== undefined && indexed > k && walk(graph, best, ef, undefined, indexed)) {
    best.offerAll(unindexed)
    return best.found(false)
  }
  best.offerAll(liveSlots(searched.table))
  return best.found(true)
}

/** Looks at each of the allowed rows, or walks the graph with a filter: whichever costs less. */
function findAmong(searched: Searched, best: Best, ef: number, exact: boolean, among: Uint8Array): IndexFound {
  const { table, graph, engine, dims } = searched
  const allowed: number[] = []
  for (let slot = 0; slot < table.count; slot++)
    if (table.stateOf(slot) !== STATE.gone && isSet(among, table.labelOf(slot))) allowed.push(slot)
  const cost = { engine, dims, rows: table.count, ef }
  const scanAllNs = scanNs({ ...cost, allowed: allowed.length })
  if (!exact && graph !== undefined && graphNs({ ...cost, allowed: allowed.length }) < scanAllNs) {
    const bits = new Uint8Array((table.count >>> 3) + 1)
    const outside: number[] = []
    for (const slot of allowed) {
      if (graph.has(slot) && !graph.hidden.has(slot)) bits[slot >>> 3] = (bits[slot >>> 3] as number) | (1 << (slot & 7))
      else outside.push(slot)
    }
    const inside = allowed.length - outside.length
    const walkNs = graphNs({ ...cost, allowed: inside }) + scanNs({ ...cost, allowed: outside.length })
    if (inside > best.k && walkNs < scanAllNs && walk(graph, best, ef, bits, inside)) {
      best.offerAll(outside)
      return best.found(false)
    }
  }
  best.offerAll(allowed)
  return best.found(true)
}

/** @returns false when the graph met fewer than there are */
function walk(graph: SlotGraph, best: Best, ef: number, allow: Uint8Array | undefined, there: number): boolean {
  const { k } = best
  const near = graph.search(best.vector, k + SPARE, Math.max(ef, k + SPARE), allow)
  if (near.length < Math.min(k, there)) return false
  // What is further than the last of them by more than engines differ cannot be among them.
  const least = (near[k - 1]?.score ?? -2) - 2 / DECIMALS
  const slots = near.filter(({ score }) => score >= least).map(({ slot }) => slot)
  best.offerAll(slots.sort((a, b) => a - b))
  return true
}

function* liveSlots(table: SlotTable): Generator<number> {
  for (let slot = 0; slot < table.count; slot++) if (table.stateOf(slot) === STATE.live) yield slot
}

/** The best so far, by score and then by label. */
class Best {
  readonly vector: Float32Array
  readonly k: number
  readonly #searched: Searched
  readonly #nearest: Nearest = new Nearest(true)

  constructor(searched: Searched, vector: Float32Array, k: number) {
    this.#searched = searched
    this.vector = vector
    this.k = k
  }

  offerAll(slots: Iterable<number>): void {
    const { dims, graph, rows } = this.#searched
    const { vector } = this
    if (graph?.scoreOf === undefined) {
      rows.scan(slots, (slot, numbers, from) => this.#offer(slot, dot(vector, 0, numbers, from, dims)))
      return
    }
    const others: number[] = []
    for (const slot of slots) {
      if (graph.has(slot)) this.#offer(slot, graph.scoreOf(vector, slot))
      else others.push(slot)
    }
    rows.scan(others, (slot, numbers, from) => this.#offer(slot, dot(vector, 0, numbers, from, dims)))
  }

  found(exact: boolean): IndexFound {
    const nearest = this.#nearest
    const labels: number[] = []
    const scores: number[] = []
    for (; nearest.size > 0; nearest.pop()) {
      labels.push(nearest.slot)
      scores.push(nearest.score)
    }
    return { labels: labels.reverse(), scores: scores.reverse(), exact }
  }

  #offer(slot: number, exact: number): void {
    const nearest = this.#nearest
    const score = Math.round(exact * DECIMALS) / DECIMALS
    // Also refuses what is no number.
    if (!(nearest.size < this.k || score >= nearest.score) || Number.isNaN(score)) return
    const label = this.#searched.table.labelOf(slot)
    if (nearest.size === this.k && score === nearest.score && label > nearest.slot) return
    nearest.push(score, label)
    if (nearest.size > this.k) nearest.pop()
  }
}
