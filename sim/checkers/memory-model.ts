import { toHex } from '../../base/bytes.ts'
import { compareHlc, type Hlc } from '../../base/hlc.ts'
import { type CausalId, DEFAULT_SPACE, type LogId, memoryStream } from '../../base/ids.ts'
import { isFolded, KIND } from '../../base/kinds.ts'
import { erasedLeaf } from '../../chain/erasure.ts'
import { RETRACT_DEPTH_MAX, SUPERSEDES_COMPARED_MAX } from '../../base/limits.ts'
import { decodeLink, decodeRebase, decodeRemember, decodeRetract, decodeSupersede, type Remember, WEIGHT_ONE } from '../../ecc/records.ts'
import type { ConflictList } from '../../node/api.ts'
import { type Ledger, parentOf } from './ledger.ts'

/** A record as a fold gets it: with no body when it is void. */
export interface ModelRecord {
  readonly id: CausalId
  readonly log: LogId
  readonly seq: number
  readonly hlc: Hlc
  readonly kind: number
  /** Records of the same memory that it builds on. */
  readonly parents: readonly { readonly log: LogId; readonly seq: number }[]
  readonly body: Uint8Array | null
}

/** What a record says, once it is read. */
type Saying =
  | { readonly says: 'memory'; readonly remember: Remember }
  | { readonly says: 'link'; readonly from: CausalId; readonly to: CausalId; readonly type: string; readonly weight: number }
  | { readonly says: 'supersede'; readonly by: CausalId; readonly targets: readonly CausalId[] }
  | { readonly says: 'retract'; readonly target: CausalId; readonly erase: boolean }
  | { readonly says: 'nothing' }

interface Entry extends ModelRecord {
  readonly saying: Saying
  /** How many records of each log its author knew of. */
  readonly past: ReadonlyMap<LogId, number>
}

/** One memory in the place of another; `by` is undefined while it has not arrived. */
interface Succession {
  readonly by: Entry | undefined
  readonly record: Entry
}

/**
 * What a memory means, by the definitions and without any cleverness: worked out from all records at once, when
 * there is nothing more to come. What the fold of a node, which takes one record after the other, is compared with.
 */
export class MemoryModel {
  readonly #logs: ReadonlyMap<LogId, readonly Entry[]>
  readonly #all: readonly Entry[]
  readonly #byId: Map<string, Entry> = new Map()
  /** By log: names that its author has replaced. */
  readonly #aliases: Map<LogId, Map<string, string>> = new Map()
  readonly #dead: Set<Entry> = new Set()
  readonly #silent: Set<Entry> = new Set()
  readonly #holders: Map<string, Entry[]> = new Map()
  /** Live supersedes, by what they name. */
  readonly #supersedes: Map<Entry, Succession[]> = new Map()
  readonly #choices: Map<Entry, Entry[]> = new Map()

  /** @param logs each from its first record on, and whole: what a record builds on is among them */
  constructor(logs: ReadonlyMap<LogId, readonly ModelRecord[]>) {
    this.#logs = entriesOf(logs)
    this.#all = [...this.#logs.values()].flat()
    for (const entry of this.#all) this.#byId.set(entry.id, entry)
    for (const [log, entries] of this.#logs) this.#rename(log, entries)
    for (const entries of this.#logs.values()) this.#retract(entries)
    for (const entry of this.#all) this.#index(entry)
  }

  // ---- what it says

  /** Memories that nobody took back. */
  get memories(): readonly { readonly id: CausalId; readonly remember: Remember; readonly state: 'current' | 'superseded' }[] {
    return this.#all.flatMap(entry => {
      const remember = this.#memoryOf(entry)
      return remember === undefined
        ? []
        : [{ id: entry.id, remember, state: this.#successions(entry).length > 0 ? 'superseded' : 'current' } as const]
    })
  }

  /** Links from these memories that nobody took back. */
  get edges(): readonly { readonly from: string; readonly type: string; readonly to: string; readonly weight: number }[] {
    return this.#all.flatMap(entry => {
      if (entry.saying.says !== 'link' || !this.#counts(entry)) return []
      const { from, to, type, weight } = entry.saying
      const start = this.#find(entry.log, from)
      if (start === undefined || this.#memoryOf(start) === undefined) return []
      return [{ from: start.id, type, to: this.#find(entry.log, to)?.id ?? this.#nameOf(entry.log, to), weight: weight / WEIGHT_ONE }]
    })
  }

  /** Memories that stand in the place of this one in the end, itself if nothing replaced it. */
  endsOf(id: string): readonly CausalId[] {
    const entry = this.#byId.get(id)
    return entry === undefined ? [] : this.#succession(entry).ends.map(end => end.id)
  }

  /** Newest first, then by id. */
  compareNewest(a: string, b: string): number {
    return compareHlc((this.#byId.get(b) as Entry).hlc, (this.#byId.get(a) as Entry).hlc) || (a < b ? -1 : 1)
  }

  /** Places for which authors who did not know of each other chose different memories. */
  get conflicts(): ConflictList['conflicts'] {
    const byTarget = new Map<Entry, Dispute>()
    for (const entry of this.#all)
      for (const dispute of this.#disputes(entry)) {
        const known = byTarget.get(dispute.target)
        for (const end of known?.ends ?? []) dispute.ends.add(end)
        for (const reached of known?.reached ?? []) dispute.reached.add(reached)
        byTarget.set(dispute.target, dispute)
      }
    const disputes = [...byTarget.values()].sort((a, b) => oldestFirst(a.target, b.target))
    const later = new Set(disputes.flatMap(({ target, reached }) => [...reached].filter(entry => entry !== target)))
    const listed = new Map<string, ConflictList['conflicts'][number]>()
    for (const { target, ends } of disputes) {
      const current = [...ends].sort(oldestFirst).map(({ id }) => id)
      if (!later.has(target) && !listed.has(current.join())) listed.set(current.join(), { target: target.id, current })
    }
    return [...listed.values()]
  }

  // ---- names

  #rename(log: LogId, entries: readonly Entry[]): void {
    const aliases = new Map<string, string>()
    this.#aliases.set(log, aliases)
    for (const { kind, body } of entries) {
      if (kind !== KIND['log.rebase'] || body === null) continue
      for (const [before, now] of decodeRebase(body) ?? []) {
        const old = toHex(before)
        if (!aliases.has(old) && this.#nameOf(log, toHex(now)) !== old) aliases.set(old, toHex(now))
      }
    }
  }

  /** What the author of a log means by an id. */
  #nameOf(log: LogId, id: string): string {
    let now = id
    for (let next = this.#aliases.get(log)?.get(now); next !== undefined; next = this.#aliases.get(log)?.get(now)) now = next
    return now
  }

  #find(log: LogId, id: string): Entry | undefined {
    return this.#byId.get(this.#nameOf(log, id))
  }

  // ---- what is taken back

  /** Only earlier records of the same log are taken back, so its last word is decided first. */
  #retract(entries: readonly Entry[]): void {
    for (const entry of [...entries].reverse()) {
      if (entry.saying.says !== 'retract' || !this.#counts(entry)) continue
      const target = this.#retractedBy(entry)
      if (target === undefined) continue
      if (this.#isTooDeep(target)) {
        this.#silent.add(entry)
        continue
      }
      this.#dead.add(target)
      if (entry.saying.erase) this.#silent.add(target)
    }
  }

  #retractedBy({ log, seq, saying }: Entry): Entry | undefined {
    const target = saying.says === 'retract' ? this.#find(log, saying.target) : undefined
    const isEraser = target?.saying.says === 'retract' && target.saying.erase
    return target !== undefined && target.log === log && target.seq < seq && !isEraser ? target : undefined
  }

  #isTooDeep(target: Entry): boolean {
    let at: Entry | undefined = target
    for (let depth = 0; at?.saying.says === 'retract'; depth++) {
      if (depth === RETRACT_DEPTH_MAX) return true
      at = this.#retractedBy(at)
    }
    return false
  }

  /** Nobody took it back, and it was not erased. */
  #counts(entry: Entry): boolean {
    return !this.#dead.has(entry) && !this.#silent.has(entry)
  }

  #memoryOf(entry: Entry): Remember | undefined {
    return entry.saying.says === 'memory' && this.#counts(entry) ? entry.saying.remember : undefined
  }

  // ---- what took whose place

  #index(entry: Entry): void {
    const { saying, log } = entry
    const remember = this.#memoryOf(entry)
    if (remember !== undefined && remember.key !== null) addTo(this.#holders, `${log} ${remember.key}`, entry)
    if (saying.says !== 'supersede' || !this.#counts(entry)) return
    const by = this.#find(log, saying.by)
    if (by !== undefined) addTo(this.#choices, by, entry)
    const targets = new Set(saying.targets.map(target => this.#find(log, target)))
    for (const target of targets) if (target !== undefined && target !== by) addTo(this.#supersedes, target, { by, record: entry })
  }

  /** Later memories under the same key of the same author. */
  #laterHolders(entry: Entry): readonly Entry[] {
    if (entry.saying.says !== 'memory' || this.#silent.has(entry) || entry.saying.remember.key === null) return []
    return (this.#holders.get(`${entry.log} ${entry.saying.remember.key}`) ?? []).filter(({ seq }) => seq > entry.seq)
  }

  /** A record has a say on the place of a memory if its author knew of every time that the memory was chosen. */
  #hasSay(record: Entry, entry: Entry): boolean {
    return !isBefore(record, entry) && (this.#choices.get(entry) ?? []).every(choice => isBefore(choice, record))
  }

  #successions(entry: Entry): readonly Succession[] {
    const said = (this.#supersedes.get(entry) ?? []).filter(({ record }) => this.#hasSay(record, entry))
    const holder = this.#laterHolders(entry).find(later => this.#hasSay(later, entry))
    return holder === undefined ? said : [...said, { by: holder, record: holder }]
  }

  #succession(entry: Entry): { readonly reached: ReadonlySet<Entry>; readonly ends: readonly Entry[] } {
    const reached = new Set([entry])
    const ends: Entry[] = []
    for (const at of reached) {
      const next = this.#successions(at)
      for (const { by } of next) if (by !== undefined) reached.add(by)
      if (next.length === 0 && this.#memoryOf(at) !== undefined) ends.push(at)
    }
    return { reached, ends }
  }

  // ---- disagreement

  #disputes(entry: Entry): readonly Dispute[] {
    const choices = this.#choices.get(entry) ?? []
    const said = [...(this.#supersedes.get(entry) ?? []), ...this.#laterHolders(entry).map(holder => ({ by: holder, record: holder }))]
      .sort((a, b) => oldestFirst(a.record, b.record))
      .slice(0, SUPERSEDES_COMPARED_MAX)
    const saying = said.filter(({ record }) => this.#hasSay(record, entry))
    const isContested = saying.some(a => saying.some(b => a.by !== b.by && areConcurrent(a.record, b.record)))
    const disputes = isContested ? [this.#dispute(entry, [entry])] : []
    for (const { by, record } of said) {
      const isBlocked = choices.some(choice => !isBefore(choice, record)) && !choices.some(choice => isBefore(record, choice))
      if (isBlocked && by !== undefined) disputes.push(this.#dispute(entry.id < by.id ? entry : by, [entry, by]))
    }
    return disputes.filter(({ ends }) => ends.size > 1)
  }

  #dispute(target: Entry, entries: readonly Entry[]): Dispute {
    const ways = entries.map(entry => this.#succession(entry))
    return { target, ends: new Set(ways.flatMap(({ ends }) => ends)), reached: new Set(ways.flatMap(({ reached }) => [...reached])) }
  }
}

interface Dispute {
  readonly target: Entry
  /** What holds in its place. */
  readonly ends: Set<Entry>
  /** What stood there since. */
  readonly reached: Set<Entry>
}

/**
 * The memory of a node as its disk holds it, with the words as their authors wrote them; undefined when some were
 * never seen. What a version of the fold does not know says nothing; void is what is not later than all that it builds on, and what is beyond the cut of a revoked author.
 */
export function modelOf(ledger: Ledger, node: string, foldVersion: number): MemoryModel | undefined {
  const stream = memoryStream(DEFAULT_SPACE)
  const held = ledger.heldBy(node)
  const membership = ledger.core(node)?.cluster.membership
  const logs = new Map<LogId, ModelRecord[]>()
  for (const [log, ids] of held) {
    const identity = ledger.identity(log)
    if (identity?.stream !== stream) continue
    const cut = membership?.cutOf(identity.author)
    const limit = cut === undefined ? Infinity : (cut.find(entry => entry.log === log)?.size ?? 0)
    const records: ModelRecord[] = []
    logs.set(log, records)
    for (const [seq, id] of ids.entries()) {
      const written = ledger.record(id)?.written
      if (written === undefined) return undefined
      const { hlc, kind, record } = written
      const named = written.parents.map(parentOf)
      const parents = named.filter(parent => held.get(parent.log)?.[parent.seq] === parent.id)
      // What it builds on has not come: it waits, and what follows it with it.
      if (named.some(parent => !parents.includes(parent) && !isForkedOff(ledger, node, parent))) break
      const before = records.at(-1)?.hlc
      const isLate =
        (before !== undefined && compareHlc(hlc, before) <= 0) ||
        parents.some(parent => compareHlc(hlc, ledger.record(parent.id)?.written.hlc ?? hlc) <= 0 && ledger.record(parent.id) !== undefined)
      const inMemory = parents.filter(parent => ledger.identity(parent.log)?.stream === stream)
      records.push({
        id,
        log,
        seq,
        hlc,
        kind,
        parents: inMemory,
        body: isLate || (seq >= limit && erasedLeaf(kind, record.body) === undefined) || !isFolded(kind, foldVersion) ? null : record.body,
      })
    }
  }
  return new MemoryModel(logs)
}

/** Where a log has two histories nobody waits for the one that is not kept. */
function isForkedOff(ledger: Ledger, node: string, { log, seq }: { readonly log: LogId; readonly seq: number }): boolean {
  const conflict = ledger.core(node)?.chain.log(log)?.conflict
  return conflict !== undefined && seq >= conflict.seq
}

/** Records with what they say and what their authors knew. Those that build on each other in a circle cannot be, and are left out. */
function entriesOf(logs: ReadonlyMap<LogId, readonly ModelRecord[]>): ReadonlyMap<LogId, readonly Entry[]> {
  const entries = new Map<LogId, Entry[]>([...logs.keys()].map(log => [log, []]))
  for (let count = -1, before = -2; count !== before; ) {
    before = count
    for (const [log, records] of logs) {
      const done = entries.get(log) as Entry[]
      for (let next = records[done.length]; next !== undefined; next = records[done.length]) {
        if (!next.parents.every(parent => parent.seq < (entries.get(parent.log)?.length ?? 0))) break
        const past = new Map<LogId, number>(done.at(-1)?.past)
        past.set(log, next.seq)
        for (const parent of next.parents) {
          for (const [other, size] of ((entries.get(parent.log) as Entry[])[parent.seq] as Entry).past)
            past.set(other, Math.max(size, past.get(other) ?? 0))
          past.set(parent.log, Math.max(parent.seq + 1, past.get(parent.log) ?? 0))
        }
        done.push({ ...next, past, saying: next.body === null ? NOTHING : sayingOf(next.kind, next.body) })
      }
    }
    count = [...entries.values()].reduce((sum, done) => sum + done.length, 0)
  }
  return entries
}

const NOTHING: Saying = { says: 'nothing' }

function sayingOf(kind: number, body: Uint8Array): Saying {
  switch (kind) {
    case KIND['memory.remember']: {
      const remember = decodeRemember(body)
      return remember === undefined ? NOTHING : { says: 'memory', remember }
    }
    case KIND['memory.link']: {
      const link = decodeLink(body)
      return link === undefined ? NOTHING : { says: 'link', from: idOf(link.from), to: idOf(link.to), type: link.type, weight: link.weight }
    }
    case KIND['memory.supersede']: {
      const supersede = decodeSupersede(body)
      return supersede === undefined ? NOTHING : { says: 'supersede', by: idOf(supersede.by), targets: supersede.targets.map(idOf) }
    }
    case KIND['memory.retract']: {
      const retract = decodeRetract(body)
      return retract === undefined ? NOTHING : { says: 'retract', target: idOf(retract.target), erase: retract.erase }
    }
    default:
      return NOTHING
  }
}

function idOf(digest: Uint8Array): CausalId {
  return toHex(digest) as CausalId
}

/** The author of b knew of a. */
function isBefore(a: Entry, b: Entry): boolean {
  return a.seq < (b.past.get(a.log) ?? 0)
}

function areConcurrent(a: Entry, b: Entry): boolean {
  return a !== b && !isBefore(a, b) && !isBefore(b, a)
}

function oldestFirst(a: Entry, b: Entry): number {
  return compareHlc(a.hlc, b.hlc) || (a.id < b.id ? -1 : 1)
}

function addTo<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}
