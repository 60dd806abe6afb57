import type { Scheduler, SimEvent, SimTimer, Timeline } from './scheduler.ts'

/** 50 us: what one event costs a node here on average, times and messages alike. */
const EVENT_COST_US = 50

/**
 * The time of one machine: everything that happens to its node passes here, and waits, in order,
 * while the machine is paused or has not finished what came before. Such a node is gray: its wires, its disk and
 * its clock go on, it alone does not.
 */
export class Gate implements Timeline {
  readonly #scheduler: Scheduler
  #isPaused = false
  /** How many times as long everything takes; 0 when it takes no time, as usual. */
  #factor = 0
  #busyUntilUs: number = -Infinity
  #waiting: SimEvent[] = []
  #isDue = false
  /** Nothing has to wait. */
  isOpen = true

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  get nowUs(): number {
    return this.#scheduler.nowUs
  }

  after(delayUs: number, run: () => void): SimTimer {
    return this.#scheduler.afterAt(this, delayUs, run)
  }

  pause(): void {
    this.#isPaused = true
    this.isOpen = false
  }

  /** What was due meanwhile happens now. */
  resume(): void {
    this.#isPaused = false
    this.#release()
  }

  /** Every event takes `factor` times as long as it does on a real machine, and no time at all for a factor of 0. */
  slow(factor: number): void {
    this.#factor = factor
    this.isOpen = false
    this.#release()
  }

  /** To be called by the scheduler with an event that is due, while the gate is not open. */
  take(event: SimEvent): void {
    this.#waiting.push(event)
    this.#release()
  }

  /** Lets out what may happen now, one at a time: each may keep the machine busy, or pause it. */
  #release(): void {
    if (this.#isPaused || this.#isDue) return
    const waitUs = this.#busyUntilUs - this.nowUs
    if (waitUs > 0) return this.#releaseIn(waitUs)
    let next = this.#waiting.shift()
    while (next?.isOver === true) next = this.#waiting.shift()
    if (next === undefined) {
      this.isOpen = this.#factor === 0
      return
    }
    const costUs = Math.round(this.#factor * EVENT_COST_US)
    this.#busyUntilUs = this.nowUs + costUs
    this.#releaseIn(costUs)
    this.#scheduler.happen(next)
  }

  #releaseIn(delayUs: number): void {
    this.#isDue = true
    this.#scheduler.after(delayUs, () => {
      this.#isDue = false
      this.#release()
    })
  }
}
