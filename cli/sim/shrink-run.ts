import { writeFileSync } from 'node:fs'
import { shrink } from '../../sim/shrink.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { formatScenario } from '../../sim/scenario/yaml.ts'
import { simulate } from '../../sim/simulate.ts'
import type { Violation } from '../../sim/checkers/checker.ts'
import type { Invocation } from '../invocation.ts'
import { plural } from '../text.ts'
import { firstViolation } from './outcome.ts'

/** How long a failing scenario is made smaller unless told otherwise. */
export const SHRINK_MS: number = 60_000

/** A small scenario that fails, as a file. */
export interface Reproduction {
  readonly file: string
  readonly faults: number
  readonly nodes: number
  readonly runs: number
  /** False when time ran out first. */
  readonly isMinimal: boolean
  readonly violation: Violation
}

interface ShrinkResult {
  readonly scenario: Scenario
  readonly violation: Violation
  readonly runs: number
  readonly isMinimal: boolean
}

/**
 * The smallest scenario found within `budgetMs` in which the same promise is broken. A run that throws while it
 * is made smaller counts as one that does not fail.
 *
 * @returns undefined when the scenario does not fail at all
 */
async function shrinkRun(
  scenario: Scenario,
  seed: number,
  budgetMs: number,
  onSmaller: (faults: number, runs: number) => void = () => {},
): Promise<ShrinkResult | undefined> {
  const found = firstViolation(await simulate(scenario, seed))
  if (found === undefined) return undefined
  const endMs = performance.now() + budgetMs
  let violation = found
  const shrunk = await shrink({ ...scenario, seed }, found.atMs, {
    isOver: () => performance.now() > endMs,
    fails: async smaller => {
      const again = firstViolation(await simulate(smaller, seed))
      if (again?.invariant !== found.invariant) return false
      violation = again
      return true
    },
    onSmaller: ({ faults }, runs) => onSmaller(faults.length, runs),
  })
  return { ...shrunk, violation }
}

/** Makes a failing scenario smaller in front of the user and writes it to `repro-<seed>.yaml`, where the command was called. */
export async function shrinkShown(cli: Invocation, scenario: Scenario, seed: number, replay: string, budgetMs: number = SHRINK_MS): Promise<Reproduction | undefined> {
  const shrunk = await shrinkRun(scenario, seed, budgetMs, (faults, runs) =>
    cli.progress.update(() => `making it smaller: ${plural(faults, 'fault')} after ${plural(runs, 'run')}`),
  )
  cli.progress.done()
  if (shrunk === undefined) return undefined
  const { violation, runs, isMinimal } = shrunk
  const file = `repro-${seed}.yaml`
  const about = [`The smallest form of: ${replay}`, `broken: ${violation.invariant} at ${(violation.atMs / 1000).toFixed(3)} s`, violation.facts[0], `but ${violation.facts[1]}`]
  writeFileSync(file, formatScenario(shrunk.scenario, about))
  return { file, faults: shrunk.scenario.faults.length, nodes: shrunk.scenario.nodes.length, runs, isMinimal, violation }
}
