import { utf8 } from '../base/bytes.ts'
import { hash } from '../base/crypto/hash.ts'
import { bareText } from './bare-text.ts'
import { Column, NONE } from './column.ts'
import { DigestTable } from './digest-table.ts'

/** Memories by what their text says, whoever wrote it: texts that differ in nothing but spaces and quote marks are one. */
export class SameTexts {
  readonly #texts: DigestTable = new DigestTable()
  /** By text: the last memory that has it. */
  readonly #last: Column<Uint32Array> = new Column(Uint32Array)
  /** By node: its text, and the memory before it with the same one. */
  readonly #text: Column<Uint32Array> = new Column(Uint32Array)
  readonly #before: Column<Uint32Array> = new Column(Uint32Array)

  /** What a snapshot keeps. */
  get columns(): readonly Column<Uint8Array | Uint32Array>[] {
    return [this.#texts.digests, this.#last, this.#text, this.#before]
  }

  /** To be called after its columns were loaded. */
  index(): void {
    this.#texts.index()
  }

  /** Adds the next memory. */
  add(text: string): void {
    this.#put(digestOf(text))
  }

  /** Memories with this text, in no order that means anything. */
  *find(text: string): Generator<number> {
    const row = this.#texts.find(digestOf(text))
    if (row !== NONE) yield* this.#chain(this.#last.at(row))
  }

  /** Memories with the text of this one, itself among them, in no order that means anything. */
  *like(node: number): Generator<number> {
    const row = this.#text.at(node)
    if (row !== NONE) yield* this.#chain(this.#last.at(row))
  }

  /** No other memory has the text of this one. */
  isOnly(node: number): boolean {
    const row = this.#text.at(node)
    return row === NONE || (this.#last.at(row) === node && this.#before.at(node) === NONE)
  }

  /** Rebuilt without what erased memories said: a hash would still tell a text to who can guess it. */
  without(erased: (node: number) => boolean): SameTexts {
    const rebuilt = new SameTexts()
    for (let node = 0; node < this.#text.length; node++) {
      const row = this.#text.at(node)
      rebuilt.#put(row === NONE || erased(node) ? undefined : this.#texts.digest(row))
    }
    return rebuilt
  }

  #put(digest: Uint8Array | undefined): void {
    if (digest === undefined) {
      this.#text.push(NONE)
      this.#before.push(NONE)
      return
    }
    let row = this.#texts.find(digest)
    this.#before.push(row === NONE ? NONE : this.#last.at(row))
    if (row === NONE) {
      row = this.#texts.add(digest)
      this.#last.push(NONE)
    }
    this.#last.set(row, this.#text.push(row))
  }

  *#chain(last: number): Generator<number> {
    for (let node = last; node !== NONE; node = this.#before.at(node)) yield node
  }
}

function digestOf(text: string): Uint8Array {
  return hash('content', utf8(bareText(text)))
}
