import { assert } from '../base/assert.ts'
import { HLC_ZERO, type Hlc } from '../base/hlc.ts'
import { digestOf, keyOf } from '../base/ids.ts'
import type { SignedCheckpoint } from './checkpoint.ts'
import type { Conflict } from './conflict.ts'
import { FIRST_PREV, type LogIdentity } from './record.ts'
import { MerkleTree } from './tree.ts'

/**
 * What a node knows of one log, its own or a replica: everything but the records themselves,
 * which stay in the journal. 74 bytes per record: two tree hashes on average and the clock.
 *
 * Three sizes, each at most the one before:
 *   size        records appended or verified, perhaps still on their way to the disk
 *   durable     records in a synced commit
 *   published   records below a durable checkpoint: what peers are told and sent
 */
export class Log {
  readonly identity: LogIdentity
  readonly idBytes: Uint8Array
  /** The author's key in use; the first key until rotation. */
  readonly key: Uint8Array
  readonly tree: MerkleTree = new MerkleTree()
  /** The newest durable checkpoint whose records are all held. */
  checkpoint: SignedCheckpoint | undefined
  durable = 0
  /** Two divergent histories were seen: nothing more of this log is taken in. */
  conflict: Conflict | undefined
  #ms: Float64Array = new Float64Array(16)
  #counters: Uint16Array = new Uint16Array(16)
  #head: Uint8Array = FIRST_PREV

  constructor(identity: LogIdentity) {
    this.identity = identity
    this.idBytes = digestOf(identity.id)
    this.key = keyOf(identity.author)
  }

  get size(): number {
    return this.tree.size
  }

  get published(): number {
    return this.checkpoint?.size ?? 0
  }

  /** Leaf of the newest record: the `prev` of the next one. */
  get head(): Uint8Array {
    return this.#head
  }

  hlcAt(seq: number): Hlc {
    assert(seq < this.size, `hlc of ${seq} in ${this.size}`)
    return { ms: this.#ms[seq] as number, counter: this.#counters[seq] as number }
  }

  /** Time of the newest record, zero for an empty log. */
  get headHlc(): Hlc {
    return this.size === 0 ? HLC_ZERO : this.hlcAt(this.size - 1)
  }

  append(leaf: Uint8Array, hlc: Hlc): void {
    const seq = this.size
    if (seq === this.#ms.length) {
      this.#ms = grown(this.#ms, new Float64Array(seq * 2))
      this.#counters = grown(this.#counters, new Uint16Array(seq * 2))
    }
    this.#ms[seq] = hlc.ms
    this.#counters[seq] = hlc.counter
    this.tree.append(leaf)
    this.#head = leaf
  }

  /** Forgets the records from `size` on: a commit failed, or a peer knows this log better. */
  truncate(size: number): void {
    assert(size >= this.published, `truncate to ${size} below the published ${this.published}`)
    this.tree.truncate(size)
    this.durable = Math.min(this.durable, size)
    this.#head = size === 0 ? FIRST_PREV : this.tree.leaf(size - 1)
  }
}

function grown<T extends Float64Array | Uint16Array>(from: T, to: T): T {
  to.set(from)
  return to
}
