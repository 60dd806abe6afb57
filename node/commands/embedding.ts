import { z } from 'zod'
import { WeftError } from '../../base/errors.ts'
import { LIST_MAX } from '../../base/limits.ts'
import { reaches } from '../../discovery/spaces.ts'
import { hashedQuestion, hashEmbedder768 } from '../../ecc/hash-embedder.ts'
import { EXTERNAL } from '../../ecc/vector-record.ts'
import type { Recollection } from '../api.ts'
import type { Core } from '../core.ts'
import type { Answering } from '../memory/answers.ts'
import type { Embedding } from '../memory/embedding.ts'
import { givenVectors } from '../memory/given-vectors.ts'
import type { Memory } from '../memory/memory.ts'
import type { VectorAt } from '../memory/nearest.ts'
import { type Recalled, recall } from '../memory/recall.ts'
import { patiently, requireWhole } from '../memory/whole.ts'
import { command, type CommandsOf } from './command.ts'
import { memoryToRead, space } from './in-space.ts'

/** What has to do with vectors and what makes them. */
export const embeddingCommands: CommandsOf<'memory.embedder' | 'memory.reembed' | 'memory.retire-vectors' | 'memory.vectors'> = {
  'memory.embedder': command(z.strictObject({ probe: z.boolean().optional() }), (core, { probe }, to) => {
    const { embedding } = core
    if (embedding === undefined || probe !== true) return to.ok({ status: embedding?.status ?? null, tookMs: null })
    embedding.probe((error, tookMs) => (error === undefined ? to.ok({ status: embedding.status, tookMs }) : to.fail(error)))
  }),

  'memory.reembed': command(z.strictObject({ all: z.boolean().optional() }), (core, { all }, to) => {
    const embedding = embeddingOf(core)
    embedding.again(all === true)
    to.ok({ status: embedding.status, tookMs: null })
  }),

  'memory.retire-vectors': command(z.strictObject({}), (core, _, to) => {
    const embedding = embeddingOf(core)
    const { id } = embedding
    const old = core.memories.all
      .filter(({ space }) => reaches(core.spaces.roleOf(space, core.self), 'write'))
      .map(requireWhole)
      .flatMap(({ fold, writer }) => fold.vectors.by(core.self).map(row => ({ ...row, writer })))
      // What has no other vector keeps the one it has.
      .filter(
        ({ embedder, node }) => embedder !== id && !embedder.startsWith(EXTERNAL) && !(node !== undefined && embedding.isRefused(node)),
      )
    const some = old.slice(0, LIST_MAX)
    let waiting = some.length
    let failed: WeftError | undefined
    const result = { retired: some.length, left: old.length - some.length }
    if (waiting === 0) return to.ok(result)
    for (const { id: record, writer } of some)
      writer.retract(record, false, to.actor, error => {
        failed ??= error
        if (--waiting > 0) return
        if (failed === undefined) to.ok(result)
        else to.fail(failed)
      })
  }),

  'memory.vectors': command(
    z.strictObject({
      space,
      ids: z.array(z.string()).max(LIST_MAX),
      place: z.number().int().min(0).optional(),
      asOf: z.string().optional(),
    }),
    (core, input, to) => givenVectors(memoryToRead(core, input), input, to),
  ),
}

/**
 * By words, and by the vector that this node's embedder makes of them, where memories have vectors of it. A caller who gives a
 * vector of his own gets what he asked for.
 */
export function recallByBoth(
  core: Core,
  memory: Memory,
  query: string | undefined,
  options: Parameters<typeof recall>[2],
  filter: Parameters<typeof recall>[3],
  to: Answering<Recollection>,
): void {
  const { embedding } = core
  const answer = (asked: typeof options, vectors: Recollection['vectors'], fail: Answering<Recollection>['fail']): void => {
    const ok = (found: Recalled): void => to.ok(Object.assign(found, { vectors }))
    patiently({ fail }, again => recall(requireWhole(memory), query ?? '', asked, filter, { ok, fail: again }))
  }
  if (options.vector !== undefined) return answer(options, 'used', to.fail)
  const isKnown = memory.fold.vectors.spaces.some(({ embedder, dims }) => embedder === embedding?.id && dims === embedding.dims)
  if (embedding === undefined || query === undefined || query.trim() === '' || !isKnown) return answer(options, 'none', to.fail)
  const { exact: _exact, ef: _ef, truth: _truth, ...byWords } = options
  embedding.questions.of(query, ({ how, vector }) => {
    if (vector === undefined) return answer(byWords, how, to.fail)
    const vectorAt = embedding.id === hashEmbedder768.id ? weighed(query) : undefined
    // Vectors that cannot be searched take no answer by words with them.
    answer({ ...options, vector, embedder: embedding.id, ...(vectorAt === undefined ? {} : { vectorAt }) }, how, error =>
      error.code === 'frontier_ahead' ? to.fail(error) : answer(byWords, 'down', to.fail),
    )
  })
}

/** The builtin embedder knows no words by itself: what is rare here counts more in a question. */
function weighed(query: string): VectorAt {
  return (fold, at) => hashedQuestion(query, fold.rarity(at))
}

function embeddingOf({ embedding }: Core): Embedding {
  if (embedding === undefined) throw new WeftError('embedder_none', 'this node has no embedder')
  return embedding
}
