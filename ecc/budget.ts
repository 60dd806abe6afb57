import { RECALL_NODES_PER_MS } from '../base/limits.ts'

/** What ended a search before it was through: too many links at one memory, what the caller would spend, or what a message takes. */
export type TruncatedBy = 'edges' | 'nodes' | 'time' | 'message'

/**
 * How many memories a recall may look at: each is counted as often as a word or a link leads to it. The core has no
 * clock within a step, so time is turned into memories, at a rate that slow machines keep: what an answer lacks is the same
 * on every node and in every run.
 */
export class Budget {
  readonly isBounded: boolean
  readonly #by: TruncatedBy
  #left: number
  #isSpent = false

  /** @param ms and @param nodes more than 0; whichever is less counts */
  constructor(ms: number = Infinity, nodes: number = Infinity) {
    const byTime = Math.max(1, Math.floor(ms * RECALL_NODES_PER_MS))
    this.#left = Math.min(byTime, nodes)
    this.#by = byTime < nodes ? 'time' : 'nodes'
    this.isBounded = this.#left !== Infinity
  }

  get left(): number {
    return this.#left
  }

  /** What has ended it, undefined while there was enough. */
  get truncatedBy(): TruncatedBy | undefined {
    return this.#isSpent ? this.#by : undefined
  }

  /** @returns false when it does not last: then nothing is taken, and the answer lacks something. */
  take(nodes: number): boolean {
    if (nodes > this.#left) {
      this.#isSpent = true
      return false
    }
    this.#left -= nodes
    return true
  }
}
