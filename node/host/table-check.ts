/**
 * Checks a LevelDB table (`.ldb`) before LevelDB sees it. The library reads tables without comparing
 * their checksums, and where a flipped bit breaks the order of keys an assertion of its ends the
 * process: 3 in 100 single bits did. So damage is looked for when the index opens, and what rots
 * later ends the process once at most: the next start finds it.
 *
 * Format (leveldb/doc/table_format.md): blocks, each followed by a type byte and the masked CRC-32C of
 * both; at the end a footer with the places of two blocks that list the places of the others.
 */
const FOOTER_BYTES = 48
const MAGIC: readonly number[] = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]
const TRAILER_BYTES = 5
const NO_COMPRESSION = 0
const CRC_MASK = 0xa282ead8

interface Place {
  readonly offset: number
  readonly size: number
}

/** False for a damaged table. One without its last bytes was never finished: LevelDB does not use it, or says that it is cut. */
export function isSoundTable(table: Uint8Array): boolean {
  if (table.length < FOOTER_BYTES || MAGIC.some((byte, i) => table[table.length - MAGIC.length + i] !== byte)) return true
  const footer = new Reader(table, table.length - FOOTER_BYTES, table.length)
  return [footer.place(), footer.place()].every(
    list => isSoundBlock(table, list) && placesIn(table, list).every(place => isSoundBlock(table, place)),
  )
}

function isSoundBlock(table: Uint8Array, { offset, size }: Place): boolean {
  const end = offset + size + TRAILER_BYTES
  if (!(end <= table.length - FOOTER_BYTES)) return false
  const masked = new DataView(table.buffer, table.byteOffset + end - 4, 4).getUint32(0, true)
  const rotated = (masked - CRC_MASK) >>> 0
  return table[offset + size] === NO_COMPRESSION && crc32c(table, offset, end - 4) === ((rotated >>> 17) | (rotated << 15)) >>> 0
}

/** The places that a sound block lists: entries of (shared and own key length, value length, own key bytes, value), then restart points. */
function placesIn(table: Uint8Array, { offset, size }: Place): Place[] {
  const restarts = new DataView(table.buffer, table.byteOffset + offset + size - 4, 4).getUint32(0, true)
  const reader = new Reader(table, offset, offset + size - 4 * (restarts + 1))
  const places: Place[] = []
  while (!reader.isAtEnd) {
    reader.number()
    const keyLength = reader.number()
    const valueLength = reader.number()
    reader.at += keyLength
    const next = reader.at + valueLength
    places.push(reader.place())
    reader.at = next
  }
  return places
}

class Reader {
  readonly #bytes: Uint8Array
  readonly #end: number
  at: number

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes
    this.at = start
    this.#end = end
  }

  get isAtEnd(): boolean {
    return !(this.at < this.#end)
  }

  /** Seven bits a byte, the lowest first; not a number beyond the end, which no comparison takes for a place. */
  number(): number {
    let value = 0
    for (let scale = 1; this.at < this.#end; scale *= 128) {
      const byte = this.#bytes[this.at++] as number
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
    return Number.NaN
  }

  place(): Place {
    return { offset: this.number(), size: this.number() }
  }
}

const CRC_TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0x82f63b78 ^ (crc >>> 1) : crc >>> 1
  return crc
})

/** CRC-32C (Castagnoli) of the bytes from `start` up to `end`. */
function crc32c(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0xffffffff
  for (let i = start; i < end; i++) crc = (CRC_TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8)
  return ~crc >>> 0
}
