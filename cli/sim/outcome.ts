import type { Violation } from '../../sim/checkers/checker.ts'
import { plain, shortened } from '../../sim/report/plain-text.ts'
import type { RunResult } from '../../sim/run.ts'
import { styled } from '../output.ts'
import { plural } from '../text.ts'
import type { NodeState } from './node-watch.ts'
import type { Reproduction } from './shrink-run.ts'

/** The result of a run as `--json` prints it. */
export interface RunDocument {
  readonly verdict: RunResult['verdict']
  readonly seed: number
  readonly scenario: string
  readonly virtualMs: number
  readonly events: number
  readonly traceHash: string | null
  readonly invariants: readonly { readonly id: string; readonly held: boolean; readonly detail: string }[]
  readonly replay: string
  /** What nobody could judge, of a run on real processes. */
  readonly unjudged?: readonly string[]
  /** How it was broken, when it was. */
  readonly violation?: Violation
  /** A smaller scenario that fails in the same way. */
  readonly shrunk?: Reproduction
  /** The directory of the report, where one was asked for. */
  readonly report?: string
  /** Of the node that was asked for, when the run ended. */
  readonly state?: NodeState
}

/** What is there besides the result; undefined is left out. */
export type Extras = { readonly [K in 'shrunk' | 'report' | 'state']: RunDocument[K] | undefined }

export function documentOf(result: RunResult, replay: string, extras: Partial<Extras> = {}): RunDocument {
  const { verdict, seed, scenario, virtualMs, events, traceHash, invariants, unjudged } = result
  const violation = firstViolation(result)
  return {
    verdict,
    seed,
    scenario: scenario.name,
    virtualMs: Math.round(virtualMs * 1000) / 1000,
    events,
    traceHash,
    invariants: invariants.map(({ id, held, detail }) => ({ id, held, detail })),
    replay,
    ...(unjudged.length === 0 ? {} : { unjudged }),
    ...(violation === undefined ? {} : { violation }),
    ...(Object.fromEntries(Object.entries(extras).filter(([, value]) => value !== undefined)) as Partial<RunDocument>),
  }
}

/** 0 valid, 1 invalid, 2 unknown. */
export function exitCodeOf(verdict: RunResult['verdict']): number {
  return { valid: 0, invalid: 1, unknown: 2 }[verdict]
}

export function firstViolation({ invariants }: RunResult): Violation | undefined {
  return invariants.find(({ violation }) => violation !== undefined)?.violation
}

/** A fact is a line or a few; whoever wants all of it has `--json`. */
const FACT_CHARACTERS = 600

/** A failure in four lines: what was promised to whom, when, the two facts, and how to see it again. */
export function renderViolation({ invariant, atMs, nodes, facts }: Violation, replay: string): string {
  const where = nodes.length === 0 ? '' : ` on ${nodes.join(', ')}`
  const fact = (text: string): string => plain(shortened(text, FACT_CHARACTERS))
  return [
    `${styled('red', `broken: ${invariant}`)} at ${(atMs / 1000).toFixed(3)} s${where}`,
    `  ${fact(facts[0])}`,
    `  but ${fact(facts[1])}`,
    `  ${styled('bold', replay)}`,
  ].join('\n')
}

/** @param isCut it was stopped before it was over */
export function renderRun(result: RunResult, replay: string, isCut: boolean = false): string {
  const violation = firstViolation(result)
  if (violation !== undefined) return renderViolation(violation, replay)
  const { scenario, seed, virtualMs, events, faults, history, traceHash, sometimes, verdict } = result
  const asked = history.operations
  const counts = (['ok', 'fail', 'unknown'] as const).map(outcome => asked.filter(operation => operation.outcome === outcome).length)
  const trace = traceHash === null ? '' : `; ${plural(events, 'event')}, trace ${traceHash.slice(0, 16)}`
  const lines = [
    `${styled(verdict === 'valid' ? 'green' : 'yellow', verdict)}: ${scenario.name}, seed ${seed}, ${(virtualMs / 1000).toFixed(1)} s${trace}`,
    `  ${plural(faults, 'fault')}; asked ${plural(asked.length, 'time')}: ${counts[0]} ok, ${counts[1]} refused, ${counts[2]} without an answer`,
  ]
  const missing = scenario.expect.sometimes.filter(site => (sometimes.get(site) ?? 0) === 0)
  if (isCut) lines.push('  stopped there, where no promise was broken yet; what the rest of it comes to is not known')
  else if (missing.length > 0) lines.push(`  never came up, so this run says nothing about it: ${missing.join(', ')}`)
  else if (verdict === 'unknown') lines.push('  nothing that was asked was answered with ok, so nothing was promised')
  else lines.push(`  held: ${result.invariants.map(({ id }) => id).join(', ')}`)
  if (result.unjudged.length > 0) lines.push(`  not judged, since nobody sees inside of real nodes: ${result.unjudged.join(', ')}`)
  lines.push(`  ${styled('dim', replay)}`)
  return lines.join('\n')
}
