import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { WeftError } from '../base/errors.ts'
import { type ClusterId, keyOf, type NodeId } from '../base/ids.ts'
import { keyIdOf } from '../chain/checkpoint.ts'
import { openDisk } from '../node/host/disk.ts'
import { CLUSTER_FILE, type Identity, IDENTITY_FILE, loadCluster, loadIdentity } from '../node/identity.ts'

/** True when `dir` belongs to a cluster: there is a node to start. */
export function isNode(dir: string): boolean {
  return existsSync(join(dir, CLUSTER_FILE))
}

export function requireNode(dir: string): void {
  if (!isNode(dir)) throw new WeftError('not_initialised', `there is no node in ${dir}`)
}

/** Who lives in a directory, as its files say: whether or not the node runs. */
export interface Resident {
  readonly nodeId: NodeId
  /** What people compare: 32 hex digits of a hash of the public key. */
  readonly fingerprint: string
  /** Null for a node that has a key but has not joined yet. */
  readonly cluster: ClusterId | null
}

/** Reads only. Throws `not_initialised`, `identity_damaged`, `directory_unusable`. */
export async function residentOf(dir: string): Promise<Resident> {
  if (!existsSync(join(dir, IDENTITY_FILE))) throw new WeftError('not_initialised', `there is no node in ${dir}`)
  const disk = openDisk(dir)
  try {
    const identity = await new Promise<Identity>((resolve, reject) =>
      loadIdentity(disk, (error, found) => (found === undefined ? reject(error) : resolve(found))),
    )
    const cluster = await new Promise<ClusterId | null>((resolve, reject) =>
      loadCluster(disk, (error, found) => (error === undefined ? resolve(found?.genesis.cluster ?? null) : reject(error))),
    )
    return { nodeId: identity.nodeId, fingerprint: fingerprintOf(identity.nodeId), cluster }
  } finally {
    await new Promise<void>(resolve => disk.close(resolve))
  }
}

export function fingerprintOf(nodeId: NodeId): string {
  return toHex(keyIdOf(keyOf(nodeId)))
}
