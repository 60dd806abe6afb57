import { RETRACT_DEPTH_MAX } from '../base/limits.ts'
import { NONE } from './column.ts'
import { type RecordTable, ROLE } from './record-table.ts'
import type { ReferenceTable } from './reference-table.ts'

/**
 * A record is live while no live retract of it counts. Only an author takes back what is his,
 * and only what stands before the retract in his log: so along one log it is decided from the
 * newest retract down, whatever arrived when. A retract that erases is never taken back.
 */
export class Retraction {
  readonly #records: RecordTable
  readonly #references: ReferenceTable
  readonly #onChange: (record: number, live: boolean) => void

  /** @param onChange a record became live, or ceased to be */
  constructor(records: RecordTable, references: ReferenceTable, onChange: (record: number, live: boolean) => void) {
    this.#records = records
    this.#references = references
    this.#onChange = onChange
  }

  /** Whether the target is the author's to retract. Until it arrives, nobody can say. */
  counts(reference: number): boolean {
    const { log, seq, role } = this.#records
    const owner = this.#references.owner.at(reference)
    const target = this.#references.target.at(reference)
    return target !== NONE && log.at(target) === log.at(owner) && seq.at(target) < seq.at(owner) && role.at(target) !== ROLE.erase
  }

  /** Whether `target` is a retract of a retract of a ... further than anybody needs. */
  isTooDeep(target: number): boolean {
    let record = target
    for (let depth = 0; record !== NONE && this.#records.role.at(record) === ROLE.retract; depth++) {
      const reference = this.#records.detail.at(record)
      if (depth === RETRACT_DEPTH_MAX) return true
      record = this.counts(reference) ? this.#references.target.at(reference) : NONE
    }
    return false
  }

  /** A live retract begins to count. */
  add(reference: number): void {
    this.#shift(reference, 1)
  }

  /** A live retract counts no longer. */
  withdraw(reference: number): void {
    this.#shift(reference, -1)
  }

  /** A target that turns is, if it is a retract itself, one retract less or more of its own target. */
  #shift(reference: number, by: 1 | -1): void {
    const { retracts, role, detail } = this.#records
    let change: 1 | -1 = by
    for (let at = reference; this.counts(at); at = detail.at(this.#references.target.at(at))) {
      const target = this.#references.target.at(at)
      const before = retracts.at(target)
      retracts.set(target, before + change)
      const live = before + change === 0
      if (live === (before === 0)) return
      this.#onChange(target, live)
      if (role.at(target) !== ROLE.retract) return
      change = live ? 1 : -1
    }
  }
}
