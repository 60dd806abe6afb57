import { WeftError } from '../../base/errors.ts'
import { isoOf } from '../../base/hlc.ts'
import { CALL_DEADLINE_MS, LINKS_SHOWN_MAX } from '../../base/limits.ts'
import type { Hlc } from '../../base/hlc.ts'
import type { CausalId, NodeId } from '../../base/ids.ts'
import { isoTime } from '../../ecc/import/import-item.ts'
import type { Cut, Ref } from '../../ecc/record-table.ts'
import type { Remember } from '../../ecc/records.ts'
import type { Explanation as Reasons } from '../../ecc/why.ts'
import type {
  ChangedMemory,
  ConflictList,
  DiffOptions,
  Explanation,
  ListOptions,
  MemoryDetail,
  MemoryDifference,
  MemoryPage,
  MemoryRecord,
  MemoryStatus,
  WhatIf,
} from '../api.ts'
import { cutOf, type Memory } from './memory.ts'

/** Gets an answer or the reason why there is none. */
export interface Answering<T> {
  readonly ok: (value: T) => void
  readonly fail: (error: WeftError) => void
}

/**
 * The questions a memory answers. Each is worked out on the fold at one moment, then the
 * texts are read from the journal; frontier and fold version say which moment it was. A text
 * that cannot be read is never left out or empty: the answer fails.
 */
export function why(memory: Memory, id: CausalId, asOf: string | undefined, to: Answering<Explanation>): void {
  reasons(memory, id, asOf, to.fail, (found, at) => {
    const frontier = memory.frontier(at)
    const steps = found.paths.flatMap(path => path.steps)
    memory.texts.read(
      steps.map(step => step.ref),
      said => {
        let next = 0
        const paths = found.paths.map(({ weight, steps: path }) => ({
          weight,
          steps: path.map(step => ({
            id: step.id,
            edge: step.edge,
            text: (said[next++] as Remember).text,
            author: step.author,
            log: step.ref.log,
            seq: step.ref.seq,
            ...(step.state === undefined ? {} : { state: step.state }),
            ...(step.supersededBy === undefined ? {} : { supersededBy: step.supersededBy }),
          })),
        }))
        const { paths: _, ...rest } = found
        to.ok({ id, frontier, ...rest, paths })
      },
      to.fail,
    )
  })
}

/** What a memory rests on, as records. */
export function reasons(
  memory: Memory,
  id: CausalId,
  asOf: string | undefined,
  fail: (error: WeftError) => void,
  then: (found: Reasons, at: Cut | undefined) => void,
): void {
  atCut(memory, asOf, undefined, { fail }, at => {
    const found = attempt({ fail }, () => memory.fold.why(id, { at }))
    if (found !== undefined) then(found, at)
  })
}

export function get(memory: Memory, id: CausalId, to: Answering<MemoryDetail>): void {
  const node = memory.fold.node(id)
  if (node === undefined) return to.fail(memory.fold.missing(id))
  const links = memory.fold.linksOf(id, LINKS_SHOWN_MAX)
  const edges = links.edges.map(({ ref: _, ...edge }) => edge)
  memory.texts.read(
    [node.ref],
    ([said]) => {
      to.ok({
        ...fields(node, said as Remember),
        state: node.state,
        edges,
        edgesInAll: links.inAll,
        supersededBy: node.supersededBy.map(row => row.id),
        ...(memory.fold.isVacant(node.id) ? { vacant: true } : {}),
        supersedes: node.supersedes.map(row => row.id),
        embedders: memory.fold.vectors.ofNode(id).map(({ embedder, dims }) => ({ embedder, dims })),
      })
    },
    to.fail,
  )
}

export function list(memory: Memory, options: ListOptions, to: Answering<MemoryPage>): void {
  whenReached(memory, options.after, 0, to, after => {
    atCut(memory, options.asOf, undefined, to, at => {
      const page = attempt(to, () => memory.fold.list({ after, at, limit: options.limit ?? 100 }))
      if (page === undefined) return
      const frontier = memory.frontier(page.next)
      memory.texts.read(
        page.nodes.map(node => node.ref),
        said => {
          const memories = page.nodes.map((node, i): MemoryRecord => ({ ...fields(node, said[i] as Remember), state: node.state }))
          to.ok({ memories, frontier, more: page.more, ...(at === undefined ? {} : { asOf: memory.frontier(at) }) })
        },
        to.fail,
      )
    })
  })
}

export function whatIf(memory: Memory, id: CausalId, asOf: string | undefined, to: Answering<WhatIf>): void {
  atCut(memory, asOf, undefined, to, at => {
    const found = attempt(to, () => memory.fold.whatIf(id, at))
    if (found === undefined) return
    const frontier = memory.frontier(at)
    memory.texts.read(
      found.dependents.map(({ node }) => node.ref),
      said => {
        const dependents = found.dependents.map(({ node, before, after }, i) => ({
          ...fields(node, said[i] as Remember),
          state: node.state,
          before,
          after,
        }))
        to.ok({ id, dependents, frontier, truncated: found.truncated })
      },
      to.fail,
    )
  })
}

export function diff(memory: Memory, from: string, options: DiffOptions, to: Answering<MemoryDifference>): void {
  atCut(memory, from, undefined, to, before => {
    atCut(memory, options.to, undefined, to, after => {
      const found = attempt(to, () => memory.fold.difference({ from: before ?? new Map(), to: after, limit: options.limit ?? 100 }))
      if (found === undefined) return
      const start = memory.frontier(before ?? new Map())
      const frontier = memory.frontier(after)
      const { nodes, edges, conflicts: disputes, truncated } = found
      memory.texts.read(
        nodes.map(({ node }) => node.ref),
        said => {
          const memories = nodes.map(
            ({ node, before: was, after: is, by }, i): ChangedMemory => ({
              ...fields(node, said[i] as Remember),
              before: was ?? null,
              after: is ?? null,
              by,
            }),
          )
          const links = edges.map(({ edge: { ref: _, ...edge }, isNew }) => ({ ...edge, isNew }))
          to.ok({ from: start, to: frontier, memories, links, conflicts: disputes, truncated })
        },
        to.fail,
      )
    })
  })
}

export function conflicts(memory: Memory): Omit<ConflictList, 'logs'> {
  return { conflicts: memory.fold.conflicts(), voids: memory.voids.map(({ id, ref, code }) => ({ id, ...ref, code })) }
}

export function status(memory: Memory, pending: number, then: (status: Omit<MemoryStatus, 'embedder'>) => void): void {
  memory.vectors.status(rows => {
    const { nodes, edges, dangling } = memory.fold.stats
    const indexes = rows.map(({ space: _, ...row }) => row)
    const voids = memory.voids.length
    then({ nodes, edges, pending, dangling, voids, indexes, frontier: memory.frontier(), foldVersion: memory.fold.version })
  })
}

export function fields(
  node: { readonly id: CausalId; readonly ref: Ref; readonly author: NodeId; readonly hlc: Hlc; readonly key?: string },
  said: Remember,
): Omit<MemoryRecord, 'state'> {
  return {
    id: node.id,
    ...(node.key === undefined ? {} : { key: node.key }),
    text: said.text,
    meta: Object.fromEntries(said.meta),
    author: node.author,
    at: isoOf(node.hlc),
    ...(said.validFrom == null ? {} : { validFrom: said.validFrom }),
    ...(said.validTo == null ? {} : { validTo: said.validTo }),
    ...(said.source == null ? {} : { source: said.source }),
    log: node.ref.log,
    seq: node.ref.seq,
  }
}

/** Once this node has applied a frontier that somebody got with another answer; at once without one. */
export function whenReached(
  memory: Memory,
  text: string | undefined,
  deadlineMs: number | undefined,
  to: { readonly fail: (error: WeftError) => void },
  then: (at: Cut | undefined) => void,
): void {
  if (text === undefined) return then(undefined)
  const parsed = cutOf(text)
  if (parsed === undefined) return to.fail(new WeftError('frontier_invalid', `that is no frontier: ${shownText(text)}`))
  memory.waits.until(parsed.entries, deadlineMs ?? CALL_DEADLINE_MS, error => (error === undefined ? then(parsed.cut) : to.fail(error)))
}

/**
 * The cut that is asked about: a frontier, once this node has applied it, or what it has applied of what was written by a time
 * (ISO 8601; a date is its beginning). Undefined for now.
 */
export function atCut(
  memory: Memory,
  text: string | undefined,
  deadlineMs: number | undefined,
  to: { readonly fail: (error: WeftError) => void },
  then: (at: Cut | undefined) => void,
): void {
  const time = text === undefined ? undefined : isoTime(text)
  if (time !== undefined) return then(memory.fold.cutAt(Date.parse(time)))
  if (text !== undefined && cutOf(text) === undefined)
    return to.fail(
      new WeftError('frontier_invalid', `neither a frontier nor a time: ${shownText(text)}`, {
        next: 'use the frontier of an answer, or a time like 2026-01-31T12:00:00Z',
      }),
    )
  whenReached(memory, text, deadlineMs, to, then)
}

function shownText(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text)
}

/** What the fold refuses is an answer too. */
export function attempt<T>(to: { readonly fail: (error: WeftError) => void }, work: () => T): T | undefined {
  try {
    return work()
  } catch (thrown) {
    if (!(thrown instanceof WeftError)) throw thrown
    to.fail(thrown)
    return undefined
  }
}
