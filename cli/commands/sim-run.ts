import { action, type Define, type Invocation } from '../invocation.ts'
import { talk } from '../output.ts'
import { count } from '../parse.ts'
import { documentOf, exitCodeOf, firstViolation, renderRun } from '../sim/outcome.ts'
import { runReal } from '../sim/real-run.ts'
import { runShown } from '../sim/shown-run.ts'
import { shrinkShown } from '../sim/shrink-run.ts'
import { replayLine, scenariosOf, type Source } from '../sim/source.ts'
import { plural } from '../text.ts'

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
    .option('--seed <number>', 'another seed than the one of the scenario', count)
    .option('--real', 'on real processes over loopback, through a proxy that makes the faults')
    .option('--out <dir>', 'write report.html, timeline.svg, report.json, events.jsonl and trace.shiviz.log there')
    .option('--quiet', 'no live log')
    .option('--no-shrink', 'when it fails, do not make it smaller')
    .addHelpText('after', '\nExit code: 0 every promise was kept, 1 one was broken, 2 nothing can be said, 3 the simulator failed.')
    .action(action(async (cli, [file]: readonly [string], options: Options) => ran(cli, file, options)))

async function ran(cli: Invocation, file: string, { seed, real, out, quiet, shrink }: Options): Promise<number> {
  const source: Source = { file }
  const scenario = (await scenariosOf(source))(0)
  const used = seed ?? scenario.seed
  const isLive = quiet !== true && !cli.isJson
  const result = real === true ? await runReal(scenario, used, isLive) : await runShown(scenario, used, { isLive, out, replay: replayLine(source, used) })
  const replay = real === true ? `weft sim run ${file} --seed ${used} --real` : replayLine(source, used)
  cli.print(documentOf(result, replay), () => renderRun(result, replay))
  if (firstViolation(result) !== undefined && shrink && real !== true) {
    const smaller = await shrinkShown(cli, scenario, used, replay)
    if (smaller !== undefined) talk(`the smallest form, ${plural(smaller.faults, 'fault')}: weft sim run ${smaller.file}`)
  }
  return exitCodeOf(result)
}
