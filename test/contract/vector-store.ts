import type { Test } from 'tap'
import { EF_MAX, RECALL_K_MAX } from '../../base/limits.ts'
import type { VectorIndexName, VectorRow, VectorSearch, VectorsFound, VectorStore } from '../../ecc/vector-store.ts'
import { SimRandom } from '../../sim/random.ts'
import type { Bench } from './answer.ts'

export const PLAIN: VectorIndexName = { space: 'main', embedder: 'test:plain', dims: 4 }

/** Starts one operation, checks that it answers once and not before the call has returned, and waits for it. */
export function asked<T>(bench: { turn(): void }, start: (done: (value: T) => void) => void): Promise<T> {
  const answer = new Promise<T>(resolve => {
    let hasReturned = false
    let answers = 0
    start(value => {
      if (!hasReturned) throw new Error('answered before the call returned')
      if (++answers > 1) throw new Error('answered twice')
      resolve(value)
    })
    hasReturned = true
  })
  bench.turn()
  return answer
}

/** A record's id, made from its number. */
export function idOf(number: number): Uint8Array {
  const id = new Uint8Array(32).fill(0xee)
  const view = new DataView(id.buffer)
  for (const at of [0, 28]) view.setUint32(at, number)
  return id
}

export function idsOf(numbers: readonly number[]): Uint8Array {
  return Uint8Array.from(numbers.flatMap(number => [...idOf(number)]))
}

export function unitVector(...numbers: readonly number[]): Float32Array {
  const norm = Math.hypot(...numbers)
  return Float32Array.from(numbers, number => number / norm)
}

export function rowOf(label: number, ...numbers: readonly number[]): VectorRow {
  return { label, id: idOf(label), vector: unitVector(...numbers) }
}

/** Vectors as models make them: near to one of a few dozen directions, and never twice the same. */
export function drawnRows(seed: number, count: number, dims: number, from: number = 0): VectorRow[] {
  const random = new SimRandom(seed, 'rows')
  const number = (): number => random.below(2001) / 1000 - 1
  const directions = Array.from({ length: 16 }, () => Array.from({ length: dims }, number))
  return Array.from({ length: count }, (_, i) => {
    const weights = directions.map(() => number() ** 3)
    const vector = Array.from(
      { length: dims },
      (_, d) => directions.reduce((sum, direction, j) => sum + (direction[d] as number) * (weights[j] as number), 0) + 0.1 * number(),
    )
    return rowOf(from + i, ...vector)
  })
}

export function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, number, i) => sum + number * (b[i] as number), 0)
}

/** The labels of the nearest, by looking at every row. */
export function nearestOf(rows: readonly VectorRow[], vector: Float32Array, k: number): number[] {
  return rows
    .map(row => ({ label: row.label, score: Math.round(cosine(row.vector, vector) * 1e6) / 1e6 }))
    .sort((a, b) => b.score - a.score || a.label - b.label)
    .slice(0, k)
    .map(({ label }) => label)
}

export function bitsOf(labels: readonly number[]): Uint8Array {
  const bits = new Uint8Array(Math.floor(Math.max(0, ...labels) / 8) + 1)
  for (const label of labels) bits[label >> 3] = (bits[label >> 3] as number) | (1 << (label & 7))
  return bits
}

export function searched(bench: Bench<VectorStore>, index: VectorIndexName, request: VectorSearch): Promise<VectorsFound> {
  return asked(bench, done => bench.port.search(index, request, done))
}

/** The labels that were found, where nothing may go wrong. */
export async function labelsOf(bench: Bench<VectorStore>, index: VectorIndexName, request: VectorSearch): Promise<number[]> {
  const found = await searched(bench, index, request)
  if (!found.ok) throw found.error
  return found.neighbours.map(({ label }) => label)
}

export async function opened(bench: Bench<VectorStore>, index: VectorIndexName, numbers: readonly number[]): Promise<number[]> {
  return [...(await asked<Uint32Array>(bench, done => bench.port.open(index, Uint32Array.from(numbers), idsOf(numbers), done)))]
}

export function added(bench: Bench<VectorStore>, index: VectorIndexName, rows: readonly VectorRow[]): Promise<unknown> {
  return asked(bench, done => bench.port.add(index, rows, () => done(undefined)))
}

/** What every `VectorStore` does. `make` gives a new, empty one. */
export function vectorStoreContract(t: Test, name: string, make: (t: Test) => Bench<VectorStore>): void {
  const test = (what: string, body: (t: Test, bench: Bench<VectorStore>) => Promise<void>): void =>
    void t.test(`${name}: ${what}`, async t => {
      const bench = make(t)
      try {
        await body(t, bench)
      } finally {
        await bench.close()
      }
    })
  const X = unitVector(1, 0, 0, 0)
  const Y = unitVector(0, 1, 0, 0)
  const u32 = (...numbers: readonly number[]): Uint32Array => Uint32Array.from(numbers)

  test('the nearest come first, of equally near ones the lower label', async (t, bench) => {
    await opened(bench, PLAIN, [])
    await added(bench, PLAIN, [rowOf(7, 1, 0, 0, 0), rowOf(5, 0, 1, 0, 0), rowOf(3, 0, 1, 0, 0), rowOf(9, 0, -1, 0, 0)])
    t.strictSame(await searched(bench, PLAIN, { vector: Y, k: 10 }), {
      ok: true,
      neighbours: [
        { label: 3, score: 1 },
        { label: 5, score: 1 },
        { label: 7, score: 0 },
        { label: 9, score: -1 },
      ],
      exact: true,
    })
    t.strictSame(await labelsOf(bench, PLAIN, { vector: Y, k: 1 }), [3])
  })

  test('each operation sees those that were called before it, and none that was called after', async (t, bench) => {
    const { port } = bench
    const seen: (readonly number[])[] = []
    const look = (among?: Uint8Array): void =>
      port.search(PLAIN, { vector: X, k: 10, among }, found => seen.push(found.ok ? found.neighbours.map(({ label }) => label) : [-1]))
    await asked(bench, done => {
      port.open(PLAIN, u32(), new Uint8Array(0), () => {})
      look()
      port.add(PLAIN, [rowOf(1, 1, 0, 0, 0), rowOf(2, 1, 1, 0, 0)], () => {})
      look()
      port.add(PLAIN, [rowOf(3, 1, 2, 0, 0)], () => {})
      port.retire(PLAIN, u32(1))
      look()
      look(bitsOf([1, 3]))
      port.revive(PLAIN, u32(1))
      port.erase(PLAIN, u32(2))
      look()
      look(bitsOf([1, 2, 3]))
      port.add(PLAIN, [rowOf(4, 1, 0, 0, 0)], () => {})
      look()
      port.status(() => done(undefined))
    })
    t.strictSame(seen, [[], [1, 2], [2, 3], [1, 3], [1, 3], [1, 3], [1, 4, 3]])
  })

  test('an open tells what is missing, drops what it does not list, and gives new labels', async (t, bench) => {
    const rows = [rowOf(0, 1, 0, 0, 0), rowOf(1, 0, 1, 0, 0), rowOf(2, 0, 0, 1, 0)]
    t.strictSame(await opened(bench, PLAIN, [0, 1, 2]), [0, 1, 2])
    await added(bench, PLAIN, rows)
    // How much it lacks is its own affair: it is a cache.
    const lacked = await opened(bench, PLAIN, [0, 2, 5])
    t.ok(lacked.includes(5) && lacked.every(label => [0, 2, 5].includes(label)), lacked.join())
    await added(
      bench,
      PLAIN,
      rows.filter(({ label }) => lacked.includes(label)),
    )
    t.strictSame(await labelsOf(bench, PLAIN, { vector: Y, k: 9 }), [0, 2])
    // The fold was made anew and counts differently: record 2 is label 40 now.
    const missing = await asked<Uint32Array>(bench, done => bench.port.open(PLAIN, u32(40, 41), idsOf([2, 9]), done))
    t.ok(missing.includes(41))
    if (missing.includes(40)) await added(bench, PLAIN, [{ ...(rows[2] as VectorRow), label: 40 }])
    t.strictSame(await labelsOf(bench, PLAIN, { vector: Y, k: 9 }), [40])
    t.strictSame(await opened(bench, PLAIN, []), [])
    t.strictSame(await labelsOf(bench, PLAIN, { vector: Y, k: 9 }), [])
    await added(bench, PLAIN, rows)
    t.strictSame(await labelsOf(bench, PLAIN, { vector: Y, k: 9 }), [1, 0, 2])
  })

  test('what is retired is found when it is asked for by name, what is erased never', async (t, bench) => {
    await opened(bench, PLAIN, [])
    await added(
      bench,
      PLAIN,
      [1, 2, 3, 4].map(label => rowOf(label, 1, label, 0, 0)),
    )
    bench.port.retire(PLAIN, u32(2, 99))
    bench.port.erase(PLAIN, u32(3, 98))
    bench.port.revive(PLAIN, u32(97))
    t.strictSame(await labelsOf(bench, PLAIN, { vector: X, k: 9 }), [1, 4])
    t.strictSame(await labelsOf(bench, PLAIN, { vector: X, k: 9, exact: true }), [1, 4])
    t.strictSame(await labelsOf(bench, PLAIN, { vector: X, k: 9, among: bitsOf([2, 3, 4, 97]) }), [2, 4])
    const [row] = await asked<readonly object[]>(bench, done => bench.port.status(done))
    t.match(row, { ...PLAIN, vectors: 3, retired: 1 })
    bench.port.revive(PLAIN, u32(2, 3))
    t.strictSame(await labelsOf(bench, PLAIN, { vector: X, k: 9 }), [1, 2, 4])
  })

  test('what is added again under its label takes the place of what was there', async (t, bench) => {
    await opened(bench, PLAIN, [])
    await added(bench, PLAIN, [rowOf(1, 1, 0, 0, 0), rowOf(2, 0, 1, 0, 0)])
    await added(bench, PLAIN, [rowOf(1, 1, 0, 0, 0)])
    await added(bench, PLAIN, [rowOf(2, -1, 0, 0, 0)])
    await added(bench, PLAIN, [rowOf(3, 1, 0, 0, 0), rowOf(3, 0, 1, 0, 0), rowOf(1, 1, 0, 0, 0)])
    t.strictSame(await searched(bench, PLAIN, { vector: X, k: 9 }), {
      ok: true,
      neighbours: [
        { label: 1, score: 1 },
        { label: 3, score: 0 },
        { label: 2, score: -1 },
      ],
      exact: true,
    })
    t.match(await asked(bench, done => bench.port.status(done)), [{ vectors: 3 }])
  })

  test('it keeps its own copy of what it is given', async (t, bench) => {
    await opened(bench, PLAIN, [])
    const row = rowOf(1, 1, 0, 0, 0)
    const labels = u32(1)
    const vector = X.slice()
    const answer = asked<VectorsFound>(bench, done => {
      bench.port.add(PLAIN, [row], () => {})
      bench.port.search(PLAIN, { vector, k: 1 }, done)
      bench.port.retire(PLAIN, labels)
      row.vector.set([0, 1, 0, 0])
      row.id.fill(0)
      vector.set([0, 1, 0, 0])
      labels[0] = 5
    })
    t.match(await answer, { neighbours: [{ label: 1, score: 1 }] })
    t.strictSame(await labelsOf(bench, PLAIN, { vector: X, k: 1 }), [])
    bench.port.revive(PLAIN, u32(1))
    t.match(await searched(bench, PLAIN, { vector: X, k: 1 }), { neighbours: [{ label: 1, score: 1 }] })
  })

  test('indexes of other spaces, embedders and dimensions are other indexes', async (t, bench) => {
    const names = [PLAIN, { ...PLAIN, space: '../main' }, { ...PLAIN, embedder: 'test:"other"' }, { ...PLAIN, dims: 2 }]
    for (const [i, name] of names.entries()) {
      await opened(bench, name, [])
      await added(bench, name, [rowOf(i, ...Array.from({ length: name.dims }, () => 1))])
    }
    for (const [i, name] of names.entries())
      t.strictSame(await labelsOf(bench, name, { vector: unitVector(...Array.from({ length: name.dims }, () => 1)), k: 9 }), [i])
    t.strictSame(await searched(bench, { ...PLAIN, space: 'never opened' }, { vector: X, k: 9 }), { ok: true, neighbours: [], exact: true })
  })

  test('a search that cannot be is answered, and a vector that is none is left out', async (t, bench) => {
    await opened(bench, PLAIN, [])
    const none: readonly (readonly [string, Float32Array])[] = [
      ['too short', unitVector(1, 0, 0)],
      ['too long', unitVector(1, 0, 0, 0, 0)],
      ['empty', new Float32Array(0)],
      ['no number', Float32Array.of(Number.NaN, 0, 0, 1)],
      ['infinite', Float32Array.of(Number.POSITIVE_INFINITY, 0, 0, 1)],
      ['zero', new Float32Array(4)],
    ]
    await added(bench, PLAIN, [
      rowOf(1, 1, 0, 0, 0),
      ...none.map(([, vector], i) => ({ label: 10 + i, id: idOf(10 + i), vector })),
      rowOf(2, 0, 1, 0, 0),
    ])
    await added(bench, PLAIN, [{ label: 30, id: idOf(30), vector: new Float32Array(4) }])
    t.strictSame(await labelsOf(bench, PLAIN, { vector: X, k: 100 }), [1, 2])
    for (const [what, vector] of none)
      t.match(await searched(bench, PLAIN, { vector, k: 1 }), { ok: false, error: { code: 'vector_invalid' } }, what)
    for (const k of [0, -1, 1.5, Number.NaN, RECALL_K_MAX + 1])
      t.match(await searched(bench, PLAIN, { vector: X, k }), { ok: false, error: { code: 'invalid_argument' } }, `k ${k}`)
    for (const ef of [0, -1, 2.5, Number.NaN, EF_MAX + 1])
      t.match(await searched(bench, PLAIN, { vector: X, k: 2, ef }), { ok: false, error: { code: 'invalid_argument' } }, `ef ${ef}`)
    for (const among of [new Uint8Array(0), bitsOf([500])])
      t.strictSame(await labelsOf(bench, PLAIN, { vector: X, k: 2, among }), [], 'nothing of it is there')
    t.strictSame(await labelsOf(bench, PLAIN, { vector: X, k: RECALL_K_MAX, ef: EF_MAX, among: new Uint8Array(10_000).fill(255) }), [1, 2])
  })

  test('of a thousand vectors it finds what a look at every one finds, and of some exactly that', async (t, bench) => {
    const index = { ...PLAIN, dims: 24 }
    const rows = drawnRows(1, 1000, 24)
    const queries = drawnRows(2, 20, 24).map(({ vector }) => vector)
    await opened(bench, index, [])
    await added(bench, index, rows)
    const gone = rows.filter(({ label }) => label % 10 === 3)
    bench.port.erase(
      index,
      Uint32Array.from(gone, ({ label }) => label),
    )
    const retired = rows.filter(({ label }) => label % 10 === 4)
    bench.port.retire(
      index,
      Uint32Array.from(retired, ({ label }) => label),
    )
    const there = rows.filter(row => !gone.includes(row))
    const live = there.filter(row => !retired.includes(row))
    let hits = 0
    for (const vector of queries) {
      t.strictSame(await labelsOf(bench, index, { vector, k: 10, exact: true }), nearestOf(live, vector, 10))
      const found = await labelsOf(bench, index, { vector, k: 10 })
      const wanted = nearestOf(live, vector, 10)
      hits += found.filter(label => wanted.includes(label)).length
      for (const part of [2, 3, 50]) {
        const some = there.filter(({ label }) => label % part === 1)
        const among = bitsOf(some.map(({ label }) => label))
        t.strictSame(await labelsOf(bench, index, { vector, k: 10, among, exact: true }), nearestOf(some, vector, 10))
        const near = await labelsOf(bench, index, { vector, k: 10, among })
        t.ok(near.filter(label => nearestOf(some, vector, 10).includes(label)).length >= 9, `one in ${part}`)
      }
    }
    t.ok(hits >= 0.98 * 200, `${hits} of 200`)
  })

  test('once closed it answers that, and to whom closes again', async (t, bench) => {
    await opened(bench, PLAIN, [])
    await added(bench, PLAIN, [rowOf(1, 1, 0, 0, 0)])
    await asked(bench, done => bench.port.close(() => done(undefined)))
    t.match(await searched(bench, PLAIN, { vector: X, k: 1 }), { ok: false, error: { code: 'stopping' } })
    await added(bench, PLAIN, [rowOf(2, 1, 0, 0, 0)])
    t.strictSame(await asked(bench, done => bench.port.status(done)), [])
    await asked(bench, done => bench.port.close(() => done(undefined)))
  })
}
