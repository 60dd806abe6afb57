import { EMPTY } from '../base/bytes.ts'
import type { ErrorCode, WeftError } from '../base/errors.ts'
import { type NodeId, parseNodeId } from '../base/ids.ts'
import { CLOSE_FLUSH_MS, GREETING_TIMEOUT_MS, OUTBOUND_MAX_BYTES } from '../base/limits.ts'
import { Metrics } from '../base/metrics.ts'
import type { Logger, Timer } from '../base/ports.ts'
import { type Connection, ConnectionTable, type Dial } from '../transport/connection-table.ts'
import type { Direction, Link } from '../transport/link.ts'
import { PROTOCOLS, type Protocol } from '../transport/protocols.ts'
import type { ConnectionId, GreetingAnswer, SendResult, Transport, TransportHandlers } from '../transport/transport.ts'
import { Turn } from '../transport/turn.ts'
import { Channel, type SimEventKind, type SimHost, type SimNetwork } from './network.ts'

/**
 * The transport of simulated nodes: the connection table of real ones, over the wires of a
 * SimNetwork. Keys are not simulated: a node is who it joined as.
 */
export class SimTransport implements Transport, SimHost {
  readonly self: NodeId
  readonly #network: SimNetwork
  readonly #turn: Turn
  readonly #table: ConnectionTable
  readonly #links: Set<SimLink> = new Set()

  constructor(network: SimNetwork, self: NodeId, options: SimTransportOptions = {}) {
    const { scheduler } = network
    this.self = self
    this.#network = network
    this.#turn = new Turn(task => scheduler.after(0, task))
    this.#table = new ConnectionTable(self, {
      turn: this.#turn,
      after: (delayMs, task): Timer => scheduler.after(delayMs * 1000, task),
      greetingTimeoutMs: GREETING_TIMEOUT_MS,
      metrics: options.metrics ?? new Metrics(),
      log: options.log ?? (() => {}),
    })
  }

  start(handlers: TransportHandlers, done: (error: WeftError | undefined) => void): void {
    this.#network.join(this)
    this.#table.start(handlers, () => done(undefined))
  }

  /** What was sent is under way and arrives. */
  stop(done: () => void): void {
    this.#table.stop()
    this.#network.leave(this)
    this.#table.stopped(done)
  }

  /** To be called by the network. */
  crash(): void {
    for (const link of this.#links) link.crash()
    this.#table.crash()
  }

  addresses(): readonly string[] {
    return [`/sim/${this.self}/p2p/${this.self}`]
  }

  dial(peer: NodeId, addresses: readonly string[]): void {
    const dial = this.#table.dial(peer)
    if (dial === undefined) return
    const place = addresses.map(address => placeIn(address, peer)).find(found => found !== undefined)
    if (place === undefined) this.#table.dialFailed(dial, 'unreachable')
    else this.#connect(dial, place)
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

  /** There and back, then the dialler holds a connection; the first message on it opens it over there. */
  #connect(dial: Dial, place: NodeId): void {
    const network = this.#network
    const timeout = network.scheduler.after(GREETING_TIMEOUT_MS * 1000, () => this.#table.dialFailed(dial, 'unreachable'))
    network.signal('dial', this.self, place, () => {
      const host = network.host(place)
      if (!(host instanceof SimTransport)) return
      network.signal('dial', place, this.self, () => {
        timeout.cancel()
        if (place !== dial.peer) return this.#table.dialFailed(dial, 'impostor')
        const near = new SimLink(network, this.#table, this.#links, this.self, place, 'outbound')
        const far = new SimLink(network, host.#table, host.#links, place, this.self, 'inbound')
        near.connect(far)
      })
    })
  }
}

export interface SimTransportOptions {
  readonly metrics?: Metrics
  readonly log?: Logger
}

/** One end of a simulated connection. */
class SimLink implements Link {
  readonly peer: NodeId
  readonly direction: Direction
  readonly #network: SimNetwork
  readonly #table: ConnectionTable
  /** The open links of this node: a crash ends them. */
  readonly #siblings: Set<SimLink>
  readonly #channel: Channel
  #other: SimLink | undefined
  #connection: Connection | undefined
  #isFull = false
  #deadline: Timer | undefined

  constructor(network: SimNetwork, table: ConnectionTable, siblings: Set<SimLink>, self: NodeId, peer: NodeId, direction: Direction) {
    this.peer = peer
    this.direction = direction
    this.#network = network
    this.#table = table
    this.#siblings = siblings
    this.#channel = new Channel(self, peer)
  }

  connect(far: SimLink): void {
    this.#other = far
    far.#other = this
    this.#open()
    if (this.#isOpen) this.#network.send(this.#channel, 'open', EMPTY, () => far.#open())
  }

  greet(message: Uint8Array): void {
    this.#send('greeting', message, (far, arrived) => {
      if (arrived.length > PROTOCOLS.greeting.frameMaxBytes + 1) far.#lost('frame_too_large')
      else if (far.#connection !== undefined) far.#table.greeted(far.#connection, arrived)
    })
  }

  send(protocol: Protocol, frame: Uint8Array): boolean {
    const { from, to } = this.#channel
    if (this.#network.backlogBytes(from, to) + frame.length > OUTBOUND_MAX_BYTES) {
      this.#waitForDrain()
      return false
    }
    this.#send(protocol, frame, (far, arrived) => {
      if (arrived.length > PROTOCOLS[protocol].frameMaxBytes) far.#lost('frame_too_large')
      else if (far.#connection !== undefined) far.#table.received(far.#connection, protocol, arrived)
    })
    return true
  }

  finish(): void {
    if (!this.#isOpen) return
    this.#send('end', EMPTY, far => far.#lost('unreachable'))
    this.#deadline = this.#network.scheduler.after(CLOSE_FLUSH_MS * 1000, () => this.reset())
  }

  reset(): void {
    if (!this.#isOpen) return
    this.#close()
    if (this.#channel.isBroken) this.#signalReset()
    else this.#send('reset', EMPTY, far => far.#lost('unreachable'))
  }

  crash(): void {
    this.#close()
    this.#channel.isBroken = true
    this.#signalReset()
  }

  get #isOpen(): boolean {
    return this.#siblings.has(this)
  }

  #open(): void {
    this.#siblings.add(this)
    this.#connection = this.#table.opened(this)
  }

  #close(): void {
    this.#siblings.delete(this)
    this.#deadline?.cancel()
  }

  /** The table resets this link, unless it was closing already. */
  #lost(code: ErrorCode): void {
    if (this.#connection !== undefined) this.#table.lost(this.#connection, code)
    this.#close()
  }

  /** To the other end. Where that is closed, it says so as TCP does, with a reset. */
  #send(kind: SimEventKind, bytes: Uint8Array, arrive: (far: SimLink, bytes: Uint8Array) => void): void {
    this.#network.send(this.#channel, kind, bytes, arrived => {
      const far = this.#other as SimLink
      if (far.#isOpen) arrive(far, arrived)
      else if (this.#isOpen) far.#signalReset()
    })
  }

  #signalReset(): void {
    const { from, to } = this.#channel
    this.#network.signal('reset', from, to, () => {
      const far = this.#other as SimLink
      if (far.#isOpen) far.#lost('unreachable')
    })
  }

  #waitForDrain(): void {
    if (this.#isFull) return
    this.#isFull = true
    const { from, to } = this.#channel
    this.#network.scheduler.after(this.#network.untilBacklogUs(from, to, OUTBOUND_MAX_BYTES / 2), () => {
      this.#isFull = false
      if (this.#network.backlogBytes(from, to) > OUTBOUND_MAX_BYTES / 2) this.#waitForDrain()
      else if (this.#connection !== undefined) this.#table.drained(this.#connection)
    })
  }
}

/** The node at `/sim/<NodeId>`, unless the address is said to be that of another peer. */
function placeIn(address: string, peer: NodeId): NodeId | undefined {
  const [empty, sim, place = '', p2p, named] = address.split('/')
  if (empty !== '' || sim !== 'sim' || (p2p === 'p2p' && named !== peer)) return undefined
  return parseNodeId(place)
}
