import { SUCCESSIONS_FOLLOWED_MAX } from '../base/limits.ts'
import type { Budget } from './budget.ts'
import { NONE } from './column.ts'
import { successions } from './supersession.ts'
import type { View } from './view.ts'

/** What holds in the place of a memory. */
export interface EndsOf {
  /** Newest first. */
  readonly newest: readonly number[]
  /** There is more than that. */
  readonly isCut: boolean
}

/**
 * Where successions lead, for all that one question asks about. A line of successors, as a key has, is walked once and
 * costs the question nothing, however long; where many took one place each of them is counted.
 */
export class Ends {
  readonly #view: View
  readonly #max: number
  readonly #budget: Budget
  /** The first memory along the line from each that does not have just one successor. */
  readonly #lines: Map<number, number> = new Map()
  readonly #known: Map<number, EndsOf> = new Map()
  #left = SUCCESSIONS_FOLLOWED_MAX

  /** @param max ends of one memory */
  constructor(view: View, max: number, budget: Budget) {
    this.#view = view
    this.#max = max
    this.#budget = budget
  }

  of(record: number): EndsOf {
    if (successions(this.#view, record).length === 0) return { newest: this.#view.isNode(record) ? [record] : [], isCut: false }
    const line = this.#lineFrom(record)
    let ends = this.#known.get(line)
    if (ends === undefined) this.#known.set(line, (ends = this.#follow(line)))
    return ends
  }

  /** What is cut is the same on every node: that there is too much does not depend on where one begins to count. */
  #follow(record: number): EndsOf {
    const reached = new Set([record])
    const found = new Set<number>()
    let isCut = false
    for (const at of reached) {
      const known = this.#known.get(at)
      if (known !== undefined) {
        for (const end of known.newest) found.add(end)
        isCut ||= known.isCut
        continue
      }
      const next = this.#nextOf(at)
      if (next === undefined) {
        if (this.#view.isNode(at)) found.add(at)
        continue
      }
      for (const by of next) {
        const line = this.#lineFrom(by)
        if (reached.has(line)) continue
        if (this.#left === 0 || !this.#budget.take(1)) return { newest: [], isCut: true }
        this.#left--
        reached.add(line)
      }
    }
    const newest = [...found].sort((a, b) => this.#view.tables.records.compareNewest(a, b))
    return { newest: newest.slice(0, this.#max), isCut: isCut || newest.length > this.#max }
  }

  #lineFrom(record: number): number {
    const passed = new Set<number>()
    let at = record
    for (;;) {
      const known = this.#lines.get(at)
      if (known !== undefined) at = known
      const [only, other] = known === undefined && !passed.has(at) ? (this.#nextOf(at) ?? []) : []
      if (only === undefined || other !== undefined) break
      passed.add(at)
      at = only
    }
    for (const one of passed.add(at)) this.#lines.set(one, at)
    return at
  }

  /** What took the place of a memory, as far as it has arrived; undefined when nothing did. */
  #nextOf(record: number): readonly number[] | undefined {
    const all = successions(this.#view, record)
    if (all.length === 0) return undefined
    return [...new Set(all.map(({ by }) => by))].filter(by => by !== NONE)
  }
}
