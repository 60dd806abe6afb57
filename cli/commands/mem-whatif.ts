import type { WhatIf } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { styled } from '../output.ts'
import { firstLine, plural, short } from '../text.ts'

export const define: Define = command =>
  command
    .argument('<id>', 'a memory, a link or a supersede')
    .option('--as-of <then>', 'as it was then: a frontier, or a time like 2026-01-31T12:00:00Z')
    .addHelpText('after', '\nNothing is changed: it shows what rests on it, and on what else that would rest without it.')
    .action(
      action(async (cli, [id]: readonly [string], { asOf }: { readonly asOf?: string }) =>
        cli.print(await cli.request('memory.whatif', { id, asOf }), render),
      ),
    )

function render({ id, dependents, truncated }: WhatIf): string {
  if (dependents.length === 0) return `nothing that is known here rests on ${short(id)}`
  const lines = dependents.map(({ id: dependent, text, state, before, after }) => {
    const name = `${styled('bold', short(dependent))}  ${firstLine(text, 36)}${state === 'current' ? '' : styled('yellow', ` (${state})`)}`
    if (after === 0) return `${styled('red', 'nothing is left of')}   ${name}`
    if (after < before) return `${styled('yellow', `${before.toFixed(3)} -> ${after.toFixed(3)}`)}       ${name}`
    return `${styled('dim', 'stands as it is')}      ${name}`
  })
  return `without ${short(id)}, of ${plural(dependents.length, 'memory that rests', 'memories that rest')} on it\n${lines.join('\n')}${truncated ? '\nthere may be more: the search ended at a limit' : ''}`
}
