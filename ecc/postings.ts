import { Column } from './column.ts'

/** Cells of a list's first slice; each later one is twice as long, up to SLICE_MAX. Most terms occur once or twice. */
const SLICE_FIRST = 3
const SLICE_MAX = 1024

/**
 * Many lists of numbers that only grow, in one array (the in-memory postings of Lucene): a list is
 * a chain of slices, each ending in the index of the next. A list of one number costs 28 bytes.
 */
export class Postings {
  readonly #cells: Column<Uint32Array> = new Column(Uint32Array)
  /** By list: its first cell, the cell to write next, the cells left in the last slice, its length. */
  readonly #first: Column<Uint32Array> = new Column(Uint32Array)
  readonly #at: Column<Uint32Array> = new Column(Uint32Array)
  readonly #room: Column<Uint32Array> = new Column(Uint32Array)
  readonly #length: Column<Uint32Array> = new Column(Uint32Array)

  /** Lists so far; the next one gets this number. */
  get size(): number {
    return this.#first.length
  }

  open(): number {
    const cells = this.#cells.extend(SLICE_FIRST)
    this.#first.push(cells)
    this.#at.push(cells)
    this.#room.push(SLICE_FIRST - 1)
    return this.#length.push(0)
  }

  lengthOf(list: number): number {
    return this.#length.at(list)
  }

  push(list: number, value: number): void {
    const length = this.#length.at(list)
    if (this.#room.at(list) === 0) this.#extend(list, length)
    const at = this.#at.at(list)
    this.#cells.set(at, value)
    this.#at.set(list, at + 1)
    this.#room.set(list, this.#room.at(list) - 1)
    this.#length.set(list, length + 1)
  }

  /** Copies the list. @param into has room for `lengthOf(list)` values */
  read(list: number, into: Uint32Array): void {
    const cells = this.#cells.data
    const length = this.#length.at(list)
    let from = this.#first.at(list)
    let at = 0
    for (let size = SLICE_FIRST; at < length; size = nextSize(size)) {
      const end = from + Math.min(length - at, size - 1)
      for (let cell = from; cell < end; cell++) into[at++] = cells[cell] as number
      if (at < length) from = cells[end] as number
    }
  }

  /** Shows the values of a list, first to last, until `wanted` says that it has enough. */
  visit(list: number, wanted: (value: number) => boolean): void {
    const cells = this.#cells.data
    let left = this.#length.at(list)
    let from = this.#first.at(list)
    for (let size = SLICE_FIRST; left > 0; size = nextSize(size)) {
      const end = from + Math.min(left, size - 1)
      for (let cell = from; cell < end; cell++) if (!wanted(cells[cell] as number)) return
      left -= end - from
      if (left > 0) from = cells[end] as number
    }
  }

  /** The last cell of the full slice, where writing stopped, comes to name the next slice. */
  #extend(list: number, length: number): void {
    let size = SLICE_FIRST
    for (let held = size - 1; held < length; held += size - 1) size = nextSize(size)
    size = nextSize(size)
    const next = this.#cells.extend(size)
    this.#cells.set(this.#at.at(list), next)
    this.#at.set(list, next)
    this.#room.set(list, size - 1)
  }

  /** What a snapshot keeps. */
  get columns(): readonly Column<Uint32Array>[] {
    return [this.#cells, this.#first, this.#at, this.#room, this.#length]
  }
}

function nextSize(size: number): number {
  return Math.min(SLICE_MAX, size * 2)
}
