import { type ErrorCode, WeftError } from '../../base/errors.ts'
import { isEdgeType } from '../edge-types.ts'
import { encodeRemember, weightOf } from '../records.ts'
import { checkEmbedder, unitVector } from '../vector-record.ts'
import { type ImportEdge, type ImportItem, isoTime, timeFault } from './import-item.ts'

/** What is wrong with a line. */
export interface ImportFault {
  /** From 1. */
  readonly line: number
  readonly code: ErrorCode
  readonly message: string
}

/**
 * One line of JSON Lines: an object with `text`, and if wanted `key`, `meta` (text, numbers and
 * booleans by name), `validFrom`, `validTo` (ISO 8601), `source`, `edges` (`[{type, to, weight}]`) and
 * `vector` (numbers) with its `embedder`.
 *
 * A field that is not among them is an error: a misspelt name must not lose what it holds.
 *
 * @param embedder of a vector whose line does not say
 * @returns undefined for an empty line
 */
export function parseJsonlLine(line: string, lineNumber: number, embedder?: string): ImportItem | ImportFault | undefined {
  if (line.trim() === '') return undefined
  try {
    const item = itemOf(parsed(line), embedder)
    encodeRemember(item)
    return item
  } catch (error) {
    if (error instanceof WeftError) return { line: lineNumber, code: error.code, message: error.message }
    throw error
  }
}

const FIELDS = ['text', 'key', 'meta', 'validFrom', 'validTo', 'source', 'edges', 'vector', 'embedder']
const EDGE_FIELDS = ['type', 'to', 'weight']

function itemOf(value: unknown, embedder: string | undefined): ImportItem {
  const fields = objectOf('a line', value, FIELDS)
  return {
    text: textOf('text', fields['text']),
    ...given('key', fields['key'], textOf),
    ...given('meta', fields['meta'], metaOf),
    ...given('validFrom', fields['validFrom'], timeOf),
    ...given('validTo', fields['validTo'], timeOf),
    ...given('source', fields['source'], textOf),
    ...given('edges', fields['edges'], edgesOf),
    ...vectorOf(fields['vector'], fields['embedder'], embedder),
  }
}

function vectorOf(value: unknown, own: unknown, embedder: string | undefined): Pick<ImportItem, 'vector' | 'embedder'> {
  if (value === undefined && own === undefined) return {}
  if (!Array.isArray(value)) throw new WeftError('vector_invalid', `vector is a list of numbers, got ${JSON.stringify(value) ?? 'none'}`)
  const by = own === undefined ? embedder : textOf('embedder', own)
  if (by === undefined) throw new WeftError('embedder_invalid', 'nothing says which embedder made the vector')
  checkEmbedder(by, value.length)
  unitVector(value as readonly number[])
  return { vector: value as readonly number[], embedder: by }
}

function edgesOf(name: string, value: unknown): readonly ImportEdge[] {
  if (!Array.isArray(value)) throw invalid(`${name} is a list`)
  return value.map(edge => {
    const fields = objectOf('an edge', edge, EDGE_FIELDS)
    const type = textOf('type', fields['type'])
    if (!isEdgeType(type)) throw new WeftError('edge_invalid', `there is no edge type ${JSON.stringify(type)}`)
    return { type, to: textOf('to', fields['to']), ...given('weight', fields['weight'], fractionOf) }
  })
}

function fractionOf(name: string, value: unknown): number {
  if (typeof value !== 'number') throw invalid(`${name} is a number`)
  weightOf(value)
  return value
}

function metaOf(_name: string, value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(objectOf('meta', value)).map(([name, each]) => {
    if (typeof each === 'object') throw new WeftError('meta_invalid', `meta ${JSON.stringify(name)} is text, a number or a boolean`)
    return [name, `${each as string | number | boolean}`] as const
  })
  return Object.fromEntries(entries)
}

function timeOf(name: string, value: unknown): string {
  const time = isoTime(textOf(name, value))
  if (time === undefined) throw timeFault(name, value)
  return time
}

function textOf(name: string, value: unknown): string {
  if (typeof value !== 'string') throw invalid(value === undefined ? `${name} is missing` : `${name} is text, got ${JSON.stringify(value)}`)
  return value
}

/** @param known the names it may have; any without them */
function objectOf(what: string, value: unknown, known?: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${what} is a JSON object`)
  const unknown = known === undefined ? [] : Object.keys(value).filter(name => !known.includes(name))
  if (unknown.length > 0)
    throw invalid(`unknown field ${unknown.map(name => JSON.stringify(name)).join(', ')}; ${what} has ${known?.join(', ')}`)
  return value as Record<string, unknown>
}

/** A field that may be absent. */
function given<Name extends string, T>(
  name: Name,
  value: unknown,
  parse: (name: string, value: unknown) => T,
): { readonly [N in Name]?: T } {
  return value === undefined ? {} : ({ [name]: parse(name, value) } as { readonly [N in Name]?: T })
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line.trim())
  } catch (error) {
    throw invalid(`not JSON: ${(error as Error).message}`)
  }
}

function invalid(message: string): WeftError {
  return new WeftError('import_invalid', message)
}
