import { concatBytes } from '../base/bytes.ts'
import { type Cbor, decode, encode } from '../base/codec.ts'
import type { Signer } from '../base/crypto/crypto-suite.ts'
import { isStrictKey, verify } from '../base/crypto/ed25519.ts'
import { hash, tagOf } from '../base/crypto/hash.ts'
import { type ClusterId, clusterIdOf, type NodeId, nodeIdOf } from '../base/ids.ts'
import { ADMINS_MAX } from '../base/limits.ts'
import { bytes, list, literal, text, tuple, uint } from '../base/shape.ts'

/**
 * How a cluster begins: its name, who may decide, and how many of them it takes. Its hash is
 * the ClusterId, so whoever knows the id knows the first admins and needs to trust nobody else.
 *
 *   genesis = [name, adminKeys, threshold, policyHash, suite, nonce16]      file = [genesis, a signature per admin]
 */
export interface Genesis {
  readonly cluster: ClusterId
  readonly name: string
  readonly admins: readonly NodeId[]
  /** k: admins that an operation needs. */
  readonly threshold: number
  readonly bytes: Uint8Array
  /** One per admin, in their order. */
  readonly signatures: readonly Uint8Array[]
}

const SUITE = 1
/** No rules yet: the hash that a policy without rules has. */
export const NO_RULES: Uint8Array = hash('policy', encode([]))
export const CLUSTER_NAME_MAX = 64

/** @param signers all admins: a genesis nobody stands behind is none. Sorted by key here. */
export function createGenesis(name: string, signers: readonly Signer[], threshold: number, nonce: Uint8Array): Genesis {
  if (name.length === 0 || name.length > CLUSTER_NAME_MAX)
    throw new RangeError(`a cluster name has 1 to ${CLUSTER_NAME_MAX} characters, got ${name.length}`)
  if (threshold < 1 || threshold > signers.length || signers.length > ADMINS_MAX)
    throw new RangeError(`a threshold of ${threshold} of ${signers.length} admins`)
  const ordered = [...signers].sort((a, b) => (nodeIdOf(a.publicKey) < nodeIdOf(b.publicKey) ? -1 : 1))
  const encoded = encode([name, ordered.map(signer => signer.publicKey), threshold, NO_RULES, SUITE, nonce])
  const message = concatBytes(tagOf('genesis'), encoded)
  return {
    cluster: clusterIdOf(hash('cluster', encoded)),
    name,
    admins: ordered.map(signer => nodeIdOf(signer.publicKey)),
    threshold,
    bytes: encoded,
    signatures: ordered.map(signer => signer.sign(message)),
  }
}

export function encodeGenesisFile(genesis: Genesis): Cbor {
  return [genesis.bytes, genesis.signatures]
}

const fileShape = tuple(bytes(1, 4096), list(bytes(64), ADMINS_MAX))
const genesisShape = tuple(text(CLUSTER_NAME_MAX), list(bytes(32), ADMINS_MAX), uint(ADMINS_MAX), bytes(32), literal(SUITE), bytes(16))

/** @returns undefined unless every admin signed it. */
export function parseGenesis(value: Cbor): Genesis | undefined {
  const file = fileShape.parse(value)
  const decoded = file === undefined ? undefined : decode(file[0])
  const row = decoded?.ok === true ? genesisShape.parse(decoded.value) : undefined
  if (file === undefined || row === undefined) return undefined
  const [encoded, signatures] = file
  const [name, keys, threshold] = row
  const admins = keys.map(nodeIdOf)
  const isSorted = admins.every((admin, i) => i === 0 || (admins[i - 1] as NodeId) < admin)
  if (name === '' || !isSorted || threshold < 1 || threshold > keys.length || signatures.length !== keys.length) return undefined
  const message = concatBytes(tagOf('genesis'), encoded)
  if (!keys.every((key, i) => isStrictKey(key) && verify(key, message, signatures[i] as Uint8Array))) return undefined
  return { cluster: clusterIdOf(hash('cluster', encoded)), name, admins, threshold, bytes: encoded, signatures }
}
