import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { down } from '../cluster/local-cluster.ts'
import { goodbye, Narrator } from '../demo/narrator.ts'
import { chooseSource } from '../demo/source.ts'
import { tour } from '../demo/tour.ts'
import { action, type Define } from '../invocation.ts'
import { talk } from '../output.ts'

interface Options {
  readonly repo?: string
  readonly once?: boolean
  readonly keep?: boolean
}

export const define: Define = command =>
  command
    .option('--repo <path>', 'remember the history of this git repository (default: of this checkout, else a bundled sample)')
    .option('--once', 'end after the last step; otherwise the nodes stay up until Ctrl-C')
    .option('--keep', 'leave the directory of the nodes behind')
    .action(
      action(async (cli, _, { repo, once, keep }: Options) => {
        const source = await chooseSource(repo)
        const dir = mkdtempSync(join(tmpdir(), 'weft-demo-'))
        const interrupted = signalled()
        const narrator = new Narrator(cli, dir, interrupted)
        let isDone = false
        try {
          const story = await tour(dir, source, narrator)
          if (cli.isJson) cli.print(story, () => '')
          isDone = true
          if (once === true && keep !== true)
            narrator.say('\nThe nodes stop now, and their directories are deleted. To try the commands by hand, leave --once out.')
          if (once !== true) {
            narrator.say(goodbye(dir))
            await untilAborted(interrupted)
          }
        } finally {
          // What failed is worth a look: its directory stays, with the logs of all nodes.
          await down(dir, isDone && keep !== true)
          if (!isDone || keep === true) talk(`The nodes are stopped; their directories and logs are in ${dir}`)
        }
      }),
    )

/** Ends the tour at its next step: a node that is just starting could not be found to be stopped. */
function signalled(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => controller.abort())
  return controller.signal
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const keepAlive = setInterval(() => {}, 60_000)
    const end = (): void => {
      clearInterval(keepAlive)
      resolve()
    }
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}
