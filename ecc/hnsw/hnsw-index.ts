import { checkCount, checkLabel, checkVector, type Neighbour, unitOf, type Vector, type VectorIndex } from '../vector-index.ts'
import { HnswGraph } from './graph.ts'

/** 64 candidates: on vectors of a model 99 of 100 of the nearest ten are found. */
const EF_DEFAULT = 64
/** Numbers of a vector have 24 bits: a cosine is good to about so many decimals. */
const DECIMALS = 1e6

/**
 * Vectors by label in a graph, in plain TypeScript: it finds nearly all of the nearest by looking at a few hundred of them. What is
 * replaced or removed stays in the graph, to lead on to others, and is not found any more. Where `allow` leaves so few that the graph
 * does not meet as many as were asked for, all are looked at.
 */
export class HnswIndex implements VectorIndex {
  readonly dims: number
  readonly #ef: number
  readonly #graph: HnswGraph
  readonly #slots: Map<number, number> = new Map()
  /** By slot; undefined for what was replaced or removed. */
  readonly #labels: (number | undefined)[] = []

  constructor(dims: number, ef: number = EF_DEFAULT) {
    this.dims = dims
    this.#ef = ef
    this.#graph = new HnswGraph({ dims })
  }

  get size(): number {
    return this.#slots.size
  }

  add(label: number, vector: Vector): void {
    checkLabel(label)
    checkVector(vector, this.dims)
    this.remove(label)
    const slot = this.#graph.add(unitOf(vector))
    this.#slots.set(label, slot)
    this.#labels[slot] = label
  }

  remove(label: number): boolean {
    const slot = this.#slots.get(label)
    if (slot === undefined) return false
    this.#labels[slot] = undefined
    return this.#slots.delete(label)
  }

  search(vector: Vector, k: number, allow: (label: number) => boolean = () => true): Neighbour[] {
    checkCount(k)
    checkVector(vector, this.dims)
    const query = unitOf(vector)
    const accept = (slot: number): boolean => {
      const label = this.#labels[slot]
      return label !== undefined && allow(label)
    }
    // Of equally near ones the lower label comes first: more than `k` are looked at before some are cut off.
    const ef = Math.max(k, this.#ef)
    let found = this.#graph.search(query, ef, ef, accept)
    if (found.length < Math.min(k, this.size))
      found = [...this.#slots.values()].filter(accept).map(slot => ({ slot, score: this.#graph.similarity(query, slot) }))
    return found
      .map(({ slot, score }) => ({ label: this.#labels[slot] as number, score: Math.round(score * DECIMALS) / DECIMALS }))
      .sort((a, b) => b.score - a.score || a.label - b.label)
      .slice(0, k)
  }
}
