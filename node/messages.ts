import { type Cbor, decode, encode } from '../base/codec.ts'
import type { ClusterId } from '../base/ids.ts'
import { list, type Shape } from '../base/shape.ts'
import { CURRENT } from '../base/version.ts'
import { encodeSyncMessage, type OutgoingSyncMessage, parseSyncMessage, type SyncMessage } from '../chain/messages.ts'
import { type ControlMessage, encodeControlMessage, parseControlMessage } from '../discovery/messages.ts'
import type { Protocol } from '../transport/protocols.ts'
import { encodeIpcMessage, type IpcMessage, parseIpcMessage } from './ipc/messages.ts'

/** Everything a connected member can send. `node/inbound.ts` says what each kind does. */
export type Message = ControlMessage | SyncMessage | IpcMessage
export type OutgoingMessage = ControlMessage | OutgoingSyncMessage | IpcMessage
export type MessageKind = Message['kind']

/**
 * Every message kind: its number on the wire and the protocol it belongs to. ONLY APPEND:
 * a number is never used again for something else.
 */
export const WIRE: { readonly [K in MessageKind]: { readonly number: number; readonly protocol: Protocol } } = {
  'peer.ping': { number: 1, protocol: 'control' },
  'peer.pong': { number: 2, protocol: 'control' },
  'peer.known': { number: 3, protocol: 'control' },
  'peer.about': { number: 4, protocol: 'control' },
  'peer.capacity': { number: 5, protocol: 'control' },

  'sync.hello': { number: 20, protocol: 'sync' },
  'sync.equal': { number: 21, protocol: 'sync' },
  'sync.ask': { number: 22, protocol: 'sync' },
  'sync.answer': { number: 23, protocol: 'sync' },
  'sync.heads': { number: 24, protocol: 'sync' },
  'sync.want': { number: 25, protocol: 'sync' },
  'sync.run': { number: 26, protocol: 'sync' },
  'sync.credit': { number: 27, protocol: 'sync' },
  'sync.probe': { number: 28, protocol: 'sync' },
  'sync.leaf': { number: 29, protocol: 'sync' },
  'sync.takes': { number: 30, protocol: 'sync' },

  'ipc.send': { number: 40, protocol: 'ipc' },
  'ipc.call': { number: 41, protocol: 'ipc' },
  'ipc.result': { number: 42, protocol: 'ipc' },
  'ipc.monitor': { number: 43, protocol: 'ipc' },
  'ipc.demonitor': { number: 44, protocol: 'ipc' },
  'ipc.down': { number: 45, protocol: 'ipc' },
}

/**
 * Kinds that came after the first version of the protocol, and with which. Nothing may depend on their being understood:
 * a peer of the version before ignores them.
 */
export const SINCE = { 'peer.about': 1, 'peer.capacity': 1, 'sync.takes': 1 } as const

const since: ReadonlyMap<string, number> = new Map(Object.entries(SINCE))
const kinds: ReadonlyMap<number, MessageKind> = new Map(Object.entries(WIRE).map(([kind, { number }]) => [number, kind as MessageKind]))

/** A frame is a message: `[number, ...fields]`. */
export function encodeMessage(message: OutgoingMessage): Uint8Array {
  return encode([WIRE[message.kind].number, ...fieldsOf(message)])
}

function fieldsOf(message: OutgoingMessage): readonly Cbor[] {
  if (isOf(message, 'control')) return encodeControlMessage(message as ControlMessage)
  if (isOf(message, 'sync')) return encodeSyncMessage(message as OutgoingSyncMessage)
  return encodeIpcMessage(message as IpcMessage)
}

function isOf(message: OutgoingMessage, protocol: Protocol): boolean {
  return WIRE[message.kind].protocol === protocol
}

export type ParsedMessage =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly code: 'not_canonical' | 'unknown_kind' | 'wrong_protocol' }

const rowShape: Shape<readonly Cbor[]> = list({ parse: value => value }, 16)

/** @param version of the protocol that is spoken here: kinds that came later are unknown */
export function parseMessage(frame: Uint8Array, protocol: Protocol, cluster: ClusterId, version: number = CURRENT.protocol): ParsedMessage {
  const decoded = decode(frame)
  const row = decoded.ok ? rowShape.parse(decoded.value) : undefined
  const number = row?.[0]
  if (row === undefined || typeof number !== 'number') return { ok: false, code: 'not_canonical' }
  const kind = kinds.get(number)
  if (kind === undefined || (since.get(kind) ?? 0) > version) return { ok: false, code: 'unknown_kind' }
  if (WIRE[kind].protocol !== protocol) return { ok: false, code: 'wrong_protocol' }
  const message = parseFields(kind, row.slice(1), cluster)
  return message === undefined ? { ok: false, code: 'not_canonical' } : { ok: true, message }
}

function parseFields(kind: MessageKind, fields: readonly Cbor[], cluster: ClusterId): Message | undefined {
  switch (WIRE[kind].protocol) {
    case 'control':
      return parseControlMessage(kind as ControlMessage['kind'], fields)
    case 'sync':
      return parseSyncMessage(kind as SyncMessage['kind'], fields, cluster)
    case 'ipc':
      return parseIpcMessage(kind as IpcMessage['kind'], fields)
  }
}
