import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { EMPTY } from '../base/bytes.ts'
import type { NodeId } from '../base/ids.ts'
import { FrameDecoder, FrameEncoder } from '../transport/frame.ts'
import { createLibp2pTransport } from '../transport/libp2p/libp2p-transport.ts'
import type { Transport, TransportHandlers } from '../transport/transport.ts'
import { print, round } from './measure.ts'

/**
 * What the transport costs: frames a second and echo time between two processes on this
 * machine, beside the same frames over a bare TCP socket in the same run. One JSON line each.
 */

const SIZES: readonly (readonly [frameBytes: number, frames: number])[] = [
  [350, 150_000],
  [4096, 40_000],
  [65_536, 4_000],
]
const ECHOES = 3_000
const ECHO_BYTES = 350

if (process.argv[2] === 'server') await serve()
else await measure()

/**
 * The far end. It answers a `control` frame with itself, and with an empty one an `ipc` frame
 * (how many `sync` frames will come) and the last of those. The socket does the same.
 */
async function serve(): Promise<void> {
  let expected = 0
  const transport = createLibp2pTransport({
    seed: new Uint8Array(32).fill(2),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    announce: [],
    log: () => {},
  })
  await start(transport, {
    onFrame: (from, protocol, frame) => {
      if (protocol === 'control') {
        transport.send(from, 'control', frame)
      } else if (protocol === 'ipc') {
        expected = new DataView(frame.buffer).getUint32(0)
        transport.send(from, 'control', EMPTY)
      } else {
        expected--
        if (expected === 0) transport.send(from, 'control', EMPTY)
      }
    },
  })
  const server = createServer({ noDelay: true }, socket => {
    let left = 0
    const onFrame = (frame: Uint8Array): void => {
      if (left > 0) {
        left--
        if (left === 0) socket.write(framed(EMPTY))
      } else if (frame.length === 4) {
        left = new DataView(frame.buffer).getUint32(0)
        socket.write(framed(EMPTY))
      } else {
        socket.write(framed(frame))
      }
    }
    const decoder = new FrameDecoder(1 << 20)
    socket.on('data', chunk => decoder.push(chunk, onFrame))
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  process.send?.({ peer: transport.self, addresses: transport.addresses(), port: typeof address === 'object' ? address?.port : 0 })
}

interface Served {
  readonly peer: NodeId
  readonly addresses: readonly string[]
  readonly port: number
}

async function measure(): Promise<void> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), ['server'])
  const [served] = (await once(child, 'message')) as [Served]
  const [mesh, bare] = [await overTransport(served), await overTcp(served)]
  print({ bench: 'transport', node: process.version, cpu: cpus()[0]?.model, cores: cpus().length })
  for (const [frameBytes, frames] of SIZES) {
    const [meshMs, bareMs] = [await stream(mesh, frameBytes, frames), await stream(bare, frameBytes, frames)]
    const rates = (ms: number): object => ({
      framesPerSecond: Math.round((frames * 1000) / ms),
      megabytesPerSecond: Math.round((frames * frameBytes) / ms / 100) / 10,
    })
    print({ bench: 'stream', frameBytes, ...rates(meshMs), tcp: rates(bareMs), ratio: round(bareMs / meshMs) })
  }
  const [meshUs, bareUs] = [await echo(mesh), await echo(bare)]
  print({ bench: 'echo', frameBytes: ECHO_BYTES, p50Us: meshUs, tcp: { p50Us: bareUs }, ratio: round(meshUs / bareUs) })
  await mesh.close()
  await bare.close()
  child.kill()
}

/** One end of a connection to the server. */
interface Line {
  /** @returns false when it should wait for `drained` */
  send(protocol: 'control' | 'sync' | 'ipc', frame: Uint8Array): boolean
  drained(): Promise<void>
  /** The next frame that comes back. */
  answer(): Promise<void>
  close(): Promise<void>
}

async function stream(line: Line, frameBytes: number, frames: number): Promise<number> {
  const frame = new Uint8Array(frameBytes).fill(1)
  const count = new Uint8Array(4)
  for (const total of [Math.ceil(frames / 10), frames]) {
    new DataView(count.buffer).setUint32(0, total)
    const isReady = line.answer()
    line.send('ipc', count)
    await isReady
    const answer = line.answer()
    const startMs = performance.now()
    for (let sent = 0; sent < total; ) {
      if (line.send('sync', frame)) sent++
      else await line.drained()
    }
    await answer
    // The first round warms up.
    if (total === frames) return performance.now() - startMs
  }
  return 0
}

async function echo(line: Line): Promise<number> {
  const times: number[] = []
  const frame = new Uint8Array(ECHO_BYTES).fill(1)
  for (let i = 0; i < ECHOES; i++) {
    const startMs = performance.now()
    const answer = line.answer()
    line.send('control', frame)
    await answer
    times.push((performance.now() - startMs) * 1000)
  }
  return Math.round(times.sort((a, b) => a - b)[ECHOES >> 1] as number)
}

async function overTransport({ peer, addresses }: Served): Promise<Line> {
  const transport = createLibp2pTransport({ seed: new Uint8Array(32).fill(1), listen: [], announce: [], log: () => {} })
  const [up, drain, answer] = [signal(), signal(), signal()]
  await start(transport, { onUp: up.raise, onDrain: drain.raise, onFrame: answer.raise })
  const isUp = up.next()
  transport.dial(peer, addresses)
  await isUp
  return {
    send: (protocol, frame) => transport.send(peer, protocol, frame) === 'sent',
    drained: drain.next,
    answer: answer.next,
    close: () => new Promise(resolve => transport.stop(resolve)),
  }
}

async function overTcp({ port }: Served): Promise<Line> {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const [drain, answer] = [signal(), signal()]
  const decoder = new FrameDecoder(1 << 20)
  socket.on('drain', drain.raise)
  socket.on('data', chunk => decoder.push(chunk, answer.raise))
  return {
    send: (_protocol, frame) => {
      if (socket.writableNeedDrain) return false
      socket.write(framed(frame))
      return true
    },
    drained: drain.next,
    answer: answer.next,
    close: async () => void socket.destroy(),
  }
}

interface Signal {
  raise(): void
  next(): Promise<void>
}

function signal(): Signal {
  let waiting: (() => void) | undefined
  return {
    raise: () => waiting?.(),
    next: () => new Promise(resolve => (waiting = resolve)),
  }
}

function framed(frame: Uint8Array): Uint8Array {
  const encoder = new FrameEncoder()
  encoder.push(frame)
  return encoder.take() as Uint8Array
}

function start(transport: Transport, handlers: Partial<TransportHandlers>): Promise<void> {
  const answer = { accept: true, reply: EMPTY }
  const all: TransportHandlers = {
    greeting: () => EMPTY,
    onGreeting: connection => transport.answer(connection, answer),
    onGreeted: connection => transport.answer(connection, answer),
    onUp: () => {},
    onDown: () => {},
    onFrame: () => {},
    onDrain: () => {},
    onDialFailed: () => {},
    ...handlers,
  }
  return new Promise((resolve, reject) => transport.start(all, error => (error === undefined ? resolve() : reject(error))))
}
