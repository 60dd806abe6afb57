import { formatFrontier } from '../base/frontier.ts'
import { DEFAULT_SPACE, spaceOf } from '../base/ids.ts'
import { entryOf } from '../chain/digest.ts'
import type { Core } from '../node/core.ts'

/** How far a node holds what is for every member, as one string: all logs but those of private spaces. */
export function sharedFrontier(core: Core): string {
  const { created } = core.spaces
  if (created.size === 0) return core.frontierAll
  const isShared = (space: string): boolean => created.get(space)?.isPrivate !== true
  const logs = [...core.chain.logs.values()].filter(log => log.published > 0 && isShared(spaceOf(log.identity.stream) ?? DEFAULT_SPACE))
  return formatFrontier(logs.map(entryOf))
}
