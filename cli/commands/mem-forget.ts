import type { Forgotten } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { talk } from '../output.ts'
import { short } from '../text.ts'
import { printReceipt } from './mem-link.ts'

export const define: Define = command =>
  command
    .argument('<id>', 'a memory, a link, a supersede or an earlier forget of this node; forgetting a forget brings it back')
    .option('--erase', 'have what it says dropped on every node, for ever')
    .addHelpText(
      'after',
      '\nForgotten is what recall returns no more; the words stay in the log, and forgetting the forget brings them back.\nErased is gone: every node drops the words from its disk when it hears of it, and nothing brings them back. That there was a\nrecord, whose and when, stays provable. Only the node that wrote a thing can do either.',
    )
    .action(
      action(async (cli, [id]: readonly [string], { erase }: { readonly erase?: boolean }) => {
        const forgotten = await cli.request('memory.forget', { id, ...(erase === true ? { erase } : {}) })
        printReceipt(cli, forgotten, render)
        if (cli.isJson) return
        for (const vacancy of forgotten.vacant ?? [])
          talk(
            `nothing holds in the place of ${short(vacancy.id)} now: weft mem forget ${short(vacancy.supersede)}, on the node that said so, lets it hold again`,
          )
      }),
    )

function render(forgotten: Forgotten): string {
  if (forgotten.erased === undefined) return forgotten.id
  return `${forgotten.id}\n${forgotten.erased ? 'erased here; other nodes erase it when they hear of it' : 'not erased yet: that follows when the record is signed'}`
}
