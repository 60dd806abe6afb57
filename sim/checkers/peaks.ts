import { fromHex } from '../../base/bytes.ts'
import { hash } from '../../base/crypto/hash.ts'

/**
 * The root of a log by the judges' own arithmetic: the complete subtrees of RFC 9162 from the left, each twice as
 * large as the next or more, joined from the right.
 */
export class Peaks {
  #size = 0
  readonly #peaks: Uint8Array[] = []

  get size(): number {
    return this.#size
  }

  /** @param leaf 64 hex */
  add(leaf: string): void {
    let peak = fromHex(leaf)
    for (let rest = this.#size++; rest % 2 === 1; rest = (rest - 1) / 2) peak = hash('node', this.#peaks.pop() as Uint8Array, peak)
    this.#peaks.push(peak)
  }

  get root(): Uint8Array {
    return this.#peaks.length === 0 ? hash('empty') : this.#peaks.reduceRight((right, left) => hash('node', left, right))
  }
}
