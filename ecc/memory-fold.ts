import { type ErrorCode, WeftError } from '../base/errors.ts'
import { type FrontierEntry, sortFrontier } from '../base/frontier.ts'
import type { CausalId, LogId, NodeId } from '../base/ids.ts'
import { LIST_MAX } from '../base/limits.ts'
import { CURRENT } from '../base/version.ts'
import { canonical } from './canonical.ts'
import { Cognition } from './cognition/cognition.ts'
import { type AlikeMemory, alikeTo, sameKeyAs } from './cognition/novelty.ts'
import { type News, newsOf } from './cognition/news.ts'
import { NONE } from './column.ts'
import { type Conflict, conflicts } from './conflicts.ts'
import { type Difference, difference } from './diff.ts'
import { emptyState, type Folded, Folding, type FoldRecord, type FoldState } from './folding.ts'
import { type Parent, parentsFor } from './heads.ts'
import { type LinksOf, linksOf, outgoing } from './links.ts'
import { list, type ListOptions, type Page } from './list.ts'
import { populationOf } from './matches.ts'
import { cutAt } from './moment.ts'
import { recall, type RecallOptions, type Recollection } from './recall.ts'
import { type Cut, type Ref, ROLE } from './record-table.ts'
import type { LinkInput } from './records.ts'
import { isVacant, othersInPlace, type Vacancy, vacancies } from './places.ts'
import { currentName } from './reference-table.ts'
import { duplicateOf, endedOf, type Ending, keyed, retractOf, sameLink, supersedeOf, underKey, vectorOf } from './said-before.ts'
import { type CausalEdge, historyOf, type NodeHistory, type GraphPlace, placeIn } from './show.ts'
import { type NamedOptions, type NamedPage, named } from './named.ts'
import { readSnapshot, writeSnapshot } from './snapshot.ts'
import { isCurrent } from './supersession.ts'
import { type Timeline, timeline, type TimelineOrder } from './timeline.ts'
import { Vectors } from './vectors.ts'
import { View } from './view.ts'
import { type Counterfactual, whatIf, withAllItSays } from './what-if.ts'
import { worthsOf } from './worth.ts'
import { type Explanation, why, type WhyOptions } from './why.ts'

/** A record that counts for nothing, and why. */
export interface VoidRecord {
  readonly ref: Ref
  readonly id: CausalId
  readonly code: ErrorCode
}

export interface FoldStats {
  /** Memories that were not retracted. */
  readonly nodes: number
  /** Links that were not retracted. */
  readonly edges: number
  /** References to what has not arrived. */
  readonly dangling: number
  /** Records left out because too many references wait (DANGLING_MAX). */
  readonly dropped: number
  readonly voids: number
}

export interface EntityQuery extends Omit<NamedOptions, 'of'> {
  readonly of?: CausalId | undefined
  readonly at?: Cut | undefined
}

/**
 * The shared memory of one space: what the records of all its authors say together. Pure and
 * synchronous; the texts stay in the journal.
 *
 * - Every answer is a function of the set of applied records. In which order they arrived (parents
 *   first), or how often, makes no difference to a single bit of it.
 * - Every query takes `at`, a cut within the applied one, and answers as a fold of only that would.
 * - Conflicts are data: nothing here decides by comparing the clocks of two nodes.
 */
export class MemoryFold {
  /** Of the fold: answers of two versions are not compared. */
  readonly version: number
  readonly vectors: Vectors
  readonly #state: FoldState
  readonly #folding: Folding

  /** @param self the node whose own memories are found by content */
  constructor(self: NodeId, state: FoldState = emptyState(self), version: number = CURRENT.fold) {
    this.version = version
    this.#state = state
    this.#folding = new Folding(state, version)
    this.vectors = new Vectors(state, at => this.#view(at))
  }

  /** The fold in `bytes`, which this version made; undefined when they are damaged, of another format, or another node's. */
  static restore(bytes: Uint8Array, self: NodeId, version: number = CURRENT.fold): MemoryFold | undefined {
    const state = readSnapshot(bytes, self)
    return state === undefined ? undefined : new MemoryFold(self, state, version)
  }

  /** All state, checksummed. A cache: whatever is wrong with it, the journal makes it again. */
  snapshot(): Uint8Array {
    return writeSnapshot(this.#state)
  }

  /**
   * Applies the next record of its log; its parents have been applied. One that was applied
   * before changes nothing.
   */
  apply(record: FoldRecord): Folded {
    return this.#folding.apply(record)
  }

  // ---- what has been applied

  sizeOf(log: LogId): number {
    return this.#state.records.sizeOf(log)
  }

  get cut(): Cut {
    return new Map(this.#state.records.logs.filter(row => row.records.length > 0).map(row => [row.id, row.records.length]))
  }

  /** The applied cut, or one within it, with the leaf at the end of each log. */
  frontier(at: Cut = this.cut): FrontierEntry[] {
    this.#check(at)
    const { records } = this.#state
    const entries = [...at].filter(([, size]) => size > 0)
    return sortFrontier(entries.map(([log, size]) => ({ log, size, head: records.ids.digest(records.at({ log, seq: size - 1 })).slice() })))
  }

  /** What was applied of what had been written by then (milliseconds since 1970), causally closed. */
  cutAt(ms: number): Cut {
    return cutAt(this.#state.records, this.#state.past, ms)
  }

  /** What the next record of `log` is to name as parents; more than PARENTS_MAX are for the caller to join. */
  parentsFor(log: LogId): Parent[] {
    return parentsFor(this.#state.records, this.#state.past, log)
  }

  /** The record at `a` is in the causal past of the one at `b`; false when either is not applied. */
  isBefore(a: Ref, b: Ref): boolean {
    const first = this.#state.records.at(a)
    const second = this.#state.records.at(b)
    return first !== NONE && second !== NONE && this.#view().isBefore(first, second)
  }

  /** Records applied. */
  get size(): number {
    return this.#state.records.size
  }

  /** Where the record with this id stands; an id that a rebase replaced leads to the new record. */
  refOf(id: CausalId): Ref | undefined {
    const record = this.#find(id)
    return record === NONE ? undefined : this.#state.records.refOf(record)
  }

  /** Why there is no memory of this id. */
  missing(id: CausalId): WeftError {
    const by = this.eraserOf(id)
    if (by !== undefined) return new WeftError('erased', `memory ${id} was erased by its author, with record ${by}`, { details: { by } })
    const place = this.placeOf(id)
    return place === undefined || place.role === 'memory'
      ? new WeftError('unknown_id', `no memory ${id}`)
      : new WeftError('unknown_id', `record ${id} is no memory but a ${place.role}`, { next: 'weft mem locate shows where it stands' })
  }

  /** What a record is called now: a rebase gives it another id. */
  currentId(id: CausalId): CausalId | undefined {
    const record = this.#find(id)
    return record === NONE ? undefined : this.#state.records.idOf(record)
  }

  /** The vectors that a memory's author recorded of it. */
  vectorRecordsOf(id: CausalId): CausalId[] {
    const { records, references } = this.#state
    const record = this.#find(id)
    const ids: CausalId[] = []
    for (let at = record === NONE ? NONE : records.vectors.at(record); at !== NONE; at = references.next.at(at)) {
      const owner = references.owner.at(at)
      if (records.log.at(owner) === records.log.at(record)) ids.push(records.idOf(owner))
    }
    return ids
  }

  /** Whether a record takes another one back. */
  isRetract(id: CausalId): boolean {
    const record = this.#find(id)
    const role = record === NONE ? ROLE.none : this.#state.records.role.at(record)
    return role === ROLE.retract || role === ROLE.erase
  }

  /** Ids of applied records that begin with `prefix` (up to 64 lower-case hex digits), at most `max`, in order. */
  idsWithPrefix(prefix: string, max: number): CausalId[] {
    const { records } = this.#state
    if (!/^[0-9a-f]{0,64}$/.test(prefix)) return []
    return records.ids
      .startingWith(prefix)
      .sort((a, b) => records.ids.compare(a, b))
      .slice(0, max)
      .map(record => records.idOf(record))
  }

  /** Records that count for nothing: malformed ones, and retracts of what is not their author's. By log and place. */
  get voids(): VoidRecord[] {
    const { records, references, malformed } = this.#state
    const foreign: number[] = []
    for (let at = 0; at < references.owner.length; at++) if (references.isForeignRetract(at)) foreign.push(references.owner.at(at))
    const row = (record: number, code: ErrorCode): VoidRecord => ({ ref: records.refOf(record), id: records.idOf(record), code })
    const rows = [...malformed.map(record => row(record, 'bad_record')), ...foreign.map(record => row(record, 'not_author'))]
    return rows.sort((a, b) => (a.ref.log === b.ref.log ? a.ref.seq - b.ref.seq : a.ref.log < b.ref.log ? -1 : 1))
  }

  /** Records whose bodies their authors had erased: from the `from`th on, in the order in which this was learnt; one may come twice. */
  erased(from: number = 0): { readonly ref: Ref; readonly by: Ref }[] {
    const { erased, records } = this.#state
    const rows: { ref: Ref; by: Ref }[] = []
    for (let at = 2 * from; at < erased.length; at += 2)
      rows.push({ ref: records.refOf(erased[at] as number), by: records.refOf(erased[at + 1] as number) })
    return rows
  }

  /** How many `erased` has. */
  get erasures(): number {
    return this.#state.erased.length / 2
  }

  /** The record by which its author had this one erased; undefined when it was not. */
  eraserOf(id: CausalId): CausalId | undefined {
    const { erased, records } = this.#state
    const record = this.#find(id)
    for (let at = 0; record !== NONE && at < erased.length; at += 2)
      if (erased[at] === record) return records.idOf(erased[at + 1] as number)
    return undefined
  }

  get stats(): FoldStats {
    const { totals, references, malformed } = this.#state
    return {
      nodes: totals.nodes,
      edges: totals.edges,
      dangling: references.waiting,
      dropped: references.dropped,
      voids: malformed.length + references.foreignRetracts,
    }
  }

  // ---- queries; `at` beyond the applied cut is refused with `frontier_ahead`

  /** @throws WeftError `text_too_long`, `invalid_argument`, `frontier_ahead` */
  recall(query: string, options: RecallOptions): Recollection {
    return recall(this.#view(options.at), query, options)
  }

  /** What a memory rests on. @throws WeftError `unknown_id`, `invalid_argument`, `frontier_ahead` */
  why(id: CausalId, options: WhyOptions = {}): Explanation {
    const view = this.#view(options.at)
    const record = this.#find(id)
    if (!view.isNode(record)) throw this.missing(id)
    return why(view, record, options)
  }

  /** What rests on a memory, a link or a supersede, and on what else. @throws WeftError `unknown_id`, `frontier_ahead` */
  whatIf(id: CausalId, at?: Cut): Counterfactual {
    const view = this.#view(at)
    const record = this.#find(id)
    if (record === NONE || this.eraserOf(id) !== undefined) throw this.missing(id)
    if (!view.isLive(record)) throw new WeftError('unknown_id', `record ${id} was taken back: nothing rests on it`)
    return whatIf(view, new View(this.#state, this.#folding.retraction, at ?? this.cut, withAllItSays(view, record)), record)
  }

  /** Memories of one log, with what is known of their use. */
  worths(log: LogId, from: number, limit: number): ReturnType<typeof worthsOf> {
    return worthsOf(this.#view(), log, from, limit)
  }

  /** How much terms tell memories apart, as of a cut. */
  rarity(at?: Cut): (term: string) => number {
    const view = this.#view(at)
    const among = populationOf(view)
    return term => view.tables.text.rarityOf(term, among)
  }

  conflicts(at?: Cut): Conflict[] {
    return conflicts(this.#view(at))
  }

  /** What can be asked of it as a whole, as of a cut that stays. @throws WeftError `frontier_ahead` */
  cognition(at: Cut = this.cut): Cognition {
    return new Cognition(this.#view(at))
  }

  /** The live memories most like one by its words, best first. */
  alike(id: CausalId, text: string, count: number): AlikeMemory[] {
    return alikeTo(this.#view(), this.#find(id), text, count)
  }

  /** Current memories of other authors under the key of this one. */
  sameKey(id: CausalId): AlikeMemory[] {
    return sameKeyAs(this.#view(), this.#find(id))
  }

  /** What the records beyond a cut say that is worth a thought; `limit` of them at a time. */
  news(after: Cut, limit: number): News {
    return newsOf(this.#view(), after, limit)
  }

  /** What is otherwise at `to` (now, without it) than at `from`. @throws WeftError `invalid_argument`, `frontier_ahead` */
  difference({ from, to = this.cut, limit }: { readonly from: Cut; readonly to?: Cut | undefined; readonly limit: number }): Difference {
    if (!Number.isInteger(limit) || limit < 1 || limit > LIST_MAX)
      throw new WeftError('invalid_argument', `limit is 1 to ${LIST_MAX}, got ${limit}`)
    const stretches = [
      [from, to],
      [to, from],
    ] as const
    return difference(this.#view(from), this.#view(to), stretches, limit)
  }

  /** @throws WeftError `invalid_argument`, `frontier_ahead` */
  list(options: ListOptions): Page {
    return list(this.#view(options.at), options)
  }

  /** Memories with what they replaced and what replaced them, in the order of time. @throws WeftError `invalid_argument`, `frontier_ahead` */
  timeline(
    ids: readonly CausalId[],
    { at, order, limit }: { readonly at?: Cut | undefined; readonly order: TimelineOrder; readonly limit: number },
  ): Timeline {
    if (!Number.isInteger(limit) || limit < 1 || limit > LIST_MAX)
      throw new WeftError('invalid_argument', `limit is 1 to ${LIST_MAX}, got ${limit}`)
    return timeline(
      this.#view(at),
      ids.map(id => this.#find(id)),
      order,
      limit,
    )
  }

  /**
   * What memories name: paths, identifiers, numbers, dates and names.
   *
   * @throws WeftError `invalid_argument`, `unknown_id`, `erased`, `frontier_ahead`
   */
  entities({ of, name, at, limit, nodesMax }: EntityQuery): NamedPage {
    if (!Number.isInteger(limit) || limit < 1 || limit > LIST_MAX)
      throw new WeftError('invalid_argument', `limit is 1 to ${LIST_MAX}, got ${limit}`)
    const view = this.#view(at)
    const record = of === undefined ? undefined : this.#find(of)
    if (of !== undefined && !view.isNode(record ?? NONE)) throw this.missing(of)
    return named(view, { of: record, name, limit, nodesMax })
  }

  /** A memory, what replaced it and what it replaced; undefined when there is none, or it was erased. */
  node(id: CausalId, at?: Cut): NodeHistory | undefined {
    return historyOf(this.#view(at), this.#find(id))
  }

  /** All that took the place of a memory was taken back: nothing holds there. */
  isVacant(id: CausalId): boolean {
    const record = this.#find(id)
    return record !== NONE && isVacant(this.#view(), record)
  }

  /** What stays replaced by a memory that was taken back, with nothing in its place. */
  vacancies(id: CausalId): readonly Vacancy[] {
    return vacancies(this.#view(), this.#find(id))
  }

  /** What else holds in the places of `targets` than what `by` came to. */
  othersInPlace(targets: readonly CausalId[], by: CausalId): readonly CausalId[] {
    const records = targets.map(target => this.#find(target)).filter(record => record !== NONE)
    return othersInPlace(this.#view(), records, this.#find(by))
  }

  /** What a record is in the graph; undefined when it is nothing there. `links` names how many records link to it. */
  placeOf(id: CausalId): GraphPlace | undefined {
    return placeIn(this.#view(), this.#find(id))
  }

  /** The `max` oldest links at a memory, also those that were retracted or lead nowhere yet, and how many there are. */
  linksOf(id: CausalId, max: number, at?: Cut): LinksOf {
    const view = this.#view(at)
    const record = this.#find(id)
    return record === NONE || !view.sees(record) ? { edges: [], inAll: 0 } : linksOf(view, record, max)
  }

  /** The live links from a memory, `max` at a time: `next` is what to ask for them with `from` to get those after. */
  outgoing(id: CausalId, max: number, from?: number): { readonly edges: readonly CausalEdge[]; readonly next?: number } {
    const record = this.#find(id)
    return record === NONE ? { edges: [] } : outgoing(this.#view(), record, from, max)
  }

  /** Everything the fold says, in one order: equal bytes for equal sets of records. */
  canonical(at?: Cut): Uint8Array {
    return canonical(this.#view(at))
  }

  // ---- what an author asks before writing (`ecc/said-before.ts`)

  /** The current memory of `author` with this content (`contentHash` of its body). */
  findDuplicate(author: NodeId, content: Uint8Array): CausalId | undefined {
    return this.#idOf(duplicateOf(this.#view(), author, content))
  }

  /** What `author` said with this content, and why it does not hold; undefined when it holds, or was never said, or was erased. */
  findEnded(author: NodeId, content: Uint8Array): { readonly id: CausalId; readonly how: Ending } | undefined {
    const ended = endedOf(this.#view(), author, content)
    return ended && { id: this.#state.records.idOf(ended.record), how: ended.how }
  }

  /** Current memories with this text, whoever wrote them and whatever stands around it: oldest first. */
  withText(text: string): { readonly id: CausalId; readonly ref: Ref }[] {
    const { records, nodes, same } = this.#state
    const view = this.#view()
    return [...same.find(text)]
      .map(node => nodes.record.at(node))
      .filter(record => isCurrent(view, record))
      .sort((a, b) => records.compareOldest(a, b))
      .map(record => ({ id: records.idOf(record), ref: records.refOf(record) }))
  }

  /** The newest memory of `author` with this key, if it is current. */
  findByKey(author: NodeId, key: string): CausalId | undefined {
    return this.#idOf(underKey(this.#view(), author, key))
  }

  /** Current memories of `author` whose keys begin with `prefix`, `max` at a time: `next` is what to ask for those after with `from`. */
  keyed(author: NodeId, prefix: string, from: number, max: number): ReturnType<typeof keyed> {
    return keyed(this.#view(), author, prefix, from, max)
  }

  /** The record by which its author took this one back, or erased it; undefined when it stands. */
  findRetract(id: CausalId): CausalId | undefined {
    return this.#idOf(retractOf(this.#view(), this.#find(id)))
  }

  /** The record by which `author` put `by` in the place of `target`, if that counts and `by` was not replaced itself. */
  findSupersede(author: NodeId, target: CausalId, by: CausalId): CausalId | undefined {
    return this.#idOf(supersedeOf(this.#view(), author, this.#find(target), this.#find(by)))
  }

  /** The newest vector of `author` for a memory, if this is it (`contentHash` of its body). */
  findVector(author: NodeId, content: Uint8Array): CausalId | undefined {
    return this.#idOf(vectorOf(this.#view(), author, content))
  }

  /** A live link of `author` that says exactly this. @throws WeftError `edge_invalid` for a weight out of range */
  findLink(author: NodeId, link: LinkInput): CausalId | undefined {
    return this.#idOf(sameLink(this.#view(), author, link))
  }

  #idOf(record: number): CausalId | undefined {
    return record === NONE ? undefined : this.#state.records.idOf(record)
  }

  #view(at?: Cut): View {
    if (at !== undefined) this.#check(at)
    return new View(this.#state, this.#folding.retraction, at)
  }

  #check(at: Cut): void {
    for (const [log, size] of at) {
      const applied = this.sizeOf(log)
      if (size > applied) throw new WeftError('frontier_ahead', `log ${log}: ${size} records asked for, ${applied} applied`)
    }
  }

  /** The record behind an id, or behind what a rebase replaced it with; NONE when there is none. */
  #find(id: CausalId): number {
    const { records } = this.#state
    const record = records.find(id)
    if (record !== NONE) return record
    for (const row of [...records.logs].sort((a, b) => (a.id < b.id ? -1 : 1))) {
      const current = currentName(row, id) as CausalId
      if (current !== id && records.find(current) !== NONE) return records.find(current)
    }
    return NONE
  }
}
