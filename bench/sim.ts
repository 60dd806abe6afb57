import { fuzz } from '../cli/sim/fuzz.ts'
import { SWARM_DEFAULTS } from '../sim/scenario/swarm.ts'
import { World } from '../sim/world.ts'
import { print, round } from './measure.ts'
import { profiled } from './profile.ts'

/**
 * The simulator: how much virtual time a second of CPU buys. Nodes are whole ones, with ordinary
 * heartbeats, connected as the product connects them: a full mesh up to 32, partial above.
 */

/** Virtual seconds of doing nothing for each size: enough to be seconds of CPU, after 2 s in which the last join settles. */
const IDLE: readonly { readonly nodes: number; readonly seconds: number }[] = [
  { nodes: 5, seconds: 3_600 },
  { nodes: 30, seconds: 300 },
  { nodes: 100, seconds: 60 },
]
const SETTLE_MS = 2_000
/** Where the folders of the program are. */
const ROOT: string = new URL('..', import.meta.url).href
const WORKERS = 2
const SEEDS = 60

for (const { nodes, seconds } of IDLE) measureIdle(nodes, seconds)
measureKernel()
await measureSwarm()

function measureIdle(nodes: number, seconds: number): void {
  const world = new World({ seed: 1 })
  const foundingS = cpuSeconds(() => world.cluster(namesOf(nodes)))
  world.run(SETTLE_MS)
  const events = world.scheduler.executed
  const idleS = cpuSeconds(() => world.run(seconds * 1000))
  print({
    bench: 'sim.idle',
    nodes,
    nodeSecondsPerCpuSecond: Math.round((nodes * seconds) / idleS),
    goal: nodes === 100 ? 2_000 : undefined,
    eventsPerCpuSecond: Math.round((world.scheduler.executed - events) / idleS),
    eventsPerNodeSecond: round((world.scheduler.executed - events) / (nodes * seconds)),
    foundingCpuSeconds: round(foundingS),
  })
}

/** Five nodes that write, are cut in two, write on, and are one again: what of it is the simulator, and what the nodes it is there for. */
function measureKernel(): void {
  const world = new World({ seed: 1 })
  const names = namesOf(5)
  world.cluster(names)
  const work = (): void => {
    for (let round = 0; round < 40; round++) {
      if (round % 4 === 1) world.partition([names.slice(0, 2), names.slice(2)])
      if (round % 4 === 3) world.heal()
      for (const name of names) {
        world.ask(name, 'memory.remember', { text: `round ${round} as ${name} saw it, while the others may have been away` })
        world.run(500)
      }
      world.run(15_000)
    }
  }
  const { parts, collecting } = profiled(work, url => (url.startsWith(ROOT) ? url.slice(ROOT.length).split('/')[0] : undefined))
  print({
    bench: 'sim.kernel',
    sharePercent: round(parts.get('sim') ?? 0, 1),
    goal: 30,
    parts: Object.fromEntries([...parts].map(([part, share]) => [part, round(share, 1)])),
    collectingPercent: round(collecting, 1),
  })
}

/** Seeds of the default profile: 5 nodes for 5 minutes of virtual time, all kinds of faults, a workload, and all judges. */
async function measureSwarm(): Promise<void> {
  const verdicts = { valid: 0, invalid: 0, unknown: 0 }
  const startMs = performance.now()
  const cpu = process.cpuUsage()
  await fuzz({
    source: { swarm: SWARM_DEFAULTS },
    jobs: WORKERS,
    budgetMs: Infinity,
    seeds: SEEDS,
    firstSeed: 1,
    onOutcome: ({ verdict }) => verdicts[verdict]++,
    onCrash: (seed, message) => {
      throw new Error(`seed ${seed}: ${message}`)
    },
    isEnough: () => false,
    signal: new AbortController().signal,
  })
  const seconds = (performance.now() - startMs) / 1000
  const { user, system } = process.cpuUsage(cpu)
  print({
    bench: 'sim.swarm',
    seeds: SEEDS,
    workers: WORKERS,
    seedsPerMinute: Math.round((60 * SEEDS) / seconds),
    goal: 100 * WORKERS,
    cpuSecondsPerSeed: round((user + system) / 1e6 / SEEDS),
    verdicts,
  })
}

function namesOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `n${i + 1}`)
}

/** Of all threads: garbage collection counts. */
function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}
