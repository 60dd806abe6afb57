import { toHex } from '../base/bytes.ts'
import type { CausalId } from '../base/ids.ts'
import { digestOf } from '../base/ids.ts'
import { DANGLING_MAX } from '../base/limits.ts'
import { Column, NONE, type Numbers } from './column.ts'
import type { LogRow, RecordTable } from './record-table.ts'

/** What one record says of another. The references of a record stand side by side, in this order. */
export const KIND_OF_REFERENCE = {
  /** A link's ends; `value` is its type and weight. */
  from: 0,
  to: 1,
  /** A supersede: what takes the place, then each memory it takes it from. */
  by: 2,
  target: 3,
  /** A retract's target. */
  retract: 4,
  /** A vector's memory; `value` is its index. */
  vector: 5,
} as const

export interface Reference {
  readonly kind: number
  readonly id: Uint8Array
  readonly value: number
}

/**
 * Every reference from one record to another: links, supersedes, retracts and vectors alike. References
 * to one record form a list that starts at the record; those to an id that has not arrived form
 * one that starts at the id, and move over when it does. So it makes no difference in which
 * order things arrive.
 *
 * An id that its author has since replaced (`log.rebase`) means the new one, in every record
 * of that author.
 */
export class ReferenceTable {
  /** The record that refers. */
  readonly owner: Column<Uint32Array> = new Column(Uint32Array)
  /** The record referred to, NONE while it is missing. */
  readonly target: Column<Uint32Array> = new Column(Uint32Array)
  readonly kind: Column<Uint8Array> = new Column(Uint8Array)
  readonly value: Column<Uint32Array> = new Column(Uint32Array)
  /** The next reference of the list it is in. */
  readonly next: Column<Uint32Array> = new Column(Uint32Array)
  readonly #records: RecordTable
  /** First reference to each id that has not arrived. */
  readonly #waiting: Map<string, number> = new Map()
  /** The id each waiting reference names. */
  readonly #missing: Map<number, string> = new Map()
  /** Records left out because DANGLING_MAX references wait already. */
  dropped = 0
  /** Retracts of another author's record. */
  foreignRetracts = 0

  constructor(records: RecordTable) {
    this.#records = records
  }

  /** References whose target has not arrived. */
  get waiting(): number {
    return this.#missing.size
  }

  get missing(): ReadonlyMap<number, string> {
    return this.#missing
  }

  /**
   * Adds all references of one record.
   *
   * @returns the first of them, or NONE when too many wait: then the record is left out whole.
   */
  add(owner: number, references: readonly Reference[]): number {
    const log = this.#records.logOf(owner)
    const targets = references.map(reference => this.#resolve(log, reference.id))
    const missing = targets.filter(target => typeof target === 'string').length
    if (this.#missing.size + missing > DANGLING_MAX) {
      this.dropped++
      return NONE
    }
    const first = this.owner.length
    for (const [i, { kind, value }] of references.entries()) {
      this.owner.push(owner)
      this.kind.push(kind)
      this.value.push(value)
      this.target.push(NONE)
      this.next.push(NONE)
      this.#attach(first + i, targets[i] as number | string)
    }
    return first
  }

  /** A record has arrived: what waited for it refers to it from now on. */
  arrive(record: number): void {
    if (this.#waiting.size === 0) return
    const id = toHex(this.#records.ids.digest(record))
    const waiting = [...this.#list(this.#waiting.get(id) ?? NONE)]
    this.#waiting.delete(id)
    for (const reference of waiting) {
      this.#missing.delete(reference)
      this.#attach(reference, record)
    }
  }

  /** Takes away all references of a record that was erased. */
  remove(owner: number, first: number): void {
    for (let reference = first; this.owner.data[reference] === owner && reference < this.owner.length; reference++) this.detach(reference)
  }

  /** The first of the list in which links to an id are, applied or not. */
  listOf(id: CausalId): number {
    const record = this.#records.find(id)
    return record === NONE ? (this.#waiting.get(id) ?? NONE) : this.#records.links.at(record)
  }

  /** The reference is to this id. */
  names(reference: number, id: CausalId): boolean {
    const target = this.target.at(reference)
    return target === NONE ? this.#missing.get(reference) === id : this.#records.find(id) === target
  }

  /** The references to an id, applied or not, that records of one log make. */
  fromLog(log: number, id: string): number[] {
    const record = this.#records.find(id as CausalId)
    const { links, claims, vectors } = this.#records
    const heads = record === NONE ? [this.#waiting.get(id) ?? NONE] : [links.at(record), claims.at(record), vectors.at(record)]
    return heads.flatMap(head => [...this.#list(head)]).filter(reference => this.#records.log.at(this.owner.at(reference)) === log)
  }

  /** Points a reference that was detached to what its author now means by `id`. */
  reattach(reference: number, id: string): void {
    this.#attach(reference, this.#resolve(this.#records.logOf(this.owner.at(reference)), digestOf(id as CausalId)))
  }

  /** A retract whose target is another author's: it counts for nothing. */
  isForeignRetract(reference: number): boolean {
    if (this.kind.at(reference) !== KIND_OF_REFERENCE.retract) return false
    const target = this.target.at(reference)
    return target !== NONE && this.#records.log.at(target) !== this.#records.log.at(this.owner.at(reference))
  }

  detach(reference: number): void {
    const target = this.target.at(reference)
    if (this.isForeignRetract(reference)) this.foreignRetracts--
    const id = this.#missing.get(reference)
    if (target !== NONE) {
      const heads = this.#headsOf(reference)
      heads.set(target, this.#without(heads.at(target), reference))
    } else if (id !== undefined) {
      const head = this.#without(this.#waiting.get(id) as number, reference)
      if (head === NONE) this.#waiting.delete(id)
      else this.#waiting.set(id, head)
      this.#missing.delete(reference)
    }
    this.target.set(reference, NONE)
  }

  /** The list that starts at `head`, newest first. */
  *#list(head: number): Generator<number> {
    for (let reference = head; reference !== NONE; reference = this.next.at(reference)) yield reference
  }

  /** The record behind an id as this author uses it, or the id while it is missing. */
  #resolve(log: LogRow, id: Uint8Array): number | string {
    if (log.aliases.size === 0) {
      const record = this.#records.ids.find(id)
      return record === NONE ? toHex(id) : record
    }
    const now = currentName(log, toHex(id))
    const record = this.#records.find(now as CausalId)
    return record === NONE ? now : record
  }

  #attach(reference: number, target: number | string): void {
    if (typeof target === 'string') {
      this.next.set(reference, this.#waiting.get(target) ?? NONE)
      this.#waiting.set(target, reference)
      this.#missing.set(reference, target)
    } else {
      const heads = this.#headsOf(reference)
      this.next.set(reference, heads.at(target))
      heads.set(target, reference)
      this.target.set(reference, target)
      if (this.isForeignRetract(reference)) this.foreignRetracts++
    }
  }

  #headsOf(reference: number): Column<Uint32Array> {
    const kind = this.kind.at(reference)
    if (kind === KIND_OF_REFERENCE.vector) return this.#records.vectors
    return kind <= KIND_OF_REFERENCE.to ? this.#records.links : this.#records.claims
  }

  /** The head of the list without one of its references. */
  #without(head: number, reference: number): number {
    if (head === reference) return this.next.at(reference)
    let before = head
    while (this.next.at(before) !== reference) before = this.next.at(before)
    this.next.set(before, this.next.at(reference))
    return head
  }

  /** What a snapshot keeps, besides `missing`. */
  get columns(): readonly Column<Numbers>[] {
    return [this.owner, this.target, this.kind, this.value, this.next]
  }

  /** Lines up again what waits, once the columns are loaded. */
  reindex(waiting: readonly number[], awaited: readonly string[]): void {
    this.#waiting.clear()
    this.#missing.clear()
    for (const [i, reference] of waiting.entries()) this.#attach(reference, awaited[i] as string)
  }
}

/** What an author means by an id: the end of the chain of his aliases. */
export function currentName(log: LogRow, id: string): string {
  let now = id
  for (let next = log.aliases.get(now); next !== undefined; next = log.aliases.get(now)) now = next
  return now
}
