import { WeftError } from '../../base/errors.ts'
import type { EmbeddingStatus } from '../../node/api.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { plural } from '../text.ts'

/** 200 ms: how often a node is asked how far it is. */
const LOOK_MS = 200

interface Options {
  readonly all?: boolean
  readonly retireOld?: boolean
}

export const define: Define = command =>
  command
    .option('--all', 'also for memories of other nodes')
    .option('--retire-old', 'then take back the vectors that this node made with other embedders')
    .addHelpText(
      'after',
      '\nA node makes vectors for its own memories by itself; this waits until all have one, looks again at those that were' +
        '\nrefused, and with --all does the same for others. Whatever ends it, run it again: it goes on from there.',
    )
    .action(
      action(async (cli, _, { all, retireOld }: Options) => {
        // An embedder that does not work is found out about before anything is waited for.
        await cli.request('memory.embedder', { probe: true })
        const status = await embedded(cli, all === true)
        const retired = retireOld === true ? await retire(cli) : 0
        const { embedder, refused } = status
        cli.print({ embedder, embedded: status.made, refused, retired }, ({ embedded: made }) =>
          [
            `${plural(made, 'vector')} of ${embedder} made`,
            ...(refused === 0
              ? []
              : [
                  `${plural(refused, 'memory', 'memories')} refused${retireOld === true ? ' and kept what vectors they have' : ''}: weft logs says which`,
                ]),
            ...(retireOld === true ? [`${plural(retired, 'vector')} of other embedders taken back`] : []),
          ].join('\n'),
        )
        return refused === 0 ? 0 : 1
      }),
    )

/** Waits until nothing waits any more. */
async function embedded(cli: Invocation, all: boolean): Promise<EmbeddingStatus & { readonly made: number }> {
  const { embedded: before } = present((await cli.request('memory.embedder', {})).status)
  let status = present((await cli.request('memory.reembed', { all })).status)
  while (status.waiting > 0) {
    if (status.error !== undefined)
      throw new WeftError('embedder_unavailable', `${status.error.message}; ${plural(status.waiting, 'memory', 'memories')} left`, {
        next: status.error.next ?? 'run it again when the embedder works: it goes on from there',
      })
    const { waiting, embedded: made } = status
    cli.progress.update(() => `${made - before} made, ${waiting} left`)
    await new Promise<void>(resolve => setTimeout(resolve, LOOK_MS))
    status = present((await cli.request('memory.embedder', {})).status)
  }
  cli.progress.done()
  return { ...status, made: status.embedded - before }
}

async function retire(cli: Invocation): Promise<number> {
  let count = 0
  for (let left = 1; left > 0; ) {
    const page = await cli.request('memory.retire-vectors', {})
    count += page.retired
    left = page.left
    cli.progress.update(() => `${count} taken back, ${left} left`)
  }
  cli.progress.done()
  return count
}

function present(status: EmbeddingStatus | null): EmbeddingStatus {
  if (status === null) throw new WeftError('embedder_none', 'this node has no embedder')
  return status
}
