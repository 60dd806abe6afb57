import { WeftError } from '../../../base/errors.ts'
import { vectorFault } from '../../../ecc/vector-index.ts'

export type Answer =
  | { readonly ok: true; readonly vectors: readonly Float32Array[]; readonly model?: string }
  | { readonly ok: false; readonly error: WeftError }

/**
 * The vectors in an answer of `POST /embeddings`, in the order of the texts, each checked. An answer is believed as a
 * whole or not at all.
 *
 * @param text the body of the answer
 * @param count how many texts were sent
 * @returns `embedder_changed` when every vector has one other length, `embedder_failed` for whatever else is wrong
 */
export function readAnswer(text: string, count: number, dims: number): Answer {
  const parsed = parse(text)
  if (parsed === undefined) return failed('it is not JSON')
  const { data, model } = parsed
  if (!Array.isArray(data)) return failed('it has no list "data"')
  if (data.length !== count) return failed(`it has ${data.length} vectors for ${count} texts`)
  const vectors: (Float32Array | undefined)[] = Array.from({ length: count }, () => undefined)
  for (const item of data as unknown[]) {
    const { index, embedding } = (item ?? {}) as { readonly index?: unknown; readonly embedding?: unknown }
    if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= count) return failed('a vector has no index')
    if (vectors[index as number] !== undefined) return failed(`two vectors have the index ${index as number}`)
    if (!Array.isArray(embedding)) return failed('a vector is no list of numbers')
    if (!embedding.every(number => typeof number === 'number')) return failed('a vector has something else than numbers')
    vectors[index as number] = Float32Array.from(embedding)
  }
  const answer = checked(vectors as Float32Array[], count, dims)
  return answer.ok && typeof model === 'string' ? { ...answer, model } : answer
}

/** Vectors that a model gave, looked at before anybody relies on them. */
export function checked(vectors: readonly Float32Array[], count: number, dims: number): Answer {
  if (vectors.length !== count) return failed(`it has ${vectors.length} vectors for ${count} texts`)
  const [first] = vectors
  if (first !== undefined && first.length !== dims && vectors.every(({ length }) => length === first.length))
    return {
      ok: false,
      error: new WeftError('embedder_changed', `the model gives ${first.length} numbers, not ${dims}`, { details: { dims: first.length } }),
    }
  for (const vector of vectors) {
    const fault = vectorFault(vector, dims)
    if (fault !== undefined) return failed(`a vector is of no use: ${fault}`)
  }
  return { ok: true, vectors }
}

function failed(reason: string): Answer {
  return { ok: false, error: new WeftError('embedder_failed', `the embedder's answer cannot be used: ${reason}`) }
}

function parse(text: string): { readonly data?: unknown; readonly model?: unknown } | undefined {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
