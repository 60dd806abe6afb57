import { type FileHandle, open } from 'node:fs/promises'
import { WeftError } from '../../base/errors.ts'
import type { CausalId } from '../../base/ids.ts'
import type { MemoryRecord } from '../../node/api.ts'
import type { Request } from '../../node/commands/types.ts'
import { action, type Define } from '../invocation.ts'
import { writeAll } from '../output.ts'
import { plural } from '../text.ts'

/** 100 memories of 48 KiB are 5 MB: what is held at a time. */
const PAGE = 100

export const define: Define = command =>
  command
    .option('--out <file>', 'write to a file instead of stdout')
    .option('--as-of <frontier>', 'as it was then')
    .addHelpText('after', '\nWhat is current, one JSON object per line, with who wrote it and when. `weft mem import jsonl` reads it.')
    .action(
      action(async (cli, _, { out, asOf }: { readonly out?: string; readonly asOf?: string }) => {
        const progress = (count: number): void => cli.progress.update(() => `exported ${count}`)
        if (out === undefined) {
          await exportTo(cli.request, asOf, writeAll, progress)
          return cli.progress.done()
        }
        const file = await opened(out)
        let exported: number
        try {
          exported = await exportTo(cli.request, asOf, text => file.appendFile(text), progress)
        } finally {
          await file.close()
        }
        cli.progress.done()
        cli.print({ exported, file: out }, () => `${plural(exported, 'memory', 'memories')} in ${out}`)
      }),
    )

async function opened(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'w', 0o600)
  } catch (thrown) {
    throw new WeftError('invalid_argument', `cannot write ${file}: ${(thrown as Error).message}`, { cause: thrown })
  }
}

async function exportTo(
  request: Request,
  asOf: string | undefined,
  write: (text: string) => Promise<void>,
  progress: (count: number) => void,
): Promise<number> {
  let after: string | undefined
  let count = 0
  // What is written while this goes on is not in it: one export speaks of one moment.
  const at = asOf ?? (await request('memory.status', {})).frontier
  for (let more = true; more; ) {
    const page = await request('memory.list', { after, asOf: at, limit: PAGE })
    const memories = page.memories.filter(memory => memory.state === 'current')
    const edges = await edgesOf(
      request,
      memories.map(memory => memory.id),
    )
    if (memories.length > 0) await write(`${memories.map(memory => JSON.stringify(rowOf(memory, edges))).join('\n')}\n`)
    count += memories.length
    progress(count)
    after = page.frontier
    more = page.more
  }
  return count
}

type Edges = ReadonlyMap<CausalId, readonly { readonly type: string; readonly to: CausalId; readonly weight: number }[]>

async function edgesOf(request: Request, ids: readonly CausalId[]): Promise<Edges> {
  const { edges } = await request('memory.edges', { ids })
  const byFrom = new Map<CausalId, { readonly type: string; readonly to: CausalId; readonly weight: number }[]>()
  for (const { from, ...edge } of edges) byFrom.set(from, [...(byFrom.get(from) ?? []), edge])
  return byFrom
}

/** What an import takes, and where it came from. */
function rowOf({ id, key, text, meta, validFrom, validTo, source, author, at }: MemoryRecord, edges: Edges): object {
  const own = edges.get(id)
  return {
    id,
    key,
    text,
    ...(Object.keys(meta).length === 0 ? {} : { meta }),
    validFrom,
    validTo,
    source,
    ...(own === undefined ? {} : { edges: own }),
    author,
    at,
  }
}
