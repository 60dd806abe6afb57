import type { Embedder } from './embedder.ts'
import type { SparseVector } from './vector-index.ts'
import { forEachRun, termsOfRun } from './words.ts'

const DIMS = 768

/** A three-letter piece counts for a third of a word: a slip in one letter leaves most of a word's pieces. */
const PIECE_WEIGHT = 0.35

/**
 * Feature hashing (Weinberger et al., 2009) of words and their three-letter pieces into 768
 * signed numbers. It needs no model and no statistics, so every node makes the same vectors.
 *
 * It is LEXICAL: it knows how words are spelt, not what they mean. BM25 with correction of slips does the
 * same better (on LoCoMo evidence recall@10 is 56 % by these vectors, 62 % by BM25, and adding one to the other
 * gains nothing), so recall does not use it; it serves where something wants vectors and no model is at hand.
 */
export const hashEmbedder768: Embedder = {
  id: 'builtin:hash-768',
  dims: DIMS,
  kind: 'lexical',
  deterministic: true,
  embed(texts, _purpose, done) {
    done({ ok: true, vectors: texts.map(text => denseOf(hashedFeatures(text))) })
  },
}

/**
 * The same vector as indexes and values: a sentence has some 100 of the 768.
 *
 * @param weightOf how much a word counts, for a query: rare words more. For a document always 1, or vectors
 * would depend on what else a node holds.
 */
export function hashedFeatures(text: string, weightOf: (term: string) => number = () => 1): SparseVector {
  const sums = new Float64Array(DIMS)
  const add = (feature: string, weight: number): void => {
    const code = codeOf(feature)
    sums[code % DIMS] = (sums[code % DIMS] as number) + (code >= 0x80000000 ? -weight : weight)
  }
  forEachRun(text, run => {
    for (const term of termsOfRun(run)) {
      const weight = weightOf(term)
      const padded = `^${term}$`
      add(term, weight)
      for (let i = 0; i + 3 <= padded.length; i++) add(padded.slice(i, i + 3), weight * PIECE_WEIGHT)
    }
  })
  // A text without words is like no other, but has a direction all the same.
  if (sums.every(sum => sum === 0)) sums[0] = 1
  const norm = Math.sqrt(sums.reduce((total, sum) => total + sum * sum, 0))
  const indexes = Uint16Array.from(sums.keys()).filter(index => sums[index] !== 0)
  return { dims: DIMS, indexes, values: Float32Array.from(indexes, index => (sums[index] as number) / norm) }
}

/** The vector of a question: words that fewer memories have count more. @param rarityOf of a term, as of the cut that is asked about */
export function hashedQuestion(text: string, rarityOf: (term: string) => number): Float32Array {
  return denseOf(hashedFeatures(text, rarityOf))
}

function denseOf({ indexes, values }: SparseVector): Float32Array {
  const out = new Float32Array(DIMS)
  for (const [i, index] of indexes.entries()) out[index] = values[i] as number
  return out
}

/** FNV-1a, its bits stirred once more (the end of MurmurHash3), for the low bits choose the place and the top one the sign. */
function codeOf(feature: string): number {
  let code = 0x811c9dc5
  for (let i = 0; i < feature.length; i++) code = Math.imul(code ^ feature.charCodeAt(i), 0x01000193)
  code = Math.imul(code ^ (code >>> 16), 0x85ebca6b)
  code = Math.imul(code ^ (code >>> 13), 0xc2b2ae35)
  return (code ^ (code >>> 16)) >>> 0
}
