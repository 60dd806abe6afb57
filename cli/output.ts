import { styleText } from 'node:util'
import { OWN_ESCAPE, visible } from './visible.ts'

/**
 * stdout is for data, stderr for talk. Both are written in order; `flushed` waits until they have gone. What people
 * are to read goes through `write`, `talk` and `talkOver`, which let nothing through that a terminal would obey; documents and
 * files go out as they are.
 */
export type Style = Parameters<typeof styleText>[0]

export function write(text: string): void {
  process.stdout.write(visible(text))
}

/** One JSON document, on a line of its own. */
export function writeDocument(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

export function talk(line: string): void {
  process.stderr.write(`${visible(line)}\n`)
}

/** On a terminal, in the place of the line before. */
export function talkOver(line: string): void {
  process.stderr.write(`\r\u001b[K${visible(line)}`)
}

/** Colour where the stream is a terminal that wants it: NO_COLOR and FORCE_COLOR are respected. */
export function styled(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, visible(text), { stream }).replaceAll('\u001b', OWN_ESCAPE)
}

export async function flushed(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) await new Promise<void>(resolve => stream.write('', () => resolve()))
}

/** A file or documents, as they are. Waits while the reader of stdout is slower than we are. */
export async function writeAll(text: string): Promise<void> {
  if (process.stdout.write(text)) return
  await new Promise<void>(resolve => process.stdout.once('drain', resolve))
}

/** `weft mem list | head -1`: the reader has what it wanted. */
export function listenForBrokenPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 3))
  process.stderr.on('error', () => {})
}

/** For what goes on when nobody reads any more. */
export function ignoreBrokenPipe(): void {
  process.stdout.removeAllListeners('error').on('error', () => {})
}
