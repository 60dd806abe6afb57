import { parentPort, workerData } from 'node:worker_threads'
import type { Violation } from '../../sim/checkers/checker.ts'
import type { RunResult } from '../../sim/run.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { simulate } from '../../sim/simulate.ts'
import { firstViolation } from './outcome.ts'
import { harnessError, scenariosOf, type Source } from './source.ts'
import { type Step, StepTape } from './step-tape.ts'

/** A thread that runs what it is handed, one thing at a time, and says what came of it. */
export interface Task {
  readonly seed: number
  /** Instead of the one that the source has for the seed. Agents are known by their names: programs do not cross threads. */
  readonly scenario?: Scenario
  /** Every step is sent along. */
  readonly isTaped?: boolean
}

export interface SeedOutcome {
  readonly seed: number
  readonly verdict: RunResult['verdict']
  readonly violation: Violation | undefined
  readonly traceHash: string
  readonly virtualMs: number
  readonly cpuMs: number
  readonly nodes: number
  readonly sometimes: ReadonlyMap<string, number>
  /** Those that were asked for. */
  readonly steps: readonly Step[]
}

export type FromWorker = { readonly kind: 'outcome'; readonly outcome: SeedOutcome } | { readonly kind: 'failed'; readonly message: string }

const { source } = workerData as { readonly source: Source }
const scenarioOf = await scenariosOf(source)

parentPort?.on('message', (task: Task) => {
  outcomeOf(task).then(
    outcome => tell({ kind: 'outcome', outcome }),
    (thrown: unknown) => tell({ kind: 'failed', message: harnessError(thrown) }),
  )
})

async function outcomeOf({ seed, scenario: given, isTaped }: Task): Promise<SeedOutcome> {
  const before = process.cpuUsage()
  const scenario = given === undefined ? scenarioOf(seed) : withPrograms(given, scenarioOf(seed))
  let tape: StepTape | undefined
  const result = await simulate(scenario, seed, isTaped === true ? { observe: nowMs => (tape = new StepTape(nowMs)) } : {})
  const { user, system } = process.cpuUsage(before)
  const { verdict, virtualMs, traceHash, sometimes } = result
  return {
    seed,
    verdict,
    violation: firstViolation(result),
    traceHash: traceHash ?? '',
    virtualMs,
    cpuMs: (user + system) / 1000,
    nodes: scenario.nodes.length,
    sometimes,
    steps: tape?.steps ?? [],
  }
}

function withPrograms(scenario: Scenario, { workload }: Scenario): Scenario {
  const programs = new Map(workload.flatMap(work => (work.work === 'agent' ? [[work.name, work.program] as const] : [])))
  return {
    ...scenario,
    workload: scenario.workload.map(work => (work.work === 'agent' ? { ...work, program: programs.get(work.name) ?? work.program } : work)),
  }
}

function tell(message: FromWorker): void {
  parentPort?.postMessage(message)
}
