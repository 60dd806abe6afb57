import type { Operation } from '../workload/history.ts'

/** How long the answers to one command took. */
export interface Latency {
  readonly command: string
  /** Answers, of whatever outcome. */
  readonly count: number
  readonly medianMs: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Answers per step of `LATENCY_STEPS_MS`, one more for those that took longer. */
  readonly histogram: readonly number[]
}

/** Upper ends, a third of a decade apart: from a read of memory to a call that nearly missed its deadline. */
export const LATENCY_STEPS_MS: readonly number[] = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000]

/** By command, in alphabetical order. */
export function latenciesOf(operations: readonly Operation[]): readonly Latency[] {
  const durations = new Map<string, number[]>()
  for (const { command, atMs, endMs } of operations) {
    if (endMs === null) continue
    const known = durations.get(command)
    if (known === undefined) durations.set(command, [endMs - atMs])
    else known.push(endMs - atMs)
  }
  return [...durations.keys()].sort().map(command =>
    latencyOf(
      command,
      (durations.get(command) as number[]).sort((a, b) => a - b),
    ),
  )
}

function latencyOf(command: string, sorted: readonly number[]): Latency {
  const histogram = [...LATENCY_STEPS_MS, 0].fill(0)
  for (const ms of sorted) {
    const step = LATENCY_STEPS_MS.findIndex(upToMs => ms <= upToMs)
    const at = step < 0 ? LATENCY_STEPS_MS.length : step
    histogram[at] = (histogram[at] as number) + 1
  }
  const quantile = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] as number
  return { command, count: sorted.length, medianMs: quantile(0.5), p99Ms: quantile(0.99), maxMs: quantile(1), histogram }
}
