import { writeFile } from 'node:fs/promises'
import { WeftError } from '../../base/errors.ts'
import type { Explanation } from '../../node/api.ts'
import { type Proof, proofText } from '../../node/proof/proof.ts'
import { cannotWrite } from '../failure.ts'
import { action, type Define } from '../invocation.ts'
import { styled, talk, writeAll } from '../output.ts'
import { firstLine, plural, replaced, short } from '../text.ts'
import { renderWays } from '../ways.ts'

interface Options {
  readonly asOf?: string
  readonly proof?: string
}

export const define: Define = command =>
  command
    .argument('<id>', 'its id, or 8 or more of its first digits')
    .option('--as-of <then>', 'as it was then: a frontier, or a time like 2026-01-31T12:00:00Z')
    .option('--proof <file>', 'write also what shows it to anybody, - for stdout: weft verify reads it, without any node')
    .action(
      action(async (cli, [id]: readonly [string], { asOf, proof: file }: Options) => {
        if (file === '-' && cli.isJson) throw new WeftError('usage', 'one thing can go to stdout: the proof, or with --json what it shows')
        const explanation = await cli.request('memory.why', { id, asOf })
        if (file === undefined) return cli.print(explanation, renderWhy)
        // Of the same moment, whatever is written meanwhile.
        const proof = await cli.request('memory.prove', { id: explanation.id, asOf: explanation.frontier })
        const written = { file, records: proof.logs.reduce((sum, { records }) => sum + records.length, 0), genesis: proof.cluster }
        await writeProof(file, proof)
        if (file === '-') return talk(`${renderWhy(explanation)}\n\n${renderWritten(written)}`)
        cli.print({ ...explanation, proof: written }, () => `${renderWhy(explanation)}\n\n${renderWritten(written)}`)
      }),
    )

async function writeProof(file: string, proof: Proof): Promise<void> {
  if (file === '-') return writeAll(proofText(proof))
  try {
    await writeFile(file, proofText(proof))
  } catch (thrown) {
    throw cannotWrite(file, thrown)
  }
}

function renderWritten({ file, records, genesis }: { readonly file: string; readonly records: number; readonly genesis: string }): string {
  const [there, name] = file === '-' ? ['on stdout', 'FILE'] : [`in ${file}`, file]
  return `${plural(records, 'record')} ${there}; whoever knows this cluster can check them:\n  weft verify ${name} --genesis ${genesis}`
}

/** What was asked about, and under it the ways back to what it rests on, strongest first. */
export function renderWhy(explanation: Explanation): string {
  const { id, paths, truncated, contradictedBy = {} } = explanation
  const asked = paths[0]?.steps[0]
  const against = Object.entries(contradictedBy)
    .map(([memory, by]) => `\n\n${styled('yellow', `${short(memory)} is contradicted by ${by.map(short).join(', ')}`)}`)
    .join('')
  if (asked === undefined)
    return `${short(id)}${styled('yellow', replaced(explanation))} rests on nothing that is known here: no links lead back from it${against}`
  const ways = renderWays(paths, ({ author, log, seq }) => `by ${short(author)}, record ${seq} of log ${short(log)}`)
  return `${styled('bold', short(asked.id))}  ${firstLine(asked.text, 10)}${styled('yellow', replaced(asked))}\n${ways}${truncated ? '\n\nthe search ended at a limit: there may be more' : ''}${against}`
}
