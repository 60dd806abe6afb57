import { Column, NONE, type Numbers } from './column.ts'
import type { Remember } from './records.ts'

/**
 * The remembered: one row per memory, with what a query may ask of it but the text. Memories
 * of one author with one key form a chain in the order of his log.
 */
export class NodeTable {
  /** The record that made it. */
  readonly record: Column<Uint32Array> = new Column(Uint32Array)
  /** Words of its text: what ranking calls its length. */
  readonly words: Column<Uint32Array> = new Column(Uint32Array)
  /** Milliseconds since 1970, NaN where it was not said. */
  readonly validFrom: Column<Float64Array> = new Column(Float64Array)
  readonly validTo: Column<Float64Array> = new Column(Float64Array)
  /** Row of `keys`, or NONE. */
  readonly key: Column<Uint32Array> = new Column(Uint32Array)
  /** The same author's memories of the same key before and after it. */
  readonly previous: Column<Uint32Array> = new Column(Uint32Array)
  readonly next: Column<Uint32Array> = new Column(Uint32Array)
  readonly keys: KeyRow[] = []
  /** Rows of `keys` by log and text. */
  readonly #keyRows: Map<number, Map<string, number>> = new Map()

  get size(): number {
    return this.record.length
  }

  /** What a snapshot keeps, besides the keys. */
  get columns(): readonly Column<Numbers>[] {
    return [this.record, this.words, this.validFrom, this.validTo, this.key, this.previous, this.next]
  }

  add(record: number, log: number, remember: Remember, words: number): number {
    const node = this.record.push(record)
    this.words.push(words)
    this.validFrom.push(msOf(remember.validFrom))
    this.validTo.push(msOf(remember.validTo))
    const key = remember.key === null ? NONE : this.#openKey(log, remember.key)
    const previous = key === NONE ? NONE : (this.keys[key] as KeyRow).newest
    this.key.push(key)
    this.previous.push(previous)
    this.next.push(NONE)
    if (previous !== NONE) this.next.set(previous, node)
    if (key !== NONE) (this.keys[key] as KeyRow).newest = node
    return node
  }

  keyOf(node: number): string | undefined {
    const key = this.key.at(node)
    return key === NONE ? undefined : (this.keys[key] as KeyRow).text
  }

  /** The newest memory ever of this author's key, or NONE. */
  newestOf(log: number, key: string): number {
    const row = this.#keyRows.get(log)?.get(key)
    return row === undefined ? NONE : (this.keys[row] as KeyRow).newest
  }

  /** Forgets that an erased memory had its key. */
  dropKey(node: number): void {
    const key = this.key.at(node)
    if (key === NONE) return
    const previous = this.previous.at(node)
    const next = this.next.at(node)
    if (previous !== NONE) this.next.set(previous, next)
    if (next !== NONE) this.previous.set(next, previous)
    else (this.keys[key] as KeyRow).newest = previous
    for (const column of [this.key, this.previous, this.next]) column.set(node, NONE)
    const row = this.keys[key] as KeyRow
    if (row.newest !== NONE) return
    this.#rowsOf(row.log).delete(row.text)
    row.text = ''
  }

  /** Puts back a row of `keys`; an empty text is a key that only erased memories had. */
  loadKey(row: number, log: number, text: string, newest: number): void {
    this.keys[row] = { log, text, newest }
    if (text !== '') this.#rowsOf(log).set(text, row)
  }

  /** The row of a key, made on first sight. */
  #openKey(log: number, text: string): number {
    const known = this.#rowsOf(log).get(text)
    if (known !== undefined) return known
    this.loadKey(this.keys.length, log, text, NONE)
    return this.keys.length - 1
  }

  #rowsOf(log: number): Map<string, number> {
    let rows = this.#keyRows.get(log)
    if (rows === undefined) {
      rows = new Map()
      this.#keyRows.set(log, rows)
    }
    return rows
  }
}

/** One author's key. */
export interface KeyRow {
  readonly log: number
  text: string
  newest: number
}

function msOf(time: string | null): number {
  return time === null ? Number.NaN : Date.parse(time)
}
