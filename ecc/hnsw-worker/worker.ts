import { readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import { Gate } from './gate.ts'
import { loadNative, type NativeConstructor } from './native-graph.ts'
import type { FromWorker, IndexPlace, Reply, Request, ToWorker, WorkerStart } from './messages.ts'
import { type IndexHost, type IndexKept, StoredIndex } from './stored-index.ts'

/**
 * The thread that has all indexes of a node. Between two rows that it puts into a graph it looks whether something was asked: a
 * search waits for one row, not for a rebuild.
 */

/** 8 ms of work, then the loop has a turn: it alone notices that the thread is to end. */
const SLICE_MS = 8
/** 1.5 ms of answers are told together: the caller works on them while the next ones are found. */
const TELL_MS = 1.5
const CHANGES: ReadonlySet<Request['kind']> = new Set(['open', 'add', 'retire', 'revive', 'erase'])
/** As the store names them. */
const FOLDER = /^[0-9a-f]{32}$/
/** 2^31 - 1 ms: the longest that a timer can wait. */
const TIMER_MAX_MS = 2 ** 31 - 1

assert(parentPort !== null, 'a worker thread')
const port = parentPort
const start = workerData as WorkerStart
const gate = new Gate(start.gate)
gate.enter()
const indexes = new Map<number, StoredIndex>()
const folders = new Map<number, string>()
const native = engineOf(start)
let isClosed = false
let isWorking = false
let timer: NodeJS.Timeout | undefined

for (const { place, kept } of start.indexes) make(place, kept)
port.on('message', (requests: ToWorker) => {
  gate.enter()
  answer(requests)
  gate.leave()
  schedule()
})
schedule()
gate.leave()

function engineOf({ engine, native: name }: WorkerStart): NativeConstructor | undefined {
  if (engine === 'typescript') {
    say({ kind: 'engine', engine, reason: undefined })
    return undefined
  }
  try {
    const loaded = loadNative(name)
    say({ kind: 'engine', engine, reason: undefined })
    return loaded
  } catch (thrown) {
    const [reason] = (thrown instanceof Error ? thrown.message : String(thrown)).split('\n')
    say({ kind: 'engine', engine: 'typescript', reason })
    return undefined
  }
}

function make({ number, name, directory }: IndexPlace, kept: readonly IndexKept[] = []): StoredIndex {
  const host: IndexHost = {
    native,
    nowMs: () => performance.now(),
    log: (level, event, fields) => say({ kind: 'log', level, event, fields }),
    keep: kept => say({ kind: 'keep', index: number, kept }),
  }
  const index = new StoredIndex(name, directory, host, kept)
  indexes.set(number, index)
  folders.set(number, directory)
  return index
}

function answer(requests: ToWorker): void {
  let replies: Reply[] = []
  let sinceMs = performance.now()
  const tell = (): void => {
    say({ kind: 'replies', replies })
    replies = []
    sinceMs = performance.now()
  }
  for (const request of requests) {
    // What was seen is told before anything changes: if this thread ends, it is not looked for again among what came later.
    const isSeen = CHANGES.has(request.kind) && replies.some(({ kind }) => kind === 'found')
    if (isSeen || (replies.length > 0 && performance.now() - sinceMs > TELL_MS)) tell()
    try {
      replies.push(replyTo(request))
    } catch (thrown) {
      // A bug, or a disk that cannot be read: the thread goes on, and so do the other indexes.
      const message = thrown instanceof Error ? thrown.message : String(thrown)
      say({ kind: 'log', level: 'error', event: 'vectors.failed', fields: { request: request.kind, reason: message } })
      replies.push({ kind: 'failed', code: thrown instanceof RangeError ? 'invalid_argument' : 'internal', message })
    }
  }
  tell()
}

function replyTo(request: Request): Reply {
  switch (request.kind) {
    case 'open': {
      const index = indexes.get(request.place.number) ?? make(request.place)
      return { kind: 'missing', labels: index.open(request.labels, request.ids) }
    }
    case 'add':
      indexes.get(request.index)?.add(request.labels, request.ids, request.vectors)
      return { kind: 'done' }
    case 'retire':
    case 'revive':
    case 'erase':
      indexes.get(request.index)?.[request.kind](request.labels)
      return { kind: 'done' }
    case 'search':
      return { kind: 'found', ...(indexes.get(request.index)?.search(request) ?? { labels: [], scores: [], exact: true }) }
    case 'status':
      return { kind: 'status', rows: [...indexes.values()].map(index => index.status()) }
    case 'close':
      isClosed = true
      for (const index of indexes.values()) index.close()
      if (indexes.size > 0) forget()
      clearTimeout(timer)
      return { kind: 'done' }
  }
}

/** What nobody opened all this time belongs to an embedder that is not used any more. It may hold what has been erased since. */
function forget(): void {
  const known = new Set([...folders.values()].map(folder => basename(folder)))
  try {
    for (const folder of readdirSync(start.directory))
      if (FOLDER.test(folder) && !known.has(folder)) rmSync(join(start.directory, folder), { recursive: true, force: true })
  } catch {
    // A disk that fails has been told of by the indexes.
  }
}

function schedule(): void {
  if (isWorking || isClosed) return
  isWorking = true
  setImmediate(work)
}

function work(): void {
  isWorking = false
  gate.enter()
  const endMs = performance.now() + SLICE_MS
  // Whatever came while something was done is answered before anything else is.
  const isOn = (): boolean => {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) answer(next.message as ToWorker)
    gate.leave()
    gate.enter()
    return !isClosed && performance.now() < endMs
  }
  let wasBusy = false
  for (const index of indexes.values()) {
    while (isOn() && index.work()) wasBusy = true
    if (!isOn()) break
  }
  gate.leave()
  if (isClosed) return
  if (wasBusy || performance.now() >= endMs) return schedule()
  const dueMs = Math.min(...[...indexes.values()].map(index => index.dueMs ?? Number.POSITIVE_INFINITY))
  clearTimeout(timer)
  if (dueMs < Number.POSITIVE_INFINITY) timer = setTimeout(schedule, Math.min(TIMER_MAX_MS, Math.max(1, dueMs - performance.now())))
}

function say(message: FromWorker): void {
  port.postMessage(message, [])
}
