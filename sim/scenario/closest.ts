/** The word that was probably meant: the nearest one at no more than two typing mistakes, undefined when there is none. */
export function closest(word: string, words: readonly string[]): string | undefined {
  const near = words.map(candidate => ({ candidate, distance: distance(word, candidate) })).filter(({ distance }) => distance <= 2)
  const [best] = near.sort((a, b) => a.distance - b.distance)
  return best !== undefined && best.distance < best.candidate.length ? best.candidate : undefined
}

/** `; did you mean "crash"?`, or nothing. */
export function didYouMean(word: string, words: readonly string[]): string {
  const meant = closest(word, words)
  return meant === undefined ? '' : `; did you mean ${meant}?`
}

/** Inserted, left out, replaced or swapped letters (Damerau's restricted distance). */
function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const cost = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + (isSame ? 0 : 1))
      row.push(isSwapped ? Math.min(cost, (before[j - 2] as number) + 1) : cost)
    }
    before = last
    last = row
  }
  return last[b.length] as number
}
