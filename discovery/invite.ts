import { base64url } from 'multiformats/bases/base64'
import { toHex } from '../base/bytes.ts'
import { decode, encode } from '../base/codec.ts'
import { hash } from '../base/crypto/hash.ts'
import { type ClusterId, clusterIdOf, digestOf, keyOf, type NodeId, nodeIdOf } from '../base/ids.ts'
import { INVITES_MAX, PEER_ADDRESSES_MAX } from '../base/limits.ts'
import { bytes, list, optional, option, text, tuple, uint } from '../base/shape.ts'
import type { ErrorCode } from '../base/errors.ts'
import { ROLE } from './operation.ts'

/**
 * A single-use invitation. The token goes by hand from an admin to whoever sets up the new
 * node; the issuer records only a hash of its secret, and it is redeemed only there, inside the
 * secured connection, by a node that thereby proves its key.
 */
export interface InviteToken {
  readonly cluster: ClusterId
  readonly issuer: NodeId
  readonly addresses: readonly string[]
  readonly secret: Uint8Array
  readonly expiresMs: number
}

/** What the issuer's `cluster.invite` record says. */
export interface Invite {
  /** 64 hex: hash of the secret. */
  readonly hash: string
  readonly expiresMs: number
  readonly role: string
  /** The one node it is for; null for whoever holds the token. */
  readonly node: NodeId | null
}

export const INVITE_SECRET_BYTES = 32
const PREFIX = 'weft1-'

export function hashOfSecret(secret: Uint8Array): string {
  return toHex(hash('invite', secret))
}

export function formatToken(token: InviteToken): string {
  return (
    PREFIX + base64url.baseEncode(encode([digestOf(token.cluster), keyOf(token.issuer), token.addresses, token.secret, token.expiresMs]))
  )
}

const tokenShape = tuple(bytes(32), bytes(32), list(text(256), PEER_ADDRESSES_MAX), bytes(INVITE_SECRET_BYTES), uint())

export function parseToken(input: string): InviteToken | undefined {
  if (!/^weft1-[A-Za-z0-9_-]+$/.test(input)) return undefined
  try {
    const decoded = decode(base64url.baseDecode(input.slice(PREFIX.length)))
    const row = decoded.ok ? tokenShape.parse(decoded.value) : undefined
    return row && { cluster: clusterIdOf(row[0]), issuer: nodeIdOf(row[1]), addresses: row[2], secret: row[3].slice(), expiresMs: row[4] }
  } catch {
    return undefined
  }
}

export function encodeInvite(secret: Uint8Array, invite: Omit<Invite, 'hash'>): Uint8Array {
  return encode([hash('invite', secret), invite.expiresMs, invite.role, option(invite.node === null ? null : keyOf(invite.node))])
}

const inviteShape = tuple(bytes(32), uint(), text(32), optional(bytes(32)))

export function decodeInvite(body: Uint8Array): Invite | undefined {
  const decoded = decode(body)
  const row = decoded.ok ? inviteShape.parse(decoded.value) : undefined
  if (row === undefined || !ROLE.test(row[2])) return undefined
  return { hash: toHex(row[0]), expiresMs: row[1], role: row[2], node: row[3] === null ? null : nodeIdOf(row[3]) }
}

/** The invites this node has issued, read from its own `cluster` log; the newest INVITES_MAX of them. */
export class InviteBook {
  readonly #invites: Map<string, Invite> = new Map()

  add(invite: Invite): void {
    if (!this.#invites.has(invite.hash) && this.#invites.size >= INVITES_MAX)
      this.#invites.delete(this.#invites.keys().next().value as string)
    this.#invites.set(invite.hash, invite)
  }

  /** @param redeemer who has used it already, if anyone */
  check(
    secret: Uint8Array,
    node: NodeId,
    redeemer: NodeId | undefined,
    wallMs: number,
  ): { readonly invite: Invite } | { readonly code: ErrorCode } {
    const invite = this.#invites.get(hashOfSecret(secret))
    if (invite === undefined) return { code: 'invite_unknown' }
    if (redeemer !== undefined && redeemer !== node) return { code: 'invite_used' }
    if (invite.node !== null && invite.node !== node) return { code: 'invite_wrong_node' }
    // Coming again for an answer that got lost is no second use.
    if (redeemer === undefined && wallMs > invite.expiresMs) return { code: 'invite_expired' }
    return { invite }
  }
}
