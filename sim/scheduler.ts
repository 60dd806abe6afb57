import { assert } from '../base/assert.ts'
import { trapped } from './trap.ts'

/**
 * Virtual time: integer microseconds, and a heap of what happens next ordered by
 * (time, number). One thread, and no real clock while it runs: the same calls give the same run.
 */
export class Scheduler {
  #nowUs = 0
  #count = 0
  #heap: Task[] = []
  #executed = 0
  /** Events since time last moved. */
  #standing = 0

  get nowUs(): number {
    return this.#nowUs
  }

  /** Events run so far. */
  get executed(): number {
    return this.#executed
  }

  /** Tasks that are scheduled and not cancelled. */
  get pending(): number {
    return this.#heap.filter(task => task.run !== null).length
  }

  /** Runs `run` `delayUs` from now; equal times run in the order they were scheduled. */
  after(delayUs: number, run: () => void): SimTimer {
    assert(delayUs >= 0 && Number.isFinite(delayUs), `a delay is 0 us or more, got ${delayUs}`)
    const task: Task = { atUs: this.#nowUs + Math.round(delayUs), number: this.#count++, run }
    this.#push(task)
    return {
      cancel: () => {
        task.run = null
      },
    }
  }

  /** Runs the next task. @returns false when there is none. */
  step(): boolean {
    return trapped(() => this.#step())
  }

  #step(): boolean {
    for (;;) {
      const task = this.#pop()
      if (task === undefined) return false
      if (task.run === null) continue
      assert(task.atUs >= this.#nowUs, 'time never goes back')
      this.#standing = task.atUs === this.#nowUs ? this.#standing + 1 : 0
      assert(this.#standing < STANDING_MAX, `time stands still at ${this.#nowUs} us: something asks to be woken at once, over and over`)
      this.#nowUs = task.atUs
      this.#executed++
      const run = task.run
      task.run = null
      run()
      return true
    }
  }

  /** Runs everything due until `untilUs`, then stands at `untilUs`. */
  runUntil(untilUs: number): void {
    trapped(() => {
      for (;;) {
        const next = this.#peek()
        if (next === undefined || next.atUs > untilUs) break
        this.#step()
      }
    })
    this.#nowUs = Math.max(this.#nowUs, untilUs)
  }

  /** Runs until `done` holds. @returns false when `limitUs` came first, or nothing was left to run. */
  runWhile(busy: () => boolean, limitUs: number): boolean {
    return trapped(() => {
      while (busy()) {
        const next = this.#peek()
        if (next === undefined || next.atUs > limitUs) return false
        this.#step()
      }
      return true
    })
  }

  #peek(): Task | undefined {
    while (this.#heap.length > 0 && (this.#heap[0] as Task).run === null) this.#pop()
    return this.#heap[0]
  }

  #push(task: Task): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(task)
    while (at > 0) {
      const up = (at - 1) >> 1
      if (isBefore(heap[up] as Task, task)) break
      heap[at] = heap[up] as Task
      at = up
    }
    heap[at] = task
  }

  #pop(): Task | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Task, heap[child] as Task)) child++
      if (isBefore(last, heap[child] as Task)) break
      heap[at] = heap[child] as Task
      at = child
    }
    heap[at] = last
    return first
  }
}

/** 1,000,000 events in one microsecond are a loop: the busiest honest instant has a few thousand. */
const STANDING_MAX = 1_000_000

export interface SimTimer {
  cancel(): void
}

interface Task {
  readonly atUs: number
  readonly number: number
  run: (() => void) | null
}

function isBefore(a: Task, b: Task): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.number < b.number)
}
