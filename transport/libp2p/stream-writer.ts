import type { Stream } from '@libp2p/interface'
import { FrameEncoder } from '../frame.ts'

/**
 * Frames on their way into one stream. Frames of one turn leave in one write, and nothing is
 * written that the stream has no room for: libp2p buffers without bound what it is given,
 * and its `onDrain()` waits only once, so the `drain` event it is.
 */
export class StreamWriter {
  readonly #encoder = new FrameEncoder()
  readonly #onLeft: (bytes: number) => void
  /** Whose frames go first. */
  readonly #before: StreamWriter | undefined
  /** Those that wait for this one. */
  readonly #after: Set<StreamWriter> = new Set()
  #stream: Stream | undefined
  #isScheduled = false

  /** @param onLeft bytes have been taken over by the stream @param before nothing leaves while something waits there */
  constructor(onLeft: (bytes: number) => void, before?: StreamWriter) {
    this.#onLeft = onLeft
    this.#before = before
  }

  /** Nothing waits to leave. */
  get isEmpty(): boolean {
    return this.#encoder.pendingBytes === 0
  }

  /** The stream is open; frames wait until then. */
  attach(stream: Stream): void {
    this.#stream = stream
    stream.addEventListener('drain', () => this.#flush())
    this.#flush()
  }

  /** @returns the bytes that `onLeft` will be told of */
  push(frame: Uint8Array): number {
    const before = this.#encoder.pendingBytes
    this.#encoder.push(frame)
    if (!this.#isScheduled && this.#stream !== undefined) {
      this.#isScheduled = true
      queueMicrotask(() => {
        this.#isScheduled = false
        this.#flush()
      })
    }
    return this.#encoder.pendingBytes - before
  }

  #flush(): void {
    const stream = this.#stream
    if (stream === undefined) return
    if (this.#before?.isEmpty === false) return void this.#before.#after.add(this)
    while (stream.writeStatus === 'writable' && !stream.writableNeedsDrain) {
      const piece = this.#encoder.take()
      if (piece === undefined) return this.#letGo()
      try {
        stream.send(piece)
      } catch {
        return // It broke: its `close` event tells the link.
      }
      this.#onLeft(piece.length)
    }
  }
  /** Nothing waits here any more. */
  #letGo(): void {
    const after = [...this.#after]
    this.#after.clear()
    for (const writer of after) writer.#flush()
  }
}
