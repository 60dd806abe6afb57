import { type Cbor, decode, encode } from '../base/codec.ts'
import { type ErrorCode, isErrorCode } from '../base/errors.ts'
import { type ClusterId, clusterIdOf, digestOf, keyOf, nodeIdOf } from '../base/ids.ts'
import { GREETING_MAX_BYTES, PEER_ADDRESSES_MAX, PEER_EXCHANGE_MAX } from '../base/limits.ts'
import { bytes, list, literal, type Shape, text, tuple, uint } from '../base/shape.ts'
import { areNeighbours, CURRENT } from '../base/version.ts'
import { encodeGenesisFile, type Genesis, parseGenesis } from './genesis.ts'
import { INVITE_SECRET_BYTES } from './invite.ts'
import { encodeEvidence, evidenceShape, type SignedOperation } from './operation.ts'
import type { KnownPeer } from './peer-book.ts'

/**
 * What two nodes say to each other before anything else, on a connection that has proved both
 * keys: a member shows that it belongs, a newcomer shows an invite. The answer admits or says why not.
 */
export type Greeting =
  | { readonly kind: 'member'; readonly protocol: number; readonly cluster: ClusterId; readonly evidence: readonly SignedOperation[] }
  | { readonly kind: 'redeem'; readonly protocol: number; readonly cluster: ClusterId; readonly secret: Uint8Array }

export type GreetingReply =
  | { readonly kind: 'member'; readonly protocol: number; readonly cluster: ClusterId; readonly evidence: readonly SignedOperation[] }
  | {
      readonly kind: 'admitted'
      readonly genesis: Genesis
      readonly evidence: readonly SignedOperation[]
      readonly peers: readonly KnownPeer[]
    }
  | { readonly kind: 'refused'; readonly code: ErrorCode /** More for people: an operation to approve. */; readonly detail: string }

const MEMBER = 1
const REDEEM = 2
const ADMITTED = 3
const REFUSED = 4

export function encodeGreeting(greeting: Greeting): Uint8Array {
  if (greeting.kind === 'redeem') return encode([REDEEM, greeting.protocol, digestOf(greeting.cluster), greeting.secret])
  return encode([MEMBER, greeting.protocol, digestOf(greeting.cluster), encodeEvidence(greeting.evidence)])
}

export function encodeGreetingReply(reply: GreetingReply): Uint8Array {
  switch (reply.kind) {
    case 'member':
      return encodeGreeting(reply)
    case 'admitted':
      return encodeAdmitted(reply)
    case 'refused':
      return encode([REFUSED, reply.code, reply.detail])
  }
}

/** With as many of the peers as fit: a newcomer hears of the others from them. */
function encodeAdmitted({ genesis, evidence, peers }: Extract<GreetingReply, { kind: 'admitted' }>): Uint8Array {
  const rows = peers.map(encodeKnownPeer)
  for (;;) {
    const encoded = encode([ADMITTED, encodeGenesisFile(genesis), encodeEvidence(evidence), rows])
    if (encoded.length <= GREETING_MAX_BYTES || rows.length === 0) return encoded
    rows.length = Math.floor(rows.length / 2)
  }
}

export function encodeKnownPeer(peer: KnownPeer): Cbor {
  return [keyOf(peer.id), peer.addresses]
}

export const knownPeerRow: Shape<readonly [key: Uint8Array, addresses: readonly string[]]> = tuple(
  bytes(32),
  list(text(256), PEER_ADDRESSES_MAX),
)
const headShape = tuple(uint(8), uint(0xffff), bytes(32), { parse: (value: Cbor): Cbor => value })
const redeemShape = bytes(INVITE_SECRET_BYTES)
const refusedShape = tuple(literal(REFUSED), text(64), text(512))

/** What another cluster, or a version that is no neighbour, has to show is not read: that it is another one decides. */
export function parseGreeting(input: Uint8Array, own: ClusterId): Greeting | undefined {
  const decoded = decode(input)
  const row = decoded.ok ? headShape.parse(decoded.value) : undefined
  if (row === undefined) return undefined
  const [kind, protocol, digest, rest] = row
  const cluster = clusterIdOf(digest)
  const isForeign = cluster !== own || !areNeighbours(protocol, CURRENT.protocol)
  if (kind === REDEEM && !isForeign) {
    const secret = redeemShape.parse(rest)
    return secret && { kind: 'redeem', protocol, cluster, secret }
  }
  if (kind !== MEMBER && kind !== REDEEM) return undefined
  const evidence = isForeign ? [] : evidenceShape(own).parse(rest)
  return evidence && { kind: 'member', protocol, cluster, evidence }
}

export function parseGreetingReply(input: Uint8Array, cluster: ClusterId): GreetingReply | undefined {
  const decoded = decode(input)
  if (!decoded.ok || !Array.isArray(decoded.value)) return undefined
  const fields = decoded.value as readonly Cbor[]
  if (fields[0] === REFUSED) {
    const row = refusedShape.parse(fields)
    return row && isErrorCode(row[1]) ? { kind: 'refused', code: row[1], detail: row[2] } : undefined
  }
  if (fields[0] === ADMITTED) {
    if (fields.length !== 4) return undefined
    const genesis = parseGenesis(fields[1] as Cbor)
    const evidence = evidenceShape(cluster).parse(fields[2] as Cbor)
    const peers = list(knownPeerRow, PEER_EXCHANGE_MAX).parse(fields[3] as Cbor)
    if (genesis === undefined || evidence === undefined || peers === undefined) return undefined
    return { kind: 'admitted', genesis, evidence, peers: peers.map(([key, addresses]) => ({ id: nodeIdOf(key), addresses })) }
  }
  const greeting = parseGreeting(input, cluster)
  return greeting?.kind === 'member' ? greeting : undefined
}
