import { assert } from '../base/assert.ts'
import type { Hlc } from '../base/hlc.ts'
import { type CausalId, causalIdOf, digestOf, type LogId, type NodeId } from '../base/ids.ts'
import { Column, NONE, type Numbers } from './column.ts'
import { DigestTable } from './digest-table.ts'

/** A record by its place: the log it stands in, and where. */
export interface Ref {
  readonly log: LogId
  readonly seq: number
}

/** How many records of each log: everything below is seen, nothing beyond. */
export type Cut = ReadonlyMap<LogId, number>

/** What a record is to the fold. */
export const ROLE = {
  /** Nothing: of another part, of a newer version, malformed, or without its body. */
  none: 0,
  node: 1,
  link: 2,
  supersede: 3,
  retract: 4,
  /** A retract that erases. Nothing takes it back: what it erased is gone. */
  erase: 5,
  /** Where a memory stands in the space of an embedder. */
  vector: 6,
} as const

/** One author's log of the space. */
export interface LogRow {
  readonly id: LogId
  readonly author: NodeId
  /** Record numbers by seq. */
  readonly records: Column<Uint32Array>
  /** Ids of own records that were appended again under new ids. */
  readonly aliases: Map<string, string>
}

/**
 * Every applied record, numbered as it arrived. The numbers stay inside the fold: what leaves
 * it is ordered by time and id, which are the same everywhere.
 */
export class RecordTable {
  readonly ids: DigestTable = new DigestTable()
  readonly logs: LogRow[] = []
  readonly log: Column<Uint16Array> = new Column(Uint16Array)
  readonly seq: Column<Uint32Array> = new Column(Uint32Array)
  readonly hlcMs: Column<Float64Array> = new Column(Float64Array)
  readonly hlcCounter: Column<Uint16Array> = new Column(Uint16Array)
  readonly role: Column<Uint8Array> = new Column(Uint8Array)
  /** The row of its role: a node's number, or the first reference of the others. */
  readonly detail: Column<Uint32Array> = new Column(Uint32Array)
  /** Live retracts of it that count; 0 is live. */
  readonly retracts: Column<Uint32Array> = new Column(Uint32Array)
  /** First reference to it from a link. */
  readonly links: Column<Uint32Array> = new Column(Uint32Array)
  /** First reference to it from a supersede or a retract. */
  readonly claims: Column<Uint32Array> = new Column(Uint32Array)
  /** First reference to it from a vector. */
  readonly vectors: Column<Uint32Array> = new Column(Uint32Array)
  readonly #numbers: Map<LogId, number> = new Map()

  get size(): number {
    return this.log.length
  }

  /** What a snapshot keeps, besides the logs. */
  get columns(): readonly Column<Numbers>[] {
    return [
      this.ids.digests,
      this.log,
      this.seq,
      this.hlcMs,
      this.hlcCounter,
      this.role,
      this.detail,
      this.retracts,
      this.links,
      this.claims,
      this.vectors,
    ]
  }

  /** The number of a log, made on first sight. */
  openLog(id: LogId, author: NodeId): number {
    const known = this.#numbers.get(id)
    if (known !== undefined) {
      assert((this.logs[known] as LogRow).author === author, `log ${id} is of one author`)
      return known
    }
    const number = this.logs.push({ id, author, records: new Column(Uint32Array), aliases: new Map() }) - 1
    this.#numbers.set(id, number)
    return number
  }

  logNumber(id: LogId): number | undefined {
    return this.#numbers.get(id)
  }

  sizeOf(id: LogId): number {
    const number = this.#numbers.get(id)
    return number === undefined ? 0 : (this.logs[number] as LogRow).records.length
  }

  add(log: number, id: Uint8Array, hlc: Hlc): number {
    const record = this.ids.add(id)
    this.log.push(log)
    this.seq.push((this.logs[log] as LogRow).records.push(record))
    this.hlcMs.push(hlc.ms)
    this.hlcCounter.push(hlc.counter)
    this.role.push(ROLE.none)
    this.detail.push(NONE)
    this.retracts.push(0)
    this.links.push(NONE)
    this.claims.push(NONE)
    this.vectors.push(NONE)
    return record
  }

  /** The record with this id, or NONE. */
  find(id: CausalId): number {
    return this.ids.find(digestOf(id))
  }

  /** The record at a place, or NONE when it is not applied. */
  at(ref: Ref): number {
    const number = this.#numbers.get(ref.log)
    const records = number === undefined ? undefined : (this.logs[number] as LogRow).records
    return records !== undefined && ref.seq < records.length ? records.at(ref.seq) : NONE
  }

  idOf(record: number): CausalId {
    return causalIdOf(this.ids.digest(record))
  }

  logOf(record: number): LogRow {
    return this.logs[this.log.at(record)] as LogRow
  }

  authorOf(record: number): NodeId {
    return this.logOf(record).author
  }

  refOf(record: number): Ref {
    return { log: this.logOf(record).id, seq: this.seq.at(record) }
  }

  hlcOf(record: number): Hlc {
    return { ms: this.hlcMs.at(record), counter: this.hlcCounter.at(record) }
  }

  /** The order of what is listed: older first, equal times by id. */
  compareOldest(a: number, b: number): number {
    return this.hlcMs.at(a) - this.hlcMs.at(b) || this.hlcCounter.at(a) - this.hlcCounter.at(b) || this.ids.compare(a, b)
  }

  /** The order of what is equally good: newer first, equal times by id. */
  compareNewest(a: number, b: number): number {
    return this.hlcMs.at(b) - this.hlcMs.at(a) || this.hlcCounter.at(b) - this.hlcCounter.at(a) || this.ids.compare(a, b)
  }
}
