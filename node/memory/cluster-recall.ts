import type { WeftError } from '../../base/errors.ts'
import { formatFrontier, type FrontierEntry, parseFrontier } from '../../base/frontier.ts'
import { DEFAULT_SPACE, type LogId, type NodeId } from '../../base/ids.ts'
import {
  CALL_DEADLINE_MAX_MS,
  CLUSTER_RECALL_DEADLINE_MS,
  CLUSTER_RECALL_NODES_MAX,
  MESSAGE_MAX_BYTES,
  RECALL_K_MAX,
  RIVALS_SHOWN,
} from '../../base/limits.ts'
import { reaches } from '../../discovery/spaces.ts'
import { bareText } from '../../ecc/bare-text.ts'
import type { ClusterRecollection, RecallHit, RecallOptions, Recollection, Rival } from '../api.ts'
import type { Core } from '../core.ts'
import { KERNEL_PID } from '../ipc/address.ts'
import type { Answering } from './answers.ts'

/** About so many memories at most nodes are asked what they know of them. */
export const STATES_MAX: number = RECALL_K_MAX * CLUSTER_RECALL_NODES_MAX

/** What one node says. */
interface Answer {
  readonly node: NodeId
  readonly found: Recollection
  readonly entries: ReadonlyMap<LogId, FrontierEntry>
}

export interface ClusterQuestion {
  readonly k: number
  /** What is sent to the others: the same question, with nothing in it that they would understand otherwise. */
  readonly asked: RecallOptions & { readonly space?: string | undefined; readonly query?: string | undefined }
  readonly includeSuperseded: boolean
  /** How long to wait for the others. */
  readonly deadlineMs?: number | undefined
  /** This node's own answer. */
  readonly here: (to: Answering<Recollection>) => void
  /** What a peer answered, when it is an answer; undefined for anything else. */
  readonly read: (value: unknown) => Recollection | undefined
}

/**
 * The same question to every member that may read the space, and their answers as one. A node whose frontier another one's covers can add
 * nothing but what the other knows to be out of date, so its hits are left out, and it is named as behind. Of the others the same
 * memory is one hit, with the best of its scores and the names of all who found it; what one of them no longer finds, though it
 * knows of the record, was replaced or taken back, and is left out. Who is silent until the deadline is named.
 */
export function recallInCluster(core: Core, question: ClusterQuestion, to: Answering<ClusterRecollection>): void {
  const { space = DEFAULT_SPACE } = question.asked
  // Who may not read it, as a relay, has nothing to say of it, and is not silent for that.
  const readers = core.cluster.others.filter(node => reaches(core.spaces.roleOf(space, node), 'read'))
  const others = [...readers].sort().slice(0, CLUSTER_RECALL_NODES_MAX)
  const unasked = readers.filter(node => !others.includes(node))
  const answers: Answer[] = []
  const silent: NodeId[] = [...unasked]
  let left = others.length + 1
  let failed: WeftError | undefined
  const add = (node: NodeId, found: Recollection | undefined): void => {
    const entries = found && parseFrontier(found.frontier)
    if (found === undefined || entries === undefined) silent.push(node)
    else answers.push({ node, found, entries: new Map(entries.map(entry => [entry.log, entry])) })
    if (--left > 0) return
    if (answers.length === 0 && failed !== undefined) return to.fail(failed)
    answers.sort((a, b) => (a.node < b.node ? -1 : 1))
    settle(core, question, answers, gone => to.ok(merged(question.k, answers, silent, gone)))
  }
  for (const node of others)
    core.ipc.call(KERNEL_PID, `${node}/${KERNEL_PID}`, 'recall', question.asked, deadlineOf(question), outcome =>
      add(node, outcome.ok ? question.read(outcome.value) : undefined),
    )
  question.here({
    ok: found => add(core.self, found),
    fail: error => {
      failed = error
      add(core.self, undefined)
    },
  })
}

function deadlineOf({ deadlineMs = CLUSTER_RECALL_DEADLINE_MS }: ClusterQuestion): number {
  return Math.min(CALL_DEADLINE_MAX_MS, Math.max(1, deadlineMs))
}

/** As many hits as a message takes: the worst are left out. */
export function asMessage(found: Recollection): Recollection {
  let bytes = JSON.stringify({ ...found, hits: [] }).length
  // Each UTF-16 unit is 3 bytes at most.
  const hits = found.hits.filter(hit => (bytes += JSON.stringify(hit).length) * 3 < MESSAGE_MAX_BYTES)
  return hits.length === found.hits.length ? found : { ...found, hits, truncated: true, truncatedBy: 'message' }
}

/** Asks those who know something that others do not whether they know better of the others' hits. */
function settle(core: Core, question: ClusterQuestion, answers: readonly Answer[], then: (gone: ReadonlySet<string>) => void): void {
  const ahead = aheadOf(answers)
  const hits = ahead.flatMap(({ found }) => found.hits)
  const rivals = hits.flatMap(hit => hit.rivals ?? [])
  const ids = [...new Set([...hits, ...rivals].map(({ id }) => id))].slice(0, STATES_MAX)
  const gone = new Set<string>()
  const { asOf } = question.asked
  if (new Set(ahead.map(({ found }) => found.frontier)).size < 2 || ids.length === 0) return then(gone)
  let left = ahead.length
  const tell = (states: unknown): void => {
    if (Array.isArray(states))
      for (const [i, id] of ids.entries())
        if (states[i] === 'retracted' || (states[i] === 'superseded' && !question.includeSuperseded)) gone.add(id)
    if (--left === 0) then(gone)
  }
  for (const { node } of ahead)
    core.ipc.call(
      KERNEL_PID,
      `${node}/${KERNEL_PID}`,
      'recall-states',
      { space: question.asked.space, ids, ...(asOf === undefined ? {} : { asOf }) },
      deadlineOf(question),
      outcome => tell(outcome.ok ? outcome.value : undefined),
    )
}

function merged(k: number, answers: readonly Answer[], silent: readonly NodeId[], gone: ReadonlySet<string>): ClusterRecollection {
  const ahead = aheadOf(answers)
  const hits = new Map<string, RecallHit & { readonly nodes: readonly NodeId[] }>()
  for (const { node, found } of ahead) {
    for (const hit of found.hits) {
      if (gone.has(hit.id)) continue
      const before = hits.get(hit.id)
      const best = before === undefined || hit.score > before.score ? hit : before
      hits.set(hit.id, {
        ...withRivals(best, [...(before?.rivals ?? []), ...(hit.rivals ?? [])], gone),
        nodes: [...(before?.nodes ?? []), node],
      })
    }
  }
  const ranked = [...hits.values()].sort((a, b) => b.score - a.score || (a.at === b.at ? (a.id < b.id ? -1 : 1) : a.at < b.at ? 1 : -1))
  const isIn = new Set(ahead)
  const joined = new Map<LogId, FrontierEntry>()
  for (const { entries } of ahead)
    for (const entry of entries.values()) if ((joined.get(entry.log)?.size ?? 0) < entry.size) joined.set(entry.log, entry)
  const isWhole = (frontier: string): boolean => ahead.some(({ found }) => found.frontier === frontier && found.truncatedBy !== 'message')
  const bounds = ahead.flatMap(({ found }) => (found.truncatedBy === 'message' && isWhole(found.frontier) ? [] : (found.truncatedBy ?? [])))
  const first = (ahead[0] as Answer).found
  return {
    hits: withoutCopies(ranked).slice(0, k),
    frontier: formatFrontier([...joined.values()]),
    foldVersion: first.foldVersion,
    exact: ahead.every(({ found }) => found.exact),
    truncated: bounds.length > 0,
    vectors: ahead.some(({ found }) => found.vectors === 'used') ? 'used' : first.vectors,
    ...(bounds[0] === undefined ? {} : { truncatedBy: bounds[0] }),
    ...(first.trust === undefined ? {} : { trust: first.trust }),
    ...(first.nearest === undefined ? {} : { nearest: first.nearest }),
    answers: answers.map(answer => ({
      node: answer.node,
      frontier: answer.found.frontier,
      hits: answer.found.hits.length,
      behind: !isIn.has(answer),
    })),
    silent: [...silent].sort(),
  }
}

/** What one of them knows to be a conflict is one, unless another knows that it is settled. */
function withRivals(hit: RecallHit, found: readonly Rival[], gone: ReadonlySet<string>): RecallHit {
  const { rivals: _, ...rest } = hit
  const all = new Map(found.map(rival => [rival.id, rival]))
  const rivals = [...all.values()].filter(({ id }) => !gone.has(id)).slice(0, RIVALS_SHOWN)
  return rivals.length === 0 ? rest : { ...rest, rivals }
}

/** Those whom no other is ahead of: who knows all that they know, and more. */
function aheadOf(answers: readonly Answer[]): readonly Answer[] {
  const covers = (a: Answer, b: Answer): boolean => [...b.entries].every(([log, { size }]) => (a.entries.get(log)?.size ?? 0) >= size)
  return answers.filter(answer => !answers.some(other => other !== answer && covers(other, answer) && !covers(answer, other)))
}

/** What nodes that did not know of each other found in the same words is one hit. */
function withoutCopies<H extends RecallHit>(ranked: readonly H[]): readonly H[] {
  const shown: H[] = []
  for (const hit of ranked) {
    const same = shown.findIndex(
      one => one.author !== hit.author && bareText(one.text) === bareText(hit.text) && (one.key ?? hit.key) === (hit.key ?? one.key),
    )
    const one = shown[same]
    if (one === undefined) shown.push(hit)
    else if (!(one.copies ?? []).some(copy => copy.author === hit.author))
      shown[same] = { ...one, copies: [...(one.copies ?? []), { id: hit.id, author: hit.author }] }
  }
  return shown
}
