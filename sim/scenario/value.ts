/**
 * What a scenario is written in, YAML or an object in TypeScript, as one kind of tree: texts, lists and tables, each
 * with its place, so that both are read by the same reader and an error can say where.
 */
export type Value =
  | { readonly kind: 'text'; readonly place: Place; readonly text: string }
  | { readonly kind: 'list'; readonly place: Place; readonly items: readonly Value[] }
  | { readonly kind: 'table'; readonly place: Place; readonly rows: readonly Row[] }
  /** What only code can give: a program, a fault as data. */
  | { readonly kind: 'native'; readonly place: Place; readonly value: unknown }

export interface Row {
  readonly key: string
  /** Of the key. */
  readonly place: Place
  readonly value: Value
}

export interface Place {
  /** `workload[0].put` */
  readonly path: string
  /** From 1; null in code. */
  readonly line: number | null
}

/** A value of TypeScript. Numbers are written out; what is undefined is not there. */
export function valueOf(from: unknown, path: string = ''): Value {
  const place = { path, line: null }
  if (typeof from === 'string' || typeof from === 'number' || typeof from === 'boolean') return { kind: 'text', place, text: String(from) }
  if (Array.isArray(from)) return { kind: 'list', place, items: from.map((item, i) => valueOf(item, `${path}[${i}]`)) }
  if (typeof from !== 'object' || from === null || 'verb' in from) return { kind: 'native', place, value: from }
  const rows = Object.entries(from)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({ key, place: { path: within(path, key), line: null }, value: valueOf(value, within(path, key)) }))
  return { kind: 'table', place, rows }
}

/** The path of a row. */
export function within(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}
