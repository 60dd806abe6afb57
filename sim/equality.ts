import { DEFAULT_SPACE, spaceOf } from '../base/ids.ts'
import type { ChainHeads } from '../node/api.ts'
import { askAll } from './ask-all.ts'
import type { Stage } from './stage.ts'

/**
 * Whether nodes hold the same: of every log that is for all, and of those of a private space all who may hold it. Of logs with two
 * histories each node keeps the one it saw first.
 */
export async function areEqual(stage: Stage, names: readonly string[], isHostile: boolean): Promise<boolean> {
  const statuses = await askAll(stage, names, 'node.status', {})
  if (!statuses.every(({ publishing }) => publishing)) return false
  const pending = (await askAll(stage, names, 'memory.status', {})).map(memory => memory.pending)
  // What a hostile node refers to may never come, and what builds on it waits for ever: everywhere alike.
  const waiting = isHostile ? (pending[0] ?? 0) : 0
  const isWaiting = pending.some(count => count !== waiting)
  if (statuses.every(({ frontierAll }) => frontierAll === statuses[0]?.frontierAll)) return !isWaiting
  const heads = (await askAll(stage, names, 'chain.head', {})).map(({ logs }) => logs)
  const forked = new Set(heads.flat().flatMap(({ logId, conflict }) => (conflict ? [logId] : [])))
  const isOfMain = heads.flat().every(({ stream }) => (spaceOf(stream) ?? DEFAULT_SPACE) === DEFAULT_SPACE)
  if (isOfMain && (isWaiting || forked.size === 0)) return false
  const spaces = (await askAll(stage, names, 'space.list', {})).map(list => list.spaces)
  const barred = spaces.map(
    list => new Set(list.filter(({ readers, role }) => readers !== null && role === 'none').map(({ space }) => space)),
  )
  const isBarred = (i: number, { stream }: Head): boolean => barred[i]?.has(spaceOf(stream) ?? DEFAULT_SPACE) === true
  // What a node may hold no more waits for what it is not given, and the other way round.
  const leftOver = heads.map((logs, i) => logs.filter(log => isBarred(i, log)).reduce((sum, { size }) => sum + size, 0))
  if (pending.some((count, i) => count !== waiting && count > waiting + (leftOver[i] ?? 0))) return false
  const logs = new Map(heads.flat().map(log => [log.logId, log]))
  return [...logs.values()].every(log => {
    if (forked.has(log.logId)) return true
    const ends = heads.flatMap((held, i) => (isBarred(i, log) ? [] : [endOf(held.find(({ logId }) => logId === log.logId))]))
    return ends.every(end => end === ends[0])
  })
}

type Head = ChainHeads['logs'][number]

function endOf(log: Head | undefined): string {
  return log === undefined || log.size === 0 ? '0' : `${log.size} ${log.head}`
}
