import type { Fault } from '../faults/fault.ts'
import type { Scenario } from './scenario.ts'

const HOSTILE: ReadonlySet<Fault['verb']> = new Set<Fault['verb']>(['turn', 'twin'])
const LEAVING: ReadonlySet<Fault['verb']> = new Set<Fault['verb']>(['kill', 'retire', 'revoke'])

/** Nodes that do not keep to the protocol to the end: they turn, or somebody else has their key. */
export function hostileOf(scenario: Scenario): ReadonlySet<string> {
  return struckBy(scenario, HOSTILE)
}

/** Nodes that are not correct members in the end: hostile, dead for good, or no longer members. */
export function lostOf(scenario: Scenario): ReadonlySet<string> {
  return new Set([...hostileOf(scenario), ...struckBy(scenario, LEAVING)])
}

function struckBy({ faults }: Scenario, verbs: ReadonlySet<Fault['verb']>): ReadonlySet<string> {
  return new Set(faults.flatMap(({ fault }) => (verbs.has(fault.verb) && 'node' in fault ? [fault.node] : [])))
}
