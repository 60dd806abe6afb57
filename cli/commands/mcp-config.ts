import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { WeftError } from '../../base/errors.ts'
import { isNode } from '../directory.ts'
import { action, type Define } from '../invocation.ts'
import { type Client, CLIENTS, type McpCommand } from '../mcp/clients.ts'
import type { Entry } from '../mcp/entry.ts'
import { ownCommand } from '../mcp/own-command.ts'
import { requireSpaceName } from '../mcp/space-name.ts'
import { talk } from '../output.ts'

interface Options {
  readonly client: string
  readonly write?: boolean
  readonly force?: boolean
}

interface Outcome extends McpCommand {
  readonly client: string
  readonly file: string
  /** What is to stand in the file; other entries beside it. */
  readonly config: string
  /** False when it was not asked for, or stood there already. */
  readonly written: boolean
}

export const define: Define = command =>
  command
    .option('--space <name>', 'the space that the agents share (default: $WEFT_SPACE, or main)')
    .requiredOption('--client <name>', Object.keys(CLIENTS).join(', '), clientName)
    .option('--write', "put it into the client's file, beside what else stands there")
    .option('--force', 'also in the place of an entry for another node')
    .addHelpText(
      'after',
      '\nPrints what the client must be told to start `weft mcp` for this node: for claude, cursor and vscode in the project that you are\nin (.mcp.json, .cursor/mcp.json, .vscode/mcp.json), for codex in ~/.codex/config.toml.',
    )
    .action(
      action(async (cli, _, { client, write, force }: Options) => {
        requireSpaceName(cli.space)
        const { command, args } = ownCommand()
        const mcp: McpCommand = {
          command,
          args: [...args, 'mcp', '--dir', cli.dir, ...(cli.space === undefined ? [] : ['--space', cli.space])],
        }
        const { file: fileOf, entry } = CLIENTS[client] as Client
        const file = fileOf(process.cwd())
        const wanted = entry(mcp)
        const { alone } = wanted
        const written = write === true && put(file, wanted, force === true ? undefined : cli.dir)
        if (!isNode(cli.dir)) talk(`weft: there is no node in ${cli.dir} yet: weft init, then weft start -d`)
        if (write !== true && !cli.isJson) talk(`to stand in ${file}; --write puts it there`)
        cli.print<Outcome>({ client, file, ...mcp, config: alone, written }, () =>
          write !== true ? alone : written ? `written to ${file}` : `${file} has it already`,
        )
      }),
    )

function clientName(text: string): string {
  if (!Object.hasOwn(CLIENTS, text)) throw new InvalidArgumentError(`There are ${Object.keys(CLIENTS).join(', ')}.`)
  return text
}

/** @param dir of the node: an entry for another one stays, and is an error. @returns false when the file says so already */
function put(file: string, { alone, into, args }: Entry, dir: string | undefined): boolean {
  try {
    const before = contentOf(file)
    const after = before === undefined ? alone : into(before, file)
    if (after === before) return false
    const other = before === undefined ? undefined : dirIn(args(before) ?? [])
    if (dir !== undefined && other !== undefined && resolve(other) !== dir)
      throw new WeftError('config_invalid', `the entry in ${file} is for another node, in ${other}`, {
        next: '--force puts this one in its place; without --write the entry is printed, to stand beside it under another name',
      })
    replace(file, after)
    return true
  } catch (thrown) {
    if (thrown instanceof WeftError) throw thrown
    throw new WeftError('config_invalid', `cannot write ${file}: ${(thrown as Error).message}`, {
      cause: thrown,
      next: 'add the entry by hand: leave out --write to see it',
    })
  }
}

/** Which node an entry is for. */
function dirIn(args: readonly string[]): string | undefined {
  const at = args.indexOf('--dir')
  return at < 0 ? undefined : args[at + 1]
}

function contentOf(file: string): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file))
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw thrown
  }
}

/** In one step, so that nobody reads half of it. Behind a link the file itself is replaced; its mode stays. */
function replace(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  const target = isThere(file) ? realpathSync(file) : file
  const beside = `${target}.${process.pid}.tmp`
  try {
    writeFileSync(beside, text, { mode: isThere(target) ? statSync(target).mode : 0o644 })
    renameSync(beside, target)
  } finally {
    rmSync(beside, { force: true })
  }
}

function isThere(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined
}
