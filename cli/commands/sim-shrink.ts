import { Option } from 'commander'
import { WeftError } from '../../base/errors.ts'
import type { Violation } from '../../sim/checkers/checker.ts'
import { action, type Define } from '../invocation.ts'
import { renderViolation } from '../sim/outcome.ts'
import { RunPool } from '../sim/run-pool.ts'
import { assertRoomFor } from '../sim/reproduction.ts'
import { renderReproduction, SHRINK_MS, shrinkShown } from '../sim/shrink-run.ts'
import { replayLine, scenariosOf, type Source } from '../sim/source.ts'
import { budget, seedNumber, sourceOf, type SourceOptions, withSourceOptions } from '../sim/source-options.ts'
import { elapsed, plural } from '../text.ts'

interface Options extends SourceOptions {
  readonly budget: number
  readonly out?: string
}

export const define: Define = command =>
  withSourceOptions(command.argument('<seed>', 'the seed that failed', seedNumber))
    .addOption(new Option('--budget <time>', 'how long').argParser(budget).default(SHRINK_MS, elapsed(SHRINK_MS)))
    .option('--out <file>', 'where the small scenario is written (default: repro-SEED.yaml)')
    .addHelpText(
      'after',
      '\nFaults, nodes, workload and time are left out for as long as the same promise is broken. Exit code: 1 it is broken, 0 none was, 64 it was asked wrongly.',
    )
    .action(
      action(async (cli, [seed]: readonly [number], options: Options) => {
        const source = sourceOf(options)
        await scenariosOf(source)
        if (options.out !== undefined) assertRoomFor(options.out)
        const replay = replayLine(source, seed)
        const violation = await violationOf(source, seed)
        if (violation === undefined) {
          cli.print(
            { verdict: 'valid', seed, replay },
            () => `seed ${seed} breaks no promise, so there is nothing to make smaller: ${replay}`,
          )
          return 0
        }
        const smaller = await shrinkShown(cli, source, seed, violation, { budgetMs: options.budget, file: options.out })
        if (smaller === undefined)
          throw new WeftError('internal', `seed ${seed} could not be made smaller`, { next: `what it breaks is to be seen with ${replay}` })
        cli.print({ verdict: 'invalid', seed, replay, ...smaller }, () =>
          [renderViolation(smaller.violation, smaller.run), `${renderReproduction(smaller)}, after ${plural(smaller.runs, 'run')}`].join(
            '\n',
          ),
        )
        return 1
      }),
    )

/** On a thread, like the runs that follow: programs that end it do not end the command. */
async function violationOf(source: Source, seed: number): Promise<Violation | undefined> {
  const pool = new RunPool(source, 1)
  try {
    return (await pool.run({ seed })).violation
  } finally {
    await pool.close()
  }
}
