import type { MemoryDetail } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { styled } from '../output.ts'
import { columns, short } from '../text.ts'

export const define: Define = command =>
  command
    .argument('<id>', 'its id, or 8 or more of its first digits')
    .action(action(async (cli, [id]: readonly [string]) => cli.print(await cli.request('memory.get', { id }), render)))

function render(memory: MemoryDetail): string {
  const {
    id,
    space,
    text,
    state,
    author,
    at,
    key,
    source,
    validFrom,
    validTo,
    meta,
    edges,
    edgesInAll,
    supersedes,
    supersededBy,
    vacant,
    embedders,
    log,
    seq,
  } = memory
  const optional: readonly (readonly [string, string | undefined])[] = [
    ['space', space],
    ['key', key],
    ['source', source],
    ['valid', validFrom === undefined && validTo === undefined ? undefined : `${validFrom ?? '...'} to ${validTo ?? '...'}`],
    ...Object.entries(meta).map(([name, value]) => [name, value] as const),
    ['replaces', supersedes.map(short).join(', ') || undefined],
    [
      'replaced by',
      supersededBy.length === 0 ? undefined : `${supersededBy.map(short).join(', ')}${vacant === true ? ' (taken back)' : ''}`,
    ],
    ['vectors of', embedders.map(({ embedder }) => embedder).join(', ') || undefined],
  ]
  const rows = [
    ['id', id],
    ['state', state],
    ['written', `${at} by ${author}`],
    ['record', `${seq} of log ${short(log)}`],
    ...optional.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ...edges.map(({ from, type, to, live, dangling, cyclic }) => [
      'link',
      `${short(from)} ${type} ${short(to)}${live ? '' : ' (retracted)'}${dangling ? ' (not here)' : ''}${cyclic ? ' (in a ring)' : ''}`,
    ]),
    ...(edgesInAll > edges.length ? [['links', `${edgesInAll} in all`]] : []),
  ]
  // Each line of the text is marked, as over MCP: no line of it passes for one of the fields below.
  return `> ${text.replaceAll('\n', '\n> ')}\n\n${columns(rows.map(([name, ...rest]) => [styled('dim', name as string), ...rest]))}`
}
