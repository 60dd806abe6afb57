import { fromBase64, toBase64 } from '../base/base64.ts'
import { equalBytes, textOf, utf8 } from '../base/bytes.ts'
import { type Cbor, decode, encode } from '../base/codec.ts'
import type { Signer } from '../base/crypto/crypto-suite.ts'
import { isStrictKey } from '../base/crypto/ed25519.ts'
import { suite } from '../base/crypto/suite.ts'
import { WeftError } from '../base/errors.ts'
import { type NodeId, nodeIdOf } from '../base/ids.ts'
import type { Disk, Random } from '../base/ports.ts'
import { tuple } from '../base/shape.ts'
import { nextKeyCommitOf } from '../chain/record.ts'
import { createGenesis, encodeGenesisFile, type Genesis, parseGenesis } from '../discovery/genesis.ts'
import { encodeEvidence, evidenceShape, type SignedOperation } from '../discovery/operation.ts'
import { loadFile, saveFile } from './save-file.ts'

/**
 * Who a node is: its key, the key its logs commit to as the next one, and the cluster it
 * belongs to. Files of the node directory, mode 0600; without them the node cannot be itself again.
 */
export interface Identity {
  readonly nodeId: NodeId
  readonly seed: Uint8Array
  readonly signer: Signer
  readonly nextKeyCommit: Uint8Array
}

export interface ClusterFile {
  readonly genesis: Genesis
  /** What shows our own admission to members that have not heard of it; and that of another member, so that this node knows it is not alone. */
  readonly evidence: readonly SignedOperation[]
}

export const IDENTITY_FILE = 'identity.pem'
export const NEXT_IDENTITY_FILE = 'next-identity.pem'
export const CLUSTER_FILE = 'cluster.weft'

/** DER in front of a raw Ed25519 seed (RFC 8410). */
const PKCS8_PREFIX: Uint8Array = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20)

function encodePem(seed: Uint8Array): Uint8Array {
  const der = new Uint8Array(PKCS8_PREFIX.length + 32)
  der.set(PKCS8_PREFIX)
  der.set(seed, PKCS8_PREFIX.length)
  return utf8(`-----BEGIN PRIVATE KEY-----\n${toBase64(der)}\n-----END PRIVATE KEY-----\n`)
}

/** @returns the seed, undefined for anything but an unencrypted Ed25519 key in PKCS#8 */
function decodePem(bytes: Uint8Array): Uint8Array | undefined {
  const found = /^-----BEGIN PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END PRIVATE KEY-----\s*$/.exec(textOf(bytes) ?? '')
  const der = found?.[1] === undefined ? undefined : fromBase64(found[1].replace(/\s/g, ''))
  return der?.length === 48 && equalBytes(der.subarray(0, 16), PKCS8_PREFIX) ? der.slice(16) : undefined
}

type Done<T> = (error: WeftError | undefined, value: T | undefined) => void

/** The identity in the directory; undefined when there is none yet. */
export function loadIdentity(disk: Disk, done: Done<Identity>): void {
  loadKey(disk, IDENTITY_FILE, (error, seed) => {
    if (error !== undefined || seed === undefined) return done(error, undefined)
    loadKey(disk, NEXT_IDENTITY_FILE, (failed, nextSeed) => {
      if (failed !== undefined) return done(failed, undefined)
      if (nextSeed === undefined) return done(new WeftError('identity_damaged', `${NEXT_IDENTITY_FILE} is missing`), undefined)
      const signer = suite.signer(seed)
      if (!isStrictKey(signer.publicKey)) return done(new WeftError('identity_damaged', `${IDENTITY_FILE} holds a weak key`), undefined)
      done(undefined, { nodeId: nodeIdOf(signer.publicKey), seed, signer, nextKeyCommit: nextKeyCommitOf(suite.publicKeyOf(nextSeed)) })
    })
  })
}

function loadKey(disk: Disk, file: string, done: Done<Uint8Array>): void {
  loadFile(disk, file, (error, bytes) => {
    if (error !== undefined) return done(new WeftError('directory_unusable', `cannot read ${file}: ${error.message}`), undefined)
    if (bytes === undefined) return done(undefined, undefined)
    const seed = decodePem(bytes)
    done(seed === undefined ? new WeftError('identity_damaged', `${file} is no Ed25519 key in PKCS#8`) : undefined, seed)
  })
}

/** A new identity; the next key is on disk before the key that commits to it. */
export function createIdentity(disk: Disk, random: Random, done: Done<Identity>): void {
  saveFile(disk, NEXT_IDENTITY_FILE, encodePem(random.bytes(32)), error => {
    if (error !== undefined)
      return done(new WeftError('directory_unusable', `cannot write ${NEXT_IDENTITY_FILE}: ${error.message}`), undefined)
    saveFile(disk, IDENTITY_FILE, encodePem(random.bytes(32)), failed => {
      if (failed !== undefined)
        return done(new WeftError('directory_unusable', `cannot write ${IDENTITY_FILE}: ${failed.message}`), undefined)
      loadIdentity(disk, done)
    })
  })
}

/** The identity in the directory, or a new one. */
export function ensureIdentity(disk: Disk, random: Random, done: Done<Identity>): void {
  loadIdentity(disk, (error, identity) => {
    if (error !== undefined || identity !== undefined) return done(error, identity)
    createIdentity(disk, random, done)
  })
}

const clusterShape = tuple({ parse: (value: Cbor): Cbor => value }, { parse: (value: Cbor): Cbor => value })

/** The cluster this directory belongs to; undefined when there is none yet. */
export function loadCluster(disk: Disk, done: Done<ClusterFile>): void {
  loadFile(disk, CLUSTER_FILE, (error, bytes) => {
    if (error !== undefined) return done(new WeftError('directory_unusable', `cannot read ${CLUSTER_FILE}: ${error.message}`), undefined)
    if (bytes === undefined) return done(undefined, undefined)
    const decoded = decode(bytes)
    const row = decoded.ok ? clusterShape.parse(decoded.value) : undefined
    const genesis = row === undefined ? undefined : parseGenesis(row[0])
    const evidence = row === undefined || genesis === undefined ? undefined : evidenceShape(genesis.cluster).parse(row[1])
    if (genesis === undefined || evidence === undefined)
      return done(new WeftError('identity_damaged', `${CLUSTER_FILE} is damaged`), undefined)
    done(undefined, { genesis, evidence })
  })
}

export function encodeCluster({ genesis, evidence }: ClusterFile): Uint8Array {
  return encode([encodeGenesisFile(genesis), encodeEvidence(evidence)])
}

export function saveCluster(disk: Disk, file: ClusterFile, done: (error: WeftError | undefined) => void): void {
  saveFile(disk, CLUSTER_FILE, encodeCluster(file), error => {
    done(error === undefined ? undefined : new WeftError('directory_unusable', `cannot write ${CLUSTER_FILE}: ${error.message}`))
  })
}

/** A new cluster with this node as its one admin. */
export function foundCluster(
  disk: Disk,
  random: Random,
  name: string,
  done: (error: WeftError | undefined, founded: { readonly identity: Identity; readonly cluster: ClusterFile } | undefined) => void,
): void {
  loadCluster(disk, (error, existing) => {
    if (error !== undefined) return done(error, undefined)
    if (existing !== undefined)
      return done(
        new WeftError(
          'already_initialised',
          `this directory belongs to the cluster ${existing.genesis.name} (${existing.genesis.cluster})`,
        ),
        undefined,
      )
    ensureIdentity(disk, random, (failed, identity) => {
      if (identity === undefined) return done(failed, undefined)
      const cluster: ClusterFile = { genesis: createGenesis(name, [identity.signer], 1, random.bytes(16)), evidence: [] }
      saveCluster(disk, cluster, unsaved => done(unsaved, unsaved === undefined ? { identity, cluster } : undefined))
    })
  })
}
