/**
 * Hybrid logical clock (Kulkarni, Demirbas et al., 2014): wall milliseconds that never
 * go back, and a counter for events within one millisecond. It orders; it never decides facts.
 *
 * 48-bit milliseconds, 16-bit counter. A full counter borrows the next millisecond.
 */
export interface Hlc {
  readonly ms: number
  readonly counter: number
}

export const HLC_MS_MAX: number = 2 ** 48 - 1
export const HLC_COUNTER_MAX: number = 2 ** 16 - 1
export const HLC_ZERO: Hlc = { ms: 0, counter: 0 }

export function compareHlc(a: Hlc, b: Hlc): number {
  return a.ms - b.ms || a.counter - b.counter
}

export function isHlc(ms: number, counter: number): boolean {
  return ms >= 0 && ms <= HLC_MS_MAX && counter >= 0 && counter <= HLC_COUNTER_MAX
}

/** The time of the next local event: greater than `last`, and the wall clock when that is ahead. */
export function nextHlc(last: Hlc, wallMs: number): Hlc {
  const ms = Math.floor(wallMs)
  if (ms > last.ms) return { ms: Math.min(ms, HLC_MS_MAX), counter: 0 }
  if (last.counter < HLC_COUNTER_MAX) return { ms: last.ms, counter: last.counter + 1 }
  return { ms: last.ms + 1, counter: 0 }
}

export function maxHlc(a: Hlc, b: Hlc): Hlc {
  return compareHlc(a, b) >= 0 ? a : b
}

/** ISO 8601 of the wall part. */
export function isoOf(hlc: Hlc): string {
  return new Date(hlc.ms).toISOString()
}
