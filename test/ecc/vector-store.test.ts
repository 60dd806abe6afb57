import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { VECTOR_ROWS_WAITING_MAX, VECTOR_SEARCHES_WAITING_MAX } from '../../base/limits.ts'
import { Gate } from '../../ecc/hnsw-worker/gate.ts'
import { openVectorStore, type VectorStoreOptions } from '../../ecc/hnsw-worker/vector-store.ts'
import type { VectorIndexName, VectorIndexStatus, VectorRow, VectorStore } from '../../ecc/vector-store.ts'
import type { Bench } from '../contract/answer.ts'
import {
  added,
  asked,
  bitsOf,
  drawnRows,
  idOf,
  idsOf,
  labelsOf,
  nearestOf,
  opened,
  PLAIN,
  rowOf,
  searched,
  unitVector,
  vectorStoreContract,
} from '../contract/vector-store.ts'

const hasNative = ((): boolean => {
  try {
    createRequire(import.meta.url)('hnswlib-node')
    return true
  } catch {
    return false
  }
})()
const ENGINES = hasNative ? (['hnswlib', 'typescript'] as const) : (['typescript'] as const)
const DIMS = 16
const INDEX: VectorIndexName = { space: 'main', embedder: 'test:drawn', dims: DIMS }
/** More than are looked at one by one. */
const COUNT = 300
const ROWS = drawnRows(1, COUNT, DIMS)
const QUERIES = drawnRows(2, 10, DIMS, 5000).map(({ vector }) => vector)
const ALL = ROWS.map(({ label }) => label)

interface Made extends Bench<VectorStore> {
  readonly directory: string
  readonly events: (readonly [event: string, fields: Readonly<Record<string, unknown>> | undefined])[]
  /** Each ends a thread: at any moment, but one of hnswlib between its calls. */
  readonly endings: (() => Promise<number>)[]
}

function made(t: Test, { directory = t.testdir({}), ...options }: Partial<VectorStoreOptions> = {}): Made {
  const events: Made['events'] = []
  const endings: Made['endings'] = []
  const port = openVectorStore({
    directory,
    log: (_, event, fields) => events.push([event, fields]),
    thread: start => {
      const worker = new Worker(fileURLToPath(new URL('../../ecc/hnsw-worker/worker.js', import.meta.url)), {
        workerData: start,
        execArgv: [],
      })
      endings.push(() => {
        if (start.engine === 'hnswlib') new Gate(start.gate).halt()
        return worker.terminate()
      })
      return worker
    },
    ...options,
  })
  return { port, directory, events, endings, turn: () => {}, close: () => new Promise(resolve => port.close(resolve)) }
}

async function statusOf(bench: Bench<VectorStore>): Promise<VectorIndexStatus | undefined> {
  return (await asked<readonly VectorIndexStatus[]>(bench, done => bench.port.status(done)))[0]
}

/** Asks until the graph has what it is to have: of fewer rows than 256 there is none. */
async function ready(bench: Bench<VectorStore>): Promise<VectorIndexStatus> {
  for (;;) {
    const status = await statusOf(bench)
    const live = status === undefined ? 0 : status.vectors - status.retired
    if (status?.state === 'ready' && (status.indexed === live || (status.indexed === 0 && live < 256))) return status
  }
}

/** A store that has them all in its graph, closed. @returns the folder of the index */
async function saved(
  t: Test,
  options: Partial<VectorStoreOptions>,
  rows: readonly VectorRow[] = ROWS,
): Promise<{ directory: string; folder: string }> {
  const bench = made(t, { directory: join(t.testdir({}), 'saved'), ...options })
  await opened(bench, INDEX, [])
  await added(bench, INDEX, rows)
  await ready(bench)
  await bench.close()
  return { directory: bench.directory, folder: join(bench.directory, readdirSync(bench.directory)[0] as string) }
}

/** The share of the nearest ten that is found, over all queries. */
async function shareOf(bench: Bench<VectorStore>, rows: readonly VectorRow[]): Promise<number> {
  let hits = 0
  for (const vector of QUERIES) {
    const wanted = nearestOf(rows, vector, 10)
    hits += (await labelsOf(bench, INDEX, { vector, k: 10 })).filter(label => wanted.includes(label)).length
  }
  return hits / (10 * QUERIES.length)
}

function graphOf(folder: string): string {
  return join(folder, readdirSync(folder).find(name => name.startsWith('graph-')) as string)
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file)
  const place = at < 0 ? bytes.length + at : at
  bytes[place] = (bytes[place] as number) ^ 0x10
  writeFileSync(file, bytes)
}

/** A manifest that says something else and is whole. */
function forge(folder: string, change: object): void {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest'), 'utf8').split('\n')[0] as string) as object
  const line = JSON.stringify({ ...manifest, ...change })
  writeFileSync(join(folder, 'manifest'), `${line}\n${createHash('sha256').update(line).digest('hex')}\n`)
}

/** Whether a vector lies anywhere below a folder, in full or in a half of it. */
function isOnDisk(folder: string, { vector, id }: VectorRow): boolean {
  const whole = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)
  const parts = [whole.subarray(0, 32), whole.subarray(-32), Buffer.from(id)]
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => readFileSync(join(entry.parentPath, entry.name)))
    .some(bytes => parts.some(part => bytes.includes(part)))
}

for (const engine of ENGINES) {
  vectorStoreContract(t, engine, t => made(t, { engine }))

  t.test(`${engine}: what was saved is there after a start, graph and all`, async t => {
    const { directory } = await saved(t, { engine })
    const bench = made(t, { engine, directory })
    t.strictSame(await opened(bench, INDEX, [...ALL, 9000]), [9000])
    const status = await ready(bench)
    t.match(status, { ...INDEX, engine, vectors: COUNT, indexed: COUNT, retired: 0 })
    t.strictSame(bench.events, [])
    t.ok((await shareOf(bench, ROWS)) >= 0.98)
    t.match(await searched(bench, INDEX, { vector: QUERIES[0] as Float32Array, k: 10 }), { exact: false })
    await bench.close()
  })

  t.test(`${engine}: a saved graph that is not beyond doubt is made again, and meanwhile every row is looked at`, async t => {
    const { directory, folder } = await saved(t, { engine })
    const other = engine === 'hnswlib' ? 'typescript' : 'hnswlib'
    const doubts: Readonly<Record<string, readonly [damage: (folder: string) => void, reason: RegExp | undefined]>> = {
      'nothing is damaged': [() => {}, undefined],
      'the manifest is missing': [folder => rmSync(join(folder, 'manifest')), undefined],
      'the manifest is a folder': [folder => (rmSync(join(folder, 'manifest')), mkdirSync(join(folder, 'manifest'))), /cannot be read/],
      'the manifest is empty': [folder => writeFileSync(join(folder, 'manifest'), ''), /checksum of the manifest/],
      'the manifest is cut off': [folder => truncateSync(join(folder, 'manifest'), 100), /checksum of the manifest/],
      'a byte of the manifest is flipped': [folder => flip(join(folder, 'manifest'), 40), /checksum of the manifest/],
      'something follows the manifest': [
        folder => writeFileSync(join(folder, 'manifest'), 'more', { flag: 'a' }),
        /checksum of the manifest/,
      ],
      'the manifest is no object': [
        folder => writeFileSync(join(folder, 'manifest'), `null\n${createHash('sha256').update('null').digest('hex')}\n`),
        /cannot be read/,
      ],
      'a later format': [folder => forge(folder, { format: 2 }), /format is 2/],
      'of the other engine': [folder => forge(folder, { engine: other }), /engine is/],
      'of another space': [folder => forge(folder, { space: 'else' }), /space is else/],
      'of another embedder': [folder => forge(folder, { embedder: 'else' }), /embedder is else/],
      'of other dimensions': [folder => forge(folder, { dims: DIMS + 1 }), /dims is/],
      'of another metric': [folder => forge(folder, { metric: 'l2' }), /metric is l2/],
      'made with other parameters': [folder => forge(folder, { efConstruction: 7 }), /efConstruction is 7/],
      'of another rows file': [folder => forge(folder, { generation: '00' }), /generation is/],
      'it knows more rows than there are': [folder => forge(folder, { rows: COUNT + 1 }), /301 rows of 300/],
      'rows that are no number': [folder => forge(folder, { rows: `${COUNT}` }), /rows/],
      'more slots than rows': [folder => forge(folder, { count: COUNT + 1 }), /301 slots/],
      'another count of slots': [folder => forge(folder, { count: COUNT - 1 }), /not/],
      'a graph of another folder': [folder => forge(folder, { file: '../rows' }), /the manifest is none/],
      'hidden slots that are no text': [folder => forge(folder, { hidden: 5 }), /the manifest is none/],
      'the graph is missing': [folder => rmSync(graphOf(folder)), /missing/],
      'the graph is cut off': [folder => truncateSync(graphOf(folder), 1000), /1000 bytes/],
      'something follows the graph': [folder => writeFileSync(graphOf(folder), 'more', { flag: 'a' }), /bytes, not/],
      'its first byte is flipped': [folder => flip(graphOf(folder), 0), /checksum of the graph/],
      'a byte in its middle is flipped': [folder => flip(graphOf(folder), 9999), /checksum of the graph/],
      'its last byte is flipped': [folder => flip(graphOf(folder), -1), /checksum of the graph/],
    }
    for (const [what, [damage, reason]] of Object.entries(doubts)) {
      const copy = join(t.testdirName, what)
      cpSync(directory, copy, { recursive: true })
      damage(join(copy, folder.slice(directory.length)))
      const bench = made(t, { engine, directory: copy })
      t.strictSame(await opened(bench, INDEX, ALL), [], what)
      const first = await searched(bench, INDEX, { vector: QUERIES[0] as Float32Array, k: 10 })
      t.strictSame(first.ok && first.neighbours.map(({ label }) => label), nearestOf(ROWS, QUERIES[0] as Float32Array, 10), what)
      t.match(await ready(bench), { vectors: COUNT, indexed: COUNT }, what)
      t.ok((await shareOf(bench, ROWS)) >= 0.98, what)
      if (reason === undefined) t.strictSame(bench.events, [], what)
      else t.match(bench.events, [['vectors.graph.doubt', { reason }]], what)
      await bench.close()
      if (reason === undefined || !/flipped/.test(what)) continue
      // What was in doubt is gone, and a new one was saved.
      const again = made(t, { engine, directory: copy })
      t.strictSame(await opened(again, INDEX, ALL), [], what)
      await ready(again)
      t.strictSame(again.events, [], what)
      await again.close()
    }
  })
}

t.test('rows that are damaged or not there are missing, the others are what they were', async t => {
  const { directory, folder } = await saved(t, { engine: 'typescript' })
  const stride = 36 + 4 * DIMS
  const rowAt = (slot: number): number => 32 + slot * stride
  const cases: Readonly<Record<string, readonly [damage: (rows: string) => void, missing: readonly number[]]>> = {
    'the file is missing': [rows => rmSync(rows), ALL],
    'the file is empty': [rows => truncateSync(rows, 0), ALL],
    'half a header': [rows => truncateSync(rows, 15), ALL],
    'a header alone': [rows => truncateSync(rows, 32), ALL],
    'a flipped byte in the header': [rows => flip(rows, 5), ALL],
    'a flipped byte in its checksum': [rows => flip(rows, 30), ALL],
    'something else': [rows => writeFileSync(rows, 'something else '.repeat(1000)), ALL],
    'a torn tail': [rows => truncateSync(rows, rowAt(COUNT - 1) + 10), [COUNT - 1]],
    'a row that lacks a byte': [rows => truncateSync(rows, rowAt(COUNT) - 1), [COUNT - 1]],
    'half of it is gone': [rows => truncateSync(rows, rowAt(150)), ALL.slice(150)],
    'something follows it': [rows => writeFileSync(rows, 'more', { flag: 'a' }), []],
    'a whole row of something follows it': [rows => writeFileSync(rows, 'm'.repeat(stride), { flag: 'a' }), []],
    'a flipped byte in an id': [rows => flip(rows, rowAt(0) + 3), [0]],
    'a flipped byte in a vector': [rows => flip(rows, rowAt(17) + 40), [17]],
    'a flipped byte in a checksum': [rows => flip(rows, rowAt(18) - 1), [17]],
    'rows in places of others': [
      rows => {
        const bytes = readFileSync(rows)
        bytes.copyWithin(rowAt(5), rowAt(9), rowAt(10))
        writeFileSync(rows, bytes)
      },
      [5],
    ],
    'a page of zeros': [
      rows => {
        const bytes = readFileSync(rows)
        bytes.fill(0, rowAt(100), rowAt(110))
        writeFileSync(rows, bytes)
      },
      ALL.slice(100, 110),
    ],
  }
  for (const [what, [damage, missing]] of Object.entries(cases)) {
    const copy = join(t.testdirName, what)
    cpSync(directory, copy, { recursive: true })
    damage(join(copy, folder.slice(directory.length), 'rows'))
    const bench = made(t, { engine: 'typescript', directory: copy })
    t.strictSame(await opened(bench, INDEX, ALL), missing, what)
    const there = ROWS.filter(({ label }) => !missing.includes(label))
    t.strictSame(
      await labelsOf(bench, INDEX, { vector: QUERIES[1] as Float32Array, k: 20, exact: true }),
      nearestOf(there, QUERIES[1] as Float32Array, 20),
      what,
    )
    await added(
      bench,
      INDEX,
      missing.map(label => ROWS[label] as VectorRow),
    )
    t.match(await ready(bench), { vectors: COUNT, indexed: COUNT }, what)
    t.ok((await shareOf(bench, ROWS)) >= 0.98, what)
    t.strictSame(await opened(bench, INDEX, ALL), [], `${what}, and mended`)
    await bench.close()
  }
})

for (const engine of ENGINES) {
  t.test(`${engine}: nothing of what is erased is left on the disk, whether few or many`, async t => {
    for (const erased of [[7], ALL.filter(label => label % 3 === 0)]) {
      const { directory } = await saved(t, { engine, directory: join(t.testdirName, `${erased.length}`) })
      t.ok(isOnDisk(directory, ROWS[erased[0] as number] as VectorRow), 'before')
      const bench = made(t, { engine, directory })
      await opened(bench, INDEX, ALL)
      await ready(bench)
      bench.port.erase(INDEX, Uint32Array.from(erased))
      const left = ROWS.filter(({ label }) => !erased.includes(label))
      t.strictSame(
        await labelsOf(bench, INDEX, { vector: QUERIES[0] as Float32Array, k: 10, exact: true }),
        nearestOf(left, QUERIES[0] as Float32Array, 10),
      )
      for (const label of erased) if (isOnDisk(directory, ROWS[label] as VectorRow)) t.fail(`${label} is still there`)
      await ready(bench)
      t.ok((await shareOf(bench, left)) >= 0.98)
      await bench.close()
      for (const label of erased) if (isOnDisk(directory, ROWS[label] as VectorRow)) t.fail(`${label} is there again`)
      const again = made(t, { engine, directory })
      t.strictSame(await opened(again, INDEX, ALL), erased, 'and what is not listed any more is known to be missing')
      t.ok((await shareOf(again, left)) >= 0.98)
      await again.close()
    }
  })

  t.test(`${engine}: what an open does not list is gone from the disk at the close, few or most of it`, async t => {
    for (const kept of [ALL.filter(label => label % 50 > 0), ALL.filter(label => label % 50 === 0)]) {
      const { directory } = await saved(t, { engine, directory: join(t.testdirName, `${kept.length}`) })
      const bench = made(t, { engine, directory })
      t.strictSame(await opened(bench, INDEX, kept), [])
      await ready(bench)
      await bench.close()
      for (const { label } of ROWS) t.equal(isOnDisk(directory, ROWS[label] as VectorRow), kept.includes(label), `${label}`)
      const again = made(t, { engine, directory })
      t.strictSame(await opened(again, INDEX, kept), [])
      const left = kept.map(label => ROWS[label] as VectorRow)
      t.strictSame(
        await labelsOf(again, INDEX, { vector: QUERIES[0] as Float32Array, k: 10 }),
        nearestOf(left, QUERIES[0] as Float32Array, 10),
      )
      await again.close()
    }
  })

  t.test(`${engine}: when many are retired a graph without them is made beside the one that answers`, async t => {
    const bench = made(t, { engine })
    await opened(bench, INDEX, [])
    await added(bench, INDEX, ROWS)
    await ready(bench)
    const retired = ALL.filter(label => label % 5 < 2)
    const live = ROWS.filter(({ label }) => !retired.includes(label))
    bench.port.retire(INDEX, Uint32Array.from(retired))
    t.match(await statusOf(bench), { vectors: COUNT, retired: COUNT * 0.4, state: 'rebuilding' })
    let isRebuilding = true
    for (let i = 0; isRebuilding; i++) {
      const vector = QUERIES[i % QUERIES.length] as Float32Array
      const wanted = nearestOf(live, vector, 10)
      t.ok((await labelsOf(bench, INDEX, { vector, k: 10 })).filter(label => wanted.includes(label)).length >= 9)
      isRebuilding = (await statusOf(bench))?.state === 'rebuilding'
    }
    t.match(await ready(bench), { vectors: COUNT, indexed: COUNT * 0.6, retired: COUNT * 0.4 })
    t.ok((await shareOf(bench, live)) >= 0.98)
    // Taken back, they are found again, and so they were all the time by name.
    const among = bitsOf(retired)
    const past = retired.map(label => ROWS[label] as VectorRow)
    t.strictSame(
      await labelsOf(bench, INDEX, { vector: QUERIES[0] as Float32Array, k: 5, among }),
      nearestOf(past, QUERIES[0] as Float32Array, 5),
    )
    bench.port.revive(INDEX, Uint32Array.from(retired))
    t.ok((await shareOf(bench, ROWS)) >= 0.98)
    t.match(await ready(bench), { indexed: COUNT, retired: 0 })
    t.ok((await shareOf(bench, ROWS)) >= 0.98)
    await bench.close()
  })

  t.test(`${engine}: a thread that dies is followed by another, and every question is answered once`, async t => {
    const bench = made(t, { engine })
    await opened(bench, INDEX, [])
    await added(bench, INDEX, ROWS.slice(0, 150))
    bench.port.retire(INDEX, Uint32Array.of(0, 1, 2))
    bench.port.erase(INDEX, Uint32Array.of(3))
    const there = ROWS.slice(4, 150)
    for (let from = 150, death = 0; from < COUNT; from += 50, death++) {
      const rows = ROWS.slice(from, from + 50)
      const vector = QUERIES[death] as Float32Array
      const before = nearestOf(there, vector, 10)
      there.push(...rows)
      const after = nearestOf(there, vector, 10)
      const answers = Promise.all([
        labelsOf(bench, INDEX, { vector, k: 10, exact: true }),
        ...rows.map(row => added(bench, INDEX, [row])),
        labelsOf(bench, INDEX, { vector, k: 10, exact: true }),
      ])
      // Before it has begun, in the middle, or when it has answered.
      if (death === 1) await new Promise(resolve => setImmediate(resolve))
      if (death === 2) await answers
      await bench.endings.at(-1)?.()
      const all = await answers
      t.strictSame(all[0], before, `${from}`)
      t.strictSame(all.at(-1), after, `${from}`)
      t.strictSame(await labelsOf(bench, INDEX, { vector, k: 10, exact: true }), after, `${from}`)
      t.strictSame(await labelsOf(bench, INDEX, { vector, k: 10, among: bitsOf([0, 1, 2, 3]) }), nearestOf(ROWS.slice(0, 3), vector, 3))
    }
    const status = await ready(bench)
    t.match(status, { vectors: COUNT - 1, indexed: COUNT - 4, retired: 3, engine: 'typescript' }, 'after three deaths it is ours')
    t.equal(bench.events.filter(([event]) => event === 'vectors.thread.died').length, 3)
    t.equal(bench.events.filter(([event]) => event === 'vectors.engine').length, engine === 'hnswlib' ? 1 : 0)
    t.ok((await shareOf(bench, there)) >= 0.98)
    await bench.close()
    const again = made(t, { engine, directory: bench.directory })
    t.strictSame(await opened(again, INDEX, ALL), [3])
    await again.close()
  })
}

t.test('a process that ends while a graph is made ends as it wanted to', async t => {
  const store = new URL('../../ecc/hnsw-worker/vector-store.js', import.meta.url).href
  const program = `
    const { openVectorStore } = await import(${JSON.stringify(store)})
    const store = openVectorStore({ directory: ${JSON.stringify(t.testdir({}))}, log: () => {} })
    const index = { space: 'main', embedder: 'test', dims: 64 }
    const rows = Array.from({ length: 3000 }, (_, label) => ({
      label,
      id: new Uint8Array(32).fill(label),
      vector: Float32Array.from({ length: 64 }, (_, i) => Math.sin(label * (i + 1))),
    }))
    store.add(index, rows, () => setTimeout(() => process.exit(7), 20))
  `
  for (let i = 0; i < 3; i++) {
    const { status, signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    t.strictSame([status, signal, stderr], [7, null, ''])
  }
})

t.test('a fold that is made anew adds what is there already: nothing is written twice', async t => {
  const { directory, folder } = await saved(t, { engine: 'typescript' })
  const bytes = statSync(join(folder, 'rows')).size
  const bench = made(t, { engine: 'typescript', directory })
  await opened(bench, INDEX, [])
  t.strictSame(await labelsOf(bench, INDEX, { vector: QUERIES[0] as Float32Array, k: 10 }), [])
  const renamed = ROWS.map(row => ({ ...row, label: row.label + 1000 }))
  await added(bench, INDEX, renamed)
  t.match(await ready(bench), { vectors: COUNT, indexed: COUNT })
  t.ok((await shareOf(bench, renamed)) >= 0.98)
  t.equal(statSync(join(folder, 'rows')).size, bytes)
  await bench.close()
})

t.test('an index that nobody opened in a whole run is gone at its end, and nothing else is', async t => {
  const { directory, folder } = await saved(t, { engine: 'typescript' })
  writeFileSync(join(directory, 'notes'), 'of somebody')
  const idle = made(t, { engine: 'typescript', directory })
  t.strictSame(await statusOf(idle), undefined)
  await idle.close()
  t.ok(existsSync(folder), 'a run that opened none knows nothing')
  const bench = made(t, { engine: 'typescript', directory })
  await opened(bench, PLAIN, [])
  await bench.close()
  t.notOk(existsSync(folder))
  t.equal(readdirSync(directory).length, 2)
  t.ok(existsSync(join(directory, 'notes')))
})

t.test('where hnswlib cannot be loaded our own graph does it, said once', async t => {
  const packages = t.testdir({
    'package.json': '{}',
    unbuilt: { 'index.js': "throw new Error('Could not locate the bindings file. Tried:\\n a, b')" },
    other: { 'index.js': 'module.exports = { HierarchicalNSW: 5 }' },
    broken: {
      'index.js': 'module.exports = { HierarchicalNSW: class { initIndex() {} addPoint() {} searchKnn() { return { neighbors: [] } } } }',
    },
    strange: { 'index.js': "throw 'a text'" },
  })
  const cases: Readonly<Record<string, RegExp>> = {
    'no-such-package-of-ours': /Cannot find module/,
    [join(packages, 'unbuilt')]: /^Could not locate the bindings file/,
    [join(packages, 'other')]: /no HierarchicalNSW/,
    [join(packages, 'broken')]: /does not find/,
    [join(packages, 'strange')]: /^a text$/,
  }
  for (const [native, reason] of Object.entries(cases)) {
    const bench = made(t, { native, directory: join(packages, 'vectors', String(reason).replaceAll(/[^a-z]/g, '')) })
    await opened(bench, INDEX, [])
    await added(bench, INDEX, ROWS)
    t.match(await ready(bench), { engine: 'typescript', indexed: COUNT })
    t.ok((await shareOf(bench, ROWS)) >= 0.98)
    t.match(bench.events, [['vectors.engine', { engine: 'typescript', reason }]])
    await bench.close()
  }
})

t.test('when the disk takes nothing it goes on in memory, says so once, and outlives its thread', async t => {
  const root = t.testdir({ file: 'not a folder', full: {} })
  const full = join(root, 'full')
  const probe = made(t, { engine: 'typescript', directory: full })
  await opened(probe, INDEX, [])
  await probe.close()
  const rows = join(full, readdirSync(full)[0] as string, 'rows')
  rmSync(rows)
  if (existsSync('/dev/full')) symlinkSync('/dev/full', rows)
  const cases = { 'a file in its place': join(root, 'file'), ...(existsSync('/dev/full') ? { 'a full disk': full } : {}) }
  for (const [what, directory] of Object.entries(cases)) {
    const bench = made(t, { engine: 'typescript', directory })
    t.strictSame(await opened(bench, INDEX, ALL), ALL, what)
    await added(bench, INDEX, ROWS)
    bench.port.erase(INDEX, Uint32Array.of(5))
    const left = ROWS.filter(({ label }) => label !== 5)
    await ready(bench)
    t.ok((await shareOf(bench, left)) >= 0.98, what)
    await bench.endings.at(-1)?.()
    t.strictSame(
      await labelsOf(bench, INDEX, { vector: QUERIES[0] as Float32Array, k: 10, exact: true }),
      nearestOf(left, QUERIES[0] as Float32Array, 10),
      what,
    )
    t.match(await ready(bench), { vectors: COUNT - 1, indexed: COUNT - 1 }, what)
    await bench.close()
    t.equal(bench.events.filter(([event]) => event === 'vectors.disk').length, 1, what)
    t.strictSame(
      bench.events.filter(([event]) => !/^vectors\.(disk|thread\.died)$/.test(event)),
      [],
      what,
    )
  }
})

t.test('what is no label, id or index is an error of the caller, and changes nothing', async t => {
  const bench = made(t, { engine: 'typescript' })
  await opened(bench, PLAIN, [])
  const { port } = bench
  for (const label of [-1, 1.5, 0xffffffff, 2 ** 32 + 5, Number.NaN, Number.POSITIVE_INFINITY, '7' as unknown as number])
    t.throws(() => port.add(PLAIN, [rowOf(1, 1, 0, 0, 0), { ...rowOf(2, 1, 0, 0, 0), label }], () => {}), RangeError, `label ${label}`)
  t.throws(() => port.add(PLAIN, [{ ...rowOf(1, 1, 0, 0, 0), id: new Uint8Array(31) }], () => {}), RangeError)
  t.throws(() => port.open(PLAIN, Uint32Array.of(1, 2), idsOf([1]), () => {}), RangeError)
  for (const dims of [0, -1, 2.5, 1e9])
    t.throws(() => port.open({ ...PLAIN, dims }, new Uint32Array(0), new Uint8Array(0), () => {}), RangeError)
  for (const thing of ['vector', [1, 0, 0, 0], { length: 4 }, null] as unknown as Float32Array[])
    t.match(await searched(bench, PLAIN, { vector: thing, k: 1 }), { ok: false, error: { code: 'vector_invalid' } })
  await added(bench, PLAIN, [{ label: 3, id: idOf(3), vector: [1, 0, 0, 0] as unknown as Float32Array }])
  t.strictSame(await labelsOf(bench, PLAIN, { vector: unitVector(1, 0, 0, 0), k: 9 }), [])
  await bench.close()
})

t.test('what waits is bounded: searches beyond it are answered full, rows beyond it are refused', async t => {
  const bench = made(t, { engine: 'typescript' })
  await opened(bench, PLAIN, [])
  const vector = unitVector(1, 0, 0, 0)
  const codes = await Promise.all(
    Array.from({ length: VECTOR_SEARCHES_WAITING_MAX + 2 }, async () => {
      const found = await searched(bench, PLAIN, { vector, k: 1 })
      return found.ok ? 'ok' : found.error.code
    }),
  )
  t.strictSame([codes.filter(code => code === 'ok').length, codes.filter(code => code === 'full').length], [VECTOR_SEARCHES_WAITING_MAX, 2])
  const rows = Array.from({ length: VECTOR_ROWS_WAITING_MAX }, (_, label) => ({ label, id: idOf(label), vector }))
  const all = added(bench, PLAIN, rows)
  t.throws(() => bench.port.add(PLAIN, [rowOf(1, 0, 1, 0, 0)], () => {}), /wait for some to be done/)
  await all
  await added(bench, PLAIN, [rowOf(VECTOR_ROWS_WAITING_MAX, 0, 1, 0, 0)])
  t.match(await statusOf(bench), { vectors: VECTOR_ROWS_WAITING_MAX + 1 })
  await bench.close()
})
