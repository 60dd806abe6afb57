import { WeftError } from '../../base/errors.ts'
import { type CausalId, parseCausalId } from '../../base/ids.ts'
import { LIST_MAX, VECTOR_NUMBERS_PAGE } from '../../base/limits.ts'
import type { Cut } from '../../ecc/record-table.ts'
import { numbersIn } from '../../ecc/vector-record.ts'
import type { LocatedVector } from '../../ecc/vectors.ts'
import type { GivenVector } from '../api.ts'
import { type Answering, atCut, attempt } from './answers.ts'
import type { Memory } from './memory.ts'
import { NotWhole } from './whole.ts'

interface Asked {
  readonly ids: readonly string[]
  /** Where to begin among the vectors of the first. */
  readonly place?: number | undefined
  readonly asOf?: string | undefined
}

interface Page {
  readonly rows: readonly (LocatedVector & { readonly of: CausalId })[]
  readonly next?: { readonly id: CausalId; readonly place: number }
}

/** Vectors that callers gave memories, for whoever takes them elsewhere: nobody else can make those again. */
export function givenVectors(memory: Memory, asked: Asked, to: Answering<Omit<Page, 'rows'> & { readonly vectors: GivenVector[] }>): void {
  atCut(memory, asked.asOf, undefined, to, at => {
    const page = attempt(to, () => pageOf(memory, asked, at))
    if (page === undefined) return
    const { rows, ...next } = page
    memory.vectors.written(
      rows.map(({ label }) => label),
      found => {
        if (found === undefined) return to.fail(new NotWhole(memory))
        const vectors: GivenVector[] = []
        for (const [i, { record, ref, isErased }] of found.entries()) {
          const { of: id, embedder } = rows[i] as Page['rows'][number]
          if (record !== undefined) vectors.push({ id, embedder, vector: numbersIn(record) })
          else if (!isErased)
            return to.fail(
              new WeftError('chain_damaged', `record ${ref.seq} of log ${ref.log} cannot be read back`, { details: { ...ref } }),
            )
        }
        to.ok({ vectors, ...next })
      },
    )
  })
}

/** As many as an answer takes, one at least. */
function pageOf({ fold }: Memory, { ids, place = 0 }: Asked, at: Cut | undefined): Page {
  const rows: (LocatedVector & { readonly of: CausalId })[] = []
  let numbers = 0
  for (const [i, text] of ids.entries()) {
    const id = parseCausalId(text)
    if (id === undefined) continue
    const vectors = fold.vectors.external(fold.currentId(id) ?? id, at)
    for (let n = i === 0 ? place : 0; n < vectors.length; n++) {
      const vector = vectors[n] as LocatedVector
      numbers += vector.dims
      if (rows.length > 0 && (numbers > VECTOR_NUMBERS_PAGE || rows.length === LIST_MAX)) return { rows, next: { id, place: n } }
      rows.push({ ...vector, of: id })
    }
  }
  return { rows }
}
