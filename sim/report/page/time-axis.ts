/** The stretch of time that is in view, and where on the screen it is. */
export class TimeAxis {
  readonly startMs: number
  readonly endMs: number
  fromMs: number
  toMs: number
  /** Pixels of the left end, and how many there are. */
  left = 0
  width = 1

  constructor(startMs: number, endMs: number) {
    this.startMs = startMs
    this.endMs = Math.max(endMs, startMs + 1)
    this.fromMs = this.startMs
    this.toMs = this.endMs
  }

  x(ms: number): number {
    return this.left + ((ms - this.fromMs) / (this.toMs - this.fromMs)) * this.width
  }

  ms(x: number): number {
    return this.fromMs + ((x - this.left) / this.width) * (this.toMs - this.fromMs)
  }

  /** Brings a stretch into view, as far as the run has it; no less than ten microseconds. */
  show(fromMs: number, toMs: number): void {
    const span = Math.min(Math.max(toMs - fromMs, 0.01), this.endMs - this.startMs)
    this.fromMs = Math.min(Math.max(fromMs, this.startMs), this.endMs - span)
    this.toMs = this.fromMs + span
  }

  /** What is at `x` stays there. @param factor below 1 to come closer */
  zoom(factor: number, x: number): void {
    const atMs = this.ms(x)
    this.show(atMs - (atMs - this.fromMs) * factor, atMs + (this.toMs - atMs) * factor)
  }

  pan(pixels: number): void {
    const ms = (pixels / this.width) * (this.toMs - this.fromMs)
    this.show(this.fromMs + ms, this.toMs + ms)
  }

  /** Moves no more than it must. */
  reveal(ms: number): void {
    const span = this.toMs - this.fromMs
    if (ms < this.fromMs || ms > this.toMs) this.show(ms - span / 2, ms + span / 2)
  }

  /** Round times, as many as have room for their labels. */
  ticks(): readonly { readonly ms: number; readonly label: string }[] {
    const roughMs = ((this.toMs - this.fromMs) / this.width) * 90
    let stepMs = 0.001
    for (let i = 0; stepMs < roughMs; i++) stepMs *= [2, 2.5, 2][i % 3] ?? 2
    const digits = stepMs >= 1_000 ? 0 : stepMs >= 100 ? 1 : stepMs >= 10 ? 2 : stepMs >= 1 ? 3 : stepMs >= 0.1 ? 4 : stepMs >= 0.01 ? 5 : 6
    const ticks: { ms: number; label: string }[] = []
    for (let n = Math.ceil(this.fromMs / stepMs); n * stepMs <= this.toMs; n++) {
      ticks.push({ ms: n * stepMs, label: `${((n * stepMs) / 1000).toFixed(digits)} s` })
    }
    return ticks
  }
}
