import { toHex, utf8 } from '../base/bytes.ts'
import { hash } from '../base/crypto/hash.ts'
import { EMBED_CACHE_BYTES } from '../base/limits.ts'

/** A vector's key in the cache, besides its numbers. */
const ENTRY_BYTES = 256

/** Vectors that one embedder made lately for one purpose, by their texts; the least used make room. */
export class VectorCache {
  readonly #capacity: number
  /** The least used first. */
  readonly #vectors: Map<string, Float32Array> = new Map()

  /** @param dims of all vectors in it */
  constructor(dims: number, capacityBytes: number = EMBED_CACHE_BYTES) {
    this.#capacity = Math.max(1, Math.floor(capacityBytes / (4 * dims + ENTRY_BYTES)))
  }

  get(text: string): Float32Array | undefined {
    const key = keyOf(text)
    const vector = this.#vectors.get(key)
    if (vector === undefined) return undefined
    this.#vectors.delete(key)
    this.#vectors.set(key, vector)
    return vector
  }

  set(text: string, vector: Float32Array): void {
    this.#vectors.set(keyOf(text), vector)
    if (this.#vectors.size <= this.#capacity) return
    const [oldest] = this.#vectors.keys()
    this.#vectors.delete(oldest as string)
  }
}

function keyOf(text: string): string {
  return toHex(hash('embedded', utf8(text)))
}
