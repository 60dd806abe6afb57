import type { NodeId } from '../../base/ids.ts'
import { reaches, type SpaceState } from '../../discovery/spaces.ts'
import type { Core } from '../../node/core.ts'

/** What a node knew of one private space at one time. */
export interface SpaceView {
  /** Members that may hold it: relays too. */
  readonly holders: ReadonlySet<NodeId>
  readonly readers: ReadonlySet<NodeId>
  readonly isEncrypted: boolean
  /** Members that were given a key. */
  keyHolders(key: string): readonly NodeId[]
}

/** Private spaces by name; a space that is not among them is open, as far as this node knew. */
export type Views = ReadonlyMap<string, SpaceView>

interface Known {
  readonly sinceMs: number
  readonly views: Views
}

/**
 * Who may hold and read which space as each node knew it, and for how long it has. What a node does now it may have begun when it knew
 * less, so what it knew a while ago is kept as well.
 */
export class SpaceViews {
  /** How long ago a node may have begun what is seen now. */
  readonly #keepMs: number
  readonly #known: Map<string, Known[]> = new Map()
  readonly #private: Set<string> = new Set()
  readonly #seen: Map<Core, readonly [created: unknown, members: unknown]> = new Map()

  constructor(keepMs: number) {
    this.#keepMs = keepMs
  }

  onStep(node: string, core: Core, nowMs: number): void {
    // A node that has not read what it stores knows nothing yet, and passes nothing on.
    if (!core.isFolded) return
    const { created } = core.spaces
    const { members } = core.cluster.membership
    const seen = this.#seen.get(core)
    if (seen?.[0] === created && (created.size === 0 || seen[1] === members)) return
    this.#seen.set(core, [created, members])
    // Before it heard of the first space all were open, as far as it knew, and what it says now it may have begun then.
    const known: Known[] = this.#known.get(node) ?? [{ sinceMs: 0, views: new Map() }]
    if (created.size === 0 && !this.#known.has(node)) return
    const views = viewsOf(core)
    for (const space of views.keys()) this.#private.add(space)
    known.push({ sinceMs: nowMs, views })
    const oldest = known.findIndex((_, i) => (known[i + 1]?.sinceMs ?? nowMs) >= nowMs - this.#keepMs)
    this.#known.set(node, known.slice(oldest))
  }

  /** Somebody knows of a private space. */
  get hasPrivate(): boolean {
    return this.#private.size > 0
  }

  /** Somebody knows that this space is private. */
  isPrivate(space: string): boolean {
    return this.#private.has(space)
  }

  /** A life of a node is over. */
  onEnd(core: Core | undefined): void {
    if (core !== undefined) this.#seen.delete(core)
  }

  /** All that a node has gone by lately; nothing when it has never heard of a space. */
  lately(node: string, nowMs: number): readonly Views[] {
    const known = this.#known.get(node) ?? []
    return known.filter((_, i) => (known[i + 1]?.sinceMs ?? nowMs) >= nowMs - this.#keepMs).map(({ views }) => views)
  }
}

function viewsOf(core: Core): Views {
  const members = core.cluster.membership.members.map(({ id }) => id)
  const views = new Map<string, SpaceView>()
  for (const [space, state] of core.spaces.created) if (state.isPrivate) views.set(space, viewOf(core, space, state, members))
  return views
}

function viewOf(core: Core, space: string, state: SpaceState, members: readonly NodeId[]): SpaceView {
  const roles = members.map(member => [member, core.spaces.roleOf(space, member)] as const)
  const may = (needed: 'relay' | 'read'): ReadonlySet<NodeId> =>
    new Set(roles.filter(([, role]) => reaches(role, needed)).map(([member]) => member))
  return {
    holders: may('relay'),
    readers: may('read'),
    isEncrypted: state.isEncrypted,
    keyHolders: key => members.filter(member => state.boxesFor(member).some(box => box.key === key)),
  }
}
