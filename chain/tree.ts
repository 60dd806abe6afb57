import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import { hash } from '../base/crypto/hash.ts'

/**
 * The Merkle tree of a log, in the shape of RFC 9162 section 2.1: a node over n leaves splits
 * at the largest power of two below n. Leaves are record hashes, so they are not hashed again.
 *
 * All complete subtrees are kept, 64 bytes per leaf, so roots and proofs of any earlier size
 * cost O(log n) hashes. Appending costs one hash on average.
 */
export class MerkleTree {
  /** levels[h] holds the roots of the complete subtrees of 2^h leaves, 32 bytes each, from the left. */
  #levels: Uint8Array[] = [new Uint8Array(32 * 16)]
  #size = 0

  get size(): number {
    return this.#size
  }

  append(leaf: Uint8Array): void {
    this.#put(0, this.#size, leaf)
    this.#size++
    for (let height = 1, index = this.#size - 1; index % 2 === 1; height++) {
      index = (index - 1) / 2
      this.#put(height, index, hash('node', this.#pair(height - 1, 2 * index)))
    }
  }

  /** Forgets the leaves from `size` on. */
  truncate(size: number): void {
    assert(size >= 0 && size <= this.#size, `truncate to ${size} of ${this.#size}`)
    this.#size = size
  }

  leaf(index: number): Uint8Array {
    assert(index >= 0 && index < this.#size, `leaf ${index} of ${this.#size}`)
    return this.#at(0, index).slice()
  }

  /** Root of the first `size` leaves. */
  root(size: number = this.#size): Uint8Array {
    assert(size >= 0 && size <= this.#size, `root of ${size} of ${this.#size}`)
    return size === 0 ? EMPTY_ROOT : this.#range(0, size, { held: size, nodes: NO_NODES })
  }

  /**
   * The siblings on the way from leaf `index` to the root of the first `size` leaves, lowest first.
   *
   * @param beyond what is known of a tree of `size` leaves of which this one has only the first
   */
  inclusionProof(index: number, size: number, beyond: Beyond = { held: size, nodes: NO_NODES }): Uint8Array[] {
    const { held } = beyond
    assert(index >= 0 && index < held && held <= size && held <= this.#size, `inclusion of ${index} in ${held} of ${this.#size}`)
    const proof: Uint8Array[] = []
    let first = 0
    let end = size
    while (end - first > 1) {
      const middle = first + splitOf(end - first)
      if (index < middle) {
        proof.push(this.#range(middle, end, beyond).slice())
        end = middle
      } else {
        proof.push(this.#range(first, middle, beyond).slice())
        first = middle
      }
    }
    return proof.reverse()
  }

  /**
   * Proof that the first `older` leaves are a prefix of the first `newer`; 1 <= older <= newer.
   *
   * @param beyond what is known of a tree of `newer` leaves of which this one has only the first
   */
  consistencyProof(older: number, newer: number, beyond: Beyond = { held: newer, nodes: NO_NODES }): Uint8Array[] {
    const { held } = beyond
    assert(older >= 1 && older <= held && held <= newer && held <= this.#size, `consistency of ${older} in ${held} of ${this.#size}`)
    const proof: Uint8Array[] = []
    let first = 0
    let end = newer
    let whole = true
    while (older !== end) {
      const middle = first + splitOf(end - first)
      if (older <= middle) {
        proof.push(this.#range(middle, end, beyond).slice())
        end = middle
      } else {
        proof.push(this.#range(first, middle, beyond).slice())
        first = middle
        whole = false
      }
    }
    if (!whole) proof.push(this.#range(first, end, beyond).slice())
    return proof.reverse()
  }

  /** Hash over the leaves from `first` to `end`, an aligned range of the tree's shape; `beyond` knows those that are not here. */
  #range(first: number, end: number, beyond: Beyond): Uint8Array {
    const known = beyond.nodes.get(first)
    if (known !== undefined) return known
    const count = end - first
    if (end <= beyond.held && isPowerOfTwo(count)) return this.#at(heightOf(count), first / count)
    const middle = first + splitOf(count)
    return hash('node', this.#range(first, middle, beyond), this.#range(middle, end, beyond))
  }

  #at(height: number, index: number): Uint8Array {
    return (this.#levels[height] as Uint8Array).subarray(32 * index, 32 * index + 32)
  }

  /** Two neighbours, as their parent hashes them. */
  #pair(height: number, index: number): Uint8Array {
    return (this.#levels[height] as Uint8Array).subarray(32 * index, 32 * index + 64)
  }

  #put(height: number, index: number, digest: Uint8Array): void {
    let level = this.#levels[height]
    if (level === undefined) {
      level = new Uint8Array(32 * 16)
      this.#levels.push(level)
    }
    if (32 * index >= level.length) {
      const grown = new Uint8Array(level.length * 2)
      grown.set(level)
      this.#levels[height] = grown
      level = grown
    }
    level.set(digest, 32 * index)
  }
}

export const EMPTY_ROOT: Uint8Array = hash('empty')

/**
 * What the proof of a prefix says of the leaves behind it: the nodes right of the way down to its end. Together with the prefix they
 * make every node on the way to any of its leaves, so whoever has a prefix and its proof can prove each part of it too.
 */
export interface Beyond {
  /** Leaves of the prefix. */
  readonly held: number
  /** Each by its first leaf. */
  readonly nodes: ReadonlyMap<number, Uint8Array>
}

const NO_NODES: ReadonlyMap<number, Uint8Array> = new Map()

/** @param proof consistency of the first `held` leaves with `size`, verified */
export function beyondOf(held: number, size: number, proof: readonly Uint8Array[]): Beyond {
  const nodes = new Map<number, Uint8Array>()
  let first = 0
  let end = size
  // The last hash is the highest: left siblings are nodes of the prefix itself, the others are those looked for.
  for (let at = proof.length - 1; end !== held; at--) {
    const middle = first + splitOf(end - first)
    if (held <= middle) {
      nodes.set(middle, proof[at] as Uint8Array)
      end = middle
    } else {
      first = middle
    }
  }
  return { held, nodes }
}

/** The largest power of two below `count`, which is 2 or more. Counted, as logarithms of large numbers are rounded. */
function splitOf(count: number): number {
  let split = 1
  while (2 * split < count) split *= 2
  return split
}

function isPowerOfTwo(count: number): boolean {
  return count === 1 || 2 * splitOf(count) === count
}

/** The logarithm of a power of two. */
function heightOf(count: number): number {
  let height = 0
  for (let power = 1; power < count; power *= 2) height++
  return height
}

/** RFC 9162 section 2.1.3.2. */
export function verifyInclusion(leaf: Uint8Array, index: number, size: number, proof: readonly Uint8Array[], root: Uint8Array): boolean {
  if (index >= size) return false
  let node = index
  let last = size - 1
  let digest = leaf
  for (const sibling of proof) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      digest = hash('node', sibling, digest)
      while (node % 2 === 0 && node !== 0) {
        node = node / 2
        last = Math.floor(last / 2)
      }
    } else {
      digest = hash('node', digest, sibling)
    }
    node = Math.floor(node / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && equalBytes(digest, root)
}

/** RFC 9162 section 2.1.4.2: the tree of `older` leaves with `olderRoot` is a prefix of the newer one. */
export function verifyConsistency(
  older: number,
  olderRoot: Uint8Array,
  newer: number,
  newerRoot: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (older < 1 || older > newer) return false
  if (older === newer) return proof.length === 0 && equalBytes(olderRoot, newerRoot)
  const path = isPowerOfTwo(older) ? [olderRoot, ...proof] : [...proof]
  const start = path.shift()
  if (start === undefined) return false
  let node = older - 1
  let last = newer - 1
  while (node % 2 === 1) {
    node = (node - 1) / 2
    last = Math.floor(last / 2)
  }
  let fromOlder = start
  let fromNewer = start
  for (const sibling of path) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      fromOlder = hash('node', sibling, fromOlder)
      fromNewer = hash('node', sibling, fromNewer)
      while (node % 2 === 0 && node !== 0) {
        node = node / 2
        last = Math.floor(last / 2)
      }
    } else {
      fromNewer = hash('node', fromNewer, sibling)
    }
    node = Math.floor(node / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && equalBytes(fromOlder, olderRoot) && equalBytes(fromNewer, newerRoot)
}
