import type { Scenario } from '../../sim/scenario/scenario.ts'
import { drawSwarm, SWARM_DEFAULTS, type SwarmOptions } from '../../sim/scenario/swarm.ts'
import { loadScenario } from './load-scenario.ts'

/** Where the scenario of a run comes from: a file or a shipped name, or the swarm, which draws one from the seed. */
export type Source = { readonly file: string } | { readonly swarm: SwarmOptions }

/** @returns what makes the scenario of a seed */
export async function scenariosOf(source: Source): Promise<(seed: number) => Scenario> {
  if ('swarm' in source) return seed => drawSwarm(seed, source.swarm)
  const scenario = await loadScenario(source.file)
  return () => scenario
}

/** The command that runs this again. Seeds stay valid for one version of the software. */
export function replayLine(source: Source, seed: number): string {
  if ('file' in source) return `weft sim replay ${seed} --scenario ${source.file}`
  const { nodes, durationMs, profile } = source.swarm
  const flags = [
    ...(nodes === SWARM_DEFAULTS.nodes ? [] : [`--nodes ${nodes}`]),
    ...(profile === SWARM_DEFAULTS.profile ? [] : [`--profile ${profile}`]),
    ...(durationMs === SWARM_DEFAULTS.durationMs ? [] : [`--duration ${durationMs / 1000}s`]),
  ]
  return ['weft sim replay', String(seed), ...flags].join(' ')
}
