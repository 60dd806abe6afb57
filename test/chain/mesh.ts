import { type LogId, type NodeId, type Stream } from '../../base/ids.ts'
import { type LogIdentity } from '../../chain/record.ts'
import { costOf, type Run } from '../../chain/run.ts'
import { ChainSync, type SyncEffect } from '../../chain/sync.ts'
import type { Verdict } from '../../base/verdict.ts'
import type { SyncMessage } from '../../chain/messages.ts'
import { encodeMessage, parseMessage } from '../../node/messages.ts'
import { SimRandom } from '../../sim/random.ts'
import { Author, CLUSTER, identityOf, MAIN, WALL_MS } from './keeper.ts'

/** A frame on its way. */
export interface Sent {
  readonly from: NodeId
  readonly to: NodeId
  readonly frame: Uint8Array
  readonly message: SyncMessage
}

/** What a member's sync said that is not for the wire. */
export type Told = Exclude<SyncEffect, { kind: 'send' | 'read' }>

/** A chain in memory and its side of the protocol. Its disk is as fast as can be, or fails. */
export class Member {
  readonly author: Author
  readonly sync: ChainSync
  readonly told: Told[] = []
  readonly verdicts: Verdict[] = []
  /** Whether it signs what it commits. */
  signs = true
  diskFails = false
  /** What it takes in stays on its way to the disk. */
  diskWaits = false
  wallMs: number = WALL_MS

  constructor(author: Author, identify: (log: LogId) => LogIdentity | undefined) {
    this.author = author
    this.sync = new ChainSync({ chain: author.chain, random: new SimRandom(author.index, 'sync'), foldVersion: 1, identify })
  }

  get id(): NodeId {
    return this.author.self
  }

  size(log: LogId): number {
    return this.author.chain.log(log)?.durable ?? 0
  }

  /** Codes of what it did not accept. */
  get codes(): readonly string[] {
    return this.verdicts.flatMap(verdict => (verdict.verdict === 'accept' ? [] : [verdict.code]))
  }
}

/** Members and the connections between them: frames are delivered in order, one after the other, each as its bytes. */
export class Mesh {
  readonly members: Map<NodeId, Member> = new Map()
  readonly sent: Sent[] = []
  /** Members that do not get what is sent to them until they are removed from here. */
  readonly deaf: Set<NodeId> = new Set()
  /** Called before a frame is delivered. */
  onDeliver: (sent: Sent) => void = () => {}
  nowMs = 0
  /** Records that a read gives at most: the size of frames. */
  readRecords = 1024
  /** Whose logs are pulled. */
  readonly #identities: Map<LogId, LogIdentity> = new Map()
  readonly #links: Set<string> = new Set()
  #queue: Sent[] = []

  join(author: Author): Member {
    const member = new Member(author, log => this.#identities.get(log))
    this.members.set(member.id, member)
    for (const log of author.chain.logs.values()) this.admit(log.identity)
    return member
  }

  /** A member with these authors' logs, complete. */
  holding(index: number, ...authors: readonly Author[]): Member {
    const author = new Author(index)
    for (const other of authors) for (const log of other.chain.logs.keys()) author.copy(other, log)
    author.settle()
    this.admit(identityOf(index))
    return this.join(author)
  }

  /** A member that has got no further in the run that brings it `of`'s log than to the first `size` records. */
  holdingPart(index: number, of: Author, size: number): Member {
    const author = new Author(index)
    if (size > 0) author.copy(of, identityOf(of.index).id, size, 1)
    author.settle()
    this.admit(identityOf(index), identityOf(of.index))
    return this.join(author)
  }

  admit(...identities: readonly LogIdentity[]): void {
    for (const identity of identities) this.#identities.set(identity.id, identity)
  }

  connect(a: Member, b: Member): void {
    this.#links.add(linkOf(a.id, b.id))
    this.#perform(a, a.sync.onUp(b.id, this.nowMs))
    this.#perform(b, b.sync.onUp(a.id, this.nowMs))
  }

  disconnect(a: Member, b: Member): void {
    this.#links.delete(linkOf(a.id, b.id))
    this.#queue = this.#queue.filter(({ from, to }) => linkOf(from, to) !== linkOf(a.id, b.id))
    this.#perform(a, a.sync.onDown(b.id, this.nowMs))
    this.#perform(b, b.sync.onDown(a.id, this.nowMs))
  }

  append(member: Member, bodies: readonly (Uint8Array | string)[], stream: Stream = MAIN): void {
    member.author.append(bodies, stream)
    this.admit(identityOf(member.author.index, stream))
    this.commit(member)
  }

  /** Delivers until nothing is on its way to anyone who listens. */
  run(): void {
    for (;;) {
      const at = this.#queue.findIndex(({ to }) => !this.deaf.has(to))
      const [next] = at < 0 ? [] : this.#queue.splice(at, 1)
      if (next === undefined) return
      this.onDeliver(next)
      this.deliver(next)
    }
  }

  /** Lets time pass, with everything that happens in it. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const next = [...this.members.values()].sort((a, b) => a.sync.nextWakeMs - b.sync.nextWakeMs)[0]
      if (next === undefined || next.sync.nextWakeMs > untilMs) break
      this.nowMs = Math.max(this.nowMs, next.sync.nextWakeMs)
      this.#perform(next, next.sync.onWake(this.nowMs))
      this.run()
    }
    this.nowMs = untilMs
  }

  deliver({ from, to, message }: Pick<Sent, 'from' | 'to' | 'message'>): Verdict {
    const member = this.members.get(to) as Member
    const { verdict, effects } = member.sync.on(from, message, this.nowMs, member.wallMs)
    member.verdicts.push(verdict)
    this.#perform(member, effects)
    this.commit(member)
    return verdict
  }

  perform(member: Member, effects: readonly SyncEffect[]): void {
    this.#perform(member, effects)
    this.commit(member)
    this.run()
  }

  commit(member: Member): void {
    if (member.diskWaits) return
    for (let staged = member.author.take(member.signs); staged !== undefined; staged = member.author.take(member.signs)) {
      if (member.diskFails) {
        this.#perform(member, member.sync.onFailed(member.author.failed(staged), this.nowMs))
      } else {
        member.author.committed(staged)
        this.#perform(member, member.sync.onCommitted(staged.groups, staged.checkpoints.keys(), this.nowMs))
      }
    }
  }

  /** Sums over what was sent. */
  bytes(which: (sent: Sent) => boolean = () => true): number {
    return this.sent.filter(which).reduce((sum, { frame }) => sum + frame.length, 0)
  }

  runs(to?: Member): readonly Run[] {
    return this.sent.flatMap(sent =>
      sent.message.kind === 'sync.run' && (to === undefined || sent.to === to.id) ? [sent.message.run] : [],
    )
  }

  /** What a member has sent another and has not been given credit for again. */
  inFlight(from: Member, to: Member): number {
    let cost = 0
    for (const { message, ...link } of this.sent) {
      if (link.from === from.id && link.to === to.id && message.kind === 'sync.run') cost += costOf(message.run)
      if (link.from === to.id && link.to === from.id && message.kind === 'sync.credit') cost -= message.bytes
    }
    return cost
  }

  #perform(member: Member, effects: readonly SyncEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send': {
          if (!this.#links.has(linkOf(member.id, effect.to))) break
          const frame = encodeMessage(effect.message)
          const parsed = parseMessage(frame, 'sync', CLUSTER)
          if (!parsed.ok) throw new Error(`${effect.message.kind} is ${parsed.code}`)
          const sent = { from: member.id, to: effect.to, frame, message: parsed.message as SyncMessage }
          this.sent.push(sent)
          this.#queue.push(sent)
          break
        }
        case 'read': {
          const records = member.author.records.get(effect.log) ?? []
          this.#perform(
            member,
            member.sync.onRead(effect.peer, effect.log, effect.from, records.slice(effect.from, effect.from + this.readRecords)),
          )
          break
        }
        default:
          member.told.push(effect)
      }
    }
  }
}

function linkOf(a: NodeId, b: NodeId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
