import { type NodeId, parseNodeId } from '../base/ids.ts'
import { PEER_ADDRESSES_MAX, PEER_BOOK_MAX } from '../base/limits.ts'

/** Where a node may be reached. */
export interface KnownPeer {
  readonly id: NodeId
  readonly addresses: readonly string[]
}

interface Row {
  addresses: string[]
  seenMs: number
}

/** Printable ASCII, as every address is: 256 characters name the deepest host. */
const ADDRESS = /^[\x21-\x7e]{1,256}$/

/**
 * Where nodes were last reached: kept on disk and bounded. What a node says of itself comes
 * first; what others say of it only fills the room that is left, so nobody can be made unreachable by hearsay.
 * Strangers give way to members, and then the longest unseen.
 */
export class PeerBook {
  readonly #self: NodeId
  readonly #isMember: (id: NodeId) => boolean
  /** The longest unseen first. */
  readonly #rows: Map<NodeId, Row> = new Map()

  constructor(self: NodeId, isMember: (id: NodeId) => boolean = () => true) {
    this.#self = self
    this.#isMember = isMember
  }

  /** @returns true when something new was learnt, so that it is worth saving. */
  learn(id: NodeId, addresses: readonly string[], wallMs: number, source: 'itself' | 'others' = 'others'): boolean {
    const sound = addresses.filter(address => ADDRESS.test(address))
    if (id === this.#self || sound.length === 0) return false
    const row = this.#rows.get(id)
    if (row === undefined) {
      if (this.#rows.size >= PEER_BOOK_MAX && !this.#makeRoomFor(id)) return false
      this.#rows.set(id, { addresses: [...new Set(sound)].slice(0, PEER_ADDRESSES_MAX), seenMs: wallMs })
      return true
    }
    row.seenMs = wallMs
    this.#rows.delete(id)
    this.#rows.set(id, row)
    const inOrder = source === 'itself' ? [...sound, ...row.addresses] : [...row.addresses, ...sound]
    const merged = [...new Set(inOrder)].slice(0, PEER_ADDRESSES_MAX)
    const isNew = merged.length !== row.addresses.length || merged.some((address, i) => address !== row.addresses[i])
    row.addresses = merged
    return isNew
  }

  addressesOf(id: NodeId): readonly string[] {
    return this.#rows.get(id)?.addresses ?? []
  }

  /** By id. */
  get peers(): readonly KnownPeer[] {
    return [...this.#rows].map(([id, { addresses }]) => ({ id, addresses })).sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** @returns false when all are members, and `id` is not */
  #makeRoomFor(id: NodeId): boolean {
    for (const known of this.#rows.keys()) if (!this.#isMember(known)) return this.#rows.delete(known)
    const [oldest] = this.#rows.keys()
    return oldest !== undefined && this.#isMember(id) && this.#rows.delete(oldest)
  }

  toJSON(): Record<string, Row> {
    return Object.fromEntries(this.#rows)
  }

  /** What of a saved book can be read is kept: it is a hint, and never worth failing for. */
  load(saved: unknown): void {
    if (typeof saved !== 'object' || saved === null) return
    for (const [id, row] of Object.entries(saved as Record<string, Partial<Row> | null>)) {
      const node = parseNodeId(id)
      if (node === undefined || !Array.isArray(row?.addresses) || typeof row.seenMs !== 'number') continue
      this.learn(
        node,
        row.addresses.filter(address => typeof address === 'string'),
        row.seenMs,
      )
    }
  }
}
