import type { SimTimer, Timeline } from '../scheduler.ts'

/** A fault that lasts a while. */
export interface Spell {
  /** Of two with the same name the later one ends the earlier one. */
  readonly name: string
  /** Who is affected. */
  readonly places: readonly string[]
  readonly forMs: number
  readonly begin: () => void
  /** Called once. */
  readonly end: () => void
}

/** Faults that end by themselves, or before their time when somebody mends what they broke. */
export class Spells {
  readonly #timeline: Timeline
  readonly #open: Map<string, { readonly spell: Spell; readonly timer: SimTimer }> = new Map()

  constructor(timeline: Timeline) {
    this.#timeline = timeline
  }

  begin(spell: Spell): void {
    this.end(spell.name)
    spell.begin()
    const timer = this.#timeline.after(spell.forMs * 1000, () => this.end(spell.name))
    this.#open.set(spell.name, { spell, timer })
  }

  end(name: string): void {
    const open = this.#open.get(name)
    if (open === undefined) return
    this.#open.delete(name)
    open.timer.cancel()
    open.spell.end()
  }

  endAll(isMeant: (spell: Spell) => boolean = () => true): void {
    // A map may lose entries while it is walked.
    for (const [name, { spell }] of this.#open) if (isMeant(spell)) this.end(name)
  }
}
