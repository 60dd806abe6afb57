import { randomInt } from 'node:crypto'
import { Option } from 'commander'
import type { Violation } from '../../sim/checkers/checker.ts'
import { PROFILES, type Profile, SWARM_DEFAULTS } from '../../sim/scenario/swarm.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { styled, talk, write } from '../output.ts'
import { count, duration, positive } from '../parse.ts'
import { fuzz } from '../sim/fuzz.ts'
import type { SeedOutcome } from '../sim/fuzz-worker.ts'
import { renderViolation } from '../sim/outcome.ts'
import { type Reproduction, shrinkShown } from '../sim/shrink-run.ts'
import { replayLine, scenariosOf, type Source } from '../sim/source.ts'
import { elapsed, plural, table } from '../text.ts'

interface Options {
  readonly budget: number
  readonly seeds?: number
  readonly seed?: number
  readonly jobs: number
  readonly nodes: number
  readonly duration: number
  readonly profile: Profile
  readonly scenario?: string
  readonly stop?: boolean
  readonly shrink: boolean
}

export const define: Define = command =>
  command
    .option('--budget <time>', 'how long', duration, 60_000)
    .option('--seeds <count>', 'at most so many seeds', positive)
    .option('--seed <number>', 'the first seed; the others follow it (default: a random one)', count)
    .option('--jobs <count>', 'seeds to run at the same time', positive, 2)
    .option('--nodes <count>', 'first nodes of each cluster', positive, SWARM_DEFAULTS.nodes)
    .option('--duration <time>', 'virtual time of each story', duration, SWARM_DEFAULTS.durationMs)
    .addOption(new Option('--profile <name>', 'what goes wrong').choices(PROFILES).default(SWARM_DEFAULTS.profile))
    .option('--scenario <file>', 'run this scenario with every seed, instead of one drawn from it')
    .option('--stop', 'end at the first failure')
    .option('--no-shrink', 'do not make the first failure smaller')
    .action(action((cli, _, options: Options) => fuzzed(cli, options)))

/** A promise that was broken. */
interface Failure extends Violation {
  readonly seed: number
  readonly replay: string
  /** A smaller scenario that breaks the same promise. */
  shrunk?: Reproduction | undefined
}

async function fuzzed(cli: Invocation, options: Options): Promise<number> {
  const { nodes, duration: durationMs, profile, budget: budgetMs, jobs, scenario } = options
  const source: Source = scenario === undefined ? { swarm: { nodes, durationMs, profile } } : { file: scenario }
  const firstSeed = options.seed ?? randomInt(2 ** 31)
  if (!cli.isJson) talk(`${plural(jobs, 'job')}, seeds from ${firstSeed} on, for ${elapsed(budgetMs)}`)
  const outcomes: SeedOutcome[] = []
  const failures: Failure[] = []
  const beganMs = performance.now()
  await fuzz({
    source,
    jobs,
    budgetMs,
    seeds: options.seeds ?? Infinity,
    firstSeed,
    isEnough: () => options.stop === true && failures.length > 0,
    onOutcome: outcome => {
      outcomes.push(outcome)
      const { seed, violation } = outcome
      if (violation !== undefined) {
        failures.push({ ...violation, seed, replay: replayLine(source, seed) })
        cli.progress.done()
        if (!cli.isJson) write(`${renderViolation(violation, replayLine(source, seed))}\n`)
      }
      cli.progress.update(() => `${plural(outcomes.length, 'seed')}, ${plural(failures.length, 'failure')}`)
    },
  })
  const tookMs = performance.now() - beganMs
  const [first] = failures
  if (first !== undefined && options.shrink) first.shrunk = await shrinkShown(cli, (await scenariosOf(source))(first.seed), first.seed, first.replay)
  cli.progress.done()
  cli.print(documentOf(outcomes, failures, tookMs), render)
  return failures.length === 0 ? 0 : 1
}

interface FuzzDocument {
  readonly seeds: number
  readonly perMinute: number
  /** Without what was spent on making a failure smaller. */
  readonly seconds: number
  /** Hours that all clusters lived, and CPU seconds that it took. */
  readonly virtualHours: number
  readonly nodeSecondsPerCoreSecond: number
  readonly failures: readonly Failure[]
  /** How often each rare situation came up, over all seeds. */
  readonly sometimes: Readonly<Record<string, number>>
}

function documentOf(outcomes: readonly SeedOutcome[], failures: readonly Failure[], tookMs: number): FuzzDocument {
  const sometimes: Record<string, number> = {}
  for (const outcome of outcomes) for (const [site, count] of outcome.sometimes) sometimes[site] = (sometimes[site] ?? 0) + count
  const nodeSeconds = outcomes.reduce((sum, { virtualMs, nodes }) => sum + (virtualMs * nodes) / 1000, 0)
  const cpuSeconds = outcomes.reduce((sum, { cpuMs }) => sum + cpuMs / 1000, 0)
  return {
    seeds: outcomes.length,
    seconds: Math.round(tookMs) / 1000,
    perMinute: Math.round((outcomes.length * 60_000) / tookMs),
    virtualHours: Math.round(outcomes.reduce((sum, { virtualMs }) => sum + virtualMs, 0) / 36_000) / 100,
    nodeSecondsPerCoreSecond: cpuSeconds === 0 ? 0 : Math.round(nodeSeconds / cpuSeconds),
    failures,
    sometimes: Object.fromEntries(Object.entries(sometimes).sort(([a], [b]) => (a < b ? -1 : 1))),
  }
}

function render({ seeds, perMinute, virtualHours, nodeSecondsPerCoreSecond, failures, sometimes }: FuzzDocument): string {
  const sites = Object.entries(sometimes).map(([site, count]) => [site, count === 0 ? styled('yellow', 'never') : String(count)])
  const [first] = failures
  const verdict = first === undefined ? styled('green', 'nothing broken') : styled('red', `${plural(failures.length, 'seed')} failed`)
  const shrunk = first?.shrunk
  return [
    table(['rare situation', 'times'], sites, 'no rare situations'),
    '',
    `${verdict}: ${plural(seeds, 'seed')}, ${perMinute} a minute, ${virtualHours} cluster-hours, ${nodeSecondsPerCoreSecond} node-seconds per core-second`,
    ...(shrunk === undefined ? [] : [`the first, with ${plural(shrunk.faults, 'fault')}: weft sim run ${shrunk.file}`]),
  ].join('\n')
}
