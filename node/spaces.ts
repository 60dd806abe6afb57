import { DEFAULT_SPACE, memoryStream, type NodeId, type Stream, spaceOf } from '../base/ids.ts'
import { WeftError } from '../base/errors.ts'
import { SPACES_MAX } from '../base/limits.ts'
import type { Chain } from '../chain/chain.ts'
import { logIdentity, type LogIdentity } from '../chain/record.ts'
import type { Access } from '../chain/sharing.ts'
import type { Membership } from '../discovery/membership.ts'
import type { Operation, SpaceOp, SpaceRole } from '../discovery/operation.ts'
import { reaches, type SpaceState } from '../discovery/spaces.ts'
import type { Spans } from '../discovery/spans.ts'

export type DecisionDone = (error: WeftError | undefined, operation: Operation) => void

export interface SpacesInit {
  readonly self: NodeId
  readonly membership: Membership
  readonly chain: Chain
  /** Records an operation with this node's signature. */
  readonly sign: (op: SpaceOp, actor: string, done: DecisionDone) => void
}

/** What is for whom, as far as this node has folded what was decided. */
export class SpaceAccess implements Access {
  readonly #self: NodeId
  readonly #spaces: Spaces
  readonly #chain: Chain
  readonly #isFolded: () => boolean
  #revision = 0

  constructor(self: NodeId, spaces: Spaces, chain: Chain, isFolded: () => boolean) {
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

  get hasClosed(): boolean {
    if (!this.#isFolded()) return [...this.#chain.logs.values()].some(({ identity }) => !this.isOpen(identity.stream))
    return [...this.#spaces.created.values()].some(({ isPrivate }) => isPrivate)
  }

  /** What is stored may hold decisions that have not been read yet: until then no space is open but the one that always is. */
  isOpen(stream: Stream): boolean {
    const space = spaceOf(stream)
    if (space === undefined || space === DEFAULT_SPACE) return true
    return this.#isFolded() && this.#spaces.created.get(space)?.isPrivate !== true
  }

  isFor(peer: NodeId, { author, stream }: LogIdentity): boolean {
    const space = spaceOf(stream)
    if (space === undefined || author === peer) return true
    const mayHold = (node: NodeId): boolean => author === node || reaches(this.#spaces.roleOf(space, node), 'relay')
    return this.#isFolded() && mayHold(this.#self) && mayHold(peer)
  }
}

/** What members may do in which space, as this node knows it, and what it decides about that. */
export class Spaces {
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

  /** @throws WeftError `not_granted` */
  require(space: string, needed: SpaceRole): void {
    const role = this.roleOf(space, this.#init.self)
    if (!reaches(role, needed))
      throw new WeftError('not_granted', `this node may ${role === 'none' ? 'do nothing' : `only ${role}`} in space ${space}`)
  }

  /** Which records of an author's log in this stream count; undefined for all. */
  writesOf(author: NodeId, stream: Stream): Spans | undefined {
    const space = spaceOf(stream)
    return space === undefined ? undefined : this.created.get(space)?.writesOf(author)
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
    sign({ op: 'space.create', space, owner: self, isPrivate, isEncrypted, after: [] }, actor, done)
  }

  grant(space: string, node: NodeId, role: Exclude<SpaceRole, 'none'>, actor: string, done: DecisionDone): void {
    const state = this.#toDecide(space)
    if (role === 'relay' && !state.isEncrypted)
      throw new WeftError('invalid_argument', `space ${space} is not encrypted: a relay would read all of it`, { next: 'grant it read' })
    // What it wrote before anybody had decided about it is let in; what it wrote against a decision is not.
    const isFirst = !state.named.includes(node) && reaches(role, 'write')
    const at = isFirst ? 0 : this.#sizeOf(space, node)
    this.#init.sign({ op: 'space.grant', space, node, role, at, after: state.heads }, actor, done)
  }

  revoke(space: string, node: NodeId, actor: string, done: DecisionDone): void {
    const state = this.#toDecide(space)
    if (state.roleOf(node) === 'none') throw new WeftError('invalid_argument', `${node} may do nothing in space ${space} as it is`)
    this.#init.sign({ op: 'space.revoke', space, node, at: this.#sizeOf(space, node), after: state.heads }, actor, done)
  }

  /** @throws WeftError `unknown_space`, `not_granted` */
  #toDecide(space: string): SpaceState {
    const { self, membership } = this.#init
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
