import { edgeTypeOf, type PathEdge } from './edge-types.ts'
import type { Matches } from './matches.ts'
import type { Contribution } from './spread.ts'
import type { Weighing } from './weighing.ts'

/** However much speaks against a match, it keeps a tenth of its score: it is shown, not hidden. */
const KEPT_SHARE = 0.1

/** What has been activated, and by what. */
export class Field {
  readonly #matches: Matches
  readonly #subject: number
  readonly #weighing: Weighing
  readonly #places: Map<number, Place> = new Map()

  constructor(matches: Matches, subject: number, weighing: Weighing) {
    this.#matches = matches
    this.#subject = subject
    this.#weighing = weighing
  }

  get records(): Iterable<number> {
    return this.#places.keys()
  }

  has(record: number): boolean {
    return this.#places.has(record)
  }

  /**
   * Adds what a seed contributes. Seeds come best first on every node, so that sums are taken in
   * the same order everywhere, and of equal contributions the first explains.
   */
  add(seed: number, contributions: ReadonlyMap<number, Contribution>): void {
    const strength = this.#matches.scoreOf(seed) * this.#weighing.trustIn(seed)
    for (const [record, { share, hops }] of contributions) {
      const place = this.#open(record)
      const amount = share * strength
      if (hops === 0) {
        // A successor is as good as the best of what it replaced, not as all of it together; and about the same.
        place.own = Math.max(place.own, amount)
        place.isSubject ||= this.#matches.isSubject(seed)
      } else if (amount > 0) place.gained += amount
      else place.lost -= amount
      explain(place, amount, record === seed ? undefined : contributions)
    }
  }

  /** Adds what a memory that was found contributes to those that name the same. @param strength what it is worth itself */
  addShared(strength: number, contributions: ReadonlyMap<number, Contribution>): void {
    for (const [record, { share, hops }] of contributions) {
      if (hops === 0) continue
      const place = this.#open(record)
      const amount = share * strength
      place.shared += amount
      explain(place, amount, contributions)
    }
  }

  scoreOf(record: number): number {
    return this.wholeOf(record) * this.#weighing.of(record)
  }

  /** The score before trust and recency. */
  wholeOf(record: number): number {
    const subject = this.subjectOf(record)
    return Math.max(subject + (this.#places.get(record)?.shared ?? 0), subject * KEPT_SHARE)
  }

  /** The score without what names the same adds. */
  subjectOf(record: number): number {
    const isSubject = this.#places.get(record)?.isSubject ?? this.#matches.isSubject(record)
    return this.onceOf(record) * (isSubject ? this.#subject : 1)
  }

  /** The score without what its subject adds. */
  onceOf(record: number): number {
    const place = this.#places.get(record)
    if (place === undefined) return this.#matches.scoreOf(record)
    const gained = place.own + place.gained
    return Math.max(gained - place.lost, gained * KEPT_SHARE)
  }

  /** From the seed that did most for it. */
  pathTo(record: number): number[] {
    const path: number[] = []
    const by = this.#places.get(record)?.by
    for (let at: number | undefined = by === undefined ? undefined : record; at !== undefined; at = by?.get(at)?.via) path.unshift(at)
    return path
  }

  /** What led to a step of that path: '' for its beginning; an entity where both name it. */
  edgeTo(record: number, step: number): { readonly edge: PathEdge | ''; readonly entity?: number } {
    const contribution = this.#places.get(record)?.by?.get(step)
    if (contribution?.via === undefined) return { edge: '' }
    const { entity, type } = contribution
    return entity === undefined ? { edge: edgeTypeOf(type) as PathEdge } : { edge: 'shares', entity }
  }

  #open(record: number): Place {
    const known = this.#places.get(record)
    if (known !== undefined) return known
    const own = this.#matches.scoreOf(record)
    const place: Place = { own, gained: 0, lost: 0, shared: 0, isSubject: this.#matches.isSubject(record), most: own, by: undefined }
    this.#places.set(record, place)
    return place
  }
}

/** The largest contribution is the one whose path is shown. */
function explain(place: Place, amount: number, by: Place['by']): void {
  if (amount <= place.most) return
  place.most = amount
  place.by = by
}

interface Place {
  own: number
  gained: number
  lost: number
  /** By those that name the same. */
  shared: number
  isSubject: boolean
  /** The largest single contribution, and the seed's spreading that made it; undefined when it was its own. */
  most: number
  by: ReadonlyMap<number, Contribution> | undefined
}
