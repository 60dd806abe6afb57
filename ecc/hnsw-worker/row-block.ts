import type { RowFile } from './row-file.ts'

/** 64 rows are read at once to be put into the graph. */
export const BLOCK_ROWS = 64

/** Rows on their way into a graph: read by the block, taken one by one, since others come between. */
export class RowBlock {
  readonly #rows: RowFile
  readonly #slots: readonly number[]
  readonly #vectors: Float32Array
  #at = 0

  /** @param slots going up */
  constructor(rows: RowFile, slots: readonly number[]) {
    const { dims } = rows
    this.#rows = rows
    this.#slots = slots
    this.#vectors = new Float32Array(slots.length * dims)
    let at = 0
    rows.scan(slots, (_, numbers, from) => this.#vectors.set(numbers.subarray(from, from + dims), dims * at++))
  }

  /** Undefined at its end. */
  take(): { readonly slot: number; readonly vector: Float32Array } | undefined {
    const { dims } = this.#rows
    const at = this.#at++
    const slot = this.#slots[at]
    return slot === undefined ? undefined : { slot, vector: this.#vectors.subarray(at * dims, (at + 1) * dims) }
  }
}
