import { createLibp2pTransport } from '../transport/libp2p/libp2p-transport.ts'
import { hostClock } from './host/clock.ts'
import { hostRandom } from './host/random.ts'
import { type MadeNode, withNewDirectory } from './init-node.ts'
import { joinCluster } from './join.ts'

export interface JoinOptions {
  readonly dir: string
  /** What `invite` gave, on a node of the cluster that is running now. */
  readonly token: string
}

/** Makes a directory a node of an existing cluster. It dials the node that issued the invite, and listens nowhere. */
export function joinNode({ dir, token }: JoinOptions): Promise<MadeNode> {
  return withNewDirectory(dir, (disk, path) => {
    const transport = ({ seed }: { readonly seed: Uint8Array }): ReturnType<typeof createLibp2pTransport> =>
      createLibp2pTransport({ seed, listen: [], announce: [], log: () => {} })
    return new Promise((resolve, reject) => {
      joinCluster({ clock: hostClock, random: hostRandom, disk, transport }, token, (error, joined) =>
        joined === undefined ? reject(error) : resolve({ ...joined, dir: path }),
      )
    })
  })
}
