import { compareHlc, type Hlc, nextHlc } from '../../base/hlc.ts'
import { IMPULSE_ABOUT_MAX, IMPULSES_MAX } from '../../base/limits.ts'

/**
 * What an impulse is about, and from which structure to which it leads:
 *
 * - `belief-update` graph -> vectors: a memory took the place of another
 * - `coherence-alert` whole -> graph: memories contradict each other, or hang together less
 * - `novelty-detected` vectors -> graph: a memory is like none before
 * - `edge-confirmed` proposal -> graph: somebody confirmed a proposed edge
 * - `embedding-refined` model -> vectors: an agent made better vectors
 * - `custom`: whatever agents tell each other on this node
 */
export const IMPULSE_KINDS = [
  'belief-update',
  'coherence-alert',
  'novelty-detected',
  'edge-confirmed',
  'embedding-refined',
  'custom',
] as const

export type ImpulseKind = (typeof IMPULSE_KINDS)[number]

export interface ImpulseInput {
  readonly kind: ImpulseKind
  /** Why: `contradicts`, `same-key`, `split`... One of the same kind, reason and subject that waits already is joined by it. */
  readonly reason: string
  readonly subject: string
  /** Ids of memories, the first IMPULSE_ABOUT_MAX. */
  readonly about: readonly string[]
  /** 0 to 1. */
  readonly strength: number
  /** For people. */
  readonly text: string
}

export interface Impulse extends ImpulseInput {
  /** From 1, rising with the time; never used again. */
  readonly number: number
  readonly hlc: Hlc
  /** How many it stands for. */
  readonly count: number
}

/** The reason of an impulse that stands for older ones of its kind. */
export const OLDER = 'older'

/**
 * Impulses that nobody has acknowledged, in the order of their hybrid time, which is that of their numbers. At
 * IMPULSES_MAX the oldest ones are joined, one for each kind, with how many they were and the newest they are about: none is
 * lost without a count. What was raised is what waits and what was acknowledged, always.
 */
export class Impulses {
  #waiting: Impulse[] = []
  #last: { number: number; hlc: Hlc }

  /** @param saved what `toJSON` gave; what is not understood is begun anew */
  constructor(saved?: unknown) {
    const { number, hlc, waiting } = (saved ?? {}) as { number?: number; hlc?: Hlc; waiting?: Impulse[] }
    this.#last = { number: Number.isInteger(number) ? (number as number) : 0, hlc: hlc ?? { ms: 0, counter: 0 } }
    if (Array.isArray(waiting)) this.#waiting = waiting.filter(isImpulse).sort((a, b) => a.number - b.number || compareHlc(a.hlc, b.hlc))
  }

  get size(): number {
    return this.#waiting.length
  }

  /** The number of the newest ever raised, 0 before the first. */
  get newest(): number {
    return this.#last.number
  }

  raise(input: ImpulseInput, wallMs: number): Impulse {
    const same = this.#waiting.findIndex(
      ({ kind, reason, subject }) => kind === input.kind && reason === input.reason && subject === input.subject,
    )
    const before = same < 0 ? undefined : (this.#waiting.splice(same, 1)[0] as Impulse)
    this.#last = { number: this.#last.number + 1, hlc: nextHlc(this.#last.hlc, wallMs) }
    const impulse: Impulse = {
      ...input,
      about: [...new Set([...input.about, ...(before?.about ?? [])])].slice(0, IMPULSE_ABOUT_MAX),
      strength: Math.max(input.strength, before?.strength ?? 0),
      ...this.#last,
      count: 1 + (before?.count ?? 0),
    }
    this.#waiting.push(impulse)
    if (this.#waiting.filter(({ reason }) => reason !== OLDER).length > IMPULSES_MAX) this.#join()
    return impulse
  }

  /** Waiting ones beyond a number, oldest first. */
  after(number: number, limit: number): readonly Impulse[] {
    return this.#waiting.filter(impulse => impulse.number > number).slice(0, limit)
  }

  /** They are gone. @returns how many impulses these stood for */
  acknowledge(isKnown: (impulse: Impulse) => boolean): number {
    const known = this.#waiting.filter(isKnown)
    this.#waiting = this.#waiting.filter(impulse => !known.includes(impulse))
    return known.reduce((sum, { count }) => sum + count, 0)
  }

  toJSON(): object {
    return { ...this.#last, waiting: this.#waiting }
  }

  /** The oldest that stands for itself goes with the older ones of its kind. */
  #join(): void {
    const at = this.#waiting.findIndex(({ reason }) => reason !== OLDER)
    const [oldest] = this.#waiting.splice(at, 1) as [Impulse]
    const sum = this.#waiting.findIndex(({ kind, reason }) => kind === oldest.kind && reason === OLDER)
    const before = sum < 0 ? undefined : (this.#waiting.splice(sum, 1)[0] as Impulse)
    const count = oldest.count + (before?.count ?? 0)
    const joined: Impulse = {
      ...oldest,
      reason: OLDER,
      subject: oldest.kind,
      about: [...new Set([...oldest.about, ...(before?.about ?? [])])].slice(0, IMPULSE_ABOUT_MAX),
      strength: Math.max(oldest.strength, before?.strength ?? 0),
      text: `${count} older ones`,
      count,
    }
    const place = this.#waiting.findIndex(({ number }) => number > joined.number)
    this.#waiting.splice(place < 0 ? this.#waiting.length : place, 0, joined)
  }
}

function isImpulse(value: unknown): value is Impulse {
  const { number, kind, reason, subject, about, strength, text, count, hlc } = (value ?? {}) as Partial<Record<keyof Impulse, unknown>>
  const { ms, counter } = (hlc ?? {}) as Partial<Record<keyof Hlc, unknown>>
  return (
    [number, count, ms, counter].every(Number.isInteger) &&
    IMPULSE_KINDS.includes(kind as ImpulseKind) &&
    [reason, subject, text].every(field => typeof field === 'string') &&
    typeof strength === 'number' &&
    Array.isArray(about)
  )
}
