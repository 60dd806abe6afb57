import { TICK_INTERVAL_MAX_MS, TICK_INTERVAL_MIN_MS, TICK_INTERVAL_MS } from '../../base/limits.ts'

/** A tenth of what is new goes into the average: some ten ticks are remembered. */
const MEMORY = 0.1

/**
 * How far apart ticks are, so that they take their share of the loop and no more. Over 1.1 times the share the
 * interval grows by a tenth, or at once to what keeps it when that is further away; under half of it, it shrinks by a tenth.
 */
export class Pace {
  intervalMs: number = TICK_INTERVAL_MS
  /** How long a tick takes, lately; undefined before the first. */
  averageMs: number | undefined
  readonly #share: number

  /** @param share of the loop, above 0 and at most 1 */
  constructor(share: number) {
    this.#share = share
  }

  /** A tick took so long. */
  took(ms: number): void {
    this.averageMs = this.averageMs === undefined ? ms : this.averageMs + MEMORY * (ms - this.averageMs)
    const budgetMs = this.#share * this.intervalMs
    if (this.averageMs > 1.1 * budgetMs) this.intervalMs = Math.max(this.intervalMs * 1.1, this.averageMs / this.#share)
    else if (this.averageMs < 0.5 * budgetMs) this.intervalMs *= 0.9
    this.intervalMs = Math.min(TICK_INTERVAL_MAX_MS, Math.max(TICK_INTERVAL_MIN_MS, this.intervalMs))
  }
}
