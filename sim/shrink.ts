import type { Fault } from './faults/fault.ts'
import type { NodeSpec, Scenario } from './scenario/scenario.ts'

/**
 * Makes a scenario that fails as small as it gets while it goes on to fail: delta debugging (Zeller and
 * Hildebrandt 2002, ddmin) over the faults first, then nodes, workload, time, and what is unusual about the machines.
 */
export interface ShrinkInit {
  /** True when the scenario still breaks the same promise. */
  readonly fails: (scenario: Scenario) => Promise<boolean>
  /** True when there is no time left: what was reached by then is the answer. */
  readonly isOver: () => boolean
  readonly onSmaller?: (scenario: Scenario, runs: number) => void
}

export interface Shrunk {
  readonly scenario: Scenario
  readonly runs: number
  /** False when time ran out before nothing could be left out any more. */
  readonly isMinimal: boolean
}

/** @param brokenAtMs when the promise was broken: what was to happen later can go at once */
export async function shrink(scenario: Scenario, brokenAtMs: number, init: ShrinkInit): Promise<Shrunk> {
  return new Shrinker(scenario, init).shrink(brokenAtMs)
}

class Shrinker {
  readonly #init: ShrinkInit
  #best: Scenario
  #runs = 0

  constructor(scenario: Scenario, init: ShrinkInit) {
    this.#init = init
    this.#best = scenario
  }

  async shrink(brokenAtMs: number): Promise<Shrunk> {
    const faults = this.#best.faults.filter(({ atMs }) => atMs <= brokenAtMs)
    await this.#try({ ...this.#best, faults, durationMs: Math.min(this.#best.durationMs, Math.ceil(brokenAtMs)) })
    await this.#try({ ...this.#best, faults })
    for (let before: Scenario | undefined; before !== this.#best && !this.#init.isOver(); ) {
      before = this.#best
      await this.#list(this.#best.faults, kept => ({ ...this.#best, faults: kept }))
      await this.#nodes()
      await this.#list(this.#best.workload, kept => ({ ...this.#best, workload: kept }))
      await this.#list(this.#best.buggify, kept => ({ ...this.#best, buggify: kept }))
      await this.#plain()
      await this.#duration()
    }
    return { scenario: this.#best, runs: this.#runs, isMinimal: !this.#init.isOver() }
  }

  async #try(smaller: Scenario): Promise<boolean> {
    if (this.#init.isOver()) return false
    this.#runs++
    if (!(await this.#init.fails(smaller))) return false
    this.#best = smaller
    this.#init.onSmaller?.(smaller, this.#runs)
    return true
  }

  /** ddmin: halves, then quarters, then single items are left out for as long as that leads anywhere. */
  async #list<T>(items: readonly T[], made: (kept: readonly T[]) => Scenario): Promise<void> {
    let kept = items
    if (kept.length > 0 && (await this.#try(made([])))) return
    for (let parts = 2; kept.length > 0 && !this.#init.isOver(); ) {
      const size = Math.ceil(kept.length / parts)
      let isSmaller = false
      for (let from = 0; from < kept.length; ) {
        const rest = [...kept.slice(0, from), ...kept.slice(from + size)]
        if (rest.length > 0 && (await this.#try(made(rest)))) {
          kept = rest
          isSmaller = true
        } else from += size
      }
      if (size === 1 && !isSmaller) return
      parts = isSmaller ? Math.max(2, parts - 1) : Math.min(kept.length, parts * 2)
    }
  }

  /** From the last: the founder stays. */
  async #nodes(): Promise<void> {
    for (const { name } of this.#best.nodes.slice(2).reverse()) await this.#try(without(this.#best, name))
  }

  /** What is unusual about machines, wires and the start guard. */
  async #plain(): Promise<void> {
    const plain = (spec: NodeSpec): NodeSpec => ({ ...spec, disk: 'ssd', clockOffsetMs: 0, clockDriftPpm: 0 })
    const isPlain = this.#best.nodes.every(({ disk, clockOffsetMs, clockDriftPpm }) => disk === 'ssd' && clockOffsetMs === 0 && clockDriftPpm === 0)
    if (!isPlain) await this.#try({ ...this.#best, nodes: this.#best.nodes.map(plain) })
    if (this.#best.guard === 'majority') await this.#try({ ...this.#best, guard: 'one' })
    if (JSON.stringify(this.#best.net) !== JSON.stringify(LAN)) await this.#try({ ...this.#best, net: LAN })
  }

  /** Halved down to a second; the faults that would come after the end go with it. */
  async #duration(): Promise<void> {
    for (let durationMs = Math.floor(this.#best.durationMs / 2); durationMs >= 1_000; durationMs = Math.floor(durationMs / 2)) {
      const faults = this.#best.faults.filter(({ atMs }) => atMs <= durationMs)
      if (!(await this.#try({ ...this.#best, durationMs, faults }))) return
    }
  }
}

const LAN: Scenario['net'] = { delayMinMs: 0.2, delayMeanMs: 0.3 }

/** The scenario as it would be had this node never been. */
function without(scenario: Scenario, name: string): Scenario {
  const faults = scenario.faults.flatMap(({ atMs, fault }) => {
    const rest = faultWithout(fault, name)
    return rest === undefined ? [] : [{ atMs, fault: rest }]
  })
  const workload = scenario.workload.map(work => (work.work === 'agent' ? { ...work, on: work.on.filter(on => on !== name) } : work))
  return { ...scenario, nodes: scenario.nodes.filter(node => node.name !== name), faults, workload }
}

function faultWithout(fault: Fault, name: string): Fault | undefined {
  const others = (names: readonly string[]): readonly string[] => names.filter(other => other !== name)
  if ('node' in fault && fault.node === name) return undefined
  if ('way' in fault && fault.way !== null && (fault.way.from === name || fault.way.to === name)) return undefined
  if ('by' in fault && fault.by === name) return undefined
  switch (fault.verb) {
    case 'partition':
    case 'bridge': {
      const groups = fault.groups.map(others).filter(group => group.length > 0)
      return groups.length < 2 ? undefined : { ...fault, groups }
    }
    case 'ring':
    case 'swizzle':
      return others(fault.nodes).length < 2 ? undefined : { ...fault, nodes: others(fault.nodes) }
    case 'twin':
      return { ...fault, beside: others(fault.beside) }
    default:
      return fault
  }
}
