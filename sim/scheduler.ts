import { assert } from '../base/assert.ts'
import type { Gate } from './gate.ts'
import { trapped } from './trap.ts'

/** Something that will happen at a time. Only the scheduler and a gate write it. */
export abstract class SimEvent implements SimTimer {
  atUs = 0
  /** Of events at one time, the smaller number comes first. */
  number = 0
  isOver = false
  /** Of the machine to which it happens; null when it happens to none. */
  readonly gate: Gate | null

  constructor(gate: Gate | null) {
    this.gate = gate
  }

  abstract happen(): void

  cancel(): void {
    this.isOver = true
  }
}

class Call extends SimEvent {
  readonly #run: () => void

  constructor(gate: Gate | null, run: () => void) {
    super(gate)
    this.#run = run
  }

  override happen(): void {
    this.#run()
  }
}

/** Where simulated parts get their time from: the scheduler itself, or the gate of their machine. */
export interface Timeline {
  readonly nowUs: number
  /** Runs `run` `delayUs` from now; equal times run in the order they were scheduled. */
  after(delayUs: number, run: () => void): SimTimer
}

export interface SimTimer {
  /** Idempotent; a no-op once it has run. */
  cancel(): void
}

/**
 * Virtual time: integer microseconds, and a heap of what happens next ordered by
 * (time, number). One thread, and no real clock while it runs: the same calls give the same run.
 */
export class Scheduler implements Timeline {
  #nowUs: number
  #count = 0
  readonly #heap: SimEvent[] = []
  #executed = 0
  /** Events since time last moved. */
  #standing = 0
  #acting: Gate | null = null

  /** @param startUs when time begins */
  constructor(startUs: number = 0) {
    this.#nowUs = startUs
  }

  get nowUs(): number {
    return this.#nowUs
  }

  /** Events run so far. */
  get executed(): number {
    return this.#executed
  }

  /** The machine to which something happens just now; where that threw, it stays so. Null between events, and where it happens to none. */
  get acting(): Gate | null {
    return this.#acting
  }

  /** Runs what happens to a machine. */
  within(gate: Gate, run: () => void): void {
    const before = this.#acting
    this.#acting = gate
    run()
    this.#acting = before
  }

  /** Lets an event happen that is due. To be called by a gate. */
  happen(event: SimEvent): void {
    const before = this.#acting
    this.#acting = event.gate
    event.isOver = true
    event.happen()
    this.#acting = before
  }

  /** Events that are scheduled and not cancelled. */
  get pending(): number {
    return this.#heap.filter(({ isOver }) => !isOver).length
  }

  after(delayUs: number, run: () => void): SimTimer {
    return this.schedule(delayUs, new Call(null, run))
  }

  /** The same for a machine: `run` waits while its gate is closed. */
  afterAt(gate: Gate, delayUs: number, run: () => void): SimTimer {
    return this.schedule(delayUs, new Call(gate, run))
  }

  schedule<T extends SimEvent>(delayUs: number, event: T): T {
    assert(delayUs >= 0 && Number.isFinite(delayUs), `a delay is 0 us or more, got ${delayUs}`)
    event.atUs = this.#nowUs + Math.round(delayUs)
    event.number = this.#count++
    this.#push(event)
    return event
  }

  /** Runs the next event. @returns false when there is none. */
  step(): boolean {
    return trapped(() => this.#step())
  }

  #step(): boolean {
    for (;;) {
      const event = this.#pop()
      if (event === undefined) return false
      if (event.isOver) continue
      assert(event.atUs >= this.#nowUs, 'time never goes back')
      this.#standing = event.atUs === this.#nowUs ? this.#standing + 1 : 0
      assert(this.#standing < STANDING_MAX, `time stands still at ${this.#nowUs} us: something asks to be woken at once, over and over`)
      this.#nowUs = event.atUs
      this.#executed++
      if (event.gate !== null && !event.gate.isOpen) {
        event.gate.take(event)
      } else this.happen(event)
      return true
    }
  }

  /** Runs everything due until `untilUs`, then stands at `untilUs`. */
  runUntil(untilUs: number): void {
    this.runWhile(always, untilUs)
    this.#nowUs = Math.max(this.#nowUs, untilUs)
  }

  /** Runs until `busy` holds no more. @returns false when `limitUs` came first, or nothing was left to run. */
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

  #peek(): SimEvent | undefined {
    while (this.#heap[0]?.isOver === true) this.#pop()
    return this.#heap[0]
  }

  #push(event: SimEvent): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const up = (at - 1) >> 1
      if (isBefore(heap[up] as SimEvent, event)) break
      heap[at] = heap[up] as SimEvent
      at = up
    }
    heap[at] = event
  }

  #pop(): SimEvent | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as SimEvent, heap[child] as SimEvent)) child++
      if (isBefore(last, heap[child] as SimEvent)) break
      heap[at] = heap[child] as SimEvent
      at = child
    }
    heap[at] = last
    return first
  }
}

/** 1,000,000 events in one microsecond are a loop: the busiest honest instant has a few thousand. */
const STANDING_MAX = 1_000_000

function always(): boolean {
  return true
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.number < b.number)
}
