import type { LogId } from '../../base/ids.ts'
import { TEXT_CACHE_BYTES } from '../../base/limits.ts'
import type { Remember } from '../../ecc/records.ts'
import type { RecordRef } from '../step.ts'

/** Bytes of a memory beyond what it says. */
const ENTRY_BYTES = 300

interface Entry {
  readonly said: Remember
  readonly bytes: number
}

type Entries = Map<LogId, Map<number, Entry>>

/**
 * What was read last, of all spaces of a node: reading it back from the journal takes 35 us each, from here less than one. Of two halves
 * one is filled; when it is full the other one is dropped, but for what was asked for meanwhile.
 */
export class TextCache {
  #young: Entries = new Map()
  #old: Entries = new Map()
  #youngBytes = 0
  /** Counts how often everything was dropped. */
  #era = 0

  get(ref: RecordRef): Remember | undefined {
    const young = this.#young.get(ref.log)?.get(ref.seq)
    if (young !== undefined) return young.said
    const old = this.#old.get(ref.log)?.get(ref.seq)
    if (old !== undefined) this.#set(ref, old)
    return old?.said
  }

  /** To be got before something is read: what is dropped meanwhile does not come back. */
  reader(): { readonly keep: (ref: RecordRef, said: Remember, bytes: number) => void } {
    const era = this.#era
    return {
      keep: (ref, said, bytes) => {
        if (era === this.#era) this.#set(ref, { said, bytes: bytes + ENTRY_BYTES })
      },
    }
  }

  clear(): void {
    this.#era++
    this.#youngBytes = 0
    this.#young = new Map()
    this.#old = new Map()
  }

  #set({ log, seq }: RecordRef, entry: Entry): void {
    if (this.#youngBytes + entry.bytes > TEXT_CACHE_BYTES / 2) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngBytes = 0
    }
    let entries = this.#young.get(log)
    if (entries === undefined) this.#young.set(log, (entries = new Map()))
    if (!entries.has(seq)) this.#youngBytes += entry.bytes
    entries.set(seq, entry)
  }
}
