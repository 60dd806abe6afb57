import { setTimeout as sleep } from 'node:timers/promises'
import { percentile } from '../measure.ts'
import type { Figures } from './figures.ts'
import { Pair } from './pair.ts'
import { textsFrom } from './records.ts'

const HEALS = 5
const HEALED = 100
const LIVE = 1000
const SINGLE = 200

/** Loading, cold catch-up, a connection of equals, healing, and live: with no delay on the way. */
export async function catchingUp(module: string, records: number, figures: Figures): Promise<void> {
  const pair = await Pair.start(module)
  try {
    const { fromMs, toMs } = await pair.near.ask('add', textsFrom(1, records))
    figures.add('load', { ms: toMs - fromMs, recordsPerS: (1000 * records) / (toMs - fromMs) })
    await pair.newcomer()
    await cold(pair, records, figures, 'cold')
    await equals(pair, figures)
    let held = await healing(pair, records, figures, 'heal')
    held = await live(pair, held, figures)
    await visible(pair, held, figures)
  } finally {
    await pair.stop()
  }
}

/** The same catch-up and heal with and without a delay each way: what is longer by twice that is a round trip. */
export async function roundTrips(module: string, records: number, delayedMs: number, figures: Figures): Promise<void> {
  const pair = await Pair.start(module)
  try {
    await pair.near.ask('add', textsFrom(2, records))
    for (const delayMs of [0, delayedMs]) {
      await pair.newcomer()
      pair.proxy.delay(delayMs)
      await cold(pair, records, figures, `cold ${records}, ${2 * delayMs} ms`)
    }
    roundTripsOf(figures, `cold ${records}`, delayedMs)
    const held = await healing(pair, records, figures, `heal ${records}, ${2 * delayedMs} ms`, 3)
    pair.proxy.delay(0)
    await pair.disconnect()
    await pair.connect()
    await healing(pair, held, figures, `heal ${records}, 0 ms`, 3)
    roundTripsOf(figures, `heal ${records}`, delayedMs)
  } finally {
    await pair.stop()
  }
}

/** Of weftmesh alone: many records, memory, and whether the round trips grow with them. */
export async function largeSizes(module: string, records: number, delayedMs: number, figures: Figures): Promise<void> {
  const pair = await Pair.start(module)
  try {
    await pair.near.ask('add', textsFrom(3, records))
    for (const delayMs of [0, delayedMs]) {
      await pair.newcomer()
      pair.proxy.delay(delayMs)
      await cold(pair, records, figures, `cold ${records}, ${2 * delayMs} ms`)
    }
    roundTripsOf(figures, `cold ${records}`, delayedMs)
  } finally {
    await pair.stop()
  }
}

function roundTripsOf(figures: Figures, phase: string, delayedMs: number): void {
  const more = (name: string): number =>
    ((figures.median(`${phase}, ${2 * delayedMs} ms`, name) ?? 0) - (figures.median(`${phase}, 0 ms`, name) ?? 0)) / (2 * delayedMs)
  figures.set(`${phase}, round trips`, { all: more('ms'), ofThemToConnect: more('connectMs') })
}

async function cold(pair: Pair, records: number, figures: Figures, phase: string): Promise<void> {
  const [nearBefore, farBefore] = [await pair.near.spent(), await pair.far.spent()]
  const bytes = pair.bytes
  const connected = pair.connect()
  const endMs = await pair.settled(records, connected)
  const { fromMs, toMs } = await connected
  const [near, far] = [await pair.near.spent(), await pair.far.spent()]
  figures.add(phase, {
    ms: endMs - fromMs,
    connectMs: toMs - fromMs,
    bytesPerRecord: (pair.bytes - bytes) / records,
    nearCpuMs: near.cpuMs - nearBefore.cpuMs,
    farCpuMs: far.cpuMs - farBefore.cpuMs,
    nearRssMiB: near.rssMiB,
    farRssMiB: far.rssMiB,
    farPeakMiB: far.peakMiB,
  })
  await pair.counted(records)
}

/** Two that hold the same connect again: all bytes of it, handshakes included. */
async function equals(pair: Pair, figures: Figures): Promise<void> {
  await sleep(500)
  await pair.disconnect()
  const bytes = pair.bytes
  const { fromMs, toMs } = await pair.connect()
  await sleep(500)
  figures.add('connect equal', { ms: toMs - fromMs, bytes: pair.bytes - bytes })
}

/** @returns how many both have */
async function healing(pair: Pair, held: number, figures: Figures, phase: string, times: number = HEALS): Promise<number> {
  let records = held
  for (let round = 0; round < times; round++) {
    await pair.disconnect()
    await Promise.all([pair.near, pair.far].map((side, i) => side.ask('add', textsFrom(records + i, HEALED))))
    records += 2 * HEALED
    const bytes = pair.bytes
    const connected = pair.connect()
    const endMs = await pair.settled(records, connected)
    const { fromMs, toMs } = await connected
    figures.add(phase, {
      ms: endMs - fromMs,
      connectMs: toMs - fromMs,
      beyondConnectMs: endMs - toMs,
      bytesPerRecord: (pair.bytes - bytes) / (2 * HEALED),
    })
  }
  await pair.counted(records)
  return records
}

async function live(pair: Pair, held: number, figures: Figures): Promise<number> {
  const records = held + LIVE
  const bytes = pair.bytes
  const added = pair.near.ask('add', textsFrom(held, LIVE))
  const endMs = await pair.settled(records, added)
  const { fromMs } = await added
  figures.add('live', { ms: endMs - fromMs, recordsPerS: (1000 * LIVE) / (endMs - fromMs), bytesPerRecord: (pair.bytes - bytes) / LIVE })
  return records
}

/** One at a time, from the write to where it can be read on the other side. */
async function visible(pair: Pair, held: number, figures: Figures): Promise<void> {
  const times: number[] = []
  for (const [i, text] of textsFrom(held + 1, SINGLE).entries()) {
    const added = pair.near.ask('add', [text])
    const endMs = await pair.settled(held + i + 1, added)
    times.push(endMs - (await added).fromMs)
  }
  figures.add('visible', { p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99) })
}
