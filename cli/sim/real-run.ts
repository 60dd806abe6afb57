import { WeftError } from '../../base/errors.ts'
import { run, type RunResult } from '../../sim/run.ts'
import { formatFault } from '../../sim/scenario/fault-text.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { talk } from '../output.ts'
import { RealStage } from './real-stage.ts'
import { virtualOnly } from './virtual-only.ts'

/** The same player, workload and judges on real processes. What needs virtual time is refused before anything starts. */
export async function runReal(scenario: Scenario, seed: number, isLive: boolean): Promise<RunResult> {
  const impossible = virtualOnly(scenario)
  if (impossible.length > 0) throw new WeftError('usage', `${scenario.name} cannot be run on real processes: ${impossible.join('; ')}`)
  const stage = new RealStage({ net: scenario.net, guard: scenario.guard })
  const say = (line: string): void => {
    if (isLive) talk(`${(stage.nowMs / 1000).toFixed(3).padStart(10)}   ${line}`)
  }
  try {
    const result = await run({
      stage,
      // Rare situations are recognised inside of nodes, where nobody looks here.
      scenario: { ...scenario, expect: { ...scenario.expect, sometimes: [] } },
      seed,
      onPhase: phase => say(phase),
      onFault: fault => say(formatFault(fault)),
    })
    return { ...result, unjudged: [...result.unjudged, ...scenario.expect.sometimes], events: 0, traceHash: null }
  } finally {
    await stage.stop()
  }
}
