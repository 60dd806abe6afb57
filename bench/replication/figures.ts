import { percentile, round } from '../measure.ts'

export type Values = Readonly<Record<string, number>>

/** What was measured of one candidate: per phase, and per round of it, some numbers. */
export class Figures {
  readonly #phases: Map<string, Values[]> = new Map()

  add(phase: string, values: Values): void {
    this.#phases.set(phase, [...(this.#phases.get(phase) ?? []), values])
  }

  /** What follows from all rounds so far. */
  set(phase: string, values: Values): void {
    this.#phases.set(phase, [values])
  }

  median(phase: string, name: string): number | undefined {
    const values = this.#phases.get(phase)?.map(value => value[name] as number)
    return values === undefined ? undefined : middle(values)
  }

  get phases(): readonly string[] {
    return [...this.#phases.keys()]
  }

  /** The median of each number, and of `ms` also the least and the greatest. */
  rows(): Readonly<Record<string, unknown>>[] {
    return [...this.#phases].map(([phase, rounds]) => {
      const names = Object.keys(rounds[0] as Values)
      const medians = Object.fromEntries(names.map(name => [name, short(middle(rounds.map(values => values[name] as number)))]))
      const all = rounds.map(values => values['ms'] ?? 0)
      const spread = rounds.length > 1 && 'ms' in medians ? { leastMs: short(Math.min(...all)), mostMs: short(Math.max(...all)) } : {}
      return { phase, rounds: rounds.length, ...medians, ...spread }
    })
  }
}

/** How many times as long, or as much, one takes as the other does, by phase. */
export function ratios(of: Figures, than: Figures): Readonly<Record<string, number>> {
  const rows: Record<string, number> = {}
  for (const phase of of.phases) {
    for (const name of ['ms', 'p50Ms', 'bytesPerRecord']) {
      const [a, b] = [of.median(phase, name), than.median(phase, name)]
      if (a !== undefined && b !== undefined && !Number.isNaN(a / b)) rows[`${phase}, ${name}`] = round(a / b)
    }
  }
  return rows
}

function middle(values: readonly number[]): number {
  return percentile(values, 0.5)
}

function short(value: number): number {
  return round(value, Math.abs(value) < 100 ? 2 : 0)
}
