import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { toHex, utf8 } from '../../base/bytes.ts'
import { hash } from '../../base/crypto/hash.ts'
import { WeftError } from '../../base/errors.ts'
import {
  EF_MAX,
  RECALL_K_MAX,
  VECTOR_BATCHES_UNDER_WAY,
  VECTOR_DIMS_MAX,
  VECTOR_ROWS_WAITING_MAX,
  VECTOR_SEARCHES_WAITING_MAX,
} from '../../base/limits.ts'
import type { Logger } from '../../base/ports.ts'
import { vectorFault as faultOfVector } from '../vector-index.ts'
import type { VectorIndexName, VectorIndexStatus, VectorRow, VectorSearch, VectorsFound, VectorStore } from '../vector-store.ts'
import type { Engine } from './graph-cache.ts'
import { Batch, called, sharedCopy } from './batch.ts'
import type { IndexPlace, Reply, Request, WorkerStart } from './messages.ts'
import type { IndexKept } from './stored-index.ts'
import { SharedPool } from './shared-pool.ts'
import { Thread, type ThreadOptions } from './thread.ts'

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
  readonly #thread: Thread
  readonly #pool: SharedPool = new SharedPool()
  /** Asked of the thread, oldest first; then what waits to be. */
  #underWay: Asked[] = []
  #waiting: Asked[] = []
  /** Rows that are added at the end of what waits, as long as nothing follows them. */
  #batch: Batch | undefined
  #isFlushing = false
  #rowsWaiting = 0
  #searchesWaiting = 0
  #refused = 0
  #isClosing = false
  #isClosed = false

  constructor(options: VectorStoreOptions) {
    this.#options = options
    this.#thread = new Thread({
      engine: options.engine ?? 'hnswlib',
      log: options.log,
      make: options.thread,
      start: engine => ({
        engine,
        native: options.native ?? 'hnswlib-node',
        directory: options.directory,
        indexes: [...this.#indexes.values()].filter(({ kept }) => kept.length > 0),
      }),
      onMessage: message => this.#receive(message),
      onDeath: () => this.#askAgain(),
      onReady: () => this.#flush(),
    })
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
    if (this.#isClosing) {
      setImmediate(done)
      return
    }
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
    const fault = faultOf(k, ef, among)
    const noVector = vectorFaultOf(vector, index.dims)
    const open = this.#indexes.get(keyOf(index))
    const answer = (reply: Reply): void => done(foundOf(reply))
    if (noVector !== undefined) setImmediate(answer, failed('vector_invalid', noVector))
    else if (fault !== undefined) setImmediate(answer, failed('invalid_argument', fault))
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
    if (this.#indexes.size === 0) setImmediate(done, [])
    else this.#ask({ kind: 'status' }, reply => done(reply.kind === 'status' ? reply.rows : []))
  }

  close(done: () => void): void {
    if (this.#isClosing) {
      setImmediate(done)
      return
    }
    const end = (): void => {
      this.#isClosed = true
      this.#thread.end(done)
    }
    if (this.#thread.hasBegun || this.#waiting.length > 0) this.#ask({ kind: 'close' }, end)
    else end()
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
    const batch = new Batch(place, rows, this.#pool)
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
    this.#batch = undefined
    let batches = this.#underWay.filter(({ rows }) => rows > 0).length
    let count = 0
    for (; count < this.#waiting.length; count++)
      if ((this.#waiting[count] as Asked).rows > 0 && ++batches > VECTOR_BATCHES_UNDER_WAY) break
    if (count === 0) return
    const leaving = this.#waiting.slice(0, count)
    if (!this.#thread.post(leaving.map(({ request }) => request))) return
    this.#waiting = this.#waiting.slice(count)
    for (const asked of leaving) {
      asked.attempts++
      this.#underWay.push(asked)
    }
  }

  // ---- the thread

  /** What the last thread left unanswered comes first. */
  #askAgain(): void {
    const again = this.#underWay
    this.#underWay = []
    const isLost = ({ attempts }: Asked): boolean => attempts >= ATTEMPTS_MAX
    this.#waiting = [...again.filter(asked => !isLost(asked)), ...this.#waiting]
    for (const { request, settle } of again.filter(isLost)) {
      this.#options.log('error', 'vectors.given-up', { request: request.kind })
      called(() => settle(failed('internal', 'the thread of the vectors ended whenever it was asked this')))
    }
  }

  #receive(message: Parameters<ThreadOptions['onMessage']>[0]): void {
    switch (message.kind) {
      case 'replies':
        for (const [i, asked] of this.#underWay.splice(0, message.replies.length).entries())
          called(() => asked.settle(message.replies[i] as Reply))
        if (this.#waiting.length > 0) this.#flushSoon()
        return
      case 'keep':
        for (const open of this.#indexes.values())
          if (open.place.number === message.index) open.kept = [message.kept, ...open.kept].slice(0, 2)
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

function faultOf(k: number, ef: number | undefined, among: Uint8Array | undefined): string | undefined {
  if (among !== undefined && !(among instanceof Uint8Array)) return 'what is allowed is no Uint8Array'
  if (!Number.isInteger(k) || k < 1 || k > RECALL_K_MAX) return `k is 1 to ${RECALL_K_MAX}, got ${k}`
  return ef === undefined || (Number.isInteger(ef) && ef >= 1 && ef <= EF_MAX) ? undefined : `ef is 1 to ${EF_MAX}, got ${ef}`
}

/** Also of what is no array of numbers at all: a program in plain JavaScript may give anything. */
function vectorFaultOf(vector: unknown, dims: number): string | undefined {
  return vector instanceof Float32Array ? faultOfVector(vector, dims) : 'it is no Float32Array'
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
