import { assert } from '../base/assert.ts'
import type { Budget } from './budget.ts'
import { Column, NONE } from './column.ts'
import { Postings } from './postings.ts'
import { sequenceNumberOf, TermSequences } from './term-sequences.ts'
import { Vocabulary } from './vocabulary.ts'
import { forEachRun, partsOfRun, placeOfStopWord, termsOfQuery, termsOfRun } from './words.ts'

/**
 * BM25 (Robertson and Zaragoza, 2009) over the memories' text, less for those that cover less of the query: one with every word of a question comes before one that repeats a single rare one. Keys and meta values
 * are found too, but do not make a text longer. Texts themselves are not kept.
 *
 * Statistics are over the live memories that the query can see, superseded ones included: a pure
 * function of the applied records. How many hold a term is counted as its postings are read, so
 * there is nothing to keep up to date when one is retracted.
 */

/** Term frequency counts for little beyond the second time: the value everybody uses. */
const K1 = 1.2
/** Memories are short, and their length says little: by words alone evidence recall@10 on LoCoMo is 62 % at 0.4, 60 % at the usual 0.75. */
const B = 0.4

/** What is left of a match that covers next to nothing of the query: with 1 evidence recall@10 on LoCoMo is 75 %, with 0.2 76 %. */
const UNCOVERED = 0.2

/** A posting is a node, whether the term is a subject of it, and how often it has the term, in 24, 1 and 7 bits. */
const NODES_MAX = 2 ** 24
const SUBJECT = 0x80
const FREQUENCY_MAX = 0x7f

/** Runs of characters whose terms are known: 65,536 of them cover a working vocabulary in some 8 MB. */
const RUNS_MAX = 65_536

export class TextIndex {
  readonly vocabulary: Vocabulary
  readonly postings: Postings
  readonly sequences: TermSequences
  /** Terms of runs seen lately. */
  readonly #runs: Map<string, Run> = new Map()
  /** How often the text at hand has each term; all zero in between. */
  readonly #frequency: Column<Uint32Array> = new Column(Uint32Array)
  /** Of the last search: scores and subjects by node, zero for all others; the nodes; the postings of one term. */
  #scores: Float64Array = new Float64Array(0)
  #covered: Float64Array = new Float64Array(0)
  #subjects: Uint8Array = new Uint8Array(0)
  #nodes: Uint32Array = new Uint32Array(0)
  #holders: Uint32Array = new Uint32Array(0)
  #matching = 0

  constructor(
    vocabulary: Vocabulary = new Vocabulary(),
    postings: Postings = new Postings(),
    sequences: TermSequences = new TermSequences(),
  ) {
    this.vocabulary = vocabulary
    this.postings = postings
    this.sequences = sequences
    this.#frequency.extend(postings.size)
  }

  /**
   * What a memory is about, its subjects, are the first word of its text that says anything (`checkout: the
   * pool ran out`), and its labels.
   *
   * @param node the one after all before
   * @param labels what finds the memory besides its text
   * @returns how many terms its text has
   */
  add(node: number, text: string, labels: readonly string[]): number {
    assert(node < NODES_MAX, `the text index holds ${NODES_MAX} memories`)
    const terms: number[] = []
    const subjects = new Set<number>()
    this.sequences.open()
    const collect = ({ terms: found, parts, stopWord }: Run, isSubject: boolean): void => {
      for (let i = 0; i < parts; i++) this.sequences.push(found[i] as number)
      if (stopWord !== undefined) this.sequences.push(stopWord)
      for (const term of found) {
        if (isSubject) subjects.add(term)
        const before = this.#frequency.at(term)
        if (before === 0) terms.push(term)
        this.#frequency.set(term, before + 1)
      }
    }
    let words = 0
    forEachRun(text, run => {
      const found = this.#termsOf(run)
      collect(found, words === 0)
      words += found.terms.length
    })
    for (const label of labels) {
      this.sequences.push(NONE)
      forEachRun(label, run => collect(this.#termsOf(run), true))
    }
    for (const term of terms) {
      const subject = subjects.has(term) ? SUBJECT : 0
      this.postings.push(term, node * 256 + subject + Math.min(FREQUENCY_MAX, this.#frequency.at(term)))
      this.#frequency.set(term, 0)
    }
    return words
  }

  /**
   * The memories that have a term of the query; scores are good until the next search.
   *
   * @param covering false: plain BM25, to compare with
   */
  search(query: string, among: Population, covering: boolean, budget: Budget): Matching {
    this.#reserve(among.size)
    return this.#score(this.#affordable(this.#meant(query, among), among, budget), among, covering)
  }

  /**
   * The memories that share terms with a text, by plain BM25: like what it says, not what it asks for.
   *
   * @param termsMax only so many of its terms, the rarest: others hardly tell memories apart, and cost most
   */
  alike(text: string, among: Population, termsMax: number): Matching {
    this.#reserve(among.size)
    const known = termsOfQuery(text).flatMap(term => this.vocabulary.find(term) ?? [])
    const rarest = known.sort((a, b) => this.postings.lengthOf(a) - this.postings.lengthOf(b)).slice(0, termsMax)
    const byText = rarest.map(term => [this.vocabulary.text(term), term] as const).sort(([a], [b]) => (a < b ? -1 : 1))
    return this.#score(
      byText.map(([, term]) => [term, 1] as const),
      among,
      false,
    )
  }

  /** How much a term tells memories apart: more, the fewer have it. */
  rarityOf(term: string, among: Population): number {
    this.#reserve(among.size)
    const known = this.vocabulary.find(term)
    return Math.log(1 + among.live / (1 + (known === undefined ? 0 : this.#readHolders(known, among))))
  }

  /** Memories by node that have a term as their subject, in order; all of them, also those that nobody sees. */
  *subjectsOf(term: number): Generator<number> {
    const length = this.postings.lengthOf(term)
    const all = new Uint32Array(length)
    this.postings.read(term, all)
    for (const posting of all) if ((posting & SUBJECT) !== 0) yield posting >>> 8
  }

  #score(terms: readonly (readonly [term: number, factor: number])[], among: Population, covering: boolean): Matching {
    const scores = this.#scores
    const covered = this.#covered
    const subjects = this.#subjects
    const holders = this.#holders
    const nodes = this.#nodes
    let matching = 0
    let whole = 0
    const averageWords = Math.max(1, among.words / Math.max(1, among.live))
    for (const [term, factor] of terms) {
      const count = this.#readHolders(term, among)
      const idf = factor * Math.log(1 + (among.live - count + 0.5) / (count + 0.5))
      whole += idf
      for (let i = 0; i < count; i++) {
        const posting = holders[i] as number
        const node = posting >>> 8
        const frequency = posting & FREQUENCY_MAX
        const length = K1 * (1 - B + (B * among.wordsOf(node)) / averageWords)
        const score = scores[node] as number
        if (score === 0) nodes[matching++] = node
        scores[node] = score + (idf * frequency * (K1 + 1)) / (frequency + length)
        covered[node] = (covered[node] as number) + idf
        subjects[node] = (subjects[node] as number) | (posting & SUBJECT)
      }
    }
    this.#matching = matching
    let best = 0
    for (let i = 0; i < matching; i++) {
      const node = nodes[i] as number
      if (covering) scores[node] = (scores[node] as number) * (UNCOVERED + ((1 - UNCOVERED) * (covered[node] as number)) / whole)
      best = Math.max(best, scores[node] as number)
    }
    return { nodes: nodes.subarray(0, matching), scores, subjects, best }
  }

  /** Rebuilt without the postings of erased memories, and without the terms that only they had. */
  without(erased: (node: number) => boolean): TextIndex {
    const vocabulary = new Vocabulary()
    const postings = new Postings()
    const renamed = new Map<number, number>()
    for (let term = 0; term < this.postings.size; term++) {
      const all = new Uint32Array(this.postings.lengthOf(term))
      this.postings.read(term, all)
      const kept = all.filter(posting => !erased(posting >>> 8))
      if (kept.length === 0) continue
      renamed.set(term, vocabulary.add(this.vocabulary.text(term)))
      const list = postings.open()
      for (const posting of kept) postings.push(list, posting)
    }
    const sequences = new TermSequences()
    for (let node = 0; node < this.sequences.starts.length; node++) {
      sequences.open()
      if (!erased(node)) for (const term of this.sequences.of(node)) sequences.push(renamed.get(term) ?? term)
    }
    return new TextIndex(vocabulary, postings, sequences)
  }

  /**
   * The terms to look for and what each counts, in the order of their text: so sums are the same
   * everywhere. A word that no memory has stands for those it may be a slip of.
   */
  #meant(query: string, among: Population): Meant[] {
    const factors = new Map<string, number>()
    const isHeld = (term: number): boolean => this.#readHolders(term, among) > 0
    for (const asked of termsOfQuery(query)) {
      const term = this.vocabulary.find(asked)
      const exact = term !== undefined && isHeld(term)
      for (const { text, factor } of exact ? [{ text: asked, factor: 1 }] : this.vocabulary.corrections(asked, isHeld)) {
        factors.set(text, Math.max(factor, factors.get(text) ?? 0))
      }
    }
    return [...factors].sort(([a], [b]) => (a < b ? -1 : 1)).map(([text, factor]) => [this.vocabulary.find(text) as number, factor])
  }

  /** The terms of a phrase as memories have them, in their order; undefined when no memory can have it, empty when it says nothing. */
  phrase(text: string): readonly number[] | undefined {
    const terms: (number | undefined)[] = []
    forEachRun(text, run => {
      const stopWord = stopWordAt(run)
      if (stopWord !== undefined) terms.push(stopWord)
      for (const term of partsOfRun(run)) terms.push(this.vocabulary.find(term))
    })
    return terms.includes(undefined) ? undefined : (terms as readonly number[])
  }

  /**
   * As many terms as the budget lasts for, the rarest first: they say most, and cost least. One whose memories
   * do not all fit is left out as a whole, so that what is looked at does not depend on the order of arrival.
   */
  #affordable(meant: readonly Meant[], among: Population, budget: Budget): readonly Meant[] {
    if (!budget.isBounded) return meant
    const byCost = meant.map((one, place) => ({ place, cost: this.#readHolders(one[0], among) })).sort((a, b) => a.cost - b.cost)
    const kept = new Set(byCost.filter(({ cost }) => budget.take(cost)).map(({ place }) => place))
    return meant.filter((_, place) => kept.has(place))
  }

  /** Fills `#holders` with the term's postings among the memories in question. @returns how many */
  #readHolders(term: number, among: Population): number {
    const holders = this.#holders
    const length = this.postings.lengthOf(term)
    this.postings.read(term, holders)
    let count = 0
    for (let i = 0; i < length; i++) {
      const posting = holders[i] as number
      if (among.has(posting >>> 8)) holders[count++] = posting
    }
    return count
  }

  /** Clears what the last search left, and makes room for another one. */
  #reserve(nodes: number): void {
    for (let i = 0; i < this.#matching; i++) {
      const node = this.#nodes[i] as number
      this.#scores[node] = 0
      this.#covered[node] = 0
      this.#subjects[node] = 0
    }
    this.#matching = 0
    if (this.#scores.length >= nodes) return
    const room = Math.ceil(nodes * 1.5)
    this.#scores = new Float64Array(room)
    this.#covered = new Float64Array(room)
    this.#subjects = new Uint8Array(room)
    this.#nodes = new Uint32Array(room)
    this.#holders = new Uint32Array(room)
  }

  #termsOf(run: string): Run {
    const known = this.#runs.get(run)
    if (known !== undefined) return known
    const terms = termsOfRun(run)
    const opened = { terms: terms.map(text => this.#open(text)), parts: partsOfRun(run, terms).length, stopWord: stopWordAt(run) }
    if (this.#runs.size >= RUNS_MAX) this.#runs.clear()
    this.#runs.set(run, opened)
    return opened
  }

  #open(text: string): number {
    const known = this.vocabulary.find(text)
    if (known !== undefined) return known
    this.#frequency.push(0)
    this.postings.open()
    return this.vocabulary.add(text)
  }
}

/** What a query asks for, and how much it counts. */
type Meant = readonly [term: number, factor: number]

/** The terms of a run; its parts, which follow each other in the text, come first. */
interface Run {
  readonly terms: readonly number[]
  readonly parts: number
  /** Its number in a sequence when it is a word that every question has. */
  readonly stopWord: number | undefined
}

function stopWordAt(run: string): number | undefined {
  const place = placeOfStopWord(run)
  return place === undefined ? undefined : sequenceNumberOf(place)
}

/** The memories a search is among. */
export interface Population {
  /** Every node is below it. */
  readonly size: number
  /** How many of them count, and the words they have in all. */
  readonly live: number
  readonly words: number
  has(node: number): boolean
  wordsOf(node: number): number
}

/** What a search found. */
export interface Matching {
  /** In no particular order, each once. */
  readonly nodes: Uint32Array
  /** By node; above 0 for all of `nodes`. */
  readonly scores: Float64Array
  /** By node; above 0 where a term of the query is a subject of the memory. */
  readonly subjects: Uint8Array
  /** The highest score, 0 without any. */
  readonly best: number
}
