import type { NodeId } from '../../base/ids.ts'
import { SPACE_ROLES, type SpaceRole } from '../../discovery/operation.ts'
import { reaches } from '../../discovery/spaces.ts'
import type { SimRandom } from '../random.ts'
import type { Asking } from './asking.ts'
import type { Operation } from './history.ts'

/**
 * Who may do what in an encrypted space changes all the time: the founder creates it, its admins give and take roles, their own
 * too, and change its keys. Mostly by who may decide, as far as callers were told.
 */
export class RoleWork {
  readonly #asking: Asking
  readonly #space: string
  readonly #nodes: readonly string[]
  readonly #roles: Map<string, SpaceRole> = new Map()
  /** The newest attempt, and the life of the founder in which it was made. */
  #creation: { readonly operation: Operation; readonly life: number } | undefined

  /** @param nodes the first of them founded the cluster and is its only admin */
  constructor(asking: Asking, space: string, nodes: readonly string[]) {
    this.#asking = asking
    this.#space = space
    this.#nodes = nodes
  }

  /** The one who is asked for what takes a right: somebody who has it mostly, anybody now and then; nobody before there is a space. */
  somebodyWho(needed: 'read' | 'write', drawn: string, random: SimRandom, up: readonly string[]): string | undefined {
    if (!this.#isCreated) return undefined
    if (this.#may(drawn, needed) || random.chance(150)) return drawn
    const able = up.filter(name => this.#may(name, needed))
    return able.length === 0 ? undefined : random.pick(able)
  }

  decide(drawn: string, random: SimRandom, up: readonly string[]): void {
    if (!this.#isCreated) return this.#create(up)
    const founder = this.#nodes[0] as string
    const deciders = up.filter(name => name === founder || this.#may(name, 'admin'))
    const by = deciders.length === 0 || random.chance(100) ? drawn : random.pick(deciders)
    const dice = random.below(10)
    if (dice === 0) return void this.#asking.ask(by, 'space.rotate', { space: this.#space })
    const name = random.pick(this.#nodes)
    const nodeId = this.#asking.stage.nodeId(name)
    if (nodeId === undefined) return
    if (dice < 5 && this.#may(name, 'relay')) return this.#revoke(by, name, nodeId)
    const role = random.pick(SPACE_ROLES)
    const input = { space: this.#space, nodeId, role, history: random.chance(700) }
    this.#asking.ask(by, 'space.grant', input, () => void this.#roles.set(name, role))
  }

  #revoke(by: string, name: string, nodeId: NodeId): void {
    this.#asking.ask(by, 'space.revoke', { space: this.#space, nodeId }, () => void this.#roles.set(name, 'none'))
  }

  /** Only the founder can; once more when it died before it answered. */
  #create(up: readonly string[]): void {
    const { stage } = this.#asking
    const founder = this.#nodes[0] as string
    const life = stage.life(founder)
    const isAsked = this.#creation?.operation.endMs === null && this.#creation.life === life
    if (isAsked || !up.includes(founder)) return
    const operation = this.#asking.ask(founder, 'space.create', { space: this.#space, encrypted: true }, () =>
      this.#roles.set(founder, 'admin'),
    )
    this.#creation = { operation, life }
  }

  get #isCreated(): boolean {
    const operation = this.#creation?.operation
    return operation?.outcome === 'ok' || operation?.error?.code === 'space_exists'
  }

  #may(name: string, needed: SpaceRole): boolean {
    return reaches(this.#roles.get(name) ?? 'none', needed)
  }
}
