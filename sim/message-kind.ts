import { type MessageKind, WIRE } from '../node/messages.ts'

/** By the number on the wire. */
const KINDS: ReadonlyMap<number, MessageKind> = new Map(Object.entries(WIRE).map(([kind, { number }]) => [number, kind as MessageKind]))

/**
 * What a frame is, read off its first bytes without decoding it: a message is a CBOR array of at most
 * 23 items, the first of which is the number of its kind.
 *
 * @param carrier the protocol of the frame, or what else travels
 * @returns `sync.run`; the carrier itself where the bytes are no message of a known kind
 */
export function messageKindOf(carrier: string, bytes: Uint8Array): string {
  const first = bytes[1]
  const number = first === 24 ? bytes[2] : first
  const kind = number === undefined ? undefined : KINDS.get(number)
  return kind !== undefined && WIRE[kind].protocol === carrier ? kind : carrier
}
