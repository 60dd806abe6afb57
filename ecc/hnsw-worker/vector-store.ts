import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { toHex, utf8 } from '../../base/bytes.ts'
import { hash } from '../../base/crypto/hash.ts'
import { WeftError } from '../../base/errors.ts'
import {
  EF_MAX,
  RECALL_K_MAX,
  VECTOR_BATCH_ROWS,
  VECTOR_BATCHES_UNDER_WAY,
  VECTOR_DIMS_MAX,
  VECTOR_ROWS_WAITING_MAX,
  VECTOR_SEARCHES_WAITING_MAX,
} from '../../base/limits.ts'
import type { Logger } from '../../base/ports.ts'
import { vectorFault } from '../vector-index.ts'
import type { VectorIndexName, VectorIndexStatus, VectorRow, VectorSearch, VectorsFound, VectorStore } from '../vector-store.ts'
import type { Engine } from './graph-cache.ts'
import type { FromWorker, IndexPlace, Reply, Request, WorkerStart } from './messages.ts'
import type { IndexKept } from './stored-index.ts'

export interface VectorStoreOptions {
  /** Has a folder for each index. Made when it is needed; removed, it costs a rebuild. */
  readonly directory: string
  readonly log: Logger
  /** hnswlib, unless it cannot be loaded. */
  readonly engine?: Engine
  /** The package that hnswlib is loaded from. */
  readonly native?: string
  /** Makes the thread. */
  readonly thread?: (start: WorkerStart) => Worker
}

/** Three deaths of the thread within a minute, and it goes on with our own graph. */
const DEATHS_MAX = 3
const DEATHS_MS = 60_000
/** The second death in a minute is followed by a wait of 100 ms, the next ones by twice as long each, up to 5 s. */
const WAIT_MIN_MS = 100
const WAIT_MAX_MS = 5_000
/** Asked so often, a request is what kills the thread. */
const ATTEMPTS_MAX = 6

/** The vectors of a node, in a thread of their own. */
export function openVectorStore(options: VectorStoreOptions): VectorStore {
  return new ThreadedVectorStore(options)
}

/** What was asked and is not answered. */
interface Asked {
  readonly request: Request
  readonly rows: number
  attempts: number
  readonly settle: (reply: Reply) => void
}

interface OpenIndex {
  readonly place: IndexPlace
  /** Newest first: the last two, since a thread may die between telling of a new one and taking it. */
  kept: readonly IndexKept[]
}

class ThreadedVectorStore implements VectorStore {
  readonly #options: VectorStoreOptions
  readonly #indexes: Map<string, OpenIndex> = new Map()
  #engine: Engine
  #worker: Worker | undefined
  /** Asked of the thread, oldest first; then what waits to be. */
  #underWay: Asked[] = []
  #waiting: Asked[] = []
  /** Rows that are added at the end of what waits, as long as nothing follows them. */
  #batch: Batch | undefined
  #isFlushing = false
  #rowsWaiting = 0
  #searchesWaiting = 0
  #deathsMs: number[] = []
  #refused = 0
  #isClosing = false
  #isClosed = false

  constructor(options: VectorStoreOptions) {
    this.#options = options
    this.#engine = options.engine ?? 'hnswlib'
  }

  open(index: VectorIndexName, labels: Uint32Array, ids: Uint8Array, done: (missing: Uint32Array) => void): void {
    if (!Number.isInteger(index.dims) || index.dims < 1 || index.dims > VECTOR_DIMS_MAX)
      throw new RangeError(`a vector has 1 to ${VECTOR_DIMS_MAX} dimensions, got ${index.dims}`)
    if (ids.length !== 32 * labels.length) throw new RangeError(`${ids.length} bytes of ids for ${labels.length} labels`)
    const { place } = this.#made(index)
    const own = { labels: sharedCopy(labels), ids: sharedCopy(ids) }
    this.#ask({ kind: 'open', place, ...own }, reply => done(reply.kind === 'missing' ? reply.labels : own.labels.slice()))
  }

  add(index: VectorIndexName, rows: readonly VectorRow[], done: () => void): void {
    for (const { label, id } of rows) {
      if (!Number.isInteger(label) || label < 0 || label >= 0xffffffff)
        throw new RangeError(`a label is an integer from 0 to 2^32 - 2, got ${label}`)
      if (id.length !== 32) throw new RangeError(`an id is 32 bytes, got ${id.length}`)
    }
    if (this.#rowsWaiting + rows.length > VECTOR_ROWS_WAITING_MAX)
      throw new RangeError(`${VECTOR_ROWS_WAITING_MAX} rows may wait, and ${this.#rowsWaiting} do: wait for some to be done`)
    if (!this.#indexes.has(keyOf(index))) this.open(index, new Uint32Array(0), new Uint8Array(0), () => {})
    const { place } = this.#made(index)
    const good: VectorRow[] = []
    for (const row of rows) {
      const fault = vectorFaultOf(row.vector, index.dims)
      if (fault === undefined) good.push(row)
      else this.#refuse(index, row.label, fault)
    }
    if (good.length === 0) {
      this.#ask(
        { kind: 'add', index: place.number, labels: new Uint32Array(0), ids: new Uint8Array(0), vectors: new Float32Array(0) },
        done,
      )
      return
    }
    for (let from = 0; from < good.length; ) {
      if (this.#batch?.place !== place || this.#batch.isFull) this.#beginBatch(place, good.length - from)
      const batch = this.#batch as Batch
      from += batch.take(good, from)
      if (from === good.length) batch.done.push(done)
    }
  }

  retire(index: VectorIndexName, labels: Uint32Array): void {
    this.#change('retire', index, labels)
  }

  revive(index: VectorIndexName, labels: Uint32Array): void {
    this.#change('revive', index, labels)
  }

  erase(index: VectorIndexName, labels: Uint32Array): void {
    this.#change('erase', index, labels)
  }

  search(index: VectorIndexName, { vector, k, exact, ef, among }: VectorSearch, done: (found: VectorsFound) => void): void {
    const fault = faultOf(index, vector, k, ef, among)
    const open = this.#indexes.get(keyOf(index))
    const answer = (reply: Reply): void => done(foundOf(reply))
    if (fault !== undefined) setImmediate(answer, failed('invalid_argument', fault))
    else if (this.#searchesWaiting >= VECTOR_SEARCHES_WAITING_MAX)
      setImmediate(answer, failed('full', `${this.#searchesWaiting} searches of vectors are waiting`))
    else if (open === undefined && !this.#isClosing)
      setImmediate(answer, { kind: 'found', labels: [], scores: [], exact: true } satisfies Reply)
    else {
      this.#searchesWaiting++
      const request = { vector: vector.slice(), k, exact: exact === true, ef, among: among?.slice() }
      this.#ask({ kind: 'search', index: open?.place.number ?? 0, ...request }, reply => {
        this.#searchesWaiting--
        answer(reply)
      })
    }
  }

  status(done: (rows: readonly VectorIndexStatus[]) => void): void {
    this.#ask({ kind: 'status' }, reply => done(reply.kind === 'status' ? reply.rows : []))
  }

  close(done: () => void): void {
    if (this.#isClosing) {
      setImmediate(done)
      return
    }
    const end = (): void => {
      this.#isClosed = true
      const worker = this.#worker
      this.#worker = undefined
      if (worker === undefined) done()
      else
        worker.terminate().then(
          () => done(),
          () => done(),
        )
    }
    if (this.#worker === undefined && this.#waiting.length === 0) {
      this.#isClosing = true
      setImmediate(end)
      return
    }
    this.#ask({ kind: 'close' }, end)
    this.#isClosing = true
  }

  // ---- asking

  #change(kind: 'retire' | 'revive' | 'erase', index: VectorIndexName, labels: Uint32Array): void {
    const open = this.#indexes.get(keyOf(index))
    if (open !== undefined && labels.length > 0) this.#ask({ kind, index: open.place.number, labels: labels.slice() }, () => {})
  }

  #ask(request: Request, settle: (reply: Reply) => void): void {
    if (this.#isClosing) {
      setImmediate(settle, failed('stopping', 'this node is stopping'))
      return
    }
    this.#batch = undefined
    this.#waiting.push({ request, rows: 0, attempts: 0, settle })
    this.#flushSoon()
  }

  #beginBatch(place: IndexPlace, rows: number): void {
    if (this.#isClosing) {
      this.#batch = new Batch(place, rows)
      setImmediate(() => this.#batch?.settle())
      return
    }
    const batch = new Batch(place, rows)
    this.#batch = batch
    const counted = (change: number): void => void (this.#rowsWaiting += change)
    batch.onRows = counted
    this.#waiting.push({
      get request() {
        return batch.request
      },
      get rows() {
        return batch.count
      },
      attempts: 0,
      settle: () => {
        counted(-batch.count)
        batch.settle()
      },
    })
    this.#flushSoon()
  }

  /** What was asked in one turn of the loop leaves together. */
  #flushSoon(): void {
    if (this.#isFlushing) return
    this.#isFlushing = true
    setImmediate(() => {
      this.#isFlushing = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#isClosed || this.#waiting.length === 0) return
    const worker = this.#worker ?? this.#begin()
    if (worker === undefined) return
    this.#batch = undefined
    let batches = 0
    for (const { rows } of this.#underWay) if (rows > 0) batches++
    let count = 0
    for (; count < this.#waiting.length; count++) {
      if ((this.#waiting[count] as Asked).rows > 0 && ++batches > VECTOR_BATCHES_UNDER_WAY) break
    }
    const leaving = this.#waiting.splice(0, count)
    for (const asked of leaving) {
      asked.attempts++
      this.#underWay.push(asked)
    }
    if (leaving.length > 0)
      worker.postMessage(
        leaving.map(({ request }) => request),
        [],
      )
    worker.ref()
  }

  // ---- the thread

  #begin(): Worker | undefined {
    if (this.#waitsToBegin) return undefined
    const start: WorkerStart = {
      engine: this.#engine,
      native: this.#options.native ?? 'hnswlib-node',
      directory: this.#options.directory,
      indexes: [...this.#indexes.values()].filter(({ kept }) => kept.length > 0),
    }
    const worker = this.#options.thread?.(start) ?? new Worker(fileURLToPath(new URL('worker.js', import.meta.url)), { workerData: start })
    this.#worker = worker
    worker.on('message', (message: FromWorker) => this.#receive(message))
    let reason = 'it ended'
    worker.on('error', error => {
      reason = error instanceof Error ? error.message : String(error)
    })
    worker.on('exit', () => {
      if (this.#worker === worker) this.#mourn(reason)
    })
    return worker
  }

  #waitsToBegin = false

  #mourn(reason: string): void {
    this.#worker = undefined
    const nowMs = performance.now()
    this.#deathsMs = [...this.#deathsMs.filter(ms => ms > nowMs - DEATHS_MS), nowMs]
    const deaths = this.#deathsMs.length
    this.#options.log('error', 'vectors.thread.died', { engine: this.#engine, reason, deaths })
    if (deaths >= DEATHS_MAX && this.#engine === 'hnswlib') {
      this.#engine = 'typescript'
      this.#deathsMs = []
      this.#options.log('error', 'vectors.engine', { engine: 'typescript', reason: `hnswlib died ${deaths} times within a minute` })
    }
    const again = this.#underWay
    this.#underWay = []
    const lost = again.filter(({ attempts }) => attempts >= ATTEMPTS_MAX)
    this.#waiting = [...again.filter(({ attempts }) => attempts < ATTEMPTS_MAX), ...this.#waiting]
    for (const { request, settle } of lost) {
      this.#options.log('error', 'vectors.given-up', { request: request.kind })
      called(() => settle(failed('internal', 'the thread of the vectors ended whenever it was asked this')))
    }
    const waitMs = deaths <= 1 ? 0 : Math.min(WAIT_MAX_MS, WAIT_MIN_MS * 2 ** (deaths - 2))
    this.#waitsToBegin = true
    setTimeout(() => {
      this.#waitsToBegin = false
      if (!this.#isClosed && (this.#indexes.size > 0 || this.#waiting.length > 0)) this.#begin()
      this.#flush()
    }, waitMs)
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'replies':
        for (const reply of message.replies) {
          const asked = this.#underWay.shift()
          if (asked !== undefined) called(() => asked.settle(reply))
        }
        if (this.#underWay.length === 0) this.#worker?.unref()
        if (this.#waiting.length > 0) this.#flushSoon()
        return
      case 'keep':
        for (const open of this.#indexes.values())
          if (open.place.number === message.index) open.kept = [message.kept, ...open.kept].slice(0, 2)
        return
      case 'engine':
        if (message.engine !== this.#engine) this.#options.log('warn', 'vectors.engine', { engine: message.engine, reason: message.reason })
        this.#engine = message.engine
        return
      case 'log':
        this.#options.log(message.level, message.event, message.fields)
        return
    }
  }

  #made(name: VectorIndexName): OpenIndex {
    const key = keyOf(name)
    const known = this.#indexes.get(key)
    if (known !== undefined) return known
    const { space, embedder, dims } = name
    const directory = join(this.#options.directory, folderOf(key))
    const made: OpenIndex = { place: { number: this.#indexes.size, name: { space, embedder, dims }, directory }, kept: [] }
    this.#indexes.set(key, made)
    return made
  }

  #refuse({ space, embedder }: VectorIndexName, label: number, fault: string): void {
    this.#refused++
    this.#options.log('warn', 'vectors.refused', { space, embedder, label, fault, refused: this.#refused })
  }
}

/** Rows of one index that travel together, in shared memory: asked again of the next thread they are still there. */
class Batch {
  readonly place: IndexPlace
  readonly done: (() => void)[] = []
  onRows: (change: number) => void = () => {}
  #room: number
  #labels: Uint32Array
  #ids: Uint8Array
  #vectors: Float32Array
  #count = 0

  constructor(place: IndexPlace, rows: number) {
    this.place = place
    this.#room = Math.min(rows, VECTOR_BATCH_ROWS)
    this.#labels = shared(Uint32Array, this.#room)
    this.#ids = shared(Uint8Array, 32 * this.#room)
    this.#vectors = shared(Float32Array, place.name.dims * this.#room)
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === VECTOR_BATCH_ROWS
  }

  get request(): Request {
    const { number, name } = this.place
    return {
      kind: 'add',
      index: number,
      labels: this.#labels.subarray(0, this.#count),
      ids: this.#ids.subarray(0, 32 * this.#count),
      vectors: this.#vectors.subarray(0, name.dims * this.#count),
    }
  }

  /** @returns how many rows found room */
  take(rows: readonly VectorRow[], from: number): number {
    const taken = Math.min(rows.length - from, VECTOR_BATCH_ROWS - this.#count)
    if (this.#count + taken > this.#room) this.#grow(this.#count + taken)
    const { dims } = this.place.name
    for (const { label, id, vector } of rows.slice(from, from + taken)) {
      this.#labels[this.#count] = label
      this.#ids.set(id, 32 * this.#count)
      this.#vectors.set(vector, dims * this.#count)
      this.#count++
    }
    this.onRows(taken)
    return taken
  }

  settle(): void {
    for (const done of this.done.splice(0)) called(done)
  }

  #grow(rows: number): void {
    this.#room = Math.min(VECTOR_BATCH_ROWS, Math.max(rows, 2 * this.#room))
    const { dims } = this.place.name
    const [labels, ids, vectors] = [
      shared(Uint32Array, this.#room),
      shared(Uint8Array, 32 * this.#room),
      shared(Float32Array, dims * this.#room),
    ]
    labels.set(this.#labels)
    ids.set(this.#ids)
    vectors.set(this.#vectors)
    this.#labels = labels
    this.#ids = ids
    this.#vectors = vectors
  }
}

/** What a caller does with an answer stops no other answer. */
function called(callback: () => void): void {
  try {
    callback()
  } catch (thrown) {
    setImmediate(() => {
      throw thrown
    })
  }
}

function faultOf(
  index: VectorIndexName,
  vector: Float32Array,
  k: number,
  ef: number | undefined,
  among: Uint8Array | undefined,
): string | undefined {
  if (among !== undefined && !(among instanceof Uint8Array)) return 'what is allowed is no Uint8Array'
  if (!Number.isInteger(k) || k < 1 || k > RECALL_K_MAX) return `k is 1 to ${RECALL_K_MAX}, got ${k}`
  if (ef !== undefined && (!Number.isInteger(ef) || ef < k || ef > EF_MAX)) return `ef is k to ${EF_MAX}, got ${ef}`
  return vectorFaultOf(vector, index.dims)
}

/** Also of what is no array of numbers at all: a program in plain JavaScript may give anything. */
function vectorFaultOf(vector: unknown, dims: number): string | undefined {
  return vector instanceof Float32Array ? vectorFault(vector, dims) : 'it is no Float32Array'
}

function foundOf(reply: Reply): VectorsFound {
  if (reply.kind === 'found')
    return { ok: true, neighbours: reply.labels.map((label, i) => ({ label, score: reply.scores[i] as number })), exact: reply.exact }
  const { code, message } = reply.kind === 'failed' ? reply : failed('internal', 'an answer to something else')
  return { ok: false, error: new WeftError(code, message) }
}

function failed(code: Extract<Reply, { kind: 'failed' }>['code'], message: string): Extract<Reply, { kind: 'failed' }> {
  return { kind: 'failed', code, message }
}

function keyOf({ space, embedder, dims }: VectorIndexName): string {
  return JSON.stringify([space, embedder, dims])
}

/** 16 bytes of hash: a name may hold whatever its writer liked. */
function folderOf(key: string): string {
  return toHex(hash('content', utf8(key)).subarray(0, 16))
}

type Numbers = Uint8Array | Uint32Array | Float32Array

function shared<A extends Numbers>(Kind: new (buffer: SharedArrayBuffer) => A, length: number): A {
  const bytes = length * (Kind as unknown as { readonly BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT
  return new Kind(new SharedArrayBuffer(bytes))
}

function sharedCopy<A extends Numbers>(array: A): A {
  const copy = shared(array.constructor as new (buffer: SharedArrayBuffer) => A, array.length)
  copy.set(array)
  return copy
}
