import { DEFAULT_SPACE, type LogId, memoryStream, type NodeId, type Stream, spaceOf } from '../base/ids.ts'
import { WeftError } from '../base/errors.ts'
import { SPACES_MAX } from '../base/limits.ts'
import type { Chain } from '../chain/chain.ts'
import { logIdentity, type LogIdentity } from '../chain/record.ts'
import { type Access, type Takes, takes } from '../chain/sharing.ts'
import type { Membership } from '../discovery/membership.ts'
import type { Operation, SpaceOp, SpaceRole } from '../discovery/operation.ts'
import { reaches, type SpaceState } from '../discovery/spaces.ts'
import type { Spans } from '../discovery/spans.ts'
import type { Keyring, Opened } from './keyring.ts'
import type { BodySeal } from './memory/memory.ts'
import { routeOf } from './takes.ts'

export type DecisionDone = (error: WeftError | undefined, operation: Operation) => void

export interface SpacesInit {
  readonly self: NodeId
  readonly membership: Membership
  readonly chain: Chain
  /** What this node keeps a copy of; undefined for everything. */
  readonly takes: Takes | undefined
  /** Where memories go by their labels, unless whoever writes them says. */
  readonly routes: Readonly<Record<string, string>>
  readonly keyring: Keyring
  /** Records an operation with this node's signature. */
  readonly sign: (op: SpaceOp, actor: string, done: DecisionDone) => void
}

/** What is for whom, as far as this node has folded what was decided. */
export class SpaceAccess implements Access {
  readonly #self: NodeId
  readonly #spaces: Spaces
  readonly #chain: Chain
  readonly #isFolded: () => boolean
  readonly takes: Takes | undefined
  #revision = 0

  constructor(self: NodeId, spaces: Spaces, chain: Chain, isFolded: () => boolean, takes: Takes | undefined) {
    this.takes = takes
    this.#self = self
    this.#spaces = spaces
    this.#chain = chain
    this.#isFolded = isFolded
  }

  get revision(): number {
    return this.#revision
  }

  /** Members, or what they may do, are not what they were. */
  onChange(): void {
    this.#revision++
  }

  get hasSecret(): boolean {
    if (!this.#isFolded()) return [...this.#chain.logs.values()].some(({ identity }) => this.isSecret(identity.stream))
    return [...this.#spaces.created.values()].some(({ isPrivate }) => isPrivate)
  }

  get hasClosed(): boolean {
    return this.takes !== undefined || this.hasSecret
  }

  /** What is stored may hold decisions that have not been read yet: until then no space is open but the one that always is. */
  isSecret(stream: Stream): boolean {
    const space = spaceOf(stream)
    if (space === undefined || space === DEFAULT_SPACE) return false
    return !this.#isFolded() || this.#spaces.created.get(space)?.isPrivate === true
  }

  isOpen(stream: Stream): boolean {
    return !this.isSecret(stream) && takes(this.takes, stream)
  }

  isFor(peer: NodeId, { author, stream }: LogIdentity): boolean {
    const space = spaceOf(stream)
    if (space === undefined || author === peer) return true
    if (author !== this.#self && !takes(this.takes, stream)) return false
    const mayHold = (node: NodeId): boolean => author === node || reaches(this.#spaces.roleOf(space, node), 'relay')
    return !this.isSecret(stream) || (this.#isFolded() && mayHold(this.#self) && mayHold(peer))
  }
}

/** What members may do in which space, as this node knows it, and what it decides about that. */
export class Spaces implements BodySeal {
  readonly #init: SpacesInit

  constructor(init: SpacesInit) {
    this.#init = init
  }

  /** Those that were created, by name; others are open to every member. */
  get created(): ReadonlyMap<string, SpaceState> {
    return this.#init.membership.spaces
  }

  roleOf(space: string, node: NodeId): SpaceRole {
    if (!this.#init.membership.isMember(node)) return 'none'
    return this.created.get(space)?.roleOf(node) ?? 'write'
  }

  /** @throws WeftError `not_taken`, `not_granted` */
  require(space: string, needed: SpaceRole): void {
    if (!this.isTaken(space)) throw new WeftError('not_taken', `this node keeps no copy of space ${space}`)
    const role = this.roleOf(space, this.#init.self)
    if (!reaches(role, needed))
      throw new WeftError('not_granted', `this node may ${role === 'none' ? 'do nothing' : `only ${role}`} in space ${space}`)
  }

  /** Whether this node keeps a copy of a space. */
  isTaken(space: string): boolean {
    return takes(this.#init.takes, memoryStream(space))
  }

  /** The space for a memory with these labels. */
  routeOf(meta: Readonly<Record<string, unknown>> | undefined): string {
    return routeOf(this.#init.routes, meta) ?? DEFAULT_SPACE
  }

  /** Which records of an author's log in this stream count; undefined for all. */
  writesOf(author: NodeId, stream: Stream): Spans | undefined {
    const space = spaceOf(stream)
    return space === undefined ? undefined : this.created.get(space)?.writesOf(author)
  }

  /** Why nothing that is said in a space can be shown to others; undefined where it can. */
  secrecyOf(space: string): WeftError | undefined {
    return this.created.get(space)?.isEncrypted === true
      ? new WeftError('not_provable', `space ${space} is encrypted: what is in it is for its readers alone`, {
          next: `weft mem export --space ${space} writes it without proofs`,
        })
      : undefined
  }

  // ---- decisions

  create(
    space: string,
    { isPrivate, isEncrypted }: { readonly isPrivate: boolean; readonly isEncrypted: boolean },
    actor: string,
    done: DecisionDone,
  ): void {
    const { self, membership, sign } = this.#init
    if (!membership.isAdmin(self)) throw new WeftError('not_admin', 'this node is not an admin of the cluster')
    if (space === DEFAULT_SPACE) throw new WeftError('invalid_argument', `${space} is open to all members, and stays so`)
    if (this.created.has(space)) throw new WeftError('space_exists', `there is a space ${space} already`)
    if (this.created.size >= SPACES_MAX) throw new WeftError('table_full', `there are ${SPACES_MAX} spaces already`)
    const op: SpaceOp = { op: 'space.create', space, owner: self, isPrivate, isEncrypted, after: [] }
    if (!isEncrypted) return sign(op, actor, done)
    this.#signAll(op, after => this.#init.keyring.giveNew(space, [self], after), actor, done)
  }

  grant(space: string, node: NodeId, role: Exclude<SpaceRole, 'none'>, hasHistory: boolean, actor: string, done: DecisionDone): void {
    const state = this.#toDecide(space)
    if (role === 'relay' && !state.isEncrypted)
      throw new WeftError('invalid_argument', `space ${space} is not encrypted: a relay would read all of it`, { next: 'grant it read' })
    // What it wrote before anybody had decided about it is let in; what it wrote against a decision is not.
    const isFirst = !state.named.includes(node) && reaches(role, 'write')
    const at = isFirst ? 0 : this.#sizeOf(space, node)
    const op: SpaceOp = { op: 'space.grant', space, node, role, at, after: state.heads }
    if (!state.isEncrypted || (!reaches(role, 'read') && !this.#mayRead(space, node))) return this.#init.sign(op, actor, done)
    if (!reaches(role, 'read')) return this.#signAll(op, after => this.#newKey(state, node, after), actor, done)
    if (!hasHistory) return this.#signAll(op, after => this.#newKey(state, undefined, after, node), actor, done)
    const held = this.#init.keyring.names(space)
    this.#signAll(op, after => this.#init.keyring.give(space, held, [node], after), actor, done)
  }

  revoke(space: string, node: NodeId, actor: string, done: DecisionDone): void {
    const state = this.#toDecide(space)
    if (state.roleOf(node) === 'none') throw new WeftError('invalid_argument', `${node} may do nothing in space ${space} as it is`)
    const op: SpaceOp = { op: 'space.revoke', space, node, at: this.#sizeOf(space, node), after: state.heads }
    this.#signAll(op, after => (state.isEncrypted ? this.#newKey(state, node, after) : []), actor, done)
  }

  /** Everybody who reads gets a new key; what is written from then on is sealed with it. */
  rotate(space: string, actor: string, done: DecisionDone): void {
    const state = this.#toDecide(space)
    if (!state.isEncrypted) throw new WeftError('invalid_argument', `space ${space} is not encrypted`)
    const [first, ...others] = this.#newKey(state, undefined, state.heads)
    if (first === undefined) throw new WeftError('invalid_argument', `nobody may read in space ${space}`)
    this.#signAll(first, () => others, actor, done)
  }

  /** A new key for all who read, without one of them, and with one who is about to. */
  #newKey(state: SpaceState, without: NodeId | undefined, after: readonly string[], besides?: NodeId): readonly SpaceOp[] {
    const readers = state.named.filter(node => node !== without && this.#mayRead(state.space, node))
    const to = besides === undefined ? readers : [...new Set([...readers, besides])].sort()
    return this.#init.keyring.giveNew(state.space, to, after)
  }

  /**
   * One operation and those that follow from it; done when all are recorded. Whoever puts himself down may not decide afterwards:
   * what follows from that comes before it.
   */
  #signAll(op: SpaceOp, then: (after: readonly string[]) => readonly SpaceOp[], actor: string, done: DecisionDone): void {
    const { self, membership } = this.#init
    if (isAbdication(op, self)) {
      const first = then(op.after)
      const last = first.length === 0 ? op : { ...op, after: first.map(one => membership.propose(one).id).sort() }
      return this.#signEach([...first, last], last, actor, done)
    }
    this.#signEach([op, ...then([membership.propose(op).id])], op, actor, done)
  }

  #signEach(operations: readonly SpaceOp[], told: SpaceOp, actor: string, done: DecisionDone): void {
    const { membership, sign } = this.#init
    const { id } = membership.propose(told)
    let failed: WeftError | undefined
    let left = operations.length
    let decided: Operation | undefined
    const finish = (error: WeftError | undefined, operation: Operation): void => {
      failed ??= error
      if (operation.id === id) decided = operation
      if (--left === 0) done(failed, decided as Operation)
    }
    for (const one of operations) sign(one, actor, finish)
  }

  // ---- keys

  /** What was decided has changed: keys may have been given to this node. */
  onChange(): void {
    for (const state of this.created.values()) if (state.isEncrypted) this.#init.keyring.learn(state)
  }

  /** @throws WeftError `no_key` */
  seal(space: string, log: LogId, kind: number, body: Uint8Array): Uint8Array {
    const state = this.created.get(space)
    return state?.isEncrypted === true ? this.#init.keyring.seal(state, node => this.#mayRead(space, node), log, kind, body) : body
  }

  open(space: string, log: LogId, kind: number, body: Uint8Array): Opened {
    // A space that is not known to be encrypted may be one all the same.
    return space === DEFAULT_SPACE ? { body } : this.#init.keyring.open(space, log, kind, body)
  }

  has(space: string, key: string): boolean {
    return this.#init.keyring.has(space, key)
  }

  #mayRead(space: string, node: NodeId): boolean {
    return reaches(this.roleOf(space, node), 'read')
  }

  /** @throws WeftError `invalid_argument`, `unknown_space`, `not_granted` */
  #toDecide(space: string): SpaceState {
    const { self, membership } = this.#init
    if (space === DEFAULT_SPACE)
      throw new WeftError('invalid_argument', `${space} is open to all members, and stays so`, {
        next: 'weft space create NAME --private makes a space whose readers and writers you choose',
      })
    const state = this.created.get(space)
    if (state === undefined)
      throw new WeftError('unknown_space', `nobody has created a space ${space}: it is open to all members`, {
        next: `weft space create ${space}`,
      })
    if (!membership.isAdmin(self) && this.roleOf(space, self) !== 'admin')
      throw new WeftError('not_granted', `this node is no admin of space ${space}, nor of the cluster`)
    return state
  }

  /** How much of a node's log in the space is known here. */
  #sizeOf(space: string, node: NodeId): number {
    const { id } = logIdentity(this.#init.membership.cluster, node, memoryStream(space))
    return this.#init.chain.log(id)?.published ?? 0
  }
}

/** `self` gives up the right to decide. */
function isAbdication(op: SpaceOp, self: NodeId): boolean {
  return (op.op === 'space.revoke' || (op.op === 'space.grant' && op.role !== 'admin')) && op.node === self
}
