/** Checks what was read from a file: each check gives the value it was asked for, or says where it is wrong. */
export type Check<T> = (value: unknown, path: string) => T

export class Mismatch extends Error {
  override readonly name = 'Mismatch'
}

export const aText: Check<string> = typeCheck('string')
export const aNumber: Check<number> = (value, path) => {
  const number = typeCheck<number>('number')(value, path)
  if (!Number.isFinite(number)) throw new Mismatch(`${path}: expected a finite number, got ${number}`)
  return number
}
export const aFlag: Check<boolean> = typeCheck('boolean')

export function oneOf<const T extends string | number>(...choices: readonly T[]): Check<T> {
  return (value, path) => {
    if (!choices.includes(value as T)) throw new Mismatch(`${path}: expected one of ${choices.join(', ')}, got ${seen(value)}`)
    return value as T
  }
}

export function orNull<T>(check: Check<T>): Check<T | null> {
  return (value, path) => (value === null ? null : check(value, path))
}

export function listOf<T>(item: Check<T>): Check<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new Mismatch(`${path}: expected a list, got ${seen(value)}`)
    return value.map((entry, i) => item(entry, `${path}[${i}]`))
  }
}

/** An object with any names. */
export function mapOf<T>(item: Check<T>): Check<Readonly<Record<string, T>>> {
  return (value, path) => Object.fromEntries(entriesOf(value, path).map(([name, entry]) => [name, item(entry, `${path}.${name}`)]))
}

/** An object with these names; others, of a later version, are left out. */
export function objectOf<T extends object>(fields: { readonly [K in keyof T]-?: Check<T[K]> }): Check<T> {
  const names = Object.keys(fields) as (keyof T & string)[]
  return (value, path) => {
    const entries = new Map(entriesOf(value, path))
    return Object.fromEntries(names.map(name => [name, fields[name](entries.get(name), path === '' ? name : `${path}.${name}`)])) as T
  }
}

function entriesOf(value: unknown, path: string): readonly (readonly [string, unknown])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Mismatch(`${path === '' ? 'the file' : path}: expected an object, got ${seen(value)}`)
  }
  return Object.entries(value)
}

function typeCheck<T>(type: 'string' | 'number' | 'boolean'): Check<T> {
  return (value, path) => {
    if (typeof value !== type) throw new Mismatch(`${path}: expected a ${type}, got ${seen(value)}`)
    return value as T
  }
}

function seen(value: unknown): string {
  const json = JSON.stringify(value) ?? 'nothing'
  return json.length <= 40 ? json : `${json.slice(0, 39)}…`
}
