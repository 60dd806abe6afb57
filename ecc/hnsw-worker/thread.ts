import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Logger } from '../../base/ports.ts'
import type { Engine } from './graph-cache.ts'
import { Gate } from './gate.ts'
import type { FromWorker, ToWorker, WorkerStart } from './messages.ts'

/** Three deaths of the thread within a minute, and it goes on with our own graph. */
const DEATHS_MAX = 3
const DEATHS_MS = 60_000
/** The second death in a minute is followed by a wait of 100 ms, the next ones by twice as long each, up to 5 s. */
const WAIT_MIN_MS = 100
const WAIT_MAX_MS = 5_000

/** 8 MiB for what is young: each call of hnswlib leaves a few KB, which would fill 48 MiB first, and be no faster. */
const YOUNG_MB = 8

/** Of all threads of this process: one that ends while hnswlib works would be aborted. */
const gates: Set<Gate> = new Set()

function haltAll(): void {
  for (const gate of gates) gate.halt()
}

export interface ThreadOptions {
  readonly engine: Engine
  readonly log: Logger
  /** Makes a thread. */
  readonly make: ((start: WorkerStart) => Worker) | undefined
  /** What it begins with. */
  readonly start: (engine: Engine) => Omit<WorkerStart, 'gate'>
  readonly onMessage: (message: Exclude<FromWorker, { kind: 'engine' | 'log' }>) => void
  /** It died: whatever it was asked is to be asked again once `onReady` says so. */
  readonly onDeath: () => void
  readonly onReady: () => void
}

/** The thread of the indexes, and after its death the next one. */
export class Thread {
  readonly #options: ThreadOptions
  #engine: Engine
  #worker: Worker | undefined
  #gate: Gate | undefined
  #deathsMs: number[] = []
  /** Runs before the next one may begin. */
  #wait: NodeJS.Timeout | undefined

  constructor(options: ThreadOptions) {
    this.#options = options
    this.#engine = options.engine
  }

  get hasBegun(): boolean {
    return this.#worker !== undefined || this.#wait !== undefined
  }

  /** Begins a thread when there is none. @returns false when it has to wait, and `onReady` will be called */
  post(requests: ToWorker): boolean {
    if (this.#wait !== undefined) return false
    const worker = this.#worker ?? this.#begin()
    worker.postMessage(requests, [])
    return true
  }

  end(done: () => void): void {
    const worker = this.#worker
    this.#worker = undefined
    clearTimeout(this.#wait)
    this.#halt()
    if (worker === undefined) setImmediate(done)
    else worker.terminate().then(done, done)
  }

  #halt(): void {
    if (this.#gate === undefined) return
    gates.delete(this.#gate)
    this.#gate.halt()
    this.#gate = undefined
  }

  #begin(): Worker {
    const { make, start, onMessage, log } = this.#options
    const gate = new Gate()
    const given = { ...start(this.#engine), gate: gate.shared }
    this.#gate = gate
    process.off('exit', haltAll)
    process.on('exit', haltAll)
    gates.add(gate)
    // What the program was started with is not for this thread: loaders and debuggers would cost it a second.
    const worker =
      make?.(given) ??
      new Worker(fileURLToPath(new URL('worker.js', import.meta.url)), {
        workerData: given,
        execArgv: [],
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
      })
    this.#worker = worker
    let reason = 'it ended'
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'log') log(message.level, message.event, message.fields)
      else if (message.kind === 'engine') this.#onEngine(message.engine, message.reason)
      else onMessage(message)
    })
    worker.on('error', error => {
      reason = error instanceof Error ? error.message : String(error)
    })
    worker.on('exit', () => {
      if (this.#worker === worker) this.#onExit(reason)
    })
    return worker
  }

  #onEngine(engine: Engine, reason: string | undefined): void {
    if (engine === this.#engine) return
    this.#engine = engine
    this.#options.log('warn', 'vectors.engine', { engine, reason })
  }

  #onExit(reason: string): void {
    const { log, onDeath, onReady } = this.#options
    this.#worker = undefined
    if (this.#gate !== undefined) gates.delete(this.#gate)
    this.#gate = undefined
    const nowMs = performance.now()
    this.#deathsMs = [...this.#deathsMs.filter(ms => ms > nowMs - DEATHS_MS), nowMs]
    const deaths = this.#deathsMs.length
    log('error', 'vectors.thread.died', { engine: this.#engine, reason, deaths })
    if (deaths >= DEATHS_MAX && this.#engine === 'hnswlib') {
      this.#engine = 'typescript'
      this.#deathsMs = []
      log('error', 'vectors.engine', { engine: 'typescript', reason: `hnswlib died ${deaths} times within a minute` })
    }
    const waitMs = deaths <= 1 ? 0 : Math.min(WAIT_MAX_MS, WAIT_MIN_MS * 2 ** (deaths - 2))
    this.#wait = setTimeout(() => {
      this.#wait = undefined
      this.#begin()
      onReady()
    }, waitMs)
    onDeath()
  }
}
