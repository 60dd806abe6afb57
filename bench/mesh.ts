/**
 * Two nodes in two processes, over TCP, Noise and Yamux on this machine: catching up, healing, live
 * replication and calls. Each beside bare TCP or a bare disk in the same run: one JSON line each.
 *
 *     node build/bench/mesh.js
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect as connectNode, createNode, joinNode, type WeftNode } from '../node/index.ts'
import { requestTo } from '../node/connect.ts'
import { inFlight, percentile, plainSyncMs, plainTransferMs, print, round, timed } from './measure.ts'

const CATCH_UP = 10_000
const LIVE = 20_000
const LATENCIES = 300
const HEALS = 9
const HEALED = 100
const CALLS = 30_000
const WINDOW = 64

const [, , role, farDir] = process.argv
if (role === 'far') await far(farDir as string)
else await measure()

/** The other node: it answers calls, and says when it has what it is asked for. Times are CLOCK_MONOTONIC, the same in both processes. */
async function far(dir: string): Promise<void> {
  const startedAtMs = now()
  const node = await createNode({ dir })
  await node.spawn(() => ({ onCall: { double: (n: number) => n * 2 } }), { name: 'doubler' })
  const tell = (message: object): void => void process.send?.(message)
  process.on('message', (message: { readonly until?: number; readonly watch?: true; readonly stop?: true }) => {
    if (message.until !== undefined) void untilRecords(node, message.until).then(atMs => tell({ atMs }))
    if (message.watch) watch(node, tell).catch(() => {}) // it ends when the node stops
    if (message.stop) void node.stop().then(() => process.exit(0))
  })
  tell({ nodeId: node.nodeId, startedAtMs })
}

async function untilRecords(node: WeftNode, records: number): Promise<number> {
  while ((await node.memory.status()).nodes < records) await sleep(1)
  return now()
}

async function watch(node: WeftNode, tell: (message: object) => void): Promise<void> {
  for await (const change of node.memory.watch()) if (change.kind === 'memory') tell({ seen: change.text, atMs: now() })
}

function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

async function measure(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'weft-bench-mesh-'))
  const near = await createNode({ dir: join(dir, 'near') })
  let child: ChildProcess | undefined
  try {
    let written = 0
    const write = (records: number): Promise<void> => inFlight(records, 1024, () => near.memory.remember(textOf(written++)))
    await write(CATCH_UP)
    const { token } = await near.invite()
    await joinNode({ dir: join(dir, 'far'), token })

    const before = await bytesSent(near)
    child = fork(fileURLToPath(import.meta.url), ['far', join(dir, 'far')])
    const ask = asking(child)
    const [{ nodeId }] = (await once(child, 'message')) as [{ readonly nodeId: string }]
    const { atMs } = await ask<{ readonly atMs: number }>({ until: written })
    const upAtMs = await connectedAtMs(near)
    const bytes = (await bytesSent(near)) - before
    print({
      bench: 'cold catch-up',
      records: CATCH_UP,
      ms: Math.round(atMs - upAtMs),
      bytesPerRecord: Math.round(bytes / CATCH_UP),
      plainTcpMs: round(await plainTransferMs(bytes)),
      ratio: round((atMs - upAtMs) / (await plainTransferMs(bytes)), 0),
    })

    await live(
      near,
      ask,
      () => write(LIVE),
      () => written,
    )
    await latency(near, child, dir)
    await heal(near, nodeId, await connectNode({ dir: join(dir, 'far') }))
    await calls(near, `${nodeId}:doubler`)
    child.send({ stop: true })
    await once(child, 'exit')
  } finally {
    child?.kill()
    await near.stop()
    rmSync(dir, { recursive: true })
  }
}

function asking(child: ChildProcess): <T>(message: object) => Promise<T> {
  return async <T>(message: object) => {
    const answer = once(child, 'message')
    child.send(message)
    return ((await answer) as [T])[0]
  }
}

/** 200 bytes, no two alike. */
function textOf(i: number): string {
  return `${String(i).padStart(8)} a fact that somebody learned and somebody else will ask for some day `.repeat(4).slice(0, 200)
}

/** When the other node was admitted, on the clock of `now`. */
async function connectedAtMs(node: WeftNode): Promise<number> {
  const stop = new AbortController()
  for await (const event of node.events({ backlog: 1000, signal: stop.signal })) {
    if (event.event !== 'peer.up') continue
    stop.abort()
    return now() - (Date.now() - Date.parse(event.at))
  }
  throw new Error('no peer.up')
}

/** Bytes of frames for replication that a node has sent and received, as its metrics count them. */
async function bytesSent(node: WeftNode): Promise<number> {
  const { url } = JSON.parse(readFileSync(join(node.dir, 'control.json'), 'utf8')) as { readonly url: string }
  const text = await (await fetch(`${url}/metrics`)).text()
  return [...text.matchAll(/^weft_frames_(?:sent|received)_bytes_total\{protocol="sync"\} (\d+)/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  )
}

async function live(
  near: WeftNode,
  ask: <T>(message: object) => Promise<T>,
  write: () => Promise<void>,
  written: () => number,
): Promise<void> {
  const before = await bytesSent(near)
  const startMs = now()
  await write()
  const localMs = now() - startMs
  const { atMs } = await ask<{ readonly atMs: number }>({ until: written() })
  const bytes = (await bytesSent(near)) - before
  print({
    bench: 'live',
    records: LIVE,
    recordsPerS: Math.round(LIVE / ((atMs - startMs) / 1000)),
    localRecordsPerS: Math.round(LIVE / (localMs / 1000)),
    bytesPerRecord: Math.round(bytes / LIVE),
    plainTcpMs: round(await plainTransferMs(bytes)),
    ratioToLocal: round(localMs / (atMs - startMs)),
  })
}

/** From the call of `remember` here to the change that a watcher sees there, one at a time. */
async function latency(near: WeftNode, child: ChildProcess, dir: string): Promise<void> {
  child.send({ watch: true })
  await sleep(500)
  const acknowledged: number[] = []
  const visible: number[] = []
  for (let i = 0; i < LATENCIES; i++) {
    const seen = once(child, 'message')
    const startMs = now()
    await near.memory.remember(`latency ${i}`)
    acknowledged.push(now() - startMs)
    const [{ atMs }] = (await seen) as [{ readonly atMs: number }]
    visible.push(atMs - startMs)
  }
  const syncMs = plainSyncMs(dir, 400, 200)
  print({
    bench: 'live latency',
    p50Ms: round(percentile(visible, 0.5)),
    p99Ms: round(percentile(visible, 0.99)),
    acknowledgedP50Ms: round(percentile(acknowledged, 0.5)),
    plainSyncMs: round(syncMs),
    beyondSyncP50Ms: round(percentile(visible, 0.5) - syncMs),
    ratio: round(percentile(visible, 0.5) / syncMs),
  })
}

/** Cut, 100 records on each side, and the time from the end of the cut, dialling included, until both are equal. */
async function heal(near: WeftNode, farId: string, other: WeftNode): Promise<void> {
  const request = requestTo(near.dir)
  const times: number[] = []
  const dials: number[] = []
  let bytes = 0
  for (let round = 0; round < HEALS; round++) {
    await request('node.block', { peers: [farId] })
    await until(async () => (await near.peers()).peers.every(peer => peer.state !== 'up'))
    await Promise.all(
      [near, other].map(node =>
        inFlight(HEALED, 100, i => node.memory.remember(`side ${node.nodeId.slice(-6)} round ${round} record ${i} `.padEnd(200, 'x'))),
      ),
    )
    const before = await bytesSent(near)
    const startMs = now()
    await request('node.block', { peers: [] })
    await until(async () => (await near.peers()).peers.every(peer => peer.state === 'up'))
    dials.push(now() - startMs)
    await until(async () => {
      const [a, b] = await Promise.all([near.status(), other.status()])
      return a.frontierAll === b.frontierAll && a.frontier === b.frontier
    })
    times.push(now() - startMs)
    bytes += (await bytesSent(near)) - before
  }
  print({
    bench: 'heal',
    records: 2 * HEALED,
    p50Ms: round(percentile(times, 0.5), 1),
    maxMs: round(percentile(times, 1), 1),
    dialP50Ms: round(percentile(dials, 0.5), 1),
    beyondDialP50Ms: round(
      percentile(
        times.map((ms, i) => ms - (dials[i] as number)),
        0.5,
      ),
      1,
    ),
    bytesPerRecord: Math.round(bytes / HEALS / (2 * HEALED)),
  })
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(1)
}

async function calls(near: WeftNode, to: string): Promise<void> {
  await inFlight(CALLS / 10, WINDOW, i => near.call(to, 'double', i))
  const ms = await timed(() => inFlight(CALLS, WINDOW, i => near.call(to, 'double', i)))
  const one = await timed(() => inFlight(2000, 1, i => near.call(to, 'double', i)))
  const plain = await plainCalls()
  print({
    bench: 'cross-node call',
    callsPerS: Math.round(CALLS / (ms / 1000)),
    inFlight: WINDOW,
    p50Ms: round(one / 2000, 3),
    plainTcpPerS: Math.round(CALLS / (plain.windowMs / 1000)),
    plainTcpP50Ms: round(plain.oneMs / 2000, 3),
    ratio: round(plain.windowMs / ms),
  })
}

/** Lines of JSON echoed over a bare TCP connection, to a server in this same process: what a call costs without anything of a mesh. */
async function plainCalls(): Promise<{ readonly windowMs: number; readonly oneMs: number }> {
  const server = createServer({ noDelay: true }, socket => socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect({ port: (server.address() as { readonly port: number }).port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const waiting: ((answer: unknown) => void)[] = []
  let rest = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) waiting.shift()?.(JSON.parse(line))
  })
  const call = (i: number): Promise<unknown> =>
    new Promise(resolve => {
      waiting.push(resolve)
      socket.write(`${JSON.stringify({ id: i, method: 'double', argument: i })}\n`)
    })
  await inFlight(CALLS / 10, WINDOW, call)
  const windowMs = await timed(() => inFlight(CALLS, WINDOW, call))
  const oneMs = await timed(() => inFlight(2000, 1, call))
  socket.destroy()
  server.close()
  return { windowMs, oneMs }
}
