import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeftError } from '../../base/errors.ts'
import { liveLine } from '../../sim/report/live.ts'
import type { RunEvent } from '../../sim/report/event.ts'
import { Recorder } from '../../sim/report/recorder.ts'
import { parseEvents } from '../../sim/report/report.ts'
import { simulate } from '../../sim/simulate.ts'
import { action, type Define } from '../invocation.ts'
import { EVENTS_FILE } from '../sim/report-dir.ts'
import { divergenceOf } from '../sim/divergence.ts'
import { scenariosOf } from '../sim/source.ts'
import { sourceOf, which, type Which } from './sim-replay.ts'

export const define: Define = command =>
  which(command.argument('<a>', 'a seed, or the directory of a report').argument('<b>', 'another')).action(
    action(async (cli, [a, b]: readonly [string, string], options: Which) => {
      const divergence = divergenceOf(await eventsOf(a, options), await eventsOf(b, options))
      cli.print({ same: divergence === undefined, ...divergence }, () => {
        if (divergence === undefined) return 'the two runs are the same'
        const shown = (mark: string, event: RunEvent | undefined): string => `${mark} ${event === undefined ? '(ended)' : (liveLine(event) ?? JSON.stringify(event))}`
        return [
          `the first difference is event ${divergence.at}`,
          ...divergence.before.map(event => shown(' ', event)),
          shown('a', divergence.a),
          shown('b', divergence.b),
        ].join('\n')
      })
      return divergence === undefined ? 0 : 1
    }),
  )

async function eventsOf(run: string, options: Which): Promise<readonly RunEvent[]> {
  if (/^\d+$/.test(run) && !existsSync(run)) {
    const seed = Number(run)
    const recorder = new Recorder()
    await simulate((await scenariosOf(sourceOf(options)))(seed), seed, { recorder })
    return recorder.recording().events
  }
  const file = join(run, EVENTS_FILE)
  if (!existsSync(file)) throw new WeftError('usage', `${run} is neither a seed nor the directory of a report: there is no ${file}`)
  return parseEvents(readFileSync(file, 'utf8'))
}
