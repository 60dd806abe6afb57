import { WeftError } from '../base/errors.ts'
import type { LogId } from '../base/ids.ts'
import type { Disk, DiskError } from '../base/ports.ts'
import { Places } from './places.ts'
import { Replay, type ReplayOptions } from './replay.ts'
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES, type ScanItem, scanSegment, type SegmentHeader } from './segment.ts'

/** What a walk over the whole journal found. */
export interface Scan {
  readonly replay: Replay
  readonly places: Places
  /** Headers of the segments, oldest first. */
  readonly segments: readonly SegmentHeader[]
  /** Where the last commit that counts ends in the last segment; 0 when there is no segment. */
  readonly end: number
  /** Bytes that no commit counts: a write that was cut short, one that failed, a segment without its header. */
  readonly leftovers: readonly Leftover[]
}

export interface Leftover {
  readonly segment: number
  readonly offset: number
  readonly bytes: number
  /** The log, and the place in it, of the record they begin with, as far as that can be told. */
  readonly log: LogId | undefined
  readonly seq: number | undefined
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

/** One file of the journal, by its name. */
interface Found {
  readonly number: number
  readonly size: number
  readonly header: SegmentHeader | 'damaged'
}

/** Reads every segment in order into a Replay. Reads only. */
export function scanJournal(disk: Disk, options: ScanOptions, done: (result: ScanResult) => void): void {
  const { until, pause } = options
  const places = new Places()
  const replay = new Replay(options, places)
  const found: Found[] = []
  const leftovers: Leftover[] = []

  disk.list(FOLDER, listed => {
    if (!listed.ok) return fail(listed.error)
    const numbers = listed.value.filter(name => /^[0-9]{8}\.seg$/.test(name)).map(name => Number(name.slice(0, 8)))
    readHeaders(until === undefined ? numbers : numbers.filter(number => number <= until.segment))
  })

  function readHeaders(numbers: readonly number[]): void {
    const number = numbers[found.length]
    if (number === undefined) return begin()
    const file = segmentFile(number)
    disk.size(file, size => {
      if (!size.ok) return fail(size.error)
      disk.read(file, 0, SEGMENT_HEADER_BYTES, read => {
        if (!read.ok) return fail(read.error)
        const header = decodeSegmentHeader(read.value)
        if (header === 'newer') return done({ ok: false, error: new WeftError('format_newer', `${file} was written by a newer version`) })
        found.push({ number, size: until?.segment === number ? Math.min(size.value, until.offset) : size.value, header })
        readHeaders(numbers)
      })
    })
  }

  function begin(): void {
    const last = found.at(-1)
    if (last?.header === 'damaged' && last.number === found.length && last.size <= SEGMENT_HEADER_BYTES) {
      // A crash left a new segment without its header: nothing was ever written into it.
      found.pop()
      leftovers.push({ segment: last.number, offset: 0, bytes: last.size, log: undefined, seq: undefined })
    }
    walk(0)
  }

  function walk(index: number): void {
    const segment = found[index]
    if (segment === undefined || replay.damage !== undefined) return finish(0)
    const { number, size, header } = segment
    const before = found[index - 1]?.number ?? 0
    if (number !== before + 1) replay.suspect('segment missing', { segment: before + 1, offset: 0 })
    if (header === 'damaged') {
      replay.suspect('segment header damaged', { segment: number, offset: 0 })
      return walk(index + 1)
    }
    if (header.number !== number) replay.suspect('segment out of place', { segment: number, offset: 0 })
    const next = found[index + 1]
    // The next segment knows how far this one counts, if it is the next one.
    const length = next !== undefined && next.header !== 'damaged' && next.header.number === number + 1 ? next.header.previousLength : size
    disk.read(segmentFile(number), 0, size, read => {
      if (!read.ok) return fail(read.error)
      const commits = new Walk(replay, number, read.value, length, header.nonce, next === undefined && !options.full)
      const advance = (): void => {
        while (!commits.advance(SLICE)) if (pause !== undefined) return pause(advance)
        if (next !== undefined) commits.close()
        if (size < length) replay.suspect('segment cut short', { segment: number, offset: size })
        const end = next === undefined ? commits.end : length
        if (size > end) leftovers.push({ segment: number, offset: end, bytes: size - end, ...replay.whose(read.value.subarray(end)) })
        if (next === undefined) finish(commits.end)
        else walk(index + 1)
      }
      advance()
    })
  }

  function finish(end: number): void {
    replay.finish()
    const segments = found.map(({ header }) => header).filter(header => header !== 'damaged')
    done({ ok: true, scan: { replay, places, segments, end, leftovers } })
  }

  function fail(error: DiskError): void {
    done({ ok: false, error: new WeftError('disk_failed', `cannot read the journal: ${error.message}`) })
  }
}

/**
 * One segment, commit by commit: entries count once the mark of their commit has been met. It goes on until a commit
 * ends where the segment should, and otherwise, as bytes have been put in or taken out, to the end of the file.
 */
class Walk {
  readonly #replay: Replay
  readonly #segment: number
  readonly #size: number
  readonly #length: number
  readonly #mayBeTorn: boolean
  readonly #items: Generator<ScanItem>
  #open: ScanItem[] = []
  /** Where the last commit that counts ends. */
  end: number = SEGMENT_HEADER_BYTES

  /**
   * @param length how much of the file counts
   * @param mayBeTorn the last commit of the segment is given up rather than judged when it is not whole
   */
  constructor(replay: Replay, segment: number, bytes: Uint8Array, length: number, nonce: number, mayBeTorn: boolean) {
    this.#replay = replay
    this.#segment = segment
    this.#size = bytes.length
    this.#length = length
    this.#mayBeTorn = mayBeTorn
    this.#items = scanSegment(bytes, nonce)
  }

  /** @returns true when the segment is at its end, or need not be read further */
  advance(count: number): boolean {
    for (let i = 0; i < count && this.end !== this.#length; i++) {
      const next = this.#items.next()
      if (next.done === true) return true
      if (next.value.type !== 'mark') this.#open.push(next.value)
      else this.#commit(next.value)
      if (this.#replay.damage !== undefined) return true
    }
    return this.end === this.#length
  }

  /** Something follows this segment: everything in it was written, and marked. */
  close(): void {
    if (this.#open.length === 0) return
    this.#take()
    this.#replay.suspect('commit without its mark', { segment: this.#segment, offset: this.end })
  }

  #commit(mark: Extract<ScanItem, { type: 'mark' }>): void {
    // The pages of one write reach the disk in any order: after a crash the mark may be there, and not all before it.
    if (!mark.isWhole && this.#mayBeTorn && mark.end === this.#size) return
    this.#take()
    if (!mark.isWhole) this.#replay.suspect('commit is not what its mark says', { segment: this.#segment, offset: mark.at })
    this.end = mark.end
  }

  #take(): void {
    for (const item of this.#open) this.#replay.take(item, this.#segment)
    this.#open = []
  }
}
