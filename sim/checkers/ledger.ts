import { toHex } from '../../base/bytes.ts'
import { type CausalId, causalIdOf, type LogId, logIdOf } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import { decodeCut } from '../../chain/cover.ts'
import type { Group } from '../../chain/chain.ts'
import type { Log } from '../../chain/log.ts'
import type { LogIdentity } from '../../chain/record.ts'
import type { Written } from '../../chain/written.ts'
import { decodeRebase } from '../../ecc/records.ts'
import type { Core } from '../../node/core.ts'
import type { CoreEvent, Effect } from '../../node/step.ts'
import type { Story } from './story.ts'

export interface LedgerRecord {
  readonly log: LogIdentity
  readonly written: Written
  /** The author's own core wrote it. */
  readonly isOwn: boolean
}

/**
 * The ghost truth about records: what each author's own core wrote, and what each node's disk holds, taken from
 * the commits as they go by. In a run on real processes nobody tells it anything, and it stays empty.
 *
 * Any judge may tell it what it sees; what it was told before is not told again.
 */
export class Ledger {
  readonly #story: Story
  readonly #records: Map<CausalId, LedgerRecord> = new Map()
  /** Ids of records that were in an author's log when its first life began. */
  readonly #before: Set<CausalId> = new Set()
  readonly #held: Map<string, Map<LogId, CausalId[]>> = new Map()
  readonly #cores: Map<string, Core> = new Map()
  readonly #identities: Map<LogId, LogIdentity> = new Map()
  /** Old ids of records that were appended again, and their new ones. */
  readonly #renamed: Map<CausalId, CausalId> = new Map()
  /** By node: what was synced before its newest life, and was not there when that began. */
  readonly #gone: Map<string, Gone> = new Map()
  #lastStep: readonly Effect[] | undefined

  constructor(story: Story) {
    this.#story = story
  }

  /** Somebody saw something at all: not so in a run on real processes. */
  get isFed(): boolean {
    return this.#cores.size > 0
  }

  record(id: CausalId): LedgerRecord | undefined {
    return this.#records.get(id)
  }

  /** The core of a node's newest life. */
  core(node: string): Core | undefined {
    return this.#cores.get(node)
  }

  /** What the disk of a node holds durably, by place in each log. */
  heldBy(node: string): ReadonlyMap<LogId, readonly CausalId[]> {
    return this.#held.get(node) ?? NOTHING
  }

  /** What a node had synced in its last life and did not find again when its newest began. */
  goneAtBoot(node: string): Gone | undefined {
    return this.#gone.get(node)
  }

  identity(log: LogId): LogIdentity | undefined {
    return this.#identities.get(log)
  }

  /** What a record is called since it was appended again. */
  newest(id: CausalId): CausalId {
    let now = id
    for (let next = this.#renamed.get(now); next !== undefined; next = this.#renamed.get(now)) now = next
    return now
  }

  /** The author's own core wrote this record. */
  isGenuine(id: CausalId): boolean {
    return this.#records.get(id)?.isOwn === true || this.#before.has(id)
  }

  /** `n3's memory/main log (a1b2c3d4)`. */
  textOf(log: LogId): string {
    const identity = this.#identities.get(log)
    const author = identity === undefined ? undefined : this.#story.nameOf(identity.author)
    return identity === undefined ? `log ${log.slice(0, 8)}` : `${author ?? 'a stranger'}'s ${identity.stream} log (${log.slice(0, 8)})`
  }

  // ---- what is seen

  onBoot(node: string, core: Core): void {
    if (this.#cores.get(node) === core) return
    const isFirst = !this.#cores.has(node)
    this.#cores.set(node, core)
    const before = this.#held.get(node)
    const held = new Map<LogId, CausalId[]>()
    for (const [id, log] of core.chain.logs) {
      this.#identities.set(id, log.identity)
      const ids = replayed(log, before?.get(id) ?? [])
      held.set(id, ids)
      if (isFirst && log.identity.author === core.self) for (const own of ids) this.#before.add(own)
    }
    this.#held.set(node, held)
    this.#gone.delete(node)
    for (const [log, ids] of before ?? []) {
      const left = held.get(log)?.length ?? 0
      if (left < ids.length) this.#gone.set(node, { log, had: ids.length, left })
    }
  }

  onStep(node: string, core: Core, event: CoreEvent, effects: readonly Effect[]): void {
    if (effects === this.#lastStep) return
    this.#lastStep = effects
    if (event.kind === 'committed' && event.error === undefined) for (const group of event.staged.groups) this.#hold(node, core, group)
    for (const effect of effects) if (effect.kind === 'commit') for (const group of effect.staged.groups) this.#stage(core, group)
  }

  /** On its way to the disk: if that is where it ends up, it was written though nobody hears of it. */
  #stage(core: Core, { log, records }: Group): void {
    this.#identities.set(log.identity.id, log.identity)
    if (log.identity.author === core.self) for (const written of records) this.#learn(log.identity, written, true)
  }

  #hold(node: string, core: Core, { log, records, notes }: Group): void {
    const { identity } = log
    const held = this.#held.get(node) ?? new Map<LogId, CausalId[]>()
    this.#held.set(node, held)
    for (const note of notes) {
      const cut = note.type === 'cut' ? decodeCut(note.payload) : undefined
      const ids = cut === undefined ? undefined : held.get(cut.log)
      if (cut !== undefined && ids !== undefined && ids.length > cut.size) ids.length = cut.size
    }
    let ids = held.get(identity.id)
    if (ids === undefined) held.set(identity.id, (ids = []))
    for (const written of records) {
      ids[written.seq] = written.id
      this.#learn(identity, written, identity.author === core.self)
    }
  }

  #learn(log: LogIdentity, written: Written, isOwn: boolean): void {
    const known = this.#records.get(written.id)
    if (known === undefined || (isOwn && !known.isOwn)) this.#records.set(written.id, { log, written, isOwn })
    if (known !== undefined || written.kind !== KIND['log.rebase'] || !isOwn) return
    for (const [old, now] of decodeRebase(written.record.body) ?? []) this.#renamed.set(causalIdOf(old), causalIdOf(now))
  }
}

/** The end of a log that was synced, and is not there any more. */
export interface Gone {
  readonly log: LogId
  readonly had: number
  readonly left: number
}

const NOTHING: ReadonlyMap<LogId, readonly CausalId[]> = new Map()

/** The ids of a log as a start found it: as far as it ends like what was known, that is what it is. */
function replayed(log: Log, known: readonly CausalId[]): CausalId[] {
  const size = log.durable
  const common = Math.min(size, known.length)
  const isSame = common === 0 || toHex(log.tree.leaf(common - 1)) === known[common - 1]
  const ids = isSame ? known.slice(0, common) : []
  for (let seq = ids.length; seq < size; seq++) ids.push(causalIdOf(log.tree.leaf(seq)))
  return ids
}

/** The log and place that a parent names. */
export function parentOf(parent: Written['parents'][number]): { readonly log: LogId; readonly seq: number; readonly id: CausalId } {
  return { log: logIdOf(parent.logId), seq: parent.seq, id: causalIdOf(parent.leaf) }
}
