import type { CommunityList } from '../../node/cognition/api.ts'
import { action, type Define } from '../invocation.ts'
import { styled } from '../output.ts'
import { firstLine, plural, short } from '../text.ts'

/** The best linked memories of each that are shown. */
const SHOWN = 2

export const define: Define = command =>
  command
    .option('--as-of <then>', 'as it was then: a frontier, or a time like 2026-01-31T12:00:00Z')
    .option('--anywhere', 'have the member answer that thinks fastest')
    .action(
      action(async (cli, _, options: { readonly asOf?: string; readonly anywhere?: boolean }) =>
        cli.print(await cli.askSlowly('memory.communities', { ...options }), render),
      ),
    )

function render({ modularity, count, alone, communities }: CommunityList): string {
  if (count === 0) return 'no memories are linked'
  const rows = communities.flatMap(({ size, words, central }) => {
    const shown = central.slice(0, SHOWN)
    return [
      `${styled('bold', words.join(', ') || '(no word is typical)')}  ${plural(size, 'memory', 'memories')}`,
      ...shown.map(({ id, text }) => `  ${short(id)}  ${firstLine(text, 12)}`),
      ...(size > shown.length ? [styled('dim', `  and ${size - shown.length} more`)] : []),
    ]
  })
  const rest = count > communities.length ? `, the largest ${communities.length} of them here` : ''
  return [
    `${plural(count, 'community', 'communities')}${rest}, modularity ${modularity.toFixed(3)}; ${plural(alone, 'memory is', 'memories are')} in none`,
    ...rows,
  ].join('\n')
}
