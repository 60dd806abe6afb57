import { DECISIONS_MAX } from '../../base/limits.ts'

export type Decision = 'announced' | 'confirmed' | 'rejected'

/** What became of proposals, by their names; of DECISIONS_MAX the oldest gives way. */
export class Decisions {
  readonly #byName: Map<string, Decision>

  /** @param saved what `toJSON` gave */
  constructor(saved?: unknown) {
    const rows = Array.isArray(saved) ? saved : []
    this.#byName = new Map(rows.filter(isRow))
  }

  of(name: string): Decision | undefined {
    return this.#byName.get(name)
  }

  /** Confirmed or rejected: it is not to come again. */
  isDecided(name: string): boolean {
    const decision = this.#byName.get(name)
    return decision === 'confirmed' || decision === 'rejected'
  }

  set(name: string, decision: Decision): void {
    this.#byName.delete(name)
    this.#byName.set(name, decision)
    for (const oldest of this.#byName.keys()) {
      if (this.#byName.size <= DECISIONS_MAX) break
      this.#byName.delete(oldest)
    }
  }

  toJSON(): readonly (readonly [string, Decision])[] {
    return [...this.#byName]
  }
}

/** A proposal of one space is none of another. */
export function decisionOn({ space }: { readonly space: string }, name: string): string {
  return `${space} ${name}`
}

function isRow(value: unknown): value is [string, Decision] {
  return Array.isArray(value) && typeof value[0] === 'string' && ['announced', 'confirmed', 'rejected'].includes(String(value[1]))
}
