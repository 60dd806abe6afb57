import { existsSync } from 'node:fs'
import type { RunEvent } from '../../sim/report/event.ts'
import { Recorder } from '../../sim/report/recorder.ts'
import { simulate } from '../../sim/simulate.ts'
import { action, type Define } from '../invocation.ts'
import { COMPARED_EVENTS_MAX, divergenceOf, eventLine, renderDivergence } from '../sim/divergence.ts'
import { readEvents, readReport } from '../sim/report-dir.ts'
import { scenariosOf } from '../sim/source.ts'
import { seedNumber, sourceOf, type SourceOptions, withSourceOptions } from '../sim/source-options.ts'

export const define: Define = command =>
  withSourceOptions(command.argument('<a>', 'a seed, or the directory of a report').argument('<b>', 'another'))
    .addHelpText(
      'after',
      '\nExit code: 0 the runs are the same, 1 they are not, and the first event that differs is shown with those before it, 64 one cannot be had.',
    )
    .action(
      action(async (cli, [a, b]: readonly [string, string], options: SourceOptions) => {
        // First what is there to be read: nothing is run for a report that cannot be had.
        const [readA, readB] = [reportOf(a), reportOf(b)]
        const [one, other] = [readA ?? (await tapeOf(a, options)), readB ?? (await tapeOf(b, options))]
        const divergence = divergenceOf(one.events, other.events)
        const isSame = divergence === undefined && one.traceHash === other.traceHash
        cli.print({ same: isSame, traceHashes: [one.traceHash, other.traceHash], ...divergence }, () => {
          if (divergence !== undefined) return renderDivergence(divergence, eventLine)
          return isSame
            ? 'the two runs are the same'
            : 'the two runs differ in something that their reports have no room for: compare them by their seeds'
        })
        return isSame ? 0 : 1
      }),
    )

/** What was written down of a run. */
interface Tape {
  readonly events: readonly RunEvent[]
  /** Over everything that happened, also what was not written down; null of a run on real processes. */
  readonly traceHash: string | null
}

/** `undefined` if it is not a directory that is meant, but a seed. */
function reportOf(run: string): Tape | undefined {
  if (!existsSync(run) && /^-?\d+$/.test(run)) return undefined
  return { traceHash: readReport(run).traceHash, events: readEvents(run) }
}

/** What a seed tells, from the beginning. */
async function tapeOf(run: string, options: SourceOptions): Promise<Tape> {
  const seed = seedNumber(run)
  const recorder = new Recorder({ limit: COMPARED_EVENTS_MAX })
  const { traceHash } = await simulate((await scenariosOf(sourceOf(options)))(seed), seed, { recorder })
  return { traceHash, events: recorder.recording().events }
}
