import { CLUSTER, type LogId, type NodeId, spaceOf, type Stream } from '../base/ids.ts'
import type { Chain } from './chain.ts'
import { streamDigests, type Summary } from './digest.ts'
import type { Log } from './log.ts'
import type { StreamDigest } from './messages.ts'
import type { LogIdentity } from './record.ts'
import type { SyncPeer } from './sync-peer.ts'

/** Streams that a node keeps a copy of: these alone, or all but these. Streams without a space are always among them. */
export interface Takes {
  readonly isExcept: boolean
  readonly streams: ReadonlySet<Stream>
}

export function takes(what: Takes | undefined, stream: Stream): boolean {
  return what === undefined || spaceOf(stream) === undefined || what.streams.has(stream) !== what.isExcept
}

/** Which logs are for whom, as far as has been decided. */
export interface Access {
  /** Another number whenever any answer may be another one. */
  readonly revision: number
  /** Some stream is not for everybody. */
  readonly hasClosed: boolean
  /** Some stream is for those with a right to it alone. */
  readonly hasSecret: boolean
  isSecret(stream: Stream): boolean
  /** What this node keeps a copy of; undefined for everything. */
  readonly takes: Takes | undefined
  /** True when a stream is for everybody, as most are. */
  isOpen(stream: Stream): boolean
  /** Whether this node and a peer may have a log in common. */
  isFor(peer: NodeId, log: LogIdentity): boolean
}

/** Everything is for everybody. */
export const OPEN: Access = {
  revision: 0,
  hasClosed: false,
  hasSecret: false,
  takes: undefined,
  isSecret: () => false,
  isOpen: () => true,
  isFor: () => true,
}

/** What is said of logs to one peer, and what is thought to be the same there. */
export interface Told {
  readonly digests: readonly StreamDigest[]
  readonly published: ReadonlyMap<LogId, number>
}

/**
 * What is shared with which peer. Of a log that is not for a peer, or not for this node, nothing is told and nothing is
 * sent; only authors hear of their own logs whatever was decided. And membership travels first: a log that is not for
 * everybody goes to a peer that holds all `cluster` records held here. So whoever holds a record of such a log knows what
 * its author knew when it was written, and passes it on to nobody who had lost the right by then.
 */
export class Sharing {
  readonly #chain: Chain
  readonly #access: Access
  readonly #summary: Summary
  /** The `cluster` logs among so many logs. */
  #membership: { readonly of: number; readonly logs: readonly Log[] } = { of: -1, logs: [] }

  constructor(chain: Chain, access: Access, summary: Summary) {
    this.#chain = chain
    this.#access = access
    this.#summary = summary
  }

  /** `later`: once the peer knows as much about membership as this node. */
  of(peer: SyncPeer, { identity }: Log): 'shared' | 'later' | 'barred' {
    const { author, stream } = identity
    if (author !== peer.id && !takes(peer.takes, stream)) return 'barred'
    if (this.#access.isOpen(stream)) return 'shared'
    if (!this.#access.isFor(peer.id, identity)) return 'barred'
    return author === peer.id || !this.#access.isSecret(stream) || this.isInformed(peer) ? 'shared' : 'later'
  }

  isShared(peer: SyncPeer, log: Log): boolean {
    return this.of(peer, log) === 'shared'
  }

  /** Something is for those with a right to it alone. */
  get hasSecret(): boolean {
    return this.#access.hasSecret
  }

  /** Logs for those with a right to them alone. */
  get secret(): readonly Log[] {
    return [...this.#chain.logs.values()].filter(({ identity }) => this.#access.isSecret(identity.stream))
  }

  /** Whether this node keeps a copy of a stream. */
  follows(stream: Stream): boolean {
    return takes(this.#access.takes, stream)
  }

  /** The peer holds every record about membership that this node holds. */
  isInformed(peer: SyncPeer): boolean {
    if (this.#membership.of !== this.#chain.logs.size) {
      const logs = [...this.#chain.logs.values()].filter(({ identity }) => identity.stream === CLUSTER)
      this.#membership = { of: this.#chain.logs.size, logs }
    }
    return this.#membership.logs.every(
      ({ identity: { id, author }, durable, conflict }) =>
        author === peer.id || conflict !== undefined || (peer.theirs.get(id) ?? 0) >= durable,
    )
  }

  /** What this peer is told of all logs: the same object until it would be another. */
  told(peer: SyncPeer): Told {
    if (this.#isAllFor(peer)) return this.#summary
    const key = `${this.#chain.revision} ${this.#access.revision} ${this.isInformed(peer)}`
    if (peer.view?.key === key) return peer.view.told
    const shared = this.logsFor(peer).filter(log => log.published > 0)
    const told: Told = {
      digests: streamDigests(shared),
      published: new Map(shared.map(log => [log.identity.id, log.published])),
    }
    peer.view = { key, told }
    return told
  }

  /** Logs of which this peer is told. */
  logsFor(peer: SyncPeer): readonly Log[] {
    const logs = [...this.#chain.logs.values()]
    return this.#isAllFor(peer) ? logs : logs.filter(log => this.isShared(peer, log))
  }

  #isAllFor(peer: SyncPeer): boolean {
    return !this.#access.hasClosed && peer.takes === undefined
  }
}
