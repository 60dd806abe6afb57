import { WeftError } from '../../base/errors.ts'
import type { ClusterId, NodeId } from '../../base/ids.ts'
import type { Spawned, SpawnOptions, WeftNode } from '../api.ts'
import type { Request } from '../commands/types.ts'
import type { NodeEvent } from '../events.ts'
import type { Program } from '../process/behaviour.ts'
import { memoryOf } from './memory.ts'
import { spaceOf } from './space.ts'

export interface ClientInit {
  readonly nodeId: NodeId
  readonly cluster: ClusterId
  readonly dir: string
  readonly request: Request
  /** Starts a program that is in this process; undefined for a node that runs elsewhere. */
  readonly spawnHere: ((program: Program, options: SpawnOptions) => Promise<Spawned>) | undefined
  readonly stop: () => Promise<void>
}

/** 25 s: how long one request for events waits before it asks again. */
const EVENTS_WAIT_MS = 25_000

/** The one face of a node for programs, made from a way to perform commands. */
export function clientOf({ nodeId, cluster, dir, request, spawnHere, stop }: ClientInit): WeftNode {
  return {
    nodeId,
    cluster,
    dir,
    stop,
    memory: memoryOf(request),
    space: name => spaceOf(request, name),
    spaces: () => request('space.list', {}),
    chain: {
      head: () => request('chain.head', {}),
      log: options => request('chain.log', options),
      verify: options => request('chain.verify', { ...options }),
    },
    members: {
      list: () => request('member.list', {}),
      approve: operation => request('member.approve', { operation }),
      revoke: (id, reason) => request('member.revoke', { nodeId: id, reason }),
      retire: id => request('member.retire', { nodeId: id }),
      setPolicy: ({ admins, threshold }) => request('member.policy', { admins, threshold }),
    },
    spawn: async (program, options = {}) => {
      if (typeof program === 'string') return request('process.spawn', { path: program, ...options })
      if (spawnHere !== undefined) return spawnHere(program, options)
      throw new WeftError('module_invalid', 'a function cannot be sent to another process', {
        next: 'name a module: spawn("./agent.js#export")',
      })
    },
    kill: async address => void (await request('process.kill', { address })),
    ps: options => request('process.list', { ...options }),
    send: async (to, message) => (await request('process.send', { to, message })).result,
    call: async (to, method, argument, options) => (await request('process.call', { to, method, argument, ...options })).result,
    monitor: target => request('process.monitor', { target }),
    status: () => request('node.status', {}),
    peers: () => request('peer.list', {}),
    invite: options => request('member.invite', { ...options }),
    events: options => eventsOf(request, options?.backlog ?? 0, options?.signal),
  }
}

async function* eventsOf(request: Request, backlog: number, signal: AbortSignal | undefined): AsyncGenerator<NodeEvent> {
  const { newest } = await request('node.events', { limit: 1 })
  let after = Math.max(0, newest - backlog)
  while (signal?.aborted !== true) {
    const { events } = await request('node.events', { after, waitMs: EVENTS_WAIT_MS })
    for (const event of events) yield event
    after = events.at(-1)?.number ?? after
  }
}
