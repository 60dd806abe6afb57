import { action, type Define } from '../invocation.ts'
import { talk } from '../output.ts'
import { short } from '../text.ts'
import { printReceipt } from './mem-link.ts'

export const define: Define = command =>
  command
    .argument('<old...>', 'what no longer holds: ids, or 8 or more of their first digits')
    .requiredOption('--by <id>', 'the memory that replaces it')
    .option('--reason <text>', 'why')
    .action(
      action(async (cli, [old]: readonly [readonly string[]], { by, reason }: { readonly by: string; readonly reason?: string }) => {
        const superseded = await cli.request('memory.supersede', { old, by, reason })
        printReceipt(cli, superseded)
        const { alsoCurrent = [] } = superseded
        if (alsoCurrent.length > 0 && !cli.isJson)
          talk(
            `also current in the same place: ${alsoCurrent.map(short).join(', ')}; what does not hold any more is to be superseded as well`,
          )
      }),
    )
