import { WeftError } from '../base/errors.ts'
import { unitVector } from '../ecc/vector-record.ts'
import type { MemoryIndex, Nearest } from '../node/api.ts'
import { linesOf, openInput } from './lines.ts'
import { objectIn } from './perform-lines.ts'
import { plural } from './text.ts'

/** The vector in a file, `-` for stdin: a JSON list of numbers, which may be laid out over several lines. */
export async function readVector(file: string): Promise<readonly number[]> {
  const texts: string[] = []
  for await (const lines of linesOf(openInput(file))) {
    for (const { content } of lines) {
      if ('error' in content) throw content.error
      texts.push(content.text)
    }
  }
  let value: unknown
  try {
    value = JSON.parse(texts.join('\n'))
  } catch (thrown) {
    throw new WeftError('vector_invalid', `${file === '-' ? 'standard input' : file} is not JSON: ${(thrown as Error).message}`)
  }
  if (!Array.isArray(value)) throw new WeftError('vector_invalid', `${file === '-' ? 'standard input' : file} is no list of numbers`)
  checkNumbers(value)
  return value as readonly number[]
}

/** A number beyond what one holds, like 1e999, would be sent as null: what is wrong with it is said before. @throws WeftError `vector_invalid` */
function checkNumbers(list: readonly unknown[]): void {
  unitVector(list as readonly number[])
}

/** What goes with the vector of a line; lines without one go without it. */
export function withVector(line: string, options: { readonly embedder?: string | undefined }): object {
  const input = objectIn(line)
  if (!('vector' in input)) return input
  if (Array.isArray(input.vector)) checkNumbers(input.vector)
  return { ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)), ...input }
}

/** How an answer by a vector was found. */
export function renderNearest({ embedder, exact, missing, agreement }: Nearest): string {
  const how = exact
    ? `all vectors of ${embedder} were looked at`
    : `found by walking the vectors of ${embedder}: a near one may be left out`
  const rest = [
    ...(missing === 0 ? [] : [`${plural(missing, 'vector')} more ${missing === 1 ? 'is' : 'are'} not in the index yet`]),
    ...(agreement === undefined ? [] : [`${(100 * agreement).toFixed(1)} % of the nearest were found`]),
  ]
  return [how, ...rest].join('; ')
}

export function renderIndex({ embedder, dims, engine, vectors, indexed, retired, missing, bytes, state }: MemoryIndex): string {
  const parts = [
    `${plural(vectors, 'vector')} of ${dims} dimensions`,
    ...(retired === 0 ? [] : [`${retired} of them replaced or taken back`]),
    ...(missing === 0 ? [] : [`${missing} not in it yet`]),
    `${indexed} in the graph of ${engine}`,
    `${(bytes / 1e6).toFixed(1)} MB`,
    ...(state === 'ready' ? [] : [state]),
  ]
  return `${embedder}: ${parts.join(', ')}`
}
