import { action, type Define } from '../invocation.ts'
import { renderReceipt } from './mem-link.ts'

export const define: Define = command =>
  command
    .argument('<id>', 'a memory, a link, a supersede or an earlier forget of this node; forgetting a forget brings it back')
    .action(action(async (cli, [id]: readonly [string]) => cli.print(await cli.request('memory.forget', { id }), renderReceipt)))
