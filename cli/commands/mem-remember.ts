import { WeftError } from '../../base/errors.ts'
import { TEXT_MAX_BYTES } from '../../base/limits.ts'
import { action, type Define } from '../invocation.ts'
import { linesOf, openInput, textOfInput } from '../lines.ts'
import { each, labels } from '../parse.ts'
import { performLines } from '../perform-lines.ts'
import { readVector, withVector } from '../vectors.ts'
import { printReceipt } from './mem-link.ts'

interface Options {
  readonly key?: string
  readonly meta?: Readonly<Record<string, string>>
  readonly follows?: readonly string[]
  readonly causes?: readonly string[]
  readonly source?: string
  readonly validFrom?: string
  readonly validTo?: string
  readonly again?: boolean
  readonly vector?: string
  readonly embedder?: string
  readonly jsonl?: string
}

export const define: Define = command =>
  command
    .argument('[text]', `what was learnt, at most ${TEXT_MAX_BYTES} bytes; - for stdin`)
    .option('--key <key>', 'your name for it: other text under the same key replaces it')
    .option('--meta <name=value>', 'a label, several times', labels)
    .option('--follows <id>', 'what it comes after, several times', each)
    .option('--causes <id>', 'what it is a cause of, several times', each)
    .option('--source <text>', 'where it was read or heard')
    .option('--valid-from <time>', 'when it became true (ISO 8601)')
    .option('--valid-to <time>', 'when it stopped being true (ISO 8601)')
    .option('--again', 'write it also when another node wrote the same')
    .option('--vector <file>', 'a vector of it, to find it by: a JSON list of numbers in a file, - for stdin')
    .option('--embedder <id>', 'what made the vector, or those of the lines: external:NAME:DIMENSIONS')
    .option(
      '--jsonl <file>',
      'read {"text", "key"?, "meta"?, "vector"?, ...} lines from a file, - for stdin; one answer per line, in their order, when it is durable',
    )
    .action(
      action(async (cli, [text]: readonly [string?], options: Options) => {
        const { jsonl, vector, embedder, follows = [], causes = [], ...rest } = options
        if (jsonl !== undefined) {
          refuseBeside(text, options)
          return performLines(cli.dir, linesOf(openInput(jsonl)), line => ({
            command: 'memory.remember',
            input: { space: cli.space, ...withVector(line, { embedder }) },
          }))
        }
        if (text === undefined)
          throw new WeftError('usage', 'what should be remembered?', { next: 'weft mem remember "TEXT", or --jsonl FILE' })
        if (text === '-' && vector === '-') throw new WeftError('usage', 'standard input is either the text or the vector')
        const edges = [...follows.map(to => ({ type: 'follows', to }) as const), ...causes.map(to => ({ type: 'causes', to }) as const)]
        const near = vector === undefined ? { embedder } : { vector: await readVector(vector), embedder }
        const said = text === '-' ? await textOfInput() : text
        printReceipt(cli, await cli.request('memory.remember', { text: said, ...rest, ...near, edges }))
        return 0
      }),
    )

/** Lines say all of it themselves. @throws WeftError `usage` for what would be ignored */
function refuseBeside(text: string | undefined, { jsonl: _, embedder: __, ...options }: Options): void {
  const [name] = Object.keys(options)
  if (text === undefined && name === undefined) return
  const what = text === undefined ? `--${(name as string).replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}` : 'a text'
  throw new WeftError('usage', `${what} does not go with --jsonl, whose lines say what is remembered`)
}
