/**
 * One way between two ends, however many connections it carries: what the network is like there,
 * now. Each way of a connection is on one wire.
 */
export class Wire {
  /** Passed on so far; a segment is what one read returned. */
  bytes = 0
  segments = 0
  readonly #onFree: Set<() => void> = new Set()
  #quality: Quality = PERFECT
  #isHeld = false
  /** When a limited wire has sent what it took, in ms of `performance.now`. */
  #freeAtMs = 0

  get isHeld(): boolean {
    return this.#isHeld
  }

  get quality(): Quality {
    return this.#quality
  }

  /** For everything that is read from now on. */
  shape(quality: Partial<Quality>): void {
    this.#quality = { ...this.#quality, ...quality }
  }

  /**
   * Nothing passes any more and nobody is told, not even that the other end has closed. As with
   * TCP on a dead link, what was sent is not lost: it passes after `release`.
   */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    for (const run of this.#onFree) run()
  }

  /** When that many bytes arrive that are sent now, in ms of `performance.now`. */
  arrivalMs(bytes: number): number {
    const { delayMinMs, delayMeanMs, bytesPerSecond } = this.#quality
    const nowMs = performance.now()
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + (bytes * 1000) / bytesPerSecond
    return this.#freeAtMs + delayMinMs - delayMeanMs * Math.log(1 - Math.random())
  }

  passed(bytes: number): void {
    this.bytes += bytes
    this.segments++
  }

  /** `run` is called whenever a hold ends. @returns ends that */
  onFree(run: () => void): () => void {
    this.#onFree.add(run)
    return () => this.#onFree.delete(run)
  }
}

export interface Quality {
  readonly delayMinMs: number
  /** Mean of the exponentially distributed part on top; order is kept all the same. */
  readonly delayMeanMs: number
  /** Of all connections together. */
  readonly bytesPerSecond: number
}

export const PERFECT: Quality = { delayMinMs: 0, delayMeanMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY }
