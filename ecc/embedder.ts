import type { WeftError } from '../base/errors.ts'

/** Some models embed a question and its answer differently. */
export type Purpose = 'document' | 'query'

export type Embedded = { readonly ok: true; readonly vectors: readonly Float32Array[] } | { readonly ok: false; readonly error: WeftError }

/**
 * PORT. Text to vectors whose cosine says how alike two texts are.
 *
 * - One vector a text, in order, each of `dims` finite numbers, not all zero.
 * - `done` is called once: later, or before `embed` returns where nothing has to be waited for.
 * - Vectors of different ids never meet in one index.
 */
export interface Embedder {
  /** Name and version of all that decides the numbers, e.g. `builtin:hash-768`. */
  readonly id: string
  readonly dims: number
  /** `lexical`: the same words are alike; `semantic`: the same meaning is. */
  readonly kind: 'lexical' | 'semantic'
  /** Every node makes the same vectors, so none have to travel. */
  readonly deterministic: boolean
  embed(texts: readonly string[], purpose: Purpose, done: (result: Embedded) => void): void
}
