import { parentPort, workerData } from 'node:worker_threads'
import type { Violation } from '../../sim/checkers/checker.ts'
import { simulate } from '../../sim/simulate.ts'
import { firstViolation } from './outcome.ts'
import { scenariosOf, type Source } from './source.ts'

/** Runs the seeds it is handed, one at a time, and says what came of each. */
export interface SeedOutcome {
  readonly seed: number
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  readonly violation: Violation | undefined
  readonly traceHash: string
  readonly virtualMs: number
  readonly cpuMs: number
  readonly nodes: number
  readonly sometimes: ReadonlyMap<string, number>
}

export type FromWorker = { readonly kind: 'outcome'; readonly outcome: SeedOutcome } | { readonly kind: 'failed'; readonly seed: number; readonly message: string }

const { source } = workerData as { readonly source: Source }
const scenarioOf = await scenariosOf(source)

parentPort?.on('message', (seed: number) => {
  const before = process.cpuUsage()
  const scenario = scenarioOf(seed)
  simulate(scenario, seed).then(
    result => {
      const { user, system } = process.cpuUsage(before)
      const { verdict, virtualMs, traceHash, sometimes } = result
      tell({
        kind: 'outcome',
        outcome: {
          seed,
          verdict,
          violation: firstViolation(result),
          traceHash: traceHash ?? '',
          virtualMs,
          cpuMs: (user + system) / 1000,
          nodes: scenario.nodes.length,
          sometimes,
        },
      })
    },
    (thrown: unknown) => tell({ kind: 'failed', seed, message: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) }),
  )
})

function tell(message: FromWorker): void {
  parentPort?.postMessage(message)
}
