import { Console } from 'node:console'
import { isMainThread } from 'node:worker_threads'
import { AssertionError } from '../../base/assert.ts'
import { WeftError } from '../../base/errors.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { drawSwarm, SWARM_DEFAULTS, type SwarmOptions } from '../../sim/scenario/swarm.ts'
import { loadScenario } from './load-scenario.ts'

/** Where the scenario of a run comes from: a file or a shipped name, or the swarm, which draws one from the seed. */
export type Source = { readonly file: string } | { readonly swarm: SwarmOptions }

/** @returns what makes the scenario of a seed */
export async function scenariosOf(source: Source): Promise<(seed: number) => Scenario> {
  if ('swarm' in source) return seed => drawSwarm(seed, source.swarm)
  // What programs print is talk: stdout is for what the command says.
  if (isMainThread) globalThis.console = new Console(process.stderr, process.stderr)
  const scenario = await loadScenario(source.file)
  return () => scenario
}

/** The command that runs this again. Seeds stay valid for one version of the software. */
export function replayLine(source: Source, seed: number): string {
  return ['weft sim replay', String(seed), ...flagsOf(source)].join(' ')
}

function flagsOf(source: Source): readonly string[] {
  if ('file' in source) return [`--scenario ${word(source.file)}`]
  const { nodes, durationMs, profile } = source.swarm
  return [
    ...(nodes === SWARM_DEFAULTS.nodes ? [] : [`--nodes ${nodes}`]),
    ...(profile === SWARM_DEFAULTS.profile ? [] : [`--profile ${profile}`]),
    ...(durationMs === SWARM_DEFAULTS.durationMs
      ? []
      : [`--duration ${durationMs % 1_000 === 0 ? `${durationMs / 1_000}s` : `${durationMs}ms`}`]),
  ]
}

/** One word of a shell, whatever is in it. */
export function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** What a run threw, in one line; nodes and scenarios do not throw, so it is a bug of the simulator. */
export function harnessError(thrown: unknown): string {
  if (thrown instanceof WeftError) return `${thrown.message} (${thrown.code})`
  if (!(thrown instanceof Error)) return String(thrown)
  const where = /\n\s+at .*?([\w-]+\/[\w.-]+\.[jt]s:\d+)/.exec(thrown.stack ?? '')?.[1]
  return `${thrown instanceof AssertionError ? 'assertion failed: ' : ''}${thrown.message}${where === undefined ? '' : ` (${where})`}`
}
