import { createReadStream } from 'node:fs'
import { WeftError } from '../base/errors.ts'
import { REQUEST_MAX_BYTES } from '../base/limits.ts'

/** A line of input, or what is wrong with it. */
export interface Line {
  /** From 1. */
  readonly number: number
  readonly content: { readonly text: string } | { readonly error: WeftError }
}

/** 512 KiB: the longest text that a memory can hold, with every character escaped, is half of that. */
export const LINE_MAX_BYTES: number = REQUEST_MAX_BYTES / 2

const NEWLINE = 0x0a

/** `-` is standard input. */
export function openInput(file: string): AsyncIterable<Uint8Array> {
  return file === '-' ? process.stdin : readFile(file)
}

async function* readFile(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file) as AsyncIterable<Uint8Array>
  } catch (thrown) {
    throw new WeftError('import_invalid', `cannot read ${file}: ${(thrown as Error).message}`, { cause: thrown })
  }
}

/**
 * The lines of a stream of bytes, as many at a time as have arrived; blank ones are left out, but
 * counted. A line that is no UTF-8 or longer than LINE_MAX_BYTES is an error of its own: those around it are read.
 */
export async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Line[]> {
  let number = 0
  let pieces: Uint8Array[] = []
  let held = 0
  const take = (rest: Uint8Array): Line[] => {
    number++
    const bytes = pieces.length === 0 ? rest : Buffer.concat([...pieces, rest])
    const isTooLong = held + rest.length > LINE_MAX_BYTES
    pieces = []
    held = 0
    if (isTooLong) return [{ number, content: { error: new WeftError('text_too_long', `a line has at most ${LINE_MAX_BYTES} bytes`) } }]
    const text = decoded(bytes)
    if (text === undefined) return [{ number, content: { error: new WeftError('text_invalid', 'the line is not UTF-8') } }]
    return text.trim() === '' ? [] : [{ number, content: { text } }]
  }
  for await (const chunk of input) {
    const lines: Line[] = []
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      lines.push(...take(chunk.subarray(from, end)))
      from = end + 1
    }
    const rest = chunk.subarray(from)
    held += rest.length
    // Of a line that is too long already only its length is kept.
    if (held > LINE_MAX_BYTES) pieces = []
    else if (rest.length > 0) pieces.push(rest)
    if (lines.length > 0) yield lines
  }
  const last = held > 0 ? take(new Uint8Array(0)) : []
  if (last.length > 0) yield last
}

/** All of standard input as one text, without the end of its last line. @throws WeftError `text_too_long`, `text_invalid` */
export async function textOfInput(): Promise<string> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of process.stdin as AsyncIterable<Uint8Array>) {
    pieces.push(piece)
    length += piece.length
    if (length > LINE_MAX_BYTES) throw new WeftError('text_too_long', `standard input has more than ${LINE_MAX_BYTES} bytes`)
  }
  const text = decoded(Buffer.concat(pieces))
  if (text === undefined) throw new WeftError('text_invalid', 'standard input is not UTF-8')
  return text.replace(/\r?\n$/, '')
}

const decoder = new TextDecoder('utf-8', { fatal: true })

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}
