/**
 * One node by itself: memories written, messages and calls between its processes. Each beside the
 * plainest thing that does as much, in the same run: one JSON line each.
 *
 *     node build/bench/node.js
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createNode, type ProcessContext, type WeftNode } from '../node/index.ts'
import { inFlight, percentile, plainSyncMs, print, round, timed } from './measure.ts'

const REMEMBERED = 40_000
const WARM_UP = 4_000
const IN_FLIGHT = 1024
const TEXT_BYTES = 200
const ROUND_TRIPS = 300_000
const CALLS = 100_000
/** A record on disk: header, signature share, frame. */
const STORED_BYTES = TEXT_BYTES + 150

const dir = mkdtempSync(join(tmpdir(), 'weft-bench-node-'))
const node = await createNode({ dir })
try {
  await remember(node)
  await pingPong(node)
  await calls(node)
} finally {
  await node.stop()
  rmSync(dir, { recursive: true })
}

async function remember(node: WeftNode): Promise<void> {
  const text = (i: number): string => `${String(i).padStart(8)} the quick brown fox jumps over the lazy dog `.repeat(5).slice(0, TEXT_BYTES)
  await inFlight(WARM_UP, IN_FLIGHT, i => node.memory.remember(text(i)))
  const delays: number[] = []
  const watching = watchDelays(delays)
  const ms = await timed(() => inFlight(REMEMBERED, IN_FLIGHT, i => node.memory.remember(text(WARM_UP + i))))
  await watching.stop()
  const syncMs = plainSyncMs(dir, IN_FLIGHT * STORED_BYTES, 50)
  const perS = REMEMBERED / (ms / 1000)
  print({
    bench: 'remember',
    recordsPerS: Math.round(perS),
    inFlight: IN_FLIGHT,
    textBytes: TEXT_BYTES,
    plainFilePerS: Math.round(IN_FLIGHT / (syncMs / 1000)),
    ratio: round(perS / (IN_FLIGHT / (syncMs / 1000))),
    loopDelayP99Ms: round(percentile(delays, 0.99), 1),
    loopDelayMaxMs: round(percentile(delays, 1), 1),
  })

  const oneMs = await timed(() => inFlight(200, 1, i => node.memory.remember(`one by one ${i}`)))
  const plainMs = plainSyncMs(dir, STORED_BYTES, 200)
  print({ bench: 'remember one by one', p50Ms: round(oneMs / 200, 3), plainSyncMs: round(plainMs, 3), ratio: round(oneMs / 200 / plainMs) })
}

/** How late a timer of 2 ms comes while something else goes on. */
function watchDelays(delays: number[]): { stop(): Promise<void> } {
  let isOn = true
  const loop = (async () => {
    while (isOn) {
      const ms = await timed(() => sleep(2))
      delays.push(Math.max(0, ms - 2))
    }
  })()
  return {
    stop: () => {
      isOn = false
      return loop
    },
  }
}

/** Two processes send each other one message back and forth. */
async function pingPong(node: WeftNode): Promise<void> {
  const rounds = async (times: number): Promise<number> => {
    let done = (): void => {}
    const finished = new Promise<void>(resolve => (done = resolve))
    const pong = await node.spawn((context: ProcessContext) => ({ onMessage: (message, from) => void context.send(from, message) }))
    let left = times
    const ms = await timed(async () => {
      const ping = await node.spawn((context: ProcessContext) => {
        void context.send(pong.address, 'ping')
        return {
          onMessage: (message, from) => {
            if (--left === 0) done()
            else void context.send(from, message)
          },
        }
      })
      await finished
      await node.kill(ping.address)
    })
    await node.kill(pong.address)
    return ms
  }
  await rounds(ROUND_TRIPS / 10)
  const ms = await rounds(ROUND_TRIPS)
  const bareMs = await bareRounds(ROUND_TRIPS)
  const perS = ROUND_TRIPS / (ms / 1000)
  const barePerS = ROUND_TRIPS / (bareMs / 1000)
  print({ bench: 'local ping-pong', roundTripsPerS: Math.round(perS), promisesPerS: Math.round(barePerS), ratio: round(perS / barePerS) })
}

/** Two promises for each round trip: the least that two asynchronous parties can do. */
async function bareRounds(times: number): Promise<number> {
  return timed(async () => {
    for (let i = 0; i < times; i++) {
      await Promise.resolve(i)
      await Promise.resolve(i)
    }
  })
}

async function calls(node: WeftNode): Promise<void> {
  await node.spawn(() => ({ onCall: { double: (n: number) => n * 2 } }), { name: 'doubler' })
  await inFlight(CALLS / 10, 64, i => node.call('doubler', 'double', i))
  const ms = await timed(() => inFlight(CALLS, 64, i => node.call('doubler', 'double', i)))
  const bareMs = await timed(() => inFlight(CALLS, 64, async i => i * 2))
  print({
    bench: 'local call',
    callsPerS: Math.round(CALLS / (ms / 1000)),
    inFlight: 64,
    promisesPerS: Math.round(CALLS / (bareMs / 1000)),
    ratio: round(bareMs / ms, 3),
  })
}
