import type { NodeId } from '../base/ids.ts'
import type { Protocol } from './protocols.ts'

/**
 * One secured connection, as an adapter carries it: the wire that a connection table
 * decides about. None of its functions calls back before it returns.
 */
export interface Link {
  /** Whose key the other end has proved to hold. */
  readonly peer: NodeId
  readonly direction: Direction
  /** Sends a message of the greeting; they arrive in order, before any frame sent later. */
  greet(message: Uint8Array): void
  /** @returns false when OUTBOUND_MAX_BYTES wait already; `drained` is told when half of that has left. */
  send(protocol: Protocol, frame: Uint8Array): boolean
  /** Closes once all that was sent has arrived, or CLOSE_FLUSH_MS later. Nothing more is heard of it. */
  finish(): void
  /** Closes at once. Nothing more is heard of it. */
  reset(): void
}

/** Who dialled: this node (`outbound`) or the other. */
export type Direction = 'inbound' | 'outbound'
