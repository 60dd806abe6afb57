import { base58btc } from 'multiformats/bases/base58'
import { compareBytes, equalBytes, firstBytes, fromHex, toHex } from './bytes.ts'

/**
 * Branded identifiers: made only by the functions here, so a string that reaches a
 * typed parameter has been checked once. Binary forms travel, string forms are map keys.
 */
declare const brand: unique symbol
type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** The libp2p PeerId string of a node's first key: stable for the node's life. */
export type NodeId = Brand<string, 'NodeId'>
/** 64 hex: hash of a cluster's genesis. */
export type ClusterId = Brand<string, 'ClusterId'>
/** 64 hex: hash of (cluster, first author key, stream). */
export type LogId = Brand<string, 'LogId'>
/** 64 hex: the leaf hash of the record that made it. */
export type CausalId = Brand<string, 'CausalId'>
/** Positive integer, local to a node, never reused. 0 is the kernel. */
export type Pid = Brand<number, 'Pid'>
/** `<NodeId>/<pid>` */
export type ProcessAddress = Brand<string, 'ProcessAddress'>
/** `audit`, `cluster` or `memory/<space>` */
export type Stream = Brand<string, 'Stream'>

/** Protobuf frame of an Ed25519 public key inside an identity multihash: what makes a PeerId of a key. */
const PEER_ID_PREFIX: Uint8Array = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)

/** 4,096 keys: base58 is slow, and the same few nodes are meant again and again. */
const KEYS_MAX = 4096
const keys: Map<NodeId, Uint8Array> = new Map()
/** By the first bytes of the key, which are random; of two keys that share them the newer one is kept. */
const nodeIds: Map<number, { readonly key: Uint8Array; readonly node: NodeId }> = new Map()

/** @throws RangeError unless `key` is 32 bytes: a bug, not bad input. */
export function nodeIdOf(key: Uint8Array): NodeId {
  if (key.length !== 32) throw new RangeError(`an Ed25519 public key has 32 bytes, got ${key.length}`)
  const first = firstBytes(key)
  const known = nodeIds.get(first)
  if (known !== undefined && equalBytes(known.key, key)) return known.node
  const bytes = new Uint8Array(38)
  bytes.set(PEER_ID_PREFIX)
  bytes.set(key, 6)
  const node = base58btc.baseEncode(bytes) as NodeId
  if (nodeIds.size >= KEYS_MAX) nodeIds.clear()
  nodeIds.set(first, { key: bytes.subarray(6), node })
  return node
}

/** The public key inside a NodeId. Shared: not to be written to. */
export function keyOf(node: NodeId): Uint8Array {
  let key = keys.get(node)
  if (key === undefined) {
    key = base58btc.baseDecode(node).slice(6)
    if (keys.size >= KEYS_MAX) keys.clear()
    keys.set(node, key)
  }
  return key
}

export function parseNodeId(text: string): NodeId | undefined {
  if (text.length < 44 || text.length > 60) return undefined
  try {
    const bytes = base58btc.baseDecode(text)
    if (bytes.length !== 38 || !equalBytes(bytes.subarray(0, 6), PEER_ID_PREFIX)) return undefined
    return nodeIdOf(bytes.slice(6)) === text ? (text as NodeId) : undefined
  } catch {
    return undefined
  }
}

const HEX_64 = /^[0-9a-f]{64}$/

export function isHexId(text: string): boolean {
  return HEX_64.test(text)
}

function hexId<T extends string>(bytes: Uint8Array): T {
  if (bytes.length !== 32) throw new RangeError(`a digest has 32 bytes, got ${bytes.length}`)
  return toHex(bytes) as T
}

export const clusterIdOf: (digest: Uint8Array) => ClusterId = hexId<ClusterId>
export const logIdOf: (digest: Uint8Array) => LogId = hexId<LogId>
export const causalIdOf: (leaf: Uint8Array) => CausalId = hexId<CausalId>

export function parseClusterId(text: string): ClusterId | undefined {
  return HEX_64.test(text) ? (text as ClusterId) : undefined
}
export function parseLogId(text: string): LogId | undefined {
  return HEX_64.test(text) ? (text as LogId) : undefined
}
export function parseCausalId(text: string): CausalId | undefined {
  return HEX_64.test(text) ? (text as CausalId) : undefined
}

/** The 32 bytes behind a hex id. */
export function digestOf(id: ClusterId | LogId | CausalId): Uint8Array {
  return fromHex(id)
}

export function parsePid(text: string): Pid | undefined {
  if (!/^(0|[1-9][0-9]{0,14})$/.test(text)) return undefined
  return Number(text) as Pid
}

export function processAddress(node: NodeId, pid: Pid): ProcessAddress {
  return `${node}/${pid}` as ProcessAddress
}

const SPACE = /^[a-z0-9][a-z0-9._-]{0,63}$/

export const AUDIT: Stream = 'audit' as Stream
export const CLUSTER: Stream = 'cluster' as Stream
export const DEFAULT_SPACE = 'main'

/** What a space may be called: 1-64 of `a-z 0-9 . _ -`, the first a letter or digit. */
export function isSpace(text: string): boolean {
  return SPACE.test(text)
}

/** @throws RangeError on a space name that is not 1-64 of `a-z 0-9 . _ -`. */
export function memoryStream(space: string): Stream {
  if (!SPACE.test(space)) throw new RangeError(`a space is 1-64 characters of a-z 0-9 . _ -, got ${JSON.stringify(space)}`)
  return `memory/${space}` as Stream
}

export function parseStream(text: string): Stream | undefined {
  if (text === 'audit' || text === 'cluster') return text as Stream
  return text.startsWith('memory/') && SPACE.test(text.slice(7)) ? (text as Stream) : undefined
}

/** The space of a memory stream, undefined for the other streams. */
export function spaceOf(stream: Stream): string | undefined {
  return stream.startsWith('memory/') ? stream.slice(7) : undefined
}

/** Order of two binary ids, for everything that must not depend on arrival. */
export const compareIds: (a: Uint8Array, b: Uint8Array) => number = compareBytes
