import type { ProcessList } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { short, table } from '../text.ts'

export const define: Define = command =>
  command
    .option('--cluster', 'of all nodes that answer')
    .action(
      action(async (cli, _, { cluster }: { readonly cluster?: boolean }) =>
        cli.print(await cli.request('process.list', { cluster }), render),
      ),
    )

function render({ processes, silent }: ProcessList): string {
  const rows = processes.map(process => [
    String(process.pid),
    process.name ?? '-',
    process.state,
    short(process.node),
    String(process.inbox),
    String(process.handled),
    process.address,
  ])
  const unheard = silent.length === 0 ? '' : `\n\nno answer from ${silent.join(', ')}`
  return table(['pid', 'name', 'state', 'node', 'inbox', 'handled', 'address'], rows, 'no processes: weft spawn FILE') + unheard
}
