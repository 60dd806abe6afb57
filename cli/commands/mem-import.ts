import { resolve } from 'node:path'
import { asWeftError, WeftError } from '../../base/errors.ts'
import type { ClusterId } from '../../base/ids.ts'
import { FITTED_MAX_BYTES } from '../../ecc/import/import-item.ts'
import { markdownPrefix } from '../../ecc/import/markdown.ts'
import { readArchive } from '../import/archive-file.ts'
import { newCommits } from '../import/git-history.ts'
import { type Entry, type ImportFailure, ItemImport } from '../import/import-items.ts'
import { readChat, readMcpMemory } from '../import/json-file.ts'
import { readJsonl } from '../import/jsonl-file.ts'
import { readMarkdown } from '../import/markdown-folder.ts'
import { type Pruned, type PrunedSummary, Pruning } from '../import/prune.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { folderName, genesis } from '../parse.ts'
import { GONE } from '../perform-lines.ts'
import { plural } from '../text.ts'
import { oneLine } from '../visible.ts'

/** What every import takes. */
interface Again {
  readonly again?: boolean | undefined
}

const AGAIN = ['--again', 'also what was imported before and taken back or replaced here since'] as const

export const defineGit: Define = command =>
  command
    .argument('[path]', 'a checkout or a bare repository', '.')
    .option(...AGAIN)
    .addHelpText(
      'after',
      '\nOne memory for each commit, keyed git:HASH, linked to its parents, to what it reverts and fixes, and to\nearlier commits that changed the same files. Run it again: only new commits are imported.',
    )
    .action(
      action(async (cli, [path]: readonly [string], { again }: Again) => {
        const { total, known, entries } = await newCommits(resolve(path), cli.request)
        return importInto(cli, entries, { again, skipped: known, total })
      }),
    )

export const defineJsonl: Define = command =>
  command
    .argument('<file>', '- for stdin')
    .option('--embedder <id>', 'what made the vectors of the lines: external:NAME:DIMENSIONS')
    .option(...AGAIN)
    .addHelpText(
      'after',
      '\nA line is {"text", "key"?, "meta"?, "validFrom"?, "validTo"?, "source"?, "vector"?, "embedder"?, "edges"?: [{"type", "to",\n"weight"?}]}; `to` is an id, or the key of any line. What `weft mem export` writes can be read.',
    )
    .action(
      action((cli, [file]: readonly [string], { embedder, again }: Again & { readonly embedder?: string }) =>
        importInto(cli, readJsonl(file, embedder), { again }),
      ),
    )

export const defineMarkdown: Define = command =>
  command
    .argument('<folder>')
    .option('--as <name>', 'a name of the folder, which tells its notes from those of others', folderName)
    .option('--prune', 'take back what was imported before and is there no more')
    .option('--force', 'with --prune, also when more would go than stays')
    .option(...AGAIN)
    .addHelpText(
      'after',
      '\nOne memory for each section of each .md file, keyed md:PATH#HEADING (md@NAME:PATH#HEADING with --as) and linked to the sections it\nrefers to. Hidden folders and node_modules are left out. With --prune a section that is gone is forgotten, one that stands unchanged in another place is replaced by itself.',
    )
    .action(
      action(async (cli, [folder]: readonly [string], { as: name, prune, force, again }: MarkdownOptions) => {
        const prefix = markdownPrefix(name)
        const entries = readMarkdown(resolve(folder), prefix)
        if (prune !== true) {
          if (force === true) throw new WeftError('invalid_argument', '--force goes with --prune')
          return importAll(cli, entries, again)
        }
        const next =
          name === undefined ? 'import folders under names of their own (--as NAME), or say --force' : 'say --force if it is this folder'
        const pruning = await Pruning.begin(cli.request, cli.space, prefix, entries, { force: force === true, next })
        // What an earlier --prune took back, and the folder has again, is to be there again: then the folder decides.
        return importInto(cli, inOne(entries), { again: true, total: entries.length, prune: placed => pruning.finish(placed) })
      }),
    )

interface MarkdownOptions extends Again {
  readonly as?: string
  readonly prune?: boolean
  readonly force?: boolean
}

export const defineChat: Define = command =>
  command
    .argument('<file>', '- for stdin')
    .option(...AGAIN)
    .addHelpText(
      'after',
      '\nA memory for each message that a person or a model wrote, keyed chat:CONVERSATION/MESSAGE and linked to the one before. Reads lists and JSON\nLines of {"role", "content"}, sessions of coding agents, and exports of chat services. What tools said is left out. One without an id\nis known by its file and its first message.',
    )
    .action(action(async (cli, [file]: readonly [string], { again }: Again) => importAll(cli, await readChat(file), again)))

export const defineMcp: Define = command =>
  command
    .argument('<file>', '- for stdin')
    .option(...AGAIN)
    .addHelpText(
      'after',
      '\nThe file of the reference memory server of the Model Context Protocol. A memory for each entity and each observation, which is evidence for\nits entity; a relation becomes a link where its type is one of ours, and a memory of its own otherwise.',
    )
    .action(action(async (cli, [file]: readonly [string], { again }: Again) => importAll(cli, await readMcpMemory(file), again)))

export const defineCbor: Define = command =>
  command
    .argument('<file>')
    .requiredOption('--genesis <hash>', 'the id of the cluster it is of, from somebody you trust', genesis)
    .option(...AGAIN)
    .addHelpText(
      'after',
      '\nWhat weft mem export --proofs wrote, in this cluster or in another one. All of it is checked first. What is current is remembered as quotes,\nwhose source is the id of what they quote; a memory that is here already is left out.',
    )
    .action(
      action(async (cli, [file]: readonly [string], { genesis: cluster, again }: Again & { readonly genesis: ClusterId }) => {
        const { verdict, entries } = await readArchive(file, cluster, records => cli.progress.update(() => `checked ${records} records`))
        if (verdict.verdict === 'valid') return importAll(cli, entries, again)
        throw new WeftError('import_invalid', `${file}: ${verdict.reason}`, { next: `weft verify ${file} --genesis ${cluster}` })
      }),
    )

function importAll(cli: Invocation, entries: readonly Entry[], again: boolean | undefined): Promise<number> {
  return importInto(cli, inOne(entries), { again, total: entries.length })
}

async function* inOne(entries: readonly Entry[]): AsyncGenerator<readonly Entry[]> {
  yield entries
}

interface Importing extends Again {
  /** Known, and not among the entries. */
  readonly skipped?: number
  /** How much there is, where that is known. */
  readonly total?: number
  readonly prune?: (placed: ItemImport['placed']) => Promise<Pruned>
}

async function importInto(
  cli: Invocation,
  entries: AsyncIterable<readonly Entry[]>,
  { again, skipped = 0, total, prune }: Importing,
): Promise<number> {
  const onProgress = (done: number): void => cli.progress.update(() => `imported ${done}${total === undefined ? '' : ` of ${total}`}`)
  const importing = new ItemImport(cli.request, skipped, onProgress, again)
  const imported = await importing.run(entries).catch((thrown: unknown) => {
    throw importing.done === skipped ? thrown : interrupted(asWeftError(thrown), importing.done)
  })
  const summary: PrunedSummary = prune === undefined ? imported : { ...imported, ...(await prune(importing.placed)) }
  cli.progress.done()
  cli.print(summary, render)
  return summary.failed.length === 0 ? 0 : 1
}

/** The same failure; of a node that went away meanwhile it also says how much is in, and what to do about the rest. */
function interrupted(error: WeftError, done: number): WeftError {
  if (!GONE.includes(error.code)) return error
  const next = [error.next, 'run the same import again: what is in already is skipped'].filter(step => step !== undefined).join(', and ')
  return new WeftError(error.code, `${error.message}; at least ${plural(done, 'memory is', 'memories are')} in`, { cause: error, next })
}

/** 20 of them: a person reads no more, and `--json` has them all. */
const SHOWN_MAX = 20

/** As the guide writes it: 31,232. */
const CUT_AT: string = FITTED_MAX_BYTES.toLocaleString('en-US')

function render({ imported, skipped, gone, cut, failed, moved = 0, pruned }: PrunedSummary): string {
  const taken = pruned === undefined ? '' : `, ${moved} moved, ${pruned} taken back`
  const head = `${plural(imported, 'memory', 'memories')} imported, ${skipped} known already${taken}, ${failed.length} failed${cut === 0 ? '' : `, ${cut} cut at ${CUT_AT} bytes (label cut)`}`
  const left = gone === 0 ? [] : [`  ${gone} taken back or replaced here since an earlier import, and left out: --again imports them`]
  const rest = failed.length > SHOWN_MAX ? [`... and ${failed.length - SHOWN_MAX} more`] : []
  return [head, ...left, ...failed.slice(0, SHOWN_MAX).map(renderFailure), ...rest].join('\n')
}

function renderFailure({ line, item, key, id, code, message }: ImportFailure): string {
  const where = line === undefined ? (item === undefined ? undefined : `item ${item}`) : `line ${line}`
  const name = key === undefined ? id : oneLine(key)
  const which = where === undefined ? name : name === undefined ? where : `${where} (${name})`
  return `  ${which}: ${message} (${code})`
}
