import { suite } from '../base/crypto/suite.ts'
import { BODY_MAX_BYTES, HEADER_MAX_BYTES } from '../base/limits.ts'
import { SALT_BYTES, type StoredRecord } from './record.ts'

/**
 * The bytes of one journal segment.
 *
 *   segment = magic(6) version(u16) number(u32) previousLength(u32) nonce(u32) crc(u32), then entries
 *   record  = 'R' headerLength(u16) headerCrc(u32) header  state(u8) bodyLength(u32) bodyCrc(u32) salt(16) body
 *   note    = 'K' | 'X' | 'T' length(u32) crc(u32) payload       checkpoint, conflict, cut
 *   commit  = 'C' start(u32) records(u32) crc(u32)               the end of everything since `start`
 *
 * A commit is written and synced whole, and ends in its mark: what follows the last mark is
 * the torn tail of a write that never was acknowledged. Numbers are big-endian. Every CRC starts from the
 * segment's random nonce, so bytes that a peer chose can never be taken for an entry.
 */
export const FORMAT_VERSION = 1
export const SEGMENT_HEADER_BYTES = 24

const MAGIC: Uint8Array = Uint8Array.of(0x57, 0x45, 0x46, 0x54, 0x53, 0x47) // WEFTSG
const RECORD = 0x52
const NOTES: Readonly<Record<NoteKind, number>> = { cover: 0x4b, conflict: 0x58, cut: 0x54 }
const COMMIT = 0x43
const RECORD_FIXED = 7 + 1 + 4 + 4 + SALT_BYTES
const NOTE_FIXED = 9
const COMMIT_BYTES = 13
/** A note holds a checkpoint with a proof, or two: 16 KiB is several times the largest. */
const NOTE_MAX_BYTES: number = 16 * 1024

/** No single flipped bit, nor the complement, turns one state into the other. */
const STATE_LIVE = 0x4c
const STATE_ERASED = 0x45

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
  return entry.type === 'record' ? RECORD_FIXED + entry.record.header.length + entry.record.body.length : NOTE_FIXED + entry.payload.length
}

export interface EncodedCommit {
  readonly bytes: Uint8Array
  /** Where each entry begins, relative to the commit's start. */
  readonly offsets: readonly number[]
}

/** One commit: its entries and its mark. `start` is its offset in the segment. */
export function encodeCommit(entries: readonly JournalEntry[], start: number, nonce: number): EncodedCommit {
  const seed = seedOf(nonce)
  let length = COMMIT_BYTES
  for (const entry of entries) length += entryBytes(entry)
  const out = new Uint8Array(length)
  const view = viewOf(out)
  const offsets: number[] = []
  let at = 0
  let records = 0
  for (const entry of entries) {
    offsets.push(at)
    if (entry.type === 'record') {
      at = writeRecord(out, view, at, entry.record, seed)
      records++
    } else {
      at = writeNote(out, view, at, entry.type, entry.payload, seed)
    }
  }
  out.set(encodeMark({ start, records }, nonce), at)
  return { bytes: out, offsets }
}

/** The end of a commit: where it began and how many records it holds. */
export interface CommitMark {
  readonly start: number
  readonly records: number
}

export function encodeMark(mark: CommitMark, nonce: number): Uint8Array {
  const out = new Uint8Array(COMMIT_BYTES)
  const view = viewOf(out)
  out[0] = COMMIT
  view.setUint32(1, mark.start)
  view.setUint32(5, mark.records)
  view.setUint32(9, suite.crc32(out.subarray(0, 9), seedOf(nonce)))
  return out
}

function writeRecord(out: Uint8Array, view: DataView, at: number, record: StoredRecord, seed: number): number {
  const { header, salt, body } = record
  out[at] = RECORD
  view.setUint16(at + 1, header.length)
  out.set(header, at + 7)
  view.setUint32(at + 3, suite.crc32(header, suite.crc32(out.subarray(at, at + 3), seed)))
  const tail = at + 7 + header.length
  out[tail] = STATE_LIVE
  view.setUint32(tail + 1, body.length)
  out.set(salt, tail + 9)
  out.set(body, tail + 9 + SALT_BYTES)
  const end = tail + 9 + SALT_BYTES + body.length
  view.setUint32(tail + 5, suite.crc32(out.subarray(tail + 9, end), suite.crc32(out.subarray(tail + 1, tail + 5), seed)))
  return end
}

function writeNote(out: Uint8Array, view: DataView, at: number, kind: NoteKind, payload: Uint8Array, seed: number): number {
  out[at] = NOTES[kind]
  view.setUint32(at + 1, payload.length)
  view.setUint32(at + 5, suite.crc32(payload, suite.crc32(out.subarray(at, at + 5), seed)))
  out.set(payload, at + NOTE_FIXED)
  return at + NOTE_FIXED + payload.length
}

/** What a scan meets, in order. Byte strings are views into the segment. */
export type ScanItem =
  | { readonly type: 'record'; readonly at: number; readonly end: number; readonly record: StoredRecord; readonly erased: boolean }
  | { readonly type: NoteKind; readonly at: number; readonly end: number; readonly payload: Uint8Array }
  | { readonly type: 'commit'; readonly at: number; readonly end: number; readonly start: number; readonly records: number }
  /** Bytes that are no entry, up to the next thing that is one. `header` or `payload`: as much as could be read of it. */
  | { readonly type: 'damage'; readonly at: number; readonly end: number; readonly why: string; readonly header?: Uint8Array; readonly payload?: Uint8Array }

type Damage = Extract<ScanItem, { type: 'damage' }>

/** Walks the entries of a segment from its header on. Damage does not end the walk. */
export function* scanSegment(bytes: Uint8Array, nonce: number): Generator<ScanItem> {
  const seed = seedOf(nonce)
  const view = viewOf(bytes)
  let at = SEGMENT_HEADER_BYTES
  while (at < bytes.length) {
    const item = parseEntry(bytes, view, at, seed)
    if (item.type !== 'damage') {
      yield item
      at = item.end
      continue
    }
    let next = at + 1
    while (next < bytes.length && (!isEntryType(bytes[next] as number) || parseEntry(bytes, view, next, seed).type === 'damage')) next++
    yield { ...item, end: next }
    at = next
  }
}

/** One record whose place is known; undefined when its bytes are not what they were. */
export function parseRecord(bytes: Uint8Array, nonce: number): StoredRecord | undefined {
  const item = parseEntry(bytes, viewOf(bytes), 0, seedOf(nonce))
  return item.type === 'record' && item.end === bytes.length && !item.erased ? item.record : undefined
}

function isEntryType(byte: number): boolean {
  return byte === RECORD || byte === COMMIT || byte === NOTES.cover || byte === NOTES.conflict || byte === NOTES.cut
}

function parseEntry(bytes: Uint8Array, view: DataView, at: number, seed: number): ScanItem {
  const left = bytes.length - at
  switch (bytes[at]) {
    case RECORD:
      return parseRecordAt(bytes, view, at, left, seed)
    case NOTES.cover:
      return parseNote(bytes, view, at, left, seed, 'cover')
    case NOTES.conflict:
      return parseNote(bytes, view, at, left, seed, 'conflict')
    case NOTES.cut:
      return parseNote(bytes, view, at, left, seed, 'cut')
    case COMMIT:
      if (left < COMMIT_BYTES) return damage(at, 'commit mark cut short')
      if (view.getUint32(at + 9) !== suite.crc32(bytes.subarray(at, at + 9), seed)) return damage(at, 'commit mark damaged')
      return { type: 'commit', at, end: at + COMMIT_BYTES, start: view.getUint32(at + 1), records: view.getUint32(at + 5) }
    default:
      return damage(at, 'not an entry')
  }
}

function parseRecordAt(bytes: Uint8Array, view: DataView, at: number, left: number, seed: number): ScanItem {
  if (left < 7) return damage(at, 'record cut short')
  const headerLength = view.getUint16(at + 1)
  if (headerLength > HEADER_MAX_BYTES) return damage(at, 'header length damaged')
  if (left < 7 + headerLength) return damage(at, 'record cut short')
  const header = bytes.subarray(at + 7, at + 7 + headerLength)
  if (view.getUint32(at + 3) !== suite.crc32(header, suite.crc32(bytes.subarray(at, at + 3), seed))) return damage(at, 'header damaged')
  const tail = at + 7 + headerLength
  if (bytes.length - tail < 9 + SALT_BYTES) return { ...damage(at, 'body cut short'), header }
  const bodyLength = view.getUint32(tail + 1)
  if (bodyLength > BODY_MAX_BYTES) return { ...damage(at, 'body length damaged'), header }
  const end = tail + 9 + SALT_BYTES + bodyLength
  if (end > bytes.length) return { ...damage(at, 'body cut short'), header }
  const salt = bytes.subarray(tail + 9, tail + 9 + SALT_BYTES)
  const body = bytes.subarray(tail + 9 + SALT_BYTES, end)
  const state = bytes[tail] as number
  if (state === STATE_ERASED) {
    const blank = salt.every(byte => byte === 0) && body.every(byte => byte === 0)
    return blank ? { type: 'record', at, end, record: { header, salt, body }, erased: true } : { ...damage(at, 'state damaged'), header }
  }
  if (state !== STATE_LIVE) return { ...damage(at, 'state damaged'), header }
  if (view.getUint32(tail + 5) !== suite.crc32(bytes.subarray(tail + 9, end), suite.crc32(bytes.subarray(tail + 1, tail + 5), seed))) {
    return { ...damage(at, 'body damaged'), header }
  }
  return { type: 'record', at, end, record: { header, salt, body }, erased: false }
}

function parseNote(bytes: Uint8Array, view: DataView, at: number, left: number, seed: number, kind: NoteKind): ScanItem {
  if (left < NOTE_FIXED) return damage(at, `${kind} cut short`)
  const length = view.getUint32(at + 1)
  if (length > NOTE_MAX_BYTES) return damage(at, `${kind} length damaged`)
  const end = at + NOTE_FIXED + length
  if (end > bytes.length) return damage(at, `${kind} cut short`)
  const payload = bytes.subarray(at + NOTE_FIXED, end)
  if (view.getUint32(at + 5) !== suite.crc32(payload, suite.crc32(bytes.subarray(at, at + 5), seed))) return { ...damage(at, `${kind} damaged`), payload }
  return { type: kind, at, end, payload }
}

function damage(at: number, why: string): Damage {
  return { type: 'damage', at, end: at, why }
}

function seedOf(nonce: number): number {
  return suite.crc32(Uint8Array.of(nonce >>> 24, (nonce >>> 16) & 0xff, (nonce >>> 8) & 0xff, nonce & 0xff))
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

