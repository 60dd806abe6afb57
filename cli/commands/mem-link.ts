import { type EdgeType, EDGE_TYPES } from '../../ecc/edge-types.ts'
import type { Receipt } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'

export const define: Define = command =>
  command
    .argument('<from>', 'an id, or 8 or more of its first digits')
    .argument('<type>', Object.keys(EDGE_TYPES).join(', '))
    .argument('<to>', 'an id, or 8 or more of its first digits')
    .option('--weight <fraction>', 'how sure it is: above 0, at most 1', Number)
    .action(
      action(async (cli, [from, type, to]: readonly [string, EdgeType, string], { weight }: { readonly weight?: number }) => {
        cli.print(await cli.request('memory.link', { from, type, to, weight }), renderReceipt)
      }),
    )

/** Where it was written: the record that says so. */
export function renderReceipt({ id }: Receipt): string {
  return id
}
