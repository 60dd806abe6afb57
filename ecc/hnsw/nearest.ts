/**
 * Slots by similarity in two plain arrays: a binary heap without an object for each entry. The root is the least similar one
 * (`worst`), or, with the sign turned, the most similar one (`next`). Of equal ones the higher slot is the worse, so that the same
 * entries leave in the same order however they came in.
 */
export class Nearest {
  readonly #isWorstFirst: boolean
  #scores: Float64Array
  #slots: Uint32Array
  #size = 0

  constructor(isWorstFirst: boolean, room: number = 64) {
    this.#isWorstFirst = isWorstFirst
    this.#scores = new Float64Array(room)
    this.#slots = new Uint32Array(room)
  }

  get size(): number {
    return this.#size
  }

  /** Of the root; there is one. */
  get score(): number {
    return this.#scores[0] as number
  }

  get slot(): number {
    return this.#slots[0] as number
  }

  clear(): void {
    this.#size = 0
  }

  push(score: number, slot: number): void {
    if (this.#size === this.#slots.length) this.#grow()
    const scores = this.#scores
    const slots = this.#slots
    let at = this.#size++
    while (at > 0) {
      const up = (at - 1) >> 1
      if (!this.#isBefore(score, slot, scores[up] as number, slots[up] as number)) break
      scores[at] = scores[up] as number
      slots[at] = slots[up] as number
      at = up
    }
    scores[at] = score
    slots[at] = slot
  }

  /** Takes the root away. */
  pop(): void {
    const scores = this.#scores
    const slots = this.#slots
    const size = --this.#size
    const score = scores[size] as number
    const slot = slots[size] as number
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      const right = child + 1
      if (right < size && this.#isBefore(scores[right] as number, slots[right] as number, scores[child] as number, slots[child] as number))
        child = right
      if (!this.#isBefore(scores[child] as number, slots[child] as number, score, slot)) break
      scores[at] = scores[child] as number
      slots[at] = slots[child] as number
      at = child
    }
    scores[at] = score
    slots[at] = slot
  }

  #isBefore(score: number, slot: number, other: number, otherSlot: number): boolean {
    if (score !== other) return score < other === this.#isWorstFirst
    return slot > otherSlot === this.#isWorstFirst
  }

  #grow(): void {
    const scores = new Float64Array(2 * this.#scores.length)
    const slots = new Uint32Array(2 * this.#slots.length)
    scores.set(this.#scores)
    slots.set(this.#slots)
    this.#scores = scores
    this.#slots = slots
  }
}
