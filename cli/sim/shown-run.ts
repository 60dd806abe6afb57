import { WeftError } from '../../base/errors.ts'
import { didYouMean } from '../../sim/scenario/closest.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { LiveLog } from '../../sim/report/live.ts'
import { Recorder } from '../../sim/report/recorder.ts'
import type { RunResult } from '../../sim/run.ts'
import { simulate } from '../../sim/simulate.ts'
import { reportFailure } from '../failure.ts'
import type { Invocation } from '../invocation.ts'
import { styled, talk } from '../output.ts'
import { type NodeState, NodeWatch } from './node-watch.ts'
import { prepareReport, writeReport } from './report-dir.ts'

export interface ShowOptions {
  /** No line on stderr for everything of note. */
  readonly quiet?: boolean | undefined
  /** What is shown is of this node, and what it is like in the end. */
  readonly node?: string | undefined
  /** Where the report is written, if anywhere. */
  readonly out?: string | undefined
  readonly until?: number | undefined
}

export interface ShownRun {
  readonly result: RunResult
  /** It was stopped before it was over, so what it would have come to is not known. */
  readonly isCut: boolean
  readonly state: NodeState | undefined
}

/** A run in virtual time that somebody watches, or wants to look at later. */
export async function runShown(cli: Invocation, scenario: Scenario, seed: number, replay: string, options: ShowOptions): Promise<ShownRun> {
  const { node, out, until: untilMs } = options
  if (node !== undefined) requireNode(scenario, node)
  if (out !== undefined) prepareReport(out)
  const isLive = options.quiet !== true && !cli.isJson
  const live = new LiveLog({
    nodes: scenario.nodes.map(({ name }) => name),
    paint: (colour, sign) => styled(colour, sign, process.stderr),
  })
  const watch = node === undefined ? undefined : new NodeWatch(node)
  const recorder = new Recorder({
    onEvent: event => {
      watch?.note(event)
      if (!isLive) return
      const lines = live.lines(event)
      if (node === undefined || event.node === null || event.node === node) for (const line of lines) talk(line)
    },
  })
  const isWatched = isLive || out !== undefined || watch !== undefined
  const result = await guarded(cli, replay, () =>
    simulate(scenario, seed, {
      ...(isWatched ? { recorder } : {}),
      ...(watch === undefined ? {} : { observe: () => watch }),
      ...(untilMs === undefined ? {} : { untilMs }),
    }),
  )
  const isCut = untilMs !== undefined && result.virtualMs >= untilMs && result.verdict !== 'invalid'
  if (out !== undefined) writeReport(out, result, recorder, replay)
  return { result, isCut, state: watch?.state() }
}

/** A twin is called like the node whose key it has, with a stroke. */
function requireNode({ nodes, faults }: Scenario, node: string): void {
  const names = [...nodes.map(({ name }) => name), ...faults.flatMap(({ fault }) => (fault.verb === 'twin' ? [`${fault.node}'`] : []))]
  if (names.includes(node)) return
  const listed = names.length <= 12 ? names.join(', ') : `${names.slice(0, 10).join(', ')} ... ${names.at(-1)}`
  throw new WeftError('usage', `there is no node ${node} in this run${didYouMean(node, names)} (there are ${listed})`, {
    next: 'give one of its nodes to --node',
  })
}

/** Agents are programs of users: one that ends the process must not look like a run that ended well. */
async function guarded<T>(cli: Invocation, replay: string, run: () => Promise<T>): Promise<T> {
  const onExit = (): void => {
    const ended = new WeftError('scenario_invalid', 'a program of the scenario ended the process before the run was over', {
      next: 'agents run inside of the simulator: take process.exit() out of them',
    })
    process.exitCode = reportFailure(ended, cli.isJson)
  }
  process.on('exit', onExit)
  try {
    return await run()
  } catch (thrown) {
    talk(`the simulator failed, which says nothing about the nodes; to see it again: ${replay}`)
    throw thrown
  } finally {
    process.off('exit', onExit)
  }
}
