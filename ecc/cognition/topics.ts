import type { CausalId } from '../../base/ids.ts'
import { TOPIC_CENTRAL, TOPIC_WORDS, TOPICS_MAX } from '../../base/limits.ts'
import { NONE } from '../column.ts'
import type { Ref } from '../record-table.ts'
import type { View } from '../view.ts'
import { forEachRun, termsOfRun } from '../words.ts'
import { type CausalNet, causalNetOf } from './causal-net.ts'
import { centralOf, communitiesOf } from './communities.ts'
import { PAUSE_STEPS, type Work } from './work.ts'

/** Four times as many as are shown: some of them no central memory writes. */
const CANDIDATES = 4 * TOPIC_WORDS

/** What the memories are about: communities of the causal graph, each with the words that are typical of it. */
export interface Topics {
  readonly modularity: number
  /** Communities of two memories or more, and memories in none. */
  readonly count: number
  readonly alone: number
  /** The largest TOPICS_MAX of them. */
  readonly topics: readonly Topic[]
}

export interface Topic {
  readonly size: number
  /** As they are indexed, without endings: `wordsOf` finds how the memories write them. */
  readonly terms: readonly string[]
  /** The memories with most links within it. */
  readonly central: readonly { readonly id: CausalId; readonly ref: Ref }[]
}

export function* topicsOf(view: View): Work<Topics> {
  const { records } = view.tables
  const { net, records: nodes } = yield* causalNetOf(view)
  const { of, sizes, modularity } = yield* communitiesOf(net)
  const count = sizes.filter(size => size > 1).length
  const shown = Math.min(count, TOPICS_MAX)
  const members: number[][] = Array.from({ length: shown }, () => [])
  for (const [v, community] of of.entries()) members[community]?.push(v)
  const terms = yield* termsOf(view, { net, records: nodes }, of, sizes, shown)
  const topics: Topic[] = []
  for (const [community, those] of members.entries()) {
    const central = yield* centralOf(net, Uint32Array.from(those), TOPIC_CENTRAL)
    topics.push({
      size: those.length,
      terms: terms[community] as string[],
      central: central.map(v => {
        const record = nodes[v] as number
        return { id: records.idOf(record), ref: records.refOf(record) }
      }),
    })
  }
  return { modularity, count, alone: sizes.length - count, topics }
}

/**
 * For each community the words that say it best: that many of its memories have, and few others. How good a word
 * is, is the harmonic mean of both shares (F1), so neither a common word nor a single slip of the pen gets far.
 */
function* termsOf(view: View, { records }: CausalNet, of: Uint32Array, sizes: readonly number[], shown: number): Work<string[][]> {
  const { nodes, text } = view.tables
  const community = new Uint32Array(nodes.size).fill(NONE)
  records.forEach((record, v) => (community[view.tables.records.detail.at(record)] = of[v] as number))
  const best: { readonly term: string; readonly score: number }[][] = Array.from({ length: shown }, () => [])
  const { vocabulary, postings } = text
  const counts = new Uint32Array(sizes.length)
  let holders = new Uint32Array(0)
  let steps = 0
  for (let term = 0; term < postings.size; term++) {
    const length = postings.lengthOf(term)
    if (holders.length < length) holders = new Uint32Array(length * 2)
    postings.read(term, holders)
    let total = 0
    const seen: number[] = []
    for (let i = 0; i < length; i++) {
      const at = community[(holders[i] as number) >>> 8] ?? NONE
      if (at === NONE) continue
      total++
      if (counts[at] === 0) seen.push(at)
      counts[at] = (counts[at] as number) + 1
    }
    const word = vocabulary.text(term)
    for (const at of seen) {
      const score = (2 * (counts[at] as number)) / (total + (sizes[at] as number))
      // One memory makes no topic.
      if (at < shown && (counts[at] as number) > 1 && isWord(word)) keep(best[at] as { term: string; score: number }[], word, score)
      counts[at] = 0
    }
    steps += 8 + 4 * length
    if (steps < PAUSE_STEPS) continue
    yield steps
    steps = 0
  }
  return best.map(words => words.map(({ term }) => term))
}

/** Numbers, dates and versions say when and which, not what. */
function isWord(term: string): boolean {
  return /^[^\p{N}]*\p{L}[^\p{N}]*$/u.test(term)
}

/** Among the best, best first; equal ones by their text. */
function keep(words: { readonly term: string; readonly score: number }[], term: string, score: number): void {
  words.push({ term, score })
  words.sort((a, b) => b.score - a.score || (a.term < b.term ? -1 : 1))
  if (words.length > CANDIDATES) words.pop()
}

/**
 * The TOPIC_WORDS best terms as these texts write them. A term that none of them has is left out, unless none has any.
 */
export function wordsOf(terms: readonly string[], texts: readonly string[]): string[] {
  const written = terms.map(term => spelt(term, texts)).filter(word => word !== undefined)
  return [...new Set(written.length === 0 ? terms : written)].slice(0, TOPIC_WORDS)
}

/** How texts write a term most often, in lower case; of equally often the first in the alphabet, and undefined where none has it. */
export function spelt(term: string, texts: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const text of texts) {
    forEachRun(text, run => {
      if (termsOfRun(run).includes(term)) counts.set(run.toLowerCase(), (counts.get(run.toLowerCase()) ?? 0) + 1)
    })
  }
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0]?.[0]
}
