import { NONE } from './column.ts'
import { CROWD_MIN, Crowd } from './crowded-vectors.ts'
import { ROLE } from './record-table.ts'
import { indexOf, isVectorOf, keyOf, labelsOf, NewestVectors, placeOf, type Standing, type VectorPlace } from './vector-standing.ts'
import type { View } from './view.ts'

/** How vectors stand, of which that may have changed. */
export class TouchedVectors {
  readonly #view: View
  readonly #newest: NewestVectors
  readonly #places: Map<number, VectorPlace> = new Map()
  /** Memories all of whose vectors have been told. */
  readonly #told: Set<number> = new Set()

  constructor(view: View) {
    this.#view = view
    this.#newest = new NewestVectors(view)
  }

  take(): VectorPlace[] {
    const { vectors, records, references } = this.#view.tables
    for (const record of vectors.touched) {
      const isVector = records.role.at(record) === ROLE.vector
      const node = isVector ? references.target.at(records.detail.at(record)) : record
      if (!isVector) this.#tellMemory(record)
      else if (node !== NONE) this.#tellVector(node, record)
    }
    for (const [node, label] of vectors.left) this.#tellVector(node, label)
    // What has no memory any more is on no memory's list.
    for (const record of vectors.touched)
      if (!this.#places.has(record) && records.role.at(record) !== ROLE.node)
        this.#places.set(record, placeOf(this.#view, record, this.#newest))
    return [...this.#places.values()]
  }

  /** A memory came, or it is live again, or no more. */
  #tellMemory(node: number): void {
    const crowd = this.#crowdOf(node)
    if (crowd === undefined) return this.#tellAll(node)
    for (const key of crowd.keys) this.#tellNewest(node, crowd, key)
  }

  /** A vector of a memory came, or it is live again, or no more, or of that memory no more. */
  #tellVector(node: number, label: number): void {
    if (this.#view.tables.records.role.at(node) !== ROLE.node) return
    const crowd = this.#crowdOf(node)
    if (crowd === undefined) return this.#tellAll(node)
    const key = keyOf(this.#view, label)
    if (isVectorOf(this.#view, label, node)) {
      if (this.#view.isLive(label)) crowd.add(key, label)
      this.#places.set(label, { label, index: indexOf(this.#view, label), standing: 'past' })
    }
    this.#tellNewest(node, crowd, key)
  }

  /** Of many vectors only those change that counted, and that do now. */
  #tellNewest(node: number, crowd: Crowd, key: number): void {
    const newest = this.#view.isNode(node) ? crowd.newest(key) : NONE
    const before = crowd.tell(key, newest)
    const tell = (label: number, standing: Standing): void => {
      this.#places.set(label, { label, index: indexOf(this.#view, label), standing })
    }
    if (before !== newest && before !== NONE && isVectorOf(this.#view, before, node)) tell(before, 'past')
    if (newest !== NONE) tell(newest, 'counts')
  }

  /** Undefined for a memory with few vectors, and for what is none. One that has just become crowded is told whole. */
  #crowdOf(node: number): Crowd | undefined {
    const { crowds } = this.#view.tables.vectors
    const { records } = this.#view.tables
    if (records.role.at(node) !== ROLE.node) {
      crowds.delete(node)
      return undefined
    }
    const known = crowds.get(node)
    if (known !== undefined) return known
    let count = 0
    for (const _ of labelsOf(this.#view, node)) if (++count === CROWD_MIN) break
    if (count < CROWD_MIN) return undefined
    const newestFirst = (a: number, b: number): number => records.seq.at(b) - records.seq.at(a)
    const crowd = new Crowd(newestFirst, label => isVectorOf(this.#view, label, node) && this.#view.isLive(label))
    for (const label of labelsOf(this.#view, node)) crowd.add(keyOf(this.#view, label), label)
    for (const key of crowd.keys) crowd.tell(key, this.#view.isNode(node) ? crowd.newest(key) : NONE)
    crowds.set(node, crowd)
    this.#tellAll(node)
    return crowd
  }

  #tellAll(node: number): void {
    if (this.#told.has(node)) return
    this.#told.add(node)
    for (const label of labelsOf(this.#view, node)) this.#places.set(label, placeOf(this.#view, label, this.#newest))
  }
}
