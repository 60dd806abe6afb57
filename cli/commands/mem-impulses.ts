import type { ImpulseRecord } from '../../node/cognition/api.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { ANSWER_MS, nodeIn } from '../node-in.ts'
import { styled, talk, write, writeDocument } from '../output.ts'
import { firstLine, plural, short } from '../text.ts'

/** 25 s: how long one question waits for news before it is asked again. */
const WAIT_MS = 25_000

interface Options {
  readonly follow?: boolean
  readonly ack?: string
}

export const define: Define = command =>
  command
    .description('show what the node noticed in the memory; with --json one document per line')
    .option('-f, --follow', 'go on with what it notices')
    .option('--ack <number>', 'they are known: those up to this number, or all')
    .addHelpText('after', '\nA node notices things by itself when it was started with --cognition-tick on, and once with weft mem tick.')
    .action(
      action(async (cli, _, { follow, ack }: Options) => {
        if (ack !== undefined) return acknowledge(cli, ack)
        let after = 0
        for (;;) {
          const { impulses } = await cli.request('memory.impulses', { after, limit: 500 })
          if (impulses.length === 0) break
          after = show(cli, impulses, after)
        }
        if (after === 0 && follow !== true && !cli.isJson) talk('nothing was noticed, or all of it is known')
        const request = nodeIn(cli.dir, WAIT_MS + ANSWER_MS)
        while (follow === true) after = show(cli, (await request('memory.impulses', { after, waitMs: WAIT_MS })).impulses, after)
      }),
    )

async function acknowledge(cli: Invocation, text: string): Promise<void> {
  const { newest } = await cli.request('memory.impulses', { limit: 1 })
  const upTo = text === 'all' ? newest : Number(text)
  cli.print(await cli.request('memory.acknowledge', { upTo }), ({ acknowledged }) => `${plural(acknowledged, 'impulse')} acknowledged`)
}

/** @returns the number of the last one */
function show(cli: Invocation, impulses: readonly ImpulseRecord[], after: number): number {
  for (const impulse of impulses) cli.isJson ? writeDocument(impulse) : write(`${render(impulse)}\n`)
  return impulses.at(-1)?.number ?? after
}

function render({ number, at, kind, reason, about, strength, text, count }: ImpulseRecord): string {
  const times = count > 1 ? ` (${count} times)` : ''
  const colour = kind === 'coherence-alert' ? 'yellow' : 'green'
  return `${String(number).padStart(4)}  ${at}  ${styled(colour, kind)} ${reason}${times}  ${strength.toFixed(2)}  ${about.map(short).join(' ')}  ${firstLine(text, 90)}`
}
