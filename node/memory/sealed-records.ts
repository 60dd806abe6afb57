import { fromHex, toHex } from '../../base/bytes.ts'
import { digestOf, type LogId, logIdOf } from '../../base/ids.ts'
import { bytes, list, type Shape, tuple, uint } from '../../base/shape.ts'
import type { Ref } from '../../ecc/record-table.ts'

/** Records whose body this node cannot open, by the key that each waits for. What is erased waits for none. */
export class SealedRecords {
  /** By key, then by log: places. */
  readonly #waiting: Map<string, Map<LogId, Set<number>>> = new Map()

  constructor(saved: readonly SavedSealed[] = []) {
    for (const [key, log, seqs] of saved) this.#logsOf(toHex(key)).set(logIdOf(log), new Set(seqs))
  }

  get count(): number {
    let count = 0
    for (const logs of this.#waiting.values()) for (const seqs of logs.values()) count += seqs.size
    return count
  }

  /** Names of the keys that records wait for. */
  get keys(): readonly string[] {
    return [...this.#waiting.keys()]
  }

  add(key: string, { log, seq }: Ref): void {
    const logs = this.#logsOf(key)
    const seqs = logs.get(log)
    if (seqs === undefined) logs.set(log, new Set([seq]))
    else seqs.add(seq)
  }

  /** It was erased: there is nothing to open any more. */
  remove({ log, seq }: Ref): void {
    for (const [key, logs] of this.#waiting) {
      if (logs.get(log)?.delete(seq) !== true) continue
      if (logs.get(log)?.size === 0) logs.delete(log)
      if (logs.size === 0) this.#waiting.delete(key)
      return
    }
  }

  clear(): void {
    this.#waiting.clear()
  }

  saved(): readonly SavedSealed[] {
    return [...this.#waiting].flatMap(([key, logs]) =>
      [...logs].map(([log, seqs]): SavedSealed => [fromHex(key), digestOf(log), [...seqs]]),
    )
  }

  #logsOf(key: string): Map<LogId, Set<number>> {
    let logs = this.#waiting.get(key)
    if (logs === undefined) {
      logs = new Map()
      this.#waiting.set(key, logs)
    }
    return logs
  }
}

/** `[key name, log, seqs]`, as it stands in a saved memory. */
export type SavedSealed = readonly [key: Uint8Array, log: Uint8Array, seqs: readonly number[]]

export const savedSealedShape: Shape<SavedSealed> = tuple(bytes(16), bytes(32), list(uint(), Infinity))
