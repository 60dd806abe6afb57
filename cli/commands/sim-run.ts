import { action, type Define, type Invocation } from '../invocation.ts'
import { WeftError } from '../../base/errors.ts'
import { write } from '../output.ts'
import { documentOf, exitCodeOf, firstViolation, renderRun } from '../sim/outcome.ts'
import { runReal } from '../sim/real-run.ts'
import { REPORT_FILES } from '../sim/report-dir.ts'
import { renderReproduction, shrinkShown } from '../sim/shrink-run.ts'
import { runShown } from '../sim/shown-run.ts'
import { replayLine, scenariosOf, type Source, word } from '../sim/source.ts'
import { seedNumber } from '../sim/source-options.ts'

interface Options {
  readonly seed?: number
  readonly real?: boolean
  readonly out?: string
  readonly quiet?: boolean
  readonly shrink: boolean
}

export const define: Define = command =>
  command
    .argument('<scenario>', 'a shipped one (weft sim list), or a .yaml, .ts or .js file')
    .option('--seed <number>', 'another seed than the one of the scenario', seedNumber)
    .option('--real', 'on real processes over loopback, through a proxy that makes the faults')
    .option('--out <dir>', `write ${REPORT_FILES} there`)
    .option('--quiet', 'no live log')
    .option('--no-shrink', 'when it fails, do not make it smaller')
    .addHelpText(
      'after',
      `
Exit code: 0 every promise was kept, 1 one was broken, 2 nothing can be said, 3 the simulator failed, 64 it was asked wrongly.

  weft sim run split-and-heal               a shipped scenario, with its own seed
  weft sim run my.yaml --seed 42 --out out  another seed, and a report to look at`,
    )
    .action(
      action((cli, [file]: readonly [string], options: Options) =>
        options.real === true ? ranReal(cli, file, options) : ran(cli, file, options),
      ),
    )

async function ran(cli: Invocation, file: string, { seed: given, out, quiet, shrink }: Options): Promise<number> {
  const source: Source = { file }
  const scenario = (await scenariosOf(source))(0)
  const seed = given ?? scenario.seed
  const replay = replayLine(source, seed)
  const { result } = await runShown(cli, scenario, seed, replay, { out, quiet })
  const violation = firstViolation(result)
  if (!cli.isJson) write(`${renderRun(result, replay)}\n`)
  const shrunk = violation === undefined || !shrink ? undefined : await shrinkShown(cli, source, seed, violation)
  if (cli.isJson) cli.print(documentOf(result, replay, { shrunk, report: out }), () => '')
  else {
    if (shrunk !== undefined) write(`${renderReproduction(shrunk)}\n`)
    write(renderReport(replay, seed, out, violation !== undefined))
  }
  return exitCodeOf(result.verdict)
}

/** Where the report is; of a failure without one, how to get it. */
export function renderReport(replay: string, seed: number, out: string | undefined, hasFailed: boolean): string {
  if (out !== undefined) return `  report: weft sim view ${word(out)}\n`
  return hasFailed ? `  for a report: ${replay} --out report-${seed}\n` : ''
}

async function ranReal(cli: Invocation, file: string, { seed: given, out, quiet }: Options): Promise<number> {
  if (out !== undefined)
    throw new WeftError('usage', 'of a run on real processes there is no report: nobody sees inside of them', {
      next: 'leave out --out or --real',
    })
  const scenario = (await scenariosOf({ file }))(0)
  const seed = given ?? scenario.seed
  const result = await runReal(scenario, seed, quiet !== true && !cli.isJson)
  const replay = `weft sim run ${word(file)} --seed ${seed} --real`
  cli.print(documentOf(result, replay), () => renderRun(result, replay))
  return exitCodeOf(result.verdict)
}
