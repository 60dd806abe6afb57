import { type EdgeType, LINK_TYPES } from '../../ecc/edge-types.ts'
import type { Receipt } from '../../node/api.ts'
import { WeftError } from '../../base/errors.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { talk } from '../output.ts'

export const define: Define = command =>
  command
    .argument('<from>', 'an id, or 8 or more of its first digits')
    .argument('<type>', LINK_TYPES.join(', '))
    .argument('<to>', 'an id, or 8 or more of its first digits')
    .option('--weight <fraction>', 'how sure it is: above 0, at most 1', Number)
    .action(
      action(async (cli, [from, type, to]: readonly [string, EdgeType, string], { weight }: { readonly weight?: number }) => {
        if (type === 'supersedes')
          throw new WeftError('invalid_argument', 'a link that says supersedes replaces nothing', {
            next: `weft mem supersede ${to} --by ${from}`,
          })
        printReceipt(cli, await cli.request('memory.link', { from, type, to, weight }))
      }),
    )

/** The record that says so; that it was there, and that it went to another space than was asked, is said beside it. */
export function printReceipt<R extends Receipt>(cli: Invocation, receipt: R, render: (receipt: R) => string = ({ id }) => id): void {
  cli.print(receipt, render)
  if (receipt.known === true && !cli.isJson) talk('that was so already: nothing was written')
  if (receipt.space !== undefined && !cli.isJson) talk(`in space ${receipt.space}: weft mem recall --space ${receipt.space} looks there`)
}
