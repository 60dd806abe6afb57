import { EMPTY } from '../base/bytes.ts'
import type { ErrorCode, WeftError } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'
import { CLOSE_FLUSH_MS, GREETING_TIMEOUT_MS, OUTBOUND_MAX_BYTES } from '../base/limits.ts'
import { Metrics } from '../base/metrics.ts'
import type { Logger, Timer } from '../base/ports.ts'
import { type Connection, ConnectionTable, type Dial } from '../transport/connection-table.ts'
import type { Direction, Link } from '../transport/link.ts'
import { PROTOCOLS, type Protocol } from '../transport/protocols.ts'
import type { ConnectionId, GreetingAnswer, SendResult, Transport, TransportHandlers } from '../transport/transport.ts'
import { Turn } from '../transport/turn.ts'
import { Channel, type ChannelEnd, type SimEventKind, type SimHost, type SimNetwork } from './network.ts'
import type { Timeline } from './scheduler.ts'

/**
 * The transport of simulated nodes: the connection table of real ones, over the wires of a
 * SimNetwork. Keys are not simulated: a node is who it says it is, at its place.
 */
export class SimTransport implements Transport, SimHost {
  readonly self: NodeId
  readonly place: string
  readonly #network: SimNetwork
  readonly #timeline: Timeline
  readonly #turn: Turn
  readonly #table: ConnectionTable
  readonly #links: Set<SimLink> = new Set()

  constructor(network: SimNetwork, place: string, self: NodeId, options: SimTransportOptions = {}) {
    const timeline = options.timeline ?? network.scheduler
    this.self = self
    this.place = place
    this.#network = network
    this.#timeline = timeline
    this.#turn = new Turn(task => timeline.after(0, task))
    this.#table = new ConnectionTable(self, {
      turn: this.#turn,
      after: (delayMs, task): Timer => timeline.after(delayMs * 1000, task),
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
    return [`/sim/${this.place}/p2p/${this.self}`]
  }

  dial(peer: NodeId, addresses: readonly string[]): void {
    const dial = this.#table.dial(peer)
    if (dial === undefined) return
    const place = addresses.map(address => placeIn(address, peer)).find(found => found !== undefined)
    if (place === undefined) this.#table.dialFailed(dial, 'unreachable')
    else this.#connect(dial, this.#network.route(this.place, place))
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
  #connect(dial: Dial, place: string): void {
    const network = this.#network
    const timeout = this.#timeline.after(GREETING_TIMEOUT_MS * 1000, () => this.#table.dialFailed(dial, 'unreachable'))
    network.packet('dial', this.place, place, EMPTY, () => {
      const host = network.host(place)
      if (!(host instanceof SimTransport)) return
      network.packet('dial', place, this.place, EMPTY, () => {
        timeout.cancel()
        if (host.self !== dial.peer) return this.#table.dialFailed(dial, 'impostor')
        new SimLink(network, this.#side, host.self, 'outbound').connect(new SimLink(network, host.#side, this.self, 'inbound'))
      })
    })
  }

  /** What its links know of it. */
  get #side(): Side {
    return { place: this.place, timeline: this.#timeline, table: this.#table, links: this.#links }
  }
}

export interface SimTransportOptions {
  readonly metrics?: Metrics
  readonly log?: Logger
  /** Of the machine: what it does waits while it is paused. */
  readonly timeline?: Timeline
}

/** One of the two that a connection joins. */
interface Side {
  readonly place: string
  readonly timeline: Timeline
  readonly table: ConnectionTable
  /** Its open links: a crash ends them. */
  readonly links: Set<SimLink>
}

/** One end of a simulated connection. */
class SimLink implements Link, ChannelEnd {
  readonly peer: NodeId
  readonly direction: Direction
  readonly #network: SimNetwork
  readonly #side: Side
  #channel: Channel | undefined
  #other: SimLink | undefined
  #connection: Connection | undefined
  #isFull = false
  #deadline: Timer | undefined

  constructor(network: SimNetwork, side: Side, peer: NodeId, direction: Direction) {
    this.peer = peer
    this.direction = direction
    this.#network = network
    this.#side = side
  }

  connect(far: SimLink): void {
    this.#meet(far)
    far.#meet(this)
    this.#out.back = far.#out
    far.#out.back = this.#out
    this.#open()
    if (this.#isOpen) this.#send('open', EMPTY)
  }

  greet(message: Uint8Array): void {
    this.#send('greeting', message)
  }

  send(protocol: Protocol, frame: Uint8Array): boolean {
    if (!this.#out.wire.hasRoom(frame.length, OUTBOUND_MAX_BYTES)) {
      this.#waitForRoom()
      return false
    }
    this.#send(protocol, frame)
    return true
  }

  finish(): void {
    if (!this.#isOpen) return
    this.#send('end', EMPTY)
    this.#deadline = this.#side.timeline.after(CLOSE_FLUSH_MS * 1000, () => this.reset())
  }

  reset(): void {
    if (!this.#isOpen) return
    this.#close()
    if (this.#out.isBroken) this.#signalReset()
    else this.#send('reset', EMPTY)
  }

  crash(): void {
    this.#close()
    this.#out.isBroken = true
    this.#signalReset()
  }

  /** At the other end. Where that is closed, it says so as TCP does, with a reset. */
  arrived(kind: SimEventKind, bytes: Uint8Array): void {
    const far = this.#far
    if (kind === 'open') far.#open()
    else if (far.#isOpen) far.#receive(kind, bytes)
    else if (this.#isOpen) far.#signalReset()
  }

  gaveUp(): void {
    if (!this.#isOpen) return
    this.#lost('unreachable')
    this.#signalReset()
  }

  get #isOpen(): boolean {
    return this.#side.links.has(this)
  }

  get #out(): Channel {
    return this.#channel as Channel
  }

  get #far(): SimLink {
    return this.#other as SimLink
  }

  #meet(other: SimLink): void {
    this.#other = other
    this.#channel = new Channel(this.#network.wire(this.#side.place, other.#side.place), this)
  }

  #open(): void {
    this.#side.links.add(this)
    this.#connection = this.#side.table.opened(this)
  }

  #close(): void {
    this.#side.links.delete(this)
    this.#deadline?.cancel()
  }

  #receive(kind: SimEventKind, bytes: Uint8Array): void {
    const connection = this.#connection
    if (kind === 'end' || kind === 'reset') this.#lost('unreachable')
    else if (kind === 'greeting' && bytes.length > PROTOCOLS.greeting.frameMaxBytes + 1) this.#lost('frame_too_large')
    else if (connection === undefined) return
    else if (kind === 'greeting') this.#side.table.greeted(connection, bytes)
    else if (kind === 'control' || kind === 'sync' || kind === 'ipc') {
      if (bytes.length > PROTOCOLS[kind].frameMaxBytes) this.#lost('frame_too_large')
      else this.#side.table.received(connection, kind, bytes)
    }
  }

  /** The table resets this link, unless it was closing already. */
  #lost(code: ErrorCode): void {
    if (this.#connection !== undefined) this.#side.table.lost(this.#connection, code)
    this.#close()
  }

  #send(kind: SimEventKind, bytes: Uint8Array): void {
    this.#network.send(this.#out, kind, bytes)
  }

  #signalReset(): void {
    this.#network.packet('reset', this.#side.place, this.#far.#side.place, EMPTY, () => {
      const far = this.#far
      if (far.#isOpen) far.#lost('unreachable')
    })
  }

  #waitForRoom(): void {
    if (this.#isFull) return
    this.#isFull = true
    this.#out.wire.whenHalfFree(OUTBOUND_MAX_BYTES, () => {
      this.#isFull = false
      if (this.#connection !== undefined) this.#side.table.drained(this.#connection)
    })
  }
}

/** The place in `/sim/<place>`, unless the address is said to be that of another peer. */
function placeIn(address: string, peer: NodeId): string | undefined {
  const [empty, sim, place = '', p2p, named] = address.split('/')
  if (empty !== '' || sim !== 'sim' || place === '' || (p2p === 'p2p' && named !== peer)) return undefined
  return place
}
