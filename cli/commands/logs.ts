import type { NodeEvent } from '../../node/events.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { ANSWER_MS, nodeIn } from '../node-in.ts'
import { styled, write, writeDocument } from '../output.ts'
import { positive } from '../parse.ts'

/** 25 s: how long one question waits for news before it is asked again. */
const WAIT_MS = 25_000

export const define: Define = command =>
  command
    .description('show what happened on the node; with --json one document per line')
    .option('-n <count>', 'how many of the last events', positive, 20)
    .option('-f, --follow', 'go on with what happens')
    .action(
      action(async (cli, _, { n, follow }: { readonly n: number; readonly follow?: boolean }) => {
        const { newest } = await cli.request('node.events', { limit: 1 })
        let after = Math.max(0, newest - n)
        after = show(cli, (await cli.request('node.events', { after })).events, after)
        const request = nodeIn(cli.dir, WAIT_MS + ANSWER_MS)
        while (follow === true) after = show(cli, (await request('node.events', { after, waitMs: WAIT_MS })).events, after)
      }),
    )

/** @returns the number of the last event */
function show(cli: Invocation, events: readonly NodeEvent[], after: number): number {
  for (const event of events) cli.isJson ? writeDocument(event) : write(`${render(event)}\n`)
  return events.at(-1)?.number ?? after
}

function render({ at, level, event, fields }: NodeEvent): string {
  const colour = level === 'error' ? 'red' : level === 'warn' ? 'yellow' : 'green'
  const rest = Object.entries(fields).map(
    ([name, value]) => `${styled('dim', `${name}=`)}${typeof value === 'string' && /\s/.test(value) ? JSON.stringify(value) : value}`,
  )
  return [at, styled(colour, level.padEnd(5)), event, ...rest].join(' ')
}
