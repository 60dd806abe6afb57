import { assert } from '../base/assert.ts'
import type { Clock, Timer } from '../base/ports.ts'
import type { SimTimer, Timeline } from './scheduler.ts'

/** 2026-01-01T00:00:00Z, so that times in a trace look like times. */
const START_MS = 1_767_225_600_000

export interface SimClockOptions {
  /** How far the wall is ahead of true time at the start of the run. */
  readonly offsetMs?: number
  /** How much faster than true time this node's oscillator runs, in parts per million; both clocks follow it. */
  readonly driftPpm?: number
}

/**
 * The clocks of one life of one node. A new life gets the clock that `reboot` makes: the wall goes on
 * with all that was done to it, monotonic time starts again.
 */
export class SimClock implements Clock {
  readonly #timeline: Timeline
  readonly #wall: Wall
  readonly #bootUs: number
  #isDead = false

  constructor(timeline: Timeline, options: SimClockOptions = {}, wall: Wall = new Wall(options)) {
    this.#timeline = timeline
    this.#wall = wall
    this.#bootUs = wall.oscillatorUs(timeline.nowUs)
  }

  /** What the wall was set to at the start, and every step since. */
  get offsetMs(): number {
    return this.#wall.offsetMs
  }

  get driftPpm(): number {
    return this.#wall.driftPpm
  }

  wallMs(): number {
    return this.#wall.atMs(this.#timeline.nowUs)
  }

  monotonicMs(): number {
    return (this.#wall.oscillatorUs(this.#timeline.nowUs) - this.#bootUs) / 1000
  }

  after(delayMs: number, task: () => void): Timer {
    assert(delayMs >= 0 && Number.isFinite(delayMs), `a delay is 0 ms or more, got ${delayMs}`)
    if (this.#isDead) return NEVER
    const dueUs = this.#wall.oscillatorUs(this.#timeline.nowUs) + Math.ceil(delayMs * 1000)
    const wait = (): SimTimer => this.#timeline.after(this.#wall.untilUs(dueUs, this.#timeline.nowUs), ring)
    const ring = (): void => {
      if (this.#isDead) return
      // Where the oscillator has become slower meanwhile, it is not due yet.
      if (this.#wall.oscillatorUs(this.#timeline.nowUs) < dueUs) timer = wait()
      else task()
    }
    let timer = wait()
    return { cancel: () => timer.cancel() }
  }

  soon(task: () => void): void {
    this.after(0, task)
  }

  /** Somebody sets the wall: forwards, or back with a negative number. Monotonic time does not notice. */
  step(ms: number): void {
    this.#wall.offsetMs += ms
  }

  /** From now on both clocks run so much faster than true time, in parts per million. Neither jumps. */
  drift(ppm: number): void {
    this.#wall.drift(this.#timeline.nowUs, ppm)
  }

  /** The wall stands still until `thaw`, which takes it to where it would be. Monotonic time does not notice. */
  freeze(): void {
    this.#wall.frozenMs = this.wallMs()
  }

  thaw(): void {
    this.#wall.frozenMs = null
  }

  /** The node has crashed: no timer of this life fires, now or later. */
  kill(): void {
    this.#isDead = true
  }

  /** The clock of the next life on this machine. */
  reboot(): SimClock {
    return new SimClock(this.#timeline, {}, this.#wall)
  }
}

/** What a machine has on its board: an oscillator, and the wall time that it drives. */
class Wall {
  offsetMs: number
  frozenMs: number | null = null
  #driftPpm: number
  /** When the drift last changed, in true time and in that of the oscillator. */
  #sinceUs = 0
  #baseUs = 0

  constructor({ offsetMs = 0, driftPpm = 0 }: SimClockOptions) {
    this.offsetMs = offsetMs
    this.#driftPpm = driftPpm
  }

  get driftPpm(): number {
    return this.#driftPpm
  }

  atMs(nowUs: number): number {
    return this.frozenMs ?? START_MS + this.offsetMs + Math.floor(this.oscillatorUs(nowUs) / 1000)
  }

  drift(nowUs: number, ppm: number): void {
    this.#baseUs = this.oscillatorUs(nowUs)
    this.#sinceUs = nowUs
    this.#driftPpm = ppm
  }

  oscillatorUs(nowUs: number): number {
    const goneUs = nowUs - this.#sinceUs
    return this.#baseUs + goneUs + Math.trunc((goneUs * this.#driftPpm) / 1_000_000)
  }

  /** True time until the oscillator reaches `dueUs` as it runs now, to the microsecond and not one less. */
  untilUs(dueUs: number, nowUs: number): number {
    const exactUs = ((dueUs - this.#baseUs) * 1_000_000) / (1_000_000 + this.#driftPpm)
    let atUs = Math.max(nowUs, this.#sinceUs + Math.floor(exactUs))
    while (this.oscillatorUs(atUs) < dueUs) atUs++
    return atUs - nowUs
  }
}

const NEVER: Timer = { cancel: () => {} }
