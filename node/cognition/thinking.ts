import { asWeftError, WeftError } from '../../base/errors.ts'
import { SLICE_MS, THOUGHTS_MAX } from '../../base/limits.ts'
import { advance, type Work } from '../../ecc/cognition/work.ts'
import type { CoreContext } from '../context.ts'

/** What came of a thought, and how long the loop was busy with it. */
export type Thought<T> =
  | { readonly ok: true; readonly value: T; readonly tookMs: number }
  | { readonly ok: false; readonly error: WeftError; readonly tookMs: number }

interface Waiting {
  readonly work: Work<unknown>
  readonly share: number
  readonly then: (thought: Thought<never>) => void
  tookMs: number
}

/** To begin with, and at most: some 0.5 ms, and a tenth of a second should a clock stand still. */
const STEPS_FIRST = 20_000
const STEPS_MAX = 4_000_000

/**
 * Does long work in slices of about SLICE_MS, one piece of work at a time, what somebody waits for before what nobody does.
 * How long a slice took is what the host says, so the core needs no clock for it; in the simulator it takes no time.
 */
export class Thinking {
  readonly #context: CoreContext
  readonly #waiting: Waiting[] = []
  #now: Waiting | undefined
  #steps = STEPS_FIRST
  /** When the next slice may begin; Infinity while one is under way, or nothing waits. */
  #resumeAtMs = Number.POSITIVE_INFINITY

  constructor(context: CoreContext) {
    this.#context = context
  }

  get nextWakeMs(): number {
    return this.#resumeAtMs
  }

  /**
   * @param share of the loop, above 0 and at most 1: 1 for what somebody waits for
   * @param then is called once, in a later step; with `full` when THOUGHTS_MAX wait already
   */
  think<T>(work: Work<T>, share: number, then: (thought: Thought<T>) => void): void {
    if (this.#waiting.length >= THOUGHTS_MAX)
      return then({ ok: false, error: new WeftError('full', `${THOUGHTS_MAX} questions about the whole memory are waiting`), tookMs: 0 })
    const one: Waiting = { work, share, then, tookMs: 0 }
    const at = share < 1 ? this.#waiting.length : this.#waiting.findIndex(other => other.share < 1)
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, one)
    if (this.#now === undefined) this.#next()
  }

  onWake(): void {
    if (this.#context.now.monotonicMs >= this.#resumeAtMs) this.#slice()
  }

  #next(): void {
    this.#now = this.#waiting.shift()
    this.#resumeAtMs = Number.POSITIVE_INFINITY
    if (this.#now !== undefined) this.#slice()
  }

  #slice(): void {
    const one = this.#now as Waiting
    let thought: { readonly done: true; readonly value: unknown } | { readonly done: false } | undefined
    let error: WeftError | undefined
    this.#resumeAtMs = Number.POSITIVE_INFINITY
    this.#context.emit({
      kind: 'work',
      run: () => {
        try {
          thought = advance(one.work, this.#steps)
        } catch (thrown) {
          error = asWeftError(thrown)
        }
      },
      then: tookMs => {
        one.tookMs += tookMs
        // Twice or half at most: one slice that the machine interrupted says little.
        this.#steps = Math.min(STEPS_MAX, Math.round(this.#steps * Math.min(2, Math.max(0.5, SLICE_MS / Math.max(tookMs, 0.01)))))
        if (error !== undefined) return this.#finish(one, { ok: false, error, tookMs: one.tookMs })
        if (thought?.done === true) return this.#finish(one, { ok: true, value: thought.value as never, tookMs: one.tookMs })
        if (one.share >= 1) return this.#slice()
        // Whoever is waited for goes before it meanwhile.
        if (this.#waiting[0] !== undefined && this.#waiting[0].share >= 1) {
          this.#waiting.push(one)
          return this.#next()
        }
        this.#resumeAtMs = this.#context.now.monotonicMs + tookMs * (1 / one.share - 1)
      },
    })
  }

  #finish(one: Waiting, thought: Thought<never>): void {
    this.#next()
    one.then(thought)
  }
}
