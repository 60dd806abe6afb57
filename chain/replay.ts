import { equalBytes } from '../base/bytes.ts'
import { type CausalId, causalIdOf, type ClusterId, type LogId, logIdOf, type NodeId } from '../base/ids.ts'
import { decode } from '../base/codec.ts'
import { KIND } from '../base/kinds.ts'
import { COMMIT_RECORDS_MAX } from '../base/limits.ts'
import { bytes, list, tuple } from '../base/shape.ts'
import { isSignedBy } from './checkpoint.ts'
import { decodeConflict, isConflict } from './conflict.ts'
import { type Cover, decodeCover, decodeCut } from './cover.ts'
import { Log } from './log.ts'
import type { Place, Places } from './places.ts'
import { bodyCommit, decodeGenesis, decodeHeader, FIRST_PREV, leafOf, type RecordHeader, type StoredRecord } from './record.ts'
import type { ScanItem } from './segment.ts'
import { verifyConsistency } from './tree.ts'

/** The first thing that is not what it was: which record, why, and where in the files. */
export interface Damage {
  readonly log: LogId | undefined
  readonly seq: number | undefined
  readonly reason: string
  readonly segment: number
  readonly offset: number
}

/** An own record that was acknowledged, then cut because a peer knew more of its log; not yet appended again. */
export interface Displaced {
  readonly id: CausalId
  readonly place: Place
}

export interface ReplayOptions {
  readonly cluster: ClusterId
  /** Whose own logs may end in records that no checkpoint covers yet. */
  readonly self: NodeId
  /** Check every body against its commitment and every checkpoint's signature: `chain verify`. */
  readonly full: boolean
}

/**
 * Builds the logs again from what a scan of the journal meets, and finds the first thing
 * that does not fit. Used by every start and by `chain verify`; it never writes.
 *
 * A damaged entry often cannot say which record it was. Then the next record of some log has a
 * gap before it, or a checkpoint speaks of more records than there are: that names it. A record
 * altered together with its checksum breaks the chain between it and its successor; whichever of
 * the two the rest of the chain stands on is the honest one.
 */
export class Replay {
  readonly logs: Map<LogId, Log> = new Map()
  readonly displaced: Map<LogId, Displaced[]> = new Map()
  damage: Damage | undefined
  records = 0
  readonly #options: ReplayOptions
  readonly #places: Places
  #covers: Map<LogId, { cover: Cover; at: Spot }> = new Map()
  #suspects: Map<LogId, { seq: number; at: Spot }> = new Map()
  /** Damage that no record, checkpoint or gap has put a name to yet, and the record in front of it. */
  #unnamed: { why: string; at: Spot; after: { log: LogId; seq: number } | undefined } | undefined
  #last: { log: LogId; seq: number } | undefined

  constructor(options: ReplayOptions, places: Places) {
    this.#options = options
    this.#places = places
  }

  /** One entry of a commit that counts. After the first damage nothing more is taken in. */
  take(item: ScanItem, segment: number): void {
    if (this.damage !== undefined) return
    const at: Spot = { segment, offset: item.at }
    switch (item.type) {
      case 'record':
        return this.#record(item.record, item.erased, at, item.end - item.at)
      case 'cover':
        return this.#cover(item.payload, at)
      case 'conflict':
        return this.#conflict(item.payload, at)
      case 'cut':
        return this.#cut(item.payload, at)
      case 'damage':
        return this.#damaged(item, at)
      case 'commit':
        return
    }
  }

  /** Damage that belongs to no entry: a missing segment, a mark out of place. What follows may name it. */
  suspect(why: string, at: Spot): void {
    this.#unnamed ??= { why, at, after: this.#last }
  }

  /** The record before whatever comes next; what a torn tail is described by. */
  get last(): { readonly log: LogId; readonly seq: number } | undefined {
    return this.#last
  }

  /** To be called when the scan is over: the newest checkpoint of each log must vouch for it. */
  finish(): void {
    for (const [log, suspect] of this.#suspects) this.#fail(log, suspect.seq, 'altered: it follows from nothing before it', suspect.at)
    if (this.#unnamed !== undefined) {
      const { why, at, after } = this.#unnamed
      this.damage ??= { log: after?.log, seq: after?.seq, reason: why, segment: at.segment, offset: at.offset }
    }
    for (const log of this.logs.values()) {
      if (this.damage !== undefined) return
      const newest = this.#covers.get(log.identity.id)
      const covered = newest?.cover.held ?? 0
      if (newest !== undefined) this.#checkCover(log, newest.cover, newest.at)
      if (covered < log.size && log.identity.author !== this.#options.self) {
        this.#fail(log.identity.id, covered, 'no checkpoint covers this record', this.#places.at(log.identity.id, covered))
      }
      log.durable = log.size
    }
  }

  #record(record: StoredRecord, erased: boolean, at: Spot, length: number): void {
    const header = decodeHeader(record.header)
    if (header === undefined) return this.#damaged({ why: 'header is not canonical' }, at)
    const id = logIdOf(header.logId)
    const log = this.#logOf(id, header, record, at)
    if (log === undefined) return
    if (header.seq < log.size) return this.#fail(id, header.seq, 'repeated', at)
    if (header.seq > log.size) return this.#missing(id, log.size, at)
    if (!equalBytes(header.prev, log.head)) {
      if (this.#settleSuspect(log, header, at)) return
      this.#suspects.set(id, { seq: header.seq, at })
    } else if (this.#settleSuspect(log, header, at)) {
      return
    }
    if (header.bodyLength !== record.body.length) return this.#fail(id, header.seq, 'body has another length than its header says', at)
    if (this.#options.full && !erased && !equalBytes(bodyCommit(record.salt, record.body), header.bodyCommit)) {
      return this.#fail(id, header.seq, 'body is not what its header commits to', at)
    }
    log.append(leafOf(record.header), header.hlc)
    this.#places.add(id, header.seq, { ...at, length })
    this.#last = { log: id, seq: header.seq }
    this.records++
    if (header.kind === KIND['log.rebase']) this.#rebased(id, record.body)
  }

  /** A chain that broke at record k: its successor shows whether k, or the one before, was altered. */
  #settleSuspect(log: Log, next: RecordHeader, at: Spot): boolean {
    const suspect = this.#suspects.get(log.identity.id)
    if (suspect === undefined) return false
    const honest = equalBytes(next.prev, log.head)
    this.#fail(log.identity.id, honest ? suspect.seq - 1 : suspect.seq, honest ? 'altered: the records after it follow from another one' : 'altered: it follows from nothing before it', honest ? at : suspect.at)
    return true
  }

  #logOf(id: LogId, header: RecordHeader, record: StoredRecord, at: Spot): Log | undefined {
    const known = this.logs.get(id)
    if (known !== undefined) return known
    if (header.seq !== 0) {
      this.#missing(id, 0, at)
      return undefined
    }
    const identity = header.kind === KIND['log.genesis'] ? decodeGenesis(record.body, this.#options.cluster) : undefined
    if (identity === undefined || identity.id !== id || !equalBytes(header.prev, FIRST_PREV)) {
      this.#fail(id, 0, 'is not the genesis of this log', at)
      return undefined
    }
    const log = new Log(identity)
    this.logs.set(id, log)
    return log
  }

  #cover(payload: Uint8Array, at: Spot): void {
    const cover = decodeCover(payload, this.#options.cluster)
    if (cover === undefined) return this.#damaged({ why: 'checkpoint is not canonical', payload }, at)
    const log = this.logs.get(cover.log)
    if (log === undefined || cover.held > log.size) return this.#missing(cover.log, log?.size ?? 0, at)
    if (cover.held < log.size) return this.#fail(cover.log, cover.held - 1, 'checkpoint out of place', at)
    const whole = cover.held === cover.checkpoint.size
    const headFits = !whole || equalBytes(cover.checkpoint.headLeaf, log.head)
    const suspect = this.#suspects.get(cover.log)
    if (suspect !== undefined) {
      const honest = whole && headFits && suspect.seq === log.size - 1
      return this.#fail(cover.log, honest ? suspect.seq - 1 : suspect.seq, 'altered: its checkpoint speaks of another one', suspect.at)
    }
    if (!headFits) return this.#fail(cover.log, log.size - 1, 'altered: its checkpoint speaks of another one', at)
    if (this.#options.full) this.#checkCover(log, cover, at)
    this.#covers.set(cover.log, { cover, at })
    if (whole) log.checkpoint = cover.checkpoint
  }

  #checkCover(log: Log, cover: Cover, at: Spot): void {
    const root = log.tree.root(cover.held)
    if (!verifyConsistency(cover.held, root, cover.checkpoint.size, cover.checkpoint.root, cover.proof)) {
      return this.#fail(cover.log, cover.held - 1, 'checkpoint has another root than the records below it', at)
    }
    if (!isSignedBy(cover.checkpoint, log.key)) this.#fail(cover.log, cover.held - 1, "checkpoint does not carry its author's signature", at)
  }

  #conflict(payload: Uint8Array, at: Spot): void {
    const conflict = decodeConflict(payload, this.#options.cluster)
    const log = conflict === undefined ? undefined : this.logs.get(conflict.log)
    if (conflict === undefined || log === undefined || !isConflict(conflict, log.key)) return this.#damaged({ why: 'evidence of a conflict damaged' }, at)
    log.conflict = conflict
  }

  #cut(payload: Uint8Array, at: Spot): void {
    const cut = decodeCut(payload)
    const log = cut === undefined ? undefined : this.logs.get(cut.log)
    if (cut === undefined || log === undefined || cut.size > log.size || cut.size < log.published) return this.#damaged({ why: 'cut damaged' }, at)
    const displaced = this.displaced.get(cut.log) ?? []
    for (let seq = cut.size; seq < log.size; seq++) displaced.push({ id: causalIdOf(log.tree.leaf(seq)), place: this.#places.at(cut.log, seq) })
    this.displaced.set(cut.log, displaced)
    log.truncate(cut.size)
    this.#places.truncate(cut.log, cut.size)
  }

  /** A rebase names the displaced records that stand in the log again. */
  #rebased(log: LogId, body: Uint8Array): void {
    const moved = new Set(decodeRebase(body)?.map(([old]) => old))
    const left = (this.displaced.get(log) ?? []).filter(({ id }) => !moved.has(id))
    if (left.length === 0) this.displaced.delete(log)
    else this.displaced.set(log, left)
  }

  #damaged(item: { readonly why: string; readonly header?: Uint8Array; readonly payload?: Uint8Array }, at: Spot): void {
    const header = item.header === undefined ? undefined : decodeHeader(item.header)
    if (header !== undefined) return this.#fail(logIdOf(header.logId), header.seq, item.why, at)
    const cover = item.payload === undefined ? undefined : decodeCover(item.payload, this.#options.cluster)
    if (cover !== undefined && this.logs.has(cover.log)) return this.#fail(cover.log, cover.held - 1, item.why, at)
    this.suspect(item.why, at)
  }

  #missing(log: LogId, seq: number, at: Spot): void {
    if (this.#unnamed === undefined) this.#fail(log, seq, 'missing', at)
    else this.#fail(log, seq, this.#unnamed.why, this.#unnamed.at)
  }

  #fail(log: LogId, seq: number, reason: string, at: Spot): void {
    this.damage ??= { log, seq, reason, segment: at.segment, offset: at.offset }
  }
}

/** Where in the journal something was met. */
export interface Spot {
  readonly segment: number
  readonly offset: number
}

const rebaseShape = list(tuple(bytes(32), bytes(32)), COMMIT_RECORDS_MAX)

/** Body of `log.rebase`: old id and new id of each record that was appended again. */
export function decodeRebase(body: Uint8Array): readonly (readonly [old: CausalId, now: CausalId])[] | undefined {
  const decoded = decode(body)
  const rows = decoded.ok ? rebaseShape.parse(decoded.value) : undefined
  return rows?.map(([old, now]) => [causalIdOf(old), causalIdOf(now)])
}
