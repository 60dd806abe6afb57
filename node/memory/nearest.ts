import { WeftError } from '../../base/errors.ts'
import { EF_MAX, RECALL_K_MAX, RECALL_SEEDS } from '../../base/limits.ts'
import type { RecallOptions as FoldRecallOptions } from '../../ecc/recall.ts'
import type { Cut } from '../../ecc/record-table.ts'
import type { MemoryFold } from '../../ecc/memory-fold.ts'
import { unitVector } from '../../ecc/vector-record.ts'
import type { Neighbour } from '../../ecc/vector-index.ts'
import type { Asked } from '../../ecc/vectors.ts'
import type { Nearest, VectorQuery } from '../api.ts'
import type { Answering } from './answers.ts'
import type { Memory } from './memory.ts'
import { NotWhole } from './whole.ts'

/** A vector to be searched for: checked, of length 1. */
export interface VectorQuestion {
  readonly vector: Float32Array
  readonly embedder: string
  readonly exact: boolean
  readonly ef: number | undefined
  readonly truth: boolean
  readonly vectorAt: VectorAt | undefined
}

/** A vector that depends on what is asked, as of a cut: of the same length as the one it stands for. */
export type VectorAt = (fold: MemoryFold, at: Cut | undefined) => Float32Array

/** The memories nearest to a vector, and the moment of which that is true. */
export interface Similar {
  readonly similar: NonNullable<FoldRecallOptions['similar']>
  readonly nearest: Nearest
  /** The cut that was asked for; where none was, that of the question if records have come since. */
  readonly at: Cut | undefined
}

/** 4 more than are needed are asked for: some are of the same memory. */
const SPARE = 4

/** What a caller gave, undefined without a vector. @throws WeftError `invalid_argument`, `vector_invalid` */
export function vectorQuestion({
  vector,
  embedder,
  exact = false,
  ef,
  truth = false,
  vectorAt,
}: VectorQuery & { readonly vectorAt?: VectorAt }): VectorQuestion | undefined {
  if (vector === undefined) {
    for (const [name, value] of Object.entries({ embedder, ef, ...(exact ? { exact } : {}), ...(truth ? { truth } : {}) }))
      if (value !== undefined) throw new WeftError('invalid_argument', `${name}: goes with a vector`)
    return undefined
  }
  if (embedder === undefined) throw new WeftError('invalid_argument', 'embedder: a vector is of one, like external:NAME:DIMENSIONS')
  if (ef !== undefined && (!Number.isInteger(ef) || ef < 1 || ef > EF_MAX))
    throw new WeftError('invalid_argument', `ef is 1 to ${EF_MAX}, got ${ef}`)
  return { vector: unitVector(vector), embedder, exact, ef, truth, vectorAt }
}

/**
 * Finds the memories nearest to a vector, each by its best vector: those RECALL_SEEDS that are nearest of all, to lead on to others,
 * and the `k` nearest that are wanted. Of equally near ones the newest; in exact mode the answer is a function of the records as of
 * the cut, the same on every node.
 */
export function nearest(memory: Memory, question: VectorQuestion, options: FoldRecallOptions, to: Answering<Similar>): void {
  const { fold, vectors } = memory
  const { embedder, exact, ef, truth } = question
  const index = indexOf(memory, embedder, question.vector.length)
  if (index instanceof WeftError) return to.fail(index)
  vectors.whenOpen(index, () => {
    if (fold !== memory.fold) return to.fail(new NotWhole(memory))
    const { size } = fold
    const now = fold.cut
    const missing = vectors.missing(index)
    const vector = question.vectorAt?.(fold, options.at) ?? question.vector
    let asked = fold.vectors.askedAt(options)
    let isPast = options.at !== undefined
    // What the store was asked is what counted then, whatever has come since.
    const askedThen = (): Asked => {
      if (!isPast && fold.size !== size) asked = fold.vectors.askedAt({ ...options, at: now })
      isPast ||= fold.size !== size
      return asked
    }
    const ask = (isExact: boolean, then: (found: Found) => void): void => {
      const search: Searching = {
        memory,
        index,
        vector,
        asked: askedThen,
        isExact,
        ef,
        at: options.at,
        k: options.k,
        leads: options.spread !== false || (options.quoting ?? '') !== '',
      }
      find(search, to.fail, found => (fold === memory.fold ? then(found) : to.fail(new NotWhole(memory))))
    }
    const answer = (found: Found, agreement: number | undefined): void =>
      to.ok({
        similar: found.similar.map(({ node, score }) => ({ id: askedThen().idOf(node), score })),
        nearest: {
          embedder,
          dims: vector.length,
          exact: found.exact && missing === 0,
          missing,
          ...(agreement === undefined ? {} : { agreement }),
        },
        at: options.at ?? (fold.size === size ? undefined : now),
      })
    ask(exact, found => {
      if (!truth) return answer(found, undefined)
      ask(true, truly => answer(found, shareOf(truly.wanted, found.wanted)))
    })
  })
}

/** A memory by its best vector. */
interface Near {
  readonly node: number
  readonly score: number
}

interface Found {
  readonly similar: readonly Near[]
  /** The k nearest that are wanted. */
  readonly wanted: readonly Near[]
  readonly exact: boolean
}

interface Searching {
  readonly memory: Memory
  readonly index: number
  readonly vector: Float32Array
  /** As of the question. */
  readonly asked: () => Asked
  readonly isExact: boolean
  readonly ef: number | undefined
  readonly at: Cut | undefined
  readonly k: number
  /** RECALL_SEEDS of the nearest count even where fewer are wanted: they lead on to others. */
  readonly leads: boolean
}

function find(search: Searching, fail: (error: WeftError) => void, then: (found: Found) => void): void {
  const { asked, index, at, k, leads } = search
  // Now is what the store knows by itself.
  const all = at === undefined ? undefined : asked().among(index, false)
  enough(
    search,
    all,
    () => true,
    leads ? Math.max(k, RECALL_SEEDS) : k,
    fail,
    (seeds, areExact, isWhole) => {
      const some = seeds.filter(({ node }) => asked().isWanted(node))
      const done = (wanted: readonly Near[], exact: boolean): void => {
        const similar = new Map([...seeds.slice(0, RECALL_SEEDS), ...wanted].map(near => [near.node, near]))
        then({ similar: [...similar.values()], wanted, exact })
      }
      if (some.length >= k || isWhole) return done(some.slice(0, k), areExact)
      enough(
        search,
        asked().among(index, true),
        node => asked().isWanted(node),
        k,
        fail,
        (wanted, isExact) => done(wanted.slice(0, k), areExact && isExact),
      )
    },
  )
}

/** Asks for more until there are `count` memories of which it is certain that none as near is left out. @param then gets whether these are all there are */
function enough(
  search: Searching,
  among: Uint8Array | undefined,
  accept: (node: number) => boolean,
  count: number,
  fail: (error: WeftError) => void,
  then: (near: readonly Near[], exact: boolean, isWhole: boolean) => void,
): void {
  const { memory, index, vector, asked, isExact, ef } = search
  const ask = (k: number): void => {
    memory.vectors.search(index, { vector, k, exact: isExact, ef: ef && Math.max(ef, k), among }, found => {
      if (!found.ok) return fail(found.error)
      const isWhole = found.neighbours.length < k
      const near = nodesOf(memory, found.neighbours, isWhole, asked()).filter(({ node }) => accept(node))
      if (near.length >= count || isWhole || k === RECALL_K_MAX) return then(near, found.exact, isWhole)
      ask(Math.min(2 * k, RECALL_K_MAX))
    })
  }
  ask(Math.min(count + SPARE, RECALL_K_MAX))
}

/** The memories behind vectors, best first. Of those as near as the last vector there may be more: they are left out unless all are there. */
function nodesOf(memory: Memory, neighbours: readonly Neighbour[], isWhole: boolean, asked: Asked): Near[] {
  const { vectors } = memory.fold
  const last = neighbours.at(-1)?.score ?? 0
  const best = new Map<number, number>()
  for (const { label, score } of neighbours) {
    if (!isWhole && score === last && neighbours.length < RECALL_K_MAX) continue
    const node = vectors.nodeOf(label)
    if (asked.isNode(node) && !best.has(node)) best.set(node, score)
  }
  return [...best].map(([node, score]) => ({ node, score })).sort((a, b) => b.score - a.score || asked.compare(a.node, b.node))
}

/** How much of what is true was found, 0 to 1. */
function shareOf(truth: readonly Near[], found: readonly Near[]): number {
  const names = new Set(found.map(({ node }) => node))
  return truth.length === 0 ? 1 : truth.filter(({ node }) => names.has(node)).length / truth.length
}

function indexOf(memory: Memory, embedder: string, dims: number): number | WeftError {
  const spaces = memory.fold.vectors.spaces.filter(space => space.embedder === embedder)
  const found = spaces.find(space => space.dims === dims)
  if (found !== undefined) return found.index
  const [other] = spaces
  return other === undefined
    ? new WeftError('embedder_unknown', `no memory has a vector of ${embedder}`)
    : new WeftError('vector_invalid', `vectors of ${embedder} have ${other.dims} dimensions, got ${dims} numbers`)
}
