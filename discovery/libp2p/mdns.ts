import { mdns } from '@libp2p/mdns'
import type { ClusterId } from '../../base/ids.ts'

export interface MdnsOptions {
  /** 10 s unless given: between two questions to the local network. */
  readonly intervalMs?: number
  /** 5353 unless given: the UDP port of multicast DNS. */
  readonly port?: number
}

/**
 * Finds nodes of the same cluster on the local network, by multicast DNS under a name of the
 * cluster's own. Anybody there may answer: what is found is an address to try, no more.
 * Where multicast has no route it finds nothing, in silence.
 *
 * @returns a module for `peerDiscovery` of the libp2p transport
 */
export function mdnsDiscovery(cluster: ClusterId, { intervalMs = 10_000, port = 5353 }: MdnsOptions = {}): unknown {
  return mdns({ serviceTag: `_weft-${cluster.slice(0, 16)}._udp.local`, interval: intervalMs, port })
}
