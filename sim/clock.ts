import { assert } from '../base/assert.ts'
import type { Clock, Timer } from '../base/ports.ts'
import type { Scheduler } from './scheduler.ts'

/** 2026-01-01T00:00:00Z, so that times in a trace look like times. */
const START_MS = 1_767_225_600_000

export interface SimClockOptions {
  /** How far the wall is ahead of true time at the start of the run. */
  readonly offsetMs?: number
  /** How much faster than true time this node's oscillator runs, in parts per million; both clocks follow it. */
  readonly driftPpm?: number
}

/**
 * The clocks of one life of one node. A new life gets a new SimClock with the `offsetMs` of the
 * old one: the wall goes on, monotonic time starts again.
 */
export class SimClock implements Clock {
  readonly driftPpm: number
  readonly #scheduler: Scheduler
  readonly #bootUs: number
  #offsetMs: number
  #frozenMs: number | null = null
  #isDead = false

  constructor(scheduler: Scheduler, { offsetMs = 0, driftPpm = 0 }: SimClockOptions = {}) {
    this.#scheduler = scheduler
    this.#offsetMs = offsetMs
    this.driftPpm = driftPpm
    this.#bootUs = this.#oscillatorUs(scheduler.nowUs)
  }

  /** What the wall was set to at the start, and every step since. */
  get offsetMs(): number {
    return this.#offsetMs
  }

  wallMs(): number {
    return this.#frozenMs ?? START_MS + this.#offsetMs + Math.floor(this.#oscillatorUs(this.#scheduler.nowUs) / 1000)
  }

  monotonicMs(): number {
    return (this.#oscillatorUs(this.#scheduler.nowUs) - this.#bootUs) / 1000
  }

  after(delayMs: number, task: () => void): Timer {
    assert(delayMs >= 0 && Number.isFinite(delayMs), `a delay is 0 ms or more, got ${delayMs}`)
    if (this.#isDead) return NEVER
    return this.#scheduler.after(this.#delayUs(delayMs), () => {
      if (!this.#isDead) task()
    })
  }

  soon(task: () => void): void {
    this.after(0, task)
  }

  /** Somebody sets the wall: forwards, or back with a negative number. Monotonic time does not notice. */
  step(ms: number): void {
    this.#offsetMs += ms
  }

  /** The wall stands still until `thaw`, which takes it to where it would be. Monotonic time does not notice. */
  freeze(): void {
    this.#frozenMs = this.wallMs()
  }

  thaw(): void {
    this.#frozenMs = null
  }

  /** The node has crashed: no timer of this life fires, now or later. */
  kill(): void {
    this.#isDead = true
  }

  #oscillatorUs(trueUs: number): number {
    return trueUs + Math.trunc((trueUs * this.driftPpm) / 1_000_000)
  }

  /** True time until `delayMs` of this clock have gone by, to the microsecond and not one less. */
  #delayUs(delayMs: number): number {
    const nowUs = this.#scheduler.nowUs
    const dueUs = this.#oscillatorUs(nowUs) + Math.ceil(delayMs * 1000)
    let delayUs = Math.floor((delayMs * 1000 * 1_000_000) / (1_000_000 + this.driftPpm))
    while (this.#oscillatorUs(nowUs + delayUs) < dueUs) delayUs++
    return delayUs
  }
}

const NEVER: Timer = { cancel: () => {} }
