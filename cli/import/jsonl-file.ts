import { parseJsonlLine } from '../../ecc/import/jsonl.ts'
import { linesOf, openInput } from '../lines.ts'
import type { Entry } from './import-items.ts'

/**
 * The entries of a file of JSON Lines, `-` for stdin: what `weft mem export` writes, or what people write by hand.
 *
 * @param embedder what made the vectors of lines that do not say
 */
export async function* readJsonl(file: string, embedder?: string): AsyncGenerator<readonly Entry[]> {
  for await (const lines of linesOf(openInput(file))) {
    yield lines.flatMap(({ number, content }): readonly Entry[] => {
      const at = { place: number, unit: 'line' } as const
      if ('error' in content) return [{ ...at, code: content.error.code, message: content.error.message }]
      const { text, oldId } = withoutOrigin(content.text)
      const item = parseJsonlLine(text, number, embedder)
      if (item === undefined) return []
      if ('code' in item) return [{ ...at, code: item.code, message: item.message }]
      return [{ ...at, item, key: item.key, ...(oldId === undefined ? {} : { oldId }) }]
    })
  }
}

/** An exported line also says who wrote it and when: that is taken off, for what is written now is written by this node. */
function withoutOrigin(text: string): { readonly text: string; readonly oldId?: string } {
  if (!/"id"\s*:\s*"[0-9a-f]{64}"/.test(text)) return { text }
  try {
    const { id, author: _author, at: _at, ...rest } = JSON.parse(text) as Record<string, unknown>
    return typeof id === 'string' ? { text: JSON.stringify(rest), oldId: id } : { text }
  } catch {
    return { text }
  }
}
