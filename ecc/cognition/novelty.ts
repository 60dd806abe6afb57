import { ALIKE_TERMS_MAX } from '../../base/limits.ts'
import type { CausalId } from '../../base/ids.ts'
import { Best } from '../best.ts'
import { NONE } from '../column.ts'
import { hashedFeatures } from '../hash-embedder.ts'
import type { Ref } from '../record-table.ts'
import { isCurrent, newestOf } from '../supersession.ts'
import type { SparseVector } from '../vector-index.ts'
import type { View } from '../view.ts'

/** A memory that is like another one by the rarest words they share: 1 has all of them as often. */
export interface AlikeMemory {
  readonly id: CausalId
  readonly ref: Ref
  readonly similarity: number
}

/** The live memories most like a live one by its words (BM25, relative to its own match with itself), best first. */
export function alikeTo(view: View, record: number, text: string, count: number): AlikeMemory[] {
  if (!view.isNode(record)) return []
  const { nodes, text: index, records } = view.tables
  const among = {
    size: nodes.size,
    live: view.nodes,
    words: view.words,
    has: (node: number) => view.isNode(nodes.record.at(node)),
    wordsOf: (node: number) => nodes.words.at(node),
  }
  const { nodes: found, scores } = index.alike(text, among, ALIKE_TERMS_MAX)
  const own = scores[records.detail.at(record)] as number
  if (!(own > 0)) return []
  const best = new Best(view, count, other => other !== record)
  for (const node of found) {
    const score = scores[node] as number
    if (score >= best.floor) best.offer(nodes.record.at(node), score)
  }
  return best.records().map(other => ({
    id: records.idOf(other),
    ref: records.refOf(other),
    similarity: Math.min(1, (scores[records.detail.at(other)] as number) / own),
  }))
}

/** Current memories of other authors under the key of this one, in the order of their ids. */
export function sameKeyAs(view: View, record: number): AlikeMemory[] {
  if (!view.isNode(record)) return []
  const { nodes, records } = view.tables
  const key = nodes.keyOf(records.detail.at(record))
  if (key === undefined) return []
  const others = records.logs.flatMap((_, log) => (log === records.log.at(record) ? [] : newestOf(view, nodes.newestOf(log, key))))
  const current = others.filter(other => other !== NONE && isCurrent(view, other)).sort((a, b) => records.ids.compare(a, b))
  return current.map(other => ({ id: records.idOf(other), ref: records.refOf(other), similarity: 1 }))
}

/**
 * How new a memory is: 1 less how alike the nearest other one is, by words and by vectors, whichever sees more likeness.
 *
 * @param nearest similarities from 0 to 1, of words and of vectors
 */
export function noveltyOf(nearest: readonly number[]): number {
  return 1 - nearest.reduce((most, similarity) => Math.max(most, Math.min(1, similarity)), 0)
}

/** What a text is like, as vectors see it: of its first FEATURES_CHARS characters, which say what it is about. */
export function featuresOf(text: string): SparseVector {
  return hashedFeatures(text.slice(0, FEATURES_CHARS))
}

/** 1,000 characters: the features of long texts were most of what a tick took. */
const FEATURES_CHARS = 1000

/** The cosine of the hashed features of two texts, 0 to 1: likeness that survives slips and endings. */
export function cosineOf(a: SparseVector, b: SparseVector): number {
  return Math.max(0, sparseDot(a, b))
}

function sparseDot(a: SparseVector, b: SparseVector): number {
  let sum = 0
  for (let i = 0, j = 0; i < a.indexes.length && j < b.indexes.length; ) {
    const gap = (a.indexes[i] as number) - (b.indexes[j] as number)
    if (gap === 0) sum += (a.values[i] as number) * (b.values[j] as number)
    if (gap <= 0) i++
    if (gap >= 0) j++
  }
  return sum
}
