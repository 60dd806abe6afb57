import { EMPTY, equalBytes } from '../../base/bytes.ts'
import { WeftError } from '../../base/errors.ts'
import type { FrontierEntry } from '../../base/frontier.ts'
import { PENDING_CALLS_MAX } from '../../base/limits.ts'
import type { Chain } from '../../chain/chain.ts'
import type { MemoryFold } from '../../ecc/memory-fold.ts'
import type { CoreContext } from '../context.ts'
import { Deadlines } from '../ipc/deadlines.ts'

interface Wait {
  readonly entries: readonly FrontierEntry[]
  readonly then: (error: WeftError | undefined) => void
  slot: number
}

/**
 * Read what was written elsewhere: an answer waits until this node has applied a frontier that
 * somebody got with another answer, on whatever node.
 */
export class FrontierWait {
  readonly #context: CoreContext
  readonly #chain: Chain
  readonly #fold: () => MemoryFold
  readonly #isWhole: () => boolean
  readonly #waits: Set<Wait> = new Set()
  readonly #deadlines: Deadlines<Wait> = new Deadlines()

  constructor(context: CoreContext, chain: Chain, fold: () => MemoryFold, isWhole: () => boolean) {
    this.#isWhole = isWhole
    this.#context = context
    this.#chain = chain
    this.#fold = fold
  }

  get nextWakeMs(): number {
    return this.#deadlines.nextMs
  }

  /** @param then with `frontier_ahead` when it has not come within `deadlineMs`, `frontier_invalid` when it cannot come */
  until(entries: readonly FrontierEntry[], deadlineMs: number, then: (error: WeftError | undefined) => void): void {
    const state = this.#state(entries)
    if (state === 'reached') return then(undefined)
    if (state === 'other') return then(new WeftError('frontier_invalid', 'this node knows another history than that frontier speaks of'))
    if (deadlineMs <= 0) return then(this.#ahead())
    if (this.#waits.size >= PENDING_CALLS_MAX) return then(new WeftError('full', `${PENDING_CALLS_MAX} answers are waiting`))
    const wait: Wait = { entries, then, slot: 0 }
    this.#waits.add(wait)
    wait.slot = this.#deadlines.add(wait, this.#context.now.monotonicMs + deadlineMs)
  }

  #state(entries: readonly FrontierEntry[]): 'reached' | 'ahead' | 'other' {
    const fold = this.#fold()
    // A fold that is made anew may reach this frontier and lack what was known beside it.
    let state: 'reached' | 'ahead' = this.#isWhole() ? 'reached' : 'ahead'
    for (const { log, size, head } of entries) {
      if (fold.sizeOf(log) < size) state = 'ahead'
      else if (!equalBytes(this.#chain.log(log)?.tree.leaf(size - 1) ?? EMPTY, head)) return 'other'
    }
    return state
  }

  onApplied(): void {
    for (const wait of this.#waits) {
      const state = this.#state(wait.entries)
      if (state === 'ahead') continue
      this.#waits.delete(wait)
      this.#deadlines.remove(wait, wait.slot)
      wait.then(
        state === 'reached' ? undefined : new WeftError('frontier_invalid', 'this node knows another history than that frontier speaks of'),
      )
    }
  }

  onWake(): void {
    for (const wait of this.#deadlines.expire(this.#context.now.monotonicMs)) if (this.#waits.delete(wait)) wait.then(this.#ahead())
  }

  #ahead(): WeftError {
    return new WeftError('frontier_ahead', 'this node has not seen yet all that this frontier covers')
  }
}
