/**
 * Eight nodes, a process each: halves that write apart and heal; and how soon a node with 100,000
 * records is there again, beside a start of Node.js by itself. One JSON line each.
 *
 *     node build/bench/cluster.js
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { down, heal, kill, partition, restart, up } from '../cli/cluster/local-cluster.ts'
import { connect, type WeftNode } from '../node/index.ts'
import { inFlight, percentile, print, round, timed } from './measure.ts'

const NODES = 8
const WRITES = 1000
const STORED = 100_000
const STARTS = 5
const WEFT = fileURLToPath(new URL('../cli/weft.js', import.meta.url))

const dir = mkdtempSync(join(tmpdir(), 'weft-bench-cluster-'))
try {
  commandLine()
  await healing()
  await restarting()
} finally {
  await down(dir, true)
}

/** How long a command takes that does nothing, beside a program that does nothing. */
function commandLine(): void {
  const took = (args: readonly string[]): number => {
    const times = Array.from({ length: 9 }, () => {
      const startMs = performance.now()
      spawnSync(process.execPath, args)
      return performance.now() - startMs
    })
    return percentile(times, 0.5)
  }
  const [helpMs, bareMs] = [took([WEFT, '--help']), took(['-e', '0'])]
  print({ bench: 'weft --help', p50Ms: Math.round(helpMs), bareNodeMs: Math.round(bareMs), ratio: round(helpMs / bareMs) })
}

async function healing(): Promise<void> {
  const upMs = await timed(() => up(dir, NODES))
  const names = Array.from({ length: NODES }, (_, i) => `n${i + 1}`)
  const nodes = await Promise.all(names.map(name => connect({ dir: join(dir, name) })))
  await equal(nodes)
  const sides = [names.slice(0, NODES / 2), names.slice(NODES / 2)]
  await partition(dir, sides)
  for (const [side, first] of [
    [0, 0],
    [1, NODES / 2],
  ] as const) {
    await inFlight(WRITES, 256, i =>
      (nodes[first + (i % (NODES / 2))] as WeftNode).memory.remember(`side ${side} write ${i} `.padEnd(200, 'y')),
    )
    await equal(nodes.slice(first, first + NODES / 2))
  }
  const startMs = performance.now()
  await heal(dir)
  await equal(nodes)
  print({
    bench: 'heal of 8',
    nodes: NODES,
    writesPerSide: WRITES,
    equalMs: Math.round(performance.now() - startMs),
    upMs: Math.round(upMs),
  })
  await Promise.all(nodes.map(node => node.stop()))
}

async function equal(nodes: readonly WeftNode[]): Promise<void> {
  for (;;) {
    const all = await Promise.all(nodes.map(node => node.status()))
    if (new Set(all.map(({ frontier, frontierAll }) => frontier + frontierAll)).size === 1) return
    await sleep(5)
  }
}

/** Killed and started again, until it answers recalls. */
async function restarting(): Promise<void> {
  const n1 = await connect({ dir: join(dir, 'n1') })
  const has = (await n1.memory.status()).nodes
  await inFlight(Math.ceil((STORED - has) / 1000), 4, batch =>
    n1.memory.import(Array.from({ length: 1000 }, (_, i) => ({ text: `record ${batch * 1000 + i} of many `.padEnd(200, 'z') }))),
  )
  await n1.stop()
  const times: number[] = []
  for (let i = 0; i < STARTS; i++) {
    await kill(dir, 'n1')
    times.push(await timed(() => restart(dir, 'n1')))
  }
  print({ bench: 'restart', records: STORED, p50Ms: Math.round(percentile(times, 0.5)), maxMs: Math.round(percentile(times, 1)) })
}
