import { LIST_MAX, TIMELINE_MATCHES } from '../../base/limits.ts'
import type { CausalId } from '../../base/ids.ts'
import type { Cut } from '../../ecc/record-table.ts'
import type { Remember } from '../../ecc/records.ts'
import type { TimelineMemory, MemoryTimeline, TimelineOptions } from '../api.ts'
import { type Answering, atCut, attempt, fields } from './answers.ts'
import type { Memory } from './memory.ts'

/** What was thought when: of one memory, of what a question finds, or of everything. */
export function timeline(memory: Memory, options: TimelineOptions, to: Answering<MemoryTimeline>): void {
  atCut(memory, options.asOf, undefined, to, at => {
    const { id, query, limit = 100 } = options
    if (id !== undefined) return memory.resolve(id, found => answer(memory, [found], at, options, false, to), to.fail)
    const found = attempt(to, () => startsOf(memory, query, at, limit))
    if (found !== undefined) answer(memory, found.ids, at, options, found.more, to)
  })
}

function startsOf(
  memory: Memory,
  query: string | undefined,
  at: Cut | undefined,
  limit: number,
): { readonly ids: readonly CausalId[]; readonly more: boolean } {
  if (query === undefined) {
    const { nodes, more } = memory.fold.list({ at, limit: Math.min(limit, LIST_MAX) })
    return { ids: nodes.map(node => node.id), more }
  }
  const { hits } = memory.fold.recall(query, { k: Math.min(limit, TIMELINE_MATCHES), at, includeSuperseded: true })
  return { ids: hits.flatMap(hit => [hit.id, ...(hit.copies ?? []).map(copy => copy.id)]), more: false }
}

function answer(
  memory: Memory,
  ids: readonly CausalId[],
  at: Cut | undefined,
  { id, order = 'written', limit = 100 }: TimelineOptions,
  more: boolean,
  to: Answering<MemoryTimeline>,
): void {
  const found = attempt(to, () => memory.fold.timeline(ids, { at, order, limit }))
  if (found === undefined) return
  if (found.nodes.length === 0 && id !== undefined) return to.fail(memory.fold.missing(id as CausalId))
  const frontier = memory.frontier(at)
  memory.texts.read(
    found.nodes.map(node => node.ref),
    said => {
      const memories = found.nodes.map(
        (node, i): TimelineMemory => ({
          ...fields(node, said[i] as Remember),
          state: node.state,
          supersedes: node.supersedes,
          supersededBy: node.supersededBy,
        }),
      )
      to.ok({ memories, frontier, truncated: found.truncated || more })
    },
    to.fail,
  )
}
