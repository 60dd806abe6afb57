import { z } from 'zod'
import { memoryStream, type NodeId } from '../../base/ids.ts'
import { SPACE_ROLES, type SpaceRole } from '../../discovery/operation.ts'
import { reaches } from '../../discovery/spaces.ts'
import type { SpaceInfo, SpaceMember } from '../api.ts'
import type { Core } from '../core.ts'
import { requireWhole } from '../memory/whole.ts'
import { command, type CommandsOf } from './command.ts'
import { spaceIn, spaceName } from './in-space.ts'
import { answerOperation } from './member.ts'
import { memberNamed } from './member-named.ts'

const role = z.enum(SPACE_ROLES as [Exclude<SpaceRole, 'none'>, ...Exclude<SpaceRole, 'none'>[]])

export const spaceCommands: CommandsOf<'space.list' | 'space.show' | 'space.create' | 'space.grant' | 'space.revoke' | 'space.rotate'> = {
  'space.list': command(z.strictObject({}), (core, _, to) => {
    const names = new Set([...core.memories.all.map(({ space }) => space), ...core.spaces.created.keys()])
    to.ok({ spaces: [...names].sort().map(space => infoOf(core, space)) })
  }),

  'space.show': command(z.strictObject({ space: spaceName }), (core, { space }, to) => {
    spaceIn(core, space)
    const memory = requireWhole(core.memory(space))
    to.ok({
      ...infoOf(core, space),
      members: membersOf(core, space),
      void: memory.voids.length,
      sealed: memory.sealed,
      keys: core.spaces.created.get(space)?.keys.length ?? 0,
      frontier: memory.frontier(),
    })
  }),

  'space.create': command(
    z.strictObject({ space: spaceName, private: z.boolean().optional(), encrypted: z.boolean().optional() }),
    (core, { space, private: isPrivate = false, encrypted: isEncrypted = false }, to) =>
      core.spaces.create(space, { isPrivate: isPrivate || isEncrypted, isEncrypted }, to.actor, answerOperation(core, to)),
  ),

  'space.grant': command(
    z.strictObject({ space: spaceName, nodeId: z.string(), role, history: z.boolean().optional() }),
    (core, { space, nodeId, role: granted, history = true }, to) =>
      core.spaces.grant(space, memberNamed(core, nodeId), granted, history, to.actor, answerOperation(core, to)),
  ),

  'space.rotate': command(z.strictObject({ space: spaceName }), (core, { space }, to) =>
    core.spaces.rotate(space, to.actor, answerOperation(core, to)),
  ),

  'space.revoke': command(z.strictObject({ space: spaceName, nodeId: z.string() }), (core, { space, nodeId }, to) =>
    core.spaces.revoke(space, memberNamed(core, nodeId), to.actor, answerOperation(core, to)),
  ),
}

function infoOf(core: Core, space: string): SpaceInfo {
  const stream = memoryStream(space)
  const logs = [...core.chain.logs.values()].filter(({ identity, durable }) => identity.stream === stream && durable > 0)
  const state = core.spaces.created.get(space)
  const mayDo = (needed: SpaceRole): readonly NodeId[] | null =>
    state?.isPrivate === true
      ? membersOf(core, space)
          .filter(member => reaches(member.role, needed))
          .map(({ nodeId }) => nodeId)
      : null
  return {
    space,
    memories: core.memories.has(space) ? requireWhole(core.memory(space)).fold.stats.nodes : 0,
    authors: logs.map(({ identity }) => identity.author).sort(),
    created: state !== undefined,
    encrypted: state?.isEncrypted === true,
    readers: mayDo('read'),
    writers: mayDo('write'),
    role: core.spaces.roleOf(space, core.self),
    taken: core.spaces.isTaken(space),
  }
}

/** Members with a right of their own here. */
function membersOf(core: Core, space: string): readonly SpaceMember[] {
  const named = core.spaces.created.get(space)?.named ?? []
  return named.map(nodeId => ({ nodeId, role: core.spaces.roleOf(space, nodeId) }))
}
