import type { Disk, DiskError } from '../base/ports.ts'
import type { Erasure } from './erasure.ts'
import type { Places } from './places.ts'
import { segmentFile } from './scan.ts'
import { eraseInSegment } from './segment.ts'

/** A segment being written anew without some bodies. It is no segment's name, so nobody reads it. */
const BESIDE = 'journal/erasing.new'
/** 2,000 entries take some 15 ms: a slice the main loop can spare. */
const SLICE = 2000

/**
 * Takes bodies out of segments: the segment is written beside itself with zeros in their places, synced, and renamed over
 * the old one. Until then the disk has the whole old segment, from then on the whole new one: a crash loses nothing, and brings
 * nothing back. All entries stay where they were.
 */
export interface SegmentToErase {
  readonly number: number
  /** As far as the segment counts; what lies behind was given up, and goes as well. */
  readonly length: number
  readonly nonce: number
}

export function bySegment(places: Places, erasures: readonly Erasure[]): ReadonlyMap<number, readonly Erasure[]> {
  const segments = new Map<number, Erasure[]>()
  for (const erasure of erasures) {
    const { log, seq } = erasure
    if (seq >= places.size(log) || places.isErased(log, seq)) continue
    const { segment } = places.at(log, seq)
    segments.set(segment, [...(segments.get(segment) ?? []), erasure])
  }
  return segments
}

export function rewriteSegment(
  disk: Disk,
  places: Places,
  { number, length, nonce }: SegmentToErase,
  erasures: readonly Erasure[],
  pause: (resume: () => void) => void,
  done: (error: DiskError | undefined) => void,
): void {
  const file = segmentFile(number)
  const offsets = new Map(erasures.map(({ log, seq, by }) => [places.at(log, seq).offset, by]))
  disk.read(file, 0, length, read => {
    if (!read.ok) return done(read.error)
    if (read.value.length < length) return done({ code: 'failed', message: `${file} is shorter than it was` })
    const work = eraseInSegment(read.value, nonce, offsets)
    const advance = (): void => {
      for (let i = 0; i < SLICE; i++) if (work.next().done === true) return replace(read.value)
      pause(advance)
    }
    advance()
  })

  function replace(bytes: Uint8Array): void {
    removeLeftover(disk, removed => {
      if (removed !== undefined) return done(removed)
      disk.append(BESIDE, bytes, written => {
        if (!written.ok) return removeLeftover(disk, () => done(written.error))
        disk.rename(BESIDE, file, renamed => {
          if (!renamed.ok) return done(renamed.error)
          for (const { log, seq } of erasures) places.erase(log, seq)
          done(undefined)
        })
      })
    })
  }
}

/** What a crash left beside a segment holds bodies that may have to go later. */
export function removeLeftover(disk: Disk, done: (error: DiskError | undefined) => void): void {
  disk.remove(BESIDE, removed => done(removed.ok ? undefined : removed.error))
}
