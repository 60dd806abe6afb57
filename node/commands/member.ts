import { z } from 'zod'
import { isWellFormed } from '../../base/bytes.ts'
import { WeftError } from '../../base/errors.ts'
import { type NodeId, parseNodeId } from '../../base/ids.ts'
import { ADMINS_MAX, INVITE_EXPIRY_MAX_MS } from '../../base/limits.ts'
import { NO_RULES } from '../../discovery/genesis.ts'
import { formatToken } from '../../discovery/invite.ts'
import { type CutEntry, type Op, type Operation, ROLE } from '../../discovery/operation.ts'
import type { OperationResult } from '../api.ts'
import type { Core } from '../core.ts'
import type { PeerInfo } from '../peers.ts'
import { type AnswerTo, command, type CommandsOf } from './command.ts'

const node = z.string().transform((text, context): NodeId => {
  const id = parseNodeId(text)
  if (id === undefined) context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is no NodeId` })
  return id as NodeId
})
const operation = z.string().regex(/^[0-9a-f]{8,64}$/, 'an operation is 64 hex digits, or 8 or more of their beginning')

export const memberCommands: CommandsOf<
  'peer.list' | 'member.list' | 'member.invite' | 'member.approve' | 'member.revoke' | 'member.retire' | 'member.policy'
> = {
  'peer.list': command(z.strictObject({}), (core, _, to) => to.ok({ peers: peersOf(core) })),

  'member.list': command(z.strictObject({}), (core, _, to) => {
    const { membership, genesis } = core.cluster
    to.ok({
      cluster: membership.cluster,
      name: genesis.name,
      threshold: membership.policy.threshold,
      members: membership.members.map(({ id, role, status, isAdmin }) => ({ nodeId: id, role, status, isAdmin })),
      pending: membership.pending.map(({ operation: { id, op }, admins, needed }) => ({
        operation: id,
        what: describe(op),
        admins,
        needed,
      })),
    })
  }),

  'member.invite': command(
    z.strictObject({
      expiresMs: z
        .number()
        .int()
        .positive()
        .max(INVITE_EXPIRY_MAX_MS, `an invite is valid for ${INVITE_EXPIRY_MAX_MS / 60_000} minutes at most`)
        .optional(),
      role: z.string().regex(ROLE, `a role is ${ROLE.source}`).optional(),
      nodeId: node.optional(),
    }),
    (core, input, to) => {
      if (input.role === 'admin')
        throw new WeftError('invalid_argument', 'an invite makes no admins: the policy names them', {
          next: 'weft member policy, once the node is a member',
        })
      const addresses = core.peers.known().find(peer => peer.id === core.self)?.addresses ?? []
      const expiresMs = input.expiresMs ?? INVITE_EXPIRY_MAX_MS
      const secret = core.cluster.invite({ expiresMs, role: input.role ?? 'member', node: input.nodeId ?? null }, to.actor, error => {
        if (error !== undefined) return to.fail(error)
        const untilMs = Math.floor(core.now.wallMs) + expiresMs
        const token = formatToken({ cluster: core.chain.cluster, issuer: core.self, addresses, secret, expiresMs: untilMs })
        to.ok({ token, addresses, expires: new Date(untilMs).toISOString() })
      })
    },
  ),

  'member.approve': command(z.strictObject({ operation }), (core, input, to) => {
    const { membership } = core.cluster
    const found = membership.pending.filter(row => row.operation.id.startsWith(input.operation))
    if (found.length > 1) throw new WeftError('ambiguous_id', `more than one pending operation begins with ${input.operation}`)
    if (found[0] !== undefined) return core.cluster.approve(found[0].operation.id, to.actor, answerOperation(core, to))
    if (membership.isReplaced(input.operation))
      throw new WeftError('policy_replaced', `operation ${input.operation} was proposed under an earlier policy`)
    throw new WeftError('unknown_operation', `no pending operation ${input.operation}`)
  }),

  'member.revoke': command(
    z.strictObject({ nodeId: node, reason: z.string().max(256).refine(isWellFormed, 'the reason holds a lone surrogate').optional() }),
    (core, input, to) => {
      requireMember(core, input.nodeId)
      const cut = [...core.chain.logs.values()].flatMap((log): CutEntry[] =>
        log.identity.author === input.nodeId && log.published > 0
          ? [{ log: log.identity.id, size: log.published, head: log.tree.leaf(log.published - 1) }]
          : [],
      )
      core.cluster.propose({ op: 'revoke', node: input.nodeId, cut, reason: input.reason ?? '' }, to.actor, answerOperation(core, to))
    },
  ),

  'member.retire': command(z.strictObject({ nodeId: node }), (core, input, to) => {
    requireMember(core, input.nodeId)
    core.cluster.propose({ op: 'retire', node: input.nodeId }, to.actor, answerOperation(core, to))
  }),

  'member.policy': command(
    z.strictObject({ admins: z.array(node).min(1).max(ADMINS_MAX), threshold: z.number().int().min(1) }),
    (core, input, to) => {
      const admins = [...new Set(input.admins)].sort()
      if (input.threshold > admins.length)
        throw new WeftError('invalid_argument', `threshold: ${input.threshold} of ${admins.length} admins can never be reached`)
      for (const admin of admins) requireMember(core, admin)
      core.cluster.propose({ op: 'policy', admins, threshold: input.threshold, rules: NO_RULES }, to.actor, answerOperation(core, to))
    },
  ),
}

/** Everyone who belongs to the cluster, as this node sees them. */
export function peersOf(core: Core): PeerInfo[] {
  return core.cluster.membership.members
    .filter(member => member.id !== core.self)
    .map(({ id, role, status }) => ({
      nodeId: id,
      role,
      status,
      state: core.peers.connected.has(id) ? 'up' : 'down',
      addresses: core.peers.addressesOf(id),
      ...core.peers.clockOf(id),
      ...core.peers.versionOf(id),
      capacity: core.peers.capacityOf(id) ?? null,
    }))
}

function requireMember(core: Core, id: NodeId): void {
  if (!core.cluster.membership.isMember(id))
    throw new WeftError('not_a_member', `${id} is no member of this cluster`, { next: 'see weft member list' })
}

/** What has become of an operation that this node has signed. */
export function answerOperation(core: Core, to: AnswerTo<OperationResult>): (error: WeftError | undefined, operation: Operation) => void {
  return (error, { id }) => {
    if (error !== undefined) return to.fail(error)
    to.ok({ operation: id, decided: !core.cluster.membership.pending.some(row => row.operation.id === id) })
  }
}

function describe(op: Op): string {
  switch (op.op) {
    case 'admit':
      return `admit ${op.node} as ${op.role}`
    case 'retire':
      return `retire ${op.node}`
    case 'revoke':
      return `revoke ${op.node}${op.reason === '' ? '' : `: ${op.reason}`}`
    case 'policy':
      return `admins ${op.admins.join(', ')}, ${op.threshold} of ${op.admins.length} decide`
    case 'space.create':
      return `create space ${op.space}${op.isPrivate ? ', private' : ''}${op.isEncrypted ? ', encrypted' : ''}`
    case 'space.grant':
      return `give ${op.node} the role ${op.role} in space ${op.space}`
    case 'space.key':
      return `give ${new Set(op.boxes.map(({ node }) => node)).size} members keys of space ${op.space}`
    case 'space.revoke':
      return `take from ${op.node} its role in space ${op.space}`
  }
}
