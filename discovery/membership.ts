import { toHex } from '../base/bytes.ts'
import type { Genesis } from './genesis.ts'
import type { ClusterId, LogId, NodeId } from '../base/ids.ts'
import { type CutEntry, isSignedByAdmin, isSpaceOp, type Operation, operationOf, type Op, type SignedOperation } from './operation.ts'
import { foldSpaces, type SignedSpaceOp, type SpaceState } from './spaces.ts'

/**
 * Who belongs to the cluster, as a fold over the operations that admins recorded. Admits,
 * retirements and revocations are grow-only sets, so the order in which they arrive cannot matter;
 * revocation wins. Policies form a line: of two that replace the same one, the smaller id wins.
 */
export interface Member {
  readonly id: NodeId
  readonly role: string
  readonly status: 'member' | 'retired' | 'revoked'
  readonly isAdmin: boolean
}

export interface Policy {
  readonly version: string
  readonly admins: readonly NodeId[]
  readonly threshold: number
}

export interface PendingOperation {
  readonly operation: Operation
  readonly admins: readonly NodeId[]
  readonly needed: number
}

export class Membership {
  readonly cluster: ClusterId
  readonly #genesis: Genesis
  /** Every well-signed operation: by id, its signatures by admin. */
  readonly #operations: Map<string, Recorded> = new Map()
  /** What follows from the operations; computed when somebody asks after a change. */
  #folded: Fold | undefined
  #spaces: ReadonlyMap<string, SpaceState> | undefined

  constructor(genesis: Genesis) {
    this.#genesis = genesis
    this.cluster = genesis.cluster
  }

  /**
   * What an admin recorded. @returns true when it changed who is a member, what counts, or what waits.
   *
   * @param place where its record stands; without one an admin of a space has said nothing, as its log may have ended before
   */
  add(signed: SignedOperation, place?: Place): boolean {
    const { operation, admin, signature } = signed
    const known = this.#operations.get(operation.id)
    const isPlaced = place !== undefined && isSpaceOp(operation.op) && known?.places.has(admin) !== true
    if ((this.#knows(signed) && !isPlaced) || !isSignedByAdmin(signed)) return false
    const row = known ?? { operation, signatures: new Map(), places: new Map() }
    row.signatures.set(admin, signature)
    if (isPlaced) row.places.set(admin, place)
    this.#operations.set(operation.id, row)
    this.#folded = undefined
    if (operation.op.op !== 'admit' && operation.op.op !== 'retire') this.#spaces = undefined
    return true
  }

  /**
   * What anybody shows, policies first: only what known admins signed is taken in, so a stranger
   * can neither fill the memory nor have more than one bad signature checked. @returns as `add`
   */
  addEvidence(evidence: readonly SignedOperation[]): boolean {
    let changed = false
    for (const signed of evidence) {
      if (this.#knows(signed)) continue
      if (!this.authorities.has(signed.admin) || !this.add(signed)) break
      changed = true
    }
    return changed
  }

  #knows({ operation, admin }: SignedOperation): boolean {
    return this.#operations.get(operation.id)?.signatures.has(admin) === true
  }

  get policy(): Policy {
    return this.#fold.policies.at(-1) as Policy
  }

  isMember(node: NodeId): boolean {
    return this.#fold.members.get(node)?.status === 'member'
  }

  isAdmin(node: NodeId): boolean {
    return this.policy.admins.includes(node) && this.isMember(node)
  }

  member(node: NodeId): Member | undefined {
    return this.#fold.members.get(node)
  }

  /** Everyone who ever belonged, by id. */
  get members(): readonly Member[] {
    return this.#fold.sorted
  }

  /** Where a revoked node's logs end for everybody; undefined when it was not revoked. */
  cutOf(node: NodeId): readonly CutEntry[] | undefined {
    return this.#fold.cuts.get(node)
  }

  /** Admins whose `cluster` logs carry operations: of every policy there was. */
  get authorities(): ReadonlySet<NodeId> {
    return this.#fold.authorities
  }

  /** Spaces that were created, by name; the same map until something that was decided changes them. */
  get spaces(): ReadonlyMap<string, SpaceState> {
    this.#spaces ??= foldSpaces(this.#spaceOps())
    return this.#spaces
  }

  /** Nodes that are, or were, admins of a space: their `cluster` logs carry operations too. */
  get spaceAdmins(): ReadonlySet<NodeId> {
    return new Set([...this.spaces.values()].flatMap(({ deciders }) => deciders))
  }

  #spaceOps(): readonly SignedSpaceOp[] {
    return this.#fold.inOrder.flatMap((row): readonly SignedSpaceOp[] => {
      const { operation, signatures, places } = row
      const { id, op } = operation
      if (!isSpaceOp(op)) return []
      const policy = this.#policyOf(operation)
      const signers = [...signatures.keys()].filter(signer => this.#isWithinCut(signer, places.get(signer))).sort()
      return [{ id, op, isDecided: policy !== undefined && this.#counts(id, policy), signers }]
    })
  }

  #isWithinCut(node: NodeId, place: Place | undefined): boolean {
    const cut = this.cutOf(node)
    if (place === undefined || cut === undefined) return place !== undefined
    return place.seq < (cut.find(({ log }) => log === place.log)?.size ?? 0)
  }

  /** An operation under the policy of now. */
  propose(op: Op): Operation {
    return operationOf(this.cluster, this.policy.version, op)
  }

  operation(id: string): Operation | undefined {
    return this.#operations.get(id)?.operation
  }

  /** Operations of the current policy that lack signatures. */
  get pending(): readonly PendingOperation[] {
    const rows: PendingOperation[] = []
    for (const { operation, signatures } of this.#fold.inOrder) {
      if (operation.policyVersion !== this.policy.version || this.#holdsAlready(operation)) continue
      const admins = this.#signers(signatures, this.policy)
      const needed = neededFor(operation.op, this.policy)
      if (admins.length > 0 && admins.length < needed) rows.push({ operation, admins, needed })
    }
    return rows
  }

  /** An admin of a space needs nobody else. */
  #holdsAlready({ id, op }: Operation): boolean {
    return isSpaceOp(op) && this.spaces.get(op.space)?.counts(id) === true
  }

  /** True when an operation whose id begins with `prefix` can no longer count: its policy was replaced before it did. */
  isReplaced(prefix: string): boolean {
    return [...this.#operations.values()].some(({ operation }) => {
      const policy = this.#policyOf(operation)
      return operation.id.startsWith(prefix) && policy !== this.policy && (policy === undefined || !this.#counts(operation.id, policy))
    })
  }

  /** Who used this invite, and the operation that waits or counts because of it; none when the policy has changed since. */
  redeemed(invite: string): { readonly node: NodeId; readonly operation: Operation | undefined } | undefined {
    let node: NodeId | undefined
    for (const { operation } of this.#fold.inOrder) {
      if (operation.op.op !== 'admit' || toHex(operation.op.invite) !== invite) continue
      node = operation.op.node
      const policy = this.#policyOf(operation)
      if (policy !== undefined && (policy === this.policy || this.#counts(operation.id, policy))) return { node, operation }
    }
    return node && { node, operation: undefined }
  }

  /**
   * What shows a stranger who knows the genesis that `node` belongs to the cluster: the
   * policies since, and its admission, with the signatures that make them count.
   */
  evidence(node: NodeId): readonly SignedOperation[] {
    const { policies } = this.#fold
    const rows = policies.slice(1).flatMap((policy, i) => this.#signed(policy.version, policies[i] as Policy))
    for (const { operation } of this.#fold.inOrder) {
      if (operation.op.op !== 'admit' || operation.op.node !== node) continue
      const policy = this.#policyOf(operation)
      if (policy === undefined || !this.#counts(operation.id, policy)) continue
      return [...rows, ...this.#signed(operation.id, policy)]
    }
    return rows
  }

  /** The same for all of `nodes`, and what was decided against them: so it shows where their logs end as well. */
  standing(nodes: readonly NodeId[]): readonly SignedOperation[] {
    const shown = new Map<string, readonly SignedOperation[]>()
    const show = (rows: readonly SignedOperation[]): void => {
      for (const { operation } of rows)
        shown.set(
          operation.id,
          rows.filter(row => row.operation.id === operation.id),
        )
    }
    for (const node of [...nodes].sort()) {
      show(this.evidence(node))
      for (const { operation } of this.#fold.inOrder) {
        const policy = this.#policyOf(operation)
        if (operation.op.op !== 'revoke' || operation.op.node !== node || policy === undefined || !this.#counts(operation.id, policy))
          continue
        show(this.#signed(operation.id, policy))
      }
    }
    return [...shown.values()].flat()
  }

  #policyOf(operation: Operation): Policy | undefined {
    return this.#fold.policies.find(({ version }) => version === operation.policyVersion)
  }

  #signed(id: string, under: Policy): SignedOperation[] {
    const { operation, signatures } = this.#operations.get(id) as Recorded
    return this.#signers(signatures, under)
      .slice(0, neededFor(operation.op, under))
      .map(admin => ({ operation, admin, signature: signatures.get(admin) as Uint8Array }))
  }

  #signers(signatures: ReadonlyMap<NodeId, Uint8Array>, policy: Policy): NodeId[] {
    return policy.admins.filter(admin => signatures.has(admin))
  }

  #counts(id: string, policy: Policy): boolean {
    const row = this.#operations.get(id)
    return (
      row !== undefined &&
      row.operation.policyVersion === policy.version &&
      this.#signers(row.signatures, policy).length >= neededFor(row.operation.op, policy)
    )
  }

  get #fold(): Fold {
    this.#folded ??= this.#foldAll()
    return this.#folded
  }

  #foldAll(): Fold {
    const policies: Policy[] = [{ version: this.#genesis.cluster, admins: this.#genesis.admins, threshold: this.#genesis.threshold }]
    for (let next = this.#successor(policies); next !== undefined; next = this.#successor(policies)) policies.push(next)
    const roles = new Map<NodeId, string>()
    const retired = new Set<NodeId>()
    const cuts = new Map<NodeId, readonly CutEntry[]>()
    for (const policy of policies) for (const admin of policy.admins) roles.set(admin, 'admin')
    const inOrder = [...this.#operations.values()].sort((a, b) => (a.operation.id < b.operation.id ? -1 : 1))
    for (const { operation } of inOrder) {
      const policy = policies.find(({ version }) => version === operation.policyVersion)
      if (policy === undefined || !this.#counts(operation.id, policy)) continue
      const { op } = operation
      if (op.op === 'admit' && !roles.has(op.node)) roles.set(op.node, op.role)
      if (op.op === 'retire') retired.add(op.node)
      if (op.op === 'revoke') cuts.set(op.node, narrower(cuts.get(op.node), op.cut))
    }
    const admins = new Set(policies.at(-1)?.admins)
    const members = [...roles].map(([id, role]): [NodeId, Member] => {
      const status = cuts.has(id) ? 'revoked' : retired.has(id) ? 'retired' : 'member'
      return [
        id,
        { id, role: role === 'admin' && !admins.has(id) ? 'member' : role, status, isAdmin: admins.has(id) && status === 'member' },
      ]
    })
    return {
      policies,
      authorities: new Set(policies.flatMap(policy => policy.admins)),
      members: new Map(members),
      sorted: members.map(([, member]) => member).sort((a, b) => (a.id < b.id ? -1 : 1)),
      cuts,
      inOrder,
    }
  }

  #successor(policies: readonly Policy[]): Policy | undefined {
    const current = policies.at(-1) as Policy
    const candidates = [...this.#operations.values()].filter(
      ({ operation }) => operation.op.op === 'policy' && this.#counts(operation.id, current),
    )
    const winner = candidates.map(({ operation }) => operation).sort((a, b) => (a.id < b.id ? -1 : 1))[0]
    return winner?.op.op === 'policy' ? { version: winner.id, admins: winner.op.admins, threshold: winner.op.threshold } : undefined
  }
}

/** An operation, and who signed it. */
interface Recorded {
  readonly operation: Operation
  readonly signatures: Map<NodeId, Uint8Array>
  /** Of operations about a space: where each signature was recorded first. */
  readonly places: Map<NodeId, Place>
}

/** A record of somebody's `cluster` log. */
export interface Place {
  readonly log: LogId
  readonly seq: number
}

interface Fold {
  readonly policies: readonly Policy[]
  /** The admins of all of them. */
  readonly authorities: ReadonlySet<NodeId>
  readonly members: ReadonlyMap<NodeId, Member>
  /** By id. */
  readonly sorted: readonly Member[]
  readonly cuts: ReadonlyMap<NodeId, readonly CutEntry[]>
  /** All operations, by id: what is looked for among them is found alike on every node. */
  readonly inOrder: readonly Recorded[]
}

/** k for most; a change of policy takes a majority besides. */
function neededFor(op: Op, policy: Policy): number {
  return op.op === 'policy' ? Math.max(policy.threshold, Math.floor(policy.admins.length / 2) + 1) : policy.threshold
}

/** Of two revocations of one node, per log the smaller cut: what either refuses is refused. */
function narrower(a: readonly CutEntry[] | undefined, b: readonly CutEntry[]): readonly CutEntry[] {
  if (a === undefined) return b
  return a
    .filter(entry => b.some(other => other.log === entry.log))
    .map(entry => {
      const other = b.find(({ log }) => log === entry.log) as CutEntry
      return other.size < entry.size ? other : entry
    })
}
