import { WeftError } from '../../base/errors.ts'
import type { Settled } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { short } from '../text.ts'

interface Options {
  readonly keep?: string
  readonly text?: string
  readonly key?: string
  readonly reason?: string
}

export const define: Define = command =>
  command
    .argument('<id>', 'what the rivals replaced, or one of them: weft mem conflicts lists both')
    .option('--keep <id>', 'the rival that shall hold')
    .option('--text <text>', 'or what shall hold instead of all of them')
    .option('--key <key>', 'your name for that text')
    .option('--reason <text>', 'why')
    .action(
      action(async (cli, [about]: readonly [string], options: Options) => {
        if ((options.keep === undefined) === (options.text === undefined))
          throw new WeftError('usage', 'what shall hold?', { next: '--keep ID, one of the rivals, or --text "something new"' })
        cli.print(await cli.request('memory.resolve', { about, ...options }), render)
      }),
    )

function render({ id, kept, replaced }: Settled): string {
  return `${short(kept)} holds now, in the place of ${replaced.map(short).join(', ')}\n${id}`
}
