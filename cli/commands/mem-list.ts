import type { MemoryPage, MemoryRecord } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { positive } from '../parse.ts'
import { styled } from '../output.ts'
import { firstLine, ROW_MAX_CHARS, short } from '../text.ts'

interface Options {
  readonly after?: string
  readonly asOf?: string
  readonly limit?: number
}

export const define: Define = command =>
  command
    .option('--after <frontier>', 'only what came after it: the frontier of the page before, or of any answer')
    .option('--as-of <then>', 'as it was then: a frontier, or a time like 2026-01-31T12:00:00Z')
    .option('--limit <count>', 'how many at most (default: 100)', positive)
    .action(
      action(async (cli, _, { after, asOf, limit }: Options) =>
        cli.print(await cli.request('memory.list', { after, asOf, limit }), render),
      ),
    )

function render({ memories, frontier, more }: MemoryPage): string {
  if (memories.length === 0) return 'nothing'
  const lines = memories.map(
    memory =>
      `${short(memory.id)}  ${memory.at.slice(0, 19)}Z  ${short(memory.author)}  ${mark(memory.state)}${firstLine(memory.text, 48, ROW_MAX_CHARS)}`,
  )
  return `${lines.join('\n')}${more ? `\n\nmore: weft mem list --after ${frontier}` : ''}`
}

function mark(state: MemoryRecord['state']): string {
  return state === 'current' ? '' : styled('yellow', `${state}: `)
}
