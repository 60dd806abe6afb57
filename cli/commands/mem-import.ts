import { resolve } from 'node:path'
import { WeftError } from '../../base/errors.ts'
import type { ClusterId } from '../../base/ids.ts'
import { readArchive } from '../import/archive-file.ts'
import { newCommits } from '../import/git-history.ts'
import { type Entry, type ImportFailure, ItemImport, type ImportSummary } from '../import/import-items.ts'
import { readChat, readMcpMemory } from '../import/json-file.ts'
import { readJsonl } from '../import/jsonl-file.ts'
import { readMarkdown } from '../import/markdown-folder.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { genesis } from '../parse.ts'
import { plural } from '../text.ts'
import { oneLine } from '../visible.ts'

export const defineGit: Define = command =>
  command
    .argument('[path]', 'a checkout or a bare repository', '.')
    .addHelpText(
      'after',
      '\nOne memory for each commit, keyed git:HASH, linked to its parents, to what it reverts and fixes, and to\nearlier commits that changed the same files. Run it again: only new commits are imported.',
    )
    .action(
      action(async (cli, [path]: readonly [string]) => {
        const { total, known, entries } = await newCommits(resolve(path), cli.request)
        return importInto(cli, entries, known, total)
      }),
    )

export const defineJsonl: Define = command =>
  command
    .argument('<file>', '- for stdin')
    .option('--embedder <id>', 'what made the vectors of the lines: external:NAME:DIMENSIONS')
    .addHelpText(
      'after',
      '\nA line is {"text", "key"?, "meta"?, "validFrom"?, "validTo"?, "source"?, "vector"?, "embedder"?, "edges"?: [{"type", "to",\n"weight"?}]}; `to` is an id, or the key of any line. What `weft mem export` writes can be read.',
    )
    .action(
      action((cli, [file]: readonly [string], { embedder }: { readonly embedder?: string }) =>
        importInto(cli, readJsonl(file, embedder), 0, undefined),
      ),
    )

export const defineMarkdown: Define = command =>
  command
    .argument('<folder>')
    .addHelpText('after', '\nOne memory for each section of each .md file, keyed md:PATH#HEADING and linked to the sections it refers to.')
    .action(action((cli, [folder]: readonly [string]) => importAll(cli, readMarkdown(resolve(folder)))))

export const defineChat: Define = command =>
  command
    .argument('<file>', '- for stdin')
    .addHelpText(
      'after',
      '\nA memory for each message that a person or a model wrote, keyed chat:CONVERSATION/MESSAGE and linked to the one before. Reads lists and JSON\nLines of {"role", "content"}, sessions of coding agents, and exports of chat services. What tools said is left out.',
    )
    .action(action(async (cli, [file]: readonly [string]) => importAll(cli, await readChat(file))))

export const defineMcp: Define = command =>
  command
    .argument('<file>', '- for stdin')
    .addHelpText(
      'after',
      '\nThe file of the reference memory server of the Model Context Protocol. A memory for each entity and each observation, which is evidence for\nits entity; a relation becomes a link where its type is one of ours, and a memory of its own otherwise.',
    )
    .action(action(async (cli, [file]: readonly [string]) => importAll(cli, await readMcpMemory(file))))

export const defineCbor: Define = command =>
  command
    .argument('<file>')
    .requiredOption('--genesis <hash>', 'the id of the cluster it is of, from somebody you trust', genesis)
    .addHelpText(
      'after',
      '\nWhat weft mem export --proofs wrote, in this cluster or in another one. All of it is checked first. What is current is remembered as quotes,\nwhose source is the id of what they quote; a memory that is here already is left out.',
    )
    .action(
      action(async (cli, [file]: readonly [string], { genesis: cluster }: { readonly genesis: ClusterId }) => {
        const { verdict, entries } = await readArchive(file, cluster, records => cli.progress.update(() => `checked ${records} records`))
        if (verdict.verdict === 'valid') return importAll(cli, entries)
        throw new WeftError('import_invalid', `${file}: ${verdict.reason}`, { next: `weft verify ${file} --genesis ${cluster}` })
      }),
    )

function importAll(cli: Invocation, entries: readonly Entry[]): Promise<number> {
  return importInto(cli, inOne(entries), 0, entries.length)
}

async function* inOne(entries: readonly Entry[]): AsyncGenerator<readonly Entry[]> {
  yield entries
}

/** @param total how much there is, where that is known */
async function importInto(
  cli: Invocation,
  entries: AsyncIterable<readonly Entry[]>,
  skipped: number,
  total: number | undefined,
): Promise<number> {
  const summary = await new ItemImport(cli.request, skipped, done =>
    cli.progress.update(() => `imported ${done}${total === undefined ? '' : ` of ${total}`}`),
  ).run(entries)
  cli.progress.done()
  cli.print(summary, render)
  return summary.failed.length === 0 ? 0 : 1
}

/** 20 of them: a person reads no more, and `--json` has them all. */
const SHOWN_MAX = 20

function render({ imported, skipped, failed }: ImportSummary): string {
  const head = `${plural(imported, 'memory', 'memories')} imported, ${skipped} known already, ${failed.length} failed`
  const rest = failed.length > SHOWN_MAX ? [`... and ${failed.length - SHOWN_MAX} more`] : []
  return [head, ...failed.slice(0, SHOWN_MAX).map(renderFailure), ...rest].join('\n')
}

function renderFailure({ line, key, code, message }: ImportFailure): string {
  return `  line ${line}${key === undefined ? '' : ` (${oneLine(key)})`}: ${message} (${code})`
}
