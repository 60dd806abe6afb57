/**
 * The product of two vectors that lie in arrays. Four sums at a time: twice as fast as one. The order of the sums is part of what
 * it does: the same vectors give the same bits on every node, whatever found them.
 */
export function dot(a: Float32Array, aFrom: number, b: Float32Array, bFrom: number, dims: number): number {
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let i = 0
  for (const end = dims - 3; i < end; i += 4) {
    s0 += (a[aFrom + i] as number) * (b[bFrom + i] as number)
    s1 += (a[aFrom + i + 1] as number) * (b[bFrom + i + 1] as number)
    s2 += (a[aFrom + i + 2] as number) * (b[bFrom + i + 2] as number)
    s3 += (a[aFrom + i + 3] as number) * (b[bFrom + i + 3] as number)
  }
  for (; i < dims; i++) s0 += (a[aFrom + i] as number) * (b[bFrom + i] as number)
  return s0 + s1 + (s2 + s3)
}
