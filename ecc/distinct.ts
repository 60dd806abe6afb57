import type { NodeId } from '../base/ids.ts'
import { DIVERSITY_POOL } from '../base/limits.ts'
import { ROLE } from './record-table.ts'
import type { View } from './view.ts'

/** A memory, and those of other authors that say the same. */
export interface Distinct {
  readonly record: number
  /** Oldest first, one of each author. */
  readonly copies: readonly number[]
}

/**
 * What is ranked, with what several authors wrote in the same words shown once: for the best of them the others are
 * named. What one author wrote twice, or under two keys, he meant to be two.
 *
 * @param ranked best first
 * @param accept what may be shown
 */
export function distinct(view: View, ranked: readonly number[], accept: (record: number) => boolean): Distinct[] {
  const claimed = new Set<number>()
  const out: Distinct[] = []
  for (const record of ranked) {
    if (claimed.has(record)) continue
    claimed.add(record)
    const copies = copiesOf(view, record, other => !claimed.has(other) && accept(other))
    for (const copy of copies) claimed.add(copy)
    out.push({ record, copies })
  }
  return out
}

function copiesOf(view: View, record: number, accept: (record: number) => boolean): number[] {
  const { records, nodes, same } = view.tables
  if (same.isOnly(records.detail.at(record))) return []
  const keyOf = (one: number): string | undefined => nodes.keyOf(records.detail.at(one))
  const key = keyOf(record)
  const authors = new Set<NodeId>([view.authorOf(record)])
  const candidates = [...same.like(records.detail.at(record))]
    .map(node => nodes.record.at(node))
    .filter(other => other !== record && records.role.at(other) === ROLE.node && view.isNode(other) && accept(other))
    .sort((a, b) => records.compareOldest(a, b))
  return candidates.filter(other => {
    const otherKey = keyOf(other)
    if (authors.has(view.authorOf(other)) || (key !== undefined && otherKey !== undefined && otherKey !== key)) return false
    authors.add(view.authorOf(other))
    return true
  })
}

/**
 * Maximal marginal relevance (Carbonell and Goldstein, 1998): each next hit is the one that is good, and unlike those
 * before it. Likeness is the share of words that two texts have in common.
 *
 * @param ranked best first; of more than DIVERSITY_POOL the rest stays as it is
 * @param diversity 0 to 1: how much likeness counts beside the score
 */
export function diverse(view: View, ranked: readonly Distinct[], scoreOf: (record: number) => number, diversity: number): Distinct[] {
  const { records, text } = view.tables
  const best = ranked[0] === undefined ? 1 : scoreOf(ranked[0].record)
  const left = ranked.slice(0, DIVERSITY_POOL).map(one => ({
    one,
    merit: scoreOf(one.record) / best,
    words: text.sequences.setOf(records.detail.at(one.record)),
    likeness: 0,
  }))
  const out: Distinct[] = []
  while (left.length > 0) {
    let next = 0
    const worth = ({ merit, likeness }: (typeof left)[number]): number => (1 - diversity) * merit - diversity * likeness
    for (let i = 1; i < left.length; i++) if (worth(left[i] as (typeof left)[number]) > worth(left[next] as (typeof left)[number])) next = i
    const [chosen] = left.splice(next, 1) as [(typeof left)[number]]
    out.push(chosen.one)
    for (const other of left) other.likeness = Math.max(other.likeness, likenessOf(chosen.words, other.words))
  }
  return [...out, ...ranked.slice(DIVERSITY_POOL)]
}

function likenessOf(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  if (a.size === 0 || b.size === 0) return 0
  const [few, many] = a.size < b.size ? [a, b] : [b, a]
  let common = 0
  for (const word of few) if (many.has(word)) common++
  return common / Math.sqrt(a.size * b.size)
}
