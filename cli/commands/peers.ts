import { action, type Define } from '../invocation.ts'
import { table } from '../text.ts'

export const define: Define = command =>
  command.action(
    action(async cli => {
      cli.print(await cli.request('peer.list', {}), ({ peers }) =>
        table(
          ['state', 'node', 'role', 'status', 'rtt', 'tick', 'version', 'address'],
          peers.map(peer => [
            peer.state,
            peer.nodeId,
            peer.role,
            peer.status,
            peer.rttMs === null ? '-' : `${peer.rttMs.toFixed(1)} ms`,
            peer.capacity === null ? '-' : `${(peer.capacity.p95Us / 1000).toFixed(1)} ms`,
            peer.version ?? '-',
            peer.addresses[0] ?? '-',
          ]),
          'no other nodes yet: weft invite, then weft join TOKEN in another directory',
        ),
      )
    }),
  )
