import { assert } from '../../base/assert.ts'
import type { Clock, Timer } from '../../base/ports.ts'

/** 2^31 - 1 ms, almost 25 days: beyond it `setTimeout` fires at once. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

/** The clocks of this machine. */
export const hostClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, task) => new HostTimer(delayMs, task),
  soon: task => void setImmediate(task),
}

/** `setTimeout` counts from when the loop last looked at the clock, so it can come a millisecond early: then it is set again. */
class HostTimer implements Timer {
  readonly #dueMs: number
  readonly #task: () => void
  #timeout: NodeJS.Timeout

  constructor(delayMs: number, task: () => void) {
    assert(delayMs >= 0 && Number.isFinite(delayMs), `a delay is 0 ms or more, got ${delayMs}`)
    this.#dueMs = performance.now() + delayMs
    this.#task = task
    this.#timeout = this.#set(delayMs)
  }

  cancel(): void {
    clearTimeout(this.#timeout)
  }

  #set(delayMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#wake(), Math.min(Math.ceil(delayMs), TIMEOUT_MAX_MS))
  }

  #wake(): void {
    const leftMs = this.#dueMs - performance.now()
    if (leftMs > 0) this.#timeout = this.#set(leftMs)
    else this.#task()
  }
}
