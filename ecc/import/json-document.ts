import type { Found } from './import-item.ts'
import type { ImportFault } from './jsonl.ts'

/** What was found in a document of JSON, or in JSON Lines. */
export interface ReadJson {
  readonly found: readonly Found[]
  readonly faults: readonly ImportFault[]
  /** What the places count: the lines of JSON Lines, or the items of a list. */
  readonly unit: 'line' | 'item'
}

/** A value of JSON that was read, and where: the line of JSON Lines, or the place in a list. */
export interface Value {
  /** From 1. */
  readonly line: number
  readonly value: unknown
}

/**
 * What a program wrote as one document of JSON, or as JSON Lines: nothing in the name of a file says which. A line
 * that cannot be read is a fault, and those around it are read.
 */
export function jsonValues(text: string): { readonly values: readonly Value[] } & Omit<ReadJson, 'found'> {
  try {
    const whole: unknown = JSON.parse(text)
    const list: readonly unknown[] = Array.isArray(whole) ? whole : [whole]
    return { values: list.map((value, i) => ({ line: i + 1, value })), faults: [], unit: 'item' }
  } catch {
    // It may be several documents, one on each line.
  }
  const values: Value[] = []
  const faults: ImportFault[] = []
  for (const [i, row] of text.split('\n').entries()) {
    if (row.trim() === '') continue
    try {
      values.push({ line: i + 1, value: JSON.parse(row) })
    } catch (thrown) {
      faults.push({ line: i + 1, code: 'import_invalid', message: `not JSON: ${(thrown as Error).message}` })
    }
  }
  return { values, faults, unit: 'line' }
}

export type Fields = Readonly<Record<string, unknown>>

/** @returns undefined for all but a JSON object */
export function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
}

/** @returns undefined for all but text of 1 character or more */
export function textIn(fields: Fields | undefined, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = fields?.[name]
    if (typeof value === 'string' && value !== '') return value
  }
  return undefined
}
