import { AUDIT, CLUSTER, DEFAULT_SPACE, type LogId, memoryStream, type NodeId, spaceOf, type Stream } from '../base/ids.ts'
import { SPACE_TOLD_MS, SPACES_PER_AUTHOR_MAX } from '../base/limits.ts'
import type { Log } from '../chain/log.ts'
import { logIdentity, type LogIdentity } from '../chain/record.ts'
import { type Takes, takes } from '../chain/sharing.ts'
import type { Membership } from '../discovery/membership.ts'
import { reaches } from '../discovery/spaces.ts'
import type { CoreContext } from './context.ts'

/**
 * Whose log is whose. A log's id is a hash over its author and its stream, so a node knows the logs of members in
 * streams that it has heard of. Of spaces it hears from peers; nobody has to create one. So that nobody
 * can use up the room of others, a space counts for whoever brings it up: for the peer that speaks of it, until a log of it
 * is held here, and from then on for the author of that log.
 */
export class LogNames {
  readonly #context: CoreContext
  readonly #membership: Membership
  readonly #logs: ReadonlyMap<LogId, Log>
  readonly #takes: Takes | undefined
  /** Spaces that a peer speaks of, and since when. */
  readonly #told: Map<NodeId, Map<Stream, number>> = new Map()
  readonly #identities: Map<LogId, LogIdentity> = new Map()
  readonly #identified: Map<Stream, Set<NodeId>> = new Map()
  #isComplete = false
  /** Streams of the logs that are held, by author; made again when there are more or fewer logs. */
  #held: { readonly logs: number; readonly streams: ReadonlyMap<NodeId, ReadonlySet<Stream>> } = { logs: -1, streams: new Map() }

  constructor(context: CoreContext, membership: Membership, logs: ReadonlyMap<LogId, Log>, takes: Takes | undefined) {
    this.#takes = takes
    this.#context = context
    this.#membership = membership
    this.#logs = logs
  }

  /** The log's author and stream, when its author belongs, or belonged, to the cluster, and has room for one space more. */
  identify(log: LogId): LogIdentity | undefined {
    if (!this.#isComplete || this.#held.logs !== this.#logs.size) this.#identifyAll()
    const identity = this.#identities.get(log)
    if (identity === undefined || !this.#isKnown(identity)) return undefined
    if (this.#hasRoom(identity)) return identity
    this.#context.metrics.add('weft_spaces_refused_total', 1, 'author')
    return undefined
  }

  /** Members, or what they decided, are not what they were. */
  onMembers(): void {
    this.#isComplete = false
  }

  /** A peer speaks of these streams; of more spaces than it has room for, only of some. */
  learn(teller: NodeId, streams: readonly Stream[]): void {
    const nowMs = this.#context.now.monotonicMs
    for (const stream of streams) {
      if (stream === CLUSTER || this.#isFixed(stream) || this.#isHeld(stream)) continue
      const told = this.#told.get(teller) ?? new Map<Stream, number>()
      this.#told.set(teller, told)
      if (told.has(stream)) continue
      if (told.size >= SPACES_PER_AUTHOR_MAX) this.#sweep(told, nowMs)
      if (told.size >= SPACES_PER_AUTHOR_MAX) {
        this.#context.metrics.add('weft_spaces_refused_total', 1, 'peer')
        continue
      }
      told.set(stream, nowMs)
      this.#isComplete = false
    }
  }

  /** A peer is gone, and what only it spoke of. */
  forget(teller: NodeId): void {
    if (this.#told.delete(teller)) this.#isComplete = false
  }

  /** Own spaces that nobody has created: a new one is one too many for others. */
  get isFull(): boolean {
    return this.#unmanaged(this.#context.self) >= SPACES_PER_AUTHOR_MAX
  }

  /** True when records of the stream are held here. */
  #isHeld(stream: Stream): boolean {
    for (const streams of this.#heldNow().values()) if (streams.has(stream)) return true
    return false
  }

  /** It counts for nobody: every member has it, or it was created. */
  #isFixed(stream: Stream): boolean {
    const space = spaceOf(stream)
    if (space !== undefined && this.#membership.spaces.has(space)) return true
    return stream === AUDIT || stream === memoryStream(DEFAULT_SPACE) || stream === CLUSTER
  }

  /** What has come to be held counts for its author; what has not come in time makes room. */
  #sweep(told: Map<Stream, number>, nowMs: number): void {
    for (const [stream, sinceMs] of told) {
      if (!this.#isHeld(stream) && nowMs - sinceMs < SPACE_TOLD_MS) continue
      told.delete(stream)
      this.#isComplete = false
    }
  }

  /** Of two changes of policy that compete one may win late: its admins come, those of the other go. */
  #isKnown({ author, stream }: LogIdentity): boolean {
    if (stream === CLUSTER) return this.#membership.authorities.has(author) || this.#membership.spaceAdmins.has(author)
    return this.#membership.member(author) !== undefined && (author === this.#context.self || this.#isForUs(stream))
  }

  /** Logs of a space that this node does not keep, or may not even hold, are not asked for. */
  #isForUs(stream: Stream): boolean {
    if (!takes(this.#takes, stream)) return false
    const space = this.#membership.spaces.get(spaceOf(stream) ?? '')
    return space?.isPrivate !== true || reaches(space.roleOf(this.#context.self), 'relay')
  }

  #hasRoom({ author, stream }: LogIdentity): boolean {
    if (this.#isFixed(stream) || author === this.#context.self) return true
    return this.#heldNow().get(author)?.has(stream) === true || this.#unmanaged(author) < SPACES_PER_AUTHOR_MAX
  }

  #unmanaged(author: NodeId): number {
    let count = 0
    for (const stream of this.#heldNow().get(author) ?? []) if (!this.#isFixed(stream)) count++
    return count
  }

  #heldNow(): ReadonlyMap<NodeId, ReadonlySet<Stream>> {
    if (this.#held.logs === this.#logs.size) return this.#held.streams
    const streams = new Map<NodeId, Set<Stream>>()
    for (const { identity } of this.#logs.values())
      streams.set(identity.author, (streams.get(identity.author) ?? new Set()).add(identity.stream))
    this.#held = { logs: this.#logs.size, streams }
    return streams
  }

  /** An identity is a hash: those that are known already are kept. */
  #identifyAll(): void {
    this.#isComplete = true
    const streams = new Set([AUDIT, memoryStream(DEFAULT_SPACE)])
    for (const space of this.#membership.spaces.keys()) streams.add(memoryStream(space))
    for (const held of this.#heldNow().values()) for (const stream of held) if (stream !== CLUSTER) streams.add(stream)
    for (const told of this.#told.values()) for (const stream of told.keys()) streams.add(stream)
    for (const stream of streams) for (const { id } of this.#membership.members) this.#add(id, stream)
    for (const admin of [...this.#membership.authorities, ...this.#membership.spaceAdmins]) this.#add(admin, CLUSTER)
    for (const [stream, authors] of this.#identified) {
      if (stream === CLUSTER || streams.has(stream)) continue
      for (const author of authors) this.#identities.delete(logIdentity(this.#membership.cluster, author, stream).id)
      this.#identified.delete(stream)
    }
  }

  #add(author: NodeId, stream: Stream): void {
    let authors = this.#identified.get(stream)
    if (authors === undefined) {
      authors = new Set()
      this.#identified.set(stream, authors)
    }
    if (authors.has(author)) return
    authors.add(author)
    const identity = logIdentity(this.#membership.cluster, author, stream)
    this.#identities.set(identity.id, identity)
  }
}
