import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Recorder } from '../../sim/report/recorder.ts'
import { simulate } from '../../sim/simulate.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { styled } from '../output.ts'
import { positive } from '../parse.ts'
import { COMPARED_EVENTS_MAX, type Divergence, divergenceOf, renderDivergence } from '../sim/divergence.ts'
import { RunPool } from '../sim/run-pool.ts'
import { scenariosOf, type Source } from '../sim/source.ts'
import { seedNumber, sourceOf, type SourceOptions, withSourceOptions } from '../sim/source-options.ts'
import { plural } from '../text.ts'

interface Options extends SourceOptions {
  readonly seeds: number
  readonly seed: number
}

/** Threads that compete for the processor with this one and with one that does nothing else. */
const THREADS = 2
/** How often two runs of a seed are compared event by event: what differs once in a while may not differ the next time. */
const TRIES = 3

export const define: Define = command =>
  withSourceOptions(command)
    .option('--seeds <count>', 'how many', positive, 6)
    .option('--seed <number>', 'the first', seedNumber, 1)
    .addHelpText(
      'after',
      `
Every seed is run here and on two threads, while the machine is kept busy; the hashes of the traces must be equal.
With --scenario it examines agents of your own too. Exit code: 0 deterministic, 1 not, and the first event that differs is shown.`,
    )
    .action(action((cli, _, options: Options) => examine(cli, options)))

async function examine(cli: Invocation, { seeds, seed: firstSeed, ...options }: Options): Promise<number> {
  const source = sourceOf(options)
  const scenarioOf = await scenariosOf(source)
  const pool = new RunPool(source, THREADS)
  const load = new Worker(fileURLToPath(new URL('../sim/load.js', import.meta.url)))
  const differing: number[] = []
  let divergence: (Divergence & { readonly seed: number }) | undefined
  try {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const elsewhere = Promise.all(Array.from({ length: THREADS }, () => pool.run({ seed })))
      const { traceHash } = await simulate(scenarioOf(seed), seed)
      if ((await elsewhere).some(outcome => outcome.traceHash !== traceHash)) differing.push(seed)
      cli.progress.update(() => `${plural(seed - firstSeed + 1, 'seed')} of ${seeds}`)
    }
    const [first] = differing
    if (first !== undefined) divergence = await findDivergence(source, pool, first)
  } finally {
    await Promise.all([pool.close(), load.terminate()])
    cli.progress.done()
  }
  const isDeterministic = differing.length === 0
  cli.print({ deterministic: isDeterministic, seeds, differing, node: process.version, ...(divergence === undefined ? {} : { divergence }) }, () =>
    isDeterministic
      ? `${styled('green', 'deterministic')}: ${plural(seeds, 'seed')} gave the same trace three times each, on a busy machine and Node ${process.version}`
      : [
          `${styled('red', 'not deterministic')}: seed ${differing.join(', ')} gave different traces, on Node ${process.version}`,
          divergence === undefined ? 'but not again when every event was compared: give more --seeds' : `seed ${divergence.seed}, here (a) and on a thread (b): ${renderDivergence(divergence)}`,
        ].join('\n'),
  )
  return isDeterministic ? 0 : 1
}

/** The first event that differs between a run of a seed here and one on a thread. */
async function findDivergence(source: Source, pool: RunPool, seed: number): Promise<(Divergence & { readonly seed: number }) | undefined> {
  const scenarioOf = await scenariosOf(source)
  for (let tries = 0; tries < TRIES; tries++) {
    const elsewhere = pool.run({ seed, record: COMPARED_EVENTS_MAX })
    const recorder = new Recorder({ limit: COMPARED_EVENTS_MAX })
    await simulate(scenarioOf(seed), seed, { recorder })
    const divergence = divergenceOf(recorder.recording().events, (await elsewhere).recorded)
    if (divergence !== undefined) return { seed, ...divergence }
  }
  return undefined
}
