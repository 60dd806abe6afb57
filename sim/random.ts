import { utf8 } from '../base/bytes.ts'
import { hash } from '../base/crypto/hash.ts'
import type { Random } from '../base/ports.ts'

/**
 * Named streams of one seed (`node3/disk`): an edit that draws more from one stream leaves
 * the others as they were, so shrinking and small changes keep a run recognisable.
 * xoshiro128** (Blackman and Vigna, 2018), seeded by a hash of seed and name.
 */
export class SimRandom implements Random {
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number, stream: string) {
    const digest = hash('content', utf8(`${seed}/${stream}`))
    const words = new DataView(digest.buffer, digest.byteOffset, 16)
    this.#a = words.getUint32(0)
    this.#b = words.getUint32(4)
    this.#c = words.getUint32(8)
    this.#d = words.getUint32(12) | 1
  }

  /** An integer from 0 to 2^32 - 1. */
  uint32(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9) >>> 0
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = rotate(this.#d, 11)
    return result
  }

  below(bound: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * bound)
  }

  /** True with probability `perMille` / 1000: integers, so that no float decides. */
  chance(perMille: number): boolean {
    return this.below(1000) < perMille
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length)
    for (let i = 0; i < length; i++) out[i] = this.uint32() >>> 24
    return out
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }

  /** Fisher-Yates; a new array. */
  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items]
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      ;[out[i], out[j]] = [out[j] as T, out[i] as T]
    }
    return out
  }
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}
