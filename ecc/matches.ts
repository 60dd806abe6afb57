import type { CausalId } from '../base/ids.ts'
import { Best } from './best.ts'
import type { Budget } from './budget.ts'
import type { Matching, Population } from './text-index.ts'
import type { View } from './view.ts'

/** What a search among vectors found: a similarity above 0. */
export interface Similar {
  readonly id: CausalId
  readonly score: number
}

/** The memories that match by themselves, each kind of match with 1 for the best. */
export class Matches {
  readonly #view: View
  readonly #words: Matching
  readonly #similar: Map<number, number> = new Map()

  constructor(view: View, query: string, similar: readonly Similar[], covering: boolean, budget: Budget) {
    const { records, text } = view.tables
    this.#view = view
    this.#words = text.search(query, populationOf(view), covering, budget)
    const most = similar.reduce((score, found) => Math.max(score, found.score), 0)
    for (const { id, score } of similar) {
      const record = records.find(id)
      if (view.isNode(record) && score > 0) this.#similar.set(record, score / most)
    }
  }

  /**
   * The best of all matches that `accept` takes.
   *
   * @param subject what is about something that the query names counts so many times
   * @param weigh how much a memory counts besides
   */
  best(count: number, accept: (record: number) => boolean, subject: number = 1, weigh?: (record: number) => number): number[] {
    const { nodes, scores, subjects } = this.#words
    const { record } = this.#view.tables.nodes
    const byWords = new Best(this.#view, count, accept)
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i] as number
      const score = (scores[node] as number) * (subjects[node] === 0 ? 1 : subject)
      // No weight is above 1.
      if (score < byWords.floor) continue
      const match = record.at(node)
      byWords.offer(match, weigh === undefined ? score : score * weigh(match))
    }
    if (this.#similar.size === 0) return byWords.records()
    // Whatever else is among the best by both together is so because it is similar.
    const byBoth = new Best(this.#view, count, accept)
    for (const match of new Set([...byWords.records(), ...this.#similar.keys()]))
      byBoth.offer(match, this.scoreOf(match) * (this.isSubject(match) ? subject : 1) * (weigh?.(match) ?? 1))
    return byBoth.records()
  }

  bm25(record: number): number {
    const score = this.#words.scores[this.#view.tables.records.detail.at(record)] as number
    return score === 0 ? 0 : score / this.#words.best
  }

  vector(record: number): number {
    return this.#similar.get(record) ?? 0
  }

  scoreOf(record: number): number {
    return this.bm25(record) + this.vector(record)
  }

  /** The query names what this memory is about. */
  isSubject(record: number): boolean {
    return this.#words.subjects[this.#view.tables.records.detail.at(record)] !== 0
  }
}

/** All memories that nobody took back. */
export function populationOf(view: View): Population {
  const { nodes } = view.tables
  return {
    size: nodes.size,
    live: view.nodes,
    words: view.words,
    has: node => view.isNode(nodes.record.at(node)),
    wordsOf: node => nodes.words.at(node),
  }
}
