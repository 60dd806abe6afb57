import './with-resolvers.ts'
import { noise } from '@chainsafe/libp2p-noise'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p, PeerId, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { CONNECTIONS_MAX, CONNECTIONS_PER_S, FRAME_MAX_BYTES, GREETING_TIMEOUT_MS, PEER_ADDRESSES_MAX } from '../../base/limits.ts'

/** 2.5 s for one address: the other addresses of a peer get their turn before its dial ends. */
const ADDRESS_TIMEOUT_MS = GREETING_TIMEOUT_MS / 4

/** 16 streams: a peer opens five (greeting, three protocols, identify), and each may hold a window of bytes before its protocol is known. */
const INBOUND_STREAMS_MAX = 16

/** libp2p as this mesh uses it: TCP, Noise, Yamux and identify; not started yet. */
export async function createLibp2pNode(init: Libp2pNodeInit): Promise<Libp2p> {
  const isRefused = (peer: { toString(): string }): boolean => init.isRefused(peer.toString())
  return createLibp2p({
    start: false,
    privateKey: await generateKeyPairFromSeed('Ed25519', init.seed),
    addresses: { listen: [...init.listen], announce: [...init.announce] },
    transports: [...(init.transports ?? [tcp()])],
    connectionEncrypters: [noise()],
    // The window stays below libp2p's read buffer (4 MiB): a stream that outgrows it is reset.
    streamMuxers: [
      outlivingClose(yamux({ maxInboundStreams: INBOUND_STREAMS_MAX, streamOptions: { maxStreamWindowSize: FRAME_MAX_BYTES } })),
    ],
    services: { identify: identify() },
    peerDiscovery: (init.peerDiscovery as DiscoveryModule[]).map(create => components => {
      const discovery = create(components)
      // libp2p's own event tells of a peer once; a peer that moved is seen again under its new address.
      discovery.addEventListener('peer', ({ detail }) => init.onDiscovered(detail.id, detail.multiaddrs))
      return discovery
    }),
    connectionGater: { denyInboundEncryptedConnection: isRefused, denyOutboundEncryptedConnection: isRefused },
    connectionManager: {
      maxConnections: CONNECTIONS_MAX,
      // Inbound connections between their first byte and the end of their handshake: as many as may come in a second.
      maxIncomingPendingConnections: CONNECTIONS_PER_S,
      inboundConnectionThreshold: CONNECTIONS_PER_S,
      maxPeerAddrsToDial: PEER_ADDRESSES_MAX,
      dialTimeout: GREETING_TIMEOUT_MS,
      addressDialTimeout: ADDRESS_TIMEOUT_MS,
    },
    // It closes a connection at the first late ping, even when only this node was slow. The node pings itself.
    connectionMonitor: { enabled: false },
  })
}

/**
 * yamux announces a new stream in a microtask of its own. Where the connection closes in the turn that opened the stream, its
 * `send` throws there, nobody can catch that, and the process ends. What is sent on a closed connection is lost anyway.
 */
function outlivingClose(create: MuxerModule): MuxerModule {
  return components => {
    const factory = create(components)
    const createMuxer = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = connection => {
      const secured = connection as typeof connection & Pick<Stream, 'writeStatus'>
      const muxer = createMuxer(connection) as ReturnType<typeof createMuxer> & { send(data: unknown): boolean }
      const send = muxer.send.bind(muxer)
      muxer.send = data => secured.writeStatus === 'closed' || secured.writeStatus === 'closing' || send(data)
      return muxer
    }
    return factory
  }
}

/** Stops it, with the timer that libp2p leaves behind for a second: it would hold the process that long. */
export async function stopLibp2pNode(libp2p: Libp2p): Promise<void> {
  await libp2p.stop()
  const { components } = libp2p as unknown as { components: { addressManager: { _updatePeerStoreAddresses: { stop(): void } } } }
  components.addressManager._updatePeerStoreAddresses.stop()
}

export interface Libp2pNodeInit {
  readonly seed: Uint8Array
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  /** Under Noise and Yamux: TCP unless given. */
  readonly transports?: readonly TransportModule[] | undefined
  readonly peerDiscovery: readonly unknown[]
  /** Asked once a connection is secured, whoever dialled it. */
  isRefused(peer: string): boolean
  onDiscovered(peer: PeerId, addresses: readonly Multiaddr[]): void
}

export type TransportModule = NonNullable<Libp2pOptions['transports']>[number]
type MuxerModule = NonNullable<Libp2pOptions['streamMuxers']>[number]
type DiscoveryModule = NonNullable<Libp2pOptions['peerDiscovery']>[number]
