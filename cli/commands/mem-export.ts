import { type FileHandle, open } from 'node:fs/promises'
import { Option } from 'commander'
import { WeftError } from '../../base/errors.ts'
import type { CausalId } from '../../base/ids.ts'
import type { GivenVector, MemoryRecord } from '../../node/api.ts'
import type { Request } from '../../node/commands/types.ts'
import { type Archived, writeArchive } from '../archive-file.ts'
import { EXPORT_FORMATS, type ExportedEdge, type ExportFormat, type ExportFormatName } from '../export-formats.ts'
import { cannotWrite } from '../failure.ts'
import { action, type Define } from '../invocation.ts'
import { writeAll } from '../output.ts'
import { plural } from '../text.ts'

/** 100 memories of 48 KiB are 5 MB, and an answer with vectors of them has as much: what is held at a time. */
const PAGE = 100

interface Options {
  readonly out?: string
  readonly asOf?: string
  readonly format: ExportFormatName | 'cbor'
  readonly proofs?: string
}

export const define: Define = command =>
  command
    .option('--out <file>', 'write to a file instead of stdout; - is stdout')
    .option('--as-of <then>', 'as it was then: a frontier, or a time like 2026-01-31T12:00:00Z')
    .addOption(
      new Option('--format <format>', 'jsonl, which weft mem import reads, graphml, for programs that draw graphs, or cbor, with --proofs')
        .choices([...Object.keys(EXPORT_FORMATS), 'cbor'])
        .default('jsonl'),
    )
    .option('--proofs <file>', 'with --format cbor: everything, with all that it takes to check it without a node')
    .addHelpText(
      'after',
      '\nWhat is current, with who wrote it and when; as JSON Lines, one memory per line, with the vector that you gave\nit; one with vectors of several external embedders has a line for each. With proofs: all records of all authors, as they were signed,\nwhich weft verify checks and weft mem import cbor reads.\n\nWhat weft mem import jsonl reads again is by the node that imports it, written then; weft mem import cbor keeps authors and times, as\nlabels of quotes.',
    )
    .action(
      action(async (cli, _, { out, asOf, format: name, proofs }: Options) => {
        if (name === 'cbor' || proofs !== undefined) {
          if (name !== 'cbor' || proofs === undefined || out !== undefined || asOf !== undefined)
            throw new WeftError('invalid_argument', '--format cbor and --proofs FILE go together, and with neither --out nor --as-of')
          if (proofs === '-') throw new WeftError('usage', 'an export with proofs is written to a file, not to stdout')
          const archived = await writeArchive(cli.request, proofs, (records, of) =>
            cli.progress.update(() => `exported ${records} of ${of} records`),
          )
          cli.progress.done()
          return cli.print(archived, renderArchived)
        }
        const format = EXPORT_FORMATS[name]()
        const progress = (count: number): void => cli.progress.update(() => `exported ${count}`)
        if (out === undefined || out === '-') {
          await exportTo(cli.request, format, asOf, writeAll, progress)
          return cli.progress.done()
        }
        const file = await opened(out)
        let exported: number
        try {
          exported = await exportTo(cli.request, format, asOf, text => file.appendFile(text), progress)
        } finally {
          await file.close()
        }
        cli.progress.done()
        cli.print({ exported, file: out }, () => `${plural(exported, 'memory', 'memories')} in ${out}`)
      }),
    )

function renderArchived({ file, records, logs, bytes, forked }: Archived): string {
  const left = forked.length === 0 ? '' : `\nleft out: ${plural(forked.length, 'log')} with two histories`
  return `${plural(records, 'record')} of ${plural(logs, 'log')} in ${file} (${bytes} bytes)${left}`
}

async function opened(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'w', 0o600)
  } catch (thrown) {
    throw cannotWrite(file, thrown)
  }
}

async function exportTo(
  request: Request,
  format: ExportFormat,
  asOf: string | undefined,
  write: (text: string) => Promise<void>,
  progress: (count: number) => void,
): Promise<number> {
  let after: string | undefined
  let count = 0
  // What is written while this goes on is not in it: one export speaks of one moment.
  let at = asOf ?? (await request('memory.status', {})).frontier
  await write(format.begin())
  for (let more = true; more; ) {
    const page = await request('memory.list', { after, asOf: at, limit: PAGE })
    // A time is a frontier from here on: what arrives late is not in it either.
    at = page.asOf ?? at
    const memories = page.memories.filter(memory => memory.state === 'current')
    const edges = await edgesOf(
      request,
      memories.map(memory => memory.id),
    )
    for await (const rows of format.hasVectors ? withVectors(request, memories, at) : [memories.map((memory): Row => ({ memory }))])
      await write(rows.map(({ memory, isMore, vector }) => format.memory(memory, (!isMore && edges.get(memory.id)) || [], vector)).join(''))
    count += memories.length
    progress(count)
    after = page.frontier
    more = page.more
  }
  await write(format.end())
  return count
}

interface Row {
  readonly memory: MemoryRecord
  readonly vector?: GivenVector
  /** The memory was in an earlier row, with another vector. */
  readonly isMore?: boolean
}

/** Memories with the vectors that callers gave them, as many at a time as one answer has. */
async function* withVectors(request: Request, memories: readonly MemoryRecord[], asOf: string): AsyncGenerator<readonly Row[]> {
  let rest = memories
  for (let place = 0; rest.length > 0; ) {
    const { vectors, next } = await request('memory.vectors', { ids: rest.map(({ id }) => id), place, asOf })
    const upTo = next === undefined ? rest.length : rest.findIndex(({ id }) => id === next.id)
    // The one to go on with has rows here when some of its vectors came.
    const some = rest.slice(0, upTo + (next === undefined || next.place === 0 ? 0 : 1))
    const begun = place
    yield some.flatMap((memory, i): readonly Row[] => {
      const isBegun = i === 0 && begun > 0
      const own = vectors.filter(({ id }) => id === memory.id)
      if (own.length === 0) return isBegun ? [] : [{ memory }]
      return own.map((vector, n) => ({ memory, vector, isMore: isBegun || n > 0 }))
    })
    rest = rest.slice(upTo)
    place = next?.place ?? 0
  }
}

async function edgesOf(request: Request, ids: readonly CausalId[]): Promise<ReadonlyMap<CausalId, readonly ExportedEdge[]>> {
  const byFrom = new Map<CausalId, ExportedEdge[]>(ids.map(id => [id, []]))
  let rest = ids
  for (let place: number | undefined, more = true; more; ) {
    const { edges, next } = await request('memory.edges', { ids: rest, place })
    for (const { from, ...edge } of edges) byFrom.get(from)?.push(edge)
    more = next !== undefined
    place = next?.place
    if (next !== undefined) rest = rest.slice(rest.indexOf(next.id))
  }
  return byFrom
}
