import { stripVTControlCharacters } from 'node:util'
import { styled } from './output.ts'
import { oneLine, visible } from './visible.ts'

/** Rows as columns, each as wide as its widest cell; the last one ends where it ends. A cell is one line, whatever it holds. */
export function columns(given: readonly (readonly string[])[]): string {
  const rows = given.map(row => row.map(oneLine))
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, widthOf(cell))))
  return rows
    .map(row =>
      row
        .map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat((widths[i] as number) - widthOf(cell))))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** A table with a heading, or what to say instead when it has no rows. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[], empty: string): string {
  return rows.length === 0 ? empty : columns([heading.map(name => styled('dim', name)), ...rows])
}

/** Without the colours. */
function widthOf(cell: string): number {
  return stripVTControlCharacters(visible(cell)).length
}

/** Enough of an id to name it: 8 of 64 hex digits, or the end of a NodeId, which begins like all others. */
export function short(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 8) : id.length > 12 ? `..${id.slice(-8)}` : id
}

/** 200 characters of a text say which it is, where it stands among many and no terminal says how wide a line may be. */
export const ROW_MAX_CHARS = 200

/** The first line, on a terminal cut to what fits beside `margin` columns, anywhere to `maxChars`. */
export function firstLine(text: string, margin: number = 0, maxChars: number = Infinity): string {
  const line = visible(text.trim().split(/\r?\n/, 1)[0] ?? '')
  const room = Math.min(maxChars, Math.max(20, (process.stdout.columns ?? Infinity) - margin))
  return line.length <= room ? line : `${line.slice(0, room - 3)}...`
}

/** ` (replaced by 1a2b3c4d)` behind what does not hold any more, nothing behind what does. */
export function replaced(
  { state, supersededBy = [] }: { readonly state?: string | undefined; readonly supersededBy?: readonly string[] | undefined },
  name: (id: string) => string = short,
): string {
  if (state === 'retracted') return ' (taken back)'
  if (state !== 'superseded') return ''
  return supersededBy.length === 0 ? ' (replaced)' : ` (replaced by ${supersededBy.map(name).join(', ')})`
}

export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** `420 ms`, `3.2 s`, `4 min`, `2 h`, `3 d` */
export function elapsed(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`
  return ms < 86_400_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 86_400_000)} d`
}
