/**
 * Calls of handlers: one at a time, in order, and never from inside a call to the
 * transport. So the code above is never entered twice, whatever it does in a handler.
 */
export class Turn {
  readonly #later: (task: () => void) => void
  #calls: (() => void)[] = []

  /** @param later runs a task once the code now running has returned: a microtask, or an event of the same instant */
  constructor(later: (task: () => void) => void) {
    this.#later = later
  }

  /** Nothing waits: what comes from the network at this moment may be handed on directly. */
  get isIdle(): boolean {
    return this.#calls.length === 0
  }

  post(call: () => void): void {
    this.#calls.push(call)
    if (this.#calls.length === 1) this.#later(() => this.#run())
  }

  /** Calls that a handler posts run in the same turn, after it has returned. */
  #run(): void {
    try {
      for (let i = 0; i < this.#calls.length; i++) (this.#calls[i] as () => void)()
    } finally {
      this.#calls = []
    }
  }
}
