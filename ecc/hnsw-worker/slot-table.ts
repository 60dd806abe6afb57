/** What becomes of a slot. Gone: erased, replaced, not listed by the fold. */
export const STATE = { gone: 0, live: 1, retired: 2 } as const
export type State = (typeof STATE)[keyof typeof STATE]

/** Rows that have a state, and the two halves of the number that the rows file drew when it was made. */
const HEADER = 4
const COUNT = 0
const GENERATION = 1

/**
 * For each row of an index its label and its state, 5 bytes in shared memory: when the thread that owns the index dies, the next one goes on with it.
 */
export class SlotTable {
  readonly shared: SharedArrayBuffer
  readonly #header: Uint32Array
  readonly #labels: Uint32Array
  readonly #states: Uint8Array
  readonly capacity: number

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared
    this.capacity = Math.floor((shared.byteLength - 4 * HEADER) / 5)
    this.#header = new Uint32Array(shared, 0, HEADER)
    this.#labels = new Uint32Array(shared, 4 * HEADER, this.capacity)
    this.#states = new Uint8Array(shared, 4 * HEADER + 4 * this.capacity, this.capacity)
  }

  static of(capacity: number, generation: Uint32Array): SlotTable {
    const table = new SlotTable(new SharedArrayBuffer(4 * HEADER + 5 * capacity))
    table.#header.set(generation, GENERATION)
    return table
  }

  /** Of the file whose rows these are. */
  get generation(): Uint32Array {
    return this.#header.slice(GENERATION, GENERATION + 2)
  }

  get count(): number {
    return this.#header[COUNT] as number
  }

  labelOf(slot: number): number {
    return this.#labels[slot] as number
  }

  stateOf(slot: number): State {
    return this.#states[slot] as State
  }

  set(slot: number, state: State): void {
    this.#states[slot] = state
  }

  /** Gives a slot that is gone to a label. */
  label(slot: number, label: number): void {
    this.#labels[slot] = label
  }

  /** There is room: see `capacity`. Counted last, so that a thread that dies in between leaves no slot half made. */
  push(label: number, state: State): void {
    const slot = this.count
    this.#labels[slot] = label
    this.#states[slot] = state
    this.#header[COUNT] = slot + 1
  }

  /** A copy with more room. */
  grown(capacity: number): SlotTable {
    const table = SlotTable.of(capacity, this.generation)
    table.#labels.set(this.#labels)
    table.#states.set(this.#states)
    table.#header[COUNT] = this.count
    return table
  }
}
