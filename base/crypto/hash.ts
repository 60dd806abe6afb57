import { suite } from './suite.ts'
import { utf8 } from '../bytes.ts'

/**
 * What a hash or a signature is for. Every input starts with its tag, `weft/v1/<use>\0`, so
 * bytes signed or hashed for one use mean nothing in another. Append only; no tag is a prefix of another.
 */
export const USES = [
  'leaf', // record header -> leaf
  'node', // two subtree roots -> their parent
  'empty', // root of the empty tree
  'body', // salt and body -> commitment in the header
  'logid', // cluster, first author key, stream -> LogId
  'nextkey', // public key committed to for the next rotation
  'cluster', // genesis -> ClusterId
  'policy', // rules named by a genesis
  'genesis', // admins' signatures over a genesis
  'operation', // admins' signatures over a membership operation
  'checkpoint', // author's signature over a checkpoint
  'invite', // invite secret -> what its issuer stores
  'frontier', // frontier entries -> what peers compare
  'bucket', // the frontier entries of one bucket
  'fingerprint', // public key -> what people read
  'content', // remembered content -> deduplication
  'seal', // key of a space and nonce -> key of one text
  'seal-key', // key of a space -> its name
  'wrap', // what two nodes agree on -> key of one key
  'snapshot', // checksum of a local cache file
  'embedded', // what is embedded -> its place in a cache; prefixes -> their mark in an embedder's id
  'proposal', // subjects and type of a proposed edge -> its name
  'archive', // items of an exported memory, one after the other
] as const

export type Use = (typeof USES)[number]

const tags: ReadonlyMap<Use, Uint8Array> = new Map(USES.map(use => [use, utf8(`weft/v1/${use}\0`)]))

/** The domain tag of a use, for signatures: the signed bytes are tag || message. */
export function tagOf(use: Use): Uint8Array {
  return tags.get(use) as Uint8Array
}

/** 64 KiB + 1: the largest body with its salt and tag fits, so one buffer serves nearly every call. */
let scratch: Uint8Array = new Uint8Array(65537)

/**
 * H of the design: SHAKE-256 with 32 bytes of output over the tag and the parts in order.
 * One buffer and one call: for small inputs the call costs more than Keccak (two updates: +20 %).
 */
export function hash(use: Use, ...parts: readonly Uint8Array[]): Uint8Array {
  const tag = tags.get(use) as Uint8Array
  let length = tag.length
  for (const part of parts) length += part.length
  if (length > scratch.length) scratch = new Uint8Array(length)
  scratch.set(tag)
  let at = tag.length
  for (const part of parts) {
    scratch.set(part, at)
    at += part.length
  }
  return suite.shake256(scratch.subarray(0, length))
}
