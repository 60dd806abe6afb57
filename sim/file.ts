import { assert } from '../base/assert.ts'
import type { SimRandom } from './random.ts'

type Change =
  | { readonly kind: 'write'; readonly number: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly length: number }

/**
 * One file as an operating system has it: what programs see (`cache`), what survives a loss of power (`media`),
 * and the changes on their way from one to the other, which may arrive in any order, or in part, or not at all.
 */
export class SimFile {
  #cache: Image
  #media: Image
  #unsynced: Change[] = []

  /** A file that is on the media with this content. */
  constructor(content: Uint8Array) {
    this.#cache = new Image(content)
    this.#media = new Image(content)
  }

  get size(): number {
    return this.#cache.length
  }

  read(offset: number, length: number): Uint8Array {
    return this.#cache.read(offset, length)
  }

  /** What a loss of power would leave if every unsynced change were lost. */
  durableContent(): Uint8Array {
    return this.#media.read(0, this.#media.length)
  }

  /** The number of the newest write that is not synced; 0 when there is none that has any bytes. */
  get unsyncedWrite(): number {
    const newest = this.#unsynced.findLast(change => change.kind === 'write' && change.bytes.length > 0)
    return newest?.kind === 'write' ? newest.number : 0
  }

  /** @param number of this write among all of the disk, from 1 on */
  append(bytes: Uint8Array, number: number): void {
    const copy = bytes.slice()
    const offset = this.size
    this.#cache.write(offset, copy)
    this.#unsynced.push({ kind: 'write', number, offset, bytes: copy })
  }

  truncate(length: number): void {
    this.#cache.truncate(length)
    this.#unsynced.push({ kind: 'truncate', length })
  }

  sync(): void {
    for (const change of this.#unsynced) this.#media.apply(change)
    this.#unsynced = []
  }

  /**
   * What Linux does when the disk refuses: every change counts as written from now on and no later
   * sync tries again. Each may be on the media, or in memory only, or in neither (its pages were
   * dropped and read again). What is written anew over them is treated like any other change.
   */
  failSync(random: SimRandom): void {
    for (const change of this.#unsynced) {
      const fate = random.below(3)
      if (fate === 0) this.#media.apply(change)
      else if (fate === 1 && change.kind === 'write') this.#forget(change.offset, change.bytes.length)
    }
    this.#unsynced = []
  }

  /** Loss of power: each unsynced change is there, or not, or torn. With `torn` the newest write is torn, and what it follows is there. */
  crash(random: SimRandom, torn: boolean): void {
    const tornWrite = torn ? this.unsyncedWrite : 0
    for (const change of this.#unsynced) {
      if (change.kind === 'write' && change.number === tornWrite) {
        const { offset, bytes } = change
        const kept = bytes.length === 1 ? 0 : 1 + random.below(bytes.length - 1)
        this.#media.write(offset, bytes.subarray(0, kept))
        if (kept === 0 || random.chance(500)) this.#media.extend(offset + bytes.length)
        continue
      }
      const fate = torn ? 0 : random.below(3)
      if (fate === 0) this.#media.apply(change)
      else if (fate === 1 && change.kind === 'write') this.#tear(change.offset, change.bytes, random)
    }
    this.#unsynced = []
    this.#cache = new Image(this.durableContent())
  }

  /** One bit of rot, in memory and on the media. */
  flip(offset: number, bit: number): void {
    assert(offset >= 0 && offset < this.size, `no byte ${offset} in a file of ${this.size}`)
    this.#cache.flip(offset, bit)
    if (offset < this.#media.length) this.#media.flip(offset, bit)
  }

  /** The bytes in memory become those of the media, zeros where it has none. The size stays: it is not read again. */
  #forget(offset: number, length: number): void {
    const end = Math.min(offset + length, this.size)
    if (offset >= end) return
    const bytes = new Uint8Array(end - offset)
    bytes.set(this.#media.read(offset, bytes.length))
    this.#cache.write(offset, bytes)
  }

  /** Some part of the bytes arrives; half of the time the file still gets its full length, with zeros. */
  #tear(offset: number, bytes: Uint8Array, random: SimRandom): void {
    const from = random.chance(500) ? 0 : random.below(bytes.length + 1)
    const to = from + random.below(bytes.length - from + 1)
    if (random.chance(500)) this.#media.extend(offset + bytes.length)
    if (from < to) this.#media.write(offset + from, bytes.subarray(from, to))
  }
}

/** Bytes that grow; what is skipped over is zero. */
class Image {
  #bytes: Uint8Array
  length: number

  constructor(content: Uint8Array) {
    this.#bytes = content.slice()
    this.length = content.length
  }

  read(offset: number, length: number): Uint8Array {
    return this.#bytes.slice(Math.min(offset, this.length), Math.min(offset + length, this.length))
  }

  apply(change: Change): void {
    if (change.kind === 'write') this.write(change.offset, change.bytes)
    else this.truncate(change.length)
  }

  write(offset: number, bytes: Uint8Array): void {
    this.extend(offset + bytes.length)
    this.#bytes.set(bytes, offset)
  }

  extend(length: number): void {
    if (length <= this.length) return
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, this.length))
      this.#bytes = grown
    }
    this.length = length
  }

  truncate(length: number): void {
    if (length >= this.length) return
    this.#bytes.fill(0, length, this.length)
    this.length = length
  }

  flip(offset: number, bit: number): void {
    this.#bytes[offset] = (this.#bytes[offset] as number) ^ (1 << bit)
  }
}
