import type { CausalId, LogId, NodeId } from '../base/ids.ts'
import { NONE } from './column.ts'
import type { FoldState } from './folding.ts'
import { countLacking, type Lacking, type LackingOptions, lacking } from './lacking.ts'
import type { RecallOptions } from './recall.ts'
import { Filter } from './recall-filter.ts'
import { type Cut, type Ref, ROLE } from './record-table.ts'
import { TouchedVectors } from './touched-vectors.ts'
import { indexOf, NewestVectors, newestOf, placeOf, type VectorPlace } from './vector-standing.ts'
import { EXTERNAL } from './vector-record.ts'
import type { View } from './view.ts'

/** An embedder, and how many numbers its vectors have. */
export interface VectorSpace {
  readonly index: number
  readonly embedder: string
  readonly dims: number
}

/** A vector by all its names. */
export interface LocatedVector {
  /** In the index of its embedder, on this node. */
  readonly label: number
  /** The record it came in. */
  readonly id: CausalId
  /** The memory it stands for. */
  readonly node: CausalId
  readonly embedder: string
  readonly dims: number
}

export class Vectors {
  readonly #state: FoldState
  readonly #viewAt: (at: Cut | undefined) => View

  constructor(state: FoldState, viewAt: (at: Cut | undefined) => View) {
    this.#state = state
    this.#viewAt = viewAt
  }

  /** Those with a vector that is not erased, by embedder and dimensions. */
  get spaces(): VectorSpace[] {
    const { vectors, records } = this.#state
    return vectors.indexes
      .map(({ embedder, dims }, index) => ({ index, embedder, dims }))
      .filter(({ index }) =>
        vectors
          .at(index)
          .records.values()
          .some(label => records.role.at(label) === ROLE.vector),
      )
      .sort(inOrder)
  }

  /** Whether a vector of this embedder would count if it were written to that log. */
  hasRoom(log: LogId, embedder: string, dims: number): boolean {
    const { vectors, records } = this.#state
    const number = records.logNumber(log)
    return number === undefined || vectors.hasRoom(number, embedder, dims)
  }

  /** Records left out because their author has too many embedders. */
  get dropped(): number {
    return this.#state.vectors.dropped
  }

  space(index: number): VectorSpace {
    const { embedder, dims } = this.#state.vectors.at(index)
    return { index, embedder, dims }
  }

  /** All vectors of an index, but for those that are gone. */
  ofIndex(index: number): VectorPlace[] {
    const view = this.#viewAt(undefined)
    const newest = new NewestVectors(view)
    const labels = this.#state.vectors.at(index).records.values()
    return [...labels].map(label => placeOf(view, label, newest)).filter(({ standing }) => standing !== 'gone')
  }

  /** The vectors of which it may have changed how they stand since this was last asked. */
  takeTouched(): VectorPlace[] {
    const { vectors } = this.#state
    if (vectors.touched.size === 0) return []
    const places = new TouchedVectors(this.#viewAt(undefined)).take()
    vectors.touched.clear()
    vectors.left = []
    return places
  }

  /** The vector in the record that was applied last, if there was one in it; told once. */
  takeLast(): { readonly label: number; readonly vector: Float32Array } | undefined {
    const { last } = this.#state.vectors
    this.#state.vectors.last = undefined
    return last
  }

  idOf(label: number): Uint8Array {
    return this.#state.records.ids.digest(label)
  }

  refOf(label: number): Ref {
    return this.#state.records.refOf(label)
  }

  /** The record of the memory that a vector stands for. */
  nodeOf(label: number): number {
    const { records, references } = this.#state
    return records.role.at(label) === ROLE.vector ? references.target.at(records.detail.at(label)) : NONE
  }

  /** The embedders by whose vectors a memory is found. */
  ofNode(id: CausalId): VectorSpace[] {
    const view = this.#viewAt(undefined)
    const node = this.#state.records.find(id)
    const indexes = view.isNode(node) ? [...newestOf(view, node).values()].map(label => indexOf(view, label)) : []
    return [...new Set(indexes)].map(index => this.space(index)).sort(inOrder)
  }

  /**
   * The vectors that a memory is found by, or the one that a record is, each with its label in its index: which is this
   * node's own. By embedder, then the oldest first.
   */
  at(id: CausalId): LocatedVector[] {
    const { records } = this.#state
    const view = this.#viewAt(undefined)
    const record = records.find(id)
    const isVector = record !== NONE && records.role.at(record) === ROLE.vector
    const labels = isVector ? [record] : view.isNode(record) ? [...newestOf(view, record).values()] : []
    return labels
      .map(label => ({ label, id: records.idOf(label), ...vectorOf(view, label) }))
      .sort((a, b) => (a.embedder === b.embedder ? records.compareOldest(a.label, b.label) : a.embedder < b.embedder ? -1 : 1))
  }

  /**
   * The vectors of a memory that nobody but who wrote them can make again, those of `external:` embedders: the newest of each, as of a cut.
   *
   * @throws WeftError `frontier_ahead`
   */
  external(id: CausalId, cut?: Cut): LocatedVector[] {
    const { records } = this.#state
    const view = this.#viewAt(cut)
    const node = records.find(id)
    const newest = new Map<number, number>()
    for (const label of view.isNode(node) ? newestOf(view, node).values() : []) {
      const index = indexOf(view, label)
      const before = newest.get(index)
      if (before === undefined || records.compareNewest(label, before) < 0) newest.set(index, label)
    }
    return [...newest.values()]
      .map(label => ({ label, id: records.idOf(label), ...vectorOf(view, label) }))
      .filter(({ embedder }) => embedder.startsWith(EXTERNAL))
      .sort((a, b) => (a.embedder < b.embedder ? -1 : 1))
  }

  /** Current memories without a vector of an embedder, a page of them. */
  lacking(options: LackingOptions): Lacking {
    const view = this.#viewAt(undefined)
    return lacking(view, options, this.#has(view, options))
  }

  countLacking(options: Pick<LackingOptions, 'embedder' | 'dims' | 'from' | 'author'>): number {
    const view = this.#viewAt(undefined)
    return countLacking(view, options.from, options.author, this.#has(view, options))
  }

  #has(view: View, { embedder, dims }: Pick<LackingOptions, 'embedder' | 'dims'>): (node: number) => boolean {
    const index = this.#state.vectors.find(embedder, dims)
    return node => index !== undefined && hasVector(view, node, index)
  }

  /** Records by which an author gave memories vectors, oldest first; those he has taken back are not among them. */
  by(author: NodeId): { readonly id: CausalId; readonly node: CausalId | undefined; readonly embedder: string }[] {
    const { records, vectors } = this.#state
    const view = this.#viewAt(undefined)
    return vectors.indexes
      .flatMap(row => [...row.records.values()])
      .filter(record => records.role.at(record) === ROLE.vector && records.authorOf(record) === author && view.isLive(record))
      .sort((a, b) => a - b)
      .map(record => {
        // Its memory may not have arrived.
        const node = this.nodeOf(record)
        return { id: records.idOf(record), node: node === NONE ? undefined : records.idOf(node), embedder: vectorOf(view, record).embedder }
      })
  }

  /** What a search among vectors may come up with, as of one cut. */
  askedAt(options: RecallOptions): Asked {
    return new Asked(this.#state, this.#viewAt(options.at), options)
  }
}

/** The vectors of one question. */
export class Asked {
  readonly #state: FoldState
  readonly #view: View
  readonly #filter: Filter

  constructor(state: FoldState, view: View, options: RecallOptions) {
    this.#state = state
    this.#view = view
    this.#filter = new Filter(view, options)
  }

  /** Labels of an index whose vectors count as of the cut, a bit for each, lowest first: all, or only those of memories that are wanted. */
  among(index: number, onlyWanted: boolean): Uint8Array {
    const { records, references, vectors } = this.#state
    const labels = vectors.at(index).records.values()
    const bits = new Uint8Array((records.size + 7) >> 3)
    const seen = new Set<number>()
    for (const label of labels) {
      const node = records.role.at(label) === ROLE.vector ? references.target.at(records.detail.at(label)) : NONE
      if (node === NONE || seen.has(node)) continue
      seen.add(node)
      if (!this.#view.isNode(node) || (onlyWanted && !this.isWanted(node))) continue
      for (const found of newestOf(this.#view, node).values())
        if (indexOf(this.#view, found) === index) bits[found >> 3] = (bits[found >> 3] as number) | (1 << (found & 7))
    }
    return bits
  }

  isNode(record: number): boolean {
    return this.#view.isNode(record)
  }

  isWanted(node: number): boolean {
    return this.#filter.accepts(node)
  }

  /** Of equally similar memories the newest first. */
  compare(a: number, b: number): number {
    return this.#state.records.compareNewest(a, b)
  }

  idOf(record: number): CausalId {
    return this.#state.records.idOf(record)
  }
}

function inOrder(a: VectorSpace, b: VectorSpace): number {
  return a.embedder === b.embedder ? a.dims - b.dims : a.embedder < b.embedder ? -1 : 1
}

/** A memory is found by a vector of this index. */
function hasVector(view: View, node: number, index: number): boolean {
  return view.tables.records.vectors.at(node) !== NONE && [...newestOf(view, node).values()].some(label => indexOf(view, label) === index)
}

/** What a vector says of itself. */
export function vectorOf(view: View, label: number): { readonly node: CausalId; readonly embedder: string; readonly dims: number } {
  const { records, references, vectors } = view.tables
  const reference = records.detail.at(label)
  const target = references.target.at(reference)
  const { embedder, dims } = vectors.at(references.value.at(reference))
  return { node: target === NONE ? (references.missing.get(reference) as CausalId) : records.idOf(target), embedder, dims }
}
