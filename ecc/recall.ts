import { utf8 } from '../base/bytes.ts'
import { WeftError } from '../base/errors.ts'
import type { Hlc } from '../base/hlc.ts'
import type { CausalId, NodeId } from '../base/ids.ts'
import { QUERY_MAX_BYTES, RECALL_K_MAX, RECALL_SEEDS } from '../base/limits.ts'
import { type EdgeType, edgeTypeOf } from './edge-types.ts'
import { Heap } from './heap.ts'
import type { Cut, Ref } from './record-table.ts'
import { type Contribution, onGrid, Spread } from './spread.ts'
import { isSuperseded } from './supersession.ts'
import type { View } from './view.ts'

export interface RecallOptions {
  /** Hits wanted, 1 to RECALL_K_MAX. */
  readonly k: number
  /** Answer as of this cut. */
  readonly at?: Cut | undefined
  /** Also what stands near the matches; true unless said otherwise. */
  readonly spread?: boolean | undefined
  readonly includeSuperseded?: boolean | undefined
  /** Only what was true at this time, in milliseconds since 1970: a memory that does not say is always true. */
  readonly validAtMs?: number | undefined
  /** What a search among vectors found, if the caller has a semantic embedder: similarities above 0. */
  readonly similar?: readonly { readonly id: CausalId; readonly score: number }[] | undefined
}

export interface Hit {
  readonly id: CausalId
  readonly ref: Ref
  readonly key?: string
  readonly author: NodeId
  readonly hlc: Hlc
  /** The sum of its parts, to 9 decimals. */
  readonly score: number
  /** `bm25` and `vector` are 1 for the best match of all; `spread` is what others passed on, below 0 if they contradict. */
  readonly parts: { readonly bm25: number; readonly vector: number; readonly spread: number }
  /** From the match that did most for it to the hit itself, each step with the type of the edge that led there; empty when it was its own match. */
  readonly path: readonly { readonly id: CausalId; readonly edge: EdgeType | '' }[]
}

export interface Recollection {
  /** Best first; equal scores newest first, then by id. */
  readonly hits: readonly Hit[]
  /** Every matching memory was considered. */
  readonly exact: true
  /** Spreading stopped at a bound. */
  readonly truncated: boolean
}

/** However much speaks against a match, it keeps a tenth of its score: it is shown, not hidden. */
const KEPT_SHARE = 0.1

/**
 * The k best memories for a query: words (BM25) and similar vectors make seeds, activation
 * spreads from the best RECALL_SEEDS of them. What was superseded or retracted is not
 * returned, but a match of what was superseded speaks for what took its place.
 *
 * The answer is a function of the applied records and the query, the same on every node.
 *
 * @throws WeftError `text_too_long`, `invalid_argument`
 */
export function recall(view: View, query: string, options: RecallOptions): Recollection {
  const length = utf8(query).length
  if (length > QUERY_MAX_BYTES) throw new WeftError('text_too_long', `a query of ${length} bytes, at most ${QUERY_MAX_BYTES}`)
  if (!Number.isInteger(options.k) || options.k < 1 || options.k > RECALL_K_MAX) {
    throw new WeftError('invalid_argument', `k is 1 to ${RECALL_K_MAX}, got ${options.k}`)
  }
  const matches = new Matches(view, query, options.similar ?? [])
  const seeds = best(view, matches.records, matches.scores, RECALL_SEEDS, () => true)
  const field = new Field(matches)
  const spread = new Spread(view, options.spread !== false)
  for (const seed of seeds) field.add(seed, spread.from(seed))
  const wanted = (record: number): boolean => isWanted(view, record, options)
  const near = best(view, field.records, field.records.map(record => field.scoreOf(record)), options.k, wanted)
  const rest = best(view, matches.records, matches.scores, options.k, record => !field.has(record) && wanted(record))
  const both = [...near, ...rest]
  const ranked = best(view, both, both.map(record => field.scoreOf(record)), options.k, () => true)
  return { hits: ranked.map(record => hitOf(view, record, matches, field)), exact: true, truncated: spread.truncated }
}

/** The memories that match by themselves, each kind of match with 1 for the best. */
class Matches {
  readonly records: Uint32Array
  /** By place in `records`: words and similarity together. */
  readonly scores: Float64Array
  readonly #bm25: (record: number) => number
  readonly #similar: ReadonlyMap<number, number>

  constructor(view: View, query: string, similar: readonly { readonly id: CausalId; readonly score: number }[]) {
    const { records, nodes, text } = view.tables
    const found = similar.map(({ id, score }) => [records.find(id), score] as const).filter(([record, score]) => view.isNode(record) && score > 0)
    const mostSimilar = found.reduce((most, [, score]) => Math.max(most, score), 0)
    this.#similar = new Map(found.map(([record, score]) => [record, onGrid(score / mostSimilar)]))
    const matching = text.search(query, {
      size: nodes.size,
      live: view.nodes,
      words: view.words,
      has: node => view.isNode(nodes.record.at(node)),
      wordsOf: node => nodes.words.at(node),
    })
    const bestScore = matching.nodes.reduce((most, node) => Math.max(most, matching.scores[node] as number), 0)
    this.#bm25 = record => (bestScore === 0 ? 0 : onGrid((matching.scores[records.detail.at(record)] as number) / bestScore))
    const byWords = matching.nodes.map(node => nodes.record.at(node))
    this.records = found.length === 0 ? byWords : Uint32Array.from(new Set([...byWords, ...this.#similar.keys()]))
    this.scores = Float64Array.from(this.records, record => this.scoreOf(record))
  }

  bm25(record: number): number {
    return this.#bm25(record)
  }

  vector(record: number): number {
    return this.#similar.get(record) ?? 0
  }

  scoreOf(record: number): number {
    return this.bm25(record) + this.vector(record)
  }
}

/** What has been activated, and by what. */
class Field {
  readonly #matches: Matches
  readonly #places: Map<number, Place> = new Map()

  constructor(matches: Matches) {
    this.#matches = matches
  }

  get records(): number[] {
    return [...this.#places.keys()]
  }

  has(record: number): boolean {
    return this.#places.has(record)
  }

  /** Adds what a seed contributes; seeds come best first, so that of equal contributions the first explains. */
  add(seed: number, contributions: ReadonlyMap<number, Contribution>): void {
    const strength = this.#matches.scoreOf(seed)
    for (const [record, { share, hops }] of contributions) {
      const place = this.#open(record)
      const amount = onGrid(share * strength)
      // A successor is as good as the best of what it replaced, not as all of it together.
      if (hops === 0) place.own = Math.max(place.own, amount)
      else if (amount > 0) place.gained += amount
      else place.lost -= amount
      if (amount > place.most) {
        place.most = amount
        place.by = record === seed ? undefined : contributions
      }
    }
  }

  scoreOf(record: number): number {
    const place = this.#places.get(record)
    if (place === undefined) return this.#matches.scoreOf(record)
    const gained = place.own + place.gained
    return Math.max(gained - place.lost, gained * KEPT_SHARE)
  }

  /** From the seed that did most for it. */
  pathTo(record: number): number[] {
    const path: number[] = []
    const by = this.#places.get(record)?.by
    for (let at: number | undefined = by === undefined ? undefined : record; at !== undefined; at = by?.get(at)?.via) path.unshift(at)
    return path
  }

  edgeTo(record: number, step: number): EdgeType | '' {
    const contribution = this.#places.get(record)?.by?.get(step)
    return contribution?.via === undefined ? '' : (edgeTypeOf(contribution.type) as EdgeType)
  }

  #open(record: number): Place {
    const known = this.#places.get(record)
    if (known !== undefined) return known
    const own = this.#matches.scoreOf(record)
    const place: Place = { own, gained: 0, lost: 0, most: own, by: undefined }
    this.#places.set(record, place)
    return place
  }
}

interface Place {
  own: number
  gained: number
  lost: number
  /** The largest single contribution, and the seed's spreading that made it; undefined when it was its own. */
  most: number
  by: ReadonlyMap<number, Contribution> | undefined
}

function isWanted(view: View, record: number, options: RecallOptions): boolean {
  const { records, nodes } = view.tables
  const at = options.validAtMs
  if (at !== undefined) {
    const node = records.detail.at(record)
    if (nodes.validFrom.at(node) > at || nodes.validTo.at(node) <= at) return false
  }
  return options.includeSuperseded === true || !isSuperseded(view, record)
}

function hitOf(view: View, record: number, matches: Matches, field: Field): Hit {
  const { records, nodes } = view.tables
  const key = nodes.keyOf(records.detail.at(record))
  const score = rounded(field.scoreOf(record))
  const bm25 = rounded(matches.bm25(record))
  const vector = rounded(matches.vector(record))
  return {
    id: records.idOf(record),
    ref: records.refOf(record),
    ...(key === undefined ? {} : { key }),
    author: records.authorOf(record),
    hlc: records.hlcOf(record),
    score,
    parts: { bm25, vector, spread: rounded(score - bm25 - vector) },
    path: field.pathTo(record).map(step => ({ id: records.idOf(step), edge: field.edgeTo(record, step) })),
  }
}

function rounded(score: number): number {
  return Math.round(score * 1e9) / 1e9
}

/** The `count` best of those accepted with a score above 0, best first: score, then newer, then the lower id. */
function best(view: View, records: ArrayLike<number>, scores: ArrayLike<number>, count: number, accept: (record: number) => boolean): number[] {
  const worstFirst = (a: Scored, b: Scored): number => a.score - b.score || view.tables.records.compareNewest(b.record, a.record)
  const heap = new Heap<Scored>(worstFirst)
  let floor = 0
  for (let i = 0; i < records.length; i++) {
    const score = scores[i] as number
    if (score < floor || score <= 0) continue
    const entry = { record: records[i] as number, score }
    if ((heap.size === count && worstFirst(entry, heap.peek() as Scored) <= 0) || !accept(entry.record)) continue
    if (heap.size === count) heap.pop()
    heap.push(entry)
    if (heap.size === count) floor = (heap.peek() as Scored).score
  }
  const out: number[] = []
  for (let entry = heap.pop(); entry !== undefined; entry = heap.pop()) out.push(entry.record)
  return out.reverse()
}

interface Scored {
  readonly record: number
  readonly score: number
}
