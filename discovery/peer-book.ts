import { type NodeId, parseNodeId } from '../base/ids.ts'
import { PEER_ADDRESSES_MAX, PEER_BOOK_MAX } from '../base/limits.ts'

/** Where nodes were last reached: kept on disk, bounded, the longest unseen give way. */
export interface KnownPeer {
  readonly id: NodeId
  /** Newest first. */
  readonly addresses: readonly string[]
}

interface Row {
  addresses: string[]
  seenMs: number
}

export class PeerBook {
  readonly #self: NodeId
  readonly #rows: Map<NodeId, Row> = new Map()

  constructor(self: NodeId) {
    this.#self = self
  }

  /** @returns true when something new was learnt, so that it is worth saving. */
  learn(id: NodeId, addresses: readonly string[], wallMs: number): boolean {
    if (id === this.#self || addresses.length === 0) return false
    const row = this.#rows.get(id)
    if (row === undefined) {
      if (this.#rows.size >= PEER_BOOK_MAX) this.#forgetOldest()
      this.#rows.set(id, { addresses: addresses.slice(0, PEER_ADDRESSES_MAX), seenMs: wallMs })
      return true
    }
    row.seenMs = wallMs
    const merged = [...new Set([...addresses, ...row.addresses])].slice(0, PEER_ADDRESSES_MAX)
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

  #forgetOldest(): void {
    let oldest: NodeId | undefined
    for (const [id, { seenMs }] of this.#rows) if (oldest === undefined || seenMs < (this.#rows.get(oldest) as Row).seenMs) oldest = id
    if (oldest !== undefined) this.#rows.delete(oldest)
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
      this.learn(node, row.addresses.filter(address => typeof address === 'string' && address.length <= 256), row.seenMs)
    }
  }
}
