import { AssertionError } from '../base/assert.ts'
import type { NodeId } from '../base/ids.ts'
import { checkersFor } from './checkers/all.ts'
import { type Checker, type InvariantId, INVARIANTS, type Setup, type Violation } from './checkers/checker.ts'
import type { Fault } from './faults/fault.ts'
import { type Phase, Play } from './play.ts'
import { SimRandom } from './random.ts'
import { lostOf } from './scenario/cast.ts'
import type { Scenario } from './scenario/scenario.ts'
import type { Stage } from './stage.ts'
import { History } from './workload/history.ts'
import { Workload } from './workload/workload.ts'

/** What came of a scenario. In virtual time the same scenario and seed give the same, to the last bit of the hash. */
export interface RunResult {
  /** `unknown`: nothing was promised to anybody, or a situation that the scenario is about never came up. */
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  readonly scenario: Scenario
  readonly seed: number
  /** From the first start to the last answer. */
  readonly virtualMs: number
  /** Events of the simulation; 0 on real processes. */
  readonly events: number
  /** Null on real processes. */
  readonly traceHash: string | null
  readonly invariants: readonly Judgement[]
  /** What nobody could judge: on real processes, what only shows inside of the nodes. */
  readonly unjudged: readonly string[]
  /** How many of the faults of the scenario came to happen: all, unless the run ended before. */
  readonly faults: number
  /** How often each rare situation came up. */
  readonly sometimes: ReadonlyMap<string, number>
  readonly history: History
}

export interface Judgement {
  readonly id: InvariantId
  readonly held: boolean
  /** What is promised, or how it was broken. */
  readonly detail: string
  readonly violation?: Violation
}

export interface RunInit {
  readonly stage: Stage
  readonly scenario: Scenario
  readonly seed: number
  /** Called with the judges and what was asked before anything happens. */
  readonly onBegin?: (checkers: readonly Checker[], history: History) => void
  /** The story is cut short there. */
  readonly untilMs?: number | undefined
  readonly onPhase?: (phase: Phase) => void
  readonly onFault?: (fault: Fault) => void
  readonly onViolation?: (violation: Violation) => void
  /** What was seen of each rare situation, asked when all is over. */
  readonly sometimes?: () => ReadonlyMap<string, number>
}

/** Plays a scenario and judges it. Throws only what is wrong with the stage or with us. */
export async function run(init: RunInit): Promise<Omit<RunResult, 'events' | 'traceHash'>> {
  const { stage, scenario, seed } = init
  const history = new History()
  const violations: Violation[] = []
  const violated = (found: Omit<Violation, 'atMs'>): void => {
    const violation = { ...found, atMs: stage.nowMs }
    violations.push(violation)
    init.onViolation?.(violation)
  }
  let beganMs = 0
  let faults = 0
  const checkers = checkersFor(setupOf(stage, scenario, history, violated, () => beganMs))
  init.onBegin?.(checkers, history)
  const isCut = (): boolean => stage.nowMs >= (init.untilMs ?? Infinity)
  const play = new Play({
    stage,
    scenario,
    workload: new Workload(stage, scenario, history, stream => new SimRandom(seed, stream)),
    random: new SimRandom(seed, 'play'),
    isOver: () => violations.length > 0 || isCut(),
    violated,
    onPhase: phase => {
      if (phase === 'safety') beganMs = stage.nowMs
      init.onPhase?.(phase)
    },
    onFault: fault => {
      faults++
      init.onFault?.(fault)
    },
  })
  try {
    const ending = await play.run()
    if (ending !== undefined) for (const checker of checkers) checker.atEnd?.(ending)
  } catch (thrown) {
    // Nodes never throw for what came from outside: it is a bug in one of them.
    const nodes = stage.acting === undefined ? [] : [stage.acting]
    if (!isCut()) violated({ invariant: 'hygiene', nodes, facts: ['promised: no node ever throws', explained(thrown)] })
  }
  const sometimes = init.sometimes?.() ?? new Map()
  const unjudged: readonly string[] = stage.isReal ? checkers.filter(({ atEnd }) => atEnd === undefined).map(({ id }) => id) : []
  return {
    verdict: isCut() && violations.length === 0 ? 'unknown' : verdictOf(scenario, violations, history, sometimes),
    scenario,
    seed,
    virtualMs: stage.nowMs,
    invariants: judgements(checkers, violations).filter(({ id }) => !unjudged.includes(id)),
    unjudged,
    faults,
    sometimes,
    history,
  }
}

function setupOf(stage: Stage, scenario: Scenario, history: History, violated: Setup['violated'], beganMs: () => number): Setup {
  const names = scenario.nodes.map(({ name }) => name)
  const lost = lostOf(scenario)
  return {
    scenario,
    history,
    violated,
    nowMs: () => stage.nowMs,
    beganMs,
    nameOf: node => names.find(name => stage.nodeId(name) === node),
    nodeIdOf: name => stage.nodeId(name) as NodeId,
    isCorrect: name => names.includes(name) && !lost.has(name),
  }
}

function verdictOf(
  scenario: Scenario,
  violations: readonly Violation[],
  history: History,
  sometimes: ReadonlyMap<string, number>,
): RunResult['verdict'] {
  if (violations.length > 0) return 'invalid'
  const isEmpty = !history.operations.some(({ outcome }) => outcome === 'ok')
  const isMissing = scenario.expect.sometimes.some(site => (sometimes.get(site) ?? 0) === 0)
  return isEmpty || isMissing ? 'unknown' : 'valid'
}

function judgements(checkers: readonly Checker[], violations: readonly Violation[]): readonly Judgement[] {
  return INVARIANTS.map(id => {
    const violation = violations.find(({ invariant }) => invariant === id)
    const says = checkers.find(checker => checker.id === id)?.says ?? ''
    return violation === undefined
      ? { id, held: true, detail: says }
      : { id, held: false, detail: violation.facts.join('; but '), violation }
  })
}

/** What was thrown, and where: of what has a cause, that of the cause. */
function explained(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  if (thrown.cause !== undefined) return `${thrown.message}: ${explained(thrown.cause)}`
  const where = thrown.stack?.split('\n').find(line => line.includes(' at ') && !line.includes('assert.'))
  const place = where?.replace(/^.*?([\w-]+\/[\w.-]+\.[jt]s:\d+).*$/, '$1')
  return `${thrown instanceof AssertionError ? 'assertion failed: ' : ''}${thrown.message}${place === undefined ? '' : ` (${place.trim()})`}`
}
