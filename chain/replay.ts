import { EMPTY, equalBytes } from '../base/bytes.ts'
import { decode } from '../base/codec.ts'
import { type CausalId, causalIdOf, type ClusterId, type LogId, logIdOf, type NodeId } from '../base/ids.ts'
import { KIND } from '../base/kinds.ts'
import { COMMIT_RECORDS_MAX } from '../base/limits.ts'
import { bytes, list, tuple } from '../base/shape.ts'
import { isSignedBy } from './checkpoint.ts'
import { decodeConflict, isConflict } from './conflict.ts'
import { type Cover, decodeCover, decodeCut } from './cover.ts'
import { ErasureCheck } from './erasure-check.ts'
import { Log } from './log.ts'
import type { Place, Places } from './places.ts'
import { decodeGenesis, decodeHeader, FIRST_PREV, isAsCommitted, leafOf, type RecordHeader, type StoredRecord } from './record.ts'
import { isRecordEntry, type ScanItem } from './segment.ts'
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
  /** Check every body against its commitment and every checkpoint's signature, and give nothing up: `chain verify`. */
  readonly full: boolean
}

/**
 * Builds the logs again from what a scan of the journal meets, and finds the first place
 * where they are not what they were. Used by every start and by `chain verify`; it never writes.
 *
 * What seems wrong is not always what is: a record may be gone and another stand in its place. So the first doubt
 * waits until a second sign, a later record or checkpoint that has a gap before it, says which record is lost. Damaged
 * bytes count as one sign: they still hold the id of their log, or the leaf their record follows. A record altered
 * together with its checksum breaks the chain between it and its successor: whichever of the two the rest stands on
 * is the honest one.
 */
export class Replay {
  readonly logs: Map<LogId, Log> = new Map()
  readonly displaced: Map<LogId, Displaced[]> = new Map()
  damage: Damage | undefined
  records = 0
  readonly #options: ReplayOptions
  readonly #places: Places
  readonly #erasures: ErasureCheck = new ErasureCheck()
  /** Where the newest cover of each log stands. */
  readonly #covered: Map<LogId, Spot> = new Map()
  /** The newest record of a log, where it does not follow from the one before it. */
  readonly #suspects: Map<LogId, { readonly seq: number; readonly prev: Uint8Array; readonly at: Spot }> = new Map()
  /** The first thing that was not as it should be. */
  #doubt: Doubt | undefined
  /** Per log the first place where a record seems to be missing. */
  readonly #gaps: Map<LogId, number> = new Map()
  /** The record that was in doubt first has come, later. */
  #isRefuted = false
  /** The record that was taken last: its log is most likely that of the next one. */
  #last: { readonly log: Log; readonly seq: number } | undefined

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
        return this.#record(item.record, at, item.end - item.at)
      case 'cover':
        return this.#cover(item.payload, at)
      case 'conflict':
        return this.#conflict(item.payload, at)
      case 'cut':
        return this.#cut(item.payload, at)
      case 'damage':
        return this.#damaged(item.why, item.bytes, isRecordEntry(item.bytes), at)
      case 'mark':
        return
    }
  }

  /** Records of a log whose bodies are erased. */
  erasedOf(log: LogId): number {
    return this.#erasures.count(log)
  }

  /** Damage that belongs to no entry: a missing segment, a commit that is not whole. What follows may name the record it cost. */
  suspect(why: string, at: Spot, name?: RecordName): void {
    this.#doubt ??= { why, at, after: this.#last && { log: this.#last.log.identity.id, seq: this.#last.seq }, name: undefined }
    this.#doubt.name ??= name
  }

  /** Whose record, or note, these bytes were: the log whose id or newest leaf they hold first, and how far it has got. */
  whose(damaged: Uint8Array): { readonly log: LogId | undefined; readonly seq: number | undefined } {
    const bytes = damaged.subarray(0, SEARCHED_BYTES)
    let found: { readonly log: Log; readonly offset: number } | undefined
    for (const log of this.logs.values()) {
      for (const word of [log.idBytes, log.size === 0 ? EMPTY : log.head]) {
        const offset = word.length === 0 ? -1 : indexOf(bytes, word)
        if (offset >= 0 && (found === undefined || offset < found.offset)) found = { log, offset }
      }
    }
    return { log: found?.log.identity.id, seq: found?.log.size }
  }

  /** To be called when the scan is over: the newest checkpoint of each log must vouch for it. */
  finish(): void {
    for (const [log, suspect] of this.#suspects) this.#fail(log, suspect.seq, ALTERED, suspect.at)
    if (this.#doubt !== undefined) {
      const { why, at, after, name } = this.#doubt
      // Only one sign of each gap: the first may be of a record that stands where another one is missing.
      const gap = [...this.#gaps].map(([log, seq]) => ({ log, seq })).at(-1)
      const { log, seq } = gap ?? name ?? after ?? NO_RECORD
      this.damage ??= { log, seq, reason: why, segment: at.segment, offset: at.offset }
    }
    for (const log of this.logs.values()) {
      if (this.damage !== undefined) return
      const { id, author } = log.identity
      const { cover, published } = log
      if (cover !== undefined && !this.#options.full) this.#checkCover(log, cover, this.#covered.get(id) as Spot)
      if (published < log.size && author !== this.#options.self) {
        this.#fail(id, published, 'no checkpoint covers this record', this.#places.at(id, published))
      }
      log.durable = log.size
    }
  }

  // ---- records

  #record(record: StoredRecord, at: Spot, length: number): void {
    const header = decodeHeader(record.header)
    if (header === undefined) return this.#damaged('header is not canonical', record.header, true, at)
    const log = this.#logOf(header, record, at)
    if (log === undefined) return
    const { id } = log.identity
    if (header.seq !== log.size) return this.#misplaced(header, log.size, id, at)
    if (this.#gaps.get(id) === header.seq) this.#refute(id)
    const follows = equalBytes(header.prev, log.head)
    const suspect = this.#suspects.get(id)
    if (suspect !== undefined) {
      return follows
        ? this.#fail(id, suspect.seq - 1, 'altered: the records after it follow from another one', at)
        : this.#fail(id, suspect.seq, ALTERED, suspect.at)
    }
    if (!follows) {
      const other = this.#logWithHead(header.prev)
      if (other !== undefined) return this.#fail(other.identity.id, other.size, 'altered: it names another log', at)
      this.#suspects.set(id, { seq: header.seq, prev: header.prev, at })
    }
    if (record.erasedBy === undefined && header.bodyLength !== record.body.length)
      return this.#fail(id, header.seq, 'body has another length than its header says', at)
    if (this.#options.full && !isAsCommitted(header, record))
      return this.#fail(id, header.seq, 'body is not what its header commits to', at)
    const fault = this.#erasures.take(id, header.seq, record)
    if (fault !== undefined) return this.#fail(id, fault, 'erased, and nothing in its log says so', at)
    log.append(leafOf(record.header), header.hlc)
    this.#places.add(id, header.seq, { segment: at.segment, offset: at.offset, length }, record.erasedBy !== undefined)
    this.#last = { log, seq: header.seq }
    this.records++
    if (header.kind === KIND['log.rebase']) this.#rebased(id, record.body)
  }

  /** The record's log; it begins with its genesis. */
  #logOf(header: RecordHeader, record: StoredRecord, at: Spot): Log | undefined {
    if (this.#last !== undefined && equalBytes(header.logId, this.#last.log.idBytes)) return this.#last.log
    const id = logIdOf(header.logId)
    const known = this.logs.get(id)
    if (known !== undefined) return known
    if (header.seq !== 0) {
      this.#misplaced(header, 0, id, at)
      return undefined
    }
    const identity = header.kind === KIND['log.genesis'] ? decodeGenesis(record.body, this.#options.cluster) : undefined
    if (identity === undefined || identity.id !== id || !equalBytes(header.prev, FIRST_PREV)) {
      this.#fail(identity?.id ?? id, 0, 'is not the genesis of this log', at)
      return undefined
    }
    const log = new Log(identity)
    this.logs.set(id, log)
    return log
  }

  /** A record that is not the next one of the log it names: it is the altered next one of the log it follows, or a repeated one, or there is a gap. */
  #misplaced(header: RecordHeader, size: number, id: LogId, at: Spot): void {
    const follows = this.#logWithHead(header.prev)
    if (follows !== undefined) return this.#fail(follows.identity.id, follows.size, 'altered: it names another place', at)
    if (header.seq < size) return this.suspect('repeated', at, { log: id, seq: size })
    this.#missing(id, size, 'missing', at)
  }

  #logWithHead(leaf: Uint8Array): Log | undefined {
    for (const log of this.logs.values()) if (log.size > 0 && equalBytes(log.head, leaf)) return log
    return undefined
  }

  /** A rebase names the displaced records that stand in the log again. */
  #rebased(log: LogId, body: Uint8Array): void {
    const moved = new Set(decodeRebase(body)?.map(([old]) => old))
    const left = (this.displaced.get(log) ?? []).filter(({ id }) => !moved.has(id))
    if (left.length === 0) this.displaced.delete(log)
    else this.displaced.set(log, left)
  }

  // ---- notes

  #cover(payload: Uint8Array, at: Spot): void {
    const cover = decodeCover(payload, this.#options.cluster)
    if (cover === undefined) return this.#damaged('checkpoint is not canonical', payload, false, at)
    const log = this.logs.get(cover.log)
    if (log === undefined || cover.held > log.size) return this.#missing(cover.log, log?.size ?? 0, 'missing', at)
    if (cover.held < log.size) return this.suspect('checkpoint out of place', at, { log: cover.log, seq: log.size - 1 })
    const suspect = this.#suspects.get(cover.log)
    if (suspect !== undefined) {
      return this.#fitsWith(log, suspect, cover)
        ? this.#fail(cover.log, suspect.seq - 1, 'altered: its checkpoint speaks of another one', at)
        : this.#fail(cover.log, suspect.seq, ALTERED, suspect.at)
    }
    const isComplete = cover.held === cover.checkpoint.size
    if (isComplete && !equalBytes(cover.checkpoint.headLeaf, log.head)) {
      return this.#fail(cover.log, log.size - 1, 'altered: its checkpoint speaks of another one', at)
    }
    if (this.#options.full) this.#checkCover(log, cover, at)
    log.cover = cover
    this.#covered.set(cover.log, at)
  }

  /** Whether the cover is true of the log with the record before `suspect` as `suspect` has it. The tree is of no use after it. */
  #fitsWith(log: Log, suspect: { readonly seq: number; readonly prev: Uint8Array }, cover: Cover): boolean {
    if (suspect.seq === 0) return false
    const { tree } = log
    const leaf = tree.leaf(suspect.seq)
    tree.truncate(suspect.seq - 1)
    tree.append(suspect.prev)
    tree.append(leaf)
    return verifyConsistency(tree.size, tree.root(), cover.checkpoint.size, cover.checkpoint.root, cover.proof)
  }

  #checkCover(log: Log, cover: Cover, at: Spot): void {
    const root = log.tree.root(cover.held)
    if (!verifyConsistency(cover.held, root, cover.checkpoint.size, cover.checkpoint.root, cover.proof)) {
      return this.#fail(cover.log, cover.held - 1, 'checkpoint has another root than the records below it', at)
    }
    if (!isSignedBy(cover.checkpoint, log.key))
      this.#fail(cover.log, cover.held - 1, "checkpoint does not carry its author's signature", at)
  }

  #conflict(payload: Uint8Array, at: Spot): void {
    const conflict = decodeConflict(payload, this.#options.cluster)
    const log = conflict === undefined ? undefined : this.logs.get(conflict.log)
    if (conflict === undefined || log === undefined || !isConflict(conflict, log.key))
      return this.#damaged('evidence of a conflict damaged', payload, false, at)
    log.conflict = conflict
  }

  #cut(payload: Uint8Array, at: Spot): void {
    const cut = decodeCut(payload)
    const log = cut === undefined ? undefined : this.logs.get(cut.log)
    if (cut === undefined || log?.identity.author !== this.#options.self || cut.size > log.size || cut.size < log.published) {
      return this.#damaged('cut damaged', payload, false, at)
    }
    const displaced = this.displaced.get(cut.log) ?? []
    for (let seq = cut.size; seq < log.size; seq++)
      displaced.push({ id: causalIdOf(log.tree.leaf(seq)), place: this.#places.at(cut.log, seq) })
    this.displaced.set(cut.log, displaced)
    log.truncate(cut.size)
    this.#places.truncate(cut.log, cut.size)
  }

  // ---- damage

  /** Bytes that are no entry, or make no sense as one. A note is named by the last record it speaks of. */
  #damaged(why: string, bytes: Uint8Array, isRecord: boolean, at: Spot): void {
    const { log, seq } = this.whose(bytes)
    if (log === undefined || seq === undefined) return this.suspect(why, at)
    if (isRecord) this.#missing(log, seq, why, at)
    else this.#fail(log, Math.max(0, seq - 1), why, at)
  }

  /** A sign that this record is not where it was; the second one of the same log decides. */
  #missing(log: LogId, seq: number, why: string, at: Spot): void {
    this.suspect(why, at, { log, seq })
    const gap = this.#gaps.get(log)
    if (gap !== undefined || this.#isRefuted) this.#decide({ log, seq: gap ?? seq })
    else this.#gaps.set(log, seq)
  }

  /** The record that seemed to be missing came after all: another one stood in the place of a third. */
  #refute(log: LogId): void {
    this.#gaps.delete(log)
    this.#isRefuted = true
    for (const [log, seq] of this.#gaps) return this.#decide({ log, seq })
  }

  /** The doubt costs this record, or the one before it in the same log that it was about. */
  #decide(name: RecordName): void {
    const { why, at, name: first } = this.#doubt as Doubt
    const { log, seq } = first?.log === name.log ? first : name
    this.#fail(log, seq, why, at)
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

interface RecordName {
  readonly log: LogId
  readonly seq: number
}

interface Doubt {
  readonly why: string
  readonly at: Spot
  /** The record in front of it. */
  readonly after: RecordName | undefined
  /** The record it seems to be about. */
  name: RecordName | undefined
}

const NO_RECORD = { log: undefined, seq: undefined } as const

const ALTERED = 'altered: it follows from nothing before it'

/** 4 KiB: an entry names its log in its first bytes, and a checkpoint again within 512. */
const SEARCHED_BYTES = 4096

function indexOf(bytes: Uint8Array, word: Uint8Array): number {
  for (let at = bytes.indexOf(word[0] as number); at >= 0; at = bytes.indexOf(word[0] as number, at + 1)) {
    if (equalBytes(bytes.subarray(at, at + word.length), word)) return at
  }
  return -1
}

const rebaseShape = list(tuple(bytes(32), bytes(32)), COMMIT_RECORDS_MAX)

/** Body of `log.rebase`: old id and new id of each record that was appended again. */
export function decodeRebase(body: Uint8Array): readonly (readonly [old: CausalId, now: CausalId])[] | undefined {
  const decoded = decode(body)
  const rows = decoded.ok ? rebaseShape.parse(decoded.value) : undefined
  return rows?.map(([old, now]) => [causalIdOf(old), causalIdOf(now)])
}
