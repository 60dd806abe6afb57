import type { RunEvent } from '../../sim/report/event.ts'

/** Where two runs part: what both did last, and what each did then. */
export interface Divergence {
  /** Of the event, counted from 0. */
  readonly at: number
  readonly before: readonly RunEvent[]
  readonly a: RunEvent | undefined
  readonly b: RunEvent | undefined
}

const CONTEXT = 5

/** @returns undefined when the runs are the same */
export function divergenceOf(a: readonly RunEvent[], b: readonly RunEvent[]): Divergence | undefined {
  const length = Math.max(a.length, b.length)
  for (let at = 0; at < length; at++) {
    if (JSON.stringify(a[at]) !== JSON.stringify(b[at])) return { at, before: a.slice(Math.max(0, at - CONTEXT), at), a: a[at], b: b[at] }
  }
  return undefined
}
