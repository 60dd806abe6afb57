import { suite } from '../base/crypto/suite.ts'
import { BODY_MAX_BYTES, HEADER_MAX_BYTES } from '../base/limits.ts'
import { erasedRecord, SALT_BYTES, type StoredRecord } from './record.ts'

/**
 * The bytes of one journal segment.
 *
 *   segment = magic(6) version(u16) number(u32) previousLength(u32) nonce(u32) crc(u32), then commits
 *   commit  = records and notes, then 'C' start(u32) contentCrc(u32) crc(u32)
 *   record  = 'R' headerCrc(u32) headerLength(u16) header  state(u8) bodyCrc(u32) bodyLength(u32) salt(16) body
 *   note    = 'K' | 'X' | 'T' crc(u32) length(u32) payload       checkpoint, conflict, cut
 *
 * A commit is written and synced whole, and counts when its mark is there and speaks of the very bytes before
 * it: what follows the last one that does is the torn tail of a write that never was acknowledged. Numbers are
 * big-endian. Format 2 knows erased bodies; one before has none. Every CRC starts from the segment's random nonce and what it is for, so that bytes which a peer
 * chose can never be taken for an entry.
 */
export const FORMAT_VERSION = 2
export const SEGMENT_HEADER_BYTES = 24
export const MARK_BYTES = 13

const MAGIC: Uint8Array = Uint8Array.of(0x57, 0x45, 0x46, 0x54, 0x53, 0x47) // WEFTSG
const RECORD = 0x52
const NOTES: Readonly<Record<NoteKind, number>> = { cover: 0x4b, conflict: 0x58, cut: 0x54 }
const NOTE_KINDS: ReadonlyMap<number, NoteKind> = new Map(Object.entries(NOTES).map(([kind, byte]) => [byte, kind as NoteKind]))
const MARK = 0x43
/** The two states a body can be in. Of an erased one the place of the salt says which record erased it, and zeros may stand where it was. */
const LIVE = 0x4c
const ERASED = 0x45
const HEAD_BYTES = 7
/** An array of 11, version 1, 32 bytes. */
const HEADER_BEGINS: Uint8Array = Uint8Array.of(0x8b, 0x01, 0x58, 0x20)
const BODY_BYTES: number = 9 + SALT_BYTES
const NOTE_BYTES = 9
/** A note holds a checkpoint with a proof, or two: 16 KiB is several times the largest. */
const NOTE_MAX_BYTES: number = 16 * 1024

export type NoteKind = 'cover' | 'conflict' | 'cut'

export type JournalEntry =
  | { readonly type: 'record'; readonly record: StoredRecord }
  | { readonly type: NoteKind; readonly payload: Uint8Array }

export interface SegmentHeader {
  readonly number: number
  /** Valid bytes of the segment before this one; what lies behind them there was given up. */
  readonly previousLength: number
  readonly nonce: number
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const out = new Uint8Array(SEGMENT_HEADER_BYTES)
  const view = viewOf(out)
  out.set(MAGIC)
  view.setUint16(6, FORMAT_VERSION)
  view.setUint32(8, header.number)
  view.setUint32(12, header.previousLength)
  view.setUint32(16, header.nonce)
  view.setUint32(20, suite.crc32(out.subarray(0, 20)))
  return out
}

export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader | 'damaged' | 'newer' {
  if (bytes.length < SEGMENT_HEADER_BYTES || MAGIC.some((byte, i) => bytes[i] !== byte)) return 'damaged'
  const view = viewOf(bytes)
  if (view.getUint32(20) !== suite.crc32(bytes.subarray(0, 20))) return 'damaged'
  if (view.getUint16(6) > FORMAT_VERSION) return 'newer'
  return { number: view.getUint32(8), previousLength: view.getUint32(12), nonce: view.getUint32(16) }
}

/** Bytes an entry takes in a segment. */
export function entryBytes(entry: JournalEntry): number {
  return entry.type === 'record'
    ? HEAD_BYTES + entry.record.header.length + BODY_BYTES + entry.record.body.length
    : NOTE_BYTES + entry.payload.length
}

export interface EncodedCommit {
  readonly bytes: Uint8Array
  /** Where each entry begins, relative to the commit's start. */
  readonly offsets: readonly number[]
}

/** One commit: its entries and its mark. `start` is its offset in the segment. */
export function encodeCommit(entries: readonly JournalEntry[], start: number, nonce: number): EncodedCommit {
  const seeds = seedsOf(nonce)
  let length = MARK_BYTES
  for (const entry of entries) length += entryBytes(entry)
  const out = new Uint8Array(length)
  const view = viewOf(out)
  const offsets: number[] = []
  let at = 0
  for (const entry of entries) {
    offsets.push(at)
    at =
      entry.type === 'record' ? writeRecord(out, view, at, entry.record, seeds) : writeNote(out, view, at, entry.type, entry.payload, seeds)
  }
  out[at] = MARK
  view.setUint32(at + 1, start)
  view.setUint32(at + 5, contentCrc(out.subarray(0, at), seeds))
  view.setUint32(at + 9, suite.crc32(out.subarray(at, at + 9), seeds.mark))
  return { bytes: out, offsets }
}

function writeRecord(out: Uint8Array, view: DataView, at: number, record: StoredRecord, seeds: Seeds): number {
  const { header, salt, body, erasedBy } = record
  const bodyAt = at + HEAD_BYTES + header.length
  const end = bodyAt + BODY_BYTES + body.length
  out[at] = RECORD
  view.setUint16(at + 5, header.length)
  out.set(header, at + HEAD_BYTES)
  view.setUint32(at + 1, suite.crc32(out.subarray(at + 5, bodyAt), seeds.header))
  view.setUint32(bodyAt + 5, body.length)
  if (erasedBy !== undefined) return writeErased(out, view, bodyAt, end, erasedBy, seeds)
  out[bodyAt] = LIVE
  out.set(salt, bodyAt + 9)
  out.set(body, bodyAt + BODY_BYTES)
  view.setUint32(bodyAt + 1, suite.crc32(out.subarray(bodyAt + 5, end), seeds.body))
  return end
}

/** A body, whatever it was, becomes an erased one of the same length. */
function writeErased(out: Uint8Array, view: DataView, bodyAt: number, end: number, by: number, seeds: Seeds): number {
  out[bodyAt] = ERASED
  out.fill(0, bodyAt + 9, end)
  view.setBigUint64(bodyAt + 9, BigInt(by))
  view.setUint32(bodyAt + 1, suite.crc32(out.subarray(bodyAt + 5, end), seeds.erased))
  return end
}

function writeNote(out: Uint8Array, view: DataView, at: number, kind: NoteKind, payload: Uint8Array, seeds: Seeds): number {
  const end = at + NOTE_BYTES + payload.length
  out[at] = NOTES[kind]
  view.setUint32(at + 5, payload.length)
  out.set(payload, at + NOTE_BYTES)
  view.setUint32(at + 1, suite.crc32(out.subarray(at + 5, end), seeds[kind]))
  return end
}

// ---- reading

export type ScanItem =
  | { readonly type: 'record'; readonly at: number; readonly end: number; readonly record: StoredRecord }
  | { readonly type: NoteKind; readonly at: number; readonly end: number; readonly payload: Uint8Array }
  /** The end of a commit. `isWhole`: it speaks of exactly the bytes since the mark before it. */
  | { readonly type: 'mark'; readonly at: number; readonly end: number; readonly isWhole: boolean }
  | Damage

/** Bytes that are no entry, up to the next thing that is one. */
export interface Damage {
  readonly type: 'damage'
  readonly at: number
  readonly end: number
  readonly why: string
  readonly bytes: Uint8Array
}

/** Walks the entries of a segment from its header on. Damage does not end the walk. */
export function* scanSegment(bytes: Uint8Array, nonce: number): Generator<ScanItem> {
  const parser = new Parser(bytes, nonce)
  let start = SEGMENT_HEADER_BYTES
  for (let at = SEGMENT_HEADER_BYTES; at < bytes.length; ) {
    let end = parser.parse(at, start)
    if (end === 0) {
      const { why } = parser
      for (end = at + 1; end < bytes.length && parser.parse(end, start) === 0; ) end++
      yield { type: 'damage', at, end, why, bytes: bytes.subarray(at, end) }
    } else {
      const item = parser.item as ScanItem
      if (item.type === 'mark') start = end
      yield item
    }
    at = end
  }
}

/**
 * Erases records within the bytes of a whole segment, in place: nothing moves, so every place stays what it was. Commits
 * that were whole are so again; one that was not stays damaged, and what is no record any more is left alone. Yields now and then.
 *
 * @param erasures by where the record's entry begins: the seq of the record that erases it
 */
export function* eraseInSegment(bytes: Uint8Array, nonce: number, erasures: ReadonlyMap<number, number>): Generator<void> {
  const seeds = seedsOf(nonce)
  const view = viewOf(bytes)
  const commits: { readonly start: number; readonly mark: number; readonly at: readonly number[] }[] = []
  let start = SEGMENT_HEADER_BYTES
  let at: number[] = []
  for (const item of scanSegment(bytes, nonce)) {
    if (item.type === 'record' && erasures.has(item.at)) at.push(item.at)
    if (item.type === 'mark') {
      if (at.length > 0) commits.push({ start, mark: item.isWhole ? item.at : 0, at })
      start = item.end
      at = []
    }
    yield
  }
  if (at.length > 0) commits.push({ start, mark: 0, at })
  for (const commit of commits) {
    for (const entry of commit.at) {
      const bodyAt = entry + HEAD_BYTES + view.getUint16(entry + 5)
      writeErased(bytes, view, bodyAt, bodyAt + BODY_BYTES + view.getUint32(bodyAt + 5), erasures.get(entry) as number, seeds)
    }
    if (commit.mark === 0) continue
    view.setUint32(commit.mark + 5, contentCrc(bytes.subarray(commit.start, commit.mark), seeds))
    view.setUint32(commit.mark + 9, suite.crc32(bytes.subarray(commit.mark, commit.mark + 9), seeds.mark))
    yield
  }
  view.setUint16(6, FORMAT_VERSION)
  view.setUint32(20, suite.crc32(bytes.subarray(0, 20)))
}

/** One record whose place is known; undefined when its bytes are not what they were. */
export function parseRecord(bytes: Uint8Array, nonce: number): StoredRecord | undefined {
  const parser = new Parser(bytes, nonce)
  if (bytes[0] !== RECORD || parser.parse(0, 0) !== bytes.length) return undefined
  return (parser.item as Extract<ScanItem, { type: 'record' }>).record
}

/** Whether damaged bytes were a record's: by their type or, if that is what was damaged, by how a header begins. */
export function isRecordEntry(bytes: Uint8Array): boolean {
  return bytes[0] === RECORD || HEADER_BEGINS.every((byte, i) => bytes[HEAD_BYTES + i] === byte)
}

class Parser {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #seeds: Seeds
  /** What was parsed last. */
  item: ScanItem | undefined
  /** Why nothing was. */
  why = ''

  constructor(bytes: Uint8Array, nonce: number) {
    this.#bytes = bytes
    this.#view = viewOf(bytes)
    this.#seeds = seedsOf(nonce)
  }

  /** @param start where the commit begins. @returns where the entry at `at` ends; 0 when there is none. */
  parse(at: number, start: number): number {
    const type = this.#bytes[at] as number
    if (type === RECORD) return this.#record(at)
    if (type === MARK) return this.#mark(at, start)
    const kind = NOTE_KINDS.get(type)
    return kind === undefined ? this.#none('not an entry') : this.#note(at, kind)
  }

  #record(at: number): number {
    const bytes = this.#bytes
    if (at + HEAD_BYTES > bytes.length) return this.#none('record cut short')
    const headerLength = this.#view.getUint16(at + 5)
    const bodyAt = at + HEAD_BYTES + headerLength
    if (headerLength > HEADER_MAX_BYTES) return this.#none('header length damaged')
    if (bodyAt + BODY_BYTES > bytes.length) return this.#none('record cut short')
    if (this.#view.getUint32(at + 1) !== suite.crc32(bytes.subarray(at + 5, bodyAt), this.#seeds.header))
      return this.#none('header damaged')
    const bodyLength = this.#view.getUint32(bodyAt + 5)
    const end = bodyAt + BODY_BYTES + bodyLength
    const state = bytes[bodyAt]
    if (state !== LIVE && state !== ERASED) return this.#none('state damaged')
    if (bodyLength > BODY_MAX_BYTES) return this.#none('body length damaged')
    if (end > bytes.length) return this.#none('body cut short')
    const seed = state === LIVE ? this.#seeds.body : this.#seeds.erased
    if (this.#view.getUint32(bodyAt + 1) !== suite.crc32(bytes.subarray(bodyAt + 5, end), seed)) return this.#none('body damaged')
    const saltAt = bodyAt + 9
    const header = bytes.subarray(at + HEAD_BYTES, bodyAt)
    const record =
      state === ERASED
        ? erasedRecord(header, Number(this.#view.getBigUint64(saltAt)))
        : { header, salt: bytes.subarray(saltAt, saltAt + SALT_BYTES), body: bytes.subarray(saltAt + SALT_BYTES, end) }
    this.item = { type: 'record', at, end, record }
    return end
  }

  #note(at: number, kind: NoteKind): number {
    const bytes = this.#bytes
    if (at + NOTE_BYTES > bytes.length) return this.#none(`${kind} cut short`)
    const length = this.#view.getUint32(at + 5)
    const end = at + NOTE_BYTES + length
    if (length > NOTE_MAX_BYTES) return this.#none(`${kind} length damaged`)
    if (end > bytes.length) return this.#none(`${kind} cut short`)
    if (this.#view.getUint32(at + 1) !== suite.crc32(bytes.subarray(at + 5, end), this.#seeds[kind])) return this.#none(`${kind} damaged`)
    this.item = { type: kind, at, end, payload: bytes.subarray(at + NOTE_BYTES, end) }
    return end
  }

  #mark(at: number, start: number): number {
    const end = at + MARK_BYTES
    if (end > this.#bytes.length) return this.#none('commit mark cut short')
    if (this.#view.getUint32(at + 9) !== suite.crc32(this.#bytes.subarray(at, at + 9), this.#seeds.mark))
      return this.#none('commit mark damaged')
    const isWhole =
      this.#view.getUint32(at + 1) === start && this.#view.getUint32(at + 5) === contentCrc(this.#bytes.subarray(start, at), this.#seeds)
    this.item = { type: 'mark', at, end, isWhole }
    return end
  }

  #none(why: string): number {
    this.why = why
    return 0
  }
}

/** Where the CRC of each thing starts: one thing's bytes never pass for another's, nor in another segment. */
type Seeds = Readonly<Record<'header' | 'body' | 'erased' | 'content' | 'mark' | NoteKind, number>>

/** Those of the segment asked for last: records are read one by one, and mostly from one segment. */
let latest: { readonly nonce: number; readonly seeds: Seeds } | undefined

function seedsOf(nonce: number): Seeds {
  if (latest?.nonce !== nonce) latest = { nonce, seeds: newSeeds(nonce) }
  return latest.seeds
}

function newSeeds(nonce: number): Seeds {
  const seed = (use: number): number =>
    suite.crc32(Uint8Array.of(use, nonce >>> 24, (nonce >>> 16) & 0xff, (nonce >>> 8) & 0xff, nonce & 0xff))
  return {
    header: seed(RECORD),
    body: seed(LIVE),
    erased: seed(ERASED),
    content: seed(0),
    mark: seed(MARK),
    cover: seed(NOTES.cover),
    conflict: seed(NOTES.conflict),
    cut: seed(NOTES.cut),
  }
}

function contentCrc(bytes: Uint8Array, seeds: Seeds): number {
  return suite.crc32(bytes, seeds.content)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
