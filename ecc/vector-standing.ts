import { NONE } from './column.ts'
import { ROLE } from './record-table.ts'
import type { View } from './view.ts'

/**
 * Which vectors count: of each author and embedder the newest for a memory that he has not taken back, while the memory itself
 * is not taken back. Whose vector is most similar speaks for the memory.
 *
 * A vector goes by its label: the number of its record in the fold, which no other ever gets while the fold lives.
 */

/** `counts`: found by everybody. `past`: only as of an earlier cut, or once its retraction is taken back. `gone`: erased, or of no memory here. */
export type Standing = 'counts' | 'past' | 'gone'

export interface VectorPlace {
  readonly label: number
  readonly index: number
  readonly standing: Standing
}

/** Which vectors count, as of one view: worked out once for a memory. */
export class NewestVectors {
  readonly #view: View
  readonly #known: Map<number, ReadonlyMap<number, number>> = new Map()

  constructor(view: View) {
    this.#view = view
  }

  /** @param label of a vector */
  counts(label: number): boolean {
    return placeOf(this.#view, label, this).standing === 'counts'
  }

  /** The one of a memory that counts among those by the same author and embedder. */
  like(label: number, node: number): number | undefined {
    let newest = this.#known.get(node)
    if (newest === undefined) this.#known.set(node, (newest = newestOf(this.#view, node)))
    return newest.get(keyOf(this.#view, label))
  }
}

export function isVectorOf(view: View, label: number, node: number): boolean {
  const { records, references } = view.tables
  return records.role.at(label) === ROLE.vector && references.target.at(records.detail.at(label)) === node
}

export function* labelsOf(view: View, node: number): Generator<number> {
  const { records, references } = view.tables
  for (let at = records.vectors.at(node); at !== NONE; at = references.next.at(at)) yield references.owner.at(at)
}

export function placeOf(view: View, label: number, newest: NewestVectors): VectorPlace {
  const { records, references } = view.tables
  if (records.role.at(label) !== ROLE.vector) return { label, index: NONE, standing: 'gone' }
  const index = indexOf(view, label)
  const node = references.target.at(records.detail.at(label))
  if (node === NONE || records.role.at(node) !== ROLE.node) return { label, index, standing: 'gone' }
  const found = view.isNode(node) ? newest.like(label, node) : undefined
  return { label, index, standing: found === label ? 'counts' : 'past' }
}

/** Of each author and embedder the newest live vector of a memory. */
export function newestOf(view: View, node: number): ReadonlyMap<number, number> {
  const { records } = view.tables
  const newest = new Map<number, number>()
  for (const label of labelsOf(view, node)) {
    if (!view.isLive(label)) continue
    const key = keyOf(view, label)
    const before = newest.get(key)
    // Of one log: its order is its author's.
    if (before === undefined || records.seq.at(label) > records.seq.at(before)) newest.set(key, label)
  }
  return newest
}

/** Log and index in one number; there are fewer than 2^16 logs. */
export function keyOf(view: View, label: number): number {
  return indexOf(view, label) * 0x10000 + view.tables.records.log.at(label)
}

export function indexOf(view: View, label: number): number {
  const { records, references } = view.tables
  return references.value.at(records.detail.at(label))
}
