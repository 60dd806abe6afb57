import { BoundedQueue } from '../../base/bounded-queue.ts'
import { DISK_QUEUE_MAX } from '../../base/limits.ts'

/** Where the operations on one file wait for each other. */
export class FileQueue {
  #waiting: BoundedQueue<Entry> = new BoundedQueue(DISK_QUEUE_MAX)
  #running = 0
  #isAlone = false

  get isIdle(): boolean {
    return this.#running === 0 && this.#waiting.size === 0
  }

  get isFull(): boolean {
    return this.#waiting.size === this.#waiting.capacity
  }

  push(entry: Entry): void {
    this.#waiting.push(entry)
    this.#advance()
  }

  release(): void {
    this.#running--
    this.#isAlone = false
    this.#advance()
  }

  #advance(): void {
    for (;;) {
      const next = this.#waiting.peek()
      if (next === undefined || this.#isAlone || (next.isAlone && this.#running > 0)) return
      this.#waiting.shift()
      this.#running++
      this.#isAlone = next.isAlone
      next.grant()
    }
  }
}

interface Entry {
  readonly isAlone: boolean
  /** Called once by each queue the entry stands in. */
  grant(): void
}

/**
 * Runs `operate` when its turn has come in all of `queues` (in none: now), first come, first served. Operations
 * that change nothing run side by side; one that runs alone waits for those before it and holds up those after.
 * Entering all queues at once gives everybody the same order, so two operations never wait for each other.
 *
 * @returns false when a queue is full; then `operate` is never called
 */
export function takeTurn(queues: readonly FileQueue[], isAlone: boolean, operate: (finish: () => void) => void): boolean {
  if (queues.some(queue => queue.isFull)) return false
  const finish = (): void => {
    for (const queue of queues) queue.release()
  }
  let missing = queues.length
  const entry: Entry = {
    isAlone,
    grant: () => {
      if (--missing === 0) operate(finish)
    },
  }
  if (queues.length === 0) operate(finish)
  for (const queue of queues) queue.push(entry)
  return true
}
