import type { ConfigValues } from '../../node/config.ts'
import { readPorts } from '../../node/host/directory.ts'
import { missingAddresses } from '../../node/last-addresses.ts'
import { LOG_FILE, type RunningNode, startInBackground } from '../background.ts'
import { requireNode } from '../directory.ts'
import { action, type Define, type Invocation } from '../invocation.ts'
import { nodeIn } from '../node-in.ts'
import { ignoreBrokenPipe, talk } from '../output.ts'
import { each } from '../parse.ts'

interface Options {
  readonly detach?: boolean
  readonly listen?: readonly string[]
  readonly announce?: readonly string[]
  readonly bootstrap?: readonly string[]
  readonly mdns?: 'on' | 'off' | 'auto'
  readonly http?: string
  readonly name?: string
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error'
  readonly guard?: 'one' | 'majority'
  readonly embedder?: 'none' | 'openai' | 'transformers' | 'builtin'
  readonly embedderUrl?: string
  readonly embedderModel?: string
  readonly embedderDims?: number
  readonly embedderKeyEnv?: string
  readonly embedderPath?: string
  readonly replicateSpaces?: readonly string[]
  readonly replicateExcept?: readonly string[]
  readonly cognitionTick?: 'on' | 'off'
  readonly cognitionShare?: number
}

export const define: Define = command =>
  command
    .option('-d, --detach', `run in the background; output goes to ${LOG_FILE} in the node directory`)
    .option('--name <name>', 'what people call this node')
    .option(
      '--listen <multiaddr>',
      'where other nodes can connect, several times (default: /ip4/127.0.0.1/tcp/0, a free port that is kept)',
      each,
    )
    .option('--announce <multiaddr>', 'where others are told to connect instead, several times', each)
    .option('--bootstrap <multiaddr>', 'a member to dial first, ending in /p2p/NODE, several times', each)
    .option('--mdns <on|off|auto>', 'find members on the local network (default: when listening beyond this machine)')
    .option('--http <host:port>', 'where the control interface listens, on this machine (default: a free port that is kept)')
    .option('--log-level <level>', 'debug, info, warn or error')
    .option('--guard <one|majority>', "who must vouch for this node's logs before it signs again")
    .option('--replicate-spaces <name>', 'keep a copy of this space and of main, and of no other, several times (default: of all)', each)
    .option('--replicate-except <name>', 'keep no copy of this space, several times', each)
    .option('--cognition-tick <on|off>', 'look at what is new in the memory, and raise impulses (default: off)')
    .option('--cognition-share <fraction>', 'what that may take of the loop: above 0, at most 1 (default: 0.3)')
    .option('--embedder <none|openai|transformers|builtin>', 'what makes vectors of memories (default: none)')
    .option('--embedder-url <url>', 'openai: the server, e.g. http://127.0.0.1:11434/v1')
    .option('--embedder-model <name>', 'the model')
    .option('--embedder-dims <count>', 'how many numbers the model gives', Number)
    .option('--embedder-key-env <variable>', 'openai: the environment variable that holds the key')
    .option('--embedder-path <folder>', 'transformers: the folder that holds models')
    .addHelpText(
      'after',
      '\nThe same settings, and some more of embedders, can stand in weft.toml in the node directory, and in WEFT_NAME, WEFT_LISTEN and so on.\nFlags count for this start only.',
    )
    .action(
      action(async (cli, _, options: Options) => {
        requireNode(cli.dir)
        if (options.detach !== true) return runHere(cli, options)
        cli.print(await startInBackground(cli.dir, flagsOf(options)), render)
        const { settings } = await nodeIn(cli.dir)('node.settings', {})
        const missing = missingAddresses(settings, readPorts(cli.dir))
        if (missing !== undefined) talk(`weft: ${missing}`) // the node's own log, which says so too, is in a file
      }),
    )

/** Runs until it is told to stop: by a signal, or by `weft stop`. */
async function runHere(cli: Invocation, { detach: _, ...flags }: Options): Promise<void> {
  const { startNode } = await import('../../node/create-node.ts')
  let onStopped = (): void => {}
  const stopped = new Promise<void>(resolve => (onStopped = resolve))
  const { node, control } = await startNode({
    ...(flags satisfies ConfigValues),
    dir: cli.dir,
    create: false,
    logTo: process.stderr,
    onStopped,
  })
  stopOnSignals(() => node.stop())
  ignoreBrokenPipe()
  // A promise that a process's own code dropped is that code's mistake; the node and the other processes go on.
  process.on('unhandledRejection', thrown =>
    talk(JSON.stringify({ level: 'error', time: new Date().toISOString(), event: 'host.unhandled-rejection', message: String(thrown) })),
  )
  const { addresses } = await node.status()
  cli.print({ nodeId: node.nodeId, cluster: node.cluster, http: control.url, addresses, osPid: process.pid }, render)
  await stopped
}

/** The first signal stops the node in good order, the second one does not wait for that. */
function stopOnSignals(stop: () => Promise<void>): void {
  let isStopping = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1)
      isStopping = true
      void stop()
    })
  }
}

function flagsOf({ detach: _, ...flags }: Options): string[] {
  const rows = Object.entries(flags) as [string, string | number | readonly string[] | undefined][]
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [value].flat().flatMap(one => [`--${kebab(name)}`, String(one)])))
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}

function render({ nodeId, http, addresses, osPid }: RunningNode): string {
  return `node       ${nodeId}\naddresses  ${addresses.join('\n           ') || 'none: it only dials'}\ncontrol    ${http}\nprocess    ${osPid}`
}
