/** Which places of a log: ranges `[from, to)` in order, with gaps between them. `to` may be Infinity. */
export type Spans = readonly (readonly [from: number, to: number])[]

export const NOWHERE: Spans = []
export const EVERYWHERE: Spans = [[0, Number.POSITIVE_INFINITY]]

export function covers(spans: Spans, seq: number): boolean {
  return spans.some(([from, to]) => from <= seq && seq < to)
}

/** These, and everything from `from` on. */
export function andFrom(spans: Spans, from: number): Spans {
  const before = spans.filter(([begin]) => begin < from)
  const last = before.at(-1)
  if (last !== undefined && last[1] >= from) return [...before.slice(0, -1), [last[0], Number.POSITIVE_INFINITY]]
  return [...before, [from, Number.POSITIVE_INFINITY]]
}

/** What is in both. */
export function common(a: Spans, b: Spans): Spans {
  const both: (readonly [number, number])[] = []
  for (const [fromA, toA] of a) {
    for (const [fromB, toB] of b) {
      const from = Math.max(fromA, fromB)
      const to = Math.min(toA, toB)
      if (from < to) both.push([from, to])
    }
  }
  return both
}

/** These as far as `to`. */
export function until(spans: Spans, to: number): Spans {
  return common(spans, [[0, to]])
}
