import { assert } from '../base/assert.ts'
import type { ErrorCode } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'
import { GREETING_MAX_BYTES } from '../base/limits.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Logger, Timer } from '../base/ports.ts'
import { Handshake } from './handshake.ts'
import type { Link } from './link.ts'
import { PROTOCOLS, type Protocol } from './protocols.ts'
import type { ConnectionId, GreetingAnswer, SendResult, TransportHandlers } from './transport.ts'
import type { Turn } from './turn.ts'

/**
 * Which connection to a peer counts. Every transport has one table and feeds it what
 * happens on its links; the table keeps the promises of the port, the links only carry bytes.
 *
 * Two connections to one peer, the rule. The dialler of a connection decides, at its last
 * message, because it alone can know that the connection is not needed:
 * - it gives its own up where the other node is dialling as well and is the smaller of the
 *   two (as strings): of dials that cross, that of the smaller node stays;
 * - else it confirms, and a confirmed connection replaces whatever its listener had. A node dials only
 *   while it has no connection, so what the listener had is dead, and only the listener has not noticed.
 * Where a connection comes up, all others with that peer close, and a dial is over. So one that came up
 * during a dial stays, both sides end with the same one, and a peer that came back is never refused
 * in favour of its own ghost.
 */
export class ConnectionTable {
  readonly #self: NodeId
  readonly #host: TableHost
  readonly #peers: Map<NodeId, Peer> = new Map()
  /** Connections whose greeting waits for `answer`. */
  readonly #deciding: Map<ConnectionId, Connection> = new Map()
  #lastConnectionId: ConnectionId = 0
  #blocked: ReadonlySet<NodeId> = new Set()
  #handlers: TransportHandlers | undefined
  #isOpen = false

  constructor(self: NodeId, host: TableHost) {
    this.#self = self
    this.#host = host
  }

  // ---- the port

  start(handlers: TransportHandlers, done: () => void): void {
    this.#handlers = handlers
    this.#isOpen = true
    this.#host.turn.post(done)
  }

  /** Closes everything, in good order where something is up. `stopped` follows once the links are gone. */
  stop(): void {
    this.#isOpen = false
    for (const peer of this.#peers.values()) this.#leave(peer, 'stopping', 'finish')
  }

  /** Calls `done`, and no handler after it. */
  stopped(done: () => void): void {
    this.#host.turn.post(() => {
      this.#handlers = undefined
      done()
    })
  }

  /** This node is gone, from one instant to the next: no handler is called again. */
  crash(): void {
    this.#handlers = undefined
    this.stop()
  }

  /** @returns the dial to make, which ends in `opened` or `dialFailed`; undefined when there is none to make. */
  dial(id: NodeId): Dial | undefined {
    if (!this.#isOpen) return undefined
    const peer = this.#peer(id)
    if (peer.up !== undefined || peer.dial !== undefined) return undefined
    peer.dial = { peer: id, isConnecting: id !== this.#self && !this.#blocked.has(id), failure: 'unreachable' }
    if (peer.dial.isConnecting) return peer.dial
    this.#settle(peer)
    return undefined
  }

  answer(id: ConnectionId, { accept, reply }: GreetingAnswer): void {
    const connection = this.#deciding.get(id)
    if (connection === undefined) return
    assert(reply.length <= GREETING_MAX_BYTES, `a reply has at most ${GREETING_MAX_BYTES} bytes, got ${reply.length}`)
    this.#deciding.delete(id)
    const { link, handshake } = connection
    const isDialler = link.direction === 'outbound'
    const isNeeded = !isDialler || !this.#isYielding(connection)
    link.greet(handshake.decide(accept && isNeeded, reply))
    if (!accept) this.#end(connection, 'denied', 'finish')
    else if (!isNeeded) this.#end(connection, 'duplicate', 'finish')
    else if (isDialler) this.#raise(connection)
  }

  /** @throws RangeError on a frame above the limit of its protocol: a bug in the caller */
  send(to: NodeId, protocol: Protocol, frame: Uint8Array): SendResult {
    const { frameMaxBytes } = PROTOCOLS[protocol]
    if (frame.length > frameMaxBytes) {
      throw new RangeError(`a frame of ${protocol} has at most ${frameMaxBytes} bytes, got ${frame.length}`)
    }
    const { metrics } = this.#host
    const up = this.#peers.get(to)?.up
    const result = up === undefined ? 'unreachable' : up.link.send(protocol, frame) ? 'sent' : 'full'
    if (result === 'sent') {
      metrics.add('weft_frames_sent_total', 1, protocol)
      metrics.add('weft_frames_sent_bytes_total', frame.length, protocol)
    } else {
      metrics.add('weft_frames_dropped_total', 1, result)
    }
    return result
  }

  close(id: NodeId, code: ErrorCode): void {
    const peer = this.#peers.get(id)
    if (peer !== undefined) this.#leave(peer, code, 'finish')
  }

  block(peers: readonly NodeId[]): void {
    this.#blocked = new Set(peers)
    for (const id of this.#blocked) {
      const peer = this.#peers.get(id)
      if (peer !== undefined) this.#leave(peer, 'unreachable', 'reset')
    }
  }

  /** Connections with `peer` are refused: this node is blocked from it, or is not open. */
  isRefused(peer: NodeId): boolean {
    return !this.#isOpen || this.#blocked.has(peer)
  }

  // ---- what happens on the network

  dialFailed(dial: Dial, code: ErrorCode): void {
    const peer = this.#peers.get(dial.peer)
    if (peer?.dial !== dial || !dial.isConnecting) return
    dial.isConnecting = false
    dial.failure = code
    this.#settle(peer)
  }

  /** A link is secured. @returns its connection, to be named in all that follows. */
  opened(link: Link): Connection {
    const connection: Connection = {
      id: ++this.#lastConnectionId,
      link,
      handshake: new Handshake(link.direction === 'outbound'),
      timeout: this.#host.after(this.#host.greetingTimeoutMs, () => this.lost(connection, 'timeout')),
      state: 'greeting',
    }
    const peer = this.#peer(link.peer)
    if (link.direction === 'inbound') {
      const older = peer.inbound
      peer.inbound = connection
      // One greeting at a time from each peer: it dials once, so an older one is dead.
      if (older !== undefined) this.#end(older, 'duplicate', 'reset')
      if (this.isRefused(link.peer)) this.#end(connection, 'unreachable', 'reset')
      return connection
    }
    const isWanted = peer.dial?.isConnecting === true
    if (peer.dial !== undefined) peer.dial.isConnecting = false
    if (isWanted) peer.outbound = connection
    if (!isWanted || this.#isYielding(connection)) this.#end(connection, 'duplicate', 'reset')
    else this.#post(handlers => this.#greet(connection, handlers))
    return connection
  }

  /** A message of the greeting has arrived. */
  greeted(connection: Connection, message: Uint8Array): void {
    if (connection.state !== 'greeting') return
    const { id, link, handshake } = connection
    const received = handshake.receive(message)
    switch (received.step) {
      case 'greeting':
        this.#deciding.set(id, connection)
        this.#post(handlers => handlers.onGreeting(id, link.peer, received.greeting))
        break
      case 'reply':
        if (received.accepted) this.#deciding.set(id, connection)
        this.#post(handlers => handlers.onGreeted(id, link.peer, received.accepted, received.reply))
        if (!received.accepted) this.#end(connection, 'denied', 'reset')
        break
      case 'confirmed':
        this.#raise(connection)
        break
      case 'declined':
        this.#end(connection, 'duplicate', 'reset')
        break
      case 'violation':
        this.lost(connection, 'unexpected')
    }
  }

  received(connection: Connection, protocol: Protocol, frame: Uint8Array): void {
    if (connection.state !== 'up') return
    const { turn, metrics } = this.#host
    metrics.add('weft_frames_received_total', 1, protocol)
    metrics.add('weft_frames_received_bytes_total', frame.length, protocol)
    const { peer } = connection.link
    if (turn.isIdle) this.#handlers?.onFrame(peer, protocol, frame)
    else this.#post(handlers => handlers.onFrame(peer, protocol, frame))
  }

  /** After a `send` was refused, half of what waited has left. */
  drained(connection: Connection): void {
    if (connection.state === 'up') this.#post(handlers => handlers.onDrain(connection.link.peer))
  }

  /** The other side closed the link, it broke, or (any code but `unreachable`) the peer broke the rules. */
  lost(connection: Connection, code: ErrorCode): void {
    if (connection.state === 'over') return
    if (code !== 'unreachable') this.#host.log('warn', 'transport.lost', { peer: connection.link.peer, code })
    this.#end(connection, code, 'reset')
  }

  // ---- how connections come and go

  #greet(connection: Connection, handlers: TransportHandlers): void {
    if (connection.state !== 'greeting') return
    const greeting = handlers.greeting(connection.link.peer)
    assert(greeting.length <= GREETING_MAX_BYTES, `a greeting has at most ${GREETING_MAX_BYTES} bytes, got ${greeting.length}`)
    connection.link.greet(greeting)
  }

  /** The rule above, for a connection that this node dialled. */
  #isYielding(connection: Connection): boolean {
    const { peer } = connection.link
    return peer < this.#self && this.#peers.get(peer)?.inbound !== undefined
  }

  #raise(connection: Connection): void {
    const { peer: id, direction } = connection.link
    const peer = this.#peer(id)
    const others = [peer.up, direction === 'inbound' ? peer.outbound : peer.inbound]
    connection.timeout.cancel()
    connection.state = 'up'
    peer.up = connection
    peer[direction] = undefined
    if (peer.dial !== undefined) this.#host.metrics.add('weft_dials_total', 1, 'up')
    peer.dial = undefined
    for (const other of others) if (other !== undefined) this.#end(other, 'duplicate', 'reset')
    this.#post(handlers => handlers.onUp(id, direction))
  }

  /** Ends all there is between this node and `peer`. */
  #leave(peer: Peer, code: ErrorCode, how: 'finish' | 'reset'): void {
    if (peer.dial !== undefined) {
      peer.dial.isConnecting = false
      peer.dial.failure = code
    }
    if (peer.up !== undefined) this.#end(peer.up, code, how)
    if (peer.inbound !== undefined) this.#end(peer.inbound, code, 'reset')
    if (peer.outbound !== undefined) this.#end(peer.outbound, code, 'reset')
    this.#settle(peer)
  }

  #end(connection: Connection, code: ErrorCode, how: 'finish' | 'reset'): void {
    const { id, link, timeout, state } = connection
    const peer = this.#peer(link.peer)
    timeout.cancel()
    this.#deciding.delete(id)
    connection.state = 'over'
    link[how]()
    if (peer.up === connection) peer.up = undefined
    if (peer[link.direction] === connection) peer[link.direction] = undefined
    if (state === 'up') this.#post(handlers => handlers.onDown(link.peer, code))
    else if (peer.dial !== undefined) peer.dial.failure = code
    this.#settle(peer)
  }

  /** A dial that nothing can fulfil any more has failed; a peer with which there is nothing is forgotten. */
  #settle(peer: Peer): void {
    const { id, dial } = peer
    if (peer.up !== undefined || peer.inbound !== undefined || peer.outbound !== undefined || dial?.isConnecting === true) return
    this.#peers.delete(id)
    if (dial === undefined) return
    peer.dial = undefined
    this.#host.metrics.add('weft_dials_total', 1, dial.failure)
    this.#post(handlers => handlers.onDialFailed(id, dial.failure))
  }

  #peer(id: NodeId): Peer {
    const known = this.#peers.get(id)
    if (known !== undefined) return known
    const peer: Peer = { id, up: undefined, inbound: undefined, outbound: undefined, dial: undefined }
    this.#peers.set(id, peer)
    return peer
  }

  #post(call: (handlers: TransportHandlers) => void): void {
    this.#host.turn.post(() => {
      if (this.#handlers !== undefined) call(this.#handlers)
    })
  }
}

export interface TableHost {
  readonly turn: Turn
  /** Runs `task` once, `delayMs` from now. */
  after(delayMs: number, task: () => void): Timer
  readonly greetingTimeoutMs: number
  readonly metrics: Metrics
  readonly log: Logger
}

/** An attempt to reach a peer. It is over when a connection is up, whoever dialled it. */
export interface Dial {
  readonly peer: NodeId
  /** The adapter is at it; no link has come of it yet. */
  isConnecting: boolean
  failure: ErrorCode
}

/** A link and where its greeting stands. Only the table writes it. */
export interface Connection {
  readonly id: ConnectionId
  readonly link: Link
  readonly handshake: Handshake
  readonly timeout: Timer
  state: 'greeting' | 'up' | 'over'
}

/** All there is between this node and one peer. */
interface Peer {
  readonly id: NodeId
  up: Connection | undefined
  /** In greeting. */
  inbound: Connection | undefined
  outbound: Connection | undefined
  dial: Dial | undefined
}
