import type { DiskLatency } from './disk.ts'
import type { Observer } from './observer.ts'
import type { Recorder } from './report/recorder.ts'
import { run, type RunResult } from './run.ts'
import type { DiskSpeed, Scenario } from './scenario/scenario.ts'
import { SimStage } from './sim-stage.ts'
import { Sometimes } from './sometimes.ts'
import { World } from './world.ts'

export interface SimulateOptions {
  /** Writes down what happens. */
  readonly recorder?: Recorder
  /** Makes somebody who sees what happens as well, once there is a world with a clock. */
  readonly observe?: (nowMs: () => number) => Observer
  /** The story stops here; what it would have come to stays unknown. */
  readonly untilMs?: number
}

/** Each operation takes between nothing and twice its mean. */
const DISKS: Readonly<Record<DiskSpeed, DiskLatency>> = {
  ssd: { readUs: 50, writeUs: 50, syncUs: 500 },
  hdd: { readUs: 2_000, writeUs: 5_000, syncUs: 10_000 },
  slow: { readUs: 2_000, writeUs: 5_000, syncUs: 40_000 },
}
/** Time is counted from the beginning of the story. Before it the cluster is founded: 5 nodes on slow disks and wires need 12 s. */
const FOUNDING_MS = 30_000

/** Runs a scenario in virtual time and judges it. */
export async function simulate(scenario: Scenario, seed: number, { recorder, observe, untilMs }: SimulateOptions = {}): Promise<RunResult> {
  const sometimes = new Sometimes()
  const observers: Observer[] = [sometimes, ...(recorder === undefined ? [] : [recorder])]
  const world = worldOf(scenario, seed, observers)
  recorder?.begin(() => world.nowMs)
  if (observe !== undefined) observers.push(observe(() => world.nowMs))
  const result = await run({
    stage: new SimStage(world, untilMs),
    scenario,
    seed,
    untilMs,
    sometimes: () => sometimes.counts,
    onBegin: (checkers, history) => {
      observers.push(...checkers)
      history.onBegin = operation => recorder?.asked(operation)
      history.onEnd = operation => recorder?.answered(operation)
    },
    onPhase: phase => recorder?.phase(phase),
    onViolation: violation => recorder?.violated(violation),
  })
  return { ...result, events: world.scheduler.executed, traceHash: world.trace.hash }
}

function worldOf(scenario: Scenario, seed: number, observers: readonly Observer[]): World {
  const specs = new Map(scenario.nodes.map(spec => [spec.name, spec]))
  const world = new World({
    seed,
    observers,
    startMs: -FOUNDING_MS,
    wire: scenario.net,
    strictGuard: scenario.guard === 'majority',
    disk: name => DISKS[specs.get(name)?.disk ?? 'ssd'],
    buggify: scenario.buggify,
  })
  for (const { name, clockOffsetMs, clockDriftPpm, version } of scenario.nodes) {
    const machine = world.machine(name)
    machine.clock.step(clockOffsetMs)
    machine.clock.drift(clockDriftPpm)
    machine.version = version
  }
  return world
}
