import { talk, talkOver } from './output.ts'

/** How often a line is shown: on a terminal it is written over, elsewhere it stays. */
const TERMINAL_MS = 100
const LINES_MS = 1000

/** Shows on stderr how far long work has come: on a terminal, or where it was asked for. Silent otherwise. */
export class Progress {
  readonly #isShown: boolean
  readonly #isTerminal: boolean = process.stderr.isTTY
  #shownAtMs = -Infinity
  #isOpen = false

  constructor(isForced: boolean) {
    this.#isShown = isForced || this.#isTerminal
  }

  /** @param text how far it is now; most calls show nothing, so it is made only when it is shown */
  update(text: () => string): void {
    const nowMs = performance.now()
    if (!this.#isShown || nowMs < this.#shownAtMs + (this.#isTerminal ? TERMINAL_MS : LINES_MS)) return
    this.#shownAtMs = nowMs
    if (!this.#isTerminal) return talk(text())
    talkOver(text())
    this.#isOpen = true
  }

  /** Takes the line away again. */
  done(): void {
    if (this.#isOpen) talkOver('')
    this.#isOpen = false
    this.#shownAtMs = -Infinity
  }
}
