/**
 * The vector store of a node beside hnswlib-node called directly, on the same vectors in the same run: what the thread, the checks, the
 * rows on disk and the exact scores cost, what our own graph costs where hnswlib is not to be had, and what filters, updates and a restart take.
 *
 *     node build/bench/vectors.js [mnist drawn restart among updates delays memory] [hnswlib typescript]
 *
 * MNIST (10,000 pictures of 784 numbers, cosine; 200 of them are the queries) is read from `mnist-t10k-images-idx3-ubyte.gz` in
 * the folder WEFT_DATA, else in `../shared/data`. The other vectors are drawn from a seed: 32 hidden numbers and some noise, as models make them.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { openVectorStore } from '../ecc/hnsw-worker/vector-store.ts'
import type { VectorIndexName, VectorRow, VectorSearch, VectorsFound, VectorStore } from '../ecc/vector-store.ts'
import { SimRandom } from '../sim/random.ts'
import { print, round, timed } from './measure.ts'

const ENGINES = ['hnswlib', 'typescript'] as const

type Engine = (typeof ENGINES)[number]

interface Raw {
  initIndex(max: number, links: number, efConstruction: number): void
  addPoint(vector: readonly number[], label: number): void
  setEf(ef: number): void
  searchKnn(vector: readonly number[], k: number, filter?: (label: number) => boolean): { readonly neighbors: readonly number[] }
}

interface Data {
  readonly what: string
  readonly dims: number
  readonly rows: readonly VectorRow[]
  readonly queries: readonly Float32Array[]
}

const MNIST = 'mnist-t10k-images-idx3-ubyte.gz'
const QUERIES = 200
const K = 10
/** Rounds over all queries, in turn with those of the baseline; the best counts. */
const ROUNDS = 15
const MEMORY_ROWS = 20_000
const MEMORY_DIMS = 384
const MEMORY_STEP = 500
/** As long a loop that waits for nothing but timers is looked at: what the machine itself costs. */
const IDLE_MS = 5_000

const Native = nativeOf()
const root = mkdtempSync(join(tmpdir(), 'weft-bench-vectors-'))
let stores = 0

try {
  const [, , ...parts] = process.argv
  if (parts[0] === 'resident') await resident(parts[1] as Engine)
  else await all(part => parts.every(name => ENGINES.some(engine => engine === name)) || parts.includes(part))
} finally {
  rmSync(root, { recursive: true, force: true })
}

async function all(isWanted: (part: string) => boolean): Promise<void> {
  if (Native === undefined) console.error('hnswlib-node cannot be loaded: there is no baseline, and the store runs on its own graph alone')
  const file = join(process.env['WEFT_DATA'] ?? resolve('../shared/data'), MNIST)
  if (isWanted('mnist') && existsSync(file)) await searches(mnist(file))
  else if (isWanted('mnist')) console.error(`skipped: ${file} is not there; WEFT_DATA names the folder it is in`)
  const data = drawn(10_000, 384)
  if (isWanted('drawn')) await searches(data)
  const parts = { restart, among, updates, delays }
  for (const engine of engines()) {
    for (const [name, part] of Object.entries(parts)) if (isWanted(name)) await part(data, engine)
    const script = fileURLToPath(import.meta.url)
    if (isWanted('memory')) spawnSync(process.execPath, ['--expose-gc', script, 'resident', engine], { stdio: 'inherit' })
  }
}

/** Inserts, searches one by one and by sixteen, and how much of the truth they find. */
async function searches(data: Data): Promise<void> {
  const { what, rows, queries } = data
  const truth = queries.map(query => exactly(rows, query))
  let rawInsertMs = Number.NaN
  let raw: Raw | undefined
  if (Native !== undefined) {
    for (const efConstruction of [200, 100]) {
      const made = new Native('ip', data.dims)
      raw = made
      made.initIndex(rows.length, 16, efConstruction)
      rawInsertMs = await timed(async () => {
        for (const { label, vector } of rows) made.addPoint(Array.from(vector), label)
      })
      const found = [64, 128].map(ef =>
        share(
          truth,
          queries.map(query => rawFound(made, query, ef)),
        ),
      )
      print({
        bench: 'vectors raw hnswlib',
        what,
        efConstruction,
        insertsPerS: perS(rows.length, rawInsertMs),
        recall64: found[0],
        recall128: found[1],
      })
    }
  }
  for (const engine of engines()) {
    const { store, name } = opened(data.dims, engine)
    const addMs = await timed(() => filled(store, name, rows))
    for (const ef of [64, 128]) {
      const found = await Promise.all(queries.map(vector => labels(store, name, { vector, k: K, ef })))
      let [rawMs, oneMs, manyMs] = [Infinity, Infinity, Infinity]
      for (let round = 0; round < ROUNDS; round++) {
        if (raw !== undefined) {
          const startMs = performance.now()
          for (const query of queries) rawFound(raw, query, ef)
          rawMs = Math.min(rawMs, performance.now() - startMs)
        }
        oneMs = Math.min(
          oneMs,
          await timed(async () => {
            for (const vector of queries) await labels(store, name, { vector, k: K, ef })
          }),
        )
        manyMs = Math.min(
          manyMs,
          await timed(async () => {
            for (let from = 0; from < queries.length; from += 16)
              await Promise.all(queries.slice(from, from + 16).map(vector => labels(store, name, { vector, k: K, ef })))
          }),
        )
      }
      print({
        bench: 'vectors',
        what,
        engine,
        ef,
        recall10: share(truth, found),
        onePerS: perS(queries.length, oneMs),
        oneRatio: round(rawMs / oneMs),
        sixteenPerS: perS(queries.length, manyMs),
        sixteenRatio: round(rawMs / manyMs),
        ...(ef === 64 ? { insertsPerS: perS(rows.length, addMs), insertRatio: round(rawInsertMs / addMs) } : {}),
      })
    }
    await closed(store)
  }
}

/** From an open to the first answer out of the graph, against making it. */
async function restart(data: Data, engine: Engine): Promise<void> {
  const first = opened(data.dims, engine)
  const rebuildMs = await timed(() => filled(first.store, first.name, data.rows))
  const closeMs = await timed(() => closed(first.store))
  let [openMs, withThreadMs] = [Infinity, Infinity]
  for (let i = 0; i < 5; i++) {
    const { store, name } = opened(data.dims, engine, first.directory)
    const threadMs = await timed(() => reopened(store, { ...name, space: 'another' }, []))
    const ms = await timed(async () => {
      const missing = await reopened(store, name, data.rows)
      if (missing.length > 0) throw new Error(`${missing.length} rows are missing`)
      for (let exact = true; exact; ) exact = (await search(store, name, { vector: data.queries[0] as Float32Array, k: K })).exact
    })
    openMs = Math.min(openMs, ms)
    withThreadMs = Math.min(withThreadMs, threadMs + ms)
    await closed(store)
  }
  print({
    bench: 'vectors restart',
    engine,
    rows: data.rows.length,
    openMs: round(openMs),
    withThreadMs: round(withThreadMs),
    rebuildMs: round(rebuildMs),
    ratio: round(rebuildMs / openMs),
    closeMs: round(closeMs),
  })
}

/** A fiftieth of the rows is allowed, against the callback of hnswlib. */
async function among(data: Data, engine: Engine): Promise<void> {
  const { rows, queries } = data
  const { store, name } = opened(data.dims, engine)
  await filled(store, name, rows)
  const raw = rawOf(data)
  for (const part of [50, 10, 4, 2]) {
    const allowed = rows.filter(({ label }) => label % part === 0)
    const bits = new Uint8Array(rows.length / 8 + 1)
    for (const { label } of allowed) bits[label >> 3] = (bits[label >> 3] as number) | (1 << (label & 7))
    const truth = queries.map(query => exactly(allowed, query))
    let found: (readonly number[])[] = []
    let exact = 0
    let [ownMs, callbackMs] = [Infinity, Infinity]
    for (let i = 0; i < 5; i++) {
      found = []
      exact = 0
      ownMs = Math.min(
        ownMs,
        await timed(async () => {
          for (const vector of queries) {
            const result = await search(store, name, { vector, k: K, among: bits })
            found.push(result.neighbours.map(({ label }) => label))
            if (result.exact) exact++
          }
        }),
      )
      if (raw !== undefined) {
        raw.setEf(128)
        const startMs = performance.now()
        for (const query of queries) raw.searchKnn(Array.from(query), K, label => label % part === 0)
        callbackMs = Math.min(callbackMs, performance.now() - startMs)
      }
    }
    print({
      bench: 'vectors among',
      engine,
      share: round(1 / part, 3),
      ms: round(ownMs / queries.length, 3),
      callbackMs: round(callbackMs / queries.length, 3),
      ratio: round(callbackMs / ownMs),
      recall10: share(truth, found),
      exact: exact / queries.length,
    })
  }
  await closed(store)
}

/** A thousand rows of four replaced, against a thousand more; then all of them twice over. */
async function updates(data: Data, engine: Engine): Promise<void> {
  const { rows, queries } = data
  const { store, name } = opened(data.dims, engine)
  const [base, more, last] = [rows.slice(0, 3000), rows.slice(3000, 4000), rows.slice(4000, 5000)] as const
  await filled(store, name, base)
  const freshMs = await timed(() => filled(store, name, more))
  const updateMs = await timed(() => {
    store.retire(
      name,
      Uint32Array.from(last, (_, i) => i),
    )
    return filled(store, name, last)
  })
  // Twice over: everything is replaced, and again, by the same vectors under other labels.
  let labelNow = rows.length
  let current = rows.slice(1000, 5000)
  for (let turn = 0; turn < 2; turn++) {
    const next: VectorRow[] = []
    for (let from = 0; from < current.length; from += 1000) {
      const part = current.slice(from, from + 1000)
      const made = part.map(({ vector }) => ({ label: labelNow, id: idOf(labelNow++), vector }))
      store.erase(
        name,
        Uint32Array.from(part, ({ label }) => label),
      )
      await filled(store, name, made)
      next.push(...made)
    }
    current = next
  }
  const truth = queries.map(query => exactly(current, query))
  const found = await Promise.all(queries.map(vector => labels(store, name, { vector, k: K, ef: 64 })))
  print({
    bench: 'vectors update',
    engine,
    freshMs: round(freshMs),
    updateMs: round(updateMs),
    ratio: round(updateMs / freshMs),
    recall64AfterTwoTurnovers: share(truth, found),
  })
  await closed(store)
}

/** What the main thread feels while all of it happens: adds, a graph that grows, a rebuild, a save. */
async function delays(data: Data, engine: Engine): Promise<void> {
  const { rows, queries } = data
  const { store, name } = opened(data.dims, engine)
  const idle = monitorEventLoopDelay({ resolution: 1 })
  idle.enable()
  await sleep(IDLE_MS)
  idle.disable()
  const waits: number[] = []
  let isOn = true
  const looking = (async (): Promise<void> => {
    for (let i = 0; isOn; i++) {
      const startMs = performance.now()
      await labels(store, name, { vector: queries[i % queries.length] as Float32Array, k: K })
      waits.push(performance.now() - startMs)
      await sleep(5)
    }
  })()
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  await filled(store, name, rows)
  store.retire(
    name,
    Uint32Array.from(rows.slice(0, 4000), ({ label }) => label),
  )
  await ready(store)
  await closed(store, () => (isOn = false))
  histogram.disable()
  await looking.catch(() => {})
  waits.sort((a, b) => a - b)
  const at = (part: number): number => round(waits[Math.min(waits.length - 1, Math.floor(waits.length * part))] as number)
  print({
    bench: 'vectors delay',
    engine,
    loopP99Ms: round(histogram.percentile(99) / 1e6),
    loopMaxMs: round(histogram.max / 1e6),
    idleP99Ms: round(idle.percentile(99) / 1e6),
    idleMaxMs: round(idle.max / 1e6),
    searchP50Ms: at(0.5),
    searchP99Ms: at(0.99),
    searchMaxMs: at(1),
  })
}

/** In a process of its own: by how many bytes it is larger for each vector that came in. The heap of the thread that makes them does not count. */
async function resident(engine: Engine): Promise<void> {
  const { store, name } = opened(MEMORY_DIMS, engine)
  const numbers = new Float32Array(MEMORY_STEP * MEMORY_DIMS)
  const directions = Array.from({ length: 32 }, drawer(MEMORY_DIMS))
  let random = 1
  const number = (): number => (random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 31 - 1
  const fill = async (from: number): Promise<number> => {
    const rows = Array.from({ length: MEMORY_STEP }, (_, i) => {
      const vector = numbers.subarray(i * MEMORY_DIMS, (i + 1) * MEMORY_DIMS).fill(0)
      for (const direction of directions) {
        const weight = number()
        for (let j = 0; j < MEMORY_DIMS; j++) vector[j] = (vector[j] as number) + weight * (direction[j] as number)
      }
      const norm = Math.hypot(...vector)
      for (let j = 0; j < MEMORY_DIMS; j++) vector[j] = (vector[j] as number) / norm
      return { label: from + i, id: idOf(from + i), vector }
    })
    await filled(store, name, rows)
    globalThis.gc?.()
    const { rss, heapTotal, external } = process.memoryUsage()
    return rss - heapTotal - external
  }
  let before = 0
  let now = 0
  for (let from = 0; from < MEMORY_ROWS; from += MEMORY_STEP) {
    now = await fill(from)
    if (before === 0 && from + MEMORY_STEP >= MEMORY_ROWS / 10) before = now
  }
  const each = (now - before) / (0.9 * MEMORY_ROWS)
  const beyondNumbers = round(each - 4 * MEMORY_DIMS, 0)
  print({ bench: 'vectors memory', engine, rows: MEMORY_ROWS, dims: MEMORY_DIMS, bytesEach: round(each, 0), beyondNumbers })
  await closed(store)
}

function engines(): readonly Engine[] {
  const wanted = ENGINES.filter(engine => process.argv.includes(engine))
  return (wanted.length === 0 ? ENGINES : wanted).filter(engine => engine === 'typescript' || Native !== undefined)
}

function opened(
  dims: number,
  engine: Engine,
  directory: string = join(root, `${stores++}`),
): { store: VectorStore; name: VectorIndexName; directory: string } {
  const store = openVectorStore({
    directory,
    engine,
    log: (level, event, fields) => level !== 'debug' && console.error(level, event, fields),
  })
  return { store, name: { space: 'main', embedder: 'bench', dims }, directory }
}

function reopened(store: VectorStore, name: VectorIndexName, rows: readonly VectorRow[]): Promise<Uint32Array> {
  const ids = new Uint8Array(32 * rows.length)
  for (const [i, { id }] of rows.entries()) ids.set(id, 32 * i)
  return new Promise(resolve =>
    store.open(
      name,
      Uint32Array.from(rows, ({ label }) => label),
      ids,
      resolve,
    ),
  )
}

/** Adds them all, and waits until the graph has them. */
async function filled(store: VectorStore, name: VectorIndexName, rows: readonly VectorRow[]): Promise<void> {
  for (let from = 0; from < rows.length; from += 256)
    await new Promise<void>(resolve => store.add(name, rows.slice(from, from + 256), resolve))
  await ready(store)
}

async function ready(store: VectorStore): Promise<void> {
  for (;;) {
    const [row] = await new Promise<Parameters<Parameters<VectorStore['status']>[0]>[0]>(resolve => store.status(resolve))
    if (row === undefined || (row.state === 'ready' && row.indexed === row.vectors - row.retired)) return
    await sleep(5)
  }
}

async function closed(store: VectorStore, before: () => void = () => {}): Promise<void> {
  before()
  await new Promise<void>(resolve => store.close(resolve))
}

function search(store: VectorStore, name: VectorIndexName, request: VectorSearch): Promise<VectorsFound & { ok: true }> {
  return new Promise((resolve, reject) => store.search(name, request, found => (found.ok ? resolve(found) : reject(found.error))))
}

async function labels(store: VectorStore, name: VectorIndexName, request: VectorSearch): Promise<readonly number[]> {
  return (await search(store, name, request)).neighbours.map(({ label }) => label)
}

function rawOf({ dims, rows }: Data): Raw | undefined {
  if (Native === undefined) return undefined
  const raw = new Native('ip', dims)
  raw.initIndex(rows.length, 16, 100)
  for (const { label, vector } of rows) raw.addPoint(Array.from(vector), label)
  return raw
}

function rawFound(raw: Raw, query: Float32Array, ef: number): readonly number[] {
  raw.setEf(ef)
  return raw.searchKnn(Array.from(query), K).neighbors
}

function exactly(rows: readonly VectorRow[], query: Float32Array): readonly number[] {
  return rows
    .map(({ label, vector }) => ({ label, score: vector.reduce((sum, number, i) => sum + number * (query[i] as number), 0) }))
    .sort((a, b) => b.score - a.score || a.label - b.label)
    .slice(0, K)
    .map(({ label }) => label)
}

function share(truth: readonly (readonly number[])[], found: readonly (readonly number[])[]): number {
  const hits = truth.reduce((sum, wanted, i) => sum + wanted.filter(label => found[i]?.includes(label)).length, 0)
  return round(hits / truth.reduce((sum, wanted) => sum + wanted.length, 0), 4)
}

function perS(times: number, ms: number): number {
  return Math.round((times / ms) * 1000)
}

function mnist(file: string): Data {
  const bytes = gunzipSync(readFileSync(file)).subarray(16)
  const dims = 784
  const all = Array.from({ length: bytes.length / dims }, (_, i) => unit(Float32Array.from(bytes.subarray(i * dims, (i + 1) * dims))))
  const queries = all.splice(-QUERIES)
  return { what: `MNIST ${all.length} x ${dims}`, dims, rows: all.map((vector, label) => ({ label, id: idOf(label), vector })), queries }
}

function drawn(count: number, dims: number): Data {
  const draw = drawer(dims)
  const rows = Array.from({ length: count }, (_, label) => ({ label, id: idOf(label), vector: draw() }))
  return { what: `${count} x ${dims}, 32 hidden`, dims, rows, queries: Array.from({ length: QUERIES }, draw) }
}

function drawer(dims: number): () => Float32Array {
  const random = new SimRandom(1, 'vectors')
  const number = (): number => random.below(2001) / 1000 - 1
  const directions = Array.from({ length: 32 }, () => Float32Array.from({ length: dims }, number))
  return () => {
    const vector = Float32Array.from({ length: dims }, () => 0.3 * number())
    for (const direction of directions) {
      const weight = number() + number() + number()
      for (let i = 0; i < dims; i++) vector[i] = (vector[i] as number) + weight * (direction[i] as number)
    }
    return unit(vector)
  }
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.sqrt(vector.reduce((sum, number) => sum + number * number, 0))
  return vector.map(number => number / norm)
}

function idOf(label: number): Uint8Array {
  const id = new Uint8Array(32)
  new DataView(id.buffer).setUint32(0, label)
  return id
}

function nativeOf(): (new (space: string, dims: number) => Raw) | undefined {
  try {
    return (createRequire(import.meta.url)('hnswlib-node') as { readonly HierarchicalNSW: new (space: string, dims: number) => Raw })
      .HierarchicalNSW
  } catch {
    return undefined
  }
}
