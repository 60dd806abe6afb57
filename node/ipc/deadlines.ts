/**
 * What ends at a time unless it ends before: a wheel of 10 ms slots, so that adding and
 * removing cost nothing to speak of, however many calls wait.
 */
export class Deadlines<T> {
  readonly #slots: Map<number, Set<T>> = new Map()
  #earliest = Infinity

  add(item: T, atMs: number): number {
    const slot = Math.ceil(atMs / SLOT_MS)
    const set = this.#slots.get(slot)
    if (set === undefined) this.#slots.set(slot, new Set([item]))
    else set.add(item)
    if (slot < this.#earliest) this.#earliest = slot
    return slot
  }

  /** @param slot what `add` returned */
  remove(item: T, slot: number): void {
    const set = this.#slots.get(slot)
    if (set === undefined) return
    set.delete(item)
    if (set.size > 0) return
    this.#slots.delete(slot)
    if (slot === this.#earliest) this.#earliest = this.#minimum()
  }

  get nextMs(): number {
    return this.#earliest * SLOT_MS
  }

  /** Takes out everything that is due. */
  expire(nowMs: number): T[] {
    const due: T[] = []
    while (this.#earliest * SLOT_MS <= nowMs) {
      for (const item of this.#slots.get(this.#earliest) ?? []) due.push(item)
      this.#slots.delete(this.#earliest)
      this.#earliest = this.#minimum()
    }
    return due
  }

  #minimum(): number {
    let minimum = Infinity
    for (const slot of this.#slots.keys()) if (slot < minimum) minimum = slot
    return minimum
  }
}

const SLOT_MS = 10
