import type { ChainPage } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { count, positive } from '../parse.ts'
import { short, table } from '../text.ts'

export const define: Define = command =>
  command
    .argument('[log]', 'its id, 8 or more of its first digits, or a stream of this node like memory/main (default: audit)')
    .option('--from <seq>', 'the first record (default: so that the newest are shown)', count)
    .option('--limit <count>', 'how many at most (default: 20)', positive)
    .action(
      action(async (cli, [log]: readonly [string?], { from, limit }: { readonly from?: number; readonly limit?: number }) => {
        cli.print(await cli.request('chain.log', { log, from, limit }), render)
      }),
    )

function render({ logId, records }: ChainPage): string {
  const rows = records.map(({ seq, id, kind, actor, at, parents, bodyBytes }) => [
    String(seq),
    short(id),
    at,
    kind,
    actor,
    `${bodyBytes} B`,
    parents.map(parent => `${short(parent.log)}#${parent.seq}`).join(' '),
  ])
  return `log ${logId}\n${table(['seq', 'id', 'at', 'kind', 'actor', 'body', 'builds on'], rows, 'no records there')}`
}
