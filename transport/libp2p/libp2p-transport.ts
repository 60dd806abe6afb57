import type { Connection as Libp2pConnection, Libp2p, PeerId } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { suite } from '../../base/crypto/suite.ts'
import type { ErrorCode, WeftError } from '../../base/errors.ts'
import { type NodeId, nodeIdOf, parseNodeId } from '../../base/ids.ts'
import { GREETING_TIMEOUT_MS, PEER_ADDRESSES_MAX, STOP_FLUSH_MS } from '../../base/limits.ts'
import { Metrics } from '../../base/metrics.ts'
import type { Logger, Timer } from '../../base/ports.ts'
import { ConnectionTable, type Dial } from '../connection-table.ts'
import { PROTOCOLS, type Protocol } from '../protocols.ts'
import type { ConnectionId, GreetingAnswer, SendResult, Transport, TransportHandlers } from '../transport.ts'
import { Turn } from '../turn.ts'
import { dialFailure, listenFailure } from './failures.ts'
import { Libp2pLink } from './libp2p-link.ts'
import { createLibp2pNode, stopLibp2pNode, type TransportModule } from './libp2p-node.ts'

/** The transport of real nodes: TCP, Noise, Yamux. */
export function createLibp2pTransport(options: Libp2pTransportOptions): Transport {
  return new Libp2pTransport(options)
}

export interface Libp2pTransportOptions {
  /** 32 bytes, the Ed25519 seed of the identity key. */
  readonly seed: Uint8Array
  /** Multiaddrs, `/ip4/127.0.0.1/tcp/0` for a free port. None: this node only dials. */
  readonly listen: readonly string[]
  /** Multiaddrs to tell others instead of those it listens on; empty for those. */
  readonly announce: readonly string[]
  /** libp2p modules that carry the bytes, in place of TCP. */
  readonly transports?: readonly TransportModule[]
  /** libp2p modules that find peers; what they find is only reported. */
  readonly peerDiscovery?: readonly unknown[]
  /** An address at which `peer` might be: nothing about it is proved. */
  readonly onDiscovered?: (peer: NodeId, addresses: readonly string[]) => void
  readonly log: Logger
  readonly metrics?: Metrics
  /** GREETING_TIMEOUT_MS unless given. */
  readonly greetingTimeoutMs?: number
}

class Libp2pTransport implements Transport {
  readonly self: NodeId
  readonly #options: Libp2pTransportOptions
  readonly #turn: Turn = new Turn(queueMicrotask)
  readonly #table: ConnectionTable
  readonly #links: Map<Libp2pConnection, Libp2pLink> = new Map()
  /** Undefined until it listens, and once it stops. */
  #libp2p: Libp2p | undefined
  #starting: Promise<void> = Promise.resolve()
  #onLastClosed: (() => void) | undefined

  constructor(options: Libp2pTransportOptions) {
    this.self = nodeIdOf(suite.publicKeyOf(options.seed))
    this.#options = options
    this.#table = new ConnectionTable(this.self, {
      turn: this.#turn,
      after,
      greetingTimeoutMs: options.greetingTimeoutMs ?? GREETING_TIMEOUT_MS,
      metrics: options.metrics ?? new Metrics(),
      log: options.log,
    })
  }

  start(handlers: TransportHandlers, done: (error: WeftError | undefined) => void): void {
    this.#starting = this.#listen().then(
      libp2p => {
        this.#libp2p = libp2p
        this.#table.start(handlers, () => done(undefined))
      },
      thrown => this.#turn.post(() => done(listenFailure(thrown, this.#options.listen))),
    )
  }

  stop(done: () => void): void {
    void this.#close().then(() => this.#table.stopped(done))
  }

  addresses(): readonly string[] {
    return this.#libp2p?.getMultiaddrs().map(String) ?? []
  }

  dial(peer: NodeId, addresses: readonly string[]): void {
    const dial = this.#table.dial(peer)
    if (dial !== undefined) void this.#connect(dial, addresses)
  }

  answer(connection: ConnectionId, answer: GreetingAnswer): void {
    this.#table.answer(connection, answer)
  }

  send(to: NodeId, protocol: Protocol, frame: Uint8Array): SendResult {
    return this.#table.send(to, protocol, frame)
  }

  close(peer: NodeId, code: ErrorCode): void {
    this.#table.close(peer, code)
  }

  block(peers: readonly NodeId[]): void {
    this.#table.block(peers)
  }

  async #listen(): Promise<Libp2p> {
    const { seed, listen, announce, transports, peerDiscovery = [] } = this.#options
    const libp2p = await createLibp2pNode({
      seed,
      listen,
      announce,
      transports,
      peerDiscovery,
      isRefused: peer => this.#table.isRefused(peer as NodeId),
      onDiscovered: (peer, addresses) => this.#discovered(peer, addresses),
    })
    libp2p.addEventListener('connection:open', ({ detail }) => this.#opened(detail))
    // One stream of each kind from a peer: a second one is reset.
    const limits = { maxInboundStreams: 1, maxOutboundStreams: 1 }
    await libp2p.handle(PROTOCOLS.greeting.id, (stream, connection) => this.#links.get(connection)?.acceptGreeting(stream), limits)
    for (const protocol of ['control', 'sync', 'ipc'] as const) {
      await libp2p.handle(PROTOCOLS[protocol].id, (stream, connection) => this.#links.get(connection)?.accept(protocol, stream), limits)
    }
    await libp2p.start()
    return libp2p
  }

  async #connect(dial: Dial, addresses: readonly string[]): Promise<void> {
    try {
      await this.#libp2p?.dial(dialable(dial.peer, addresses), { force: true, signal: AbortSignal.timeout(GREETING_TIMEOUT_MS) })
      // Its link has been opened by now, and this says nothing; unless libp2p knew the connection already.
      this.#table.dialFailed(dial, 'unreachable')
    } catch (thrown) {
      this.#table.dialFailed(dial, dialFailure(thrown))
    }
  }

  #opened(connection: Libp2pConnection): void {
    const peer = parseNodeId(connection.remotePeer.toString())
    if (peer === undefined) return connection.abort(new Error('not an Ed25519 identity'))
    const link = new Libp2pLink(connection, peer, this.#table)
    if (connection.status !== 'open') return // The table did not want it.
    this.#links.set(connection, link)
    connection.addEventListener('close', () => {
      this.#links.delete(connection)
      link.closed()
      if (this.#links.size === 0) this.#onLastClosed?.()
    })
  }

  #discovered(id: PeerId, addresses: readonly Multiaddr[]): void {
    const peer = parseNodeId(id.toString())
    const { onDiscovered } = this.#options
    if (peer === undefined || peer === this.self || onDiscovered === undefined) return
    this.#turn.post(() => onDiscovered(peer, addresses.slice(0, PEER_ADDRESSES_MAX).map(String)))
  }

  /** What was sent gets STOP_FLUSH_MS to arrive, then the sockets close. */
  async #close(): Promise<void> {
    await this.#starting
    this.#table.stop()
    const libp2p = this.#libp2p
    this.#libp2p = undefined
    if (this.#links.size > 0) {
      await new Promise<void>(resolve => {
        const deadline = setTimeout(resolve, STOP_FLUSH_MS)
        this.#onLastClosed = () => {
          clearTimeout(deadline)
          resolve()
        }
      })
    }
    for (const link of this.#links.values()) link.reset()
    try {
      if (libp2p !== undefined) await stopLibp2pNode(libp2p)
    } catch (thrown) {
      this.#options.log('warn', 'transport.stop', { error: String(thrown) })
    }
  }
}

/** The addresses that can be dialled, each naming `peer`: whoever answers there has to hold its key. */
function dialable(peer: NodeId, addresses: readonly string[]): Multiaddr[] {
  const targets: Multiaddr[] = []
  for (const text of addresses.slice(0, PEER_ADDRESSES_MAX)) {
    try {
      const address = multiaddr(text)
      const named = address.getComponents().findLast(({ name }) => name === 'p2p')?.value
      if (named === undefined) targets.push(address.encapsulate(`/p2p/${peer}`))
      else if (named === peer) targets.push(address)
    } catch {
      // What others say of a peer's addresses need not be true, nor an address.
    }
  }
  return targets
}

function after(delayMs: number, task: () => void): Timer {
  const timeout = setTimeout(task, delayMs)
  return { cancel: () => clearTimeout(timeout) }
}
