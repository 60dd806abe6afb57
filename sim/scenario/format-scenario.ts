import type { Fault } from '../faults/fault.ts'
import { formatFault, formatQuality } from './fault-text.ts'
import { DRIFT, DURATION, RATE, STEP } from './quantities.ts'
import { plainNode } from './read-scenario.ts'
import type { NodeSpec, Scenario, Work } from './scenario.ts'

/**
 * A scenario as YAML that reads back as the same scenario. Agents are programs, which no YAML can
 * hold: they are named in a comment and left out.
 *
 * @param header lines of a comment on top
 */
export function formatScenario(scenario: Scenario, header: readonly string[] = []): string {
  const { name, about, nodes, net, workload, faults, durationMs, expect, guard, buggify, seed } = scenario
  const lines = [
    ...header.flatMap(text => text.split('\n')).map(line => `# ${line}`.trimEnd()),
    `name: ${quoted(name)}`,
    ...(about === '' ? [] : [`about: ${quoted(about)}`]),
    ...formatNodes(
      nodes,
      faults.map(({ fault }) => fault),
    ),
    ...(Object.keys(net).length === 0 ? [] : [`net: ${formatQuality(net)}`]),
    ...formatWorkload(workload),
    ...formatFaults(scenario),
    `duration: ${DURATION.format(durationMs)}`,
    `expect: { ${formatExpect(expect).join(', ')} }`,
    ...(guard === 'one' ? [] : [`guard: ${guard}`]),
    ...(buggify.length === 0 ? [] : [`buggify: [${buggify.map(quoted).join(', ')}]`]),
    `seed: ${seed}`,
  ]
  return `${lines.join('\n')}\n`
}

/** A JSON string is a YAML string, on one line, whatever is in it. */
function quoted(text: string): string {
  return JSON.stringify(text)
}

/** As a number where that says it all: `n1`, `n2` and so on, and those that a fault lets join. */
function formatNodes(nodes: readonly NodeSpec[], faults: readonly Fault[]): readonly string[] {
  const first = nodes.filter(({ isLate }) => !isLate)
  const joiners = [...new Set(faults.flatMap(fault => (fault.verb === 'join' ? [fault.node] : [])))]
  const implied = [...first.map((_, i) => plainNode(`n${i + 1}`)), ...joiners.map(name => ({ ...plainNode(name), isLate: true }))]
  if (JSON.stringify(implied) === JSON.stringify(nodes)) return [`nodes: ${first.length}`]
  return ['nodes:', ...nodes.map(node => `  ${node.name}: ${formatNode(node)}`)]
}

function formatNode({ disk, clockOffsetMs, clockDriftPpm, version, isLate }: NodeSpec): string {
  const clock = [
    ...(clockOffsetMs === 0 ? [] : [`offset: ${STEP.format(clockOffsetMs)}`]),
    ...(clockDriftPpm === 0 ? [] : [`drift: ${DRIFT.format(clockDriftPpm)}`]),
  ]
  const settings = [
    ...(disk === 'ssd' ? [] : [`disk: ${disk}`]),
    ...(clock.length === 0 ? [] : [`clock: { ${clock.join(', ')} }`]),
    ...(version === 'current' ? [] : [`version: ${version}`]),
    ...(isLate ? ['late: true'] : []),
  ]
  return settings.length === 0 ? '{}' : `{ ${settings.join(', ')} }`
}

function formatWorkload(workload: readonly Work[]): readonly string[] {
  const agents = workload.flatMap(work =>
    work.work === 'agent' ? [`  # the agent ${work.name} is a program, which YAML cannot hold`] : [],
  )
  const others = workload.filter(work => work.work !== 'agent')
  return others.length === 0 ? ['workload: []', ...agents] : ['workload:', ...agents, ...others.map(work => `  - { ${formatWork(work)} }`)]
}

function formatWork(work: Exclude<Work, { work: 'agent' }>): string {
  const rate = RATE.format(work.perSecond)
  const where = 'space' in work && work.space !== undefined ? `, space: ${quoted(work.space)}` : ''
  if (work.work === 'remember') return `remember: ${rate}${work.keys === 0 ? '' : `, keys: ${work.keys}`}${where}`
  if (work.work === 'message') return `ipc: ${rate}, mode: ${work.mode === 'send' ? 'at-most-once' : work.mode}`
  return `${work.work}: ${rate}${where}`
}

/** Faults of one time are a list. */
function formatFaults({ faults }: Scenario): readonly string[] {
  if (faults.length === 0) return []
  const times = new Map<number, Fault[]>()
  for (const { atMs, fault } of faults) times.set(atMs, [...(times.get(atMs) ?? []), fault])
  const lines = [...times].flatMap(([atMs, all]) => {
    const texts = all.map(formatFault)
    return texts.length === 1
      ? [`  ${DURATION.format(atMs)}: ${texts[0]}`]
      : [`  ${DURATION.format(atMs)}:`, ...texts.map(text => `    - ${text}`)]
  })
  return ['at:', ...lines]
}

function formatExpect({ convergeMs, falsePositives, sometimes, forkedLogs }: Scenario['expect']): readonly string[] {
  return [
    `converge: ${DURATION.format(convergeMs)} after heal`,
    ...(falsePositives === null ? [] : [`fp: ${falsePositives}`]),
    'lost: 0',
    ...(sometimes.length === 0 ? [] : [`sometimes: [${sometimes.map(quoted).join(', ')}]`]),
    ...(forkedLogs === null ? [] : [`forks: ${forkedLogs}`]),
  ]
}
