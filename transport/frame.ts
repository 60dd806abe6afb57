import { assert } from '../base/assert.ts'
import { CHUNK_BYTES } from '../base/limits.ts'

/**
 * Frames on a byte stream: a length of 32 bits, big-endian, then that many bytes. The stream
 * may be cut anywhere on its way; what comes out are the frames that went in.
 */

/** In front of every frame. */
export const FRAME_HEADER_BYTES: number = 4

/** 4 KiB: the buffer of a stream that carries a small frame now and then; one that is behind gets whole chunks. */
const LONE_BUFFER_BYTES = 4096

/**
 * Frames waiting to be written, kept as the bytes they will be: no object per frame, so
 * what waits costs what it weighs, and many small frames leave in one write.
 */
export class FrameEncoder {
  #pieces: Uint8Array[] = []
  /** The buffer being filled; `#from` to `#to` of it has not been taken yet. */
  #buffer: Uint8Array = new Uint8Array(0)
  #from = 0
  #to = 0
  #pending = 0

  /** Bytes waiting, lengths included. */
  get pendingBytes(): number {
    return this.#pending
  }

  push(frame: Uint8Array): void {
    const size = FRAME_HEADER_BYTES + frame.length
    if (this.#buffer.length - this.#to < size) {
      this.#cut()
      this.#buffer = new Uint8Array(Math.max(size, this.#pending === 0 ? LONE_BUFFER_BYTES : CHUNK_BYTES))
      this.#from = 0
      this.#to = 0
    }
    new DataView(this.#buffer.buffer).setUint32(this.#to, frame.length)
    this.#buffer.set(frame, this.#to + FRAME_HEADER_BYTES)
    this.#to += size
    this.#pending += size
  }

  /** The next whole frames, a chunk of them or one that is larger; undefined when none wait. */
  take(): Uint8Array | undefined {
    if (this.#pieces.length === 0) this.#cut()
    const piece = this.#pieces.shift()
    if (piece !== undefined) this.#pending -= piece.length
    return piece
  }

  #cut(): void {
    if (this.#from === this.#to) return
    this.#pieces.push(this.#buffer.subarray(this.#from, this.#to))
    this.#from = this.#to
  }
}

/** Reads one stream. Holds at most one frame, and none that is above its limit. */
export class FrameDecoder {
  readonly #maxBytes: number
  #header = 0
  #headerBytes = 0
  #body: Uint8Array | undefined
  #filled = 0

  constructor(maxBytes: number) {
    assert(maxBytes >= 0 && maxBytes < 2 ** 32, `a frame limit fits 32 bits, got ${maxBytes}`)
    this.#maxBytes = maxBytes
  }

  /** True inside a frame: a stream that ends here was cut off. */
  get isPartial(): boolean {
    return this.#headerBytes > 0
  }

  /**
   * Calls `onFrame` for every frame that `chunk` completes; a frame is a copy, the receiver's to keep.
   *
   * @returns false once a frame was announced above the limit: the rest of the stream means nothing
   */
  push(chunk: Uint8Array, onFrame: (frame: Uint8Array) => void): boolean {
    let at = 0
    while (at < chunk.length) {
      if (this.#body === undefined) {
        if (this.#headerBytes < FRAME_HEADER_BYTES) {
          this.#header = this.#header * 256 + (chunk[at++] as number)
          this.#headerBytes++
        }
        if (this.#headerBytes < FRAME_HEADER_BYTES) continue
        if (this.#header > this.#maxBytes) return false
        this.#body = new Uint8Array(this.#header)
      }
      const end = Math.min(chunk.length, at + this.#body.length - this.#filled)
      this.#body.set(chunk.subarray(at, end), this.#filled)
      this.#filled += end - at
      at = end
      if (this.#filled === this.#body.length) onFrame(this.#next(this.#body))
    }
    return true
  }

  #next(frame: Uint8Array): Uint8Array {
    this.#header = 0
    this.#headerBytes = 0
    this.#body = undefined
    this.#filled = 0
    return frame
  }
}
