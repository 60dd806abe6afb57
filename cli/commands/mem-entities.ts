import { ENTITY_HOLDERS_MAX } from '../../base/limits.ts'
import type { EntityList, EntityOptions, NamedEntity } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { styled } from '../output.ts'
import { positive } from '../parse.ts'
import { firstLine, plural, replaced, short, table } from '../text.ts'

type Options = Omit<EntityOptions, 'name'>

export const define: Define = command =>
  command
    .argument('[name]', 'which memories name this: what two or more name, without it')
    .option('--of <id>', 'what this memory names, and which others do')
    .option('--limit <count>', 'how many things at most (default: 50)', positive)
    .option('--as-of <then>', 'as it was then: a frontier, or a time like 2026-01-31T12:00:00Z')
    .addHelpText(
      'after',
      `\nWhat most memories name comes first. By what more than ${ENTITY_HOLDERS_MAX} name no recall goes from one to another: that says little of any two of them.`,
    )
    .action(
      action(async (cli, [name]: readonly [string?], options: Options) => {
        const found = await cli.request('memory.entities', { ...(name === undefined ? {} : { name }), ...options })
        cli.print(found, () => render(found))
      }),
    )

function render({ entities, truncated }: EntityList): string {
  const rows = entities.map(({ kind, name, inAll }) => [kind, String(inAll), `${name}${commonness(inAll)}`])
  const isOne = entities.some(({ memories }) => memories !== undefined)
  const shown = isOne ? entities.map(renderOne).join('\n') : table(['KIND', 'MEMORIES', 'NAME'], rows, '')
  if (entities.length === 0) return 'no memory names such a thing'
  return `${shown}${truncated ? '\nthere is more: --limit' : ''}`
}

function renderOne({ kind, name, inAll, memories = [] }: NamedEntity): string {
  const head = `${styled('bold', firstLine(name))}  ${styled('dim', `${kind} in ${plural(inAll, 'memory', 'memories')}${commonness(inAll)}`)}`
  const lines = memories.map(
    memory => `\n  ${memory.at.slice(0, 19)}Z  ${styled('bold', short(memory.id))}  ${firstLine(memory.text, 34)}${replaced(memory)}`,
  )
  return `${head}${lines.join('')}`
}

function commonness(inAll: number): string {
  return inAll > ENTITY_HOLDERS_MAX ? ' (too common to lead on)' : ''
}
