import { fromHex } from '../base/bytes.ts'
import { decode, encode } from '../base/codec.ts'
import type { Signer } from '../base/crypto/crypto-suite.ts'
import { asWeftError, type ErrorCode, WeftError } from '../base/errors.ts'
import { CLUSTER, type LogId, type NodeId } from '../base/ids.ts'
import { KIND } from '../base/kinds.ts'
import { ADMINS_MAX, INVITE_EXPIRY_MAX_MS, POLICY_EVIDENCE_MAX_BYTES } from '../base/limits.ts'
import { areNeighbours } from '../base/version.ts'
import type { AppliedRecord } from '../chain/applied.ts'
import type { Log } from '../chain/log.ts'
import type { Takes } from '../chain/sharing.ts'
import type { Genesis } from '../discovery/genesis.ts'
import { encodeGreeting, encodeGreetingReply, type GreetingReply, parseGreeting, parseGreetingReply } from '../discovery/greeting.ts'
import { decodeInvite, encodeInvite, hashOfSecret, INVITE_SECRET_BYTES, InviteBook } from '../discovery/invite.ts'
import { Membership } from '../discovery/membership.ts'
import {
  encodeEvidence,
  encodeSignedOperation,
  type Op,
  type Operation,
  parseSignedOperation,
  signOperation,
  type SignedOperation,
} from '../discovery/operation.ts'
import type { KnownPeer } from '../discovery/peer-book.ts'
import type { ConnectionId } from '../transport/transport.ts'
import type { Fold } from './applier.ts'
import type { CoreContext } from './context.ts'
import { CLUSTER_FILE, encodeCluster } from './identity.ts'
import { LogNames } from './log-names.ts'
import type { WriteDone, Writer } from './writer.ts'

/**
 * The cluster as this node sees it: the fold of the admins' `cluster` logs, and the two
 * conversations that come before everything else: members greet, newcomers redeem an invite.
 */
export interface ClusterInit {
  readonly genesis: Genesis
  /** What the cluster file shows: our own admission, and that of another member if there was one. */
  readonly evidence: readonly SignedOperation[]
  readonly signer: Signer
  readonly writer: Writer
  /** The logs that this node holds. */
  readonly logs: ReadonlyMap<LogId, Log>
  /** What it keeps a copy of; undefined for everything. */
  readonly takes: Takes | undefined
  /** Peers a newcomer should know of. */
  readonly knownPeers: () => readonly KnownPeer[]
  /** Membership is not what it was; of `revoked` fewer records count than before. */
  readonly onChange: (revoked: readonly NodeId[]) => void
  /** Who may do what in which space is not what it was. */
  readonly onSpaces: () => void
}

/** A signature and the key it was made with, encoded. */
const SIGNATURE_BYTES = 102

export class Cluster implements Fold {
  readonly genesis: Genesis
  readonly membership: Membership
  /** Whose log is whose. */
  readonly logs: LogNames
  readonly #context: CoreContext
  readonly #init: ClusterInit
  readonly #invites: InviteBook = new InviteBook()
  /** Invites being answered, and for whom: an admission that is not durable yet uses one up already. */
  readonly #redeeming: Map<string, NodeId> = new Map()
  /** What members greeted with last. */
  readonly #protocols: Map<NodeId, number> = new Map()
  #spaces: Membership['spaces']
  /** Revoked nodes, and where their logs end. */
  #cuts: ReadonlyMap<NodeId, string>
  /** The cluster file shows that there are others. */
  #showsOthers: boolean

  constructor(context: CoreContext, init: ClusterInit) {
    this.#context = context
    this.#init = init
    this.genesis = init.genesis
    this.membership = new Membership(init.genesis)
    this.membership.addEvidence(init.evidence)
    this.logs = new LogNames(context, this.membership, init.logs, init.takes)
    this.#cuts = this.#cutsNow()
    this.#spaces = this.membership.spaces
    this.#showsOthers = this.#anotherMember() !== undefined
  }

  // ---- the fold

  /** What an admin signed stands, whatever becomes of its log. */
  apply(record: AppliedRecord): void {
    const { author } = record.log.identity
    if (record.kind === KIND['cluster.operation']) {
      const decoded = decode(record.record.body)
      const place = { log: record.log.identity.id, seq: record.seq }
      const signed = decoded.ok ? parseSignedOperation(decoded.value, this.membership.cluster) : undefined
      if (signed !== undefined && signed.admin === author && this.membership.add(signed, place)) this.#changed()
    } else if (record.kind === KIND['cluster.invite'] && author === this.#context.self) {
      const invite = decodeInvite(record.record.body)
      if (invite !== undefined) this.#invites.add(invite)
    }
  }

  counts(): boolean {
    return false
  }

  isBarred(): boolean {
    return false
  }

  hasNewKeys(): boolean {
    return false
  }

  /** Everything here is a grow-only set: records that come again change nothing. */
  reset(): void {}

  onWhole(): void {}

  #learn(evidence: readonly SignedOperation[]): void {
    if (this.membership.addEvidence(evidence)) this.#changed()
  }

  #changed(): void {
    this.logs.onMembers()
    const before = this.#cuts
    this.#cuts = this.#cutsNow()
    this.#showOthers()
    if (this.#spaces !== this.membership.spaces) {
      this.#spaces = this.membership.spaces
      this.#init.onSpaces()
    }
    this.#init.onChange([...this.#cuts].filter(([node, cut]) => before.get(node) !== cut).map(([node]) => node))
  }

  #cutsNow(): ReadonlyMap<NodeId, string> {
    const revoked = this.membership.members.filter(member => member.status === 'revoked')
    return new Map(revoked.map(({ id }) => [id, (this.membership.cutOf(id) ?? []).map(({ log, size }) => `${log} ${size}`).join()]))
  }

  /** Members besides this node. */
  get others(): readonly NodeId[] {
    return this.membership.members.filter(({ id, status }) => status === 'member' && id !== this.#context.self).map(({ id }) => id)
  }

  #anotherMember(): NodeId | undefined {
    return this.others[0]
  }

  /**
   * A node that is not alone must not sign before others have vouched for its logs, not even when it has lost all
   * of them: so the cluster file, which is kept with the identity, shows whether there are others.
   */
  #showOthers(): void {
    const other = this.#anotherMember()
    if (this.#showsOthers === (other !== undefined)) return
    this.#showsOthers = other !== undefined
    const own = this.membership.evidence(this.#context.self)
    const theirs =
      other === undefined
        ? []
        : this.membership.evidence(other).filter(row => !own.some(({ operation }) => operation.id === row.operation.id))
    const content = (): Uint8Array => encodeCluster({ genesis: this.genesis, evidence: [...own, ...theirs] })
    this.#context.emit({ kind: 'save', file: CLUSTER_FILE, content })
  }

  // ---- greeting

  /** What we say first. */
  greeting(): Uint8Array {
    return encodeGreeting(this.#memberGreeting())
  }

  #memberGreeting(): Extract<GreetingReply, { kind: 'member' }> {
    return {
      kind: 'member',
      protocol: this.#context.speaks.protocol,
      cluster: this.membership.cluster,
      evidence: this.membership.evidence(this.#context.self),
    }
  }

  /** Someone dialled us and said `input`. */
  onGreeting(connection: ConnectionId, from: NodeId, input: Uint8Array): void {
    const greeting = parseGreeting(input, this.membership.cluster)
    if (greeting === undefined) return this.#refuse(connection, from, 'not_canonical')
    if (!this.#canTalk(greeting.protocol)) return this.#refuse(connection, from, 'incompatible')
    if (greeting.cluster !== this.membership.cluster) return this.#refuse(connection, from, 'wrong_cluster')
    if (greeting.kind === 'redeem') return this.#redeem(connection, from, greeting.secret)
    this.#learn(greeting.evidence)
    const code = this.refusalOf(from)
    if (code !== undefined) return this.#refuse(connection, from, code)
    this.#protocols.set(from, greeting.protocol)
    this.#context.emit({ kind: 'answer-greeting', connection, accept: true, reply: encodeGreetingReply(this.#memberGreeting()) })
  }

  /** The answer to our own greeting. */
  onGreeted(connection: ConnectionId, from: NodeId, accepted: boolean, input: Uint8Array): void {
    const reply = parseGreetingReply(input, this.membership.cluster)
    if (!accepted) {
      const code = reply?.kind === 'refused' ? reply.code : 'unexpected'
      return this.#context.log('warn', 'peer.refused-us', { peer: from, code })
    }
    const isSound = reply?.kind === 'member' && this.#canTalk(reply.protocol) && reply.cluster === this.membership.cluster
    if (isSound) this.#learn(reply.evidence)
    const accept = isSound && this.refusalOf(from) === undefined
    if (accept) this.#protocols.set(from, reply.protocol)
    if (!accept) this.#context.metrics.add('weft_greetings_refused_total', 1, 'not_a_member')
    this.#context.emit({ kind: 'answer-greeting', connection, accept, reply: new Uint8Array(0) })
  }

  /** The version that a member greeted with last. */
  protocolOf(node: NodeId): number {
    return this.#protocols.get(node) ?? this.#context.speaks.protocol
  }

  #canTalk(protocol: number): boolean {
    return areNeighbours(protocol, this.#context.speaks.protocol)
  }

  /** Why a node is not let in; undefined for a member. */
  refusalOf(node: NodeId): ErrorCode | undefined {
    switch (this.membership.member(node)?.status) {
      case 'member':
        return undefined
      case 'revoked':
        return 'revoked'
      case 'retired':
        return 'retired'
      default:
        return 'not_a_member'
    }
  }

  #refuse(connection: ConnectionId, from: NodeId, code: ErrorCode, detail: string = ''): void {
    this.#context.metrics.add('weft_greetings_refused_total', 1, code)
    this.#context.log('warn', 'peer.refused', { peer: from, code })
    this.#context.emit({
      kind: 'answer-greeting',
      connection,
      accept: false,
      reply: encodeGreetingReply({ kind: 'refused', code, detail }),
    })
  }

  // ---- invites

  /** Records an invite. @returns the secret that redeems it, to be shown once it is durable */
  invite(
    request: { readonly expiresMs: number; readonly role: string; readonly node: NodeId | null },
    actor: string,
    done: WriteDone,
  ): Uint8Array {
    this.#requireAdmin()
    if (request.expiresMs <= 0 || request.expiresMs > INVITE_EXPIRY_MAX_MS) {
      throw new WeftError(
        'invalid_argument',
        `an invite is valid for at most ${INVITE_EXPIRY_MAX_MS / 60_000} minutes, got ${request.expiresMs} ms`,
      )
    }
    const secret = this.#context.random.bytes(INVITE_SECRET_BYTES)
    const invite = { ...request, expiresMs: Math.floor(this.#context.now.wallMs) + request.expiresMs }
    this.#write(KIND['cluster.invite'], encodeInvite(secret, invite), actor, done)
    return secret
  }

  #redeem(connection: ConnectionId, from: NodeId, secret: Uint8Array): void {
    if (!this.membership.isAdmin(this.#context.self)) return this.#refuse(connection, from, 'not_admin')
    const hash = hashOfSecret(secret)
    const used = this.membership.redeemed(hash)
    const checked = this.#invites.check(secret, from, used?.node ?? this.#redeeming.get(hash), this.#context.now.wallMs)
    if ('code' in checked) return this.#refuse(connection, from, checked.code)
    const gone = this.refusalOf(from)
    if (gone === 'revoked' || gone === 'retired') return this.#refuse(connection, from, gone)
    const { role } = checked.invite
    const operation = used?.operation ?? this.membership.propose({ op: 'admit', node: from, role, invite: fromHex(hash) })
    const answer = (error: WeftError | undefined): void => {
      this.#redeeming.delete(hash)
      if (error !== undefined) return this.#refuse(connection, from, error.code)
      if (!this.membership.isMember(from)) return this.#refuse(connection, from, 'join_pending', operation.id)
      const reply = encodeGreetingReply({
        kind: 'admitted',
        genesis: this.genesis,
        evidence: this.membership.evidence(from),
        peers: this.#init.knownPeers(),
      })
      this.#context.emit({ kind: 'answer-greeting', connection, accept: false, reply })
    }
    if (this.membership.isMember(from) || used?.operation !== undefined) return answer(undefined)
    this.#context.log('info', 'member.admitting', { node: from, role })
    try {
      this.#record(operation, 'kernel', answer)
      this.#redeeming.set(hash, from)
    } catch (thrown) {
      answer(asWeftError(thrown))
    }
  }

  // ---- operations

  /** Proposes an operation with this admin's signature; it counts once enough others have approved it. */
  propose(op: Op, actor: string, done: (error: WeftError | undefined, operation: Operation) => void): void {
    this.#requireAdmin()
    if (op.op === 'retire' || op.op === 'revoke') this.#requireOtherAdmins(op.node)
    this.sign(op, actor, done)
  }

  /** The same, for who has the right to it elsewhere: an admin of a space. */
  sign(op: Op, actor: string, done: (error: WeftError | undefined, operation: Operation) => void): void {
    const operation = this.membership.propose(op)
    if (this.membership.operation(operation.id) !== undefined) {
      throw new WeftError('already_proposed', `operation ${operation.id} was proposed before`, {
        next: `approve it: weft member approve ${operation.id}`,
      })
    }
    this.#requireRoom(operation)
    this.#record(operation, actor, error => done(error, operation))
  }

  /** Adds this admin's signature to a pending operation. */
  approve(id: string, actor: string, done: (error: WeftError | undefined, operation: Operation) => void): void {
    this.#requireAdmin()
    const pending = this.membership.pending.find(row => row.operation.id === id)
    if (pending === undefined) throw new WeftError('unknown_operation', `no pending operation ${id}`)
    if (pending.admins.includes(this.#context.self)) throw new WeftError('already_proposed', 'this admin has signed it already')
    this.#requireRoom(pending.operation)
    this.#record(pending.operation, actor, error => done(error, pending.operation))
  }

  /** A cluster that can decide nothing any more is of no use to anybody. */
  #requireOtherAdmins(node: NodeId): void {
    const { admins, threshold } = this.membership.policy
    const left = admins.filter(admin => admin !== node && this.membership.isAdmin(admin)).length
    if (admins.includes(node) && left < threshold) {
      throw new WeftError('invalid_argument', `without this admin ${left} are left, and it takes ${threshold} to decide anything`, {
        next: 'change the policy first: weft member policy',
      })
    }
  }

  /** Every greeting proves all changes of policy there ever were, so there is room for so many. */
  #requireRoom({ op, bytes }: Operation): void {
    if (op.op !== 'policy') return
    const policies = this.membership.evidence(this.#context.self).filter(({ operation }) => operation.op.op === 'policy')
    const length = encode(encodeEvidence(policies)).length + bytes.length + ADMINS_MAX * SIGNATURE_BYTES
    if (length > POLICY_EVIDENCE_MAX_BYTES)
      throw new WeftError(
        'policies_exhausted',
        `the proof of all changes of policy would take ${length} bytes, at most ${POLICY_EVIDENCE_MAX_BYTES}`,
      )
  }

  #requireAdmin(): void {
    if (!this.membership.isAdmin(this.#context.self)) throw new WeftError('not_admin', 'this node is not an admin of the cluster')
  }

  #record(operation: Operation, actor: string, done: WriteDone): void {
    const signed = signOperation(operation, this.#init.signer)
    this.#write(KIND['cluster.operation'], encode(encodeSignedOperation(signed)), actor, done)
  }

  #write(kind: number, body: Uint8Array, actor: string, done: WriteDone): void {
    this.#init.writer.write(CLUSTER, [{ kind, actor, body, parents: [] }], done)
  }
}
