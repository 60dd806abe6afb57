import { Option } from 'commander'
import { PROFILES, type Profile, SWARM_DEFAULTS } from '../../sim/scenario/swarm.ts'
import { action, type Define } from '../invocation.ts'
import { count, duration, positive } from '../parse.ts'
import { documentOf, exitCodeOf, renderRun } from '../sim/outcome.ts'
import { runShown } from '../sim/shown-run.ts'
import { replayLine, scenariosOf, type Source } from '../sim/source.ts'

/** Which run is meant: of a scenario, or of the swarm. */
export interface Which {
  readonly scenario?: string
  readonly nodes: number
  readonly duration: number
  readonly profile: Profile
}

interface Options extends Which {
  readonly until?: number
  readonly node?: string
  readonly out?: string
}

export const define: Define = command =>
  which(command.argument('<seed>', 'the seed that was printed', count))
    .option('--until <ms>', 'stop the story there', count)
    .option('--node <name>', 'show only what concerns this node')
    .option('--out <dir>', 'write report.html, timeline.svg, report.json, events.jsonl and trace.shiviz.log there')
    .action(
      action(async (cli, [seed]: readonly [number], { until, node, out, ...rest }: Options) => {
        const source = sourceOf(rest)
        const scenario = (await scenariosOf(source))(seed)
        const replay = replayLine(source, seed)
        const result = await runShown(scenario, seed, { isLive: !cli.isJson, node, out, untilMs: until, replay })
        cli.print(documentOf(result, replay), () => renderRun(result, replay))
        return exitCodeOf(result)
      }),
    )

export function which(command: Parameters<Define>[0]): Parameters<Define>[0] {
  return command
    .option('--scenario <file>', 'of this scenario: a shipped one, or a .yaml, .ts or .js file (default: drawn from the seed)')
    .option('--nodes <count>', 'drawn: first nodes', positive, SWARM_DEFAULTS.nodes)
    .option('--duration <time>', 'drawn: virtual time of the story', duration, SWARM_DEFAULTS.durationMs)
    .addOption(new Option('--profile <name>', 'drawn: what goes wrong').choices(PROFILES).default(SWARM_DEFAULTS.profile))
}

export function sourceOf({ scenario, nodes, duration: durationMs, profile }: Which): Source {
  return scenario === undefined ? { swarm: { nodes, durationMs, profile } } : { file: scenario }
}
