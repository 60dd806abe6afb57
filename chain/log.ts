import { assert } from '../base/assert.ts'
import { HLC_ZERO, type Hlc } from '../base/hlc.ts'
import { digestOf, keyOf } from '../base/ids.ts'
import type { SignedCheckpoint } from './checkpoint.ts'
import type { Conflict } from './conflict.ts'
import type { Cover } from './cover.ts'
import { FIRST_PREV, type LogIdentity } from './record.ts'
import { type Beyond, beyondOf, MerkleTree } from './tree.ts'

/**
 * What a node knows of one log, its own or a replica: everything but the records themselves,
 * which stay in the journal. 74 bytes per record: two tree hashes on average and the clock.
 *
 * Three sizes, each at most the one before:
 *   size        records appended or verified, perhaps still on their way to the disk
 *   durable     records in a synced commit
 *   published   records that a durable checkpoint of the author vouches for: what peers are told and sent
 */
export class Log {
  readonly identity: LogIdentity
  readonly idBytes: Uint8Array
  /** The author's key in use; the first key until rotation. */
  readonly key: Uint8Array
  readonly tree: MerkleTree = new MerkleTree()
  /** The newest durable one. */
  cover: Cover | undefined
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
    return this.cover?.held ?? 0
  }

  /** Vouches for what is published, and may reach further. */
  get checkpoint(): SignedCheckpoint | undefined {
    return this.cover?.checkpoint
  }

  /** Records that the author has signed and that are missing here. */
  get missing(): number {
    return this.cover === undefined ? 0 : this.cover.checkpoint.size - this.cover.held
  }

  /** The first `size` records, which are published, as the checkpoint speaks of them: a consistency proof. */
  provePrefix(size: number): Uint8Array[] {
    const { checkpoint, beyond } = this.#proved()
    return this.tree.consistencyProof(size, checkpoint.size, beyond)
  }

  /** Record `seq`, which is published, as the checkpoint speaks of it: an inclusion proof. */
  proveRecord(seq: number): Uint8Array[] {
    const { checkpoint, beyond } = this.#proved()
    return this.tree.inclusionProof(seq, checkpoint.size, beyond)
  }

  #proved(): { readonly checkpoint: SignedCheckpoint; readonly beyond: Beyond } {
    const { cover } = this
    assert(cover !== undefined, 'nothing is proved of a log that is not published')
    return { checkpoint: cover.checkpoint, beyond: beyondOf(cover.held, cover.checkpoint.size, cover.proof) }
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
