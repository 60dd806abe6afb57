import type { NodeId } from '../base/ids.ts'
import type { KeyBox, SpaceOp, SpaceRole } from './operation.ts'
import { andFrom, common, EVERYWHERE, NOWHERE, type Spans, until } from './spans.ts'

/**
 * Who may read and write which space, as a fold over what was decided about it. Each operation names the newest
 * ones that its signers knew (`after`), so what came before what is part of what was signed, and no log and no order of
 * arrival can change it. What was decided later replaces what it knew of. Where two operations about one
 * node did not know of each other, the lesser right holds, until a later one settles it.
 *
 * It takes k admins of the cluster, or one admin of the space, who was that as far as the operation knows.
 * Whoever loses that right can still sign, and pretend to have known nothing of it. So what an admin of the space
 * signed concurrently with being put down is void: all of it when admins of the cluster did that, and what would give a
 * right when another admin of the space did.
 */
export interface SignedSpaceOp {
  readonly id: string
  readonly op: SpaceOp
  /** Enough admins of the cluster have signed it. */
  readonly isDecided: boolean
  /** Who signed it where that counts: within what counts of the signer's log. */
  readonly signers: readonly NodeId[]
}

export interface SpaceState {
  readonly space: string
  readonly isPrivate: boolean
  readonly isEncrypted: boolean
  /** What a new operation comes after. */
  readonly heads: readonly string[]
  /** What a node may do here. */
  roleOf(node: NodeId): SpaceRole
  /** Which records of a node's log in this space count. */
  writesOf(node: NodeId): Spans
  /** Nodes that some operation speaks of, by id. */
  readonly named: readonly NodeId[]
  /** Nodes that have ever been admins of the space: their `cluster` logs carry operations. */
  readonly deciders: readonly NodeId[]
  /** Operations of this space that hold or held. */
  counts(id: string): boolean
  /** Every key that was given to a node, by whoever had the right to. */
  boxesFor(node: NodeId): readonly Box[]
  /** All keys there are, by name. */
  readonly keys: readonly string[]
  /**
   * Keys to write with, the best one first: those that nobody holds who may not read now, and that no later one replaced. More
   * than one where keys were changed without knowing of each other.
   */
  writingKeys(mayRead: (node: NodeId) => boolean): readonly string[]
}

export interface Box extends KeyBox {
  readonly passing: Uint8Array
}

const RANK: Readonly<Record<SpaceRole, number>> = { none: 0, relay: 1, read: 2, write: 3, admin: 4 }

/** True when `role` may do what `needed` may. */
export function reaches(role: SpaceRole, needed: SpaceRole): boolean {
  return RANK[role] >= RANK[needed]
}

/** Spaces that were created, by name. Those that nobody created are open to all members, and not in here. */
export function foldSpaces(operations: readonly SignedSpaceOp[]): ReadonlyMap<string, SpaceState> {
  const bySpace = new Map<string, SignedSpaceOp[]>()
  for (const operation of operations) {
    const list = bySpace.get(operation.op.space)
    if (list === undefined) bySpace.set(operation.op.space, [operation])
    else list.push(operation)
  }
  const states = new Map<string, SpaceState>()
  for (const [space, list] of [...bySpace].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const state = new SpaceHistory(space, list)
    if (state.isCreated) states.set(space, state)
  }
  return states
}

interface Row extends SignedSpaceOp {
  /** Its bit in sets of operations. */
  readonly bit: bigint
  /** Everything before it. */
  readonly past: bigint
  /** Whom it is about; of a creation, the owner; of keys, nobody. */
  readonly node: NodeId | undefined
  readonly role: SpaceRole
}

class SpaceHistory implements SpaceState {
  readonly space: string
  readonly isPrivate: boolean
  readonly isEncrypted: boolean
  readonly isCreated: boolean
  /** Those whose past is known, each after its past. */
  readonly #rows: readonly Row[]
  /** Of each row: who signed it with the right to; `true` when that was the cluster. */
  readonly #authority: Map<Row, true | readonly NodeId[]> = new Map()
  readonly #roles: Map<NodeId, SpaceRole> = new Map()
  readonly #writes: Map<NodeId, Spans> = new Map()
  readonly #all: bigint

  constructor(space: string, operations: readonly SignedSpaceOp[]) {
    this.space = space
    this.#rows = inCausalOrder(operations)
    this.#all = (1n << BigInt(this.#rows.length)) - 1n
    for (const row of this.#rows) {
      const authority = row.isDecided || this.#signersWithRight(row)
      if (authority === true || authority.length > 0) this.#authority.set(row, authority)
    }
    const created = this.#rows.filter(row => row.op.op === 'space.create' && this.#authority.get(row) === true)
    this.isCreated = created.length > 0
    this.isPrivate = created.some(({ op }) => op.op === 'space.create' && op.isPrivate)
    this.isEncrypted = created.some(({ op }) => op.op === 'space.create' && op.isEncrypted)
  }

  get heads(): readonly string[] {
    let covered = 0n
    for (const row of this.#authority.keys()) covered |= row.past
    return [...this.#authority.keys()]
      .filter(row => (covered & row.bit) === 0n)
      .map(row => row.id)
      .sort()
  }

  get named(): readonly NodeId[] {
    return [...new Set([...this.#authority.keys()].flatMap(row => row.node ?? []))].sort()
  }

  get deciders(): readonly NodeId[] {
    return [...new Set([...this.#authority.keys()].filter(row => row.role === 'admin').flatMap(row => row.node ?? []))].sort()
  }

  counts(id: string): boolean {
    return [...this.#authority.keys()].some(row => row.id === id && !this.#isOverruled(row, this.#all))
  }

  roleOf(node: NodeId): SpaceRole {
    let role = this.#roles.get(node)
    if (role === undefined) {
      const newest = this.#newestAbout(node, this.#all)
      role = newest.length === 0 ? (this.isPrivate ? 'none' : 'write') : least(newest.map(row => row.role))
      this.#roles.set(node, role)
    }
    return role
  }

  writesOf(node: NodeId): Spans {
    let writes = this.#writes.get(node)
    if (writes === undefined) {
      writes = this.#writesAt(node, this.#all)
      this.#writes.set(node, writes)
    }
    return writes
  }

  boxesFor(node: NodeId): readonly Box[] {
    return this.#boxes(() => true).filter(box => box.node === node)
  }

  get keys(): readonly string[] {
    return [...new Set(this.#boxes(() => true).map(({ key }) => key))].sort()
  }

  writingKeys(mayRead: (node: NodeId) => boolean): readonly string[] {
    const holds = (row: Row): boolean => !this.#isOverruled(row, this.#all)
    const boxes = this.#boxes(() => true)
    const sound = [...new Set(this.#boxes(holds).map(({ key }) => key))].filter(key =>
      boxes.every(box => box.key !== key || mayRead(box.node)),
    )
    // A key begins with the operations that give it and know of none that did.
    const begins = new Map(
      sound.map((key): [string, readonly Row[]] => {
        const rows = [...this.#authority.keys()].filter(({ op }) => op.op === 'space.key' && op.boxes.some(box => box.key === key))
        return [key, rows.filter(row => !rows.some(other => (row.past & other.bit) !== 0n))]
      }),
    )
    const isReplaced = (key: string): boolean =>
      sound.some(
        later =>
          later !== key && (begins.get(later) as Row[]).every(row => (begins.get(key) as Row[]).some(({ bit }) => (row.past & bit) !== 0n)),
      )
    return [...sound.filter(key => !isReplaced(key)).sort(), ...sound.filter(isReplaced).sort()]
  }

  #boxes(which: (row: Row) => boolean): readonly Box[] {
    return [...this.#authority.keys()].flatMap(row => {
      const { op } = row
      return op.op === 'space.key' && which(row) ? op.boxes.map(box => ({ ...box, passing: op.passing })) : []
    })
  }

  /** Signers who were admins of the space as far as the operation knows. Only the cluster creates. */
  #signersWithRight(row: Row): readonly NodeId[] {
    if (row.op.op === 'space.create') return []
    return row.signers.filter(signer => {
      const newest = this.#newestAbout(signer, row.past)
      return newest.length > 0 && least(newest.map(({ role }) => role)) === 'admin'
    })
  }

  /** Operations about a node that hold within `set` and that none of them replaces. */
  #newestAbout(node: NodeId, set: bigint): readonly Row[] {
    const about = [...this.#authority.keys()].filter(row => row.node === node && (set & row.bit) !== 0n && !this.#isOverruled(row, set))
    return about.filter(row => !about.some(later => (later.past & row.bit) !== 0n))
  }

  /** Signed by nobody but admins of the space who were put down meanwhile, as far as `set` knows. */
  #isOverruled(row: Row, set: bigint): boolean {
    const authority = this.#authority.get(row)
    if (authority === undefined || authority === true) return false
    return authority.every(signer => this.#fallOf(signer, row, set) !== undefined)
  }

  /** What put a signer down concurrently with what it signed, in such a way that this does not hold. */
  #fallOf(signer: NodeId, signed: Row, set: bigint): Row | undefined {
    const gives = signed.op.op !== 'space.revoke'
    return this.#rows.find(row => {
      const authority = this.#authority.get(row)
      if (authority === undefined || row.node !== signer || row.role === 'admin' || (set & row.bit) === 0n) return false
      if ((signed.past & row.bit) !== 0n || (row.past & signed.bit) !== 0n || row === signed) return false
      return authority === true || (gives && !this.#isOverruledByCluster(row, authority, set))
    })
  }

  #isOverruledByCluster(row: Row, signers: readonly NodeId[], set: bigint): boolean {
    return signers.every(signer =>
      this.#rows.some(
        fall =>
          this.#authority.get(fall) === true &&
          fall.node === signer &&
          fall.role !== 'admin' &&
          (set & fall.bit) !== 0n &&
          (row.past & fall.bit) === 0n &&
          (fall.past & row.bit) === 0n,
      ),
    )
  }

  #writesAt(node: NodeId, set: bigint): Spans {
    const newest = this.#newestAbout(node, set)
    if (newest.length === 0) return this.isPrivate ? NOWHERE : EVERYWHERE
    return newest
      .map(row => {
        const before = this.#writesAt(node, row.past)
        if (row.op.op === 'space.create' || row.op.op === 'space.key') return EVERYWHERE
        return RANK[row.role] >= RANK.write ? andFrom(before, row.op.at) : until(before, row.op.at)
      })
      .reduce(common)
  }
}

function least(roles: readonly SpaceRole[]): SpaceRole {
  return roles.reduce((a, b) => (RANK[b] < RANK[a] ? b : a))
}

/** Each after those it names. One that names what has not arrived waits for it. */
function inCausalOrder(operations: readonly SignedSpaceOp[]): readonly Row[] {
  const rows = new Map<string, Row>()
  let left = [...operations].sort((a, b) => (a.id < b.id ? -1 : 1))
  for (let before = -1; left.length !== before; ) {
    before = left.length
    left = left.filter(operation => {
      const parents = operation.op.after.map(id => rows.get(id))
      if (parents.includes(undefined)) return true
      const past = parents.reduce((set, row) => set | (row as Row).past | (row as Row).bit, 0n)
      const { op } = operation
      const node = op.op === 'space.create' ? op.owner : op.op === 'space.key' ? undefined : op.node
      const role = op.op === 'space.create' ? 'admin' : op.op === 'space.grant' ? op.role : 'none'
      rows.set(operation.id, { ...operation, bit: 1n << BigInt(rows.size), past, node, role })
      return false
    })
  }
  return [...rows.values()]
}
