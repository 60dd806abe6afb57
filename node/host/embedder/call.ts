import { textOf, utf8 } from '../../../base/bytes.ts'
import type { WeftError } from '../../../base/errors.ts'
import { EMBED_BATCH_BYTES, EMBED_TEXT_MAX_BYTES } from '../../../base/limits.ts'
import type { Embedded, Purpose } from '../../../ecc/embedder.ts'

/** One request of a call: some of its texts, as they are sent, and where the first of them stands. */
export interface Batch {
  readonly call: Call
  readonly from: number
  readonly texts: readonly string[]
}

/** One `embed`: its requests end in any order, and the first that fails ends it. */
export class Call {
  readonly purpose: Purpose
  readonly #done: (result: Embedded) => void
  readonly #vectors: Float32Array[] = []
  #left = 0
  #isOver = false

  constructor(purpose: Purpose, done: (result: Embedded) => void) {
    this.purpose = purpose
    this.#done = done
  }

  /** Nobody waits for its other requests any more. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Its requests, each of at most `textsMax` texts and EMBED_BATCH_BYTES. */
  cut(texts: readonly string[], prefix: string, textsMax: number): Batch[] {
    const batches: Batch[] = []
    let batch: string[] = []
    let bytes = 0
    const close = (next: number): void => {
      if (batch.length > 0) batches.push({ call: this, from: next - batch.length, texts: batch })
      batch = []
      bytes = 0
    }
    for (const [i, text] of texts.entries()) {
      // Some servers refuse a text without anything in it.
      const sent = beginningOf(prefix + (text.trim() === '' ? '.' : text))
      if (batch.length === textsMax || bytes + sent.bytes > EMBED_BATCH_BYTES) close(i)
      batch.push(sent.text)
      bytes += sent.bytes
    }
    close(texts.length)
    this.#left = batches.length
    return batches
  }

  take(from: number, vectors: readonly Float32Array[]): void {
    if (this.#isOver) return
    for (const [i, vector] of vectors.entries()) this.#vectors[from + i] = vector
    if (--this.#left === 0) this.#end({ ok: true, vectors: this.#vectors })
  }

  fail(error: WeftError): void {
    if (!this.#isOver) this.#end({ ok: false, error })
  }

  #end(result: Embedded): void {
    this.#isOver = true
    this.#done(result)
  }
}

/** As much of a text as a model looks at, in whole characters. */
function beginningOf(text: string): { readonly text: string; readonly bytes: number } {
  const bytes = utf8(text)
  if (bytes.length <= EMBED_TEXT_MAX_BYTES) return { text, bytes: bytes.length }
  let end = EMBED_TEXT_MAX_BYTES
  while (((bytes[end] as number) & 0xc0) === 0x80) end--
  return { text: textOf(bytes.subarray(0, end)) as string, bytes: end }
}
