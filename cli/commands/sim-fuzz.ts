import { randomInt } from 'node:crypto'
import { Option } from 'commander'
import type { Violation } from '../../sim/checkers/checker.ts'
import { SOMETIMES } from '../../sim/sometimes.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { styled, talk, write } from '../output.ts'
import { positive } from '../parse.ts'
import { fuzz } from '../sim/fuzz.ts'
import { renderViolation } from '../sim/outcome.ts'
import type { SeedOutcome } from '../sim/run-worker.ts'
import { renderReproduction, type Reproduction, SHRINK_MS, shrinkShown } from '../sim/shrink-run.ts'
import { replayLine, scenariosOf, type Source } from '../sim/source.ts'
import { budget, seedNumber, sourceOf, type SourceOptions, withSourceOptions } from '../sim/source-options.ts'
import { columns, elapsed, plural } from '../text.ts'

interface Options extends SourceOptions {
  readonly budget: number
  readonly seeds?: number
  readonly seed?: number
  readonly jobs: number
  readonly stop?: boolean
  readonly shrink: boolean
}

const BUDGET_MS = 60_000

export const define: Define = command =>
  withSourceOptions(command)
    .addOption(new Option('--budget <time>', 'how long').argParser(budget).default(BUDGET_MS, elapsed(BUDGET_MS)))
    .option('--seeds <count>', 'at most so many seeds', positive)
    .option('--seed <number>', 'the first seed; the others follow it (default: a random one)', seedNumber)
    .option('--jobs <count>', 'seeds to run at the same time', positive, 2)
    .option('--stop', 'end at the first failure')
    .option('--no-shrink', 'do not make failures smaller')
    .addHelpText(
      'after',
      `
The first failure of each invariant is made smaller, for a minute in all. Rare situations are counted, and their
absence is no failure; a scenario that demands one (expect: sometimes) must have seen it with one of the seeds.
Exit code: 0 nothing was broken, 1 something was, 2 nothing can be said, 3 the simulator failed,
64 it was asked wrongly.`,
    )
    .action(action((cli, _, options: Options) => new Fuzzing(cli, options).run()))

/** A promise that was broken. */
interface Failure extends Violation {
  readonly seed: number
  readonly replay: string
  /** A smaller scenario that breaks the same promise. */
  shrunk?: Reproduction
}

/** A seed that could not be run: a bug of the simulator, or a program that ended its thread. */
interface Crash {
  readonly seed: number
  readonly message: string
  readonly replay: string
}

interface FuzzDocument {
  /** That were run to their end. */
  readonly seeds: number
  readonly firstSeed: number
  readonly verdicts: Readonly<Record<SeedOutcome['verdict'], number>>
  readonly perMinute: number
  /** Without what was spent on making failures smaller. */
  readonly seconds: number
  /** What all clusters lived through. */
  readonly virtualHours: number
  readonly nodeSecondsPerCoreSecond: number
  readonly failures: readonly Failure[]
  readonly crashes: readonly Crash[]
  /** Begun, and not ended in time. */
  readonly unfinished: readonly number[]
  readonly isInterrupted: boolean
  /** How often each rare situation came up, over all seeds. */
  readonly sometimes: Readonly<Record<string, number>>
}

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const

class Fuzzing {
  readonly #cli: Invocation
  readonly #options: Options
  readonly #source: Source
  readonly #firstSeed: number
  readonly #outcomes: SeedOutcome[] = []
  readonly #failures: Failure[] = []
  readonly #crashes: Crash[] = []
  readonly #interrupt: AbortController = new AbortController()
  /** That of the signal that ended it. */
  #signalCode: number | undefined

  constructor(cli: Invocation, options: Options) {
    this.#cli = cli
    this.#options = options
    this.#source = sourceOf(options)
    this.#firstSeed = options.seed ?? randomInt(2 ** 31)
  }

  async run(): Promise<number> {
    const demanded = (await scenariosOf(this.#source))(this.#firstSeed).expect.sometimes
    const listeners = Object.entries(SIGNALS).map(([signal, code]) => [signal, () => this.#onSignal(code)] as const)
    for (const [signal, listener] of listeners) process.once(signal, listener)
    const document = await this.#batch()
    await this.#shrink()
    for (const [signal, listener] of listeners) process.off(signal, listener)
    this.#cli.print(document, result => render(result, demanded))
    return this.#exitCode(document, demanded)
  }

  /** What was found until then is shown; a second signal ends the process. */
  #onSignal(code: number): void {
    this.#signalCode = code
    this.#interrupt.abort()
  }

  async #batch(): Promise<FuzzDocument> {
    const { jobs, budget: budgetMs, seeds = Infinity, stop } = this.#options
    const limits = [elapsed(budgetMs), ...(seeds === Infinity ? [] : [`at most ${plural(seeds, 'seed')}`])]
    if (!this.#cli.isJson) talk(`${plural(jobs, 'job')}, seeds from ${this.#firstSeed} on, for ${limits.join(', ')}`)
    const beganMs = performance.now()
    const unfinished = await fuzz({
      source: this.#source,
      jobs,
      budgetMs,
      seeds,
      firstSeed: this.#firstSeed,
      isEnough: () => stop === true && this.#failures.length > 0,
      onOutcome: outcome => this.#onOutcome(outcome),
      onCrash: (seed, message) => this.#onCrash(seed, message),
      signal: this.#interrupt.signal,
    })
    this.#cli.progress.done()
    const tookMs = performance.now() - beganMs
    const outcomes = this.#outcomes
    const sum = (of: (outcome: SeedOutcome) => number): number => outcomes.reduce((total, outcome) => total + of(outcome), 0)
    const verdicts = { valid: 0, invalid: 0, unknown: 0 }
    for (const { verdict } of outcomes) verdicts[verdict]++
    const cpuMs = sum(outcome => outcome.cpuMs)
    return {
      seeds: outcomes.length,
      firstSeed: this.#firstSeed,
      verdicts,
      perMinute: Math.round((outcomes.length * 60_000) / tookMs),
      seconds: Math.round(tookMs) / 1000,
      virtualHours: Math.round(sum(({ virtualMs }) => Math.max(0, virtualMs)) / 36_000) / 100,
      nodeSecondsPerCoreSecond: cpuMs === 0 ? 0 : Math.round(sum(({ virtualMs, nodes }) => Math.max(0, virtualMs) * nodes) / cpuMs),
      failures: this.#failures,
      crashes: this.#crashes,
      unfinished,
      isInterrupted: this.#signalCode !== undefined,
      sometimes: Object.fromEntries(Object.keys(SOMETIMES).map(site => [site, sum(({ sometimes }) => sometimes.get(site) ?? 0)])),
    }
  }

  #onOutcome(outcome: SeedOutcome): void {
    const { seed, violation } = outcome
    this.#outcomes.push(outcome)
    if (violation !== undefined) {
      const replay = replayLine(this.#source, seed)
      const isFirst = !this.#failures.some(({ invariant }) => invariant === violation.invariant)
      this.#failures.push({ ...violation, seed, replay })
      this.#say(isFirst ? renderViolation(violation, replay) : `${styled('red', `broken again: ${violation.invariant}`)}, ${replay}`)
    }
    this.#cli.progress.update(() => `${plural(this.#outcomes.length, 'seed')}, ${plural(this.#failures.length, 'failure')}`)
  }

  #onCrash(seed: number, message: string): void {
    const replay = replayLine(this.#source, seed)
    this.#crashes.push({ seed, message, replay })
    this.#say(`${styled('red', 'the simulator failed:')} ${message}\n  ${replay}`)
  }

  #say(text: string): void {
    this.#cli.progress.done()
    if (!this.#cli.isJson) write(`${text}\n`)
  }

  /** The first failure of each invariant, while there is time. */
  async #shrink(): Promise<void> {
    if (!this.#options.shrink) return
    const endMs = performance.now() + SHRINK_MS
    const firsts = this.#failures.filter(({ invariant }, i) => this.#failures.findIndex(other => other.invariant === invariant) === i)
    for (const [i, failure] of firsts.entries()) {
      // Each has its share of what is left, so that one that is hard to make smaller leaves some to the others.
      const budgetMs = (endMs - performance.now()) / (firsts.length - i)
      if (this.#interrupt.signal.aborted || budgetMs < 1_000) return
      const shrunk = await shrinkShown(this.#cli, this.#source, failure.seed, failure, { budgetMs, signal: this.#interrupt.signal })
      if (shrunk !== undefined) failure.shrunk = shrunk
    }
  }

  #exitCode({ failures, crashes, seeds, sometimes }: FuzzDocument, demanded: readonly string[]): number {
    if (failures.length > 0) return 1
    if (crashes.length > 0) return 3
    if (this.#signalCode !== undefined) return this.#signalCode
    return seeds === 0 || demanded.some(site => sometimes[site] === 0) ? 2 : 0
  }
}

function render(document: FuzzDocument, demanded: readonly string[]): string {
  const { seeds, perMinute, virtualHours, nodeSecondsPerCoreSecond, failures, crashes, unfinished, isInterrupted, sometimes } = document
  const sites = Object.entries(sometimes).map(([site, count]) => [count === 0 ? styled('yellow', 'never') : String(count), site])
  const missing = demanded.filter(site => sometimes[site] === 0)
  const verdict =
    failures.length > 0
      ? styled('red', `${plural(failures.length, 'seed')} failed`)
      : crashes.length > 0
        ? styled('red', 'the simulator failed')
        : seeds === 0 || missing.length > 0
          ? styled('yellow', 'nothing can be said')
          : styled('green', 'nothing broken')
  return [
    styled('dim', 'rare situations'),
    columns(sites),
    '',
    `${isInterrupted ? 'interrupted; ' : ''}${verdict}: ${plural(seeds, 'seed')}, ${perMinute} a minute, ${virtualHours} cluster-hours, ${nodeSecondsPerCoreSecond} node-seconds per core-second`,
    ...(unfinished.length === 0 || isInterrupted ? [] : [`  not ended in time: seed ${unfinished.join(', ')}`]),
    ...(missing.length === 0 ? [] : [`  the scenario is about what never came up: ${missing.join(', ')}`]),
    ...failures.flatMap(({ invariant, shrunk }) =>
      shrunk === undefined ? [] : [`  ${invariant}, ${renderReproduction(shrunk).trimStart()}`],
    ),
  ].join('\n')
}
