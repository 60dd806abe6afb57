import type { Clock } from '../base/ports.ts'

/** 4 ms of requests, then the loop has a turn: sockets, timers and the disk are heard, and what was asked so far is on its way to the disk. */
const SLICE_MS = 4
/** 1 ms in which nothing was asked: the loop has had a turn meanwhile, or the caller had other things to do. */
const PAUSE_MS = 1

/** Runs tasks in the order in which they come: at once, or in a later turn of the loop when this one has had enough. */
export class Slices {
  readonly #clock: Clock
  readonly #max: number
  readonly #waiting: (() => void)[] = []
  #spentMs = 0
  #lastMs = -Infinity

  /** @param max tasks that may wait */
  constructor(clock: Clock, max: number) {
    this.#clock = clock
    this.#max = max
  }

  /** @returns false when too many wait: the task is not taken */
  run(task: () => void): boolean {
    if (this.#waiting.length === 0 && this.#isFree()) {
      this.#do(task)
      return true
    }
    if (this.#waiting.length >= this.#max) return false
    this.#waiting.push(task)
    if (this.#waiting.length === 1) this.#clock.soon(() => this.#goOn())
    return true
  }

  /** Everything that waits, now. */
  finish(): void {
    for (const task of this.#waiting.splice(0)) task()
  }

  #goOn(): void {
    this.#spentMs = 0
    let count = 0
    for (; count < this.#waiting.length && this.#spentMs < SLICE_MS; count++) this.#do(this.#waiting[count] as () => void)
    this.#waiting.splice(0, count)
    if (this.#waiting.length > 0) this.#clock.soon(() => this.#goOn())
  }

  #isFree(): boolean {
    if (this.#clock.monotonicMs() - this.#lastMs > PAUSE_MS) this.#spentMs = 0
    return this.#spentMs < SLICE_MS
  }

  #do(task: () => void): void {
    const startMs = this.#clock.monotonicMs()
    task()
    this.#lastMs = this.#clock.monotonicMs()
    this.#spentMs += this.#lastMs - startMs
  }
}
