import { action, type Define } from '../invocation.ts'
import { printReceipt } from './mem-link.ts'

export const define: Define = command =>
  command
    .argument('<old...>', 'what no longer holds: ids, or 8 or more of their first digits')
    .requiredOption('--by <id>', 'the memory that replaces it')
    .option('--reason <text>', 'why')
    .action(
      action(async (cli, [old]: readonly [readonly string[]], { by, reason }: { readonly by: string; readonly reason?: string }) => {
        printReceipt(cli, await cli.request('memory.supersede', { old, by, reason }))
      }),
    )
