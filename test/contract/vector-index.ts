import type { Test } from 'tap'
import { RECALL_K_MAX } from '../../base/limits.ts'
import { type VectorIndex, vectorFault } from '../../ecc/vector-index.ts'
import { SimRandom } from '../../sim/random.ts'
import fc from '../properties.ts'

/** What every `VectorIndex` does. `exact: false` allows an index that finds nearly all of the nearest. */
export function vectorIndexContract(t: Test, name: string, make: (dims: number) => VectorIndex, exact: boolean): void {
  const vector = (...numbers: readonly number[]): Float32Array => Float32Array.from(numbers)

  t.test(`${name}: the nearest come first, of equally near ones the lower label`, async t => {
    const index = make(3)
    index.add(7, vector(1, 0, 0))
    index.add(3, vector(0, 2, 0))
    index.add(5, vector(0, 0.5, 0))
    index.add(9, vector(0, -1, 0))
    t.strictSame(index.search(vector(0, 4, 0), 10), [
      { label: 3, score: 1 },
      { label: 5, score: 1 },
      { label: 7, score: 0 },
      { label: 9, score: -1 },
    ])
    t.strictSame(index.search(vector(0, 4, 0), 1), [{ label: 3, score: 1 }])
  })

  t.test(`${name}: what was added is found at once, what was replaced or removed no more`, async t => {
    const index = make(2)
    t.strictSame(index.search(vector(1, 0), 5), [])
    index.add(1, vector(1, 0))
    index.add(2, vector(0, 1))
    index.add(1, vector(-1, 0))
    t.equal(index.size, 2)
    t.strictSame(index.search(vector(-1, 0), 1), [{ label: 1, score: 1 }])
    t.equal(index.remove(1), true)
    t.equal(index.remove(1), false)
    t.equal(index.size, 1)
    t.strictSame(index.search(vector(-1, 0), 5), [{ label: 2, score: 0 }])
  })

  t.test(`${name}: only allowed labels are found, as many as were asked for`, async t => {
    const index = make(2)
    for (let label = 0; label < 100; label++) index.add(label, vector(1, label))
    t.strictSame(
      index.search(vector(0, 1), 3, label => label % 10 === 0).map(near => near.label),
      [90, 80, 70],
    )
    t.strictSame(
      index.search(vector(0, 1), 3, () => false),
      [],
    )
  })

  t.test(`${name}: a sparse vector is the dense one with its zeros left out`, async t => {
    const index = make(4)
    index.add(1, { dims: 4, indexes: Uint16Array.of(1, 3), values: Float32Array.of(3, 4) })
    index.add(2, vector(0, 3, 0, 4))
    t.strictSame(index.search(vector(0, 6, 0, 8), 2), [
      { label: 1, score: 1 },
      { label: 2, score: 1 },
    ])
    t.strictSame(
      index.search({ dims: 4, indexes: Uint16Array.of(3), values: Float32Array.of(1) }, 2).map(near => near.label),
      [1, 2],
    )
  })

  t.test(`${name}: an index keeps its own copy`, async t => {
    const index = make(2)
    const given = vector(1, 0)
    index.add(1, given)
    given.set([0, 1])
    t.strictSame(index.search(vector(1, 0), 1), [{ label: 1, score: 1 }])
  })

  t.test(`${name}: what is no vector, label or k is refused, and changes nothing`, async t => {
    const index = make(2)
    index.add(1, vector(1, 0))
    const wrong = [
      vector(1),
      vector(1, 2, 3),
      vector(Number.NaN, 1),
      vector(Number.POSITIVE_INFINITY, 1),
      vector(0, 0),
      { dims: 3, indexes: Uint16Array.of(0), values: Float32Array.of(1) },
      { dims: 2, indexes: Uint16Array.of(2), values: Float32Array.of(1) },
      { dims: 2, indexes: Uint16Array.of(1, 0), values: Float32Array.of(1, 1) },
      { dims: 2, indexes: Uint16Array.of(0, 0), values: Float32Array.of(1, 1) },
      { dims: 2, indexes: Uint16Array.of(0, 1), values: Float32Array.of(1) },
      { dims: 2, indexes: Uint16Array.of(), values: Float32Array.of() },
    ]
    for (const [i, bad] of wrong.entries()) {
      t.type(vectorFault(bad, 2), 'string', `${i}`)
      t.throws(() => index.add(2, bad), RangeError, `add ${i}`)
      t.throws(() => index.search(bad, 1), RangeError, `search ${i}`)
    }
    for (const label of [-1, 1.5, 0xffffffff, 2 ** 32 + 5, Number.NaN])
      t.throws(() => index.add(label, vector(1, 1)), RangeError, `label ${label}`)
    for (const k of [0, -1, 1.5, RECALL_K_MAX + 1, Number.NaN]) t.throws(() => index.search(vector(1, 0), k), RangeError, `k ${k}`)
    t.equal(index.size, 1)
    t.strictSame(index.search(vector(1, 0), 5), [{ label: 1, score: 1 }])
  })

  t.test(`${name}: the nearest are those that a look at every vector finds`, async () => {
    fc.assert(
      fc.property(fc.nat(), seed => {
        const random = new SimRandom(seed, 'vectors')
        const draw = (): Float32Array => Float32Array.from({ length: 8 }, () => random.below(2001) - 1000 || 1)
        const cosine = (a: Float32Array, b: Float32Array): number =>
          a.reduce((sum, x, i) => sum + x * (b[i] as number), 0) / (Math.hypot(...a) * Math.hypot(...b))
        const vectors = Array.from({ length: 200 }, draw)
        const index = make(8)
        for (const [label, each] of vectors.entries()) index.add(label, each)
        const query = draw()
        const wanted = [...vectors.keys()]
          .sort((a, b) => cosine(vectors[b] as Float32Array, query) - cosine(vectors[a] as Float32Array, query))
          .slice(0, 10)
        const found = index.search(query, 10).map(near => near.label)
        return exact ? wanted.join() === found.join() : wanted.filter(label => found.includes(label)).length >= 9
      }),
      { numRuns: 20 },
    )
  })
}
