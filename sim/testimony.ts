import { LIST_MAX } from '../base/limits.ts'
import { reaches } from '../discovery/spaces.ts'
import type { MemoryRecord, Recollection } from '../node/api.ts'
import type { CommandName, CommandTypes } from '../node/commands/types.ts'
import { askAll } from './ask-all.ts'
import { RECALLED, type SpaceTestimony, type Testimony } from './checkers/checker.ts'
import type { Stage } from './stage.ts'

/** What one node says when all is quiet, by the commands that anybody can ask it. */
export async function testimonyOf(stage: Stage, name: string, queries: readonly string[]): Promise<Testimony> {
  const ask = async <K extends CommandName>(command: K, input: CommandTypes[K]['input']): Promise<CommandTypes[K]['result']> => {
    const [answer] = await askAll(stage, [name], command, input)
    return answer as CommandTypes[K]['result']
  }
  const { nodeId, frontier, frontierAll } = await ask('node.status', {})
  const { pending, foldVersion } = await ask('memory.status', {})
  const verification = await ask('chain.verify', { all: true })
  const list = async (space?: string): Promise<readonly MemoryRecord[]> => {
    const all: MemoryRecord[] = []
    // Who says that records of his are damaged cannot show them.
    for (let after: string | undefined, more = verification.valid; more; ) {
      const page = await ask('memory.list', { space, after, limit: LIST_MAX })
      all.push(...page.memories)
      after = page.frontier
      more = page.more
    }
    return all
  }
  const memories = await list()
  const edges: Testimony['edges'][number][] = []
  for (let at = 0; at < memories.length; at += LIST_MAX)
    edges.push(...(await ask('memory.edges', { ids: memories.slice(at, at + LIST_MAX).map(({ id }) => id) })).edges)
  const recollections = new Map<string, Recollection>()
  const matches = new Map<string, Recollection>()
  for (const query of verification.valid ? queries : []) {
    recollections.set(query, await ask('memory.recall', { query, k: RECALLED }))
    matches.set(query, await ask('memory.recall', { query, k: RECALLED, spread: false }))
  }
  const spaces = new Map<string, SpaceTestimony>()
  for (const { space, readers } of (await ask('space.list', {})).spaces) {
    if (readers === null) continue
    const { role, members, frontier: heldHere, sealed } = await ask('space.show', { space })
    spaces.set(space, { role, members, frontier: heldHere, sealed, memories: reaches(role, 'read') ? await list(space) : null })
  }
  return {
    nodeId,
    frontier,
    frontierAll,
    foldVersion,
    pending,
    heads: (await ask('chain.head', {})).logs,
    verification,
    memories,
    edges,
    conflicts: await ask('memory.conflicts', {}),
    recollections,
    matches,
    spaces,
    members: await ask('member.list', {}),
    peers: (await ask('peer.list', {})).peers,
    processes: (await ask('process.list', {})).processes,
  }
}
