import { z } from 'zod'
import { toHex } from '../../base/bytes.ts'
import { WeftError } from '../../base/errors.ts'
import { DEFAULT_SPACE, keyOf, type NodeId, parseNodeId } from '../../base/ids.ts'
import { EVENT_RING, PEER_BOOK_MAX } from '../../base/limits.ts'
import { keyIdOf } from '../../chain/checkpoint.ts'
import type { Core } from '../core.ts'
import { command, type CommandsOf } from './command.ts'
import { peersOf } from './member.ts'
import type { Readiness } from './types.ts'

export const nodeCommands: CommandsOf<
  'node.id' | 'node.status' | 'node.ready' | 'node.settings' | 'node.events' | 'node.block' | 'node.stop'
> = {
  'node.id': command(z.strictObject({}), (core, _, to) =>
    to.ok({ nodeId: core.self, fingerprint: toHex(keyIdOf(keyOf(core.self))), cluster: core.chain.cluster, name: core.name }),
  ),

  'node.status': command(z.strictObject({}), (core, _, to) => {
    const logs = [...core.chain.logs.values()]
    const memory = core.memory(DEFAULT_SPACE)
    const anew = foldedAnew(core)
    to.ok({
      nodeId: core.self,
      cluster: core.chain.cluster,
      name: core.name,
      state: core.state,
      publishing: core.guard.isOpen,
      uptimeMs: Math.round(core.uptimeMs),
      version: core.version,
      addresses: core.peers.addresses,
      peers: peersOf(core).map(({ nodeId, state, rttMs, clockOffsetMs, clockErrorMs }) => ({
        nodeId,
        state,
        rttMs,
        clockOffsetMs,
        clockErrorMs,
      })),
      frontier: memory.frontier(),
      frontierAll: core.frontierAll,
      records: logs.reduce((sum, log) => sum + log.durable, 0),
      memories: core.memories.all.reduce((sum, { fold }) => sum + fold.stats.nodes, 0),
      processes: core.processes.size,
      conflicts:
        core.memories.all.reduce((sum, { fold }) => sum + fold.conflicts().length, 0) +
        logs.filter(log => log.conflict !== undefined).length,
      impulses: core.cognition.impulses.size,
      capacity: core.cognition.capacity ?? null,
      embedder: core.embedding?.status ?? null,
      ...(anew.length === 0 ? {} : { foldedAnew: anew }),
    })
  }),

  'node.ready': command(z.strictObject({}), (core, _, to) => to.ok(readinessOf(core))),

  'node.settings': command(z.strictObject({}), (core, _, to) => to.ok({ settings: core.settings })),

  'node.events': command(
    z.strictObject({
      after: z.number().int().min(0).optional(),
      limit: z.number().int().min(1).max(EVENT_RING).optional(),
      waitMs: z.number().min(0).max(60_000).optional(),
    }),
    (core, input, to) => {
      const { after = 0, limit = EVENT_RING, waitMs = 0 } = input
      const untilMs = core.now.monotonicMs + waitMs
      const look = (): void => {
        const events = core.events.after(after, limit)
        if (events.length > 0 || !core.eventWaiters.add(untilMs, look)) to.ok({ events, newest: core.events.newest })
      }
      look()
    },
  ),

  'node.block': command(z.strictObject({ peers: z.array(z.string()).max(PEER_BOOK_MAX) }), (core, input, to) => {
    const peers = input.peers.map((text): NodeId => {
      const id = parseNodeId(text)
      if (id === undefined) throw new WeftError('invalid_argument', `${JSON.stringify(text)} is no NodeId`)
      return id
    })
    core.context.emit({
      kind: 'block',
      peers,
      then: () => {
        core.peers.onBlocked()
        to.ok({ blocked: peers })
      },
    })
  }),

  'node.stop': command(z.strictObject({}), (core, _, to) => {
    to.ok({ stopping: true })
    core.context.emit({ kind: 'stop' })
  }),
}

/** Whether this node can do its work, and for each thing that it takes, why or why not. */
export function readinessOf(core: Core): Readiness {
  const memory = core.memory(DEFAULT_SPACE)
  const damage = damageOf(core)
  const anew = foldedAnew(core)
  const rows: Readiness['checks'] = [
    { check: 'running', ok: core.state === 'running', reason: `the node is ${core.state}` },
    { check: 'chain', ok: damage === undefined, reason: damage ?? 'every log is readable' },
    { check: 'disk', ok: core.diskFault === undefined, reason: core.diskFault ?? 'the last write succeeded' },
    {
      check: 'memory',
      ok: core.isFolded && anew.length === 0,
      reason: !core.isFolded
        ? `${core.pending} stored records are still being applied`
        : anew.length > 0
          ? `what is in ${anew.join(', ')} is being folded anew`
          : `applied to frontier ${memory.frontier().slice(0, 16)}...`,
    },
  ]
  return { ready: rows.every(row => row.ok), checks: rows }
}

/** Spaces of which this node knows less, for the moment, than it has said before. */
function foldedAnew(core: Core): readonly string[] {
  return core.memories.all.filter(({ isWhole }) => !isWhole).map(({ space }) => space)
}

/** What of the chain cannot be read back, as far as anything has tried to. */
function damageOf(core: Core): string | undefined {
  const damaged = core.memories.all.flatMap(memory => memory.texts.damaged)
  const [first] = damaged
  if (core.stuck.size > 0) return `${core.stuck.size} logs cannot be read back: see weft chain verify`
  if (first === undefined) return undefined
  const more = damaged.length === 1 ? '' : `, and ${damaged.length - 1} more`
  return `record ${first.seq} of log ${first.log}${more} cannot be read back: see weft chain verify`
}
