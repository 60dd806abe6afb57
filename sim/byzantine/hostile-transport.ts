import type { Signer } from '../../base/crypto/crypto-suite.ts'
import { type ErrorCode, WeftError } from '../../base/errors.ts'
import type { LogId, NodeId, Stream } from '../../base/ids.ts'
import type { Clock, Timer } from '../../base/ports.ts'
import type { Draft } from '../../chain/chain.ts'
import type { Log } from '../../chain/log.ts'
import type { Genesis } from '../../discovery/genesis.ts'
import { encodeMessage, type OutgoingMessage, WIRE } from '../../node/messages.ts'
import type { Runtime } from '../../node/runtime.ts'
import type { Protocol } from '../../transport/protocols.ts'
import type { ConnectionId, GreetingAnswer, SendResult, Transport, TransportHandlers } from '../../transport/transport.ts'
import type { SimRandom } from '../random.ts'
import type { Attacker, Change, Passing } from './behaviour.ts'
import { behavioursOf } from './behaviours.ts'

/**
 * A transport with an attacker in it. Until the node is turned it passes everything on unchanged;
 * from then on the attacker sees all that is sent and heard, and changes, drops, repeats, delays and adds to it. The
 * core above and the wire below are the real ones: nothing a correct node does for it is forged here.
 */
export interface HostileInit {
  readonly random: SimRandom
  /** Of this life of the node: its timers end with it. */
  readonly clock: Clock
  readonly signer: Signer
  readonly genesis: Genesis
  /** The node above; undefined until it has booted. */
  readonly runtime: () => Runtime | undefined
}

export class HostileTransport implements Transport {
  readonly self: NodeId
  readonly #inner: Transport
  readonly #init: HostileInit
  readonly #up: Set<NodeId> = new Set()
  #attack: Attack | undefined

  constructor(inner: Transport, init: HostileInit) {
    this.self = inner.self
    this.#inner = inner
    this.#init = init
  }

  /** From now on it does these, and nothing it was turned to before; none makes it honest. @throws WeftError `invalid_argument` for a name that no behaviour has */
  turn(names: readonly string[]): void {
    const behaviours = behavioursOf(names)
    this.#attack?.end()
    this.#attack = behaviours.length === 0 ? undefined : new Attack(this.#inner, this.#up, this.#init)
    for (const behaviour of behaviours) behaviour.start(this.#attack as Attack)
  }

  start(handlers: TransportHandlers, done: (error: WeftError | undefined) => void): void {
    const attacked: TransportHandlers = {
      greeting: peer => this.#greet(handlers.greeting(peer)),
      onGreeting: (connection, from, greeting) => handlers.onGreeting(connection, from, greeting),
      onGreeted: (connection, from, accepted, reply) => handlers.onGreeted(connection, from, accepted, reply),
      onUp: (peer, direction) => {
        this.#up.add(peer)
        handlers.onUp(peer, direction)
      },
      onDown: (peer, code) => {
        this.#up.delete(peer)
        handlers.onDown(peer, code)
      },
      onFrame: (from, protocol, frame) => {
        for (const heard of this.#attack?.hear({ peer: from, protocol, frame }) ?? [frame]) handlers.onFrame(from, protocol, heard)
      },
      onDrain: peer => handlers.onDrain(peer),
      onDialFailed: (peer, code) => handlers.onDialFailed(peer, code),
    }
    this.#inner.start(attacked, done)
  }

  stop(done: () => void): void {
    this.turn([])
    this.#inner.stop(done)
  }

  addresses(): readonly string[] {
    return this.#inner.addresses()
  }

  dial(peer: NodeId, addresses: readonly string[]): void {
    this.#inner.dial(peer, addresses)
  }

  answer(connection: ConnectionId, { accept, reply }: GreetingAnswer): void {
    this.#inner.answer(connection, { accept, reply: accept && reply.length > 0 ? this.#greet(reply) : reply })
  }

  send(to: NodeId, protocol: Protocol, frame: Uint8Array): SendResult {
    if (this.#attack === undefined) return this.#inner.send(to, protocol, frame)
    let result: SendResult = 'sent'
    for (const sent of this.#attack.send({ peer: to, protocol, frame })) result = this.#inner.send(to, protocol, sent)
    return result
  }

  close(peer: NodeId, code: ErrorCode): void {
    this.#inner.close(peer, code)
  }

  block(peers: readonly NodeId[]): void {
    this.#inner.block(peers)
  }

  #greet(greeting: Uint8Array): Uint8Array {
    return this.#attack?.greet(greeting) ?? greeting
  }
}

/** What the behaviours of one turn have set up. */
class Attack implements Attacker {
  readonly self: NodeId
  readonly signer: Signer
  readonly genesis: Genesis
  readonly random: SimRandom
  readonly #inner: Transport
  readonly #up: ReadonlySet<NodeId>
  readonly #init: HostileInit
  readonly #sending: Change[] = []
  readonly #hearing: Change[] = []
  readonly #greeting: ((greeting: Uint8Array) => Uint8Array)[] = []
  readonly #timers: Set<Timer> = new Set()

  constructor(inner: Transport, up: ReadonlySet<NodeId>, init: HostileInit) {
    this.self = inner.self
    this.signer = init.signer
    this.genesis = init.genesis
    this.random = init.random
    this.#inner = inner
    this.#up = up
    this.#init = init
  }

  get wallMs(): number {
    return this.#init.clock.wallMs()
  }

  get peers(): readonly NodeId[] {
    return [...this.#up]
  }

  get logs(): ReadonlyMap<LogId, Log> {
    return this.#init.runtime()?.core.chain.logs ?? new Map()
  }

  every(perSecond: number, attack: () => void): void {
    this.after(1000 / perSecond, () => {
      if (this.#up.size > 0) attack()
      this.every(perSecond, attack)
    })
  }

  after(delayMs: number, attack: () => void): void {
    const timer = this.#init.clock.after(delayMs, () => {
      this.#timers.delete(timer)
      attack()
    })
    this.#timers.add(timer)
  }

  onSend(change: Change): void {
    this.#sending.push(change)
  }

  onHear(change: Change): void {
    this.#hearing.push(change)
  }

  onGreet(change: (greeting: Uint8Array) => Uint8Array): void {
    this.#greeting.push(change)
  }

  inject(to: NodeId, protocol: Protocol, frame: Uint8Array): void {
    this.#inner.send(to, protocol, frame)
  }

  say(to: NodeId, message: OutgoingMessage): void {
    this.inject(to, WIRE[message.kind].protocol, encodeMessage(message))
  }

  write(stream: Stream, drafts: readonly Draft[]): void {
    const runtime = this.#init.runtime()
    runtime?.dispatch({
      kind: 'run',
      run: () => {
        try {
          runtime.core.writer.write(stream, drafts, () => {})
        } catch (thrown) {
          // A disk that is full, or a log that others have seen fork: its own node refuses it too.
          if (!(thrown instanceof WeftError)) throw thrown
        }
      },
    })
  }

  hangUp(peer: NodeId): void {
    this.#inner.close(peer, 'unreachable')
  }

  // ---- for the transport

  send(passing: Passing): readonly Uint8Array[] {
    return changed(this.#sending, passing)
  }

  hear(passing: Passing): readonly Uint8Array[] {
    return changed(this.#hearing, passing)
  }

  greet(greeting: Uint8Array): Uint8Array {
    return this.#greeting.reduce((bytes, change) => change(bytes), greeting)
  }

  end(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }
}

/** Each behaviour changes what the one before it has made of a frame. */
function changed(changes: readonly Change[], { peer, protocol, frame }: Passing): readonly Uint8Array[] {
  return changes.reduce<readonly Uint8Array[]>((frames, change) => frames.flatMap(one => change({ peer, protocol, frame: one })), [frame])
}
