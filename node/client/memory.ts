import type { CausalId } from '../../base/ids.ts'
import type { Memory, MemoryChange, PolicyInfo, RecallOptions } from '../api.ts'
import type { ImpulseRecord } from '../cognition/api.ts'
import type { Request } from '../commands/types.ts'

/** 25 s: how long one request of `watch` waits for something to happen before it asks again. */
const WATCH_WAIT_MS = 25_000

/** The memory of a node, wherever it runs. */
export function memoryOf(request: Request): Memory {
  return {
    remember: (text, options) => request('memory.remember', { text, ...options }),
    link: (from, type, to, options) => request('memory.link', { from, type, to, ...options }),
    supersede: (old, by, options) => request('memory.supersede', { old, by, ...options }),
    policies: async () => (await request('policy.list', {})).policies,
    setPolicy: async (name, policy) => (await request('policy.set', { name, policy })).policies[0] as PolicyInfo,
    removePolicy: async name => void (await request('policy.remove', { name })),
    runPolicies: async (options = {}) => (await request('policy.run', options)).runs,
    forget: (id, options) => request('memory.forget', { id, ...options }),
    get: id => request('memory.get', { id }),
    recall: ((query?: string, options?: RecallOptions) => request('memory.recall', { query, ...options })) as Memory['recall'],
    why: (id, options) => request('memory.why', { id, ...options }),
    prove: (id, options) => request('memory.prove', { id, ...options }),
    list: options => request('memory.list', { ...options }),
    whatIf: (id, options) => request('memory.whatif', { id, ...options }),
    diff: (from, options) => request('memory.diff', { from, ...options }),
    conflicts: () => request('memory.conflicts', {}),
    resolve: (about, verdict) => request('memory.resolve', { about, ...verdict }),
    timeline: options => request('memory.timeline', { ...options }),
    entities: options => request('memory.entities', { ...options }),
    status: () => request('memory.status', {}),
    import: (items, options) => request('memory.import', { items, ...options }),
    has: keys => request('memory.has', { keys }),
    coherence: options => request('memory.coherence', { ...options }),
    communities: options => request('memory.communities', { ...options }),
    proposals: () => request('memory.proposals', {}),
    confirm: proposal => request('memory.confirm', { proposal }),
    reject: proposal => request('memory.reject', { proposal }),
    impulses: options => impulses(request, options?.after ?? 0, options?.signal),
    acknowledge: known => request('memory.acknowledge', typeof known === 'number' ? { upTo: known } : { numbers: known }),
    raise: (reason, options) => request('memory.raise', { reason, ...options }),
    tick: () => request('memory.tick', {}),
    locate: name => request('memory.locate', { name }),
    watch: options => watch(request, options?.after, options?.signal),
  }
}

/** One that is joined by another comes again, under a new number. */
async function* impulses(request: Request, from: number, signal: AbortSignal | undefined): AsyncGenerator<ImpulseRecord> {
  let after = from
  while (signal?.aborted !== true) {
    const found = await request('memory.impulses', { after, waitMs: WATCH_WAIT_MS })
    for (const impulse of found.impulses) yield impulse
    after = found.impulses.at(-1)?.number ?? after
  }
}

/** Nothing is missed while the reader is busy: the next request begins where the last page ended. */
async function* watch(request: Request, from: string | undefined, signal: AbortSignal | undefined): AsyncGenerator<MemoryChange> {
  let after = from ?? (await request('memory.status', {})).frontier
  const seen = new Set<string>((await request('memory.conflicts', {})).conflicts.map(nameOf))
  while (signal?.aborted !== true) {
    const { memories, conflicts, frontier } = await request('memory.changes', { after, waitMs: WATCH_WAIT_MS })
    for (const memory of memories) yield { kind: 'memory', frontier, ...memory }
    for (const conflict of conflicts) {
      if (seen.has(nameOf(conflict))) continue
      seen.add(nameOf(conflict))
      yield { kind: 'conflict', frontier, ...conflict }
    }
    after = frontier
  }
}

function nameOf(conflict: { readonly target: CausalId; readonly current: readonly CausalId[] }): string {
  return [conflict.target, ...conflict.current].join()
}
