/**
 * Three nodes with 100,000 records, all of them written to; fifty times one is killed at a moment
 * that nobody chose, with writes on their way, and started again. What was acknowledged is there, no log has a gap or a second
 * history, and the node is ready again in less than two seconds.
 *
 *     node build/test/long/kills.js [KILLS [RECORDS]]
 */
import { strict as assert } from 'node:assert'
import { randomInt } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SNAPSHOT_LATE_MS } from '../../base/limits.ts'
import { down, kill, restart, up } from '../../cli/cluster/local-cluster.ts'
import { connect, type Receipt, type WeftNode } from '../../node/index.ts'
import { requestTo } from '../../node/connect.ts'

const KILLS = Number(process.argv[2] ?? 50)
const RECORDS = Number(process.argv[3] ?? 100_000)
const READY_MS = 2000
/** Written to one node at a time: enough that a kill always hits some on their way. */
const BURST = 32
const BATCH = 1000
const SETTLE_MS = 60_000
const NAMES = ['n1', 'n2', 'n3'] as const

type Name = (typeof NAMES)[number]

const dir = mkdtempSync(join(tmpdir(), 'weft-kills-'))
const acknowledged = new Map<Name, Receipt[]>(NAMES.map(name => [name, []]))
let isWriting = true
/** Resolves when writing goes on: while a node comes back nothing is written, so that its start is what is timed. */
let mayWrite = Promise.resolve()

try {
  await up(dir, NAMES.length)
  await fill()
  const writers = NAMES.map(write)
  const readyMs: number[] = []
  for (let i = 0; i < KILLS; i++) readyMs.push(await killOne(i))
  isWriting = false
  await Promise.all(writers)
  await equal()
  await check()
  readyMs.sort((a, b) => a - b)
  const medianMs = Math.round(readyMs[KILLS >> 1] as number)
  const total = NAMES.reduce((sum, name) => sum + (acknowledged.get(name)?.length ?? 0), 0)
  console.log(
    `${KILLS} kills at ${RECORDS} records and more, ${total} acknowledged writes, none lost; ready again after ${medianMs} ms (median), ${Math.round(readyMs.at(-1) as number)} ms (longest)`,
  )
  assert(medianMs < READY_MS, `half of the starts took longer than ${READY_MS} ms`)
} finally {
  isWriting = false
  await down(dir, true)
}

function at(name: Name): Promise<WeftNode> {
  return connect({ dir: join(dir, name) })
}

async function fill(): Promise<void> {
  const n1 = await at('n1')
  for (let from = 0; from < RECORDS; from += BATCH)
    await n1.memory.import(
      Array.from({ length: BATCH }, (_, i) => ({ text: `fact ${from + i} that was known before anything was killed `.padEnd(200, '.') })),
    )
  await n1.stop()
  await equal()
  await sleep(SNAPSHOT_LATE_MS) // by then what was imported is in the saved fold, as on any node that has been up for a while
}

/** Writes to one node, whenever it is there, until the end. */
async function write(name: Name): Promise<void> {
  const receipts = acknowledged.get(name) as Receipt[]
  for (let burst = 0; isWriting; burst++) {
    await mayWrite
    try {
      const node = await at(name)
      await Promise.all(
        Array.from({ length: BURST }, async (_, i) =>
          receipts.push(await node.memory.remember(`${name} learned ${burst} ${i} ${randomInt(2 ** 40)}`.padEnd(200, '.'))),
        ),
      )
      await node.stop()
    } catch {
      // It was killed, or is not there yet: what it had acknowledged has been noted.
    }
    await sleep(50)
  }
}

/** @returns how long the node took to be ready again, in ms */
async function killOne(number: number): Promise<number> {
  const name = NAMES[randomInt(NAMES.length)] as Name
  await sleep(randomInt(400))
  const { osPid } = await kill(dir, name)
  let writeOn = (): void => {}
  mayWrite = new Promise(resolve => (writeOn = resolve))
  const promised = acknowledged.get(name)?.slice(-2000) ?? []
  const startMs = performance.now()
  await restart(dir, name)
  const ms = performance.now() - startMs
  writeOn()
  await holds(name, promised)
  console.log(`${number + 1}: ${name} (process ${osPid}), ready again after ${Math.round(ms)} ms`)
  return ms
}

async function holds(name: Name, receipts: readonly Receipt[]): Promise<void> {
  for (let from = 0; from < receipts.length; from += BATCH) {
    const ids = receipts.slice(from, from + BATCH).map(({ id }) => id)
    const { known } = await requestTo(join(dir, name))('memory.has', { ids })
    assert.equal(known.length, ids.length, `${name} has lost what was acknowledged`)
  }
}

/** Waits until all nodes hold and have applied the same, and may write. */
async function equal(): Promise<void> {
  for (const untilMs = performance.now() + SETTLE_MS; performance.now() < untilMs; await sleep(50)) {
    const all = await Promise.all(NAMES.map(async name => requestTo(join(dir, name))('node.status', {})))
    if (new Set(all.map(({ frontier, frontierAll }) => frontier + frontierAll)).size === 1 && all.every(({ publishing }) => publishing))
      return
  }
  assert.fail(`the nodes are not equal within ${SETTLE_MS} ms`)
}

/** Everything that anybody was promised is on every node; every log is whole and has one history. */
async function check(): Promise<void> {
  for (const receipts of acknowledged.values()) {
    const places = new Set(receipts.map(({ log, seq }) => `${log} ${seq}`))
    assert.equal(places.size, receipts.length, 'two records were acknowledged for one place of a log')
  }
  for (const name of NAMES) {
    for (const receipts of acknowledged.values()) await holds(name, receipts)
    const request = requestTo(join(dir, name))
    const verification = await request('chain.verify', { all: true })
    assert(verification.valid, `${name}: ${JSON.stringify(verification)}`)
    assert.deepEqual((await request('memory.conflicts', {})).logs, [], `${name} has seen a log with two histories`)
  }
}
