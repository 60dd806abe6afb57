import { isWellFormed, textOf, utf8 } from './bytes.ts'

/**
 * Deterministic CBOR (RFC 8949 section 4.2), the part of it that has one encoding per value:
 * unsigned integers below 2^53, byte strings, well-formed UTF-8 text, and arrays of those.
 * No maps, floats, tags, negative numbers or null. Input is decoded, encoded again and
 * compared, so two nodes can never disagree about the bytes behind a value.
 */
export type Cbor = number | string | Uint8Array | readonly Cbor[]

/** 16: the deepest message (a run of records with parents) nests 5; the rest is head room. */
const DEPTH_MAX = 16

const MAJOR_UINT = 0
const MAJOR_BYTES = 2
const MAJOR_TEXT = 3
const MAJOR_ARRAY = 4

/** @throws RangeError on a value that has no deterministic form: a bug in the caller. */
export function encode(value: Cbor): Uint8Array {
  writer.begin()
  writer.write(value, 0)
  return writer.take()
}

export type Decoded = { readonly ok: true; readonly value: Cbor } | { readonly ok: false; readonly why: string }

/** Decodes one value that fills `bytes` exactly. Never throws; byte strings are views into `bytes`. */
export function decode(bytes: Uint8Array): Decoded {
  const reader = new Reader(bytes)
  const value = reader.read(0)
  if (value === undefined) return { ok: false, why: reader.why }
  if (reader.at !== bytes.length) return { ok: false, why: `${bytes.length - reader.at} bytes after the value` }
  if (!writer.makes(value, bytes)) return { ok: false, why: 'not canonical' }
  return { ok: true, value }
}

/** One for all calls: encoding is synchronous, and a buffer for each value was a third of its cost. */
class Writer {
  #bytes: Uint8Array = new Uint8Array(4096)
  #at = 0

  begin(): void {
    this.#at = 0
  }

  take(): Uint8Array {
    return this.#bytes.slice(0, this.#at)
  }

  /** True when `bytes` are the encoding of `value`; compared in place, as most frames are smaller than what a copy costs. */
  makes(value: Cbor, bytes: Uint8Array): boolean {
    this.begin()
    this.write(value, 0)
    if (this.#at !== bytes.length) return false
    for (let i = 0; i < this.#at; i++) if (this.#bytes[i] !== bytes[i]) return false
    return true
  }

  write(value: Cbor, depth: number): void {
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`cannot encode the number ${value}`)
      this.#head(MAJOR_UINT, value)
    } else if (typeof value === 'string') {
      if (!isWellFormed(value)) throw new RangeError('cannot encode a lone surrogate')
      this.#text(value)
    } else if (value instanceof Uint8Array) {
      this.#head(MAJOR_BYTES, value.length)
      this.#raw(value)
    } else {
      if (depth >= DEPTH_MAX) throw new RangeError(`nested deeper than ${DEPTH_MAX}`)
      this.#head(MAJOR_ARRAY, value.length)
      // By number: an iterator is garbage for each item, 3 KB for each memory that is written.
      for (let i = 0; i < value.length; i++) this.write(value[i] as Cbor, depth + 1)
    }
  }

  #head(major: number, argument: number): void {
    this.#reserve(9)
    const bytes = this.#bytes
    const top = major << 5
    if (argument < 24) {
      bytes[this.#at++] = top | argument
    } else if (argument < 0x100) {
      bytes[this.#at++] = top | 24
      bytes[this.#at++] = argument
    } else if (argument < 0x10000) {
      bytes[this.#at++] = top | 25
      bytes[this.#at++] = argument >>> 8
      bytes[this.#at++] = argument & 0xff
    } else {
      const wide = argument >= 0x100000000
      bytes[this.#at++] = top | (wide ? 27 : 26)
      if (wide) this.#uint32(Math.floor(argument / 0x100000000))
      this.#uint32(argument % 0x100000000)
    }
  }

  #uint32(value: number): void {
    const bytes = this.#bytes
    bytes[this.#at++] = value >>> 24
    bytes[this.#at++] = (value >>> 16) & 0xff
    bytes[this.#at++] = (value >>> 8) & 0xff
    bytes[this.#at++] = value & 0xff
  }

  /** Short plain text, which most is, without a detour through the encoder. */
  #text(text: string): void {
    const start = this.#at
    if (text.length < 24) {
      this.#reserve(1 + text.length)
      this.#bytes[this.#at++] = (MAJOR_TEXT << 5) | text.length
      let i = 0
      for (; i < text.length; i++) {
        const code = text.charCodeAt(i)
        if (code > 0x7f) break
        this.#bytes[this.#at++] = code
      }
      if (i === text.length) return
      this.#at = start
    }
    const bytes = utf8(text)
    this.#head(MAJOR_TEXT, bytes.length)
    this.#raw(bytes)
  }

  #raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + more))
    grown.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = grown
  }
}

const writer: Writer = new Writer()

class Reader {
  readonly #bytes: Uint8Array
  at = 0
  why = ''

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  read(depth: number): Cbor | undefined {
    if (this.at >= this.#bytes.length) return this.#fail('ends early')
    const initial = this.#bytes[this.at++] as number
    const major = initial >> 5
    const argument = this.#argument(initial & 31)
    if (argument === undefined) return undefined
    switch (major) {
      case MAJOR_UINT:
        return argument
      case MAJOR_BYTES:
        return this.#take(argument)
      case MAJOR_TEXT: {
        const bytes = this.#take(argument)
        if (bytes === undefined) return undefined
        return textOf(bytes) ?? this.#fail('invalid UTF-8')
      }
      case MAJOR_ARRAY: {
        if (depth >= DEPTH_MAX) return this.#fail(`nested deeper than ${DEPTH_MAX}`)
        // Each item takes a byte at least: a length beyond the input is refused before any work.
        if (argument > this.#bytes.length - this.at) return this.#fail('array longer than the input')
        const items: Cbor[] = []
        for (let i = 0; i < argument; i++) {
          const item = this.read(depth + 1)
          if (item === undefined) return undefined
          items.push(item)
        }
        return items
      }
      default:
        return this.#fail(`major type ${major} is not allowed`)
    }
  }

  #argument(info: number): number | undefined {
    if (info < 24) return info
    const width = info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : info === 27 ? 8 : 0
    if (width === 0) return this.#fail('indefinite or reserved length')
    if (this.at + width > this.#bytes.length) return this.#fail('ends early')
    let value = 0
    for (let i = 0; i < width; i++) value = value * 256 + (this.#bytes[this.at++] as number)
    return Number.isSafeInteger(value) ? value : this.#fail('number of 2^53 or more')
  }

  #take(length: number): Uint8Array | undefined {
    if (length > this.#bytes.length - this.at) return this.#fail('ends early')
    const out = this.#bytes.subarray(this.at, this.at + length)
    this.at += length
    return out
  }

  #fail(why: string): undefined {
    if (this.why === '') this.why = `${why} at byte ${this.at}`
    return undefined
  }
}
