import { assert } from '../base/assert.ts'
import { type Buggify, never } from '../base/buggify.ts'
import { WeftError } from '../base/errors.ts'
import type { LogId } from '../base/ids.ts'
import { COMMIT_RECORDS_MAX, ERASE_HERE_MAX_BYTES, SEGMENT_BYTES } from '../base/limits.ts'
import type { Disk, DiskError, DiskResult, Random } from '../base/ports.ts'
import { type Erasure, isErasedBy } from './erasure.ts'
import { bySegment, removeLeftover, rewriteSegment } from './journal-eraser.ts'
import type { Place, Places } from './places.ts'
import type { Replay, ReplayOptions } from './replay.ts'
import type { StoredRecord } from './record.ts'
import { type Leftover, type Scan, scanJournal, segmentFile } from './scan.ts'
import {
  encodeCommit,
  encodeSegmentHeader,
  entryBytes,
  type JournalEntry,
  MARK_BYTES,
  parseRecord,
  scanSegment,
  SEGMENT_HEADER_BYTES,
} from './segment.ts'

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
  readonly torn: Leftover | undefined
}

export type OpenResult = { readonly ok: true; readonly value: OpenedJournal } | { readonly ok: false; readonly error: WeftError }

export interface JournalOptions extends ReplayOptions {
  readonly buggify?: Buggify
  /** Called between slices of work on what need not be done at once, with the function that goes on. */
  readonly pause?: (resume: () => void) => void
}

export function openJournal(disk: Disk, random: Random, options: JournalOptions, done: (result: OpenResult) => void): void {
  removeLeftover(disk, removed => (removed === undefined ? scan() : done({ ok: false, error: failure(removed) })))

  function scan(): void {
    // A start reads everything at once: there is nobody to keep waiting.
    const { pause: _, ...atOnce } = options
    scanJournal(disk, atOnce, result => (result.ok ? begin(result.scan) : done(result)))
  }

  function begin({ replay, places, segments, end, leftovers }: Scan): void {
    const { damage } = replay
    if (damage !== undefined) {
      const { log, seq, reason, segment, offset } = damage
      const place = `${segmentFile(segment)} at byte ${offset}`
      const which = log === undefined ? '' : `record ${seq} of log ${log} is damaged: `
      return done({
        ok: false,
        error: new WeftError('chain_damaged', `${which}${reason} (${place})`, {
          details: { log, seq, reason, file: segmentFile(segment), offset },
        }),
      })
    }
    const last = segments.at(-1)
    cutOff(disk, leftovers, error => {
      if (error !== undefined) return done({ ok: false, error: failure(error) })
      syncEnd(disk, last?.number, failed => {
        if (failed !== undefined) return done({ ok: false, error: failure(failed) })
        const journal = new Journal(
          disk,
          random,
          places,
          segments.map(({ nonce }, i) => ({ nonce, length: segments[i + 1]?.previousLength ?? 0 })),
          { segment: last?.number ?? 0, offset: end, nonce: last?.nonce ?? 0 },
          options,
        )
        done({ ok: true, value: { journal, replay, torn: leftovers.at(-1) } })
      })
    })
  }
}

/** Cuts off what no commit counts, durably, before anything is written behind it. */
function cutOff(disk: Disk, leftovers: readonly Leftover[], done: (error: DiskError | undefined) => void): void {
  const [first, ...rest] = leftovers
  if (first === undefined) return done(undefined)
  const file = segmentFile(first.segment)
  const next = (result: DiskResult<void>): void => (result.ok ? cutOff(disk, rest, done) : done(result.error))
  if (first.offset === 0) return disk.remove(file, next)
  disk.truncate(file, first.offset, cut => (cut.ok ? disk.sync(file, next) : next(cut)))
}

/** A process that was killed may have left its last commit in the memory of the system only: what was read here must be on the disk. */
function syncEnd(disk: Disk, segment: number | undefined, done: (error: DiskError | undefined) => void): void {
  if (segment === undefined) return done(undefined)
  disk.sync(segmentFile(segment), synced => done(synced.ok ? undefined : synced.error))
}

/** What has to be known of a segment to read it. */
interface Segment {
  readonly nonce: number
  /** How far it counts; of no meaning for the last one. */
  length: number
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
  /** From segment 1 on. */
  readonly #segments: Segment[]
  readonly #end: End
  readonly #buggify: Buggify
  readonly #pause: (resume: () => void) => void
  #committing = false
  #erasing = false
  /** The current segment is being written anew: a commit waits for that. */
  #held: (() => void)[] | undefined
  /** Who waits for the commit under way to end. */
  #whenIdle: (() => void) | undefined
  /** Set when bytes behind the end may be on the disk: they are cut before the next write. */
  #dirty = false
  /** Set when a sync of the current segment failed: it is read again and left before the next write. */
  #doubted = false

  constructor(
    disk: Disk,
    random: Random,
    places: Places,
    segments: readonly Segment[],
    end: End,
    { buggify = never, pause = resume => resume() }: Pick<JournalOptions, 'buggify' | 'pause'> = {},
  ) {
    this.#disk = disk
    this.#random = random
    this.#places = places
    this.#segments = [...segments]
    this.#end = end
    this.#buggify = buggify
    this.#pause = pause
  }

  /** Where the durable bytes end. */
  get end(): { readonly segment: number; readonly offset: number } {
    return { segment: this.#end.segment, offset: this.#end.offset }
  }

  /**
   * Writes and syncs one commit. One at a time: the next begins when `done` has been called.
   * After an error, `disk_full` or `disk_failed`, nothing of it counts, here or for good once a later commit has
   * succeeded. A crash before that may bring it back whole: nobody knows what a sync that failed has written.
   */
  commit(commit: Commit, done: (error: WeftError | undefined) => void): void {
    assert(!this.#committing, 'one commit at a time')
    assert(commit.records.length <= COMMIT_RECORDS_MAX, `a commit of ${commit.records.length} records`)
    this.#committing = true
    if (this.#held !== undefined) return void this.#held.push(() => this.#begin(commit, done))
    this.#begin(commit, done)
  }

  #begin(commit: Commit, done: (error: WeftError | undefined) => void): void {
    const finish = (error: WeftError | undefined): void => {
      this.#committing = false
      this.#whenIdle?.()
      done(error)
    }
    this.#clean(error => {
      if (error !== undefined) return finish(error)
      let bytes = 0
      for (const entry of commit.entries) bytes += entryBytes(entry)
      this.#makeRoom(bytes, rolled => (rolled === undefined ? this.#write(commit, finish) : finish(rolled)))
    })
  }

  /**
   * Records `from`.. of a log: as many as `maxRecords` and `maxBytes` allow, one at least. A record whose
   * bytes have gone bad ends the run before it; if it is the first, that is `chain_damaged`.
   */
  read(
    log: LogId,
    from: number,
    maxRecords: number,
    maxBytes: number,
    done: (error: WeftError | undefined, records: readonly StoredRecord[]) => void,
  ): void {
    const places: Place[] = []
    const most = this.#buggify('journal.read-one') ? 1 : maxRecords
    let bytes = 0
    for (let seq = from; seq < this.#places.size(log) && places.length < most; seq++) {
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
      for (
        let after = places[first + count];
        after !== undefined && after.segment === place.segment && after.offset === place.offset + length;
        after = places[first + count]
      ) {
        length += after.length
        count++
      }
      this.#disk.read(segmentFile(place.segment), place.offset, length, read => {
        if (!read.ok) return done(failure(read.error), records)
        let at = 0
        for (const { length: size } of places.slice(first, first + count)) {
          const record = parseRecord(read.value.subarray(at, at + size), (this.#segments[place.segment - 1] as Segment).nonce)
          if (record === undefined) {
            const where = `${segmentFile(place.segment)} at byte ${place.offset + at}`
            return done(
              records.length > 0 ? undefined : new WeftError('chain_damaged', `a record has gone bad on the disk (${where})`),
              records,
            )
          }
          records.push(record)
          at += size
        }
        next(first + count)
      })
    }
    next(0)
  }

  // ---- erasing

  /**
   * Drops the bodies of these records for good: when `done` is called without an error, no byte of them is on the disk, and
   * none of them comes back whenever the power fails. One call at a time; what is erased already costs nothing.
   */
  erase(erasures: readonly Erasure[], done: (error: WeftError | undefined, erased: number) => void): void {
    assert(!this.#erasing, 'one erasing at a time')
    this.#erasing = true
    const live = erasures.filter(({ log, seq, by }) => by < this.#places.size(log) && seq < by && !this.#places.isErased(log, seq))
    this.#grounded(live, grounded => {
      const segments = [...bySegment(this.#places, grounded)]
      const next = (error?: WeftError): void => {
        const segment = error === undefined ? segments.shift() : undefined
        if (segment !== undefined) return this.#eraseIn(...segment, next)
        this.#erasing = false
        done(error, grounded.length)
      }
      next()
    })
  }

  /** Those that the record named for it erases indeed: others are not touched, whoever asks for it. */
  #grounded(left: readonly Erasure[], done: (grounded: readonly Erasure[]) => void): void {
    const grounded: Erasure[] = []
    let at = 0
    const next = (): void => {
      const erasure = left[at++]
      if (erasure === undefined) return done(grounded)
      const { log, seq, by } = erasure
      this.readPlaces([this.#places.at(log, seq), this.#places.at(log, by)], (_, [record, ground]) => {
        if (record !== undefined && ground !== undefined && isErasedBy(record.header, ground, by)) grounded.push(erasure)
        next()
      })
    }
    next()
  }

  #eraseIn(number: number, erasures: readonly Erasure[], done: (error?: WeftError) => void): void {
    if (number < this.#end.segment) return this.#rewrite(number, (this.#segments[number - 1] as Segment).length, erasures, done)
    // Nothing is written to the current segment meanwhile.
    this.#hold(release => {
      const finish = (error?: WeftError): void => {
        release()
        done(error)
      }
      if (this.#dirty || this.#doubted) return finish(new WeftError('disk_failed', 'the disk has just failed'))
      const { segment, offset } = this.#end
      if (number < segment) return this.#rewrite(number, (this.#segments[number - 1] as Segment).length, erasures, finish)
      if (offset <= ERASE_HERE_MAX_BYTES && !this.#buggify('journal.erase-apart')) return this.#rewrite(number, offset, erasures, finish)
      // A large one is left for a new one first, so that commits need not wait for all of it.
      this.#newSegment(error => {
        release()
        if (error === undefined) this.#rewrite(number, offset, erasures, done)
        else done(error)
      })
    })
  }

  #rewrite(number: number, length: number, erasures: readonly Erasure[], done: (error?: WeftError) => void): void {
    const { nonce } = this.#segments[number - 1] as Segment
    rewriteSegment(this.#disk, this.#places, { number, length, nonce }, erasures, this.#pause, error =>
      done(error === undefined ? undefined : failure(error)),
    )
  }

  /** Calls `then` once no commit is under way, and lets none begin until it has called `release`. */
  #hold(then: (release: () => void) => void): void {
    const held: (() => void)[] = []
    const release = (): void => {
      if (this.#held !== held) return
      this.#held = undefined
      for (const begin of held) begin()
    }
    const begin = (): void => {
      this.#whenIdle = undefined
      this.#held = held
      then(release)
    }
    if (this.#committing) this.#whenIdle = begin
    else begin()
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
    const hasRoom = this.#end.segment > 0 && this.#end.offset + bytes + MARK_BYTES <= SEGMENT_BYTES
    if (hasRoom && !this.#buggify('journal.new-segment')) return done(undefined)
    this.#newSegment(done)
  }

  /** What was acknowledged must still be there as it was written. */
  #reread(done: (error: WeftError | undefined) => void): void {
    const { segment, offset, nonce } = this.#end
    this.#disk.read(segmentFile(segment), 0, offset, read => {
      if (!read.ok) return done(failure(read.error))
      let sound = SEGMENT_HEADER_BYTES
      for (const item of scanSegment(read.value, nonce)) {
        if (item.type === 'damage' || (item.type === 'mark' && !item.isWhole)) break
        sound = item.end
      }
      done(
        sound === offset
          ? undefined
          : new WeftError('chain_damaged', `after a failed sync ${segmentFile(segment)} is damaged at byte ${sound}`),
      )
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
          const before = this.#segments[number - 2]
          if (before !== undefined) before.length = this.#end.offset
          this.#segments[number - 1] = { nonce, length: 0 }
          Object.assign(this.#end, { segment: number, offset: SEGMENT_HEADER_BYTES, nonce })
          this.#doubted = false
          done(undefined)
        })
      })
    })
  }

  #write(commit: Commit, done: (error: WeftError | undefined) => void): void {
    const { segment, offset: start, nonce } = this.#end
    const { bytes, offsets } = encodeCommit(commit.entries, start, nonce)
    const file = segmentFile(segment)
    this.#disk.append(file, bytes, written => {
      if (!written.ok) {
        this.#dirty = true
        return done(failure(written.error))
      }
      this.#disk.sync(file, synced => {
        if (!synced.ok) {
          this.#dirty = true
          this.#doubted = true
          // Cut at once: another life would take what it can read for what the disk has, and it would be gone when the power fails.
          return this.#clean(() => done(failure(synced.error)))
        }
        this.#end.offset += bytes.length
        let record = 0
        commit.entries.forEach((entry, i) => {
          if (entry.type !== 'record') return
          const { log, seq } = commit.records[record++] as (typeof commit.records)[number]
          const place = { segment, offset: start + (offsets[i] as number), length: entryBytes(entry) }
          this.#places.add(log, seq, place, entry.record.erasedBy !== undefined)
        })
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
