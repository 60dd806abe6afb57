/**
 * The largest eigenvalue of a symmetric tridiagonal matrix, and its eigenvector of length 1: implicit QL with
 * Wilkinson's shifts (Bowdler, Martin, Reinsch and Wilkinson, 1968: `tql2`), which is backward stable.
 *
 * @param diagonal n numbers @param beside the n - 1 numbers beside it
 */
export function largestEigenpair(
  diagonal: readonly number[],
  beside: readonly number[],
): {
  readonly value: number
  readonly vector: Float64Array
  /** How far the next one is below it; 0 when there is none. */
  readonly gap: number
} {
  const n = diagonal.length
  const d = Float64Array.from(diagonal)
  const e = new Float64Array(n)
  e.set(beside.slice(0, n - 1))
  const rows = Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (_unused, j) => (i === j ? 1 : 0)))
  for (let low = 0; low < n; low++) {
    // 60 rounds an eigenvalue: two are usual.
    for (let round = 0; round < 60; round++) {
      let high = low
      while (high < n - 1 && !isNegligible(e, d, high)) high++
      if (high === low) break
      rotateFrom(low, high, d, e, rows)
    }
  }
  let best = 0
  for (let i = 1; i < n; i++) if ((d[i] as number) > (d[best] as number)) best = i
  const value = d[best] as number
  const next = d.reduce((most, other, i) => (i === best ? most : Math.max(most, other)), Number.NEGATIVE_INFINITY)
  return { value, vector: Float64Array.from(rows, row => row[best] as number), gap: n === 1 ? 0 : value - next }
}

function isNegligible(e: Float64Array, d: Float64Array, at: number): boolean {
  const scale = Math.abs(d[at] as number) + Math.abs(d[at + 1] as number)
  return scale + Math.abs(e[at] as number) === scale
}

/** One QL step on the block from `low` to `high`. */
function rotateFrom(low: number, high: number, d: Float64Array, e: Float64Array, rows: readonly Float64Array[]): void {
  const half = ((d[low + 1] as number) - (d[low] as number)) / (2 * (e[low] as number))
  const root = Math.sqrt(half * half + 1)
  let g = (d[high] as number) - (d[low] as number) + (e[low] as number) / (half + (half < 0 ? -root : root))
  let sine = 1
  let cosine = 1
  let carried = 0
  for (let i = high - 1; i >= low; i--) {
    const f = sine * (e[i] as number)
    const b = cosine * (e[i] as number)
    const length = Math.sqrt(f * f + g * g)
    e[i + 1] = length
    if (length === 0) {
      d[i + 1] = (d[i + 1] as number) - carried
      e[high] = 0
      return
    }
    sine = f / length
    cosine = g / length
    g = (d[i + 1] as number) - carried
    const turned = ((d[i] as number) - g) * sine + 2 * cosine * b
    carried = sine * turned
    d[i + 1] = g + carried
    g = cosine * turned - b
    for (const row of rows) {
      const [left, right] = [row[i] as number, row[i + 1] as number]
      row[i + 1] = sine * left + cosine * right
      row[i] = cosine * left - sine * right
    }
  }
  d[low] = (d[low] as number) - carried
  e[low] = g
  e[high] = 0
}
