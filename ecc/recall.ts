import { utf8 } from '../base/bytes.ts'
import { WeftError } from '../base/errors.ts'
import type { Hlc } from '../base/hlc.ts'
import type { CausalId, NodeId } from '../base/ids.ts'
import { QUERY_MAX_BYTES, RECALL_K_MAX, RECALL_SEEDS } from '../base/limits.ts'
import { Best } from './best.ts'
import { type EdgeType, edgeTypeOf } from './edge-types.ts'
import type { Cut, Ref } from './record-table.ts'
import { type Contribution, Spread } from './spread.ts'
import { isSuperseded } from './supersession.ts'
import type { Matching } from './text-index.ts'
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
  /** Only what this author wrote. */
  readonly author?: NodeId | undefined
  /** Only what was written from then on, and before, in milliseconds since 1970 by its author's clock. */
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
  /** What a search among vectors found, if the caller has a semantic embedder: similarities above 0. */
  readonly similar?: readonly { readonly id: CausalId; readonly score: number }[] | undefined
  /** For measurements: another ranking than RANKING. */
  readonly ranking?: Ranking | undefined
}

/** What was chosen by measuring; all nodes of a mesh have the same. */
export interface Ranking {
  /** Matches that spread. */
  readonly seeds: number
  /** Matches that cover less of the query count for less. */
  readonly covering: boolean
  /** What is about something that the query names counts so many times. */
  readonly subject: number
}

/**
 * Evidence recall@10 on LoCoMo is 77 %; without covering 75 %, with subjects counted once 73 %,
 * three times 77 %; with none of it and 50 seeds 70 %. Chosen on three conversations and measured on the fourth it is as
 * good; the ideas themselves were chosen on all four, among some 450 settings.
 *
 * Tried on top of it, in points of recall@10: edges between memories that share rare words -0.9 to -0.5, or names -0.1; terms
 * of the best matches added to the query -0.9; diversity of the hits -0.6; more forward than back -0.6; memories that are
 * questions counted less +0.1; irregular forms of verbs +0.3; longer memories counted more +0.3. None is beyond its
 * interval, so none is there.
 */
export const RANKING: Ranking = { seeds: RECALL_SEEDS, covering: true, subject: 2 }

export interface Hit {
  readonly id: CausalId
  readonly ref: Ref
  readonly key?: string
  readonly author: NodeId
  readonly hlc: Hlc
  /** The sum of its parts, to 9 decimals. */
  readonly score: number
  /** `bm25` (less when it covers less of the query) and `vector` are 1 for the best match of all; `spread` is what others passed on, below 0 if they contradict. */
  readonly parts: {
    readonly bm25: number
    readonly vector: number
    readonly spread: number
    /** As much as all other parts together, when the query names what the memory is about. */
    readonly subject?: number
  }
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
 * spreads from the best RECALL_SEEDS of them. Then what is about something that the query names counts
 * twice, matched or reached: of the answers to a question, those of whom it asks about. What was superseded or retracted is not
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
  const { seeds: seedsMax, covering, subject } = options.ranking ?? RANKING
  const far = options.spread !== false
  const matches = new Matches(view, query, options.similar ?? [], covering)
  const seeds = matches.best(seedsMax, () => true)
  const field = new Field(matches, far ? subject : 1)
  const spread = new Spread(view, far)
  for (const seed of seeds) field.add(seed, spread.from(seed))
  const wanted = (record: number): boolean => isWanted(view, record, options)
  const hits = new Best(view, options.k, wanted)
  for (const record of field.records) hits.offer(record, rounded(field.scoreOf(record)))
  for (const record of matches.best(options.k, match => !field.has(match) && wanted(match), far ? subject : 1))
    hits.offer(record, rounded(field.scoreOf(record)))
  return { hits: hits.records().map(record => hitOf(view, record, matches, field)), exact: true, truncated: spread.truncated }
}

/** The memories that match by themselves, each kind of match with 1 for the best. */
class Matches {
  readonly #view: View
  readonly #words: Matching
  readonly #similar: Map<number, number> = new Map()

  constructor(view: View, query: string, similar: readonly { readonly id: CausalId; readonly score: number }[], covering: boolean) {
    const { records, nodes, text } = view.tables
    this.#view = view
    const among = {
      size: nodes.size,
      live: view.nodes,
      words: view.words,
      has: (node: number) => view.isNode(nodes.record.at(node)),
      wordsOf: (node: number) => nodes.words.at(node),
    }
    this.#words = text.search(query, among, covering)
    const most = similar.reduce((score, found) => Math.max(score, found.score), 0)
    for (const { id, score } of similar) {
      const record = records.find(id)
      if (view.isNode(record) && score > 0) this.#similar.set(record, score / most)
    }
  }

  /** The best of all matches that `accept` takes. @param subject what is about something that the query names counts so many times */
  best(count: number, accept: (record: number) => boolean, subject: number = 1): number[] {
    const { nodes, scores, subjects } = this.#words
    const { record } = this.#view.tables.nodes
    const byWords = new Best(this.#view, count, accept)
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i] as number
      const score = (scores[node] as number) * (subjects[node] === 0 ? 1 : subject)
      if (score >= byWords.floor) byWords.offer(record.at(node), score)
    }
    if (this.#similar.size === 0) return byWords.records()
    // Whatever else is among the best by both together is so because it is similar.
    const byBoth = new Best(this.#view, count, accept)
    for (const match of new Set([...byWords.records(), ...this.#similar.keys()]))
      byBoth.offer(match, this.scoreOf(match) * (this.isSubject(match) ? subject : 1))
    return byBoth.records()
  }

  bm25(record: number): number {
    const score = this.#words.scores[this.#view.tables.records.detail.at(record)] as number
    return score === 0 ? 0 : score / this.#words.best
  }

  vector(record: number): number {
    return this.#similar.get(record) ?? 0
  }

  scoreOf(record: number): number {
    return this.bm25(record) + this.vector(record)
  }

  /** The query names what this memory is about. */
  isSubject(record: number): boolean {
    return this.#words.subjects[this.#view.tables.records.detail.at(record)] !== 0
  }
}

/** What has been activated, and by what. */
class Field {
  readonly #matches: Matches
  readonly #subject: number
  readonly #places: Map<number, Place> = new Map()

  constructor(matches: Matches, subject: number) {
    this.#matches = matches
    this.#subject = subject
  }

  get records(): Iterable<number> {
    return this.#places.keys()
  }

  has(record: number): boolean {
    return this.#places.has(record)
  }

  /**
   * Adds what a seed contributes. Seeds come best first on every node, so that sums are taken in
   * the same order everywhere, and of equal contributions the first explains.
   */
  add(seed: number, contributions: ReadonlyMap<number, Contribution>): void {
    const strength = this.#matches.scoreOf(seed)
    for (const [record, { share, hops }] of contributions) {
      const place = this.#open(record)
      const amount = share * strength
      if (hops === 0) {
        // A successor is as good as the best of what it replaced, not as all of it together; and about the same.
        place.own = Math.max(place.own, amount)
        place.isSubject ||= this.#matches.isSubject(seed)
      } else if (amount > 0) place.gained += amount
      else place.lost -= amount
      if (amount > place.most) {
        place.most = amount
        place.by = record === seed ? undefined : contributions
      }
    }
  }

  scoreOf(record: number): number {
    const isSubject = this.#places.get(record)?.isSubject ?? this.#matches.isSubject(record)
    return this.onceOf(record) * (isSubject ? this.#subject : 1)
  }

  /** The score without what its subject adds. */
  onceOf(record: number): number {
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
    const place: Place = { own, gained: 0, lost: 0, isSubject: this.#matches.isSubject(record), most: own, by: undefined }
    this.#places.set(record, place)
    return place
  }
}

interface Place {
  own: number
  gained: number
  lost: number
  isSubject: boolean
  /** The largest single contribution, and the seed's spreading that made it; undefined when it was its own. */
  most: number
  by: ReadonlyMap<number, Contribution> | undefined
}

export function isWanted(view: View, record: number, options: RecallOptions): boolean {
  const { records, nodes } = view.tables
  const at = options.validAtMs
  if (at !== undefined) {
    const node = records.detail.at(record)
    if (nodes.validFrom.at(node) > at || nodes.validTo.at(node) <= at) return false
  }
  if (options.author !== undefined && records.authorOf(record) !== options.author) return false
  const { sinceMs = -Infinity, untilMs = Infinity } = options
  if (sinceMs !== -Infinity || untilMs !== Infinity) {
    const { ms } = records.hlcOf(record)
    if (ms < sinceMs || ms >= untilMs) return false
  }
  return options.includeSuperseded === true || !isSuperseded(view, record)
}

function hitOf(view: View, record: number, matches: Matches, field: Field): Hit {
  const { records, nodes } = view.tables
  const key = nodes.keyOf(records.detail.at(record))
  const score = rounded(field.scoreOf(record))
  const once = rounded(field.onceOf(record))
  const bm25 = rounded(matches.bm25(record))
  const vector = rounded(matches.vector(record))
  return {
    id: records.idOf(record),
    ref: records.refOf(record),
    ...(key === undefined ? {} : { key }),
    author: records.authorOf(record),
    hlc: records.hlcOf(record),
    score,
    parts: { bm25, vector, spread: rounded(once - bm25 - vector), ...(score === once ? {} : { subject: rounded(score - once) }) },
    path: field.pathTo(record).map(step => ({ id: records.idOf(step), edge: field.edgeTo(record, step) })),
  }
}

function rounded(score: number): number {
  return Math.round(score * 1e9) / 1e9
}
