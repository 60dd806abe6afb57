import { RIVAL_TEXT_MAX } from '../../base/limits.ts'
import { markOf } from '../../ecc/bare-text.ts'
import { checkRecall, type RecallOptions as FoldRecallOptions } from '../../ecc/recall.ts'
import type { Remember } from '../../ecc/records.ts'
import type { Rival as FoundRival } from '../../ecc/rivals.ts'
import type { RecallHit, RecallOptions, Recollection, Rival, VectorQuery } from '../api.ts'
import { type Answering, atCut, attempt, fields, whenReached } from './answers.ts'
import type { Memory } from './memory.ts'
import { nearest, type VectorAt, vectorQuestion } from './nearest.ts'

/** An answer, but for what came of the question's vector before it was asked here. */
export type Recalled = Omit<Recollection, 'vectors'>

/** A question but for its words, its vector, and the cut that it is about. */
export type Asking = Omit<FoldRecallOptions, 'at' | 'quoting' | 'similar'>

/** What is asked of a memory in words, by a vector, or both: what fits best, and whether it still holds, and alone. */
export function recall(
  memory: Memory,
  query: string,
  options: Pick<RecallOptions, 'after' | 'asOf' | 'deadlineMs'> & VectorQuery & { readonly vectorAt?: VectorAt },
  asked: Asking,
  to: Answering<Recalled>,
): void {
  const question = vectorQuestion(options)
  checkRecall(query, asked)
  whenReached(memory, options.after, options.deadlineMs, to, () => {
    atCut(memory, options.asOf, options.deadlineMs, to, at => {
      if (question === undefined) return recalled(memory, query, { at, ...asked }, undefined, to)
      nearest(
        memory,
        question,
        { at, quoting: query, ...asked },
        {
          ok: ({ similar, nearest: how, at: then }) => recalled(memory, query, { at: then, similar, ...asked }, how, to),
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
  const rivals = found.hits.flatMap(hit => hit.rivals ?? [])
  memory.texts.read(
    [...found.hits, ...rivals].map(({ ref }) => ref),
    said => {
      let next = found.hits.length
      const rival = ({ id, author }: FoundRival): Rival => ({ id, author, text: beginningOf((said[next++] as Remember).text) })
      const hits = found.hits.map((hit, i): RecallHit => {
        const { score, parts, path, copies, contradictedBy, rivals: others, rivalsInAll, state, supersededBy } = hit
        // Not spread: what is added to a spread object costs 2 us a field in Node 20, and half of an answer's garbage.
        return Object.assign(fields(hit, said[i] as Remember), {
          score,
          parts,
          path,
          mark: markOf(hit.id),
          ...(copies === undefined ? {} : { copies }),
          ...(contradictedBy === undefined ? {} : { contradictedBy }),
          ...(others === undefined ? {} : { rivals: others.map(rival) }),
          ...(rivalsInAll === undefined ? {} : { rivalsInAll }),
          ...(state === undefined ? {} : { state }),
          ...(supersededBy === undefined ? {} : { supersededBy }),
        })
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

/** A line of it, never half of a surrogate pair. */
function beginningOf(text: string): string {
  return text.slice(0, RIVAL_TEXT_MAX).replace(/[\uD800-\uDBFF]$/, '')
}
