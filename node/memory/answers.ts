import { WeftError } from '../../base/errors.ts'
import { isoOf } from '../../base/hlc.ts'
import { CALL_DEADLINE_MS, LINKS_SHOWN_MAX } from '../../base/limits.ts'
import type { Hlc } from '../../base/hlc.ts'
import type { CausalId, NodeId } from '../../base/ids.ts'
import { markOf } from '../../ecc/bare-text.ts'
import type { Cut, Ref } from '../../ecc/record-table.ts'
import { checkRecall, type RecallOptions as FoldRecallOptions } from '../../ecc/recall.ts'
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
  RecallHit,
  RecallOptions,
  Recollection,
  VectorQuery,
  WhatIf,
} from '../api.ts'
import { cutOf, type Memory } from './memory.ts'
import { nearest, type VectorAt, vectorQuestion } from './nearest.ts'

/** An answer, but for what came of the question's vector before it was asked here. */
export type Recalled = Omit<Recollection, 'vectors'>

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
export function recall(
  memory: Memory,
  query: string,
  options: Pick<RecallOptions, 'after' | 'asOf' | 'deadlineMs'> & VectorQuery & { readonly vectorAt?: VectorAt },
  asked: Omit<FoldRecallOptions, 'at'>,
  to: Answering<Recalled>,
): void {
  const question = vectorQuestion(options)
  checkRecall(query, asked)
  whenReached(memory, options.after, options.deadlineMs, to, () => {
    atCut(memory, options.asOf, options.deadlineMs, to, at => {
      if (question === undefined) return recalled(memory, query, { ...asked, at }, undefined, to)
      nearest(
        memory,
        question,
        { ...asked, at, quoting: query },
        {
          ok: ({ similar, nearest: how, at: then }) => recalled(memory, query, { ...asked, at: then, similar }, how, to),
          fail: to.fail,
        },
      )
    })
  })
}

function recalled(memory: Memory, query: string, asked: FoldRecallOptions, how: Recollection['nearest'], to: Answering<Recalled>): void {
  const found = attempt(to, () => memory.fold.recall(query, asked))
  if (found === undefined) return
  const frontier = memory.frontier(asked.at)
  memory.texts.read(
    found.hits.map(hit => hit.ref),
    said => {
      const hits = found.hits.map((hit, i): RecallHit => {
        const { score, parts, path, copies, contradictedBy } = hit
        return {
          ...fields(hit, said[i] as Remember),
          score,
          parts,
          path,
          mark: markOf(hit.id),
          ...(copies === undefined ? {} : { copies }),
          ...(contradictedBy === undefined ? {} : { contradictedBy }),
        }
      })
      const { truncated, truncatedBy } = found
      to.ok({
        hits,
        frontier,
        foldVersion: memory.fold.version,
        exact: found.exact && how?.exact !== false,
        truncated,
        ...(truncatedBy === undefined ? {} : { truncatedBy }),
        ...(asked.trust === undefined || asked.trust.size === 0 ? {} : { trust: Object.fromEntries(asked.trust) }),
        ...(how === undefined ? {} : { nearest: how }),
      })
    },
    to.fail,
  )
}

export function why(memory: Memory, text: string, asOf: string | undefined, to: Answering<Explanation>): void {
  reasons(memory, text, asOf, to.fail, (id, found, at) => {
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
  text: string,
  asOf: string | undefined,
  fail: (error: WeftError) => void,
  then: (id: CausalId, found: Reasons, at: Cut | undefined) => void,
): void {
  memory.resolve(
    text,
    id => {
      atCut(memory, asOf, undefined, { fail }, at => {
        const found = attempt({ fail }, () => memory.fold.why(id, { at }))
        if (found !== undefined) then(id, found, at)
      })
    },
    fail,
  )
}

export function get(memory: Memory, text: string, to: Answering<MemoryDetail>): void {
  memory.resolve(
    text,
    id => {
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
            supersedes: node.supersedes.map(row => row.id),
            embedders: memory.fold.vectors.ofNode(id).map(({ embedder, dims }) => ({ embedder, dims })),
          })
        },
        to.fail,
      )
    },
    to.fail,
  )
}

export function list(memory: Memory, options: ListOptions, to: Answering<MemoryPage>): void {
  atCut(memory, options.after, 0, to, after => {
    atCut(memory, options.asOf, undefined, to, at => {
      const page = attempt(to, () => memory.fold.list({ after, at, limit: options.limit ?? 100 }))
      if (page === undefined) return
      const frontier = memory.frontier(page.next)
      memory.texts.read(
        page.nodes.map(node => node.ref),
        said => {
          const memories = page.nodes.map((node, i): MemoryRecord => ({ ...fields(node, said[i] as Remember), state: node.state }))
          to.ok({ memories, frontier, more: page.more })
        },
        to.fail,
      )
    })
  })
}

export function whatIf(memory: Memory, text: string, asOf: string | undefined, to: Answering<WhatIf>): void {
  memory.resolve(
    text,
    id => {
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
    },
    to.fail,
  )
}

export function diff(memory: Memory, from: string, options: DiffOptions, to: Answering<MemoryDifference>): void {
  atCut(memory, from, undefined, to, before => {
    atCut(memory, options.to, undefined, to, after => {
      const found = attempt(to, () => memory.fold.difference({ from: before ?? new Map(), to: after, limit: options.limit ?? 100 }))
      if (found === undefined) return
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
          to.ok({ from, to: frontier, memories, links, conflicts: disputes, truncated })
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

function whenReached(
  memory: Memory,
  text: string | undefined,
  deadlineMs: number | undefined,
  to: { readonly fail: (error: WeftError) => void },
  then: () => void,
): void {
  if (text === undefined) return then()
  const parsed = cutOf(text)
  if (parsed === undefined) return to.fail(new WeftError('frontier_invalid', 'that is no frontier'))
  memory.waits.until(parsed.entries, deadlineMs ?? CALL_DEADLINE_MS, error => (error === undefined ? then() : to.fail(error)))
}

/** The cut a frontier names, once this node has applied it; undefined for no frontier. */
export function atCut(
  memory: Memory,
  text: string | undefined,
  deadlineMs: number | undefined,
  to: { readonly fail: (error: WeftError) => void },
  then: (at: Cut | undefined) => void,
): void {
  whenReached(memory, text, deadlineMs, to, () => then(text === undefined ? undefined : cutOf(text)?.cut))
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
