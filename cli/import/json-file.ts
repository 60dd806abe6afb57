import { basename } from 'node:path'
import { WeftError } from '../../base/errors.ts'
import { parseChat } from '../../ecc/import/chat.ts'
import type { ReadJson } from '../../ecc/import/json-document.ts'
import { parseMcpMemory } from '../../ecc/import/mcp-memory.ts'
import { openInput } from '../lines.ts'
import type { Entry } from './import-items.ts'

/** 256 MiB: a document of JSON is read as a whole; years of conversations are a tenth of that. */
const FILE_MAX_BYTES: number = 256 * 1024 * 1024

/** The messages of conversations with a model. */
export async function readChat(file: string): Promise<readonly Entry[]> {
  return entriesOf(parseChat(await textIn(file), file === '-' ? 'stdin' : basename(file)))
}

/** What the reference memory server of the Model Context Protocol has kept. */
export async function readMcpMemory(file: string): Promise<readonly Entry[]> {
  return entriesOf(parseMcpMemory(await textIn(file)))
}

function entriesOf({ found, faults, unit }: ReadJson): readonly Entry[] {
  return [
    ...found.map(({ line, item }) => ({ place: line, unit, key: item.key, item })),
    ...faults.map(({ line, code, message }) => ({ place: line, unit, code, message })),
  ]
}

async function textIn(file: string): Promise<string> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of openInput(file)) {
    length += piece.length
    if (length > FILE_MAX_BYTES) throw new WeftError('import_invalid', `${file} has more than ${FILE_MAX_BYTES} bytes: split it`)
    pieces.push(piece)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces))
  } catch {
    throw new WeftError('import_invalid', `${file} is not UTF-8 text`)
  }
}
