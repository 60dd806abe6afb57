import { action, type Define } from '../invocation.ts'
import { duration } from '../parse.ts'
import { renderState } from '../sim/node-watch.ts'
import { documentOf, exitCodeOf, firstViolation, renderRun } from '../sim/outcome.ts'
import { REPORT_FILES } from '../sim/report-dir.ts'
import { runShown, type ShowOptions } from '../sim/shown-run.ts'
import { replayLine, scenariosOf } from '../sim/source.ts'
import { seedNumber, sourceOf, type SourceOptions, withSourceOptions } from '../sim/source-options.ts'
import { renderReport } from './sim-run.ts'

export const define: Define = command =>
  withSourceOptions(command.argument('<seed>', 'the seed that was printed', seedNumber))
    .option('--until <time>', 'stop at this virtual time since the story began: 18.5s, or a number of milliseconds', storyPoint)
    .option('--node <name>', 'the log of this node only, and what it is like in the end')
    .option('--out <dir>', `write ${REPORT_FILES} there`)
    .option('--quiet', 'no live log')
    .addHelpText(
      'after',
      `
The same seed, scenario and version of weft give the same run, event for event.

  weft sim replay 42 --until 18.5s --node n3  what n3 was like at 18.5 s`,
    )
    .action(
      action(async (cli, [seed]: readonly [number], options: SourceOptions & ShowOptions) => {
        const source = sourceOf(options)
        const replay = replayLine(source, seed)
        const { out } = options
        const { result, isCut, state } = await runShown(cli, (await scenariosOf(source))(seed), seed, replay, options)
        const hasFailed = firstViolation(result) !== undefined
        cli.print(documentOf(result, replay, { report: out, state }), () =>
          [
            renderRun(result, replay, isCut),
            renderReport(replay, seed, out, hasFailed).trimEnd(),
            state === undefined ? '' : renderState(state, result.virtualMs),
          ]
            .filter(text => text !== '')
            .join('\n'),
        )
        return exitCodeOf(result.verdict)
      }),
    )

/** Where it is written in a report, a time is a number of milliseconds. */
function storyPoint(text: string): number {
  return /^\d+(?:\.\d+)?$/.test(text) ? duration(`${text}ms`) : duration(text)
}
