import { toHex, utf8 } from '../../../base/bytes.ts'
import { hash } from '../../../base/crypto/hash.ts'
import type { Embedder, Purpose } from '../../../ecc/embedder.ts'

/** An embedder that holds connections or processes of this machine. */
export interface HostEmbedder extends Embedder {
  /** Ends what is under way, and all that comes, with `stopping`. */
  close(): void
}

/** What a model wants to see in front of a text, e.g. `search_query: `; nothing when empty. */
export type Prefixes = Readonly<Record<Purpose, string>>

/**
 * `<kind>:<model>:<dims>`, and a mark of whatever else decides the numbers. Not of where the model runs: nodes of a mesh reach
 * the same one in different places, and their vectors belong together.
 *
 * @param besides settings that change the numbers, empty where they are as usual
 */
export function embedderId(kind: string, model: string, dims: number, besides: readonly string[]): string {
  const mark = besides.every(text => text === '') ? '' : `+${toHex(hash('embedded', utf8(JSON.stringify(besides)))).slice(0, 8)}`
  return `${kind}:${model}:${dims}${mark}`
}
