import { fromHex } from '../base/bytes.ts'
import { Column, NONE } from './column.ts'

/**
 * 32-byte digests, numbered in the order they were added: an open-addressing table of row
 * numbers beside the digests themselves, some 40 bytes a digest where a `Map` of hex takes 150.
 *
 * A digest's first bytes are its hash. Only what SHAKE-256 made is ever added, so whoever wants
 * collisions pays for each; ids that a peer merely claims are looked up, never added.
 */
export class DigestTable {
  readonly digests: Column<Uint8Array> = new Column(Uint8Array)
  #slots: Uint32Array = new Uint32Array(16)

  get size(): number {
    return this.digests.length / 32
  }

  /** The row of `digest`, NONE when it is not there. */
  find(digest: Uint8Array): number {
    const slots = this.#slots
    const mask = slots.length - 1
    for (let at = hashOf(digest, 0) & mask; ; at = (at + 1) & mask) {
      const row = (slots[at] as number) - 1
      if (row < 0) return NONE
      if (this.#equals(row, digest)) return row
    }
  }

  /** Adds a digest that is not there yet. @returns its row. */
  add(digest: Uint8Array): number {
    const row = this.size
    const at = this.digests.extend(32)
    this.digests.data.set(digest, at)
    if (this.size * 2 > this.#slots.length) this.index()
    else this.#place(row)
    return row
  }

  /** A view, good until the next `add`. */
  digest(row: number): Uint8Array {
    return this.digests.data.subarray(row * 32, row * 32 + 32)
  }

  /** Rows whose hex begins with `prefix`: a look at every row. */
  startingWith(prefix: string): number[] {
    const whole = fromHex(prefix.slice(0, prefix.length & ~1))
    const half = prefix.length % 2 === 0 ? undefined : Number.parseInt(prefix.slice(-1), 16)
    const bytes = this.digests.data
    const rows: number[] = []
    for (let row = 0; row < this.size; row++) {
      let same = 0
      while (same < whole.length && bytes[row * 32 + same] === whole[same]) same++
      if (same < whole.length || (half !== undefined && (bytes[row * 32 + same] as number) >> 4 !== half)) continue
      rows.push(row)
    }
    return rows
  }

  /** Lexicographic order of two rows. */
  compare(a: number, b: number): number {
    const bytes = this.digests.data
    for (let i = 0; i < 32; i++) {
      const difference = (bytes[a * 32 + i] as number) - (bytes[b * 32 + i] as number)
      if (difference !== 0) return difference
    }
    return 0
  }

  /** Finds every row again, after the digests have been loaded or have outgrown the table. */
  index(): void {
    let length = 16
    while (length < this.size * 3) length *= 2
    this.#slots = new Uint32Array(length)
    for (let row = 0; row < this.size; row++) this.#place(row)
  }

  #equals(row: number, digest: Uint8Array): boolean {
    const bytes = this.digests.data
    for (let i = 0; i < 32; i++) if (bytes[row * 32 + i] !== digest[i]) return false
    return true
  }

  #place(row: number): void {
    const slots = this.#slots
    const mask = slots.length - 1
    let at = hashOf(this.digests.data, row * 32) & mask
    while (slots[at] !== 0) at = (at + 1) & mask
    slots[at] = row + 1
  }
}

function hashOf(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)
}
