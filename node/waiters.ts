import { PENDING_CALLS_MAX } from '../base/limits.ts'
import type { CoreContext } from './context.ts'
import { Deadlines } from './ipc/deadlines.ts'

interface Waiter {
  readonly then: () => void
  slot: number
}

/** Those who wait for the next change, or for their time to be up, whichever is first. */
export class Waiters {
  readonly #context: CoreContext
  readonly #deadlines: Deadlines<Waiter> = new Deadlines()
  #waiters: Set<Waiter> = new Set()

  constructor(context: CoreContext) {
    this.#context = context
  }

  get nextWakeMs(): number {
    return this.#deadlines.nextMs
  }

  /** Calls `then` once. @returns false, and never calls it, when the time is up or PENDING_CALLS_MAX wait already */
  add(untilMs: number, then: () => void): boolean {
    if (this.#waiters.size >= PENDING_CALLS_MAX || untilMs <= this.#context.now.monotonicMs) return false
    const waiter: Waiter = { then, slot: 0 }
    this.#waiters.add(waiter)
    waiter.slot = this.#deadlines.add(waiter, untilMs)
    return true
  }

  wake(): void {
    const waiters = this.#waiters
    this.#waiters = new Set()
    for (const waiter of waiters) {
      this.#deadlines.remove(waiter, waiter.slot)
      waiter.then()
    }
  }

  onWake(): void {
    for (const waiter of this.#deadlines.expire(this.#context.now.monotonicMs)) if (this.#waiters.delete(waiter)) waiter.then()
  }
}
