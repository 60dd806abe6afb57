import type { NodeId } from '../base/ids.ts'

/**
 * Why an honest node does not fork its own log: after a start, a torn tail or a failed sync
 * it cannot know whether it has shown others more than it still holds. Until peers have said that
 * they know no more of its logs than it does, it writes and acknowledges locally, and signs
 * and publishes nothing.
 */
export class StartGuard {
  readonly #strict: boolean
  readonly #vouchers: Set<NodeId> = new Set()
  #open = false

  /** @param strict a majority of the cluster must vouch, this node counting itself; otherwise one other member */
  constructor(strict: boolean) {
    this.#strict = strict
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** Members that have vouched since it closed. */
  get vouchers(): number {
    return this.#vouchers.size
  }

  /** A member knows no more of our logs than we do. */
  vouched(peer: NodeId): void {
    this.#vouchers.add(peer)
  }

  /**
   * @param others members besides this node
   * @param lost records this node has signed are gone, which no peer asked so far has: then each one must vouch
   * @returns true when this opens the guard
   */
  update(others: number, lost: boolean = false): boolean {
    if (this.#open) return false
    const needed = lost ? others : others === 0 ? 0 : this.#strict ? Math.floor((others + 1) / 2) : 1
    this.#open = this.#vouchers.size >= needed
    return this.#open
  }

  /** What is on the disk is in doubt again. */
  close(): void {
    this.#open = false
    this.#vouchers.clear()
  }
}
