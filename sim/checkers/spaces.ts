import { toHex } from '../../base/bytes.ts'
import { DEFAULT_SPACE, type NodeId, spaceOf } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import type { Written } from '../../chain/written.ts'
import type { Core } from '../../node/core.ts'
import { sealedIn } from '../../node/keyring.ts'
import type { CoreEvent, Effect } from '../../node/step.ts'
import type { Fault } from '../faults/fault.ts'
import { type Case, Judge, soundNodes } from './case.ts'
import type { Ending, SpaceTestimony } from './checker.ts'
import { difference, nodeText, short } from './facts.ts'
import { SpaceViews } from './space-views.ts'

/** 5 s: longer than what is sealed waits for the disk, and what is sent for a sound wire. */
const ON_ITS_WAY_MS = 5_000
/** 2 minutes: the longest clog of a wire and the longest pause of a node, one after the other. */
const HELD_UP_MS = 120_000
/** What makes things wait without losing them. */
const HOLDING_UP: readonly Fault['verb'][] = [
  'clog',
  'swizzle',
  'net',
  'pause',
  'slow',
  'disk-slow',
  'disk-full',
  'disk-sync-fails',
  'clock-freeze',
]

/**
 * A private space stays among those that it is for. What a node may not hold nobody gives it who knows that; what is
 * written is sealed with a key that nobody was given, as far as the author knows, who may not read it; and whoever holds the same
 * records and keys reads the same. What others have decided meanwhile a node cannot know.
 */
export class SpaceChecker extends Judge {
  readonly id = 'spaces'
  readonly says = 'a private space is held by nobody who may not, sealed for its readers, and the same for all who hold its keys'
  readonly #views: SpaceViews
  readonly #cores: Map<string, Core> = new Map()
  /** Nonces: what was sealed once may be written again, when a log is mended, and is not sealed anew. */
  readonly #sealed: Set<string> = new Set()

  constructor(shared: Case) {
    super(shared)
    const { faults, net } = shared.setup.scenario
    const isHeldUp = faults.some(({ fault }) => HOLDING_UP.includes(fault.verb)) || (net.loss ?? 0) > 0
    this.#views = new SpaceViews(isHeldUp ? HELD_UP_MS : ON_ITS_WAY_MS)
  }

  override onBoot(node: string, core: Core): void {
    super.onBoot(node, core)
    this.#views.onEnd(this.#cores.get(node))
    this.#cores.set(node, core)
  }

  onStep(node: string, core: Core, event: CoreEvent, effects: readonly Effect[]): void {
    this.ledger.onStep(node, core, event, effects)
    // A frame changes nothing before it is stored, and most steps are frames and ticks.
    if (event.kind !== 'frame' && event.kind !== 'wake') this.#views.onStep(node, core, this.setup.nowMs())
    if (!this.#views.hasPrivate || !this.setup.isCorrect(node)) return
    for (const effect of effects) {
      if (effect.kind !== 'commit') continue
      for (const { log, records } of effect.staged.groups) {
        const space = spaceOf(log.identity.stream)
        if (space === undefined || space === DEFAULT_SPACE || log.identity.author !== core.self) continue
        for (const record of records) this.#wrote(node, space, record)
      }
    }
    if (event.kind !== 'committed' || event.error !== undefined) return
    for (const { log, records } of event.staged.groups) {
      const { author, stream } = log.identity
      const space = spaceOf(stream)
      const [record] = records
      if (space === undefined || !this.#views.isPrivate(space) || author === core.self || record === undefined) continue
      if (!this.#mayHold(core.self, author, space)) return this.#holds(node, space, record, author)
    }
  }

  // ---- who holds it

  /** Somebody who holds of this space believes that this node may, or did lately: what it said then arrives now. */
  #mayHold(node: NodeId, author: NodeId, space: string): boolean {
    if (!this.story.isHonest(this.story.nameOf(author) ?? '')) return true
    for (const [name] of this.#cores) {
      if (this.story.nameOf(node) === name || !this.#hasSome(name, space)) continue
      // A hostile node tells whom it likes.
      if (!this.story.isHonest(name)) return true
      const lately = this.#views.lately(name, this.setup.nowMs())
      if (lately.length === 0 || lately.some(views => views.get(space)?.holders.has(node) ?? true)) return true
    }
    return false
  }

  #hasSome(name: string, space: string): boolean {
    for (const [log, ids] of this.ledger.heldBy(name)) {
      const identity = ids.length === 0 ? undefined : this.ledger.identity(log)
      if (identity !== undefined && spaceOf(identity.stream) === space) return true
    }
    return false
  }

  #holds(node: string, space: string, { id, seq }: Written, author: NodeId): void {
    this.violated(
      [node],
      `nobody who holds anything of the private space ${space} knows of a right that ${node} has there`,
      `${node} has come to hold record ${seq} (${short(id)}) that ${nodeText(author, this.story.nameOf(author))} wrote in it`,
    )
  }

  // ---- who can open it

  #wrote(node: string, space: string, { id, kind, record }: Written): void {
    const [, name, nonce] = sealedIn(record.body) ?? []
    const lately = this.#views.lately(node, this.setup.nowMs())
    const views = lately.map(known => known.get(space))
    // It was open when this was said, as far as the author knew.
    if (views.length === 0 || views.some(view => view?.isEncrypted !== true)) return
    if (name === undefined || nonce === undefined) {
      // What was written before the space was private is written again when a log is mended.
      if (kind !== KIND['memory.remember'] || this.story.lossesOf(node).length > 0) return
      return this.violated([node], `${node} knows that the space ${space} is encrypted`, `it has written ${short(id)} for all to read`)
    }
    if (this.#sealed.has(toHex(nonce))) return
    this.#sealed.add(toHex(nonce))
    const key = toHex(name)
    const others = views.map(view => view?.keyHolders(key).filter(holder => !view.readers.has(holder)) ?? [])
    if (others.some(({ length }) => length === 0)) return
    const told = others.at(-1)?.map(holder => nodeText(holder, this.story.nameOf(holder))) ?? []
    this.violated(
      [node],
      `${node} knows that ${told.join(' and ')} may not read in the space ${space}`,
      `it has sealed ${short(id)} with a key that was given to ${told.join(' and ')}`,
    )
  }

  // ---- the end

  /** Nobody has a key that he was not given; and those who hold the same records and the same keys read the same. */
  atEnd(ending: Ending): void {
    for (const [name] of soundNodes(ending, this.story)) if (!this.#wasGivenAll(name)) return
    const first = new Map<string, readonly [name: string, said: SpaceTestimony]>()
    for (const [name, testimony] of soundNodes(ending, this.story)) {
      for (const [space, said] of testimony.spaces) {
        const keys = this.#keysOf(name, space, said)
        if (keys === undefined || said.memories === null) continue
        const state = `${space} ${testimony.foldVersion} ${said.frontier} ${keys}`
        const other = first.get(state)
        if (other === undefined) first.set(state, [name, said])
        else if (this.#differ(space, other, [name, said])) return
      }
    }
  }

  #wasGivenAll(name: string): boolean {
    const core = this.ledger.core(name)
    for (const [space, state] of core?.spaces.created ?? []) {
      const given = new Set(state.boxesFor((core as Core).self).map(({ key }) => key))
      const taken = state.keys.find(key => core?.spaces.has(space, key) === true && !given.has(key))
      if (taken === undefined) continue
      this.violated([name], `nobody has given ${name} the key ${short(taken)} of the space ${space}`, `${name} holds it in the end`)
      return false
    }
    return true
  }

  /** Which keys a node holds; where nobody sees that, only who lacks none can be compared. */
  #keysOf(name: string, space: string, { sealed }: SpaceTestimony): string | undefined {
    const core = this.ledger.core(name)
    if (core === undefined) return sealed === 0 ? 'all' : undefined
    return core.spaces.created
      .get(space)
      ?.keys.filter(key => core.spaces.has(space, key))
      .join()
  }

  #differ(space: string, [a, first]: readonly [string, SpaceTestimony], [b, other]: readonly [string, SpaceTestimony]): boolean {
    for (const part of ['sealed', 'memories'] as const) {
      if (JSON.stringify(first[part]) === JSON.stringify(other[part])) continue
      const [left, right] = difference(first[part], other[part])
      this.violated([a, b], `${part} in the space ${space} on ${a}: ${left}`, `on ${b}, which holds the same records and keys: ${right}`)
      return true
    }
    return false
  }
}

/** What a node that may do nothing in it cannot be asked to hold: logs of private spaces. */
