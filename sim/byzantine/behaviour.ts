import type { Signer } from '../../base/crypto/crypto-suite.ts'
import type { LogId, NodeId, Stream } from '../../base/ids.ts'
import type { Draft } from '../../chain/chain.ts'
import type { Log } from '../../chain/log.ts'
import type { Genesis } from '../../discovery/genesis.ts'
import type { OutgoingMessage } from '../../node/messages.ts'
import type { Protocol } from '../../transport/protocols.ts'
import type { SimRandom } from '../random.ts'

/**
 * One way in which a member can break the rules. The node behind it is a real one with its real
 * key: it joins, pings, writes and replicates, and does this besides.
 */
export interface HostileBehaviour {
  /** As scenarios write it: `turn n3 forge`. */
  readonly name: string
  readonly says: string
  /** What a correct node must make of it. */
  readonly demands: string
  /** The checks of the product that it runs against. */
  readonly attacks: string
  /** False where the product is known to have no full answer yet: left out unless a scenario names it. */
  readonly isDefended: boolean
  /** True where it sends what must be rejected, so that correct nodes hang up sooner or later. */
  readonly isPunished: boolean
  start(attacker: Attacker): void
}

/** What a hostile member has in its hands. Over when it is turned to something else. */
export interface Attacker {
  readonly self: NodeId
  /** Its real key. */
  readonly signer: Signer
  readonly genesis: Genesis
  readonly random: SimRandom
  /** Of its own clock. */
  readonly wallMs: number
  /** Connected now, in the order in which they came up. */
  readonly peers: readonly NodeId[]
  /** All logs its node holds, those of others too. Not to be written to. */
  readonly logs: ReadonlyMap<LogId, Log>

  /** Runs `attack` so often, from now on; only while there is somebody to attack. */
  every(perSecond: number, attack: () => void): void
  after(delayMs: number, attack: () => void): void
  /** Sees each frame that its node sends, and says what leaves instead of it, in that order. */
  onSend(change: Change): void
  /** Sees each frame that arrives, and says what its node hears instead. */
  onHear(change: Change): void
  /** Sees what its node says, or answers, first on a connection, and says what is said instead. */
  onGreet(change: (greeting: Uint8Array) => Uint8Array): void

  /** Sends a frame past its own node. */
  inject(to: NodeId, protocol: Protocol, frame: Uint8Array): void
  say(to: NodeId, message: OutgoingMessage): void
  /** Has its node write records of its own, well chained and signed, whatever is in them. */
  write(stream: Stream, drafts: readonly Draft[]): void
  /** Its node dials again by itself. */
  hangUp(peer: NodeId): void
}

export type Change = (passing: Passing) => readonly Uint8Array[]

/** A frame on its way: to `peer` when it is sent, from there when it is heard. */
export interface Passing {
  readonly peer: NodeId
  readonly protocol: Protocol
  readonly frame: Uint8Array
}
