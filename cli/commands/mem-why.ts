import type { Explanation, WhyStep } from '../../node/api.ts'
import { action, type Define } from '../invocation.ts'
import { styled } from '../output.ts'
import { firstLine, short } from '../text.ts'

export const define: Define = command =>
  command
    .argument('<id>', 'its id, or 8 or more of its first digits')
    .option('--as-of <frontier>', 'as it was then')
    .action(
      action(async (cli, [id]: readonly [string], { asOf }: { readonly asOf?: string }) =>
        cli.print(await cli.request('memory.why', { id, asOf }), renderWhy),
      ),
    )

/** The same edge read from the effect to its reason: `why` walks that way. */
const BACKWARDS: Readonly<Record<string, string>> = {
  causes: 'because',
  enables: 'enabled by',
  inhibits: 'held back by',
  'evidence-for': 'on the evidence that',
  'triggered-by': 'triggered by',
  'derived-from': 'derived from',
  follows: 'after',
  supersedes: 'instead of',
}

/** What was asked about, and under it the ways back to what it rests on, strongest first. */
export function renderWhy({ id, paths, truncated }: Explanation): string {
  const asked = paths[0]?.steps[0]
  if (asked === undefined) return `${short(id)} rests on nothing that is known here: no links lead back from it`
  const ways = paths.map(
    ({ weight, steps }) => `\n${styled('dim', `weight ${weight.toFixed(3)}`)}\n${steps.slice(1).map(renderStep).join('\n')}`,
  )
  return `${styled('bold', short(asked.id))}  ${firstLine(asked.text, 10)}\n${ways.join('\n')}${truncated ? '\n\nthe search ended at a limit: there may be more' : ''}`
}

function renderStep({ id, edge, text, author, log, seq }: WhyStep, depth: number): string {
  const indent = '  '.repeat(depth + 1)
  return `${indent}${styled('cyan', BACKWARDS[edge] ?? edge)} ${styled('bold', short(id))}  ${firstLine(text, indent.length + 30)}\n${indent}  ${styled('dim', `by ${short(author)}, record ${seq} of log ${short(log)}`)}`
}
