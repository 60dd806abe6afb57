import { join } from 'node:path'
import type { LogFields, LogLevel } from '../../base/ports.ts'
import { checkVector, vectorFault } from '../vector-index.ts'
import type { VectorIndexName, VectorIndexStatus } from '../vector-store.ts'
import { find, type IndexFound, type IndexSearch } from './finder.ts'
import { type Engine, GraphCache, type Wanted } from './graph-cache.ts'
import { type NativeConstructor, NativeGraph } from './native-graph.ts'
import { BLOCK_ROWS, RowBlock } from './row-block.ts'
import { RowFile, type RowFileOptions, type RowsKept } from './row-file.ts'
import type { SlotGraph } from './slot-graph.ts'
import { SlotTable, STATE, type State } from './slot-table.ts'
import { TypescriptGraph } from './typescript-graph.ts'

/** Up to 256 rows all are looked at: that takes as long as a walk, is exact, and needs no graph. */
const GRAPH_ROWS_MIN = 256
/** 30 % of a graph that nobody may find: with half of it a search takes 1.2 times as long, with nine tenths 3.3 times. */
const HIDDEN_SHARE_MAX = 0.3
/** 5 % are overwritten in the graph, each at the cost of six inserts; for more it is made anew. */
const WIPED_SHARE_MAX = 0.05
/** Rows that are gone are cut out of the file when they are half of it. */
const GONE_SHARE_MAX = 0.5
/** Saved when an eighth is new, and at least 1,024 rows: half a second of inserts; at a close from a sixty-fourth on. */
const SAVE_SHARE = 1 / 8
const SAVE_ROWS_MIN = 1024
const CLOSE_SHARE = 1 / 64
const SAVE_INTERVAL_MS = 10_000
/** At most a fiftieth of the time goes into saving. */
const SAVE_REST = 50
/** 60 s after an open, what it did not list and nobody added since is overwritten. */
const PURGE_MS = 60_000
/** What another thread needs to go on with an index. */
export interface IndexKept {
  readonly table: SharedArrayBuffer
  readonly rows: RowsKept
}

export interface IndexHost {
  /** hnswlib, or undefined for our own graph. */
  readonly native: NativeConstructor | undefined
  nowMs(): number
  log(level: LogLevel, event: string, fields?: LogFields): void
  /** What is to be kept for the next thread has changed. */
  keep(kept: IndexKept): void
}

interface Building {
  readonly graph: SlotGraph
  /** The next slot to look at, and where it ends: rows that came since are added as any others. */
  next: number
  readonly end: number
}

/** One index: its rows, its graph, and what is not in the graph yet. One thread, every call at once, nothing waits. */
export class StoredIndex {
  readonly name: VectorIndexName
  readonly #directory: string
  readonly #host: IndexHost
  readonly #engine: Engine
  readonly #cache: GraphCache
  #rows: RowFile
  #table: SlotTable
  readonly #slots: Map<number, number> = new Map()
  readonly #count: Record<State, number> = { [STATE.gone]: 0, [STATE.live]: 0, [STATE.retired]: 0 }
  #graph: SlotGraph | undefined
  #building: Building | undefined
  /** The saved graph has not been looked at yet. */
  #isToLoad = true
  /** Live slots that the graph does not have. */
  #unindexed: Set<number> = new Set()
  #block: RowBlock | undefined
  /** By id, rows that no open has listed: who adds the same again gets them back. */
  #unclaimed: Map<string, number> = new Map()
  /** Slots that are gone, whose vectors are still in the file. */
  readonly #unwiped: Set<number> = new Set()
  #openedMs: number
  /** Slots of the graph that the saved one does not have; all when it must not be kept. */
  #unsaved = 0
  #saveDueMs: number
  #isTroubled = false
  #hasWork = false

  constructor(name: VectorIndexName, directory: string, host: IndexHost, kept: readonly IndexKept[] = []) {
    this.name = name
    this.#directory = directory
    this.#host = host
    this.#engine = host.native === undefined ? 'typescript' : 'hnswlib'
    this.#cache = new GraphCache(directory)
    this.#openedMs = host.nowMs()
    this.#saveDueMs = this.#openedMs + SAVE_INTERVAL_MS
    // The newest that belongs to the file that is there: a thread may have died between making another and taking it.
    for (const { table: shared, rows: keptRows } of kept) {
      const table = new SlotTable(shared)
      const rows = RowFile.resume(this.#rowOptions(), keptRows, table.generation, table.count)
      if (rows === undefined) continue
      this.#rows = rows
      this.#table = table
      this.#isTroubled = rows.isInMemory
      this.#recount()
      for (let slot = 0; slot < table.count; slot++) if (table.stateOf(slot) === STATE.gone) this.#unwiped.add(slot)
      this.#keep()
      return
    }
    this.#rows = RowFile.open(this.#rowOptions())
    this.#table = SlotTable.of(this.#rows.count, this.#rows.generation)
    for (let slot = 0; slot < this.#rows.count; slot++) this.#table.push(0, STATE.gone)
    this.#recount()
    this.#keep()
  }

  // ---- what is asked of it

  /** @param ids 32 bytes for each label @returns the labels that have no row */
  open(labels: Uint32Array, ids: Uint8Array): Uint32Array {
    const table = SlotTable.of(roomFor(this.#rows.count), this.#rows.generation)
    const listed = new Listed(ids)
    const slots = new Int32Array(labels.length).fill(-1)
    this.#unclaimed = new Map()
    this.#unwiped.clear()
    let damaged = 0
    this.#rows.verify((slot, id, isDamaged) => {
      const place = id === undefined ? undefined : listed.find(id)
      table.push(place === undefined ? 0 : (labels[place] as number), place === undefined ? STATE.gone : STATE.live)
      if (isDamaged) damaged++
      if (id === undefined && !isDamaged) return
      if (place === undefined) this.#unwiped.add(slot)
      // Of two rows of one record the later counts.
      const before = place === undefined ? id && this.#unclaimed.get(keyOf(id, 0)) : (slots[place] as number)
      if (before !== undefined && before >= 0) {
        table.set(before, STATE.gone)
        this.#unwiped.add(before)
      }
      if (place !== undefined) slots[place] = slot
      else if (id !== undefined) this.#unclaimed.set(keyOf(id, 0), slot)
    })
    if (damaged > 0) this.#host.log('warn', 'vectors.rows.damaged', { ...this.#fields(), rows: damaged })
    this.#table = table
    this.#openedMs = this.#host.nowMs()
    this.#recount()
    this.#align()
    this.#keep()
    return labels.filter((_, place) => slots[place] === -1)
  }

  /** What is no vector is left out, and said. @param vectors `dims` numbers for each label */
  add(labels: Uint32Array, ids: Uint8Array, vectors: Float32Array): void {
    const { dims } = this.name
    const fresh: number[] = []
    for (let i = 0; i < labels.length; i++) {
      const vector = vectors.subarray(i * dims, (i + 1) * dims)
      const fault = vectorFault(vector, dims)
      if (fault !== undefined) this.#host.log('warn', 'vectors.refused', { ...this.#fields(), label: labels[i] as number, fault })
      else if (!this.#claim(labels[i] as number, keyOf(ids, i), unit(vector))) fresh.push(i)
    }
    if (fresh.length === 0) return
    if (this.#table.count + fresh.length > this.#table.capacity) {
      this.#table = this.#table.grown(roomFor(this.#table.count + fresh.length))
      this.#keep()
    }
    this.#rows.append(fresh, ids, vectors)
    const replaced: number[] = []
    for (const from of fresh) {
      const label = labels[from] as number
      const before = this.#slots.get(label)
      if (before !== undefined) {
        this.#turn(before, STATE.gone)
        replaced.push(before)
      }
      const slot = this.#table.count
      this.#table.push(label, STATE.live)
      this.#count[STATE.live]++
      this.#slots.set(label, slot)
      this.#unindexed.add(slot)
    }
    this.#wipe(replaced)
  }

  retire(labels: Uint32Array): void {
    for (const slot of this.#known(labels)) this.#turn(slot, STATE.retired)
  }

  revive(labels: Uint32Array): void {
    for (const slot of this.#known(labels)) this.#turn(slot, STATE.live)
  }

  erase(labels: Uint32Array): void {
    const slots = this.#known(labels)
    for (const slot of slots) this.#turn(slot, STATE.gone)
    this.#wipe(slots)
  }

  /** @throws RangeError for what is no vector of this index */
  search(request: IndexSearch): IndexFound {
    const { dims } = this.name
    checkVector(request.vector, dims)
    const searched = { engine: this.#engine, dims, rows: this.#rows, table: this.#table, unindexed: this.#unindexed }
    const live = this.#count[STATE.live]
    return find({ ...searched, graph: this.#graph, live }, { ...request, vector: unit(request.vector) })
  }

  status(): VectorIndexStatus {
    const { [STATE.live]: live, [STATE.retired]: retired } = this.#count
    const isRebuilding = this.#building !== undefined || this.#needsGraph()
    return {
      ...this.name,
      engine: this.#engine,
      vectors: live + retired,
      indexed: this.#graph === undefined ? 0 : live - this.#unindexed.size,
      retired,
      bytes: this.#rows.bytes + this.#cache.bytes,
      state: this.#isToLoad ? 'opening' : isRebuilding ? 'rebuilding' : 'ready',
    }
  }

  // ---- what it does meanwhile

  /** Does one small thing that is to be done. @returns false when there is nothing now */
  work(): boolean {
    this.#hasWork = true
    if (this.#isToLoad) this.#load()
    else if (this.#building !== undefined) this.#build(this.#building)
    else if (this.#isDue()) this.#purge()
    else if (this.#needsGraph()) this.#begin()
    else if (this.#graph !== undefined && this.#unindexed.size > 0) this.#index(this.#graph)
    else if (this.#isSaveDue(this.#host.nowMs())) this.save()
    else this.#hasWork = false
    return this.#hasWork
  }

  /** When `work` will have something to do that it does not have now; undefined when nothing waits for a time. */
  get dueMs(): number | undefined {
    const purgeMs = this.#unwiped.size > 0 ? this.#openedMs + PURGE_MS : undefined
    const saveMs = this.#isSaveDue(Number.POSITIVE_INFINITY) ? this.#saveDueMs : undefined
    return purgeMs === undefined || (saveMs !== undefined && saveMs < purgeMs) ? saveMs : purgeMs
  }

  /** For the last time. */
  close(): void {
    if (!this.#isToLoad) {
      if (this.#unwiped.size > 0) this.#purge()
      if (this.#graph !== undefined && this.#unsaved > this.#graph.size * CLOSE_SHARE) this.save()
    }
    this.#rows.close()
  }

  save(): void {
    const graph = this.#graph
    if (graph === undefined) return
    const beganMs = this.#host.nowMs()
    this.#saveDueMs = beganMs + SAVE_INTERVAL_MS
    this.#unsaved = 0
    if (this.#rows.isInMemory) return
    try {
      this.#rows.sync()
      this.#cache.save(graph, graph.hidden.bytes, this.#wanted())
      this.#saveDueMs = beganMs + Math.max(SAVE_INTERVAL_MS, SAVE_REST * (this.#host.nowMs() - beganMs))
    } catch (thrown) {
      this.#trouble(thrown as Error)
    }
  }

  // ---- states

  #known(labels: Uint32Array): number[] {
    const slots: number[] = []
    for (const label of labels) {
      const slot = this.#slots.get(label)
      if (slot !== undefined) slots.push(slot)
    }
    return slots
  }

  #turn(slot: number, state: State): void {
    const before = this.#table.stateOf(slot)
    if (before === state) return
    this.#count[before]--
    this.#count[state]++
    this.#table.set(slot, state)
    if (state === STATE.gone) this.#slots.delete(this.#table.labelOf(slot))
    for (const graph of this.#graphs()) {
      if (state === STATE.live) graph.show(slot)
      else graph.hide(slot)
    }
    if (state === STATE.live && this.#graph?.has(slot) !== true) this.#unindexed.add(slot)
    else this.#unindexed.delete(slot)
  }

  /** A label that has this very row already, or a row that waited to be asked for: nothing is to be written. */
  #claim(label: number, key: string, vector: Float32Array): boolean {
    const slot = this.#slots.get(label)
    const unclaimed = this.#unclaimed.get(key)
    if (slot === undefined && unclaimed === undefined) return false
    const isSame = (at: number): boolean => {
      let same = false
      this.#rows.scan([at], (_, numbers, from) => (same = vector.every((number, i) => number === numbers[from + i])))
      return same
    }
    if (slot !== undefined) return isSame(slot)
    this.#unclaimed.delete(key)
    if (unclaimed === undefined || !isSame(unclaimed)) return false
    this.#unwiped.delete(unclaimed)
    this.#table.label(unclaimed, label)
    this.#slots.set(label, unclaimed)
    this.#turn(unclaimed, STATE.live)
    return true
  }

  #recount(): void {
    const table = this.#table
    this.#slots.clear()
    this.#unindexed = new Set()
    for (const state of Object.values(STATE)) this.#count[state] = 0
    for (let slot = 0; slot < table.count; slot++) {
      const state = table.stateOf(slot)
      this.#count[state]++
      if (state !== STATE.gone) this.#slots.set(table.labelOf(slot), slot)
      if (state === STATE.live && this.#graph?.has(slot) !== true) this.#unindexed.add(slot)
    }
    this.#block = undefined
  }

  /** Shows in the graphs what is live, and nothing else. */
  #align(): void {
    for (const graph of this.#graphs()) {
      for (let slot = 0; slot < this.#table.count; slot++) {
        if (this.#table.stateOf(slot) === STATE.live) graph.show(slot)
        else graph.hide(slot)
      }
    }
  }

  #graphs(): SlotGraph[] {
    return [this.#graph, this.#building?.graph].filter(graph => graph !== undefined)
  }

  // ---- the graph

  #load(): void {
    this.#isToLoad = false
    if (this.#rows.isInMemory) return
    const cached = this.#cache.read(this.#wanted())
    if (cached.kind === 'none') return
    let reason = cached.kind === 'doubt' ? cached.reason : undefined
    if (cached.kind === 'graph') {
      try {
        const { dims } = this.name
        const { native } = this.#host
        const graph =
          native === undefined
            ? TypescriptGraph.load(dims, cached.file, (slots, visit) => this.#rows.scan(slots, visit))
            : NativeGraph.load(native, dims, cached.file, cached.count, cached.hidden)
        if (graph.size !== cached.count) throw new Error(`${graph.size} slots, not ${cached.count}`)
        this.#graph = graph
        this.#recount()
        this.#align()
        return
      } catch (thrown) {
        this.#graph = undefined
        reason = (thrown as Error).message
      }
    }
    this.#host.log('warn', 'vectors.graph.doubt', { ...this.#fields(), reason })
    this.#discard()
  }

  #needsGraph(): boolean {
    const graph = this.#graph
    if (graph === undefined) return this.#count[STATE.live] >= GRAPH_ROWS_MIN
    return graph.size >= GRAPH_ROWS_MIN && graph.hidden.count > graph.size * HIDDEN_SHARE_MAX
  }

  #begin(): void {
    const { native } = this.#host
    const { dims } = this.name
    const room = this.#count[STATE.live]
    const graph = native === undefined ? TypescriptGraph.make(dims, room) : NativeGraph.make(native, dims, room)
    this.#building = { graph, next: 0, end: this.#table.count }
    this.#block = undefined
  }

  #build(building: Building): void {
    const slot = this.#nextOf(() => {
      const slots: number[] = []
      for (; building.next < building.end && slots.length < BLOCK_ROWS; building.next++)
        if (this.#table.stateOf(building.next) === STATE.live) slots.push(building.next)
      return slots
    })
    if (slot !== undefined) return this.#insert(building.graph, slot)
    this.#building = undefined
    this.#graph?.free?.()
    this.#graph = building.graph
    if (building.graph.size === 0) this.#drop()
    this.#unsaved = building.graph.size
    this.#saveDueMs = this.#host.nowMs()
    this.#recount()
  }

  /** Puts one row into the graph. */
  #index(graph: SlotGraph): void {
    const slot = this.#nextOf(() => {
      const slots: number[] = []
      for (const slot of this.#unindexed) if (slots.push(slot) === BLOCK_ROWS) break
      return slots.sort((a, b) => a - b)
    })
    if (slot === undefined) return
    this.#insert(graph, slot)
    this.#unindexed.delete(slot.slot)
    this.#unsaved++
  }

  #insert(graph: SlotGraph, { slot, vector }: { readonly slot: number; readonly vector: Float32Array }): void {
    const fault = vectorFault(vector, this.name.dims)
    if (fault !== undefined) {
      // It was whole when it was opened or written: the disk lost it since.
      this.#host.log('error', 'vectors.row.lost', { ...this.#fields(), label: this.#table.labelOf(slot), fault })
      this.#turn(slot, STATE.gone)
      return
    }
    graph.add(slot, vector)
  }

  /** The next row that is still live and not in the graph. */
  #nextOf(slots: () => readonly number[]): { readonly slot: number; readonly vector: Float32Array } | undefined {
    const target = this.#building?.graph ?? this.#graph
    for (;;) {
      for (let row = this.#block?.take(); row !== undefined; row = this.#block?.take()) {
        if (this.#table.stateOf(row.slot) === STATE.live && target?.has(row.slot) !== true) return row
        this.#unindexed.delete(row.slot)
      }
      const next = slots()
      this.#block = next.length === 0 ? undefined : new RowBlock(this.#rows, next)
      if (this.#block === undefined) return undefined
    }
  }

  #drop(): void {
    this.#graph?.free?.()
    this.#graph = undefined
  }

  #stopBuilding(): void {
    this.#building?.graph.free?.()
    this.#building = undefined
  }

  // ---- forgetting

  /** Nothing is left of these: neither in memory nor on the disk. They are gone already. */
  #wipe(slots: readonly number[]): void {
    if (slots.length === 0) return
    // What is saved is to be thrown away: taken in before, it need not be made again.
    if (this.#isToLoad) this.#load()
    this.#block = undefined
    try {
      this.#rows.wipe(slots)
      for (const slot of slots) this.#unwiped.delete(slot)
      this.#discard()
    } catch (thrown) {
      for (const slot of slots) this.#unwiped.add(slot)
      this.#host.log('error', 'vectors.erase.failed', { ...this.#fields(), reason: (thrown as Error).message })
    }
    const isMany = (graph: SlotGraph | undefined): boolean =>
      graph !== undefined && slots.filter(slot => graph.has(slot)).length > WIPED_SHARE_MAX * graph.size
    if (isMany(this.#graph)) this.#drop()
    if (isMany(this.#building?.graph)) this.#stopBuilding()
    for (const graph of this.#graphs()) for (const slot of slots) graph.wipe(slot)
    if (this.#graph === undefined) this.#recount()
    this.#unsaved = this.#graph?.size ?? 0
  }

  #isDue(): boolean {
    const { [STATE.gone]: gone } = this.#count
    if (this.#unwiped.size > 0 && this.#host.nowMs() >= this.#openedMs + PURGE_MS) return true
    return !this.#rows.isInMemory && this.#unclaimed.size === 0 && gone >= GRAPH_ROWS_MIN && gone > GONE_SHARE_MAX * this.#table.count
  }

  /** Overwrites what nobody listed, or leaves it out of a new file where that is much. */
  #purge(): void {
    this.#unclaimed = new Map()
    const { [STATE.gone]: gone } = this.#count
    const isMuch = gone >= GRAPH_ROWS_MIN && gone > GONE_SHARE_MAX * this.#table.count
    if (!isMuch || this.#rows.isInMemory || !this.#compact()) this.#wipe([...this.#unwiped])
    this.#unwiped.clear()
  }

  #compact(): boolean {
    const old = this.#table
    const slots: number[] = []
    for (let slot = 0; slot < old.count; slot++) if (old.stateOf(slot) !== STATE.gone) slots.push(slot)
    const tableOf = (generation: Uint32Array): SlotTable => {
      const table = SlotTable.of(roomFor(slots.length), generation)
      for (const slot of slots) table.push(old.labelOf(slot), old.stateOf(slot))
      return table
    }
    let table: SlotTable | undefined
    const isDone = this.#rows.compact(slots, generation => {
      table = tableOf(generation)
      this.#host.keep({ table: table.shared, rows: { isInMemory: false, inFile: 0, chunks: [] } })
    })
    if (!isDone || table === undefined) {
      this.#keep()
      return false
    }
    this.#table = table
    this.#drop()
    this.#stopBuilding()
    this.#recount()
    this.#discard()
    return true
  }

  // ---- the disk

  #isSaveDue(nowMs: number): boolean {
    const graph = this.#graph
    if (graph === undefined || this.#building !== undefined || this.#unindexed.size > 0 || this.#rows.isInMemory) return false
    return this.#unsaved >= Math.min(graph.size, Math.max(SAVE_ROWS_MIN, graph.size * SAVE_SHARE)) && nowMs >= this.#saveDueMs
  }

  #wanted(): Wanted {
    return { engine: this.#engine, name: this.name, generation: this.#rows.generation, rows: this.#rows.count }
  }

  #discard(): void {
    try {
      this.#cache.discard()
    } catch (thrown) {
      this.#trouble(thrown as Error)
    }
    this.#unsaved = this.#graph?.size ?? 0
  }

  #rowOptions(): RowFileOptions {
    return {
      file: join(this.#directory, 'rows'),
      dims: this.name.dims,
      onTrouble: error => this.#trouble(error),
      onKept: () => this.#keep(),
    }
  }

  /** Said once: it goes on in memory. */
  #trouble(error: Error): void {
    if (this.#isTroubled) return
    this.#isTroubled = true
    this.#host.log('error', 'vectors.disk', { ...this.#fields(), reason: error.message })
  }

  #keep(): void {
    // While it is being made there is nothing to keep yet.
    if (this.#rows !== undefined && this.#table !== undefined) this.#host.keep({ table: this.#table.shared, rows: this.#rows.kept })
  }

  #fields(): { space: string; embedder: string } {
    return { space: this.name.space, embedder: this.name.embedder }
  }
}

/** Places of ids in a list. Rows were added in the order of the fold, as a rule: then the next one is at the next place. */
class Listed {
  readonly #ids: Uint8Array
  #next = 0
  #places: Map<string, number> | undefined

  constructor(ids: Uint8Array) {
    this.#ids = ids
  }

  find(id: Uint8Array): number | undefined {
    if (this.#isAt(id, this.#next)) return this.#next++
    if (this.#places === undefined) {
      this.#places = new Map()
      for (let place = 0; 32 * place < this.#ids.length; place++) this.#places.set(keyOf(this.#ids, place), place)
    }
    const place = this.#places.get(keyOf(id, 0))
    if (place !== undefined) this.#next = place + 1
    return place
  }

  #isAt(id: Uint8Array, place: number): boolean {
    const at = 32 * place
    if (at >= this.#ids.length) return false
    for (let i = 0; i < 32; i++) if (id[i] !== this.#ids[at + i]) return false
    return true
  }
}

function keyOf(ids: Uint8Array, i: number): string {
  return Buffer.from(ids.buffer, ids.byteOffset + 32 * i, 32).toString('latin1')
}

/** Half as many again, so that it seldom grows. */
function roomFor(count: number): number {
  return Math.max(GRAPH_ROWS_MIN, Math.ceil(1.5 * count))
}

/** In place, where it is not of unit length as promised. */
function unit(vector: Float32Array): Float32Array {
  let squares = 0
  for (let i = 0; i < vector.length; i++) squares += (vector[i] as number) * (vector[i] as number)
  if (Math.abs(squares - 1) <= 1e-6) return vector
  const norm = Math.sqrt(squares)
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] as number) / norm
  return vector
}
