import { WeftError } from '../../base/errors.ts'
import type { RecallHit, RecallOptions, Recollection } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { linesOf, openInput } from '../lines.ts'
import { duration, positive } from '../parse.ts'
import { performLines } from '../perform-lines.ts'
import { styled } from '../output.ts'
import { firstLine, short } from '../text.ts'
import { readVector, renderNearest, withVector } from '../vectors.ts'

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
  readonly vector?: string
  readonly embedder?: string
  readonly exact?: boolean
  readonly ef?: number
  readonly truth?: boolean
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
    .option('--vector <file>', 'look for what is near a vector: a JSON list of numbers in a file, - for stdin; words may go with it')
    .option('--embedder <id>', 'what made the vector: external:NAME:DIMENSIONS')
    .option('--exact', 'look at every vector')
    .option('--ef <count>', 'candidates kept while the vectors are walked: more find more, slower', positive)
    .option('--truth', 'search both ways, and say how much of what is nearest was found')
    .option('--jsonl <file>', 'read {"query", "vector"?, "k"?} lines from a file, - for stdin; one answer per line, in their order')
    .action(
      action(
        async (cli, [query]: readonly [string?], { jsonl, vector, deadline: deadlineMs, embedder, exact, ef, truth, ...rest }: Options) => {
          const options: RecallOptions = { ...rest, deadlineMs }
          const by = { embedder, exact, ef, truth }
          if (jsonl !== undefined) {
            return performLines(cli.dir, linesOf(openInput(jsonl)), text => ({
              command: 'memory.recall',
              input: { space: cli.space, ...options, ...withVector(text, by) },
            }))
          }
          if (query === undefined && vector === undefined)
            throw new WeftError('usage', 'what should be recalled?', { next: 'weft mem recall "why did checkout fail", or --jsonl FILE' })
          const near = vector === undefined ? by : { ...by, vector: await readVector(vector) }
          cli.print(await cli.request('memory.recall', { query, ...options, ...near }), renderHits)
          return 0
        },
      ),
    )

export function renderHits({ hits, truncated, nearest }: Pick<Recollection, 'hits' | 'truncated' | 'nearest'>): string {
  const notes = [
    ...(truncated ? ['the search ended at a limit: there may be more'] : []),
    ...(nearest === undefined ? [] : [renderNearest(nearest)]),
  ]
  return [...(hits.length === 0 ? ['nothing is known of that'] : hits.map(renderHit)), ...notes].join('\n')
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
