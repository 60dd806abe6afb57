import { assert } from '../base/assert.ts'
import { type Buggify, never } from '../base/buggify.ts'
import type { Signer } from '../base/crypto/crypto-suite.ts'
import { WeftError } from '../base/errors.ts'
import { type Hlc, maxHlc, nextHlc } from '../base/hlc.ts'
import { type CausalId, type ClusterId, type LogId, type NodeId, type Stream } from '../base/ids.ts'
import { KIND } from '../base/kinds.ts'
import { BODY_MAX_BYTES, COMMIT_MAX_BYTES, COMMIT_RECORDS_MAX, LOGS_MAX } from '../base/limits.ts'
import type { Random } from '../base/ports.ts'
import { signCheckpoint, type SignedCheckpoint } from './checkpoint.ts'
import { type Conflict, encodeConflict } from './conflict.ts'
import { type Cover, encodeCover, encodeCut, wholeCover } from './cover.ts'
import type { Commit } from './journal.ts'
import { Log } from './log.ts'
import { encodeGenesis, type LogIdentity, logIdentity, type ParentRef, SALT_BYTES, ZERO_SALT } from './record.ts'
import { entryBytes, type JournalEntry } from './segment.ts'
import { appendTo, type Written } from './written.ts'

/**
 * All logs a node holds, and the one write path: own records and verified replicas are staged
 * in groups, groups leave in commits, and what a commit held is durable when it comes back.
 * Nothing here waits: the caller takes a commit, gives it to the journal and reports how it ended.
 */
export class Chain {
  readonly cluster: ClusterId
  readonly self: NodeId
  readonly logs: Map<LogId, Log>
  readonly #signer: Signer
  readonly #nextKeyCommit: Uint8Array
  readonly #random: Random
  readonly #buggify: Buggify
  readonly #own: Map<Stream, LogIdentity> = new Map()
  #hlc: Hlc
  #staged: Group[] = []
  #stagedBytes = 0
  /** Notes of commits that failed: they say what has been decided here, and go out with the next commit. */
  #again: Group[] = []
  #inFlight: Group[] | undefined
  /** Own logs whose newest records have no checkpoint yet. */
  #unsigned: Set<Log> = new Set()
  #revision = 0

  constructor(init: ChainInit) {
    this.cluster = init.cluster
    this.self = init.self
    this.logs = init.logs
    this.#signer = init.signer
    this.#nextKeyCommit = init.nextKeyCommit
    this.#random = init.random
    this.#buggify = init.buggify ?? never
    this.#hlc = { ms: 0, counter: 0 }
    for (const log of init.logs.values()) {
      this.#hlc = maxHlc(this.#hlc, log.headHlc)
      if (log.identity.author === this.self && log.size > log.published) this.#unsigned.add(log)
    }
  }

  /** The newest time seen in any record: the next own record is later. */
  get hlc(): Hlc {
    return this.#hlc
  }

  /** A record of another author was applied: what is written next comes after it. */
  observe(hlc: Hlc): void {
    this.#hlc = maxHlc(this.#hlc, hlc)
  }

  log(id: LogId): Log | undefined {
    return this.logs.get(id)
  }

  /** Grows whenever what is published of any log changes: what was made of it until then can be used again. */
  get revision(): number {
    return this.#revision
  }

  ownLog(stream: Stream): Log | undefined {
    return this.logs.get(this.#identityOf(stream).id)
  }

  /** Bytes staged and not yet taken: the writer's back-pressure. */
  get backlogBytes(): number {
    return this.#stagedBytes
  }

  get isCommitting(): boolean {
    return this.#inFlight !== undefined
  }

  /** True when records of this log are staged or being written. */
  isOnItsWay(id: LogId): boolean {
    return [...this.#again, ...this.#staged, ...(this.#inFlight ?? [])].some(group => group.log.identity.id === id)
  }

  /** True when an own log ends before what this node has signed of it: it has lost the rest, and peers may have it. */
  get hasLostSigned(): boolean {
    for (const log of this.logs.values()) if (log.missing > 0 && log.identity.author === this.self) return true
    return false
  }

  /** True when an own log waits for a signature. */
  get wantsSignature(): boolean {
    return this.#unsigned.size > 0
  }

  /**
   * Appends own records to one log as one group: all become durable, or none.
   * The log begins with its genesis when this is its first record.
   *
   * @param drafts fewer than a commit takes
   * @throws WeftError `body_too_large`; `table_full` when this would be one log too many
   */
  append(stream: Stream, drafts: readonly Draft[], wallMs: number): readonly Written[] {
    assert(drafts.length > 0 && drafts.length < COMMIT_RECORDS_MAX, `a group of ${drafts.length} records`)
    const log = this.ownLog(stream) ?? this.#newLog(stream)
    assert(log.conflict === undefined, 'nothing is appended to a log in conflict')
    const start = log.size
    const genesis = start === 0 ? [this.#writeGenesis(log, wallMs)] : []
    const written: Written[] = []
    const ids: CausalId[] = []
    try {
      for (const draft of drafts) {
        const record = this.#write(log, draft, ids, wallMs, this.#random.bytes(SALT_BYTES))
        written.push(record)
        ids.push(record.id)
      }
    } catch (error) {
      this.#forget(log, start)
      throw error
    }
    this.#unsigned.add(log)
    this.#stage({ log, records: [...genesis, ...written], notes: [] })
    return written
  }

  #writeGenesis(log: Log, wallMs: number): Written {
    const body = encodeGenesis(log.identity, this.#nextKeyCommit)
    return this.#write(log, { kind: KIND['log.genesis'], actor: '', body, parents: [] }, [], wallMs, ZERO_SALT)
  }

  #newLog(stream: Stream): Log {
    if (this.logs.size >= LOGS_MAX) throw new WeftError('table_full', `there are ${LOGS_MAX} logs already`)
    const log = new Log(this.#identityOf(stream))
    this.logs.set(log.identity.id, log)
    return log
  }

  /** Kept: making one costs as much as making a record. */
  #identityOf(stream: Stream): LogIdentity {
    let identity = this.#own.get(stream)
    if (identity === undefined) {
      identity = logIdentity(this.cluster, this.self, stream)
      this.#own.set(stream, identity)
    }
    return identity
  }

  /** What was appended from `size` on is not to be. */
  #forget(log: Log, size: number): void {
    log.truncate(size)
    if (log.size === 0) this.logs.delete(log.identity.id)
    if (log.size === log.published) this.#unsigned.delete(log)
  }

  /** Stages records of a replica that were verified up to `cover`; the tree was extended by the caller. */
  stageReplica(log: Log, records: readonly Written[], cover: Cover): void {
    this.#stage({ log, records, notes: [{ type: 'cover', payload: encodeCover(cover) }], cover })
  }

  /** Stages the evidence of a conflict; intake of the log has stopped. */
  stageConflict(log: Log, conflict: Conflict): void {
    log.conflict = conflict
    this.#stage({ log, records: [], notes: [{ type: 'conflict', payload: encodeConflict(conflict) }] })
  }

  /** Gives up the unsigned end of an own log: a peer knows more of it than this node. */
  stageCut(log: Log, size: number): void {
    assert(!this.isOnItsWay(log.identity.id), 'nothing of the log is on its way')
    log.truncate(size)
    this.#unsigned.delete(log)
    this.#stage({ log, records: [], notes: [{ type: 'cut', payload: encodeCut({ log: log.identity.id, size }) }] })
  }

  /**
   * The next commit, or undefined when there is nothing to write or one is under way.
   * With `sign`, own logs in it, and those still waiting for a signature, get a checkpoint.
   */
  takeCommit(sign: boolean, wallMs: number): StagedCommit | undefined {
    if (this.#inFlight !== undefined) return undefined
    const fresh = this.#takeGroups()
    const signable = sign ? this.#signable(fresh) : new Map<Log, number>()
    // What a failed commit left behind goes with something else: a full disk is not asked over and over.
    if (fresh.length === 0 && signable.size === 0) return undefined
    const groups = [...this.#again.splice(0), ...fresh]
    const entries: JournalEntry[] = []
    const records: { log: LogId; seq: number }[] = []
    const checkpoints = new Map<Log, SignedCheckpoint>()
    for (const log of new Set([...groups.map(group => group.log), ...signable.keys()])) {
      const mine = groups.filter(group => group.log === log)
      for (const group of mine) {
        // A cut comes before the records that follow it, a checkpoint after the records it covers.
        entries.push(...group.notes.filter(note => note.type === 'cut'))
        for (const written of group.records) {
          entries.push({ type: 'record', record: written.record })
          records.push({ log: log.identity.id, seq: written.seq })
        }
        entries.push(...group.notes.filter(note => note.type !== 'cut'))
      }
      const size = signable.get(log)
      if (size !== undefined) {
        const checkpoint = this.#sign(log, size, wallMs)
        checkpoints.set(log, checkpoint)
        entries.push({ type: 'cover', payload: encodeCover(wholeCover(log.identity.id, checkpoint)) })
      }
    }
    this.#inFlight = groups
    return { commit: { entries, records }, groups, checkpoints }
  }

  /** A commit is durable: its records count, its checkpoints may be shown to others. */
  committed(staged: StagedCommit): void {
    this.#inFlight = undefined
    this.#revision++
    for (const group of staged.groups) {
      const last = group.records.at(-1)
      if (last !== undefined) group.log.durable = last.seq + 1
      if (group.cover !== undefined) group.log.cover = group.cover
    }
    for (const [log, checkpoint] of staged.checkpoints) {
      log.cover = wholeCover(log.identity.id, checkpoint)
      if (log.size === checkpoint.size) this.#unsigned.delete(log)
    }
  }

  /**
   * A commit failed: it, and all that was staged behind it, is undone. @returns everything that is lost.
   * Conflicts and cuts are not lost: they hold here all the same, and are written with the next commit.
   */
  failed(staged: StagedCommit): readonly Group[] {
    this.#inFlight = undefined
    const groups = [...staged.groups, ...this.#staged]
    const lost = groups.filter(group => !isDecision(group))
    this.#again = groups.filter(isDecision)
    this.#staged = []
    this.#stagedBytes = 0
    for (const log of new Set(lost.map(group => group.log))) this.#forget(log, log.durable)
    return lost
  }

  #write(log: Log, draft: Draft, ids: readonly CausalId[], wallMs: number, salt: Uint8Array): Written {
    const body = typeof draft.body === 'function' ? draft.body(ids) : draft.body
    if (body.length > BODY_MAX_BYTES) throw new WeftError('body_too_large', `a body of ${body.length} bytes, at most ${BODY_MAX_BYTES}`)
    this.#hlc = nextHlc(this.#hlc, wallMs)
    const { kind, actor, parents } = draft
    return appendTo(log, { hlc: this.#hlc, kind, actor, parents, salt, body })
  }

  /** Own logs that want a signature, and how much of each will be durable with this commit. */
  #signable(groups: readonly Group[]): Map<Log, number> {
    const sizes = new Map<Log, number>()
    for (const log of this.#unsigned) sizes.set(log, log.durable)
    for (const { log, records } of groups) {
      const last = records.at(-1)
      if (last !== undefined && this.#unsigned.has(log)) sizes.set(log, last.seq + 1)
    }
    for (const [log, size] of sizes) if (size <= log.published) sizes.delete(log)
    return sizes
  }

  #sign(log: Log, size: number, wallMs: number): SignedCheckpoint {
    const fields = { epoch: 0, size, root: log.tree.root(size), headLeaf: log.tree.leaf(size - 1), timeMs: Math.max(0, Math.floor(wallMs)) }
    return signCheckpoint(this.cluster, log.identity.id, fields, this.#signer)
  }

  #stage(group: Omit<Group, 'bytes'>): void {
    let bytes = 0
    for (const { record } of group.records) bytes += entryBytes({ type: 'record', record })
    for (const note of group.notes) bytes += entryBytes(note)
    this.#staged.push({ ...group, bytes })
    this.#stagedBytes += bytes
  }

  /** Whole groups, oldest first, as many as one commit takes. */
  #takeGroups(): Group[] {
    let records = 0
    let bytes = 0
    let count = 0
    for (const group of this.#staged) {
      const isFull = records + group.records.length > COMMIT_RECORDS_MAX || bytes + group.bytes > COMMIT_MAX_BYTES
      if (count > 0 && (isFull || this.#buggify('chain.commit-one-group'))) break
      records += group.records.length
      bytes += group.bytes
      count++
    }
    this.#stagedBytes -= bytes
    return this.#staged.splice(0, count)
  }
}

/** A conflict or a cut. */
function isDecision(group: Group): boolean {
  return group.records.length === 0 && group.cover === undefined
}

export interface ChainInit {
  readonly cluster: ClusterId
  readonly self: NodeId
  /** As the journal was replayed. */
  readonly logs: Map<LogId, Log>
  readonly signer: Signer
  readonly nextKeyCommit: Uint8Array
  readonly random: Random
  readonly buggify?: Buggify
}

/** What a caller wants recorded. */
export interface Draft {
  readonly kind: number
  readonly actor: string
  /** Or what makes it from the ids of the drafts before it in the same group. */
  readonly body: Uint8Array | ((ids: readonly CausalId[]) => Uint8Array)
  readonly parents: readonly ParentRef[]
}

/** Records and notes of one log that become durable together. */
export interface Group {
  readonly log: Log
  readonly records: readonly Written[]
  readonly notes: readonly Exclude<JournalEntry, { type: 'record' }>[]
  readonly cover?: Cover
  readonly bytes: number
}

export interface StagedCommit {
  readonly commit: Commit
  readonly groups: readonly Group[]
  /** Own logs that were signed in it. */
  readonly checkpoints: ReadonlyMap<Log, SignedCheckpoint>
}
