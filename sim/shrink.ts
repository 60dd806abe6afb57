import type { Fault, TimedFault, Verb, Way } from './faults/fault.ts'
import { contradictionsOf } from './scenario/check.ts'
import { nodesOf } from './scenario/fault-text.ts'
import type { NodeSpec, Scenario } from './scenario/scenario.ts'

/**
 * Makes a scenario that fails as small as it gets while it goes on to fail: delta debugging (Zeller and
 * Hildebrandt 2002, ddmin) over the faults first, then nodes, workload and time. A run that does not fail is played to its
 * end and costs most, so what is likeliest to fail again is tried first: without all faults of one verb, then without
 * what belongs together (a crash and its restart), then without single faults.
 */
export interface ShrinkInit<F extends Failure> {
  /** How the scenario breaks the same promise; undefined when it does not. Never rejects. */
  readonly fails: (scenario: Scenario) => Promise<F | undefined>
  /** True when there is no time left: what was reached by then is the answer. */
  readonly isOver: () => boolean
  /** How many scenarios are tried at the same time; what comes out does not depend on it. 1 unless given. */
  readonly jobs?: number
  readonly onSmaller?: (scenario: Scenario, runs: number) => void
}

export interface Failure {
  /** Since the story began. */
  readonly atMs: number
  /** Where it shows. */
  readonly nodes: readonly string[]
}

export interface Shrunk<F extends Failure> {
  readonly scenario: Scenario
  /** How it fails. */
  readonly failure: F
  /** Scenarios that were tried. */
  readonly runs: number
  /** False when time ran out before nothing could be left out any more. */
  readonly isMinimal: boolean
}

/** @param failure how the scenario fails as it is */
export async function shrink<F extends Failure>(scenario: Scenario, failure: F, init: ShrinkInit<F>): Promise<Shrunk<F>> {
  return new Shrinker(scenario, failure, init).shrink()
}

/** With more faults than this each on its own is not worth the time. */
const FEW = 12
const SECOND_MS = 1_000
/** Where the first fault is moved to: all are connected by then, and something is written. */
const FIRST_FAULT_MS = 5 * SECOND_MS

class Shrinker<F extends Failure> {
  readonly #init: ShrinkInit<F>
  #best: Scenario
  #failure: F
  #runs = 0
  /** What came of each scenario that was tried. */
  readonly #tried: Map<string, Promise<F | undefined>> = new Map()

  constructor(scenario: Scenario, failure: F, init: ShrinkInit<F>) {
    this.#init = init
    this.#best = scenario
    this.#failure = failure
  }

  async shrink(): Promise<Shrunk<F>> {
    await this.#cutEnd()
    await this.#first([
      { ...this.#best, faults: [] },
      // What breaks a promise of some nodes is mostly what happened to them.
      withFaults(this.#best, ({ fault }) => nodesOf(fault).some(name => this.#failure.nodes.includes(name))),
    ])
    for (let before = Infinity; sizeOf(this.#best) < before && !this.#init.isOver(); ) {
      before = sizeOf(this.#best)
      await this.#drop(verbsOf, (scenario, verbs) => withFaults(scenario, ({ fault }) => !verbs.includes(fault.verb)))
      // With fewer nodes every run after this one costs less.
      await this.#drop(namesButFirst, (scenario, names) => names.reduce(withoutNode, scenario))
      await this.#drop(({ faults }) => episodesOf(faults), withoutEpisodes)
      await this.#drop(
        ({ faults }) => faults,
        (scenario, faults) => withFaults(scenario, fault => !faults.includes(fault)),
      )
      await this.#drop(
        ({ buggify }) => buggify,
        (scenario, sites) => ({ ...scenario, buggify: scenario.buggify.filter(site => !sites.includes(site)) }),
      )
      await this.#drop(
        ({ workload }) => workload,
        (scenario, works) => ({ ...scenario, workload: scenario.workload.filter(work => !works.includes(work)) }),
      )
      await this.#time()
      await this.#plain()
      if (this.#best.faults.length <= FEW) await this.#simplify()
    }
    return { scenario: this.#best, failure: this.#failure, runs: this.#runs, isMinimal: !this.#init.isOver() }
  }

  // ---- what is tried

  /**
   * Leaves out as many items as it gets away with: all of them, then halves, quarters and single ones. In the end each
   * that is left is needed.
   */
  async #drop<T>(
    itemsOf: (scenario: Scenario) => readonly T[],
    without: (scenario: Scenario, items: readonly T[]) => Scenario,
  ): Promise<void> {
    await this.#cutEnd()
    for (let size = itemsOf(this.#best).length; size >= 1; size >>= 1) {
      let isSmaller: boolean
      do {
        isSmaller = false
        for (let from = 0; from < itemsOf(this.#best).length; ) {
          const items = itemsOf(this.#best)
          const rest = Array.from({ length: Math.ceil((items.length - from) / size) }, (_, i) =>
            items.slice(from + i * size, from + (i + 1) * size),
          )
          const taken = await this.#first(rest.map(chunk => without(this.#best, chunk)))
          if (taken === undefined) break
          isSmaller = true
          from += taken * size
        }
      } while (isSmaller && size === 1)
    }
  }

  /** What was to happen after the promise was broken, and the time for it. */
  async #cutEnd(): Promise<void> {
    const { faults, durationMs } = this.#best
    // What breaks while the cluster is founded breaks before the story begins.
    const endMs = Math.max(SECOND_MS, up(this.#failure.atMs))
    if (endMs >= durationMs) return
    const kept = faults.filter(({ atMs }) => atMs <= endMs)
    // What goes on when a story ends may be what breaks the promise: then only the faults go.
    await this.#first([
      { ...this.#best, faults: kept, durationMs: endMs },
      { ...this.#best, faults: kept },
    ])
  }

  /** Begins soon, ends soon, and speaks of whole seconds. */
  async #time(): Promise<void> {
    const earlier = (this.#best.faults[0]?.atMs ?? 0) - FIRST_FAULT_MS
    if (earlier > 0) await this.#first([movedBy(this.#best, -earlier), movedBy(this.#best, -Math.floor(earlier / 2))])
    await this.#cutEnd()
    const neededMs = up(Math.max(SECOND_MS, ...this.#best.faults.map(({ atMs }) => atMs)))
    for (let isShorter = true; isShorter && this.#best.durationMs > neededMs; ) {
      const half = up(neededMs + (this.#best.durationMs - neededMs) / 2)
      const shorter = [neededMs, half].filter(durationMs => durationMs < this.#best.durationMs)
      isShorter = (await this.#first(shorter.map(durationMs => ({ ...this.#best, durationMs })))) !== undefined
    }
    await this.#first([rounded(this.#best)])
  }

  /** Nothing unusual about machines, wires and the start guard. */
  async #plain(): Promise<void> {
    const plain = (spec: NodeSpec): NodeSpec => ({ ...spec, disk: 'ssd', clockOffsetMs: 0, clockDriftPpm: 0 })
    await this.#first([{ ...this.#best, nodes: this.#best.nodes.map(plain) }])
    for (const { name } of this.#best.nodes)
      await this.#first([{ ...this.#best, nodes: this.#best.nodes.map(spec => (spec.name === name ? plain(spec) : spec)) }])
    await this.#first([{ ...this.#best, guard: 'one' }])
    await this.#first([{ ...this.#best, net: {} }])
  }

  /** Each fault in the simplest form in which it does the same. */
  async #simplify(): Promise<void> {
    for (let i = 0; i < this.#best.faults.length; ) {
      const { faults } = this.#best
      const { atMs, fault } = faults[i] as TimedFault
      const forms = simplerThan(fault).map(simpler => ({
        ...this.#best,
        faults: faults.map((other, j) => (i === j ? { atMs, fault: simpler } : other)),
      }))
      if ((await this.#first(forms)) === undefined) i++
    }
  }

  // ---- how it is tried

  /** Goes on with the first of these scenarios that fails. @returns which that is */
  async #first(candidates: readonly Scenario[]): Promise<number | undefined> {
    const jobs = this.#init.jobs ?? 1
    const running: Promise<F | undefined>[] = []
    for (const [i, candidate] of candidates.entries()) {
      while (running.length < Math.min(i + jobs, candidates.length)) running.push(this.#try(candidates[running.length] as Scenario))
      const failure = await running[i]
      if (failure === undefined) continue
      this.#best = tidied(candidate) as Scenario
      this.#failure = failure
      this.#init.onSmaller?.(this.#best, this.#runs)
      return i
    }
    return undefined
  }

  /** Nobody plays what is the same, what makes no sense, or anything twice. */
  #try(candidate: Scenario): Promise<F | undefined> {
    const scenario = tidied(candidate)
    if (scenario === undefined) return NO
    const key = keyOf(scenario)
    if (key === keyOf(this.#best)) return NO
    const known = this.#tried.get(key)
    if (known !== undefined) return known
    if (this.#init.isOver()) return NO
    this.#runs++
    const outcome = this.#init.fails(scenario)
    this.#tried.set(key, outcome)
    return outcome
  }
}

const NO: Promise<undefined> = Promise.resolve(undefined)

/** What there is to read. */
function sizeOf({ faults, nodes, workload, buggify }: Scenario): number {
  return faults.length + nodes.length + workload.length + buggify.length
}

/** Programs are not compared: none is ever replaced by another. */
function keyOf(scenario: Scenario): string {
  return JSON.stringify(scenario)
}

// ---- what belongs together

/** Each verb once, the one with most faults first. */
function verbsOf({ faults }: Scenario): readonly Verb[] {
  const counts = new Map<Verb, number>()
  for (const { fault } of faults) counts.set(fault.verb, (counts.get(fault.verb) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a).map(([verb]) => verb)
}

/** What begins at one time, with what ends it. */
type Episode = readonly TimedFault[]

/** All faults, each in one episode, in the order in which these begin. */
export function episodesOf(faults: readonly TimedFault[]): readonly Episode[] {
  const episodes: TimedFault[][] = []
  const ended = new Set<TimedFault>()
  for (const timed of faults) {
    const begun = episodes.findLast(episode => episode.some(earlier => !ended.has(earlier) && isEndOf(timed.fault, earlier.fault)))
    const together = episodes.findLast(episode => episode.some(({ atMs }) => atMs === timed.atMs))
    const own = begun ?? together
    for (const earlier of begun ?? []) if (isEndOf(timed.fault, earlier.fault)) ended.add(earlier)
    if (own === undefined) episodes.push([timed])
    else own.push(timed)
  }
  return episodes
}

const HEALED: ReadonlySet<Verb> = new Set(['partition', 'cut', 'isolate', 'bridge', 'ring', 'flap', 'clog', 'swizzle', 'block', 'net'])
const RESTARTED: ReadonlySet<Verb> = new Set(['crash', 'stop', 'restore-backup', 'reformat'])
const MENDED: ReadonlySet<Verb> = new Set(['disk-full', 'disk-slow'])

function isEndOf(later: Fault, earlier: Fault): boolean {
  const isSameNode = 'node' in later && 'node' in earlier && later.node === earlier.node
  switch (later.verb) {
    case 'heal':
      return HEALED.has(earlier.verb)
    case 'restart':
      return isSameNode && RESTARTED.has(earlier.verb)
    case 'disk-ok':
      return isSameNode && MENDED.has(earlier.verb)
    case 'restore-backup':
      return isSameNode && earlier.verb === 'backup'
    case 'clock-step':
      return isSameNode && earlier.verb === 'clock-step' && earlier.stepMs === -later.stepMs
    case 'restore':
      return earlier.verb === 'cut' && isSameWay(later.way, earlier.way)
    case 'net':
      return earlier.verb === 'net' && isSameWay(later.way, earlier.way)
    default:
      return false
  }
}

function isSameWay(a: Way | null, b: Way | null): boolean {
  return a?.from === b?.from && a?.to === b?.to && a?.both === b?.both
}

function withoutEpisodes(scenario: Scenario, episodes: readonly Episode[]): Scenario {
  const dropped = new Set(episodes.flat())
  return withFaults(scenario, timed => !dropped.has(timed))
}

function withFaults(scenario: Scenario, isKept: (timed: TimedFault) => boolean): Scenario {
  return { ...scenario, faults: scenario.faults.filter(isKept) }
}

// ---- what fits together

/** Without what has lost its sense: late nodes that nobody lets in, and faults of who is not there. Undefined when that does not help. */
function tidied(scenario: Scenario): Scenario | undefined {
  const joined = new Set(scenario.faults.flatMap(({ fault }) => (fault.verb === 'join' ? [fault.node] : [])))
  const present = scenario.nodes
    .filter(({ name, isLate }) => isLate && !joined.has(name))
    .reduce((rest, { name }) => withoutNode(rest, name), scenario)
  const senseless = new Set(contradictionsOf(present).map(({ path }) => path))
  if (senseless.size === 0) return present
  const faults = present.faults.filter((_, index) => !senseless.has(`faults[${index}]`))
  return faults.length === present.faults.length ? undefined : tidied({ ...present, faults })
}

/** The founder stays. */
function namesButFirst({ nodes }: Scenario): readonly string[] {
  return nodes
    .slice(1)
    .map(({ name }) => name)
    .reverse()
}

/** The scenario as it would be had this node never been. */
function withoutNode(scenario: Scenario, name: string): Scenario {
  const faults = scenario.faults.flatMap(({ atMs, fault }) => {
    const rest = faultWithout(fault, name)
    return rest === undefined ? [] : [{ atMs, fault: rest }]
  })
  const workload = scenario.workload
    .map(work => (work.work === 'agent' ? { ...work, on: work.on.filter(other => other !== name) } : work))
    .filter(work => work.work !== 'agent' || work.on.length > 0)
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

// ---- simpler

function movedBy(scenario: Scenario, ms: number): Scenario {
  return {
    ...scenario,
    durationMs: scenario.durationMs + ms,
    faults: scenario.faults.map(({ atMs, fault }) => ({ atMs: atMs + ms, fault })),
  }
}

/** To the next whole second. */
function up(ms: number): number {
  return Math.ceil(ms / SECOND_MS) * SECOND_MS
}

function rounded(scenario: Scenario): Scenario {
  const faults = scenario.faults.map(({ atMs, fault }) => ({
    atMs: up(atMs),
    fault: 'forMs' in fault ? { ...fault, forMs: up(fault.forMs) } : fault,
  }))
  return { ...scenario, durationMs: up(scenario.durationMs), faults }
}

/** Forms of a fault that do less, the simplest first. */
function simplerThan(fault: Fault): readonly Fault[] {
  const forms: Fault[] = []
  if ('forMs' in fault) {
    for (const forMs of [SECOND_MS, Math.floor(fault.forMs / 2 / SECOND_MS) * SECOND_MS])
      if (forMs > 0 && forMs < fault.forMs) forms.push({ ...fault, forMs })
  }
  switch (fault.verb) {
    case 'crash':
      if (fault.torn) forms.push({ ...fault, torn: false })
      break
    case 'turn':
      for (const behaviour of fault.behaviours) if (fault.behaviours.length > 1) forms.push({ ...fault, behaviours: [behaviour] })
      for (const behaviour of fault.behaviours)
        if (fault.behaviours.length > 2) forms.push({ ...fault, behaviours: fault.behaviours.filter(other => other !== behaviour) })
      break
    case 'partition':
    case 'bridge':
      forms.push(...fault.groups.flat().flatMap(name => faultWithout(fault, name) ?? []))
      break
    case 'ring':
    case 'swizzle':
      forms.push(...fault.nodes.flatMap(name => faultWithout(fault, name) ?? []))
      break
    case 'net':
      for (const name of Object.keys(fault.quality)) {
        const rest = Object.entries(fault.quality).filter(([other]) => other !== name)
        if (rest.length > 0) forms.push({ ...fault, quality: Object.fromEntries(rest) })
      }
      break
    default:
  }
  return forms
}
