import './with-resolvers.mjs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gossipsub } from '@chainsafe/libp2p-gossipsub'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { bitswap } from '@helia/block-brokers'
import { Helia } from '@helia/utils'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createOrbitDB, IPFSAccessController } from '@orbitdb/core'
import { MemoryBlockstore } from 'blockstore-core'
import { MemoryDatastore } from 'datastore-core'
import { createLibp2p } from 'libp2p'

/** OrbitDB on Helia with bitswap alone, over TCP, Noise and Yamux. Its blocks are in memory, its index and heads in LevelDB, which it does not sync. */
export async function start({ dir, listen }) {
  const datastore = new MemoryDatastore()
  const libp2p = await createLibp2p({
    datastore,
    addresses: { listen: listen === undefined ? [] : [`/ip4/127.0.0.1/tcp/${listen.port}`] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify(), pubsub: gossipsub({ allowPublishToZeroTopicPeers: true }) },
  })
  const ipfs = new Helia({ libp2p, datastore, blockstore: new MemoryBlockstore(), blockBrokers: [bitswap()], components: { libp2p } })
  ipfs.libp2p = libp2p
  await ipfs.start()
  await libp2p.start()
  const orbitdb = await createOrbitDB({ ipfs, id: libp2p.peerId.toString(), directory: join(dir, 'orbitdb') })
  // The same name and rules give the same address on both, so none of it travels.
  const db = await orbitdb.open('records', { type: 'events', AccessController: IPFSAccessController({ write: ['*'] }) })
  return {
    invitation: async () => libp2p.peerId.toString(),
    connect: async port => {
      await libp2p.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}`))
    },
    disconnect: async () => {
      await Promise.all(libp2p.getPeers().map(peer => libp2p.hangUp(peer)))
      while (libp2p.getConnections().length > 0) await sleep(1)
    },
    add: async texts => {
      for (const text of texts) await db.add(text)
    },
    // A join is all or nothing: equal heads are equal logs.
    state: async () => {
      const heads = await db.log.heads()
      return heads
        .map(({ hash }) => hash)
        .sort()
        .join(' ')
    },
    count: async () => {
      let count = 0
      for await (const _ of db.log.traverse()) count++
      return count
    },
    stop: async () => {
      await orbitdb.stop()
      await ipfs.stop()
      await libp2p.stop()
    },
  }
}
