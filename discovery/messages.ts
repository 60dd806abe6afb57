import type { Cbor } from '../base/codec.ts'
import { nodeIdOf } from '../base/ids.ts'
import { PEER_EXCHANGE_MAX } from '../base/limits.ts'
import { list, text, tuple, uint } from '../base/shape.ts'
import { encodeKnownPeer, knownPeerRow } from './greeting.ts'
import type { KnownPeer } from './peer-book.ts'

/** Messages of the control protocol. Their numbers on the wire are in `node/messages.ts`. */
export type ControlMessage =
  | { readonly kind: 'peer.ping'; readonly number: number }
  /** Answers at once; `wallMs` is the answerer's clock. */
  | { readonly kind: 'peer.pong'; readonly number: number; readonly wallMs: number }
  /** Where the sender, and members it knows, can be reached. */
  | { readonly kind: 'peer.known'; readonly peers: readonly KnownPeer[] }
  /** What the sender runs, and how it folds. */
  | { readonly kind: 'peer.about'; readonly version: string; readonly fold: number }
  /** How long a synthetic tick of cognition took the sender, in microseconds. */
  | { readonly kind: 'peer.capacity'; readonly p50Us: number; readonly p95Us: number }

export function encodeControlMessage(message: ControlMessage): readonly Cbor[] {
  switch (message.kind) {
    case 'peer.ping':
      return [message.number]
    case 'peer.pong':
      return [message.number, message.wallMs]
    case 'peer.known':
      return [message.peers.map(encodeKnownPeer)]
    case 'peer.about':
      return [message.version, message.fold]
    case 'peer.capacity':
      return [message.p50Us, message.p95Us]
  }
}

const pingShape = tuple(uint())
const pongShape = tuple(uint(), uint())
const knownShape = tuple(list(knownPeerRow, PEER_EXCHANGE_MAX))
const aboutShape = tuple(text(64), uint())
const capacityShape = tuple(uint(), uint())

export function parseControlMessage(kind: ControlMessage['kind'], fields: readonly Cbor[]): ControlMessage | undefined {
  switch (kind) {
    case 'peer.ping': {
      const row = pingShape.parse(fields)
      return row && { kind, number: row[0] }
    }
    case 'peer.pong': {
      const row = pongShape.parse(fields)
      return row && { kind, number: row[0], wallMs: row[1] }
    }
    case 'peer.known': {
      const row = knownShape.parse(fields)
      return row && { kind, peers: row[0].map(([key, addresses]) => ({ id: nodeIdOf(key), addresses })) }
    }
    case 'peer.about': {
      const row = aboutShape.parse(fields)
      return row && { kind, version: row[0], fold: row[1] }
    }
    case 'peer.capacity': {
      const row = capacityShape.parse(fields)
      return row && { kind, p50Us: row[0], p95Us: row[1] }
    }
  }
}
