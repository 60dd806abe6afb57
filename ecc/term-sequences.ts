import { Column, NONE } from './column.ts'

/** Beyond all numbers of terms; below NONE. */
const STOP_WORDS_FROM = NONE - 1000

/** @param place among all stop words */
export function sequenceNumberOf(place: number): number {
  return NONE - 1 - place
}

/**
 * The words of each memory in the order of its text, then of its labels, NONE between them: who stands next to
 * whom, which postings do not tell. Terms by their numbers, words that every question has from NONE down: `not safe`
 * is something else than `safe`. Four bytes a word.
 */
export class TermSequences {
  /** By node: where its terms begin. */
  readonly starts: Column<Uint32Array> = new Column(Uint32Array)
  readonly terms: Column<Uint32Array> = new Column(Uint32Array)

  /** What a snapshot keeps. */
  get columns(): readonly Column<Uint32Array>[] {
    return [this.starts, this.terms]
  }

  /** The next memory; what is pushed from now on is its. */
  open(): void {
    this.starts.push(this.terms.length)
  }

  push(term: number): void {
    this.terms.push(term)
  }

  /** A view, good until the next memory. */
  of(node: number): Uint32Array {
    const end = node + 1 < this.starts.length ? this.starts.at(node + 1) : this.terms.length
    return this.terms.data.subarray(this.starts.at(node), end)
  }

  /** The terms of the text alone, each once. */
  setOf(node: number): Set<number> {
    const all = this.of(node)
    const end = all.indexOf(NONE)
    return new Set((end < 0 ? all : all.subarray(0, end)).filter(term => term < STOP_WORDS_FROM))
  }

  /** The memory has these terms one after the other. @param phrase 1 term or more */
  has(node: number, phrase: readonly number[]): boolean {
    const all = this.of(node)
    for (let at = all.indexOf(phrase[0] as number); at >= 0; at = all.indexOf(phrase[0] as number, at + 1))
      if (phrase.every((term, i) => all[at + i] === term)) return true
    return false
  }
}
