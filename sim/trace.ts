import { concatBytes, EMPTY, toHex, utf8 } from '../base/bytes.ts'
import { hash } from '../base/crypto/hash.ts'
import { suite } from '../base/crypto/suite.ts'

/**
 * One number for a whole run: everything that arrived and everything that was logged, with
 * its virtual time, in order. Two runs are the same exactly if their hashes are.
 */
export class Trace {
  #digest: Uint8Array = EMPTY
  #buffer: Uint8Array = new Uint8Array(4096)
  #view: DataView = new DataView(this.#buffer.buffer)
  #at = 0
  #events = 0

  get events(): number {
    return this.#events
  }

  /** @param code of `traceCodeOf`; with 32 bits of `bytes` an event takes 16 bytes, and 256 are hashed at a time */
  add(nowUs: number, code: number, bytes: Uint8Array): void {
    if (this.#at === this.#buffer.length) this.#flush()
    this.#view.setFloat64(this.#at, nowUs)
    this.#view.setUint32(this.#at + 8, code)
    this.#view.setUint32(this.#at + 12, suite.crc32(bytes))
    this.#at += 16
    this.#events++
  }

  get hash(): string {
    this.#flush()
    return toHex(this.#digest)
  }

  #flush(): void {
    if (this.#at === 0) return
    this.#digest = hash('content', concatBytes(this.#digest, this.#buffer.subarray(0, this.#at)))
    this.#at = 0
  }
}

/** What an event of this kind is called in a trace. */
export function traceCodeOf(kind: string): number {
  return suite.crc32(utf8(kind))
}
