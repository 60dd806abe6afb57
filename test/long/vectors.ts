/**
 * The vector store under what no test can wait for, each part in processes of its own that are watched from outside:
 *
 * - killed a hundred times at moments that nobody chose, while it adds and saves: what was acknowledged is there, what it says it has is right;
 * - two hundred flipped bytes, one at a time, in the files of rows, graph and manifest: every one is found, and what it hit is made again;
 * - ten thousand vectors, labels, filters and numbers from somebody who means harm: the process lives, and nothing invalid is stored.
 *
 *     node build/test/long/vectors.js [KILLS [FLIPS [HOSTILE]]]
 */
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openVectorStore } from '../../ecc/hnsw-worker/vector-store.ts'
import type { VectorIndexName, VectorRow, VectorsFound, VectorStore } from '../../ecc/vector-store.ts'
import { SimRandom } from '../../sim/random.ts'
import { drawnRows, idOf, idsOf, unitVector } from '../contract/vector-store.ts'

const DIMS = 24
const INDEX: VectorIndexName = { space: 'main', embedder: 'test:long', dims: DIMS }
/** Then a directory is left, and the next one begun. */
const ROWS_MAX = 4000
const BATCH = 32
/** A close and a new open after so many batches: saves are as frequent as adds. */
const SAVE_BATCHES = 8
const ENGINES = hasNative() ? (['hnswlib', 'typescript'] as const) : (['typescript'] as const)

type Engine = (typeof ENGINES)[number]

const PARTS: Readonly<Record<string, (engine: Engine, directory: string, count: string) => Promise<void>>> = {
  add,
  check,
  flipped,
  hostile,
}
const [, , first = '', ...rest] = process.argv
if (Object.hasOwn(PARTS, first)) await PARTS[first]?.(...(rest as [Engine, string, string]))
else await all(Number(first || 100), Number(rest[0] ?? 200), Number(rest[1] ?? 10_000))

async function all(kills: number, flips: number, times: number): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'weft-vectors-'))
  try {
    let acknowledged = 0
    let directory = ''
    for (let i = 0, from = 0; i < kills; i++) {
      if (directory === '' || from > ROWS_MAX) {
        directory = join(root, `killed-${i}`)
        from = 0
      }
      // A directory stays with one engine for a while, and then meets the other one.
      const engine = ENGINES[Math.floor(i / 5) % ENGINES.length] as Engine
      const output = await run(['add', engine, directory, String(from)], randomInt(600))
      const done = output.split('\n').filter(line => /^\d+$/.test(line))
      from = Math.max(from, ...done.map(Number))
      acknowledged += done.length * BATCH
      assert.match(await run(['check', engine, directory, String(from)]), /^ok$/m, `kill ${i}`)
    }
    console.log(`${kills} kills, ${acknowledged} acknowledged rows, none lost, every start came up`)
    for (const engine of ENGINES) {
      const output = await run(['flipped', engine, join(root, `flipped-${engine}`), String(Math.ceil(flips / ENGINES.length))])
      console.log(output.trim())
    }
    for (const engine of ENGINES) {
      const output = await run(['hostile', engine, join(root, `hostile-${engine}`), String(Math.ceil(times / ENGINES.length))])
      console.log(output.trim())
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** Adds rows from a label on, and tells up to which they are acknowledged, until it is killed. */
async function add(engine: Engine, directory: string, from: string): Promise<void> {
  let next = Number(from)
  for (let store = await opened(engine, directory, next); ; store = await opened(engine, directory, next)) {
    process.stdout.write('open\n')
    for (let batch = 0; batch < SAVE_BATCHES; batch++) {
      const rows = Array.from({ length: BATCH }, (_, i) => rowFor(next + i))
      await new Promise<void>(resolve => store.add(INDEX, rows, resolve))
      next += BATCH
      process.stdout.write(`${next}\n`)
      if (batch === SAVE_BATCHES / 2) await found(store, rowFor(0).vector, false)
    }
    await closed(store)
  }
}

/** What is acknowledged is there, and is what it was. */
async function check(engine: Engine, directory: string, acknowledged: string): Promise<void> {
  const count = Number(acknowledged)
  const store = openVectorStore({ directory, engine, log: () => {} })
  // As a fold that knows of more than the store has acknowledged.
  const labels = Array.from({ length: count + SAVE_BATCHES * BATCH }, (_, label) => label)
  const missing = await new Promise<Uint32Array>(resolve => store.open(INDEX, Uint32Array.from(labels), idsOf(labels), resolve))
  for (const label of missing) assert(label >= count, `${label} of ${count} is lost`)
  const there = labels.filter(label => !missing.includes(label))
  for (const label of [...there.slice(0, 5), ...there.slice(-50)]) {
    const [nearest] = (await found(store, rowFor(label).vector, true)).neighbours
    assert.deepEqual(nearest, { label, score: 1 })
  }
  await ready(store)
  for (const label of there.slice(-20)) assert.equal((await found(store, rowFor(label).vector, false)).neighbours[0]?.label, label)
  await closed(store)
  console.log('ok')
}

async function flipped(engine: Engine, directory: string, times: string): Promise<void> {
  const rows = drawnRows(1, 600, DIMS)
  const labels = rows.map(({ label }) => label)
  const original = join(directory, 'original')
  const made = await opened(engine, original, 0)
  await new Promise<void>(resolve => made.add(INDEX, rows, resolve))
  await ready(made)
  await closed(made)
  const folder = readdirSync(original)[0] as string
  const files = readdirSync(join(original, folder))
  const hits = new Map<string, number>()
  for (let i = 0; i < Number(times); i++) {
    const copy = join(directory, 'copy')
    rmSync(copy, { recursive: true, force: true })
    cpSync(original, copy, { recursive: true })
    const name = files[i % files.length] as string
    const file = join(copy, folder, name)
    const bytes = readFileSync(file)
    const at = randomInt(bytes.length)
    bytes[at] = (bytes[at] as number) ^ (1 + randomInt(255))
    writeFileSync(file, bytes)
    const events: string[] = []
    const store = openVectorStore({ directory: copy, engine, log: (_, event) => events.push(event) })
    const missing = await new Promise<Uint32Array>(resolve => store.open(INDEX, Uint32Array.from(labels), idsOf(labels), resolve))
    const there = rows.filter(({ label }) => !missing.includes(label))
    for (const { vector } of rows.slice(0, 3)) {
      const own = there.map(row => Math.round(product(row.vector, vector) * 1e6) / 1e6).sort((a, b) => b - a)
      assert.deepEqual(
        (await found(store, vector, true)).neighbours.map(({ score }) => score),
        own.slice(0, 5),
        `${name} ${at}`,
      )
    }
    await new Promise<void>(resolve =>
      store.add(
        INDEX,
        [...missing].map(label => rows[label] as VectorRow),
        resolve,
      ),
    )
    await ready(store)
    await closed(store)
    if (name === 'rows')
      assert(missing.length === 1 || (at < 32 && missing.length === 600), `byte ${at} of the rows: ${missing.length} are missing`)
    else assert(missing.length === 0 && events.includes('vectors.graph.doubt'), `byte ${at} of ${name} was not noticed`)
    hits.set(name, (hits.get(name) ?? 0) + 1)
  }
  console.log(`${engine}: ${[...hits].map(([name, count]) => `${count} bytes of ${name}`).join(', ')} flipped, all found`)
}

async function hostile(engine: Engine, directory: string, times: string): Promise<void> {
  const random = new SimRandom(1, 'hostile')
  const oneOf = <T>(things: readonly T[]): T => things[random.below(things.length)] as T
  const floats = [0, -0, 1, -1, Number.NaN, Infinity, -Infinity, 3.4e38, -3.4e38, 1e-45, 1e-30, 0.5, Number.MAX_VALUE, Number.EPSILON]
  const numbers: readonly unknown[] = [
    0,
    1,
    5,
    10,
    -1,
    1.5,
    2 ** 31,
    2 ** 32 - 2,
    2 ** 32 - 1,
    2 ** 32 + 5,
    2 ** 53,
    Number.NaN,
    Infinity,
    '7',
    null,
    undefined,
    {},
    1n,
  ]
  const vector = (): unknown => {
    const length = oneOf([DIMS, DIMS, DIMS, DIMS, 0, 1, DIMS - 1, DIMS + 1, 100_000])
    const isPoisoned = random.below(2) === 0
    const plain = Array.from({ length }, () => (isPoisoned && random.below(12) === 0 ? oneOf(floats) : random.below(2001) / 1000 - 1))
    const holes: unknown[] = [...plain]
    holes[random.below(DIMS)] = oneOf(['x', undefined, null, {}, Symbol('s'), 1n])
    return oneOf<() => unknown>([
      () => Float32Array.from(plain),
      () => Float32Array.from(plain),
      () => Float32Array.from(plain),
      () => new Float32Array(new SharedArrayBuffer(4 * length)),
      () => Float64Array.from(plain),
      () => plain,
      () => holes,
      () => ({ ...plain.slice(0, 3), length }),
      () => ({ dims: DIMS, indexes: Uint16Array.of(0), values: Float32Array.of(1) }),
      () => oneOf<unknown>([null, undefined, 'vector', 7]),
    ])()
  }
  const good = (): Float32Array => unitVector(...Array.from({ length: DIMS }, () => random.below(2001) - 1000))
  const bits = (): unknown =>
    oneOf<() => unknown>([
      () => undefined,
      () => new Uint8Array(random.below(2000)).fill(random.below(256)),
      () => new Uint8Array(0),
      () => [255, 255],
      () => 'all',
      () => ({ length: 10 }),
      () => () => {
        throw new Error('a filter that throws')
      },
    ])()
  const store = await opened(engine, directory, 0)
  // Enough good ones that there is a graph to attack.
  await new Promise<void>(resolve => store.add(INDEX, drawnRows(3, 400, DIMS), resolve))
  await ready(store)
  const codes = new Map<string, number>()
  const answers: Promise<void>[] = []
  const tried = (work: (done: () => void) => void): void => {
    answers.push(
      new Promise<void>(resolve => {
        try {
          work(resolve)
        } catch (thrown) {
          assert(thrown instanceof RangeError || thrown instanceof TypeError, String(thrown))
          codes.set(thrown.name, (codes.get(thrown.name) ?? 0) + 1)
          resolve()
        }
      }),
    )
  }
  for (let i = 0; i < Number(times); i++) {
    const label = (random.below(3) === 0 ? oneOf(numbers) : 500 + random.below(2000)) as number
    const id = (
      random.below(5) === 0 ? oneOf<unknown>([new Uint8Array(31), 'id', null, new Uint8Array(0)]) : idOf(random.below(100_000))
    ) as Uint8Array
    const given = (random.below(2) === 0 ? good() : vector()) as Float32Array
    const labels = Uint32Array.from({ length: random.below(4) }, () => random.below(3000))
    const kind = random.below(10)
    if (kind < 4) tried(done => store.add(INDEX, [{ label, id, vector: given }], done))
    else if (kind < 9)
      tried(done =>
        store.search(
          INDEX,
          {
            vector: given,
            k: oneOf<unknown>([1, 10, 10, 1000, oneOf(numbers)]) as number,
            ef: oneOf<unknown>([undefined, undefined, undefined, 4096, oneOf(numbers)]) as number,
            exact: random.below(4) === 0,
            among: bits() as Uint8Array,
          },
          answer => {
            const code = answer.ok ? 'found' : answer.error.code
            assert(code === 'found' || code === 'invalid_argument' || code === 'vector_invalid', code)
            codes.set(code, (codes.get(code) ?? 0) + 1)
            done()
          },
        ),
      )
    else if (random.below(20) === 0) tried(done => (store.erase(INDEX, labels), done()))
    else tried(done => (oneOf([store.retire, store.revive]).call(store, INDEX, labels), done()))
    if (i % 100 === 0) await Promise.all(answers.splice(0))
  }
  await Promise.all(answers)
  await ready(store)
  await closed(store)
  const file = readdirSync(directory, { recursive: true }).find(name => String(name).endsWith('rows')) as string
  const bytes = readFileSync(join(directory, file))
  const stride = 36 + 4 * DIMS
  let stored = 0
  for (let at = 32; at < bytes.length; at += stride) {
    const row = Float32Array.from({ length: DIMS }, (_, i) => bytes.readFloatLE(at + 32 + 4 * i))
    if (bytes.subarray(at, at + stride).every(byte => byte === 0)) continue
    assert(Math.abs(Math.hypot(...row) - 1) < 1e-3, `row ${(at - 32) / stride} is ${row.join()}`)
    stored++
  }
  console.log(
    `${engine}: ${times} hostile calls (${[...codes].map(([code, count]) => `${count} ${code}`).join(', ')}), ${stored} rows stored, all of them vectors`,
  )
}

function rowFor(label: number): VectorRow {
  const random = new SimRandom(label, 'row')
  return { label, id: idOf(label), vector: unitVector(...Array.from({ length: DIMS }, () => random.below(2001) - 1000)) }
}

async function opened(engine: Engine, directory: string, count: number): Promise<VectorStore> {
  const store = openVectorStore({ directory, engine, log: () => {} })
  const labels = Array.from({ length: count }, (_, label) => label)
  await new Promise(resolve => store.open(INDEX, Uint32Array.from(labels), idsOf(labels), resolve))
  return store
}

async function ready(store: VectorStore): Promise<void> {
  for (;;) {
    const [row] = await new Promise<Parameters<Parameters<VectorStore['status']>[0]>[0]>(resolve => store.status(resolve))
    if (row?.state === 'ready' && (row.indexed === row.vectors - row.retired || row.indexed === 0)) return
  }
}

function closed(store: VectorStore): Promise<void> {
  return new Promise(resolve => store.close(resolve))
}

function found(store: VectorStore, vector: Float32Array, exact: boolean): Promise<VectorsFound & { ok: true }> {
  return new Promise((resolve, reject) =>
    store.search(INDEX, { vector, k: 5, exact }, answer => (answer.ok ? resolve(answer) : reject(answer.error))),
  )
}

function product(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, number, i) => sum + number * (b[i] as number), 0)
}

/** What a process of this program prints; with `killMs`, until it is killed that long after it has opened its store. */
function run(args: readonly string[], killMs?: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    let isSet = false
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (killMs === undefined || isSet) return
      isSet = true
      setTimeout(() => child.kill('SIGKILL'), killMs)
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const isExpected = killMs === undefined ? code === 0 : signal === 'SIGKILL'
      if (isExpected) resolve(output)
      else reject(new Error(`${args.join(' ')}: ${signal ?? `exit ${code}`}\n${output}`))
    })
  })
}

function hasNative(): boolean {
  try {
    createRequire(import.meta.url)('hnswlib-node')
    return true
  } catch {
    return false
  }
}
