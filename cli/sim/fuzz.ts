import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { WeftError } from '../../base/errors.ts'
import type { FromWorker, SeedOutcome } from './fuzz-worker.ts'
import type { Source } from './source.ts'

export interface FuzzOptions {
  readonly source: Source
  /** Worker threads, each running one seed at a time. */
  readonly jobs: number
  /** No seed is begun after so much time. */
  readonly budgetMs: number
  /** Nor after so many; Infinity for no limit. */
  readonly seeds: number
  readonly firstSeed: number
  readonly onOutcome: (outcome: SeedOutcome) => void
  /** True ends it early. */
  readonly isEnough: () => boolean
}

/** Runs one seed after another on all jobs until the time is over. @throws `internal` when a run could not be made at all */
export async function fuzz(options: FuzzOptions): Promise<void> {
  const endMs = performance.now() + options.budgetMs
  let next = options.firstSeed
  const isOver = (): boolean => performance.now() >= endMs || next - options.firstSeed >= options.seeds || options.isEnough()
  await Promise.all(Array.from({ length: options.jobs }, () => work(options, () => (isOver() ? undefined : next++))))
}

function work({ source, onOutcome }: FuzzOptions, take: () => number | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(fileURLToPath(new URL('fuzz-worker.js', import.meta.url)), { workerData: { source } })
    const feed = (): void => {
      const seed = take()
      if (seed === undefined) worker.terminate().then(() => resolve(), reject)
      else worker.postMessage(seed)
    }
    worker.on('error', reject)
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'failed') {
        void worker.terminate()
        return reject(new WeftError('internal', `seed ${message.seed} could not be run: ${message.message}`))
      }
      onOutcome(message.outcome)
      feed()
    })
    feed()
  })
}
