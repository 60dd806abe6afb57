import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { liveLine } from '../../sim/report/live.ts'
import { Recorder } from '../../sim/report/recorder.ts'
import { drawSwarm, SWARM_DEFAULTS, type SwarmOptions } from '../../sim/scenario/swarm.ts'
import { simulate } from '../../sim/simulate.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { styled } from '../output.ts'
import { count, positive } from '../parse.ts'
import { divergenceOf } from '../sim/divergence.ts'
import { fuzz } from '../sim/fuzz.ts'
import { plural } from '../text.ts'

/** Short stories: what differs between two runs differs soon. */
const SWARM: SwarmOptions = { ...SWARM_DEFAULTS, durationMs: 60_000 }

export const define: Define = command =>
  command
    .option('--seeds <count>', 'how many', positive, 10)
    .option('--seed <number>', 'the first', count, 1)
    .addHelpText('after', '\nEvery seed is run here, and on two threads that compete for the processor; the hashes of the traces must be equal.')
    .action(action(async (cli, _, { seeds, seed }: { readonly seeds: number; readonly seed: number }) => examine(cli, seeds, seed)))

async function examine(cli: Invocation, seeds: number, firstSeed: number): Promise<number> {
  const hashes = new Map<number, string[]>()
  const add = (seed: number, hash: string): void => void hashes.set(seed, [...(hashes.get(seed) ?? []), hash])
  const load = new Worker(fileURLToPath(new URL('../sim/load.js', import.meta.url)))
  try {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      add(seed, (await simulate(drawSwarm(seed, SWARM), seed)).traceHash ?? '')
      cli.progress.update(() => `${plural(hashes.size, 'seed')} here`)
    }
    let done = 0
    await fuzz({
      source: { swarm: SWARM },
      jobs: 2,
      budgetMs: Infinity,
      seeds,
      firstSeed,
      isEnough: () => false,
      onOutcome: ({ seed, traceHash }) => {
        add(seed, traceHash)
        cli.progress.update(() => `${plural(++done, 'seed')} on threads`)
      },
    })
  } finally {
    await load.terminate()
    cli.progress.done()
  }
  const differing = [...hashes].filter(([, [a, b]]) => a !== b).map(([seed]) => seed)
  const [first] = differing
  const divergence = first === undefined ? undefined : await findDivergence(first)
  cli.print({ deterministic: differing.length === 0, seeds, differing, node: process.version, ...(divergence === undefined ? {} : { divergence }) }, () =>
    first === undefined
      ? `${styled('green', 'deterministic')}: ${plural(seeds, 'seed')} gave the same trace twice, on Node ${process.version}`
      : [`${styled('red', 'not deterministic')}: ${differing.join(', ')}`, divergence ?? 'two runs here were equal: the difference is between threads'].join('\n'),
  )
  return differing.length === 0 ? 0 : 1
}

/** The first event that differs between two runs of a seed in this thread. */
async function findDivergence(seed: number): Promise<string | undefined> {
  const [a, b] = [new Recorder(), new Recorder()]
  for (const recorder of [a, b]) await simulate(drawSwarm(seed, SWARM), seed, { recorder })
  const found = divergenceOf(a.recording().events, b.recording().events)
  const line = found?.b === undefined ? undefined : (liveLine(found.b) ?? JSON.stringify(found.b))
  return found && `event ${found.at}: ${line ?? '(ended)'}`
}
