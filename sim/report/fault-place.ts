import type { Fault, Groups } from '../faults/fault.ts'

/** Where a fault is drawn; null for one of the wires. */
export function nodeOf(fault: Fault): string | null {
  return 'node' in fault && fault.verb !== 'isolate' && fault.verb !== 'bridge' ? fault.node : null
}

/** Who is separated from whom: `n1 n2 | n3`. */
export function groupsText(groups: Groups): string {
  return groups.map(group => group.join(' ')).join(' | ')
}
