/**
 * Vectors through a whole real node beside hnswlib-node called directly, on the same vectors in the same run: what records, signatures,
 * the journal, the fold and the texts of the hits cost. In one process, with the node's SDK.
 *
 *     node build/bench/vectors-node.js
 *
 * The vectors are drawn from a seed: 32 hidden numbers and some noise, as models make them.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { createNode, type WeftNode } from '../node/index.ts'
import { SimRandom } from '../sim/random.ts'
import { inFlight, print, round, timed } from './measure.ts'

interface Raw {
  initIndex(max: number, links: number, efConstruction: number): void
  addPoint(vector: readonly number[], label: number): void
  setEf(ef: number): void
  searchKnn(vector: readonly number[], k: number): { readonly neighbors: readonly number[] }
}

const COUNT = Number(process.argv[2] ?? 10_000)
const DIMS = 384
const EMBEDDER = `external:drawn:${DIMS}`
const HIDDEN = 32
const K = 10
const EF = 64
const BATCH = 256
const SEARCHES = 1000
const ROUNDS = 3

const Native = nativeOf()
const root = mkdtempSync(join(tmpdir(), 'weft-bench-vectors-node-'))
try {
  await run()
} finally {
  rmSync(root, { recursive: true, force: true })
}

async function run(): Promise<void> {
  const draw = drawing(new SimRandom(1, 'vectors'))
  const vectors = Array.from({ length: COUNT }, draw)
  const queries = Array.from({ length: SEARCHES }, draw)
  let node = await createNode({ dir: join(root, 'node'), listen: [] })

  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const rememberMs = await timed(() => remember(node, vectors))
  delay.disable()
  const indexMs = await timed(() => indexed(node))
  const raw = Native === undefined ? undefined : new Native('cosine', DIMS)
  const rawMs = await timed(async () => {
    raw?.initIndex(COUNT, 16, 100)
    for (const [label, vector] of vectors.entries()) raw?.addPoint([...vector], label)
  })
  raw?.setEf(EF)
  print({
    bench: 'vectors-node remember',
    vectors: COUNT,
    dims: DIMS,
    batch: BATCH,
    perSecond: Math.round((1000 * COUNT) / rememberMs),
    ...ratioTo(raw, rawMs, rememberMs),
    withIndexRatio: raw === undefined ? undefined : round(rawMs / (rememberMs + indexMs)),
    loopDelayP99Ms: round(delay.percentile(99) / 1e6),
    loopDelayMaxMs: round(delay.max / 1e6),
  })

  await searches(node, raw, queries)
  await node.stop()
  const restartMs = await timed(async () => {
    node = await createNode({ dir: join(root, 'node'), listen: [] })
  })
  const readyMs = await timed(() => indexed(node))
  print({ bench: 'vectors-node restart', vectors: COUNT, restartMs: round(restartMs), untilAllFoundMs: round(readyMs) })
  await node.stop()
}

async function searches(node: WeftNode, raw: Raw | undefined, queries: readonly Float32Array[]): Promise<void> {
  const ask = (i: number) =>
    node.memory.recall(undefined, { vector: queries[i] as Float32Array, embedder: EMBEDDER, k: K, ef: EF, spread: false })
  const best = { one: Infinity, sixteen: Infinity, raw: Infinity }
  for (let i = 0; i < ROUNDS; i++) {
    best.raw = Math.min(best.raw, await timed(async () => queries.map(query => raw?.searchKnn([...query], K))))
    best.one = Math.min(best.one, await timed(() => inFlight(SEARCHES, 1, ask)))
    best.sixteen = Math.min(best.sixteen, await timed(() => inFlight(SEARCHES, 16, ask)))
  }
  let agreed = 0
  for (let i = 0; i < 100; i++) {
    const { nearest } = await node.memory.recall(undefined, {
      vector: queries[i] as Float32Array,
      embedder: EMBEDDER,
      k: K,
      ef: EF,
      spread: false,
      truth: true,
    })
    agreed += (nearest?.agreement ?? 0) / 100
  }
  for (const [batch, ms] of [
    [1, best.one],
    [16, best.sixteen],
  ] as const)
    print({
      bench: 'vectors-node recall',
      vectors: COUNT,
      dims: DIMS,
      batch,
      perSecond: Math.round((1000 * SEARCHES) / ms),
      ...ratioTo(raw, best.raw, ms),
      recallAt10: round(agreed, 4),
    })
}

function ratioTo(raw: Raw | undefined, rawMs: number, ms: number): object {
  return raw === undefined ? { baseline: 'hnswlib-node cannot be loaded' } : { ratio: round(rawMs / ms) }
}

async function remember(node: WeftNode, vectors: readonly Float32Array[]): Promise<void> {
  for (let from = 0; from < vectors.length; from += BATCH) {
    const batch = vectors.slice(from, from + BATCH)
    await Promise.all(batch.map((vector, i) => node.memory.remember(`memory ${from + i}`, { vector, embedder: EMBEDDER })))
  }
}

/** Until the graph has all vectors. */
async function indexed(node: WeftNode): Promise<void> {
  for (;;) {
    const [index] = (await node.memory.status()).indexes
    if (index !== undefined && index.missing === 0 && index.state === 'ready' && (index.indexed === COUNT || index.engine === 'typescript'))
      return
    await sleep(20)
  }
}

function drawing(random: SimRandom): () => Float32Array {
  const number = (): number => random.below(2_000_001) / 1e6 - 1
  const mixing = Array.from({ length: HIDDEN }, () => Array.from({ length: DIMS }, number))
  return () => {
    const hidden = Array.from({ length: HIDDEN }, number)
    const vector = Float32Array.from({ length: DIMS }, (_, d) =>
      hidden.reduce((sum, h, j) => sum + h * ((mixing[j] as number[])[d] as number), 0),
    )
    const norm = Math.hypot(...vector)
    return vector.map(value => value / norm + 0.01 * number())
  }
}

function nativeOf(): (new (space: string, dims: number) => Raw) | undefined {
  try {
    return (createRequire(import.meta.url)('hnswlib-node') as { HierarchicalNSW: new (space: string, dims: number) => Raw }).HierarchicalNSW
  } catch {
    return undefined
  }
}
