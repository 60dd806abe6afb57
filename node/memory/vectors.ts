import type { CausalId, LogId } from '../../base/ids.ts'
import { VECTORS_ADDING_MAX, VECTORS_BATCH, VECTORS_KEPT_MAX } from '../../base/limits.ts'
import type { Chain } from '../../chain/chain.ts'
import type { StoredRecord } from '../../chain/record.ts'
import type { MemoryFold } from '../../ecc/memory-fold.ts'
import { decodeVector, type VectorRecord } from '../../ecc/vector-record.ts'
import type { Standing, VectorPlace } from '../../ecc/vector-standing.ts'
import type { VectorIndexName, VectorIndexStatus, VectorRow, VectorSearch, VectorsFound } from '../../ecc/vector-store.ts'
import { headerOf } from '../applier.ts'
import type { CoreContext } from '../context.ts'
import type { RecordRef } from '../step.ts'

/** 4 of the nearest: a memory may have vectors of several authors. */
const LIKE_MAX = 4

/** A vector that was read back, or why it was not. */
interface FoundVector {
  readonly ref: RecordRef
  readonly record: VectorRecord | undefined
  readonly isErased: boolean
}

/** What the index of one embedder has been told. */
interface Shelf {
  readonly name: VectorIndexName
  /** False until the store has said what it lacks. */
  isOpen: boolean
  /** How each vector stands that is to be in it. */
  readonly standing: Map<number, Exclude<Standing, 'gone'>>
  /** Those of them that are not in it yet. */
  readonly missing: Set<number>
  /** Those of them that could not be read back. */
  readonly lost: Set<number>
  /** Erased while it was being opened. */
  readonly gone: Set<number>
  /** Vectors that need not be read back. */
  readonly kept: Map<number, Float32Array>
  isReading: boolean
  /** Batches on their way into it. */
  adding: number
  /** Who asks once it is open. */
  readonly waiting: (() => void)[]
}

/**
 * Keeps the vector store abreast of the fold of one space. The store is a cache that can fall back by any much: it is told
 * of every vector that is to be in it when the fold stands, says which it lacks, and gets these from the journal, a batch at a time.
 * From then on it is told of what each step changed, in the order in which it happened: what a search finds is what counted when it was asked for.
 */
export class MemoryVectors {
  readonly #context: CoreContext
  readonly #chain: Chain
  readonly #space: string
  readonly #fold: () => MemoryFold
  readonly #onUnreadable: (ref: RecordRef) => void
  /** A body as its author wrote it. */
  readonly #unseal: (log: LogId, kind: number, body: Uint8Array) => Uint8Array | undefined
  /** By the number that the fold gives an index. */
  #shelves: Map<number, Shelf> = new Map()
  /** Everything stored has been folded: from then on the store is told. */
  #isLive = false
  /** Counts folds: what was asked for in an earlier one is of no use. */
  #era = 0
  #waiting: (() => void)[] = []

  constructor(
    context: CoreContext,
    chain: Chain,
    space: string,
    fold: () => MemoryFold,
    unseal: (log: LogId, kind: number, body: Uint8Array) => Uint8Array | undefined,
    onUnreadable: (ref: RecordRef) => void,
  ) {
    this.#unseal = unseal
    this.#context = context
    this.#chain = chain
    this.#space = space
    this.#fold = fold
    this.#onUnreadable = onUnreadable
  }

  /** A vector has just been folded: it need not be read back. */
  keep(): void {
    const last = this.#fold().vectors.takeLast()
    if (last === undefined || !this.#isLive) return
    this.#tell()
    const shelf = [...this.#shelves.values()].find(({ missing }) => missing.has(last.label))
    if (shelf !== undefined && shelf.kept.size < VECTORS_KEPT_MAX) shelf.kept.set(last.label, last.vector)
  }

  /** The fold begins anew: labels will mean other records. */
  reset(): void {
    for (const { waiting } of this.#shelves.values()) this.#waiting.push(...waiting)
    this.#shelves = new Map()
    this.#isLive = false
    this.#era++
  }

  /** To be called when what is stored has been folded as far as it can be, and after every step from then on. */
  settle(): void {
    if (this.#isLive) return this.#tellAndFill()
    this.#isLive = true
    this.#fold().vectors.takeTouched()
    for (const { index } of this.#fold().vectors.spaces) this.#open(index, this.#fold().vectors.ofIndex(index))
    const waiting = this.#waiting
    this.#waiting = []
    for (const then of waiting) then()
  }

  /** Calls `then` when the index can be asked; at once, as a rule. */
  whenOpen(index: number, then: () => void): void {
    if (!this.#isLive) return void this.#waiting.push(() => this.whenOpen(index, then))
    this.#tellAndFill()
    const shelf = this.#shelfOf(index)
    if (!shelf.isOpen) return void shelf.waiting.push(then)
    // However busy the store is: what is in memory goes before the question, and is found by it.
    this.#addKept(index, shelf, Infinity)
    then()
  }

  /** Vectors of an index that no search finds yet. */
  missing(index: number): number {
    const shelf = this.#shelves.get(index)
    return shelf === undefined ? 0 : shelf.missing.size + shelf.lost.size
  }

  search(index: number, request: VectorSearch, then: (found: VectorsFound) => void): void {
    this.#context.emit({ kind: 'vector-search', index: this.#shelfOf(index).name, request, then })
  }

  /** How alike the nearest other memory is by the vectors of one, 0 to 1; undefined when it has none, or that cannot be told. */
  likeness(id: CausalId, then: (similarity: number | undefined) => void): void {
    const era = this.#era
    const { vectors } = this.#fold()
    const [own] = vectors.at(id)
    const space = own && vectors.spaces.find(({ embedder, dims }) => embedder === own.embedder && dims === own.dims)
    if (own === undefined || space === undefined) return then(undefined)
    const ref = vectors.refOf(own.label)
    this.#context.emit({
      kind: 'read-each',
      refs: [ref],
      then: ([record]) => {
        const vector = this.#recordIn(ref, record)?.vector
        if (vector === undefined || era !== this.#era) return then(undefined)
        this.whenOpen(space.index, () =>
          this.search(space.index, { vector, k: LIKE_MAX }, found => {
            if (!found.ok || era !== this.#era) return then(undefined)
            const node = vectors.nodeOf(own.label)
            const other = found.neighbours.find(({ label }) => vectors.nodeOf(label) !== node)
            then(Math.min(1, Math.max(0, other?.score ?? 0)))
          }),
        )
      },
    })
  }

  /** Vectors as their authors wrote them, each where its label stands. `then` gets undefined when everything was folded anew meanwhile. */
  written(labels: readonly number[], then: (found: readonly FoundVector[] | undefined) => void): void {
    if (labels.length === 0) return then([])
    this.#readBack(labels, (refs, records) => {
      if (records === undefined) return then(undefined)
      const found = refs.map((ref, i): FoundVector => {
        const stored = records[i]
        return { ref, record: this.#recordIn(ref, stored), isErased: stored?.erasedBy !== undefined }
      })
      for (const { ref, record, isErased } of found) if (record === undefined && !isErased) this.#onUnreadable(ref)
      then(found)
    })
  }

  /** What the journal has at some labels. @param then gets undefined when everything was folded anew meanwhile */
  #readBack(
    labels: readonly number[],
    then: (refs: readonly RecordRef[], records: readonly (StoredRecord | undefined)[] | undefined) => void,
  ): void {
    const era = this.#era
    const refs = labels.map(label => this.#fold().vectors.refOf(label))
    this.#context.emit({ kind: 'read-each', refs, then: records => then(refs, era === this.#era ? records : undefined) })
  }

  /** What the store says of the indexes of this space, by embedder. */
  status(then: (rows: readonly (VectorIndexStatus & { readonly missing: number })[]) => void): void {
    const { spaces } = this.#fold().vectors
    if (spaces.length === 0) return then([])
    this.#context.emit({
      kind: 'vector-status',
      then: rows =>
        then(
          spaces.flatMap(({ index, embedder, dims }) =>
            rows
              .filter(row => row.space === this.#space && row.embedder === embedder && row.dims === dims)
              .map(row => ({ ...row, missing: this.missing(index) })),
          ),
        ),
    })
  }

  // ---- telling

  #tellAndFill(): void {
    this.#tell()
    for (const [index, shelf] of this.#shelves) this.#fill(index, shelf)
  }

  #tell(): void {
    const touched = this.#fold().vectors.takeTouched()
    if (touched.length === 0) return
    const changes = new Map<Shelf, Record<'retire' | 'revive' | 'erase', number[]>>()
    for (const place of touched) {
      const shelf = this.#shelfFor(place)
      if (shelf === undefined) continue
      let change = changes.get(shelf)
      if (change === undefined) changes.set(shelf, (change = { retire: [], revive: [], erase: [] }))
      const what = learn(shelf, place)
      if (what !== undefined) change[what].push(place.label)
    }
    for (const [{ name }, change] of changes)
      for (const what of ['retire', 'revive', 'erase'] as const) this.#emit(what, name, change[what])
  }

  /** The index of a vector; one that is gone says no more which it was. */
  #shelfFor({ index, label, standing }: VectorPlace): Shelf | undefined {
    if (standing !== 'gone') return this.#shelfOf(index)
    return [...this.#shelves.values()].find(shelf => shelf.standing.has(label))
  }

  #shelfOf(index: number): Shelf {
    return this.#shelves.get(index) ?? this.#open(index, [])
  }

  #open(index: number, places: readonly VectorPlace[]): Shelf {
    const { vectors } = this.#fold()
    const { embedder, dims } = vectors.space(index)
    const shelf: Shelf = {
      name: { space: this.#space, embedder, dims },
      isOpen: places.length === 0,
      standing: new Map(places.flatMap(({ label, standing }) => (standing === 'gone' ? [] : [[label, standing] as const]))),
      missing: new Set(),
      lost: new Set(),
      gone: new Set(),
      kept: new Map(),
      isReading: false,
      adding: 0,
      waiting: [],
    }
    this.#shelves.set(index, shelf)
    const ids = new Uint8Array(32 * places.length)
    for (const [i, { label }] of places.entries()) ids.set(vectors.idOf(label), 32 * i)
    const labels = Uint32Array.from(places, place => place.label)
    const then = (missing: Uint32Array): void => {
      if (this.#shelves.get(index) === shelf && !shelf.isOpen) this.#onOpen(index, shelf, labels, missing)
    }
    this.#context.emit({ kind: 'vector-open', index: shelf.name, labels, ids, then })
    return shelf
  }

  #onOpen(index: number, shelf: Shelf, labels: Uint32Array, missing: Uint32Array): void {
    const lacking = new Set(missing)
    const present = [...labels].filter(label => !lacking.has(label))
    shelf.isOpen = true
    for (const label of present) shelf.missing.delete(label)
    for (const label of lacking) if (shelf.standing.has(label)) shelf.missing.add(label)
    this.#emit(
      'retire',
      shelf.name,
      present.filter(label => shelf.standing.get(label) === 'past'),
    )
    this.#emit(
      'erase',
      shelf.name,
      present.filter(label => shelf.gone.has(label)),
    )
    shelf.gone.clear()
    this.#fill(index, shelf)
    for (const then of shelf.waiting.splice(0)) then()
  }

  // ---- filling

  /** Brings into the index what it lacks: first what is in memory, then the rest from the journal. */
  #fill(index: number, shelf: Shelf): void {
    if (shelf.isOpen) this.#addKept(index, shelf, VECTORS_ADDING_MAX)
    if (!shelf.isOpen || shelf.isReading || shelf.adding > 0 || shelf.missing.size === 0) return
    const labels: number[] = []
    for (const label of shelf.missing) {
      if (labels.length === VECTORS_BATCH) break
      labels.push(label)
    }
    shelf.isReading = true
    this.#readBack(labels, (refs, records) => {
      if (records === undefined) return
      shelf.isReading = false
      this.#onRead(index, shelf, labels, refs, records)
    })
  }

  #addKept(index: number, shelf: Shelf, batchesMax: number): void {
    while (shelf.kept.size > 0 && shelf.adding < batchesMax) {
      const batch = [...shelf.kept].slice(0, VECTORS_BATCH)
      for (const [label] of batch) shelf.kept.delete(label)
      this.#add(index, shelf, batch)
    }
  }

  #onRead(
    index: number,
    shelf: Shelf,
    labels: readonly number[],
    refs: readonly RecordRef[],
    records: readonly (StoredRecord | undefined)[],
  ): void {
    const rows: [label: number, vector: Float32Array][] = []
    for (const [i, label] of labels.entries()) {
      const ref = refs[i] as RecordRef
      const vector = this.#recordIn(ref, records[i])?.vector
      if (vector !== undefined) rows.push([label, vector])
      else if (shelf.missing.delete(label)) {
        shelf.lost.add(label)
        this.#onUnreadable(ref)
      }
    }
    this.#add(index, shelf, rows)
    this.#fill(index, shelf)
  }

  #recordIn(ref: RecordRef, record: StoredRecord | undefined): VectorRecord | undefined {
    const log = this.#chain.log(ref.log)
    const header = log === undefined || record === undefined ? undefined : headerOf(log, ref.seq, record)
    const body = record === undefined || header === undefined ? undefined : this.#unseal(ref.log, header.kind, record.body)
    return body && decodeVector(body)
  }

  /** Those of `batch` that are still missing. */
  #add(index: number, shelf: Shelf, batch: readonly (readonly [label: number, vector: Float32Array])[]): void {
    const { vectors } = this.#fold()
    const rows = batch
      .filter(([label]) => shelf.missing.delete(label))
      .map(([label, vector]): VectorRow => ({ label, id: vectors.idOf(label).slice(), vector }))
    if (rows.length === 0) return
    shelf.adding++
    const era = this.#era
    const then = (): void => {
      shelf.adding--
      if (era === this.#era) this.#fill(index, shelf)
    }
    this.#context.emit({ kind: 'vector-add', index: shelf.name, rows, then })
    const past = rows.map(({ label }) => label).filter(label => shelf.standing.get(label) === 'past')
    this.#emit('retire', shelf.name, past)
  }

  #emit(what: 'retire' | 'revive' | 'erase', index: VectorIndexName, labels: readonly number[]): void {
    if (labels.length > 0) this.#context.emit({ kind: `vector-${what}`, index, labels: Uint32Array.from(labels) })
  }
}

/** Takes note of how a vector stands. @returns what the store is to be told of it */
function learn(shelf: Shelf, { label, standing }: VectorPlace): 'retire' | 'revive' | 'erase' | undefined {
  const before = shelf.standing.get(label)
  if (standing === 'gone') {
    shelf.standing.delete(label)
    shelf.kept.delete(label)
    if (!shelf.isOpen) shelf.gone.add(label)
    const wasThere = !shelf.missing.delete(label) && !shelf.lost.delete(label)
    return before !== undefined && shelf.isOpen && wasThere ? 'erase' : undefined
  }
  shelf.standing.set(label, standing)
  if (before === undefined) {
    shelf.gone.delete(label)
    shelf.missing.add(label)
    return undefined
  }
  if (before === standing || !shelf.isOpen || shelf.missing.has(label) || shelf.lost.has(label)) return undefined
  return standing === 'past' ? 'retire' : 'revive'
}
