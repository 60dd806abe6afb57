import { textOf, toHex } from '../base/bytes.ts'
import { asWeftError, WeftError } from '../base/errors.ts'
import type { Logger } from '../base/ports.ts'
import { mdnsDiscovery } from '../discovery/libp2p/mdns.ts'
import { createLibp2pTransport } from '../transport/libp2p/libp2p-transport.ts'
import { openVectorStore } from '../ecc/hnsw-worker/vector-store.ts'
import type { Spawned, WeftNode } from './api.ts'
import { boot } from './boot.ts'
import { clientOf } from './client/client.ts'
import { spawn } from './commands/process.ts'
import { type Config, CONFIG_FILE, type ConfigValues, listensBeyondLoopback, resolveConfig, seedOf, settingsOf, trustIn } from './config.ts'
import { hostClock } from './host/clock.ts'
import {
  environment,
  indexDirectory,
  packageVersion,
  readPorts,
  removeControlFile,
  useDirectory,
  vectorsDirectory,
  writeControlFile,
  writePorts,
} from './host/directory.ts'
import { type HostDisk, openDisk } from './host/disk.ts'
import { configuredEmbedder } from './host/embedder/configured.ts'
import { destroyIndex, type HostIndex, type IndexOpened, openIndex } from './host/index.ts'
import { loadProgram } from './host/load-program.ts'
import { createLogger } from './host/logger.ts'
import { hostRandom } from './host/random.ts'
import { type Control, serveControl } from './http/control.ts'
import { foundCluster, loadCluster } from './identity.ts'
import { lastAddresses, missingAddresses } from './last-addresses.ts'
import type { Program } from './process/behaviour.ts'
import type { Runtime } from './runtime.ts'
import { loadFile } from './save-file.ts'
import { takesOf } from './takes.ts'

export interface NodeOptions extends ConfigValues {
  /** The node directory. An empty one becomes a cluster of one. */
  readonly dir: string
  /** False: a directory without a node is an error (`not_initialised`). */
  readonly create?: boolean | undefined
  /** Takes log lines; none are written when left out, and the last ones are in `events()` all the same. */
  readonly logTo?: { write(line: string): void } | undefined
  /** Called when the node has shut down, also when somebody else asked it to. */
  readonly onStopped?: (() => void) | undefined
}

/** A running node and its settings, for the command line. */
export interface StartedNode {
  readonly node: WeftNode
  readonly config: Config
  readonly control: Control
}

/** Starts a node in this process. */
export async function createNode(options: NodeOptions): Promise<WeftNode> {
  return (await startNode(options)).node
}

/** The composition root: everything a real node is made of, in the order in which it comes to life. */
export async function startNode(options: NodeOptions): Promise<StartedNode> {
  const dir = useDirectory(options.dir)
  const disk = openDisk(dir)
  const config = resolveConfig(options, environment(), await configFile(disk))
  const { log } = createLogger({ level: config.logLevel.value, destination: options.logTo ?? { write: () => {} } })
  const embedder = configuredEmbedder(config, { clock: hostClock, random: hostRandom, log, environment: environment(), dir })
  await requireCluster(disk, config, options.create ?? true)
  const index = await openLocked(indexDirectory(dir), log) // one process per directory, from here on
  const vectors = openVectorStore({ directory: vectorsDirectory(dir), log })
  const closing: (() => Promise<void> | void)[] = [() => embedder?.close(), () => closed(vectors), () => closed(index), () => closed(disk)]
  let stopping: Promise<void> | undefined
  try {
    const ports = readPorts(dir)
    const listen = keptListen(config.listen.value, ports.tcp)
    const runtime = await booted(
      {
        clock: hostClock,
        random: hostRandom,
        disk,
        index,
        vectors,
        log,
        load: loadProgram,
        embedder,
        onStop: () => void stop(),
        transport: ({ seed }, { genesis }, metrics, current) =>
          createLibp2pTransport({
            seed,
            listen,
            announce: config.announce.value,
            log,
            metrics,
            peerDiscovery: usesMdns(config) ? [mdnsDiscovery(genesis.cluster)] : [],
            onDiscovered: (peer, addresses) => current()?.dispatch({ kind: 'discovered', peer, addresses }),
          }),
      },
      {
        name: config.name.value,
        version: packageVersion(),
        seeds: config.bootstrap.value.map(seedOf).filter(seed => seed !== undefined),
        policies: config.forget.value,
        strictGuard: config.guard.value === 'majority',
        takes: takesOf({ replicateSpaces: config.replicateSpaces.value, replicateExcept: config.replicateExcept.value }),
        routes: config.memoryRoute.value,
        trust: trustIn(config.memoryTrust.value),
        cognition: { tick: config.cognitionTick.value, share: config.cognitionShare.value, calibrate: true },
        settings: settingsOf(config),
      },
    )
    closing.unshift(() => new Promise(resolve => runtime.stop(resolve)))
    await new Promise<void>(resolve => runtime.core.run(() => runtime.core.whenFolded(resolve))) // what was stored can be recalled
    const control = await serveControl(runtime, {
      listen: keptHttp(config.http.value, ports.http),
      token: toHex(hostRandom.bytes(32)),
      log,
    })
    closing.unshift(() => control.close())
    const last = lastAddresses(config, ports)
    writePorts(dir, { ...(config.announce.value.length > 0 ? {} : tcpPortOf(runtime)), http: Number(new URL(control.url).port), ...last })
    const missing = missingAddresses(settingsOf(config), last)
    if (missing !== undefined) log('warn', 'node.addresses-missing', { message: missing })
    writeControlFile(dir, control)
    closing.unshift(() => removeControlFile(dir))
    return { node: faceOf(runtime, dir, stop), config, control }
  } catch (thrown) {
    await stop()
    throw thrown
  }

  function stop(): Promise<void> {
    stopping ??= closeAll()
    return stopping
  }

  async function closeAll(): Promise<void> {
    for (const close of closing) await close()
    options.onStopped?.()
  }
}

async function configFile(disk: HostDisk): Promise<string | undefined> {
  const bytes = await new Promise<Uint8Array | undefined>((resolve, reject) => {
    loadFile(disk, CONFIG_FILE, (error, found) =>
      error === undefined ? resolve(found) : reject(new WeftError('directory_unusable', `cannot read ${CONFIG_FILE}: ${error.message}`)),
    )
  })
  const text = bytes === undefined ? undefined : textOf(bytes)
  if (bytes !== undefined && text === undefined) throw new WeftError('config_invalid', `${CONFIG_FILE} is not UTF-8 text`)
  return text
}

function requireCluster(disk: HostDisk, config: Config, create: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    loadCluster(disk, (error, cluster) => {
      if (error !== undefined) return reject(error)
      if (cluster !== undefined) return resolve()
      if (!create) return reject(new WeftError('not_initialised', 'there is no node in this directory'))
      foundCluster(disk, hostRandom, config.name.value, failed => (failed === undefined ? resolve() : reject(failed)))
    })
  })
}

/** The index is the lock of the directory too; a damaged one is made again from the journal. */
async function openLocked(directory: string, log: Logger): Promise<HostIndex> {
  const opened = await new Promise<IndexOpened>(resolve => openIndex(directory, resolve))
  if (opened.ok) return opened.value
  if (opened.error.code !== 'index_damaged') throw opened.error
  log('warn', 'index.damaged', { message: opened.error.message })
  await new Promise<void>((resolve, reject) => destroyIndex(directory, error => (error === undefined ? resolve() : reject(error))))
  const again = await new Promise<IndexOpened>(resolve => openIndex(directory, resolve))
  if (again.ok) return again.value
  throw again.error
}

function booted(ports: Parameters<typeof boot>[0], options: Parameters<typeof boot>[1]): Promise<Runtime> {
  return new Promise((resolve, reject) => {
    boot(ports, options, (error, runtime) =>
      runtime === undefined ? reject(error ?? new WeftError('internal', 'no runtime')) : resolve(runtime),
    )
  })
}

function faceOf(runtime: Runtime, dir: string, stop: () => Promise<void>): WeftNode {
  const { core } = runtime
  const spawnHere = (program: Program, { name }: { readonly name?: string | undefined }): Promise<Spawned> =>
    new Promise((resolve, reject) => {
      core.run(() => {
        try {
          spawn(core, program, name, 'inline', { ok: resolve, fail: reject })
        } catch (thrown) {
          reject(asWeftError(thrown))
        }
      })
    })
  return clientOf({
    nodeId: core.self,
    cluster: core.chain.cluster,
    dir,
    request: (name, input) => runtime.request(name, input, 'sdk'),
    spawnHere,
    stop,
  })
}

/** A port of 0 becomes the one that was free last time. */
function keptListen(listen: readonly string[], kept: number | undefined): readonly string[] {
  return kept === undefined ? listen : listen.map(address => address.replace(/\/tcp\/0(?=\/|$)/, `/tcp/${kept}`))
}

function keptHttp(listen: string, kept: number | undefined): string {
  return kept === undefined ? listen : listen.replace(/:0$/, `:${kept}`)
}

function tcpPortOf(runtime: Runtime): { readonly tcp?: number } {
  const port = runtime.core.peers
    .known()
    .find(({ id }) => id === runtime.core.self)
    ?.addresses.map(address => /\/tcp\/([0-9]+)/.exec(address)?.[1])
    .find(found => found !== undefined)
  return port === undefined ? {} : { tcp: Number(port) }
}

function usesMdns({ mdns, listen }: Config): boolean {
  return mdns.value === 'on' || (mdns.value === 'auto' && listensBeyondLoopback(listen.value))
}

function closed(port: { close(done: () => void): void }): Promise<void> {
  return new Promise(resolve => port.close(() => resolve()))
}
