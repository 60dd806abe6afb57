import { assert } from '../base/assert.ts'
import { WeftError } from '../base/errors.ts'
import type { LogId } from '../base/ids.ts'
import { COMMIT_RECORDS_MAX, SEGMENT_BYTES } from '../base/limits.ts'
import type { Disk, DiskError, Random } from '../base/ports.ts'
import type { Place, Places } from './places.ts'
import type { Replay, ReplayOptions } from './replay.ts'
import type { StoredRecord } from './record.ts'
import { type Scan, scanJournal, segmentFile, type Torn } from './scan.ts'
import { type CommitMark, encodeCommit, encodeMark, encodeSegmentHeader, entryBytes, type JournalEntry, parseRecord, scanSegment, SEGMENT_HEADER_BYTES } from './segment.ts'

/**
 * The one thing on disk that counts: the records of all logs, own and replicas, with the
 * checkpoints over them, in one sequence of segments. A commit is one write and one sync; when it
 * has completed, everything in it is durable, and before that nothing of it is acknowledged.
 *
 * A write that failed is undone by cutting the segment back. After a sync that failed nobody knows what the disk
 * holds: before the next write the segment is cut back, read again to see that what was durable still is, and
 * left for a new one.
 */
export interface Commit {
  readonly entries: readonly JournalEntry[]
  /** Per record entry, in order: which record of which log it is. */
  readonly records: readonly { readonly log: LogId; readonly seq: number }[]
}

export interface OpenedJournal {
  readonly journal: Journal
  readonly replay: Replay
  /** What was cut from the end: a write that never was acknowledged. */
  readonly torn: Torn | undefined
}

export type OpenResult = { readonly ok: true; readonly value: OpenedJournal } | { readonly ok: false; readonly error: WeftError }

export function openJournal(disk: Disk, random: Random, options: ReplayOptions, done: (result: OpenResult) => void): void {
  scanJournal(disk, options, result => {
    if (!result.ok) return done(result)
    const { replay, places, torn } = result.scan
    const { damage } = replay
    if (damage !== undefined) {
      const { log, seq, reason, segment, offset } = damage
      const place = `${segmentFile(segment)} at byte ${offset}`
      const which = log === undefined ? '' : `record ${seq} of log ${log} is damaged: `
      return done({ ok: false, error: new WeftError('chain_damaged', `${which}${reason} (${place})`, { details: { log, seq, reason, file: segmentFile(segment), offset } }) })
    }
    mend(disk, result.scan, error => {
      if (error !== undefined) return done({ ok: false, error: failure(error) })
      const last = result.scan.segments.at(-1)
      const end: End = last === undefined ? { segment: 0, offset: 0, nonce: 0 } : { segment: last.number, offset: result.scan.end, nonce: last.nonce }
      const journal = new Journal(disk, random, places, result.scan.segments.map(header => header.nonce), end)
      const opened = { journal, replay, torn }
      if (result.scan.unmarked === undefined) return done({ ok: true, value: opened })
      journal.close(result.scan.unmarked, marked => done(marked === undefined ? { ok: true, value: opened } : { ok: false, error: marked }))
    })
  })
}

/** Cuts the torn tail off, durably, before anything is written behind it. */
function mend(disk: Disk, scan: Scan, done: (error: DiskError | undefined) => void): void {
  const { torn } = scan
  if (torn === undefined) return done(undefined)
  const file = segmentFile(torn.segment)
  if (torn.offset === 0) return disk.remove(file, removed => done(removed.ok ? undefined : removed.error))
  disk.truncate(file, torn.offset, cut => {
    if (!cut.ok) return done(cut.error)
    disk.sync(file, synced => done(synced.ok ? undefined : synced.error))
  })
}

interface End {
  segment: number
  offset: number
  nonce: number
}

export class Journal {
  readonly #disk: Disk
  readonly #random: Random
  readonly #places: Places
  /** CRC nonce per segment, from segment 1 on. */
  readonly #nonces: number[]
  readonly #end: End
  #committing = false
  /** Set when bytes behind the end may be on the disk: they are cut before the next write. */
  #dirty = false
  /** Set when a sync of the current segment failed: it is read again and left before the next write. */
  #doubted = false

  constructor(disk: Disk, random: Random, places: Places, nonces: readonly number[], end: End) {
    this.#disk = disk
    this.#random = random
    this.#places = places
    this.#nonces = [...nonces]
    this.#end = end
  }

  /** Where the durable bytes end. */
  get end(): { readonly segment: number; readonly offset: number } {
    return { segment: this.#end.segment, offset: this.#end.offset }
  }

  /**
   * Writes and syncs one commit. One at a time: the next begins when `done` has been called.
   * On an error nothing of it is there: `disk_full` or `disk_failed`.
   */
  commit(commit: Commit, done: (error: WeftError | undefined) => void): void {
    assert(!this.#committing, 'one commit at a time')
    assert(commit.records.length <= COMMIT_RECORDS_MAX, `a commit of ${commit.records.length} records`)
    this.#committing = true
    const finish = (error: WeftError | undefined): void => {
      this.#committing = false
      done(error)
    }
    this.#clean(error => {
      if (error !== undefined) return finish(error)
      let bytes = 0
      for (const entry of commit.entries) bytes += entryBytes(entry)
      this.#makeRoom(bytes, rolled => (rolled === undefined ? this.#write(commit, finish) : finish(rolled)))
    })
  }

  /** Closes a commit whose mark the last crash swallowed; its entries were found good. */
  close(mark: CommitMark, done: (error: WeftError | undefined) => void): void {
    this.#append(encodeMark(mark, this.#end.nonce), done)
  }

  /**
   * Records `from`.. of a log: as many as `maxRecords` and `maxBytes` allow, one at least. A record whose
   * bytes have gone bad ends the run before it; if it is the first, that is `chain_damaged`.
   */
  read(log: LogId, from: number, maxRecords: number, maxBytes: number, done: (error: WeftError | undefined, records: readonly StoredRecord[]) => void): void {
    const places: Place[] = []
    let bytes = 0
    for (let seq = from; seq < this.#places.size(log) && places.length < maxRecords; seq++) {
      const place = this.#places.at(log, seq)
      if (places.length > 0 && bytes + place.length > maxBytes) break
      bytes += place.length
      places.push(place)
    }
    this.readPlaces(places, done)
  }

  /** The records at `places`, neighbours in one read. */
  readPlaces(places: readonly Place[], done: (error: WeftError | undefined, records: readonly StoredRecord[]) => void): void {
    const records: StoredRecord[] = []
    const next = (first: number): void => {
      const place = places[first]
      if (place === undefined) return done(undefined, records)
      let count = 1
      let length = place.length
      for (let after = places[first + count]; after !== undefined && after.segment === place.segment && after.offset === place.offset + length; after = places[first + count]) {
        length += after.length
        count++
      }
      this.#disk.read(segmentFile(place.segment), place.offset, length, read => {
        if (!read.ok) return done(failure(read.error), records)
        let at = 0
        for (const { length: size } of places.slice(first, first + count)) {
          const record = parseRecord(read.value.subarray(at, at + size), this.#nonces[place.segment - 1] as number)
          if (record === undefined) {
            const where = `${segmentFile(place.segment)} at byte ${place.offset + at}`
            return done(records.length > 0 ? undefined : new WeftError('chain_damaged', `a record has gone bad on the disk (${where})`), records)
          }
          records.push(record)
          at += size
        }
        next(first + count)
      })
    }
    next(0)
  }

  #clean(done: (error: WeftError | undefined) => void): void {
    if (!this.#dirty) return done(undefined)
    this.#disk.truncate(segmentFile(this.#end.segment), this.#end.offset, cut => {
      if (!cut.ok) return done(failure(cut.error))
      this.#dirty = false
      done(undefined)
    })
  }

  /** Begins a new segment when the commit does not fit, when there is none, or when the current one is doubted. */
  #makeRoom(bytes: number, done: (error: WeftError | undefined) => void): void {
    if (this.#doubted) return this.#reread(error => (error === undefined ? this.#newSegment(done) : done(error)))
    if (this.#end.segment > 0 && this.#end.offset + bytes + 64 <= SEGMENT_BYTES) return done(undefined)
    this.#newSegment(done)
  }

  /** What was acknowledged must still be there as it was written. */
  #reread(done: (error: WeftError | undefined) => void): void {
    const { segment, offset, nonce } = this.#end
    this.#disk.read(segmentFile(segment), 0, offset, read => {
      if (!read.ok) return done(failure(read.error))
      let at = SEGMENT_HEADER_BYTES
      for (const item of scanSegment(read.value, nonce)) {
        if (item.type === 'damage') break
        at = item.end
      }
      if (at !== offset) return done(new WeftError('chain_damaged', `after a failed sync ${segmentFile(segment)} is damaged at byte ${at}`))
      done(undefined)
    })
  }

  #newSegment(done: (error: WeftError | undefined) => void): void {
    const number = this.#end.segment + 1
    const nonce = this.#random.below(2 ** 32)
    const header = encodeSegmentHeader({ number, previousLength: this.#end.offset, nonce })
    const file = segmentFile(number)
    // A failed attempt may have left something under this name.
    this.#disk.remove(file, removed => {
      if (!removed.ok) return done(failure(removed.error))
      this.#disk.append(file, header, written => {
        if (!written.ok) return done(failure(written.error))
        this.#disk.sync(file, synced => {
          if (!synced.ok) return done(failure(synced.error))
          this.#nonces[number - 1] = nonce
          Object.assign(this.#end, { segment: number, offset: SEGMENT_HEADER_BYTES, nonce })
          this.#doubted = false
          done(undefined)
        })
      })
    })
  }

  #write(commit: Commit, done: (error: WeftError | undefined) => void): void {
    const start = this.#end.offset
    const { segment } = this.#end
    const { bytes, offsets } = encodeCommit(commit.entries, start, this.#end.nonce)
    this.#append(bytes, error => {
      if (error !== undefined) return done(error)
      let record = 0
      commit.entries.forEach((entry, i) => {
        if (entry.type !== 'record') return
        const { log, seq } = commit.records[record++] as (typeof commit.records)[number]
        this.#places.add(log, seq, { segment, offset: start + (offsets[i] as number), length: entryBytes(entry) })
      })
      done(undefined)
    })
  }

  #append(bytes: Uint8Array, done: (error: WeftError | undefined) => void): void {
    const file = segmentFile(this.#end.segment)
    this.#disk.append(file, bytes, written => {
      if (!written.ok) {
        this.#dirty = true
        return done(failure(written.error))
      }
      this.#disk.sync(file, synced => {
        if (!synced.ok) {
          this.#dirty = true
          this.#doubted = true
          return done(failure(synced.error))
        }
        this.#end.offset += bytes.length
        done(undefined)
      })
    })
  }

  /** Own records from `size` on gave way to what a peer knows; their entries stay readable by place. */
  truncate(log: LogId, size: number): void {
    this.#places.truncate(log, size)
  }

  place(log: LogId, seq: number): Place {
    return this.#places.at(log, seq)
  }
}

function failure(error: DiskError): WeftError {
  return error.code === 'full'
    ? new WeftError('disk_full', 'the disk is full')
    : new WeftError('disk_failed', `the disk failed: ${error.message}`)
}
