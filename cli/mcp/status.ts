import { MCP_CONFLICTS_MAX } from '../../base/limits.ts'
import type { Request } from '../../node/commands/types.ts'

/** How the memory is, as the tool and the resource tell it. */
export interface Status {
  readonly node: string
  readonly name: string
  readonly cluster: string
  readonly state: string
  readonly peers: number
  readonly peersConnected: number
  readonly memories: number
  readonly links: number
  /** Records that are stored here and not part of answers yet. */
  readonly pending: number
  readonly conflictsInAll: number
  /** The first of them: a memory and the current ones that each replace it. */
  readonly conflicts: { readonly replaced: string; readonly rivals: string[] }[]
  readonly frontier: string
}

export async function statusOf(request: Request): Promise<Status> {
  const [node, memory, { conflicts }] = await Promise.all([
    request('node.status', {}),
    request('memory.status', {}),
    request('memory.conflicts', {}),
  ])
  return {
    node: node.nodeId,
    name: node.name,
    cluster: node.cluster,
    state: node.state,
    peers: node.peers.length,
    peersConnected: node.peers.filter(peer => peer.state === 'up').length,
    memories: memory.nodes,
    links: memory.edges,
    pending: memory.pending,
    conflictsInAll: conflicts.length,
    conflicts: conflicts.slice(0, MCP_CONFLICTS_MAX).map(({ target, current }) => ({ replaced: target, rivals: [...current] })),
    frontier: memory.frontier,
  }
}
