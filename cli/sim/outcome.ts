import type { Violation } from '../../sim/checkers/checker.ts'
import type { RunResult } from '../../sim/run.ts'
import { styled } from '../output.ts'
import { plural } from '../text.ts'

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
  /** A smaller scenario that fails in the same way, and the directory of the report, where there are such. */
  readonly shrunk?: string
  readonly report?: string
}

export function documentOf(result: RunResult, replay: string): RunDocument {
  const { verdict, seed, scenario, virtualMs, events, traceHash, invariants } = result
  return {
    verdict,
    seed,
    scenario: scenario.name,
    virtualMs: Math.round(virtualMs * 1000) / 1000,
    events,
    traceHash,
    invariants: invariants.map(({ id, held, detail }) => ({ id, held, detail })),
    replay,
  }
}

/** 0 valid, 1 invalid, 2 unknown. */
export function exitCodeOf({ verdict }: Pick<RunResult, 'verdict'>): number {
  return { valid: 0, invalid: 1, unknown: 2 }[verdict]
}

export function firstViolation({ invariants }: RunResult): Violation | undefined {
  return invariants.find(({ violation }) => violation !== undefined)?.violation
}

/** A failure in five lines: what was promised to whom, when, the two facts, and how to see it again. */
export function renderViolation({ invariant, atMs, nodes, facts }: Violation, replay: string): string {
  const where = nodes.length === 0 ? '' : ` on ${nodes.join(', ')}`
  return [
    `${styled('red', `broken: ${invariant}`)} at ${(atMs / 1000).toFixed(3)} s${where}`,
    `  ${facts[0]}`,
    `  but ${facts[1]}`,
    `  ${styled('bold', replay)}`,
  ].join('\n')
}

export function renderRun(result: RunResult, replay: string): string {
  const violation = firstViolation(result)
  if (violation !== undefined) return renderViolation(violation, replay)
  const { scenario, seed, virtualMs, events, history, traceHash, sometimes, verdict } = result
  const asked = history.operations
  const counts = (['ok', 'fail', 'unknown'] as const).map(outcome => asked.filter(operation => operation.outcome === outcome).length)
  const trace = traceHash === null ? '' : `; ${plural(events, 'event')}, trace ${traceHash.slice(0, 16)}`
  const lines = [
    `${styled(verdict === 'valid' ? 'green' : 'yellow', verdict)}: ${scenario.name}, seed ${seed}, ${(virtualMs / 1000).toFixed(1)} s${trace}`,
    `  ${plural(scenario.faults.length, 'fault')}; asked ${asked.length} times: ${counts[0]} ok, ${counts[1]} refused, ${counts[2]} without an answer`,
    `  held: ${result.invariants.map(({ id }) => id).join(', ')}`,
  ]
  const missing = scenario.expect.sometimes.filter(site => (sometimes.get(site) ?? 0) === 0)
  if (missing.length > 0) lines.push(`  never came up, so this run says nothing about it: ${missing.join(', ')}`)
  else if (verdict === 'unknown') lines.push('  nothing that was asked was answered with ok, so nothing was promised')
  lines.push(`  ${styled('dim', replay)}`)
  return lines.join('\n')
}
