import { type Command, InvalidArgumentError, Option } from 'commander'
import { SCENARIO_NODES_MAX } from '../../base/limits.ts'
import { PROFILES, type Profile, SWARM_DEFAULTS, type SwarmOptions } from '../../sim/scenario/swarm.ts'
import { count, duration } from '../parse.ts'
import { elapsed } from '../text.ts'
import type { Source } from './source.ts'

/** Which run is meant: of a scenario, or of the swarm. */
export interface SourceOptions {
  readonly scenario?: string
  readonly nodes: number
  readonly duration: number
  readonly profile: Profile
}

export function withSourceOptions(command: Command, defaults: SwarmOptions = SWARM_DEFAULTS): Command {
  const { nodes, durationMs, profile } = defaults
  return command
    .addOption(
      new Option(
        '--scenario <file>',
        'a shipped scenario (weft sim list), or a .yaml, .ts or .js file; without it, one is drawn from the seed',
      ).conflicts(['nodes', 'duration', 'profile']),
    )
    .addOption(new Option('--nodes <count>', 'drawn: how many nodes there are at first').argParser(nodeCount).default(nodes))
    .addOption(
      new Option('--duration <time>', 'drawn: virtual time of the story').argParser(storyTime).default(durationMs, elapsed(durationMs)),
    )
    .addOption(new Option('--profile <name>', 'drawn: what goes wrong').choices(PROFILES).default(profile))
}

export function sourceOf({ scenario, nodes, duration: durationMs, profile }: SourceOptions): Source {
  return scenario === undefined ? { swarm: { nodes, durationMs, profile } } : { file: scenario }
}

export function seedNumber(text: string): number {
  const seed = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(seed))
    throw new InvalidArgumentError(`A seed is a whole number from 0 to ${Number.MAX_SAFE_INTEGER}.`)
  return seed
}

/** How long to go on in real time. */
export function budget(text: string): number {
  const ms = duration(text)
  if (ms <= 0) throw new InvalidArgumentError('In no time nothing can be done: 10s, 1m, 8h.')
  return ms
}

/** What a story is drawn for has to have somebody to be cut off from. */
function nodeCount(text: string): number {
  const nodes = count(text)
  if (nodes < 2 || nodes > SCENARIO_NODES_MAX) throw new InvalidArgumentError(`A drawn cluster has 2 to ${SCENARIO_NODES_MAX} nodes.`)
  return nodes
}

const STORY_MIN_MS = 10_000
const STORY_MAX_MS = 86_400_000

function storyTime(text: string): number {
  const ms = Math.round(duration(text))
  if (ms < STORY_MIN_MS || ms > STORY_MAX_MS) throw new InvalidArgumentError('A drawn story lasts from 10s to 24h.')
  return ms
}
