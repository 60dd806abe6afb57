import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { WeftError } from '../../base/errors.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import type { FromWorker, SeedOutcome, Task } from './run-worker.ts'
import type { Source } from './source.ts'

/** 96 MiB for what is young: a run leaves little behind it, and is a sixth faster than with what threads have otherwise (125 seeds a minute, 150 with this). */
const YOUNG_MB = 96

interface Waiting {
  readonly task: Task
  readonly resolve: (outcome: SeedOutcome) => void
  readonly reject: (error: WeftError) => void
}

/**
 * Threads that run seeds side by side. A thread that dies of what it runs (no memory left, a program that ends the
 * process) takes one run with it, and another thread goes on with the next.
 */
export class RunPool {
  readonly #source: Source
  readonly #jobs: number
  readonly #threads: Map<Worker, Waiting | undefined> = new Map()
  readonly #queue: Waiting[] = []
  #isClosed = false

  /** @param jobs threads at most, each running one thing at a time */
  constructor(source: Source, jobs: number) {
    this.#source = source
    this.#jobs = jobs
  }

  /** Rejects with `internal` when the run could not be made: that is no verdict on anything. */
  run(task: Task): Promise<SeedOutcome> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(closed())
      this.#queue.push({ task: portable(task), resolve, reject })
      this.#feed()
    })
  }

  /** Ends all threads, whatever they are at; runs that had not ended are rejected. */
  async close(): Promise<void> {
    this.#isClosed = true
    const threads = [...this.#threads]
    this.#threads.clear()
    for (const [, waiting] of threads) waiting?.reject(closed())
    for (const { reject } of this.#queue.splice(0)) reject(closed())
    await Promise.all(threads.map(([worker]) => worker.terminate()))
  }

  #feed(): void {
    while (this.#queue.length > 0) {
      const idle = [...this.#threads].find(([, waiting]) => waiting === undefined)?.[0]
      const worker = idle ?? (this.#threads.size < this.#jobs ? this.#begin() : undefined)
      if (worker === undefined) return
      const next = this.#queue.shift() as Waiting
      this.#threads.set(worker, next)
      worker.postMessage(next.task, [])
    }
  }

  #begin(): Worker {
    // What programs print is not what the command says.
    const worker = new Worker(fileURLToPath(new URL('run-worker.js', import.meta.url)), {
      workerData: { source: this.#source },
      stdout: true,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
    worker.stdout.resume()
    let cause = 'a program ended it'
    worker.on('error', (thrown: unknown) => (cause = thrown instanceof Error ? thrown.message : String(thrown)))
    worker.on('exit', () => this.#onExit(worker, cause))
    worker.on('message', (message: FromWorker) => this.#onMessage(worker, message))
    return worker
  }

  #onMessage(worker: Worker, message: FromWorker): void {
    const waiting = this.#threads.get(worker)
    if (waiting === undefined) return
    this.#threads.set(worker, undefined)
    if (message.kind === 'outcome') waiting.resolve(message.outcome)
    else waiting.reject(new WeftError('internal', message.message))
    this.#feed()
  }

  #onExit(worker: Worker, cause: string): void {
    const waiting = this.#threads.get(worker)
    if (!this.#threads.delete(worker)) return
    waiting?.reject(new WeftError('internal', `its thread ended: ${cause}`))
    this.#feed()
  }
}

function closed(): WeftError {
  return new WeftError('stopping', 'there was no time left for it')
}

function portable(task: Task): Task {
  if (task.scenario === undefined) return task
  const workload = task.scenario.workload.map(work => (work.work === 'agent' ? { ...work, program: undefined } : work))
  return { ...task, scenario: { ...task.scenario, workload: workload as unknown as Scenario['workload'] } }
}
