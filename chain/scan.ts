import type { DiskError, Disk } from '../base/ports.ts'
import { WeftError } from '../base/errors.ts'
import { Places } from './places.ts'
import { Replay, type ReplayOptions } from './replay.ts'
import { type CommitMark, decodeSegmentHeader, SEGMENT_HEADER_BYTES, type ScanItem, scanSegment, type SegmentHeader } from './segment.ts'

/** What a walk over the whole journal found. */
export interface Scan {
  readonly replay: Replay
  readonly places: Places
  /** Headers of the segments, oldest first. */
  readonly segments: readonly SegmentHeader[]
  /** Where the accepted bytes of the last segment end; 0 when there is no segment. */
  readonly end: number
  /** The mark that the last commit lacks, when a checkpoint vouches for what is there of it. */
  readonly unmarked: CommitMark | undefined
  /** Bytes behind the end that a write left unfinished. */
  readonly torn: Torn | undefined
}

export interface Torn {
  readonly segment: number
  readonly offset: number
  readonly bytes: number
}

export type ScanResult = { readonly ok: true; readonly scan: Scan } | { readonly ok: false; readonly error: WeftError }

export interface ScanOptions extends ReplayOptions {
  /** Called between slices of work with the function that goes on: a running node verifies without stopping. */
  readonly pause?: (resume: () => void) => void
  /** Read the last segment only up to here: what is behind it is being written. */
  readonly until?: { readonly segment: number; readonly offset: number }
}

/** 2,000 entries take some 15 ms: a slice the main loop can spare. */
const SLICE = 2000

const FOLDER = 'journal'

export function segmentFile(number: number): string {
  return `${FOLDER}/${String(number).padStart(8, '0')}.seg`
}

/** Reads every segment in order into a Replay. Reads only. */
export function scanJournal(disk: Disk, options: ScanOptions, done: (result: ScanResult) => void): void {
  const places = new Places()
  const replay = new Replay(options, places)
  const segments: SegmentHeader[] = []
  const lengths: number[] = []
  let tornHeader = false

  disk.list(FOLDER, listed => {
    if (!listed.ok) return fail(listed.error)
    const numbers = listed.value.filter(name => /^[0-9]{8}\.seg$/.test(name)).map(name => Number(name.slice(0, 8)))
    const last = options.until === undefined ? numbers.length : numbers.filter(number => number <= (options.until?.segment ?? 0)).length
    readHeader(0, numbers.slice(0, last))
  })

  function readHeader(index: number, numbers: readonly number[]): void {
    const number = numbers[index]
    if (number === undefined) return readSegment(0)
    const file = segmentFile(number)
    disk.size(file, size => {
      if (!size.ok) return fail(size.error)
      disk.read(file, 0, SEGMENT_HEADER_BYTES, read => {
        if (!read.ok) return fail(read.error)
        const header = decodeSegmentHeader(read.value)
        if (header === 'newer') return done({ ok: false, error: new WeftError('format_newer', `${file} was written by a newer version`) })
        if (header === 'damaged') {
          tornHeader = index === numbers.length - 1 && size.value <= SEGMENT_HEADER_BYTES
          if (!tornHeader) replay.suspect('segment header damaged', { segment: number, offset: 0 })
          return readSegment(0)
        }
        if (header.number !== index + 1 || number !== index + 1) {
          replay.suspect(number === index + 1 ? 'segment out of place' : 'segment missing', { segment: index + 1, offset: 0 })
          return readSegment(0)
        }
        segments.push(header)
        lengths.push(options.until?.segment === number ? Math.min(size.value, options.until.offset) : size.value)
        readHeader(index + 1, numbers)
      })
    })
  }

  function readSegment(index: number): void {
    const header = segments[index]
    if (header === undefined || replay.damage !== undefined) return finish(0, undefined, tornHeader ? { segment: segments.length + 1, offset: 0, bytes: SEGMENT_HEADER_BYTES } : undefined)
    const next = segments[index + 1]
    const length = lengths[index] as number
    disk.read(segmentFile(header.number), 0, next === undefined ? length : Math.min(length, next.previousLength), read => {
      if (!read.ok) return fail(read.error)
      const walk = new Walk(replay, header.number, read.value, header.nonce)
      const run = (): void => {
        if (!walk.advance(SLICE)) return options.pause === undefined ? run() : options.pause(run)
        const end = walk.finish(next === undefined && !tornHeader)
        if (next !== undefined && length !== next.previousLength) {
          replay.suspect(length < next.previousLength ? 'segment cut short' : 'bytes after the end of the segment', { segment: header.number, offset: Math.min(length, next.previousLength) })
        }
        if (next !== undefined || tornHeader) return readSegment(index + 1)
        finish(end.offset, end.unmarked, end.offset < read.value.length ? { segment: header.number, offset: end.offset, bytes: read.value.length - end.offset } : undefined)
      }
      run()
    })
  }

  function finish(end: number, unmarked: CommitMark | undefined, torn: Torn | undefined): void {
    replay.finish()
    const offset = end === 0 && segments.length > 0 ? (lengths.at(-1) as number) : end
    done({ ok: true, scan: { replay, places, segments, end: offset, unmarked, torn } })
  }

  function fail(error: DiskError): void {
    done({ ok: false, error: new WeftError('disk_failed', `cannot read the journal: ${error.message}`) })
  }
}

/**
 * One segment, commit by commit: entries count once their commit's mark has been met. At the
 * end of the journal, entries without a mark count as far as a checkpoint vouches for them.
 */
class Walk {
  readonly #replay: Replay
  readonly #segment: number
  readonly #items: Generator<ScanItem>
  #open: ScanItem[] = []
  #start: number = SEGMENT_HEADER_BYTES

  constructor(replay: Replay, segment: number, bytes: Uint8Array, nonce: number) {
    this.#replay = replay
    this.#segment = segment
    this.#items = scanSegment(bytes, nonce)
  }

  /** @returns true when the segment is at its end */
  advance(count: number): boolean {
    for (let i = 0; i < count && this.#replay.damage === undefined; i++) {
      const next = this.#items.next()
      if (next.done === true) return true
      this.#open.push(next.value)
      if (next.value.type === 'commit') this.#commit(next.value)
    }
    return this.#replay.damage !== undefined
  }

  finish(isLast: boolean): { offset: number; unmarked: CommitMark | undefined } {
    if (!isLast) {
      if (this.#open.length > 0) this.#replay.suspect('commit without its mark', { segment: this.#segment, offset: this.#start })
      this.#takeOpen(this.#open.length)
      return { offset: this.#start, unmarked: undefined }
    }
    const vouched = this.#open.findLastIndex(item => item.type === 'cover') + 1
    if (vouched === 0) return { offset: this.#start, unmarked: undefined }
    const unmarked = { start: this.#start, records: this.#open.slice(0, vouched).filter(item => item.type === 'record').length }
    const offset = (this.#open[vouched - 1] as ScanItem).end
    this.#takeOpen(vouched)
    return { offset, unmarked }
  }

  #commit(mark: Extract<ScanItem, { type: 'commit' }>): void {
    const records = this.#open.filter(item => item.type === 'record').length
    const isWhole = this.#open.every(item => item.type !== 'damage')
    this.#takeOpen(this.#open.length)
    if (mark.start !== this.#start || (isWhole && records !== mark.records)) {
      this.#replay.suspect('commit mark out of place', { segment: this.#segment, offset: mark.at })
    }
    this.#start = mark.end
  }

  #takeOpen(count: number): void {
    for (const item of this.#open.slice(0, count)) this.#replay.take(item, this.#segment)
    this.#open = []
  }
}
