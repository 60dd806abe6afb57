import { setTimeout as sleep } from 'node:timers/promises'
import { asWeftError } from '../../base/errors.ts'
import { RunPool } from './run-pool.ts'
import type { SeedOutcome } from './run-worker.ts'
import type { Source } from './source.ts'

export interface FuzzOptions {
  readonly source: Source
  /** Seeds that run at the same time. */
  readonly jobs: number
  /** No seed is begun after so much time. */
  readonly budgetMs: number
  /** Nor after so many; Infinity for no limit. */
  readonly seeds: number
  readonly firstSeed: number
  readonly onOutcome: (outcome: SeedOutcome) => void
  /** A seed that could not be run. */
  readonly onCrash: (seed: number, message: string) => void
  /** True ends it early. */
  readonly isEnough: () => boolean
  /** Ends it at once. */
  readonly signal: AbortSignal
}

/** A seed that was begun in time is waited for so long, or as long again as all took: one that never ends keeps nobody waiting. */
const GRACE_MS = 10_000
/** A simulator that fails again and again is told to people, not to the next thousand seeds. */
const CRASHES_MAX = 3

/** Runs one seed after another on all jobs until the time is over. @returns the seeds that had not ended by then */
export async function fuzz({
  source,
  jobs,
  budgetMs,
  seeds,
  firstSeed,
  onOutcome,
  onCrash,
  isEnough,
  signal,
}: FuzzOptions): Promise<readonly number[]> {
  const pool = new RunPool(source, jobs)
  const endMs = performance.now() + budgetMs
  const running = new Set<number>()
  let next = firstSeed
  let crashes = 0
  const isOver = (): boolean =>
    signal.aborted ||
    performance.now() >= endMs ||
    next - firstSeed >= seeds ||
    !Number.isSafeInteger(next) ||
    crashes >= CRASHES_MAX ||
    isEnough()
  const work = async (): Promise<void> => {
    while (!isOver()) {
      const seed = next++
      running.add(seed)
      try {
        onOutcome(await pool.run({ seed }))
      } catch (thrown) {
        const { code, message } = asWeftError(thrown)
        if (code === 'stopping') return
        crashes++
        onCrash(seed, message)
      }
      running.delete(seed)
    }
  }
  const isDone = new AbortController()
  const isLate = new Promise<void>(resolve => {
    const graceMs = Math.max(GRACE_MS, budgetMs)
    // Longer than a timer can be is for ever.
    if (budgetMs + graceMs < 2 ** 31) sleep(budgetMs + graceMs, undefined, { signal: isDone.signal }).then(resolve, () => {})
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })
  await Promise.race([Promise.all(Array.from({ length: jobs }, work)), isLate])
  isDone.abort()
  const unfinished = [...running]
  await pool.close()
  return unfinished
}
