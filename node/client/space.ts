import type { Space } from '../api.ts'
import type { CommandName, CommandTypes, Request } from '../commands/types.ts'
import { memoryOf } from './memory.ts'

/** A space of a node, wherever it runs. */
export function spaceOf(request: Request, name: string): Space {
  return {
    name,
    memory: memoryOf(inSpace(request, name)),
    show: () => request('space.show', { space: name }),
    create: options => request('space.create', { space: name, ...options }),
    grant: (nodeId, role, options) => request('space.grant', { space: name, nodeId, role, ...options }),
    rotate: () => request('space.rotate', { space: name }),
    revoke: nodeId => request('space.revoke', { space: name, nodeId }),
  }
}

/** The same way to perform commands; those of the memory that name no space are about this one. */
export function inSpace(request: Request, space: string | undefined): Request {
  if (space === undefined) return request
  return <K extends CommandName>(name: K, input: CommandTypes[K]['input']) =>
    request(name, name.startsWith('memory.') ? { space, ...input } : input)
}
