import { Option } from 'commander'
import { withoutMark } from '../../ecc/bare-text.ts'
import type { MemoryTimeline, TimelineMemory, TimelineOptions } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { styled } from '../output.ts'
import { positive } from '../parse.ts'
import { firstLine, short } from '../text.ts'

interface Options {
  readonly order?: TimelineOptions['order']
  readonly limit?: number
  readonly asOf?: string
}

export const define: Define = command =>
  command
    .argument('[query-or-id]', 'what it is about, or a memory: everything, without it')
    .addOption(
      new Option('--order <time>', 'by when it was written, or by when it became true (default: written)').choices(['written', 'valid']),
    )
    .option('--limit <count>', 'how many memories at most (default: 100)', positive)
    .option('--as-of <then>', 'as it was then: a frontier, or a time like 2026-01-31T12:00:00Z')
    .action(
      action(async (cli, [about]: readonly [string?], options: Options) => {
        const isId = about !== undefined && /^[0-9a-f]{8,64}$/.test(withoutMark(about))
        const what = about === undefined ? {} : isId ? { id: about } : { query: about }
        const found = await cli.request('memory.timeline', { ...what, ...options })
        cli.print(found, () => render(found, options.order))
      }),
    )

function render({ memories, truncated }: MemoryTimeline, order: TimelineOptions['order']): string {
  if (memories.length === 0) return 'nothing is known of that'
  const lines = memories.map(memory => renderRow(memory, order === 'valid' ? (memory.validFrom ?? memory.at) : memory.at))
  return `${lines.join('\n')}${truncated ? '\nthere is more: --limit' : ''}`
}

function renderRow({ id, text, author, state, supersedes, supersededBy }: TimelineMemory, time: string): string {
  const colour = state === 'current' ? 'green' : 'dim'
  const rest = [
    `by ${short(author)}`,
    ...(state === 'current' ? [] : [state]),
    ...(supersedes.length === 0 ? [] : [`in the place of ${supersedes.map(one => short(one.id)).join(', ')}`]),
    ...(supersededBy.length === 0 ? [] : [`replaced by ${supersededBy.map(one => short(one.id)).join(' and ')}`]),
  ].join(', ')
  return `${time.slice(0, 19)}Z  ${styled(colour, short(id))}  ${firstLine(text, 32)}\n                      ${styled('dim', rest)}`
}
