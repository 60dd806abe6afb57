import { assert } from '../base/assert.ts'
import type { LogId } from '../base/ids.ts'

/** Where a record's entry stands in the journal. */
export interface Place {
  readonly segment: number
  readonly offset: number
  readonly length: number
}

/** The top bit of a length says that the body is erased; an entry is far shorter than 2 GiB. */
const ERASED = 0x80000000

/** Where every record stands, and whether its body still does: 12 bytes each, so that no index is needed to find one. */
export class Places {
  #logs: Map<LogId, Column> = new Map()

  add(log: LogId, seq: number, place: Place, isErased: boolean): void {
    let column = this.#logs.get(log)
    if (column === undefined) {
      column = { size: 0, words: new Uint32Array(3 * 16) }
      this.#logs.set(log, column)
    }
    assert(seq === column.size, `place of record ${seq} after ${column.size}`)
    if (3 * seq === column.words.length) {
      const grown = new Uint32Array(column.words.length * 2)
      grown.set(column.words)
      column.words = grown
    }
    column.words[3 * seq] = place.segment
    column.words[3 * seq + 1] = place.offset
    column.words[3 * seq + 2] = isErased ? place.length + ERASED : place.length
    column.size++
  }

  at(log: LogId, seq: number): Place {
    const column = this.#logs.get(log)
    assert(column !== undefined && seq < column.size, `no place for record ${seq} of ${log}`)
    const [segment, offset, length] = column.words.subarray(3 * seq, 3 * seq + 3) as unknown as [number, number, number]
    return { segment, offset, length: length % ERASED }
  }

  isErased(log: LogId, seq: number): boolean {
    const column = this.#logs.get(log)
    return column !== undefined && seq < column.size && (column.words[3 * seq + 2] as number) >= ERASED
  }

  erase(log: LogId, seq: number): void {
    const column = this.#logs.get(log)
    if (column === undefined || seq >= column.size || this.isErased(log, seq)) return
    column.words[3 * seq + 2] = (column.words[3 * seq + 2] as number) + ERASED
  }

  size(log: LogId): number {
    return this.#logs.get(log)?.size ?? 0
  }

  truncate(log: LogId, size: number): void {
    const column = this.#logs.get(log)
    if (column !== undefined) column.size = Math.min(column.size, size)
  }
}

interface Column {
  size: number
  words: Uint32Array
}
