import { LiveLog } from '../../sim/report/live.ts'
import { Recorder } from '../../sim/report/recorder.ts'
import type { RunResult } from '../../sim/run.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { simulate } from '../../sim/simulate.ts'
import { talk } from '../output.ts'
import { writeReport } from './report-dir.ts'

export interface ShowOptions {
  /** A line on stderr for everything of note. */
  readonly isLive: boolean
  /** Only of this node. */
  readonly node?: string | undefined
  /** Where the report is written, if anywhere. */
  readonly out?: string | undefined
  readonly untilMs?: number | undefined
  readonly replay: string
}

/** A run in virtual time that somebody watches, or wants to look at later. */
export async function runShown(scenario: Scenario, seed: number, { isLive, node, out, untilMs, replay }: ShowOptions): Promise<RunResult> {
  if (!isLive && out === undefined) return simulate(scenario, seed, untilMs === undefined ? {} : { untilMs })
  const live = new LiveLog({ nodes: scenario.nodes.map(({ name }) => name), isColoured: process.stderr.hasColors?.() === true })
  const recorder = new Recorder({
    onEvent: event => {
      const lines = live.lines(event)
      if (isLive && (node === undefined || event.node === null || event.node === node)) for (const line of lines) talk(line)
    },
  })
  const result = await simulate(scenario, seed, { recorder, ...(untilMs === undefined ? {} : { untilMs }) })
  if (out !== undefined) writeReport(out, result, recorder, replay)
  return result
}
