import type { CoherenceReport } from '../../node/cognition/api.ts'
import { action, type Define } from '../invocation.ts'
import { columns, plural, short } from '../text.ts'

interface Options {
  readonly plain?: boolean
  readonly asOf?: string
  readonly anywhere?: boolean
}

/** Ids of the side that would come apart, and links that hold it: what fits a screen. The rest is in --json. */
const SHOWN = 8

export const define: Define = command =>
  command
    .option('--plain', "Fiedler's algebraic connectivity, for which a memory on a light link counts as much as any cut")
    .option('--as-of <then>', 'as it was then: a frontier, or a time like 2026-01-31T12:00:00Z')
    .option('--anywhere', 'have the member answer that thinks fastest')
    .addHelpText(
      'after',
      '\nConnectivity is 0 for what is in parts. Normalised it is at most 2, whatever the size: below 0.05 a cut through few links would do.',
    )
    .action(action(async (cli, _, options: Options) => cli.print(await cli.askSlowly('memory.coherence', { ...options }), render)))

function render(report: CoherenceReport): string {
  const { laplacian, memories, links, parts, alone, largest, connectivity, converged, split, node, tookMs } = report
  const rows = [
    ['memories', `${memories}, ${plural(links, 'linked pair')}`],
    [
      'parts',
      parts === 0
        ? 'none: no memories are linked'
        : `${parts}, and ${plural(alone, 'memory', 'memories')} without a link; the largest has ${largest}`,
    ],
    ['connectivity', `${converged ? '' : 'at most '}${connectivity} (${laplacian})`],
    ['worked out', `in ${tookMs} ms by ${node}`],
  ]
  if (split === null) return columns(rows)
  const { size, side, held, edges } = split
  const more = (shown: number, of: number): string => (of > shown ? `, and ${of - shown} more` : '')
  const lines = edges.slice(0, SHOWN).map(({ id, from, type, to }) => `  ${short(id)}  ${short(from)} ${type} ${short(to)}`)
  return [
    columns(rows),
    '',
    `${plural(size, 'memory', 'memories')} would come apart first: ${side.slice(0, SHOWN).map(short).join(' ')}${more(Math.min(SHOWN, side.length), size)}`,
    `${plural(held, 'linked pair holds', 'linked pairs hold')} them${lines.length === 0 ? '' : ', heaviest first'}`,
    ...lines,
  ].join('\n')
}
