import { z } from 'zod'
import { WeftError } from '../../base/errors.ts'
import { DEFAULT_SPACE } from '../../base/ids.ts'
import { LIST_MAX } from '../../base/limits.ts'
import { EXTERNAL } from '../../ecc/vector-record.ts'
import type { Recollection, VectorQuery } from '../api.ts'
import type { Core } from '../core.ts'
import type { Embedding } from '../memory/embedding.ts'
import { command, type CommandsOf } from './command.ts'

/** What has to do with vectors and what makes them. */
export const embeddingCommands: CommandsOf<'memory.embedder' | 'memory.reembed' | 'memory.retire-vectors'> = {
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
    const { id } = embeddingOf(core)
    const memory = core.memory(DEFAULT_SPACE)
    const old = memory.fold.vectors.by(core.self).filter(({ embedder }) => embedder !== id && !embedder.startsWith(EXTERNAL))
    const some = old.slice(0, LIST_MAX)
    let waiting = some.length
    let failed: WeftError | undefined
    const result = { retired: some.length, left: old.length - some.length }
    if (waiting === 0) return to.ok(result)
    for (const { id: record } of some)
      memory.writer.retract(record, to.actor, error => {
        failed ??= error
        if (--waiting > 0) return
        if (failed === undefined) to.ok(result)
        else to.fail(failed)
      })
  }),
}

/** Also by the vector of what is asked, where this node has an embedder, and memories have vectors of it. A caller who gives a vector of his own gets what he asked for. */
export function withVector(
  core: Core,
  query: string | undefined,
  given: VectorQuery,
  then: (more: Pick<VectorQuery, 'vector' | 'embedder'>, vectors: Recollection['vectors']) => void,
): void {
  const { embedding } = core
  if (given.vector !== undefined) return then({}, 'used')
  const isOfUse = query !== undefined && query.trim() !== '' && embedding !== undefined
  if (!isOfUse || !embedding.hasVectors) return then({}, 'none')
  embedding.query(query, ({ how, vector }) => {
    // Everything may have been folded anew meanwhile.
    if (vector === undefined || !embedding.hasVectors) return then({}, vector === undefined ? how : 'none')
    then({ vector, embedder: embedding.id }, how)
  })
}

function embeddingOf({ embedding }: Core): Embedding {
  if (embedding === undefined) throw new WeftError('embedder_none', 'this node has no embedder')
  return embedding
}
