import type { NodeStatus } from '../../node/api.ts'
import { embedderLine } from '../embedder-line.ts'
import { action, type Define } from '../invocation.ts'
import { columns, elapsed, plural } from '../text.ts'

export const define: Define = command => command.action(action(async cli => cli.print(await cli.request('node.status', {}), render)))

function render(status: NodeStatus): string {
  const up = status.peers.filter(peer => peer.state === 'up').length
  return columns([
    ['node', `${status.name}  ${status.nodeId}`],
    ['cluster', status.cluster],
    [
      'state',
      `${status.state} for ${elapsed(status.uptimeMs)}${status.publishing ? '' : ', not publishing yet: no peer has vouched for its logs'}`,
    ],
    ['peers', `${up} of ${status.peers.length} up`],
    ...status.peers.map(peer => ['', `${peer.state === 'up' ? 'up  ' : 'down'}  ${peer.nodeId}${clock(peer)}`]),
    [
      'memory',
      `${plural(status.memories, 'memory', 'memories')}, ${plural(status.conflicts, 'conflict')}${status.foldedAnew === undefined ? '' : `; ${status.foldedAnew.join(', ')} being folded anew`}`,
    ],
    ['embedder', embedderLine(status.embedder)],
    ['chain', plural(status.records, 'record')],
    ['processes', String(status.processes)],
    [
      'thinking',
      `${status.impulses === 0 ? 'no impulse waits' : `${plural(status.impulses, 'impulse')} waiting`}${status.capacity === null ? '' : `; a tick takes ${(status.capacity.p50Us / 1000).toFixed(1)} ms, one in twenty ${(status.capacity.p95Us / 1000).toFixed(1)} ms`}`,
    ],
    ...(status.addresses.length === 0 ? [''] : status.addresses).map((address, i) => [i === 0 ? 'addresses' : '', address]),
    ['frontier', status.frontier],
  ])
}

function clock({ rttMs, clockOffsetMs, clockErrorMs }: NodeStatus['peers'][number]): string {
  if (rttMs === null) return ''
  return `  ${rttMs.toFixed(1)} ms away${clockOffsetMs === null ? '' : `, its clock ${clockOffsetMs >= 0 ? '+' : ''}${Math.round(clockOffsetMs)} ms (+-${Math.ceil(clockErrorMs ?? 0)})`}`
}
