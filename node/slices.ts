import type { Clock } from '../base/ports.ts'

/** 2 ms, then the loop has a turn: sockets, timers and the disk are heard, and what was asked so far is on its way to the disk. */
const SLICE_MS = 2
/** 1 ms in which nothing was asked: the loop has had a turn meanwhile, or the caller had other things to do. */
const PAUSE_MS = 1

/**
 * Shares one slice of each turn of the loop among all that can wait for the next one. Tasks run at once, or in a later turn when this
 * one has had enough: what goes on with something that was begun comes first, then requests, in the order in which they came.
 */
export class Slices {
  readonly #clock: Clock
  readonly #max: number
  readonly #ahead: (() => void)[] = []
  readonly #waiting: (() => void)[] = []
  /** How many of those that wait have been run in this slice. */
  #taken = 0
  #isRunning = false
  #isScheduled = false
  #spentMs = 0
  #lastMs = -Infinity

  /** @param max requests that may wait */
  constructor(clock: Clock, max: number) {
    this.#clock = clock
    this.#max = max
  }

  /** A request. @returns false when too many wait: the task is not taken */
  run(task: () => void): boolean {
    if (this.#waiting.length - this.#taken >= this.#max) return false
    this.#waiting.push(task)
    this.#begin()
    return true
  }

  /** More of something that was begun. */
  goOn(task: () => void): void {
    this.#ahead.push(task)
    this.#begin()
  }

  /** Everything that waits, now. */
  finish(): void {
    const end = this.#waiting.length
    for (let task = this.#next(end); task !== undefined; task = this.#next(end)) task()
  }

  #begin(): void {
    if (this.#isRunning || this.#isScheduled) return
    if (this.#clock.monotonicMs() - this.#lastMs > PAUSE_MS) this.#spentMs = 0
    this.#slice()
  }

  #slice(): void {
    this.#isRunning = true
    try {
      while (this.#spentMs < SLICE_MS) {
        const task = this.#next(this.#waiting.length)
        if (task === undefined) break
        this.#do(task)
      }
    } finally {
      this.#waiting.splice(0, this.#taken)
      this.#taken = 0
      this.#isRunning = false
    }
    if (this.#ahead.length + this.#waiting.length > 0) this.#schedule()
  }

  #schedule(): void {
    this.#isScheduled = true
    this.#clock.soon(() => {
      this.#isScheduled = false
      this.#spentMs = 0
      this.#slice()
    })
  }

  /** @param end of those that wait */
  #next(end: number): (() => void) | undefined {
    return this.#ahead.shift() ?? (this.#taken < end ? this.#waiting[this.#taken++] : undefined)
  }

  #do(task: () => void): void {
    const startMs = this.#clock.monotonicMs()
    task()
    this.#lastMs = this.#clock.monotonicMs()
    this.#spentMs += this.#lastMs - startMs
  }
}
