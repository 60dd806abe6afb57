import { utf8 } from '../base/bytes.ts'
import { WeftError } from '../base/errors.ts'
import type { Hlc } from '../base/hlc.ts'
import type { CausalId, NodeId } from '../base/ids.ts'
import { QUERY_MAX_BYTES, RECALL_K_MAX, RECALL_SEEDS } from '../base/limits.ts'
import { Best } from './best.ts'
import { Budget, type TruncatedBy } from './budget.ts'
import { contradictionsOf } from './contradictions.ts'
import { type Distinct, distinct, diverse } from './distinct.ts'
import type { PathEdge } from './edge-types.ts'
import { Field } from './field.ts'
import { Matches, type Similar } from './matches.ts'
import { checkFilter, Filter, type RecallFilter } from './recall-filter.ts'
import type { Cut, Ref } from './record-table.ts'
import { SharedEntities } from './shared-entities.ts'
import { type Standing, standingOf } from './rivals.ts'
import { type Expansion, HOPS_MAX, Spread } from './spread.ts'
import type { View } from './view.ts'
import { Weighing } from './weighing.ts'

export interface RecallOptions extends RecallFilter {
  /** Hits wanted, 1 to RECALL_K_MAX. */
  readonly k: number
  /** Answer as of this cut. */
  readonly at?: Cut | undefined
  /** Also what stands near the matches; true unless said otherwise. */
  readonly spread?: boolean | undefined
  /** Which links lead on, how far, and which way; all of them unless said otherwise. */
  readonly expand?: Expansion | undefined
  /** What a search among vectors found, if the caller has a semantic embedder: similarities above 0. */
  readonly similar?: readonly Similar[] | undefined
  /** A memory that is so much older than the newest record counts half. */
  readonly halfLifeMs?: number | undefined
  /** How far authors are trusted, 0 (what they wrote is not shown) to 1 (which all others are). */
  readonly trust?: ReadonlyMap<NodeId, number> | undefined
  /** How much it counts that a hit is unlike those before it, 0 to 1. */
  readonly diversity?: number | undefined
  /** How much may be looked at; see Budget. */
  readonly budgetNodes?: number | undefined
  readonly budgetMs?: number | undefined
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
 * Tried on top of it, in points of recall@10: edges between memories that share rare words -0.9 to -0.5; terms
 * of the best matches added to the query -0.9; diversity of the hits -0.6; more forward than back -0.6; memories that are
 * questions counted less +0.1; words of the query counted more where they stand next to each other
 * -0.2 to +0.2; irregular forms of verbs +0.3; longer memories counted more +0.3. None is beyond its
 * interval, so none is there.
 */
export const RANKING: Ranking = { seeds: RECALL_SEEDS, covering: true, subject: 2 }

export interface Hit extends Standing {
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
    /** As much as all parts before, when the query names what the memory is about. */
    readonly subject?: number
    /** What memories passed on that name the same path, identifier, number, date or name. */
    readonly shared?: number
    /** What was taken away because its author is not wholly trusted, and because it is old. */
    readonly trust?: number
    readonly recency?: number
  }
  /**
   * From the match that did most for it to the hit itself, each step with the type of the edge that led there, and what
   * both name where it is `shares`; empty when it was its own match.
   */
  readonly path: readonly { readonly id: CausalId; readonly edge: PathEdge | ''; readonly entity?: string }[]
  /** Memories of other authors that say the same: they are not hits of their own. */
  readonly copies?: readonly { readonly id: CausalId; readonly author: NodeId }[]
  /** Current memories that somebody says contradict it. */
  readonly contradictedBy?: readonly CausalId[]
}

export interface Recollection {
  /** Best first; equal scores newest first, then by id. */
  readonly hits: readonly Hit[]
  /** Every matching memory was considered: false when the budget did not last for all words of the query. */
  readonly exact: boolean
  /** Something was not looked at: what lies beyond a bound. */
  readonly truncated: boolean
  /** Which bound that was; of several the caller's. */
  readonly truncatedBy?: TruncatedBy
}

/**
 * The k best memories for a query: words (BM25) and similar vectors make seeds, activation
 * spreads from the best RECALL_SEEDS of them. Then what is about something that the query names counts
 * twice, matched or reached: of the answers to a question, those of whom it asks about. At last the best lead to what names the
 * same paths, identifiers, numbers, dates and names as they do. What was superseded or retracted is not
 * returned, but a match of what was superseded speaks for what took its place.
 *
 * The answer is a function of the applied records and the query, the same on every node.
 *
 * @throws WeftError `text_too_long`, `invalid_argument`
 */
export function recall(view: View, query: string, options: RecallOptions): Recollection {
  checkRecall(query, options)
  const { seeds: seedsMax, covering, subject } = options.ranking ?? RANKING
  const { k, diversity = 0, expand } = options
  const hops = options.spread === false ? 0 : (expand?.hops ?? HOPS_MAX)
  const budget = new Budget(options.budgetMs, options.budgetNodes)
  const weighing = new Weighing(view, options.trust, options.halfLifeMs)
  const filter = new Filter(view, options, query)
  const matches = new Matches(view, query, options.similar ?? [], covering, budget)
  const exact = budget.truncatedBy === undefined
  const subjectOnce = hops > 0 ? subject : 1
  const field = new Field(matches, subjectOnce, weighing)
  const spread = new Spread(view, { ...expand, hops }, weighing, budget)
  for (const seed of matches.best(seedsMax, () => true)) field.add(seed, spread.from(seed))
  if (spread.shares) share(view, query, field, spread, weighing, seedsMax)

  const wanted = (record: number): boolean => filter.accepts(record)
  const { labelled } = filter
  const { detail } = view.tables.records
  // Where few have the labels all others are put aside before they are compared.
  const weigh = (match: number): number => (labelled === undefined || labelled(detail.at(match)) ? weighing.of(match) : 0)
  const best = (count: number): number[] => {
    const hits = new Best(view, count, wanted)
    for (const record of field.records) hits.offer(record, rounded(field.scoreOf(record)))
    const others = matches.best(count, match => !field.has(match) && wanted(match), subjectOnce, weigh)
    for (const record of others) hits.offer(record, rounded(field.scoreOf(record)))
    return hits.records()
  }
  const pool = diversity > 0 ? Math.max(k, DIVERSITY_CANDIDATES * k) : k
  const found = distinctBest(view, best, pool, wanted)
  const ordered = diversity > 0 ? diverse(view, found, record => field.scoreOf(record), diversity) : found
  const truncatedBy = budget.truncatedBy ?? (spread.truncated ? 'edges' : undefined)
  return {
    hits: ordered.slice(0, k).map(one => hitOf(view, one, matches, field, weighing)),
    exact,
    truncated: truncatedBy !== undefined,
    ...(truncatedBy === undefined ? {} : { truncatedBy }),
  }
}

/** The best so far, each with what it names, lead to others that name the same. */
function share(view: View, query: string, field: Field, spread: Spread, weighing: Weighing, count: number): void {
  const shared = new SharedEntities(view, query)
  const best = new Best(view, count, () => true)
  for (const record of field.records) best.offer(record, rounded(field.scoreOf(record)))
  const leading = best.records().map(record => ({ record, strength: field.wholeOf(record) * weighing.trustIn(record) }))
  for (const { record, strength } of leading) field.addShared(strength, spread.sharing(record, shared))
}

/** So many times more hits than are wanted are there to choose unlike ones from. */
const DIVERSITY_CANDIDATES = 5

/** Where many say the same, more of the best have to be looked at. */
function distinctBest(
  view: View,
  best: (count: number) => readonly number[],
  count: number,
  wanted: (record: number) => boolean,
): readonly Distinct[] {
  for (let looked = count; ; looked *= 2) {
    const ranked = best(looked)
    const found = distinct(view, ranked, wanted)
    if (found.length >= count || ranked.length < looked) return found.slice(0, count)
  }
}

/** @throws WeftError `text_too_long`, `invalid_argument` */
export function checkRecall(query: string, options: Omit<RecallOptions, 'at'>): void {
  const { k, halfLifeMs, trust, diversity = 0, expand, budgetMs = 1, budgetNodes = 1 } = options
  checkFilter(options, query)
  const length = utf8(query).length
  if (length > QUERY_MAX_BYTES) throw new WeftError('text_too_long', `a query of ${length} bytes, at most ${QUERY_MAX_BYTES}`)
  const refuse = (what: string, value: unknown): never => {
    throw new WeftError('invalid_argument', `${what}, got ${String(value)}`)
  }
  if (!Number.isInteger(k) || k < 1 || k > RECALL_K_MAX) refuse(`k is 1 to ${RECALL_K_MAX}`, k)
  if (halfLifeMs !== undefined && !(halfLifeMs > 0)) refuse('a half-life is above 0', halfLifeMs)
  if (!(diversity >= 0 && diversity <= 1)) refuse('diversity is 0 to 1', diversity)
  if (!(budgetMs > 0)) refuse('budgetMs is above 0', budgetMs)
  if (!Number.isInteger(budgetNodes) || budgetNodes < 1) refuse('budgetNodes is 1 or more', budgetNodes)
  for (const one of trust?.values() ?? []) if (!(one >= 0 && one <= 1)) refuse('trust is 0 to 1', one)
  const { hops = 0, types = {} } = expand ?? {}
  if (!Number.isInteger(hops) || hops < 0 || hops > HOPS_MAX) refuse(`hops are 0 to ${HOPS_MAX}`, hops)
  for (const weight of Object.values(types)) if (!(weight >= -1 && weight <= 1)) refuse('the weight of a type of link is -1 to 1', weight)
}

function hitOf(view: View, { record, copies }: Distinct, matches: Matches, field: Field, weighing: Weighing): Hit {
  const { records, nodes, entities } = view.tables
  const key = nodes.keyOf(records.detail.at(record))
  const once = rounded(field.onceOf(record))
  const subject = rounded(field.subjectOf(record))
  const whole = rounded(field.wholeOf(record))
  const trusted = rounded(field.wholeOf(record) * weighing.trustIn(record))
  const score = rounded(field.scoreOf(record))
  const bm25 = rounded(matches.bm25(record))
  const vector = rounded(matches.vector(record))
  const contradictedBy = contradictionsOf(view, record)
  return {
    id: records.idOf(record),
    ref: records.refOf(record),
    ...(key === undefined ? {} : { key }),
    author: records.authorOf(record),
    hlc: records.hlcOf(record),
    score,
    parts: {
      bm25,
      vector,
      spread: rounded(once - bm25 - vector),
      ...(subject === once ? {} : { subject: rounded(subject - once) }),
      ...(whole === subject ? {} : { shared: rounded(whole - subject) }),
      ...(trusted === whole ? {} : { trust: rounded(trusted - whole) }),
      ...(score === trusted ? {} : { recency: rounded(score - trusted) }),
    },
    path: field.pathTo(record).map(step => {
      const { edge, entity } = field.edgeTo(record, step)
      return { id: records.idOf(step), edge, ...(entity === undefined ? {} : { entity: entities.entity(entity).name }) }
    }),
    ...(copies.length === 0 ? {} : { copies: copies.map(copy => ({ id: records.idOf(copy), author: records.authorOf(copy) })) }),
    ...(contradictedBy.length === 0 ? {} : { contradictedBy }),
    ...standingOf(view, record),
  }
}

function rounded(score: number): number {
  return Math.round(score * 1e9) / 1e9
}
