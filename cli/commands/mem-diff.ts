import type { ChangedMemory, MemoryDifference } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { styled } from '../output.ts'
import { positive } from '../parse.ts'
import { firstLine, ROW_MAX_CHARS, short } from '../text.ts'

export const define: Define = command =>
  command
    .argument('<from>', 'a frontier, that of any answer or of weft mem status, or a time like 2026-01-31T12:00:00Z')
    .argument('[to]', 'another one (default: what this node knows now)')
    .option('--limit <count>', 'how many memories and links at most (default: 100)', positive)
    .action(
      action(async (cli, [from, to]: readonly [string, string?], { limit }: { readonly limit?: number }) =>
        cli.print(await cli.request('memory.diff', { from, to, limit }), render),
      ),
    )

function render({ memories, links, conflicts: { appeared, settled }, truncated }: MemoryDifference): string {
  const names = (ids: readonly string[]): string => ids.map(short).join(', ')
  const lines = [
    ...memories.map(renderMemory),
    ...links.map(({ from, type, to, isNew }) => `${isNew ? styled('green', '+') : styled('red', '-')} ${short(from)} ${type} ${short(to)}`),
    ...appeared.map(({ target, current }) => `${styled('yellow', '!')} ${short(target)} has several successors now: ${names(current)}`),
    ...settled.map(
      ({ target, current }) => `${styled('green', '=')} ${short(target)} had several successors: ${names(current)}; that is settled`,
    ),
    ...(truncated ? ['there is more: see --limit'] : []),
  ]
  return lines.length === 0 ? 'nothing is different' : lines.join('\n')
}

function renderMemory({ id, text, before, after, by }: ChangedMemory): string {
  const mark = after === 'current' ? styled('green', '+') : after === 'superseded' ? styled('yellow', '~') : styled('red', '-')
  const what =
    after === 'superseded'
      ? `replaced by ${by.map(short).join(', ')}: `
      : after === 'retracted'
        ? 'taken back: '
        : after === null
          ? 'not known there: '
          : before === null
            ? ''
            : 'holds again: '
  return `${mark} ${styled('bold', short(id))}  ${what}${firstLine(text, 24 + what.length, ROW_MAX_CHARS)}`
}
