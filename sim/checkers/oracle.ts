import { forEachRun, termsOfQuery, termsOfRun } from '../../ecc/words.ts'
import type { MemoryRecord } from '../../node/api.ts'

/** Published parameters of the ranking: Okapi BM25 with a memory's own constants; and what is left of a match that covers nothing. */
const K1 = 1.2
const B = 0.4
const UNCOVERED = 0.2
/** A frequency is kept in seven bits. */
const FREQUENCY_MAX = 127
const CORRECTIONS_MAX = 2

interface Document {
  readonly id: string
  readonly frequencies: ReadonlyMap<string, number>
  readonly words: number
  /** What it is about: the first of its words that says anything, and its labels. */
  readonly subjects: ReadonlySet<string>
}

/** Scores by definition, from the texts alone and with no index: slow, and easy to believe. */
export class Oracle {
  readonly #documents: readonly Document[]
  /** How many memories have a term. */
  readonly #holders: Map<string, number> = new Map()
  readonly #averageWords: number

  /** @param memories all that were not retracted */
  constructor(memories: readonly Pick<MemoryRecord, 'id' | 'text' | 'key' | 'meta'>[]) {
    this.#documents = memories.map(documentOf)
    for (const { frequencies } of this.#documents)
      for (const term of frequencies.keys()) this.#holders.set(term, (this.#holders.get(term) ?? 0) + 1)
    const words = this.#documents.reduce((sum, document) => sum + document.words, 0)
    this.#averageWords = Math.max(1, words / Math.max(1, this.#documents.length))
  }

  /** Scores above zero by id; the best is 1. */
  scores(query: string): ReadonlyMap<string, number> {
    const factors = [...this.#meant(query)].sort(([a], [b]) => (a < b ? -1 : 1))
    const weights = new Map(factors.map(([term, factor]) => [term, factor * this.#rarityOf(term)]))
    const whole = [...weights.values()].reduce((sum, weight) => sum + weight, 0)
    const scores = new Map<string, number>()
    for (const { id, frequencies, words } of this.#documents) {
      const length = K1 * (1 - B + (B * words) / this.#averageWords)
      let score = 0
      let covered = 0
      for (const [term, weight] of weights) {
        const frequency = Math.min(FREQUENCY_MAX, frequencies.get(term) ?? 0)
        if (frequency === 0) continue
        covered += weight
        score += (weight * frequency * (K1 + 1)) / (frequency + length)
      }
      if (score > 0) scores.set(id, score * (UNCOVERED + ((1 - UNCOVERED) * covered) / whole))
    }
    const best = Math.max(0, ...scores.values())
    return new Map([...scores].map(([id, score]) => [id, score / best]))
  }

  /** Memories that are about something that the query names. */
  about(query: string): ReadonlySet<string> {
    const terms = [...this.#meant(query).keys()]
    return new Set(this.#documents.filter(({ subjects }) => terms.some(term => subjects.has(term))).map(({ id }) => id))
  }

  #rarityOf(term: string): number {
    const holders = this.#holders.get(term) ?? 0
    return Math.log(1 + (this.#documents.length - holders + 0.5) / (holders + 0.5))
  }

  /** A term that no memory has stands for the likeliest ones that it may be a slip of. */
  #meant(query: string): ReadonlyMap<string, number> {
    const factors = new Map<string, number>()
    for (const asked of termsOfQuery(query)) {
      const rows = this.#holders.has(asked) ? [{ term: asked, factor: 1 }] : this.#corrections(asked)
      for (const { term, factor } of rows) factors.set(term, Math.max(factor, factors.get(term) ?? 0))
    }
    return factors
  }

  #corrections(asked: string): readonly { readonly term: string; readonly factor: number }[] {
    const slips = asked.length < 6 ? 1 : 2
    const pieces = piecesOf(asked)
    return [...this.#holders.keys()]
      .map(term => ({ term, shared: [...piecesOf(term)].filter(piece => pieces.has(piece)).length, distance: slipsBetween(asked, term) }))
      .filter(({ shared, distance }) => shared > 0 && distance <= slips)
      .sort((a, b) => a.distance - b.distance || b.shared - a.shared || (a.term < b.term ? -1 : 1))
      .slice(0, CORRECTIONS_MAX)
      .map(({ term, distance }) => ({ term, factor: 1 - distance / 4 }))
  }
}

/** Keys and labels find a memory, and do not make it longer. */
function documentOf({ id, text, key, meta }: Pick<MemoryRecord, 'id' | 'text' | 'key' | 'meta'>): Document {
  const frequencies = new Map<string, number>()
  const said = runsOf(text)
  const labels = [...Object.values(meta), ...(key === undefined ? [] : [key])].flatMap(runsOf)
  for (const term of [...said, ...labels].flat()) frequencies.set(term, (frequencies.get(term) ?? 0) + 1)
  return { id, frequencies, words: said.flat().length, subjects: new Set([...(said[0] ?? []), ...labels.flat()]) }
}

/** The terms of each run that has any. */
function runsOf(text: string): readonly (readonly string[])[] {
  const runs: (readonly string[])[] = []
  forEachRun(text, run => runs.push(termsOfRun(run)))
  return runs.filter(terms => terms.length > 0)
}

/** Threes of neighbouring letters of a word of 4 to 32, its beginning and end among them; of anything else none. */
function piecesOf(word: string): ReadonlySet<string> {
  if (word.length < 4 || word.length > 32 || !/^\p{L}+$/u.test(word)) return new Set()
  const whole = `^${word}$`
  return new Set(Array.from({ length: whole.length - 2 }, (_, i) => whole.slice(i, i + 3)))
}

/** Letters left out, put in, replaced, or swapped with their neighbour. */
function slipsBetween(a: string, b: string): number {
  const known = new Map<number, number>()
  const between = (i: number, j: number): number => {
    if (i === 0 || j === 0) return i + j
    const place = i * 64 + j
    const before = known.get(place)
    if (before !== undefined) return before
    let least = Math.min(between(i - 1, j) + 1, between(i, j - 1) + 1, between(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1))
    if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, between(i - 2, j - 2) + 1)
    known.set(place, least)
    return least
  }
  return Math.abs(a.length - b.length) > 2 ? 3 : between(a.length, b.length)
}
