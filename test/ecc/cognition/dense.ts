/** Eigenvalues by Jacobi's rotations (1846), ascending: slow, simple, and another method than the one it judges. */
export function eigenvaluesOf(matrix: readonly (readonly number[])[]): number[] {
  const a = matrix.map(row => [...row])
  const n = a.length
  const at = (i: number, j: number): number => (a[i] as number[])[j] as number
  const set = (i: number, j: number, value: number): void => void ((a[i] as number[])[j] = value)
  for (let sweep = 0; sweep < 100; sweep++) {
    let off = 0
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) off += at(i, j) ** 2
    if (off === 0) break
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (at(p, q) === 0) continue
        const theta = (at(q, q) - at(p, p)) / (2 * at(p, q))
        const tangent = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
        const cosine = 1 / Math.sqrt(tangent * tangent + 1)
        const sine = tangent * cosine
        for (let k = 0; k < n; k++) {
          const [x, y] = [at(k, p), at(k, q)]
          set(k, p, cosine * x - sine * y)
          set(k, q, sine * x + cosine * y)
        }
        for (let k = 0; k < n; k++) {
          const [x, y] = [at(p, k), at(q, k)]
          set(p, k, cosine * x - sine * y)
          set(q, k, sine * x + cosine * y)
        }
        set(p, q, 0)
        set(q, p, 0)
      }
    }
  }
  return a.map((row, i) => row[i] as number).sort((x, y) => x - y)
}
