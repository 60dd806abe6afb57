import type { WireQuality } from './faults/fault.ts'
import type { Gate } from './gate.ts'
import { SimRandom } from './random.ts'
import type { Timeline } from './scheduler.ts'
import { traceCodeOf } from './trace.ts'

/**
 * The way from one place to another, shared by all their connections: how long what is sent takes,
 * what of it is lost, and whether anything passes at all. It draws from a stream of its own.
 */
export class Wire {
  readonly from: string
  readonly to: string
  /** Of the machine at the far end. */
  readonly gate: Gate | null
  /** Why nothing passes, one bit each: what is sent or under way vanishes, and neither side is told. */
  silence = 0
  /** Kinds of messages, or what carries them, that silence their connection. */
  readonly blocked: Set<string> = new Set()
  readonly #traceCodes: Map<string, number> = new Map()
  readonly #timeline: Timeline
  readonly #random: SimRandom
  #shape: WireShape
  /** Until then it is taken by the message before. */
  #busyUntilUs: number = -Infinity
  /** Why everything waits, one bit each. */
  #clogs = 0
  /** In the order sent. */
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  #isDue = false
  #onRoom: { readonly bytes: number; readonly call: () => void }[] = []

  constructor(timeline: Timeline, from: string, to: string, seed: number, gate: Gate | null, shape: WireShape) {
    this.#timeline = timeline
    this.from = from
    this.to = to
    this.gate = gate
    this.#random = new SimRandom(seed, `network/${from}/${to}`)
    this.#shape = shape
  }

  get shape(): WireShape {
    return this.#shape
  }

  set shape(shape: WireShape) {
    this.#shape = shape
    this.#busyUntilUs = -Infinity
    this.#release()
  }

  /** Sends what is given, now or after what waits already. */
  send(message: Waiting): void {
    if (this.#clogs === 0 && this.#waiting.length === 0 && this.#busyUntilUs <= this.#timeline.nowUs) return message.launch()
    this.#waiting.push(message)
    this.#waitingBytes += message.size
    this.#release()
  }

  /** To be called by a message that is launched. @returns the microseconds until it is at the other end */
  carry(bytes: number): number {
    const { delayMinUs, delayMeanUs, bytesPerSecond } = this.#shape
    const delayUs = delayMinUs + (delayMeanUs === 0 ? 0 : Math.round(delayMeanUs * exponential(this.#random)))
    if (bytesPerSecond === undefined) return delayUs
    const takesUs = Math.ceil((bytes * 1e6) / bytesPerSecond)
    this.#busyUntilUs = this.#timeline.nowUs + takesUs
    return takesUs + delayUs
  }

  /** Draws how often in a row a packet is lost, `most` at most. */
  losses(most: number): number {
    const { lossPpm = 0 } = this.#shape
    let losses = 0
    if (lossPpm > 0) while (losses < most && this.#random.below(1_000_000) < lossPpm) losses++
    return losses
  }

  /** Draws whether a packet arrives twice. */
  isDoubled(): boolean {
    const { duplicatesPpm = 0 } = this.#shape
    return duplicatesPpm > 0 && this.#random.below(1_000_000) < duplicatesPpm
  }

  /** What a trace calls a message on this wire, by what carries it. */
  traceCode(carrier: string): number {
    let code = this.#traceCodes.get(carrier)
    if (code === undefined) {
      code = traceCodeOf(`${carrier} ${this.from} ${this.to}`)
      this.#traceCodes.set(carrier, code)
    }
    return code
  }

  // ---- what waits

  clog(cause: number): void {
    this.#clogs |= cause
  }

  /** What waits goes on, unless there is another cause. */
  unclog(cause: number): void {
    this.#clogs &= ~cause
    this.#release()
  }

  /** Whether so many bytes more may wait, where `mostBytes` may. When nothing waits, anything may. */
  hasRoom(bytes: number, mostBytes: number): boolean {
    return this.#waitingBytes === 0 || this.#waitingBytes + bytes <= this.#room(mostBytes)
  }

  /** Calls back, later, once no more than half of what may wait does. */
  whenHalfFree(mostBytes: number, call: () => void): void {
    this.#onRoom.push({ bytes: this.#room(mostBytes) / 2, call })
    this.#callBack()
  }

  #room(mostBytes: number): number {
    return Math.min(mostBytes, this.#shape.queueBytes ?? mostBytes)
  }

  #release(): void {
    while (this.#clogs === 0 && this.#waiting.length > 0) {
      const waitUs = this.#busyUntilUs - this.#timeline.nowUs
      if (waitUs > 0) {
        this.#releaseIn(waitUs)
        break
      }
      const message = this.#waiting.shift() as Waiting
      this.#waitingBytes -= message.size
      message.launch()
    }
    this.#callBack()
  }

  #releaseIn(delayUs: number): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#timeline.after(delayUs, () => {
      this.#isDue = false
      this.#release()
    })
  }

  #callBack(): void {
    const isThere = ({ bytes }: { readonly bytes: number }): boolean => this.#waitingBytes <= bytes
    for (const { call } of this.#onRoom.filter(isThere)) this.#timeline.after(0, call)
    this.#onRoom = this.#onRoom.filter(waiter => !isThere(waiter))
  }
}

/** Something that wants to be sent. */
export interface Waiting {
  /** Bytes, lengths included. */
  readonly size: number
  /** The wire takes it now: it says how long to `carry` it, or vanishes. */
  launch(): void
}

/** A quality in whole numbers: no float decides what happens. */
export interface WireShape {
  /** Microseconds that every message takes at least, one way. */
  readonly delayMinUs: number
  /** Mean of the exponentially distributed part on top; 0 for none. */
  readonly delayMeanUs: number
  /** Packets of a million that are lost. */
  readonly lossPpm?: number
  /** Packets of a million that arrive twice. */
  readonly duplicatesPpm?: number
  /** Unlimited unless given. */
  readonly bytesPerSecond?: number
  /** What may wait for the wire; as much as the sender likes unless given. */
  readonly queueBytes?: number
}

/** `shape` with the qualities that are given. */
export function shapeWith(shape: WireShape, quality: WireQuality): WireShape {
  const { delayMinMs, delayMeanMs, loss, duplicates, bytesPerSecond, queueBytes } = quality
  return {
    ...shape,
    ...(delayMinMs === undefined ? {} : { delayMinUs: Math.round(delayMinMs * 1000) }),
    ...(delayMeanMs === undefined ? {} : { delayMeanUs: Math.round(delayMeanMs * 1000) }),
    ...(loss === undefined ? {} : { lossPpm: Math.round(loss * 1_000_000) }),
    ...(duplicates === undefined ? {} : { duplicatesPpm: Math.round(duplicates * 1_000_000) }),
    ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
    ...(queueBytes === undefined ? {} : { queueBytes }),
  }
}

/**
 * An exponentially distributed number of mean 1, by von Neumann's comparisons (1951): no
 * logarithm, whose last bit may differ between machines, decides when a message arrives.
 */
function exponential(random: SimRandom): number {
  for (let whole = 0; ; whole++) {
    const first = random.uint32()
    let isOdd = true
    for (let last = first; ; isOdd = !isOdd) {
      const next = random.uint32()
      if (next >= last) break
      last = next
    }
    if (isOdd) return whole + first / 2 ** 32
  }
}
