import { concatBytes, equalBytes } from '../bytes.ts'
import { encode } from '../codec.ts'
import { keyOf, type NodeId } from '../ids.ts'
import { hash } from './hash.ts'
import { montgomeryOf } from './montgomery.ts'
import { sealing } from './suite.ts'

/**
 * Texts for those who hold a key, and keys for those who hold another one: ChaCha20-Poly1305 under a key that is
 * used once. For a text it is made of the space's key and 24 random bytes that travel with it, as in XChaCha20, so
 * two texts never share one, on whatever node and after whatever restart. For a key it is what the sender's passing key and the
 * receiver's own one agree on.
 */
export const SPACE_KEY_BYTES = 32
export const SEAL_NONCE_BYTES = 24
/** What a sealed text is longer than the text. */
export const SEAL_TAG_BYTES = 16
/** The first bytes of a hash of the key. */
export const KEY_NAME_BYTES = 16

const ONCE: Uint8Array = new Uint8Array(12)

/** @param context what it belongs to: it opens nowhere else */
export function seal(key: Uint8Array, nonce: Uint8Array, context: Uint8Array, text: Uint8Array): Uint8Array {
  return sealing.seal(hash('seal', key, nonce), ONCE, context, text)
}

/** @returns undefined when it was sealed with another key, for something else, or altered since */
export function open(key: Uint8Array, nonce: Uint8Array, context: Uint8Array, box: Uint8Array): Uint8Array | undefined {
  return sealing.open(hash('seal', key, nonce), ONCE, context, box)
}

/** What a key is called: it says nothing about it. */
export function nameOfKey(key: Uint8Array): Uint8Array {
  return hash('seal-key', key).slice(0, KEY_NAME_BYTES)
}

/** A node's secret for receiving keys, from the seed of its identity. */
export function receivingSecretOf(seed: Uint8Array): Uint8Array {
  return sealing.agreementSecretOf(seed)
}

/** A key for one node. @param passing a secret of 32 random bytes, used for the keys of one operation. @returns undefined for a node that can receive none */
export function wrapKey(key: Uint8Array, to: NodeId, passing: Uint8Array, context: Uint8Array): Uint8Array | undefined {
  const theirs = montgomeryOf(keyOf(to))
  const shared = theirs === undefined ? undefined : sealing.agree(passing, theirs)
  if (shared === undefined) return undefined
  const once = hash('wrap', shared, sealing.agreementKeyOf(passing), keyOf(to), nameOfKey(key))
  return sealing.seal(once, ONCE, context, key)
}

/** The public half of a passing secret. */
export function passingKeyOf(passing: Uint8Array): Uint8Array {
  return sealing.agreementKeyOf(passing)
}

/** @returns undefined when it is not for this node, or not the key of that name */
export function unwrapKey(
  box: Uint8Array,
  name: Uint8Array,
  self: NodeId,
  secret: Uint8Array,
  passingKey: Uint8Array,
  context: Uint8Array,
): Uint8Array | undefined {
  const shared = sealing.agree(secret, passingKey)
  if (shared === undefined) return undefined
  const key = sealing.open(hash('wrap', shared, passingKey, keyOf(self), name), ONCE, context, box)
  return key !== undefined && key.length === SPACE_KEY_BYTES && equalBytes(nameOfKey(key), name) ? key : undefined
}

/** What a sealed body belongs to: a log and a kind. Its author alone could put it elsewhere in that log, and could say it again anyway. */
export function bodyContext(log: Uint8Array, kind: number): Uint8Array {
  return concatBytes(log, encode(kind))
}
