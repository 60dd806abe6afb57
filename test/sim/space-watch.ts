import { toHex } from '../../base/bytes.ts'
import { type CausalId, DEFAULT_SPACE, type NodeId, spaceOf } from '../../base/ids.ts'
import { reaches } from '../../discovery/spaces.ts'
import type { Core } from '../../node/core.ts'
import { sealedIn } from '../../node/keyring.ts'
import type { CoreEvent } from '../../node/step.ts'
import type { Observer } from '../../sim/observer.ts'

/** 100 ms: longer than a record is on its way to a disk. */
const COMMIT_MS = 100

/**
 * Judges a run by what authors know. When one commits a record of a private space, it knows who may hold it: whoever may not,
 * and is given no right by those who hold it, must not come to hold it. And it is sealed with a key that nobody
 * holds who may not read, as far as the author knows; what others gave away meanwhile it cannot know.
 */
export class SpaceWatch implements Observer {
  readonly violations: string[] = []
  /** Who might hold each record as its author knew. */
  readonly #allowed: Map<CausalId, ReadonlySet<NodeId>> = new Map()
  readonly #cores: Map<string, Core> = new Map()
  /** What was decided as each node knows it, and since when. */
  readonly #decided: Map<Core, { readonly created: Core['spaces']['created']; readonly atMs: number }> = new Map()

  onBoot(node: string, core: Core): void {
    this.#cores.set(node, core)
  }

  onEnd(node: string): void {
    this.#cores.delete(node)
  }

  onStep(node: string, core: Core, event: CoreEvent): void {
    const { created } = core.spaces
    if (this.#decided.get(core)?.created !== created) this.#decided.set(core, { created, atMs: core.now.monotonicMs })
    if (event.kind !== 'committed' || event.error !== undefined) return
    for (const { log, records } of event.staged.groups) {
      const space = spaceOf(log.identity.stream)
      if (space === undefined || space === DEFAULT_SPACE) continue
      for (const { id, record } of records) {
        if (log.identity.author === core.self) this.#wrote(node, core, space, id, record.body)
        else this.#holds(node, core, space, id)
      }
    }
  }

  #wrote(node: string, core: Core, space: string, id: CausalId, body: Uint8Array): void {
    const state = core.spaces.created.get(space)
    if (state?.isPrivate !== true) return
    const members = core.cluster.membership.members.map(member => member.id)
    const may = (needed: 'relay' | 'read'): readonly NodeId[] =>
      members.filter(member => reaches(core.spaces.roleOf(space, member), needed))
    this.#allowed.set(id, new Set(may('relay')))
    const [, name] = sealedIn(body) ?? []
    if (name === undefined) return
    const readers = may('read')
    const others = members.filter(member => !readers.includes(member) && state.boxesFor(member).some(({ key }) => key === toHex(name)))
    // What is decided while a record is on its way to the disk comes too late for it.
    const { atMs } = this.#decided.get(core) as { readonly atMs: number }
    if (others.length > 0 && core.now.monotonicMs - atMs > COMMIT_MS)
      this.violations.push(`${node} has sealed ${id} with a key that ${others.join()} holds`)
  }

  #holds(node: string, core: Core, space: string, id: CausalId): void {
    const allowed = this.#allowed.get(id)
    if (allowed === undefined || allowed.has(core.self)) return
    const isBelieved = [...this.#cores.values()].some(other => {
      const holds = [...other.chain.logs.values()].some(({ identity, size }) => spaceOf(identity.stream) === space && size > 0)
      return holds && reaches(other.spaces.roleOf(space, core.self), 'relay')
    })
    if (!isBelieved) this.violations.push(`${node} holds ${id} of ${space}`)
  }
}
