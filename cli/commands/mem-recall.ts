import { WeftError } from '../../base/errors.ts'
import type { RecallHit, RecallOptions, Recollection } from '../../node/api.ts'
import { withoutVectors } from '../embedder-line.ts'
import { action, type Define } from '../invocation.ts'
import { linesOf, openInput } from '../lines.ts'
import { duration, positive } from '../parse.ts'
import { objectIn, performLines } from '../perform-lines.ts'
import { styled } from '../output.ts'
import { firstLine, short } from '../text.ts'

interface Options {
  readonly k?: number
  readonly after?: string
  readonly asOf?: string
  readonly includeSuperseded?: boolean
  readonly spread: boolean
  readonly author?: string
  readonly since?: string
  readonly until?: string
  readonly validAt?: string
  readonly deadline?: number
  readonly jsonl?: string
}

export const define: Define = command =>
  command
    .argument('[query]')
    .option('-k <count>', 'how many hits at most (default: 5)', positive)
    .option('--after <frontier>', 'wait until this node has seen what that frontier covers')
    .option('--as-of <frontier>', 'answer as of then')
    .option('--author <node>', 'only what this member wrote: its id, or the end of it')
    .option('--since <time>', 'only what was written from then on: 2026-01-31, or 2026-01-31T12:00:00Z')
    .option('--until <time>', 'only what was written before then')
    .option('--valid-at <time>', 'only what was true then, by what its author said of it')
    .option('--deadline <duration>', 'how long to wait for --after (default: 5s)', duration)
    .option('--include-superseded', 'also what has been replaced')
    .option('--no-spread', 'only what matches by itself, not what is linked to it')
    .option('--jsonl <file>', 'read {"query", "k"?} lines from a file, - for stdin; one answer per line, in their order')
    .action(
      action(async (cli, [query]: readonly [string?], { jsonl, deadline: deadlineMs, ...rest }: Options) => {
        const options: RecallOptions = { ...rest, deadlineMs }
        if (jsonl !== undefined) {
          return performLines(cli.dir, linesOf(openInput(jsonl)), text => ({
            command: 'memory.recall',
            input: { ...options, ...objectIn(text) },
          }))
        }
        if (query === undefined)
          throw new WeftError('usage', 'what should be recalled?', { next: 'weft mem recall "why did checkout fail", or --jsonl FILE' })
        cli.print(await cli.request('memory.recall', { query, ...options }), renderHits)
        return 0
      }),
    )

export function renderHits({
  hits,
  truncated,
  vectors = 'none',
}: Pick<Recollection, 'hits' | 'truncated'> & Partial<Recollection>): string {
  const notes = [truncated ? 'the search ended at a limit: there may be more' : undefined, withoutVectors(vectors)]
  const rows = hits.length === 0 ? ['nothing is known of that'] : hits.map(renderHit)
  return [...rows, ...notes.filter(note => note !== undefined)].join('\n')
}

/** Keys are paths and commit hashes: their beginning says which. */
const KEY_SHOWN = 32

function renderHit({ id, text, score, author, at, key, path, validTo }: RecallHit): string {
  const rest = [
    `${at.slice(0, 19)}Z by ${short(author)}`,
    ...(key === undefined ? [] : [`key ${key.length > KEY_SHOWN ? `${key.slice(0, KEY_SHOWN)}...` : key}`]),
    ...(validTo === undefined ? [] : [`until ${validTo}`]),
    ...(path.length === 0
      ? []
      : [
          `reached from ${path.map((step, i) => (i === 0 ? short(step.id) : `by ${step.edge}${i === path.length - 1 ? '' : ` to ${short(step.id)}`}`)).join(' ')}`,
        ]),
  ].join(', ')
  return `${styled('green', score.toFixed(3).padStart(7))}  ${styled('bold', short(id))}  ${firstLine(text, 20)}\n         ${styled('dim', rest)}`
}
