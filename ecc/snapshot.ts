import { concatBytes, equalBytes, textOf, utf8 } from '../base/bytes.ts'
import { hash } from '../base/crypto/hash.ts'
import type { LogId, NodeId } from '../base/ids.ts'
import { Column, type Numbers } from './column.ts'
import { emptyState, type FoldState } from './folding.ts'
import { LabelTable } from './label-table.ts'
import { ROLE } from './record-table.ts'
import { TextIndex } from './text-index.ts'
import { Vocabulary } from './vocabulary.ts'

/**
 * The state of a fold as one byte string: columns as they are, in the byte order of this machine,
 * and a checksum. A local cache, never sent and never trusted from a peer; when anything about
 * it is wrong, the journal is folded again.
 */

/** Raised whenever the state, or what folds into it, changes: an older snapshot is not read. */
const FORMAT = 6

/** Reads as another number where bytes are ordered the other way. */
const MAGIC = 0x57454654

/** The checksum is over the hashes of pieces of this size: one small buffer serves them all. */
const PIECE_BYTES = 32_768
const CHECKSUM_BYTES = 32

export function writeSnapshot(state: FoldState): Uint8Array {
  sweep(state)
  const writer = new Writer()
  transfer(state, writer)
  return writer.take()
}

/** @returns undefined when the bytes are damaged, of another format, or of another node. */
export function readSnapshot(bytes: Uint8Array, self: NodeId): FoldState | undefined {
  const content = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES))
  if (!equalBytes(checksum(content), bytes.subarray(content.length))) return undefined
  const state = emptyState(self)
  if (!transfer(state, new Reader(content))) return undefined
  state.records.ids.index()
  state.own.contents.index()
  state.own.vectors.index()
  state.same.index()
  return state
}

/** What erased memories left in the text index goes when a snapshot is taken. */
function sweep(state: FoldState): void {
  if (state.totals.unswept === 0) return
  const isErased = (node: number): boolean => state.records.role.at(state.nodes.record.at(node)) !== ROLE.node
  state.text = state.text.without(isErased)
  state.entities = state.entities.without(isErased)
  state.labels = state.labels.without(isErased)
  state.same = state.same.without(isErased)
  state.own = state.own.without(isErased, record => state.records.role.at(record) !== ROLE.vector)
  state.totals.unswept = 0
}

/**
 * The state in one order, whichever way it goes: a writer takes what it is given and gives it
 * back, a reader fills it in. What follows a reading is done again after a writing, to no effect.
 *
 * @returns false when what is read is of another format or node
 */
function transfer(state: FoldState, tape: Tape): boolean {
  const { records, references, nodes, past, own, vectors, totals } = state
  const [magic, format] = tape.numbers([MAGIC, FORMAT])
  if (magic !== MAGIC || format !== FORMAT || tape.texts([own.author])[0] !== own.author) return false

  const logs = tape.texts(records.logs.flatMap(row => [row.id, row.author]))
  for (let i = 0; i < logs.length; i += 2) records.openLog(logs[i] as LogId, logs[i + 1] as NodeId)
  for (const row of records.logs) {
    tape.column(row.records)
    const aliases = tape.texts([...row.aliases].flat())
    for (let i = 0; i < aliases.length; i += 2) row.aliases.set(aliases[i] as string, aliases[i + 1] as string)
  }
  for (const column of records.columns) tape.column(column)

  for (const column of references.columns) tape.column(column)
  const waiting = tape.numbers([...references.missing.keys()])
  const awaited = tape.texts([...references.missing.values()])
  references.reindex(waiting, awaited)

  for (const column of nodes.columns) tape.column(column)
  const keys = tape.numbers(nodes.keys.flatMap(key => [key.log, key.newest]))
  for (const [row, text] of tape.texts(nodes.keys.map(key => key.text)).entries())
    nodes.loadKey(row, keys[2 * row] as number, text, keys[2 * row + 1] as number)

  const spaces = tape.texts(vectors.indexes.map(index => index.embedder))
  for (const [i, dims] of tape.numbers(vectors.indexes.map(index => index.dims)).entries()) vectors.load(i, spaces[i] as string, dims)
  for (const { records: rows } of vectors.indexes) tape.column(rows)
  vectors.reindex(record => records.log.at(record))

  const pairs = tape.numbers([...past.pairs()].flat())
  for (let i = 0; i < pairs.length; i += 2)
    for (const column of past.columns(pairs[i] as number, pairs[i + 1] as number)) tape.column(column)

  for (const column of own.columns) tape.column(column)
  const before = tape.numbers([...own.before].flat())
  for (let i = 0; i < before.length; i += 2) own.before.set(before[i] as number, before[i + 1] as number)

  const terms = tape.texts(state.text.vocabulary.texts)
  const { postings, sequences } = state.text
  for (const column of [...postings.columns, ...sequences.columns]) tape.column(column)
  if (terms !== state.text.vocabulary.texts) state.text = new TextIndex(new Vocabulary(terms), postings, sequences)

  const { entities } = state
  const named = tape.texts(entities.keys)
  for (const column of entities.columns) tape.column(column)
  if (named !== entities.keys) entities.load(named)

  const labels = tape.texts(state.labels.texts)
  for (const column of state.labels.nodes.columns) tape.column(column)
  if (labels !== state.labels.texts) state.labels = new LabelTable(labels, state.labels.nodes)
  for (const column of state.same.columns) tape.column(column)

  const counts = tape.numbers([totals.nodes, totals.words, totals.edges, references.dropped, references.foreignRetracts, vectors.dropped])
  ;[totals.nodes, totals.words, totals.edges, references.dropped, references.foreignRetracts, vectors.dropped] = counts as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  state.malformed = tape.numbers(state.malformed)
  state.erased = tape.numbers(state.erased)
  return true
}

/** One direction of a transfer. */
interface Tape {
  column(column: Column<Numbers>): void
  numbers(list: number[]): number[]
  texts(list: string[]): string[]
}

class Writer implements Tape {
  readonly #parts: Uint8Array[] = []

  column(column: Column<Numbers>): void {
    const values = column.values()
    this.#bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  }

  numbers(list: number[]): number[] {
    this.#bytes(new Uint8Array(Float64Array.from(list).buffer))
    return list
  }

  /** Lengths, then all texts as one. */
  texts(list: string[]): string[] {
    this.numbers(list.map(text => text.length))
    this.#bytes(utf8(list.join('')))
    return list
  }

  take(): Uint8Array {
    const content = concatBytes(...this.#parts)
    return concatBytes(content, checksum(content))
  }

  #bytes(bytes: Uint8Array): void {
    this.#parts.push(new Uint8Array(Uint32Array.of(bytes.length).buffer), bytes)
  }
}

class Reader implements Tape {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  column(column: Column<Numbers>): void {
    column.load(this.#take())
  }

  numbers(): number[] {
    const column = new Column(Float64Array)
    this.column(column)
    return [...column.values()]
  }

  texts(): string[] {
    const lengths = this.numbers()
    const all = textOf(this.#take()) ?? ''
    let at = 0
    return lengths.map(length => all.slice(at, (at += length)))
  }

  #take(): Uint8Array {
    const length = new Column(Uint32Array)
    length.load(this.#bytes.subarray(this.#at, this.#at + 4))
    this.#at += 4 + length.at(0)
    return this.#bytes.subarray(this.#at - length.at(0), this.#at)
  }
}

function checksum(content: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < content.length; at += PIECE_BYTES) pieces.push(hash('snapshot', content.subarray(at, at + PIECE_BYTES)))
  return hash('snapshot', ...pieces)
}
