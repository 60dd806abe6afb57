import { appendFileSync, closeSync, fdatasyncSync, openSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { SimRandom } from '../sim/random.ts'

/** What several benchmarks need: how a result is printed, and the plain ways to compare with. */

export interface Result {
  readonly bench: string
  readonly [name: string]: unknown
}

/** One JSON line. */
export function print(result: Result): void {
  console.log(JSON.stringify(result))
}

export function round(value: number, digits: number = 2): number {
  return Number(value.toFixed(digits))
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await work()
  return performance.now() - startMs
}

export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

/** Runs `one` so many times, `window` of them at a time. */
export async function inFlight(times: number, window: number, one: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < times) await one(next++)
  }
  await Promise.all(Array.from({ length: window }, worker))
}

/** Milliseconds of one append and sync of a plain file in `folder`: what any durable write costs on this disk. */
export function plainSyncMs(folder: string, bytes: number, rounds: number): number {
  const file = openSync(join(folder, 'plain'), 'w')
  const block = new Uint8Array(bytes)
  const startMs = performance.now()
  for (let i = 0; i < rounds; i++) {
    appendFileSync(file, block)
    fdatasyncSync(file)
  }
  closeSync(file)
  return (performance.now() - startMs) / rounds
}

/** Milliseconds until so many bytes have gone through a bare TCP connection on this machine, and one byte came back. */
export async function plainTransferMs(bytes: number): Promise<number> {
  const server = createServer(socket => {
    let left = bytes
    socket.on('data', chunk => {
      left -= chunk.length
      if (left === 0) socket.end('k')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const took = await timed(async () => {
    socket.write(new Uint8Array(bytes))
    await once(socket, 'data')
  })
  socket.destroy()
  server.close()
  return took
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}

/** Where the mean is with 95 %, by drawing the values anew 2,000 times, from a seed. */
export function between(values: readonly number[]): readonly [low: number, high: number] {
  const random = new SimRandom(1, 'bootstrap')
  const means = Array.from({ length: 2000 }, () => meanOf(values.map(() => random.pick(values)))).sort((a, b) => a - b)
  const at = (part: number): number => round(means[Math.floor(means.length * part)] ?? 0, 1)
  return [at(0.025), at(0.975)]
}
