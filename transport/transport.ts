import type { ErrorCode, WeftError } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'
import type { Protocol } from './protocols.ts'

/**
 * PORT. Frames between nodes that know each other's NodeId.
 *
 * Guarantees, checked by `test/contract/transport.ts` for every implementation:
 * - `from` is who the secured connection proved it is; no field of a frame can change that.
 * - Between `onUp(peer)` and `onDown(peer)` frames of one protocol arrive whole, unaltered, once
 *   and in the order sent. Across a reconnect nothing is promised: frames in flight are lost.
 * - Every `onUp` is followed by one `onDown` before the next `onUp` of that peer. When both sides dial at
 *   once, one connection remains, the same on both sides.
 * - No frame of an application protocol is delivered, in either direction, before both sides accepted
 *   the other's greeting.
 * - `send` never blocks and never throws: `full` beyond OUTBOUND_MAX_BYTES (then `onDrain` when
 *   half of it has left), `unreachable` when there is no connection.
 * - A frame is handed over, both ways: the sender does not change it afterwards (the simulator passes it
 *   on by reference), the receiver may keep it.
 * - A frame above the protocol's limit is refused at the sender (RangeError: a bug) and closes the
 *   connection at the receiver (`onDown` with `frame_too_large`), without being buffered.
 * - A peer that closes in good order (`close`, `stop`) has delivered what it sent before.
 * - A link that dies silently is not noticed here: whoever needs to know sends and listens (node: pings).
 *   `close` on such a link still answers `onDown` at once.
 */
export interface Transport {
  readonly self: NodeId
  /** Listens, then calls `done`. Handlers are called from then on. `port_in_use` and other failures come in `done`. */
  start(handlers: TransportHandlers, done: (error: WeftError | undefined) => void): void
  /** Closes everything; no handler is called after `done`. */
  stop(done: () => void): void
  /** Addresses at which others can dial this node, each ending in `/p2p/<NodeId>`. */
  addresses(): readonly string[]
  /** Connects and greets. Ends in `onUp`, or in `onDialFailed`; a no-op while connected or connecting. */
  dial(peer: NodeId, addresses: readonly string[]): void
  /** Answers `onGreeting`, once, now or later; a connection that is gone by then is ignored. */
  answer(connection: ConnectionId, answer: GreetingAnswer): void
  send(to: NodeId, protocol: Protocol, frame: Uint8Array): SendResult
  /** Closes the connection to `peer`, after what was sent has left, or at once where it cannot leave. */
  close(peer: NodeId, code: ErrorCode): void
  /**
   * The peers with which there is no connection and may be none: theirs are closed, dials
   * both ways are refused (`unreachable`). This is a partition; nothing above is told.
   */
  block(peers: readonly NodeId[]): void
}

export type SendResult = 'sent' | 'full' | 'unreachable'

/** Names one connection until it has been answered. */
export type ConnectionId = number

/** `reply` is sent in either case; a refused connection closes once it has left. */
export interface GreetingAnswer {
  readonly accept: boolean
  readonly reply: Uint8Array
}

/** Called one at a time, never from inside a call to the transport. They do not throw. */
export interface TransportHandlers {
  /** What this node says first on a connection to `peer` that it dialled. */
  greeting(peer: NodeId): Uint8Array
  /** A dialler said `greeting`. It waits for `answer`, GREETING_TIMEOUT_MS at most. */
  onGreeting(connection: ConnectionId, from: NodeId, greeting: Uint8Array): void
  /**
   * The answer to our own greeting: `accepted` is what they decided. It waits for `answer`
   * too when they accepted (our reply bytes are ignored then); if they refused, it is over.
   */
  onGreeted(connection: ConnectionId, from: NodeId, accepted: boolean, reply: Uint8Array): void
  onUp(peer: NodeId, direction: 'inbound' | 'outbound'): void
  onDown(peer: NodeId, code: ErrorCode): void
  onFrame(from: NodeId, protocol: Protocol, frame: Uint8Array): void
  /** After a `full`: `send` to `peer` takes frames again. */
  onDrain(peer: NodeId): void
  /**
   * A dial came to nothing: `unreachable`, `impostor` (another key answered), `denied` (one side refused
   * the other's greeting), `timeout`, `incompatible`, what the peer did wrong, or the code of a `close`.
   */
  onDialFailed(peer: NodeId, code: ErrorCode): void
}
