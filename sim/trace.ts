import { concatBytes, EMPTY, toHex } from '../base/bytes.ts'
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

  /** @param kind and @param bytes are folded into 32 bits each: 16 bytes an event, hashed 256 at a time */
  add(nowUs: number, kind: Uint8Array, bytes: Uint8Array): void {
    if (this.#at === this.#buffer.length) this.#flush()
    this.#view.setFloat64(this.#at, nowUs)
    this.#view.setUint32(this.#at + 8, suite.crc32(kind))
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
