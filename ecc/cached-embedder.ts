import { toHex, utf8 } from '../base/bytes.ts'
import { hash } from '../base/crypto/hash.ts'
import { EMBED_CACHE_BYTES } from '../base/limits.ts'
import type { Embedded, Embedder, Purpose } from './embedder.ts'

/** A vector and its key in the cache, besides its numbers. */
const ENTRY_BYTES = 256

/**
 * An embedder that remembers: what was embedded lately costs nothing, and what several ask for at a time is asked
 * for once. Held in memory, the least used dropped first; what has to last is in the records.
 */
export class CachedEmbedder implements Embedder {
  readonly id: string
  readonly dims: number
  readonly kind: Embedder['kind']
  readonly deterministic: boolean
  readonly #embedder: Embedder
  readonly #capacity: number
  /** By purpose and text, the least used first. */
  readonly #vectors: Map<string, Float32Array> = new Map()
  /** Under way, and who waits for it besides. */
  readonly #coming: Map<string, ((result: Embedded) => void)[]> = new Map()

  constructor(embedder: Embedder, capacityBytes: number = EMBED_CACHE_BYTES) {
    this.#embedder = embedder
    this.id = embedder.id
    this.dims = embedder.dims
    this.kind = embedder.kind
    this.deterministic = embedder.deterministic
    this.#capacity = Math.max(1, Math.floor(capacityBytes / (4 * embedder.dims + ENTRY_BYTES)))
  }

  embed(texts: readonly string[], purpose: Purpose, done: (result: Embedded) => void): void {
    const keys = texts.map(text => `${purpose} ${toHex(hash('embedded', utf8(text)))}`)
    const found = new Map<string, Float32Array>()
    const missing = new Map<string, string>()
    for (const [i, key] of keys.entries()) {
      const vector = this.#use(key)
      if (vector === undefined) missing.set(key, texts[i] as string)
      else found.set(key, vector)
    }
    const answer = (): void => done({ ok: true, vectors: keys.map(key => found.get(key) as Float32Array) })
    if (missing.size === 0) return answer()
    const [only] = missing.keys()
    const waiting = missing.size === 1 ? this.#coming.get(only as string) : undefined
    const take = (result: Embedded): void => {
      if (!result.ok) return done(result)
      for (const [i, key] of [...missing.keys()].entries()) found.set(key, result.vectors[i] as Float32Array)
      answer()
    }
    if (waiting !== undefined) return void waiting.push(take)
    this.#ask(missing, purpose, take)
  }

  #ask(missing: ReadonlyMap<string, string>, purpose: Purpose, take: (result: Embedded) => void): void {
    const joined: ((result: Embedded) => void)[] = [take]
    const [only] = missing.keys()
    const isShared = missing.size === 1
    if (isShared) this.#coming.set(only as string, joined)
    this.#embedder.embed([...missing.values()], purpose, result => {
      if (isShared) this.#coming.delete(only as string)
      if (result.ok) for (const [i, key] of [...missing.keys()].entries()) this.#keep(key, result.vectors[i] as Float32Array)
      for (const one of joined) one(result)
    })
  }

  #use(key: string): Float32Array | undefined {
    const vector = this.#vectors.get(key)
    if (vector === undefined) return undefined
    this.#vectors.delete(key)
    this.#vectors.set(key, vector)
    return vector
  }

  #keep(key: string, vector: Float32Array): void {
    this.#vectors.set(key, vector)
    if (this.#vectors.size <= this.#capacity) return
    const [oldest] = this.#vectors.keys()
    this.#vectors.delete(oldest as string)
  }
}
