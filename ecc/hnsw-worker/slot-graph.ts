/** 16 and 100, for both engines: see ecc/hnsw/graph.ts, and bench/RESULTS.md for what 200 would give. */
export const LINKS = 16
export const EF_CONSTRUCTION = 100

/** Slots by similarity, best first, as far as the engine tells: who asks counts again. */
export type Near = readonly { readonly slot: number; readonly score: number }[]

/**
 * A graph over the slots of an index. What is given to it has been checked: vectors of unit length, slots that are integers, `k` and
 * `ef` in their bounds. It belongs to one thread.
 */
export interface SlotGraph {
  /** Slots that were added, also those that are hidden. */
  readonly size: number
  /** In memory, as far as can be told. */
  readonly bytes: number
  has(slot: number): boolean
  /** A slot that it does not have. */
  add(slot: number, vector: Float32Array): void
  /** No longer found, though it leads on to others. Idempotent, as is `show`. */
  hide(slot: number): void
  show(slot: number): void
  /** Hidden for ever, and nothing of its vector is left. */
  wipe(slot: number): void
  /** @param allow slots that may be found, a bit each; all that are not hidden without it */
  search(vector: Float32Array, k: number, ef: number, allow?: Uint8Array): Near
  /** The exact score of a slot that it has, where the engine can tell without the file. */
  scoreOf?(vector: Float32Array, slot: number): number
  /** Those that are hidden, bits by slot. */
  readonly hidden: Bits
  /** Gives its memory back, where no collector knows of it. It is not used again. */
  free?(): void
  /** Writes what `load` of the engine reads. @returns bytes that the file must have at least: not every engine tells when the disk is full */
  save(file: string): number
}

/** Bits by number, that grow. */
export class Bits {
  #bytes: Uint8Array = new Uint8Array(0)
  #count = 0

  static of(bytes: Uint8Array): Bits {
    const bits = new Bits()
    bits.#bytes = bytes.slice()
    for (let byte of bytes) for (; byte !== 0; byte &= byte - 1) bits.#count++
    return bits
  }

  get count(): number {
    return this.#count
  }

  get bytes(): Uint8Array {
    return this.#bytes
  }

  has(number: number): boolean {
    return isSet(this.#bytes, number)
  }

  /** @returns whether that changed it */
  set(number: number, isOn: boolean): boolean {
    if (this.has(number) === isOn) return false
    const at = number >>> 3
    if (at >= this.#bytes.length) {
      const bytes = new Uint8Array(2 * at + 64)
      bytes.set(this.#bytes)
      this.#bytes = bytes
    }
    this.#bytes[at] = (this.#bytes[at] as number) ^ (1 << (number & 7))
    this.#count += isOn ? 1 : -1
    return true
  }
}

/** Beyond the end nothing is set. */
export function isSet(bits: Uint8Array, number: number): boolean {
  return (((bits[number >>> 3] as number) >>> (number & 7)) & 1) === 1
}
