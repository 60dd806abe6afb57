import { WeftError } from '../base/errors.ts'
import type { ClusterId, NodeId } from '../base/ids.ts'
import type { Disk } from '../base/ports.ts'
import { indexDirectory, useDirectory } from './host/directory.ts'
import { openDisk } from './host/disk.ts'
import { type HostIndex, openIndex } from './host/index.ts'
import { hostRandom } from './host/random.ts'
import { ensureIdentity, foundCluster, loadCluster } from './identity.ts'

/** A directory that belongs to a cluster now. */
export interface MadeNode {
  readonly nodeId: NodeId
  readonly cluster: ClusterId
  /** Absolute. */
  readonly dir: string
}

export interface InitOptions {
  readonly dir: string
  /** What people call the cluster; `weft` unless given. */
  readonly cluster?: string | undefined
}

const CLUSTER_NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u

/** Makes a directory the first node of a new cluster. Throws `already_initialised` when it belongs to one. */
export async function initNode({ dir, cluster: name = 'weft' }: InitOptions): Promise<MadeNode> {
  if (!CLUSTER_NAME.test(name))
    throw new WeftError('invalid_argument', `a cluster name is 1 to 64 letters, digits, spaces, . _ or -, got ${JSON.stringify(name)}`)
  return withNewDirectory(dir, (disk, path) => {
    return new Promise((resolve, reject) => {
      foundCluster(disk, hostRandom, name, (error, founded) => {
        if (founded === undefined) reject(error)
        else resolve({ nodeId: founded.identity.nodeId, cluster: founded.cluster.genesis.cluster, dir: path })
      })
    })
  })
}

/** Makes the key of a node that is to join later, if there is none: an invite can then name it. */
export async function identifyNode(dir: string): Promise<NodeId> {
  return withNewDirectory(dir, disk => {
    return new Promise((resolve, reject) =>
      ensureIdentity(disk, hostRandom, (error, identity) => (identity === undefined ? reject(error) : resolve(identity.nodeId))),
    )
  })
}

/** Runs `work` in a directory that belongs to no cluster yet, alone: two set-ups of one directory would make half of each. */
export async function withNewDirectory<T>(dir: string, work: (disk: Disk, path: string) => Promise<T>): Promise<T> {
  const path = useDirectory(dir)
  const disk = openDisk(path)
  let lock: HostIndex | undefined
  try {
    await refuseMember(disk)
    lock = await locked(path)
    return await work(disk, path)
  } finally {
    await new Promise<void>(resolve => (lock === undefined ? resolve() : lock.close(resolve)))
    await new Promise<void>(resolve => disk.close(resolve))
  }
}

/** Before the lock is asked for: a node that runs here holds it, and `already_initialised` says more than `already_running`. */
function refuseMember(disk: Disk): Promise<void> {
  return new Promise((resolve, reject) => {
    loadCluster(disk, (error, existing) => {
      if (error !== undefined) reject(error)
      else if (existing !== undefined)
        reject(
          new WeftError(
            'already_initialised',
            `this directory belongs to the cluster ${existing.genesis.name} (${existing.genesis.cluster})`,
          ),
        )
      else resolve()
    })
  })
}

function locked(path: string): Promise<HostIndex> {
  return new Promise((resolve, reject) =>
    openIndex(indexDirectory(path), opened => (opened.ok ? resolve(opened.value) : reject(opened.error))),
  )
}
