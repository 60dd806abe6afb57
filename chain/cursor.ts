import { EMPTY, isWellFormed, textOf, utf8 } from '../base/bytes.ts'

/**
 * Deterministic CBOR written and read field by field, for the two places where every record
 * passes: the same bytes as `base/codec.ts`, and as strict, but without values in between and a second encoding to
 * compare with. A header is made in FIXME us and read in FIXME us, against FIXME and FIXME.
 */

const MAJOR_UINT = 0
const MAJOR_BYTES = 2
const MAJOR_TEXT = 3
const MAJOR_ARRAY = 4

export class CborWriter {
  #bytes: Uint8Array = new Uint8Array(1024)
  #at = 0

  /** Begins a new value; one writer serves one value at a time. */
  begin(): this {
    this.#at = 0
    return this
  }

  /** The value's bytes, a copy. */
  end(): Uint8Array {
    return this.#bytes.slice(0, this.#at)
  }

  uint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`cannot encode the number ${value}`)
    return this.#head(MAJOR_UINT, value)
  }

  bytes(value: Uint8Array): this {
    this.#head(MAJOR_BYTES, value.length)
    return this.#raw(value)
  }

  text(value: string, maxBytes: number): this {
    if (!isWellFormed(value)) throw new RangeError('cannot encode a lone surrogate')
    const bytes = utf8(value)
    if (bytes.length > maxBytes) throw new RangeError(`text of ${bytes.length} bytes, at most ${maxBytes}`)
    this.#head(MAJOR_TEXT, bytes.length)
    return this.#raw(bytes)
  }

  /** The `length` items follow. */
  array(length: number): this {
    return this.#head(MAJOR_ARRAY, length)
  }

  #head(major: number, argument: number): this {
    this.#reserve(9)
    const bytes = this.#bytes
    const top = major << 5
    if (argument < 24) {
      bytes[this.#at++] = top | argument
      return this
    }
    const width = argument < 0x100 ? 1 : argument < 0x10000 ? 2 : argument < 0x100000000 ? 4 : 8
    bytes[this.#at++] = top | (width === 1 ? 24 : width === 2 ? 25 : width === 4 ? 26 : 27)
    let rest = argument
    for (let at = this.#at + width - 1; at >= this.#at; at--) {
      bytes[at] = rest % 256
      rest = Math.floor(rest / 256)
    }
    this.#at += width
    return this
  }

  #raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const grown = new Uint8Array(2 * (this.#at + more))
    grown.set(this.#bytes)
    this.#bytes = grown
  }
}

/**
 * Reads what is expected, in order. At the first thing that is something else it has failed:
 * everything it gives from there on is empty, and `isDone` is false.
 */
export class CborReader {
  readonly #bytes: Uint8Array
  #at = 0
  #failed = false

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** True when all was as expected and nothing is left. */
  get isDone(): boolean {
    return !this.#failed && this.#at === this.#bytes.length
  }

  uint(max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#head(MAJOR_UINT)
    return value <= max ? value : this.#fail(0)
  }

  /** A byte string of exactly `length` bytes, or of none where `orNone`; a view into the input. */
  bytes(length: number, orNone: boolean = false): Uint8Array {
    const found = this.#head(MAJOR_BYTES)
    return found === length || (orNone && found === 0) ? this.#take(found) : this.#fail(EMPTY)
  }

  /** Text of at most `maxBytes` in UTF-8. */
  text(maxBytes: number): string {
    const length = this.#head(MAJOR_TEXT)
    if (length > maxBytes) return this.#fail('')
    return textOf(this.#take(length)) ?? this.#fail('')
  }

  /** The length of an array of at most `max` items, which follow. */
  array(max: number): number {
    const length = this.#head(MAJOR_ARRAY)
    return length <= max ? length : this.#fail(0)
  }

  /** The argument of the next head, which is of type `major` and in its shortest form. */
  #head(major: number): number {
    const initial = this.#bytes[this.#at++]
    if (this.#failed || initial === undefined || initial >> 5 !== major) return this.#fail(0)
    const info = initial & 31
    if (info < 24) return info
    const width = info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : info === 27 ? 8 : 0
    if (width === 0 || this.#at + width > this.#bytes.length) return this.#fail(0)
    let value = 0
    for (let end = this.#at + width; this.#at < end; this.#at++) value = value * 256 + (this.#bytes[this.#at] as number)
    const least = width === 1 ? 24 : 256 ** (width / 2)
    return value >= least && Number.isSafeInteger(value) ? value : this.#fail(0)
  }

  #take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) return this.#fail(EMPTY)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  #fail<T>(value: T): T {
    this.#failed = true
    return value
  }
}
