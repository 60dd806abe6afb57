import { textOf, utf8 } from '../../../base/bytes.ts'
import { EMBED_BATCH_BYTES, EMBED_BATCH_TEXTS, EMBED_TEXT_MAX_BYTES } from '../../../base/limits.ts'

/** The texts of one request, and where the first of them stands in the call. */
export interface Batch {
  readonly from: number
  readonly texts: readonly string[]
}

/** Cuts a call into requests of bounded size. A text is never empty: some servers refuse that. */
export function batchesOf(texts: readonly string[], prefix: string): Batch[] {
  const batches: Batch[] = []
  let from = 0
  let bytes = 0
  let batch: string[] = []
  for (const [i, text] of texts.entries()) {
    const { text: cut, length } = beginning(prefix + (text.trim() === '' ? '.' : text))
    if (batch.length === EMBED_BATCH_TEXTS || (batch.length > 0 && bytes + length > EMBED_BATCH_BYTES)) {
      batches.push({ from, texts: batch })
      from = i
      bytes = 0
      batch = []
    }
    batch.push(cut)
    bytes += length
  }
  if (batch.length > 0) batches.push({ from, texts: batch })
  return batches
}

/** As much of a text as a model looks at, in whole characters. */
function beginning(text: string): { readonly text: string; readonly length: number } {
  const bytes = utf8(text)
  if (bytes.length <= EMBED_TEXT_MAX_BYTES) return { text, length: bytes.length }
  let end = EMBED_TEXT_MAX_BYTES
  while (((bytes[end] as number) & 0xc0) === 0x80) end--
  return { text: textOf(bytes.subarray(0, end)) as string, length: end }
}
