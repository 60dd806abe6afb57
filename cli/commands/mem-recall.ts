import { Option } from 'commander'
import { WeftError } from '../../base/errors.ts'
import type { PathEdge } from '../../ecc/edge-types.ts'
import type { ClusterRecollection, RecallHit, RecallOptions, Recollection } from '../../node/api.ts'
import { withoutVectors } from '../embedder-line.ts'
import { action, type Define } from '../invocation.ts'
import { linesOf, openInput } from '../lines.ts'
import { commaList, count, duration, positive, share, shares, wantedLabels } from '../parse.ts'
import { performLines } from '../perform-lines.ts'
import { styled } from '../output.ts'
import { firstLine, plural, replaced, short } from '../text.ts'
import { readVector, renderNearest, withVector } from '../vectors.ts'
import { oneLine } from '../visible.ts'

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
  readonly meta?: RecallOptions['meta']
  readonly source?: string
  readonly type?: readonly string[]
  readonly hops?: number
  readonly direction?: 'in' | 'out' | 'both'
  readonly halfLife?: number
  readonly trust?: Readonly<Record<string, number>> | boolean
  readonly diversity?: number
  readonly budget?: number
  readonly budgetNodes?: number
  readonly cluster?: boolean
  readonly parts?: boolean
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
    .option('--as-of <then>', 'answer as of then: a frontier, or a time like 2026-01-31T12:00:00Z')
    .option('--author <node>', 'only what this member wrote: its id, or the end of it')
    .option('--since <time>', 'only what was written from then on: 2026-01-31, or 2026-01-31T12:00:00Z')
    .option('--until <time>', 'only what was written before then')
    .option('--valid-at <time>', 'only what was true then, by what its author said of it')
    .option(
      '--meta <name=value>',
      'only what has this label; a name alone is any value. Several times: all names, of one name any value',
      wantedLabels,
    )
    .option('--source <prefix>', 'only what names a source that begins so')
    .option('--type <a,b>', 'only links of these types lead on: causes,enables; shares: what names the same', commaList)
    .option('--hops <count>', 'how many links far, 0 to 3 (default: 3)', count)
    .addOption(
      new Option('--direction <way>', 'which way along links: out is from A to B in "A causes B" (default: both)').choices([
        'in',
        'out',
        'both',
      ]),
    )
    .option('--half-life <duration>', 'what is so much older than the newest record counts half: 30d', duration)
    .option('--trust <node=share>', 'how far a member is trusted, 0 to 1, several times; on top of weft.toml', shares)
    .option('--no-trust', 'all members are trusted, whatever weft.toml says')
    .option('--diversity <share>', 'how much it counts that hits are unlike each other, 0 to 1 (default: 0)', share)
    .option('--budget <duration>', 'how long it may take: 50ms', duration)
    .option('--budget-nodes <count>', 'how many memories may be looked at', positive)
    .option('--cluster', 'ask all members, and make one answer of theirs')
    .option('--parts', 'show what the scores are made of')
    .option('--deadline <duration>', 'how long to wait for --after (default: 5s), or for the others (default: 2s)', duration)
    .option('--include-superseded', 'also what has been replaced')
    .option('--no-spread', 'only what matches by itself, not what is linked to it')
    .option('--vector <file>', 'look for what is near a vector: a JSON list of numbers in a file, - for stdin; words may go with it')
    .option('--embedder <id>', 'what made the vector: external:NAME:DIMENSIONS')
    .option('--exact', 'look at every vector')
    .option('--ef <count>', 'candidates kept while the vectors are walked: more find more, slower', positive)
    .option('--truth', 'search both ways, and say how much of what is nearest was found')
    .option('--jsonl <file>', 'read {"query", "vector"?, "k"?} lines from a file, - for stdin; one answer per line, in their order')
    .action(
      action(async (cli, [query]: readonly [string?], { jsonl, vector, embedder, exact, ef, truth, parts, ...given }: Options) => {
        const options = optionsOf(given)
        const by = { embedder, exact, ef, truth }
        if (jsonl !== undefined) {
          if (query !== undefined || vector !== undefined)
            throw new WeftError('usage', 'a query or a vector does not go with --jsonl, whose lines are the questions')
          return performLines(cli.dir, linesOf(openInput(jsonl)), text => ({
            command: 'memory.recall',
            input: { space: cli.space, ...options, ...withVector(text, by) },
          }))
        }
        if (query === undefined && vector === undefined)
          throw new WeftError('usage', 'what should be recalled?', { next: 'weft mem recall "why did checkout fail", or --jsonl FILE' })
        const near = vector === undefined ? by : { ...by, vector: await readVector(vector) }
        cli.print(await cli.request('memory.recall', { query, ...options, ...near }), found => renderHits(found, parts))
        return 0
      }),
    )

type Given = Omit<Options, 'jsonl' | 'parts' | 'vector' | 'embedder' | 'exact' | 'ef' | 'truth'>

function optionsOf({ type, hops, direction, halfLife, trust, budget, deadline, ...rest }: Given): RecallOptions {
  const isNarrowed = [type, hops, direction].some(one => one !== undefined)
  return {
    ...rest,
    ...(isNarrowed ? { expand: { types: type as readonly PathEdge[] | undefined, hops, direction } } : {}),
    halfLifeMs: halfLife,
    trust: typeof trust === 'boolean' ? (trust ? undefined : false) : trust,
    budgetMs: budget,
    deadlineMs: deadline,
  }
}

export function renderHits(found: Recollection | ClusterRecollection, parts: boolean = false): string {
  const { hits, truncatedBy, trust = {}, nearest } = found
  const { answers = [], silent = [] } = 'answers' in found ? found : {}
  const behind = answers.filter(answer => answer.behind)
  const lack = withoutVectors(found.vectors)
  const notes = [
    ...(answers.length === 0 ? [] : [`${plural(answers.length, 'node')} answered`]),
    ...(behind.length === 0 ? [] : [`behind, and left out: ${behind.map(({ node }) => short(node)).join(', ')}`]),
    ...(silent.length === 0 ? [] : [`silent: ${silent.map(short).join(', ')}`]),
    ...Object.entries(trust).map(([node, far]) => `what ${short(node)} wrote counts ${far}`),
    ...(truncatedBy === undefined ? [] : [ENDINGS[truncatedBy]]),
    ...(nearest === undefined ? [] : [renderNearest(nearest)]),
    ...(lack === undefined ? [] : [lack]),
  ]
  const shown = hits.length === 0 ? ['nothing is known of that'] : hits.map(hit => renderHit(hit, parts))
  return [...shown, ...notes].join('\n')
}

const ENDINGS: Readonly<Record<NonNullable<Recollection['truncatedBy']>, string>> = {
  edges: 'the search ended at a limit: there may be more',
  nodes: 'the search ended at --budget-nodes: there may be more, and better',
  time: 'the search ended at --budget: there may be more, and better',
  message: 'a node left out what a message does not take: there may be more',
}

/** `causes`, or `shares ecc/recall.ts` */
function wayOf({ edge, entity }: RecallHit['path'][number]): string {
  return entity === undefined ? edge : `${edge} ${oneLine(entity)}`
}

/** Keys are paths and commit hashes: their beginning says which. */
const KEY_SHOWN = 32

function renderHit(hit: RecallHit, withParts: boolean): string {
  const {
    id,
    text,
    score,
    author,
    at,
    key,
    path,
    validTo,
    parts,
    copies = [],
    contradictedBy = [],
    rivals = [],
    rivalsInAll = rivals.length,
  } = hit
  const rest = [
    `${at.slice(0, 19)}Z by ${short(author)}`,
    ...(key === undefined ? [] : [`key ${oneLine(key.length > KEY_SHOWN ? `${key.slice(0, KEY_SHOWN)}...` : key)}`]),
    ...(validTo === undefined ? [] : [`until ${validTo}`]),
    ...(path.length === 0
      ? []
      : [
          `reached from ${path.map((step, i) => (i === 0 ? short(step.id) : `by ${wayOf(step)}${i === path.length - 1 ? '' : ` to ${short(step.id)}`}`)).join(' ')}`,
        ]),
    ...(copies.length === 0 ? [] : [`also of ${copies.map(copy => `${short(copy.author)} (${short(copy.id)})`).join(', ')}`]),
    ...(withParts
      ? [
          Object.entries(parts)
            .map(([name, amount]) => `${name} ${amount.toFixed(3)}`)
            .join(' '),
        ]
      : []),
  ].join(', ')
  const against = [
    ...(contradictedBy.length === 0 ? [] : [`contradicted by ${contradictedBy.map(short).join(', ')}`]),
    ...rivals.map(rival => `in conflict with ${short(rival.id)}: ${firstLine(rival.text, 40)}`),
    ...(rivals.length === 0
      ? []
      : [
          `${rivalsInAll > rivals.length ? `${rivalsInAll} in all; ` : ''}weft mem resolve ${short(id)} --keep ${short(id)} settles it, or --keep one of those`,
        ]),
  ]
  const lines = [styled('dim', rest), ...against.map(line => styled('yellow', line))].map(line => `\n         ${line}`).join('')
  return `${styled('green', score.toFixed(3).padStart(7))}  ${styled('bold', short(id))}  ${firstLine(text, 20)}${styled('yellow', replaced(hit))}${lines}`
}
