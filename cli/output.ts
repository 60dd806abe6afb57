import { styleText } from 'node:util'

/** stdout is for data, stderr for talk. Both are written in order; `flushed` waits until they have gone. */
export type Style = Parameters<typeof styleText>[0]

export function write(text: string): void {
  process.stdout.write(text)
}

/** One JSON document, on a line of its own. */
export function writeDocument(value: unknown): void {
  write(`${JSON.stringify(value)}\n`)
}

export function talk(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Colour where the stream is a terminal that wants it: NO_COLOR and FORCE_COLOR are respected. */
export function styled(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream })
}

export async function flushed(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) await new Promise<void>(resolve => stream.write('', () => resolve()))
}

/** Waits while the reader of stdout is slower than we are. */
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
