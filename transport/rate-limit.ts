/**
 * Token bucket: `perSecond` on average, `burst` at once. Pure: the caller says what time it is.
 */
export class RateLimit {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #atMs = Number.NEGATIVE_INFINITY

  /**
   * @param perSecond tokens that come back each second, above 0
   * @param burst tokens a full bucket holds: the most that can be taken at one time
   */
  constructor(perSecond: number, burst: number) {
    if (!(perSecond > 0 && burst > 0)) throw new RangeError(`a rate and a burst are above 0, got ${perSecond} and ${burst}`)
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
  }

  /**
   * Takes `cost` tokens, or none when there are fewer.
   *
   * @param nowMs monotonic milliseconds; a step back counts as no time
   * @returns false when the caller is over its rate
   */
  take(nowMs: number, cost: number = 1): boolean {
    if (nowMs > this.#atMs) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs)
      this.#atMs = nowMs
    }
    if (cost > this.#tokens) return false
    this.#tokens -= cost
    return true
  }
}
