import { Command, CommanderError } from 'commander'
import { WeftError } from '../base/errors.ts'
import { packageVersion } from '../node/host/directory.ts'
import { reportFailure } from './failure.ts'
import { flushed, listenForBrokenPipe } from './output.ts'
import { type Route, ROUTES } from './routes.ts'

/**
 * The command line. What is loaded to get here is commander and the table of commands; a command's
 * own file, with its options and everything it needs, is loaded when it is the one that was asked for.
 *
 * @returns the exit code: that of the error (`base/errors.ts`), or the one the command has set
 */
export async function main(args: readonly string[]): Promise<number> {
  listenForBrokenPipe()
  // `weft help mem recall` is what people type who have not seen `weft mem recall --help`.
  const words = args[0] === 'help' ? [...args.slice(1), '--help'] : args
  const isJson = words.includes('--json')
  try {
    await createProgram(isJson).parseAsync(words, { from: 'user' })
  } catch (thrown) {
    process.exitCode = fail(thrown, isJson)
  }
  await flushed()
  return Number(process.exitCode ?? 0)
}

function createProgram(isJson: boolean): Command {
  const version = packageVersion()
  const program = new Command('weft')
    .description('A mesh of nodes for AI agents: processes, signed chains and a shared causal memory.')
    .option('--dir <dir>', 'the node directory (default: $WEFT_DIR, or ./.weft)')
    .option('--json', 'print data as JSON')
    .option('--progress', 'show progress, also where stderr is no terminal')
    .version(isJson ? JSON.stringify({ version }) : version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', '\nTo see it work: weft demo. To begin: weft init, weft start -d. For one command: weft COMMAND --help.')
  addRoutes(program, ROUTES)
  return program
}

function addRoutes(parent: Command, routes: readonly Route[]): void {
  const unloaded = new Map<Command, NonNullable<Route['load']>>()
  for (const { name, about, load, commands } of routes) {
    const command = parent.command(name).description(about).helpCommand(false)
    if (load !== undefined) unloaded.set(command, load)
    if (commands !== undefined) addRoutes(command, commands)
  }
  parent.hook('preSubcommand', async (_, command) => {
    const define = await unloaded.get(command)?.()
    define?.(command)
  })
}

/** Help that was asked for is no failure; help for want of a command is one, and so is whatever commander did not understand. */
function fail(thrown: unknown, isJson: boolean): number {
  if (!(thrown instanceof CommanderError)) return reportFailure(thrown, isJson)
  if (thrown.exitCode === 0) return 0
  const message = thrown.code === 'commander.help' ? 'which command?' : thrown.message.replace(/^error: /, '').replaceAll('\n', ' ')
  return reportFailure(new WeftError('usage', message), isJson)
}
