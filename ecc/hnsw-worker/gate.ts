const HALT = 0
const BUSY = 1

/** 2 s: a save of the largest graph takes that long. After it the thread is ended all the same. */
const HALT_MS = 2000

/**
 * Lets a thread be ended between two things that it does: one that is ended within a call of hnswlib takes the whole process with it.
 * Both threads have one of their own, over the same memory.
 */
export class Gate {
  readonly shared: SharedArrayBuffer
  readonly #words: Int32Array

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.shared = shared
    this.#words = new Int32Array(shared)
  }

  /** The thread begins something. It does not come back when it is to end. */
  enter(): void {
    Atomics.store(this.#words, BUSY, 1)
    if (Atomics.load(this.#words, HALT) === 0) return
    this.leave()
    Atomics.wait(this.#words, HALT, 1)
  }

  /** It is done. */
  leave(): void {
    Atomics.store(this.#words, BUSY, 0)
    Atomics.notify(this.#words, BUSY)
  }

  /** Called by the other thread: returns when nothing is under way, and nothing will be begun. */
  halt(): void {
    Atomics.store(this.#words, HALT, 1)
    const endMs = performance.now() + HALT_MS
    while (Atomics.load(this.#words, BUSY) === 1 && performance.now() < endMs)
      Atomics.wait(this.#words, BUSY, 1, Math.max(1, endMs - performance.now()))
  }
}
