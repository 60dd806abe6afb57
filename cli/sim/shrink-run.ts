import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { pathToFileURL } from 'node:url'
import { asWeftError, WeftError } from '../../base/errors.ts'
import type { Violation } from '../../sim/checkers/checker.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { formatScenario } from '../../sim/scenario/yaml.ts'
import { shrink, type Shrunk } from '../../sim/shrink.ts'
import type { Invocation } from '../invocation.ts'
import { talk } from '../output.ts'
import { plural } from '../text.ts'
import { fileOfScenario } from './load-scenario.ts'
import { unwritable } from './report-dir.ts'
import { RunPool } from './run-pool.ts'
import { replayLine, scenariosOf, type Source, word } from './source.ts'

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
  /** The command that shows it. */
  readonly run: string
}
