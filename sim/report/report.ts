import { REPORT_MAX_CHARACTERS } from '../../base/limits.ts'
import { WeftError } from '../../base/errors.ts'
import { INVARIANTS, type InvariantId, type Violation } from '../checkers/checker.ts'
import type { TimedFault } from '../faults/fault.ts'
import { formatFault } from '../scenario/fault-text.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { Operation } from '../workload/history.ts'
import { EVENT_CLASSES, EVENT_KINDS, type EventClass, type EventFields, type RunEvent } from './event.ts'
import { nodeOf } from './fault-place.ts'
import { aFlag, aNumber, aText, type Check, listOf, mapOf, Mismatch, objectOf, oneOf, orNull } from './json-check.ts'
import { latenciesOf, type Latency } from './latency.ts'
import type { ConvergenceSample, Recording } from './recorder.ts'

/** What a report is made of: what came of a run, and what was seen of it. */
export interface ReportInput {
  readonly scenario: Scenario
  readonly seed: number
  readonly verdict: Verdict
  readonly virtualMs: number
  /** Events of the simulation, many more than are recorded. */
  readonly events: number
  /** Null for a run on real processes. */
  readonly traceHash: string | null
  readonly invariants: readonly {
    readonly id: InvariantId
    readonly held: boolean
    readonly detail: string
    readonly violation?: Violation
  }[]
  readonly sometimes: ReadonlyMap<string, number>
  readonly operations: readonly Operation[]
  /** The command that plays this run again. */
  readonly replay: string
  readonly nodeVersion: string
  readonly recording: Recording
}

export type Verdict = 'valid' | 'invalid' | 'unknown'

/**
 * `report.json`: everything about a run but its events, which are in `events.jsonl` beside it. Fields are
 * only added; a change that old readers would misread gets another version.
 */
export interface Report {
  readonly version: 1
  readonly scenario: { readonly name: string; readonly about: string; readonly durationMs: number }
  readonly seed: number
  readonly verdict: Verdict
  readonly virtualMs: number
  readonly events: number
  readonly traceHash: string | null
  readonly nodeVersion: string
  readonly replay: string
  /** In the order of the scenario; then those that came up unannounced. */
  readonly nodes: readonly { readonly name: string; readonly disk: string; readonly version: string; readonly isLate: boolean }[]
  readonly invariants: readonly Judged[]
  readonly sometimes: Readonly<Record<string, number>>
  readonly phases: readonly { readonly atMs: number; readonly phase: string }[]
  /** Of the story, and not what mends everything in the end. */
  readonly faults: readonly { readonly atMs: number; readonly text: string; readonly node: string | null }[]
  readonly partitions: readonly Partition[]
  /** Stretches in which one node was not itself: paused, slow, mute, its clock frozen. */
  readonly spells: readonly Spell[]
  readonly lives: readonly Life[]
  readonly operations: { readonly total: number; readonly ok: number; readonly fail: number; readonly unknown: number }
  readonly latencies: readonly Latency[]
  readonly convergence: readonly ConvergenceSample[]
  /** Events that the recorder had no room for. */
  readonly leftOut: Readonly<Record<EventClass, number>>
}

export interface Judged {
  readonly id: string
  readonly held: boolean
  readonly detail: string
  readonly violation: Pick<Violation, 'atMs' | 'nodes' | 'facts'> | null
}

/** Silence between nodes of different groups. */
export interface Partition {
  readonly fromMs: number
  readonly toMs: number
  readonly groups: readonly (readonly string[])[]
}

export interface Spell {
  readonly node: string
  readonly fromMs: number
  readonly toMs: number
  readonly what: string
}

export interface Life {
  readonly node: string
  readonly fromMs: number
  /** The end of the run for a life that had not ended. */
  readonly toMs: number
  readonly end: 'power' | 'process' | 'stopped' | null
}

export function reportOf(input: ReportInput): Report {
  const { scenario, recording, virtualMs, operations } = input
  const count = (outcome: Operation['outcome']): number => operations.filter(operation => operation.outcome === outcome).length
  return {
    version: 1,
    scenario: { name: scenario.name, about: scenario.about, durationMs: scenario.durationMs },
    seed: input.seed,
    verdict: input.verdict,
    virtualMs,
    events: input.events,
    traceHash: input.traceHash,
    nodeVersion: input.nodeVersion,
    replay: input.replay,
    nodes: nodesOf(scenario, recording.events),
    invariants: input.invariants.map(({ id, held, detail, violation }) => ({
      id,
      held,
      detail,
      violation: violation === undefined ? null : { atMs: violation.atMs, nodes: violation.nodes, facts: violation.facts },
    })),
    sometimes: Object.fromEntries([...input.sometimes].sort(([a], [b]) => (a < b ? -1 : 1))),
    phases: recording.phases,
    faults: recording.faults
      .filter(({ isMending }) => !isMending)
      .map(({ atMs, fault }) => ({ atMs, text: formatFault(fault), node: nodeOf(fault) })),
    partitions: partitionsOf(recording.faults, scenario, virtualMs),
    spells: spellsOf(recording.faults, virtualMs),
    lives: livesOf(recording.events, virtualMs),
    operations: { total: operations.length, ok: count('ok'), fail: count('fail'), unknown: count('unknown') },
    latencies: latenciesOf(operations),
    convergence: recording.samples,
    leftOut: recording.leftOut,
  }
}

/** Lines end with a line feed, so files can be joined and compared. */
export function formatReport(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`
}

/** @throws WeftError `report_invalid` with the field that is wrong, or the version when it is a later one */
export function parseReport(json: string): Report {
  const value = parseJson(json, 'report.json')
  const version = typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined
  if (typeof version === 'number' && version > 1)
    throw new WeftError('report_invalid', `report.json is of version ${version}, this is version 1`, {
      next: 'upgrade weftmesh: a newer version wrote this file',
    })
  return checked(aReport, value, 'report.json')
}

/** `events.jsonl`: an event per line, in order. */
export function formatEvents(events: readonly RunEvent[]): string {
  return events.map(event => `${JSON.stringify(event)}\n`).join('')
}

/** @throws WeftError `report_invalid` with the line that is wrong */
export function parseEvents(jsonl: string): readonly RunEvent[] {
  if (jsonl.length > REPORT_MAX_CHARACTERS) throw tooLong('events.jsonl', jsonl.length)
  const lines = jsonl.split('\n').filter(line => line !== '')
  return lines.map((line, i) => {
    const where = `events.jsonl, line ${i + 1}`
    const event = checked(anEvent, parseJson(line, where), where)
    const isInOrder = event.id === i && event.cause.every((cause, at) => cause < i && cause > (event.cause[at - 1] ?? -1))
    if (!isInOrder) throw new WeftError('report_invalid', `${where}: an event is numbered by its line, and its causes come before it`)
    return event
  })
}

/** What a page or a picture is made of. */
export interface Story {
  readonly report: Report
  readonly events: readonly RunEvent[]
}

// ---- what the faults and events add up to

function nodesOf(scenario: Scenario, events: readonly RunEvent[]): Report['nodes'] {
  const nodes = new Map<string, Report['nodes'][number]>(
    scenario.nodes.map(({ name, disk, version, isLate }) => [name, { name, disk, version, isLate }]),
  )
  for (const { node } of events) {
    if (node !== null && !nodes.has(node)) nodes.set(node, { name: node, disk: 'ssd', version: 'current', isLate: true })
  }
  return [...nodes.values()]
}

/** Each lasts until the wires are healed: a second one does not end the first. */
function partitionsOf(faults: readonly TimedFault[], scenario: Scenario, endMs: number): readonly Partition[] {
  return faults.flatMap(({ atMs, fault }, i) => {
    const groups =
      fault.verb === 'isolate' ? isolated(fault.node, scenario) : fault.verb === 'partition' || fault.verb === 'bridge' ? fault.groups : []
    if (groups.length === 0) return []
    const heal = faults.slice(i + 1).find(later => later.fault.verb === 'heal')
    return [{ fromMs: atMs, toMs: heal?.atMs ?? endMs, groups }]
  })
}

function isolated(node: string, scenario: Scenario): Partition['groups'] {
  return [[node], scenario.nodes.map(({ name }) => name).filter(name => name !== node)]
}

function spellsOf(faults: readonly TimedFault[], endMs: number): readonly Spell[] {
  return faults.flatMap(({ atMs, fault }) => {
    const node = nodeOf(fault)
    if (node === null || !('forMs' in fault)) return []
    return [{ node, fromMs: atMs, toMs: Math.min(atMs + fault.forMs, endMs), what: fault.verb }]
  })
}

function livesOf(events: readonly RunEvent[], endMs: number): readonly Life[] {
  const open = new Map<string, number>()
  const lives: Life[] = []
  for (const { node, kind, what, atMs } of events) {
    if (node === null) continue
    if (kind === 'boot') open.set(node, atMs)
    if (kind !== 'end') continue
    lives.push({ node, fromMs: open.get(node) ?? 0, toMs: atMs, end: what as Life['end'] })
    open.delete(node)
  }
  for (const [node, fromMs] of open) lives.push({ node, fromMs, toMs: endMs, end: null })
  return lives
}

// ---- what a file must hold

const anEvent: Check<RunEvent> = objectOf<RunEvent>({
  id: aNumber,
  atMs: aNumber,
  node: orNull(aText),
  kind: oneOf(...EVENT_KINDS),
  what: aText,
  fields: mapOf((value, path) =>
    value === null || typeof value === 'boolean' || typeof value === 'number' ? value : aText(value, path),
  ) as Check<EventFields>,
  cause: listOf(aNumber),
})

const aPair: Check<readonly [string, string]> = (value, path) => {
  const texts = listOf(aText)(value, path)
  if (texts.length !== 2) throw new Mismatch(`${path}: expected two texts, got ${texts.length}`)
  return texts as unknown as readonly [string, string]
}

const aReport: Check<Report> = objectOf<Report>({
  version: oneOf(1),
  scenario: objectOf({ name: aText, about: aText, durationMs: aNumber }),
  seed: aNumber,
  verdict: oneOf('valid', 'invalid', 'unknown'),
  virtualMs: aNumber,
  events: aNumber,
  traceHash: orNull(aText),
  nodeVersion: aText,
  replay: aText,
  nodes: listOf(objectOf({ name: aText, disk: aText, version: aText, isLate: aFlag })),
  invariants: listOf(
    objectOf<Judged>({
      id: oneOf(...INVARIANTS),
      held: aFlag,
      detail: aText,
      violation: orNull(objectOf({ atMs: aNumber, nodes: listOf(aText), facts: aPair })),
    }),
  ),
  sometimes: mapOf(aNumber),
  phases: listOf(objectOf({ atMs: aNumber, phase: aText })),
  faults: listOf(objectOf({ atMs: aNumber, text: aText, node: orNull(aText) })),
  partitions: listOf(objectOf<Partition>({ fromMs: aNumber, toMs: aNumber, groups: listOf(listOf(aText)) })),
  spells: listOf(objectOf<Spell>({ node: aText, fromMs: aNumber, toMs: aNumber, what: aText })),
  lives: listOf(objectOf<Life>({ node: aText, fromMs: aNumber, toMs: aNumber, end: orNull(oneOf('power', 'process', 'stopped')) })),
  operations: objectOf({ total: aNumber, ok: aNumber, fail: aNumber, unknown: aNumber }),
  latencies: listOf(
    objectOf<Latency>({ command: aText, count: aNumber, medianMs: aNumber, p99Ms: aNumber, maxMs: aNumber, histogram: listOf(aNumber) }),
  ),
  convergence: listOf(objectOf<ConvergenceSample>({ atMs: aNumber, distinct: aNumber, held: mapOf(aNumber) })),
  leftOut: objectOf(Object.fromEntries(EVENT_CLASSES.map(name => [name, aNumber])) as Record<EventClass, Check<number>>),
})

function parseJson(json: string, where: string): unknown {
  if (json.length > REPORT_MAX_CHARACTERS) throw tooLong(where, json.length)
  try {
    return JSON.parse(json)
  } catch (thrown) {
    throw new WeftError('report_invalid', `${where} is not JSON: ${(thrown as SyntaxError).message}`)
  }
}

function checked<T>(check: Check<T>, value: unknown, where: string): T {
  try {
    return check(value, '')
  } catch (thrown) {
    if (thrown instanceof Mismatch) throw new WeftError('report_invalid', `${where}: ${thrown.message}`)
    throw thrown
  }
}

function tooLong(where: string, characters: number): WeftError {
  return new WeftError('report_invalid', `${where} has ${characters} characters, at most ${REPORT_MAX_CHARACTERS} are read`)
}
