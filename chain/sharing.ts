import { CLUSTER, type LogId, type NodeId, type Stream } from '../base/ids.ts'
import type { Chain } from './chain.ts'
import { streamDigests, type Summary } from './digest.ts'
import type { Log } from './log.ts'
import type { StreamDigest } from './messages.ts'
import type { LogIdentity } from './record.ts'
import type { SyncPeer } from './sync-peer.ts'

/** Which logs are for whom, as far as has been decided. */
export interface Access {
  /** Another number whenever any answer may be another one. */
  readonly revision: number
  /** Some stream is not for everybody. */
  readonly hasClosed: boolean
  /** True when a stream is for everybody, as most are. */
  isOpen(stream: Stream): boolean
  /** Whether this node and a peer may have a log in common. */
  isFor(peer: NodeId, log: LogIdentity): boolean
}

/** Everything is for everybody. */
export const OPEN: Access = { revision: 0, hasClosed: false, isOpen: () => true, isFor: () => true }

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
    if (this.#access.isOpen(identity.stream)) return 'shared'
    if (!this.#access.isFor(peer.id, identity)) return 'barred'
    return identity.author === peer.id || this.isInformed(peer) ? 'shared' : 'later'
  }

  isShared(peer: SyncPeer, log: Log): boolean {
    return this.of(peer, log) === 'shared'
  }

  /** Something is not for everybody. */
  get hasClosed(): boolean {
    return this.#access.hasClosed
  }

  /** Logs that are not for everybody. */
  get closed(): readonly Log[] {
    return [...this.#chain.logs.values()].filter(({ identity }) => !this.#access.isOpen(identity.stream))
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
    if (!this.#access.hasClosed) return this.#summary
    const shared = this.closed.filter(log => log.published > 0 && this.isShared(peer, log))
    const key = `${this.#chain.revision} ${this.#access.revision} ${shared.map(({ identity }) => identity.id).join()}`
    if (peer.view?.key === key) return peer.view.told
    const { digests, published } = this.#summary
    const isOpen = (log: LogId): boolean => this.#access.isOpen((this.#chain.log(log) as Log).identity.stream)
    const told: Told = {
      digests: [...digests.filter(({ stream }) => this.#access.isOpen(stream)), ...streamDigests(shared)],
      published: new Map([
        ...[...published].filter(([log]) => isOpen(log)),
        ...shared.map(({ identity, published: size }): [LogId, number] => [identity.id, size]),
      ]),
    }
    peer.view = { key, told }
    return told
  }

  /** Logs of which this peer is told. */
  logsFor(peer: SyncPeer): readonly Log[] {
    const logs = [...this.#chain.logs.values()]
    return this.#access.hasClosed ? logs.filter(log => this.isShared(peer, log)) : logs
  }
}
