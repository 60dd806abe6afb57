import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { SWARM_DEFAULTS, type SwarmOptions } from '../../sim/scenario/swarm.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { styled } from '../output.ts'
import { positive } from '../parse.ts'
import { type Divergence, divergenceOf, renderDivergence, stepLine } from '../sim/divergence.ts'
import { RunPool } from '../sim/run-pool.ts'
import { scenariosOf } from '../sim/source.ts'
import { seedNumber, sourceOf, type SourceOptions, withSourceOptions } from '../sim/source-options.ts'
import type { Step } from '../sim/step-tape.ts'
import { plural } from '../text.ts'

interface Options extends SourceOptions {
  readonly seeds: number
  readonly seed: number
}

/** Threads that compete for the processor with one that does nothing else. */
const THREADS = 2
/** More than there are threads: what a run leaves behind in one shows in the next. */
const RUNS = 3
/** Short stories: what differs between two runs differs soon. */
const SWARM: SwarmOptions = { ...SWARM_DEFAULTS, durationMs: 60_000 }
/** How often two runs of a seed are compared event by event: what differs once in a while may not differ the next time. */
const TRIES = 3

export const define: Define = command =>
  withSourceOptions(command, SWARM)
    .option('--seeds <count>', 'how many', positive, 6)
    .option('--seed <number>', 'the first', seedNumber, 1)
    .addHelpText(
      'after',
      `
Every seed is run three times on two threads, while the machine is kept busy; the hashes of the traces must be equal.
With --scenario it examines agents of your own too. Exit code: 0 deterministic, 1 not, and the first event that differs is shown.`,
    )
    .action(action((cli, _, options: Options) => examine(cli, options)))

async function examine(cli: Invocation, { seeds, seed: firstSeed, ...options }: Options): Promise<number> {
  const source = sourceOf(options)
  await scenariosOf(source)
  // Nothing is simulated here: while it is, no message of a thread could be taken.
  const pool = new RunPool(source, THREADS)
  const load = new Worker(fileURLToPath(new URL('../sim/load.js', import.meta.url)))
  const differing: number[] = []
  let divergence: (Divergence<Step> & { readonly seed: number }) | undefined
  try {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const outcomes = await Promise.all(Array.from({ length: RUNS }, () => pool.run({ seed })))
      if (outcomes.some(({ traceHash }) => traceHash !== outcomes[0]?.traceHash)) differing.push(seed)
      cli.progress.update(() => `${plural(seed - firstSeed + 1, 'seed')} of ${seeds}`)
    }
    const [first] = differing
    if (first !== undefined) divergence = await findDivergence(pool, first)
  } finally {
    await Promise.all([pool.close(), load.terminate()])
    cli.progress.done()
  }
  const isDeterministic = differing.length === 0
  cli.print(
    { deterministic: isDeterministic, seeds, differing, node: process.version, ...(divergence === undefined ? {} : { divergence }) },
    () =>
      isDeterministic
        ? `${styled('green', 'deterministic')}: ${plural(seeds, 'seed')} gave the same trace three times each, on a busy machine and Node ${process.version}`
        : [
            `${styled('red', 'not deterministic')}: seed ${differing.join(', ')} gave different traces, on Node ${process.version}`,
            divergence === undefined
              ? 'but not again when every event was compared: give more --seeds'
              : `seed ${divergence.seed}: ${renderDivergence(divergence, stepLine)}`,
          ].join('\n'),
  )
  return isDeterministic ? 0 : 1
}

/** The first step that differs between two runs of a seed at the same time. */
async function findDivergence(pool: RunPool, seed: number): Promise<(Divergence<Step> & { readonly seed: number }) | undefined> {
  for (let tries = 0; tries < TRIES; tries++) {
    const [a, b] = await Promise.all([pool.run({ seed, isTaped: true }), pool.run({ seed, isTaped: true })])
    const divergence = divergenceOf(a.steps, b.steps)
    if (divergence !== undefined) return { seed, ...divergence }
  }
  return undefined
}
