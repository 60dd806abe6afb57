/** 16 MiB are kept for later: what is under way to one index of 768 numbers, and some. */
const KEPT_BYTES = 16 * 1024 * 1024
const SMALLEST_BYTES = 4096

/**
 * Shared memory that is used again. No collector knows how much of it is out there: left to itself, what travelled stays until
 * the other thread happens to look.
 */
export class SharedPool {
  /** By size, powers of two. */
  readonly #free: Map<number, SharedArrayBuffer[]> = new Map()
  #keptBytes = 0

  /** At least so many bytes, with whatever was in them. */
  take(bytes: number): SharedArrayBuffer {
    const size = Math.max(SMALLEST_BYTES, 2 ** Math.ceil(Math.log2(bytes)))
    const found = this.#free.get(size)?.pop()
    if (found === undefined) return new SharedArrayBuffer(size)
    this.#keptBytes -= size
    return found
  }

  /** Nobody reads it any more. */
  give(buffer: SharedArrayBuffer): void {
    const size = buffer.byteLength
    if (this.#keptBytes + size > KEPT_BYTES) return
    this.#keptBytes += size
    const free = this.#free.get(size)
    if (free === undefined) this.#free.set(size, [buffer])
    else free.push(buffer)
  }
}
