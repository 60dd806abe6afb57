import { availableParallelism } from 'node:os'
import type { Violation } from '../../sim/checkers/checker.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { shrink, type Shrunk } from '../../sim/shrink.ts'
import { shortened } from '../../sim/report/plain-text.ts'
import { asWeftError, WeftError } from '../../base/errors.ts'
import type { Invocation } from '../invocation.ts'
import { styled, talk } from '../output.ts'
import { plural } from '../text.ts'
import { writeReproduction } from './reproduction.ts'
import { RunPool } from './run-pool.ts'
import { replayLine, scenariosOf, type Source, word } from './source.ts'

/** How long a failing scenario is made smaller unless told otherwise. */
export const SHRINK_MS: number = 60_000
/** Two are twice as fast as one; more than four mostly try what the first few make needless. */
const JOBS: number = Math.min(4, Math.max(2, availableParallelism()))

/** A sentence or two: all of it is in the comment on top. */
const ABOUT_CHARACTERS = 300
/** What is made smaller again is a smaller case of the same. */
const SMALLER = /-smaller$/

/** A small scenario that fails, as a file. */
export interface Reproduction {
  readonly file: string
  readonly faults: number
  readonly nodes: number
  readonly runs: number
  /** False when time ran out first. */
  readonly isMinimal: boolean
  readonly violation: Violation
  /** The command that shows it. */
  readonly run: string
}

export interface ShrinkOptions {
  readonly budgetMs?: number
  /** Where it is written; `repro-<seed>.yaml` unless given. */
  readonly file?: string | undefined
  /** Ends it at once, with what was reached by then. */
  readonly signal?: AbortSignal
}

/**
 * Makes a scenario that broke a promise smaller in front of the user, writes it to a file, and makes sure that
 * the file fails in the same way.
 *
 * @returns undefined when that could not be done, which was said
 * @throws WeftError `report_unwritable` when the file that was asked for cannot be written
 */
export async function shrinkShown(
  cli: Invocation,
  source: Source,
  seed: number,
  violation: Violation,
  options: ShrinkOptions = {},
): Promise<Reproduction | undefined> {
  try {
    return await reproduced(cli, source, seed, violation, options)
  } catch (thrown) {
    if (options.file !== undefined && thrown instanceof WeftError && thrown.code === 'report_unwritable') throw thrown
    const { message, next } = asWeftError(thrown)
    talk(`${styled('yellow', 'weft:', process.stderr)} it was not made smaller: ${message}${next === undefined ? '' : ` (${next})`}`)
    return undefined
  } finally {
    cli.progress.done()
  }
}

async function reproduced(
  cli: Invocation,
  source: Source,
  seed: number,
  violation: Violation,
  options: ShrinkOptions,
): Promise<Reproduction> {
  const scenario = { ...(await scenariosOf(source))(seed), seed }
  const { scenario: smaller, failure, runs, isMinimal } = await shrunk(cli, source, scenario, violation, options)
  const about = [
    `The smallest form of: ${replayLine(source, seed)}`,
    `broken: ${failure.invariant} at ${(failure.atMs / 1000).toFixed(3)} s`,
    failure.facts[0],
    `but ${failure.facts[1]}`,
  ]
  const told = {
    ...smaller,
    name: `${scenario.name.replace(SMALLER, '')}-smaller`,
    about: `A smaller case of ${scenario.name.replace(SMALLER, '')}, seed ${seed}, which breaks ${failure.invariant}: ${shortened(failure.facts.join(', but '), ABOUT_CHARACTERS)}.`,
  }
  const file = await writeReproduction(told, source, about, options.file ?? `repro-${seed}`)
  await makeSure(file, seed, failure)
  return {
    file,
    faults: smaller.faults.length,
    nodes: smaller.nodes.length,
    runs,
    isMinimal,
    violation: failure,
    run: `weft sim run ${word(file)}`,
  }
}

/** A run that cannot be made, or has not ended when the time is over, counts as one that does not fail. */
async function shrunk(
  cli: Invocation,
  source: Source,
  scenario: Scenario,
  violation: Violation,
  { budgetMs = SHRINK_MS, signal }: ShrinkOptions,
): Promise<Shrunk<Violation>> {
  const pool = new RunPool(source, JOBS)
  let isOver = signal?.aborted === true
  const end = (): void => {
    isOver = true
    void pool.close()
  }
  const timer = setTimeout(end, Math.min(budgetMs, 2 ** 31 - 1))
  signal?.addEventListener('abort', end)
  try {
    return await shrink(scenario, violation, {
      jobs: JOBS,
      isOver: () => isOver,
      fails: smaller =>
        pool.run({ seed: scenario.seed, scenario: smaller }).then(
          outcome => (outcome.violation?.invariant === violation.invariant ? outcome.violation : undefined),
          () => undefined,
        ),
      onSmaller: ({ faults, nodes }, runs) =>
        cli.progress.update(
          () => `making it smaller: ${plural(faults.length, 'fault')}, ${plural(nodes.length, 'node')} after ${plural(runs, 'run')}`,
        ),
    })
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', end)
    await pool.close()
  }
}

/** What a file says when it is read back is what counts. */
async function makeSure(file: string, seed: number, { invariant }: Violation): Promise<void> {
  const pool = new RunPool({ file }, 1)
  try {
    const again = await pool.run({ seed })
    if (again.violation?.invariant !== invariant)
      throw new WeftError('internal', `${file} does not break ${invariant} as the run did that it was made of`)
  } finally {
    await pool.close()
  }
}

/** `2 faults, 3 nodes: weft sim run repro-7.yaml` */
export function renderReproduction({ faults, nodes, isMinimal, run }: Reproduction): string {
  return `  ${isMinimal ? 'smallest form' : 'smaller form'}, ${plural(faults, 'fault')} on ${plural(nodes, 'node')}: ${styled('bold', run)}`
}
