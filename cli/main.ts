import { Command, CommanderError } from 'commander'
import { ERRORS, WeftError } from '../base/errors.ts'
import { packageVersion } from '../node/host/directory.ts'
import { reportFailure } from './failure.ts'
import { inFlags } from './flags.ts'
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
  return perform(args)
}

/** One command of a process that may perform several. @returns as `main` */
export async function perform(args: readonly string[]): Promise<number> {
  // `weft help mem recall` is what people type who have not seen `weft mem recall --help`.
  const words = args[0] === 'help' ? [...args.slice(1), '--help'] : args
  const isJson = words.includes('--json')
  let atHand: Command | undefined
  const program = createProgram(isJson, command => (atHand = command))
  try {
    await program.parseAsync(knownTo(program, words) ? words : withoutHelp(words), { from: 'user' })
  } catch (thrown) {
    process.exitCode = fail(thrown, isJson, atHand ?? program)
  }
  await flushed()
  return Number(process.exitCode ?? 0)
}

/** Whether the first word is a command, if there is one. What is none has no help either: commander would print that of all commands. */
function knownTo(program: Command, words: readonly string[]): boolean {
  const [name] = program.parseOptions([...words]).operands
  return name === undefined || program.commands.some(command => command.name() === name)
}

function withoutHelp(words: readonly string[]): readonly string[] {
  return words.filter(word => word !== '--help' && word !== '-h')
}

function createProgram(isJson: boolean, onCommand: (command: Command) => void): Command {
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
  addRoutes(program, ROUTES, onCommand)
  return program
}

function addRoutes(parent: Command, routes: readonly Route[], onCommand: (command: Command) => void): void {
  const unloaded = new Map<Command, NonNullable<Route['load']>>()
  for (const { name, about, load, option, commands } of routes) {
    const command = parent.command(name).description(about).helpCommand(false)
    if (option !== undefined) command.option(...option)
    if (load !== undefined) unloaded.set(command, load)
    if (commands !== undefined) addRoutes(command, commands, onCommand)
  }
  parent.hook('preSubcommand', async (_, command) => {
    onCommand(command)
    const define = await unloaded.get(command)?.()
    define?.(command)
  })
}

/** Help that was asked for is no failure; help for want of a command is one, and so is whatever commander did not understand. */
function fail(thrown: unknown, isJson: boolean, atHand: Command): number {
  const next = `${unquoted(thrown, atHand)}see ${wordsOf(atHand)} --help`
  if (thrown instanceof CommanderError)
    return thrown.exitCode === 0 ? 0 : reportFailure(new WeftError('usage', misunderstood(thrown, atHand), { next }), isJson)
  if (thrown instanceof WeftError && thrown.code === 'invalid_argument') return reportFailure(inFlags(thrown, atHand), isJson)
  const isUnadvised = thrown instanceof WeftError && thrown.code === 'usage' && thrown.next === ERRORS.usage.next
  return reportFailure(isUnadvised ? new WeftError('usage', thrown.message, { next, cause: thrown }) : thrown, isJson)
}

/** A text that the shell has split into words. */
function unquoted(thrown: unknown, atHand: Command): string {
  const isSplit = thrown instanceof CommanderError && thrown.code === 'commander.excessArguments'
  if (!isSplit || atHand.registeredArguments.length !== 1 || !/^(query|text)/.test(atHand.registeredArguments[0]?.name() ?? '')) return ''
  return `in quotes: ${wordsOf(atHand)} ${JSON.stringify(atHand.args.join(' '))}; or `
}

/** What commander says, on one line. All commands there are would be more than one. */
function misunderstood({ code, message }: CommanderError, { parent, commands, args }: Command): string {
  if (code === 'commander.help') return 'which command?'
  const said = message.replace(/^error: /, '').replaceAll('\n', ' ')
  if (code !== 'commander.unknownCommand') return said
  if (parent !== null) return `${said} (there are ${commands.map(command => command.name()).join(', ')})`
  const places = placesOf(args[0] as string, ROUTES, 'weft')
  if (places.length === 0) return said
  return `unknown command '${args[0]}' (Did you mean ${places.length === 1 ? '' : 'one of '}${places.join(', ')}?)`
}

/** `weft mem recall` for `recall`: who leaves out the group means what is in it, whatever else is spelt much like it. */
function placesOf(name: string, routes: readonly Route[], above: string): readonly string[] {
  return routes.flatMap(route => [
    ...(route.name === name ? [`${above} ${name}`] : []),
    ...placesOf(name, route.commands ?? [], `${above} ${route.name}`),
  ])
}

/** `weft sim run` */
function wordsOf(command: Command): string {
  return command.parent === null ? command.name() : `${wordsOf(command.parent)} ${command.name()}`
}
