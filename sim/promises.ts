import { assert } from '../base/assert.ts'
import type { Effect } from '../node/step.ts'
import type { Scheduler } from './scheduler.ts'
import { holdTraps, realTurn, settled, takeBreach, watchRejections } from './trap.ts'

/** 1,000,000 turns without virtual time going by are a loop. */
const TURNS_MAX = 1_000_000

/**
 * User code that waits for promises, in virtual time. A promise goes on when nothing synchronous runs, so
 * after a step of a node with handlers that wait, the run stands still until every promise that can go on has done so. All
 * that user code could wait for besides is trapped, so it always comes to rest, and the order in which it goes on
 * is that of the language: the same every time. No timer or socket of whoever runs the simulator has a turn meanwhile.
 *
 * What no handler waits for (a promise that is let go) goes on as well, but no later than the run returns.
 */
export class Promises {
  /** A node stepped whose user code may go on. */
  #isDue = false
  /** Some user code has waited for a promise so far. */
  #hasWaited = false
  #isFirst = true

  /** Of one life of a node. */
  ofLife(): { stepped(effects: readonly Effect[]): void } {
    let waiting = 0
    const onSettled = (): void => {
      waiting--
      this.#isDue = true
    }
    return {
      stepped: effects => {
        for (const effect of effects) {
          if (effect.kind !== 'await') continue
          waiting++
          this.#hasWaited = true
          // Somebody else's `then` may only be called once, by the node: such a thing counts as waiting for ever.
          if (effect.promise instanceof Promise) effect.promise.then(onSettled, onSettled)
        }
        if (waiting > 0) this.#isDue = true
      },
    }
  }

  /** Like `runWhile` of the scheduler. @throws what a promise was rejected with that nobody had an eye on */
  async run(scheduler: Scheduler, busy: () => boolean, limitUs: number): Promise<boolean> {
    if (!this.#isFirst && !this.#hasWaited) return this.#runTrapped(scheduler, busy, limitUs)
    this.#isFirst = false
    const rejections = watchRejections()
    try {
      // What whoever calls has begun is finished before traps are set that are not meant for it; user code that was called already is not.
      if (!this.#isDue) await realTurn()
      const isReached = await this.#runTrapped(scheduler, busy, limitUs)
      await realTurn()
      rejections.check()
      return isReached
    } finally {
      rejections.end()
    }
  }

  async #runTrapped(scheduler: Scheduler, busy: () => boolean, limitUs: number): Promise<boolean> {
    takeBreach()
    const release = holdTraps()
    try {
      for (;;) {
        await this.#rest(scheduler)
        const isReached = scheduler.runWhile(() => !this.#isDue && busy(), limitUs)
        const breach = takeBreach()
        // What user code did of which the answer differs from run to run is not its own affair, whatever it made of the error.
        if (breach !== undefined) throw breach
        if (!this.#isDue) return isReached
      }
    } finally {
      release()
    }
  }

  async #rest(scheduler: Scheduler): Promise<void> {
    for (let turns = 0; this.#isDue; turns++) {
      assert(turns < TURNS_MAX, `time stands still at ${scheduler.nowUs} us: promises go on for ever`)
      this.#isDue = false
      await settled()
    }
  }
}
