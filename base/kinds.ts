/**
 * Record kinds: the numbers in a header's `kind` field. Append only; a number is never used
 * for something else. A node keeps kinds it does not know and folds them after an upgrade.
 */
export const KIND = {
  'log.genesis': 0,
  /** Own records that were appended again after a peer knew more of this log: old ids -> new ids. */
  'log.rebase': 1,

  'audit.boot': 10,
  'audit.shutdown': 11,
  'audit.spawn': 12,
  'audit.exit': 13,
  'audit.anchors': 14,

  'cluster.operation': 30,
  'cluster.invite': 31,

  'memory.remember': 50,
  'memory.link': 51,
  'memory.supersede': 52,
  'memory.retract': 53,
  'memory.vector': 54,
  'memory.join': 55,
} as const

export type KindName = keyof typeof KIND

/** Kinds that mean something only from a later version of the fold on, and from which. */
const FOLDED_SINCE: ReadonlyMap<number, number> = new Map([
  [KIND['memory.retract'], 1],
  [KIND['memory.vector'], 2],
])

/** False for a kind that came with a later version of the fold: its records are kept, and say nothing yet. */
export function isFolded(kind: number, version: number): boolean {
  return (FOLDED_SINCE.get(kind) ?? 0) <= version
}

const names: ReadonlyMap<number, KindName> = new Map(Object.entries(KIND).map(([name, kind]) => [kind, name as KindName]))

/** The name of a kind, `kind-<n>` for one from a newer version. */
export function kindName(kind: number): string {
  return names.get(kind) ?? `kind-${kind}`
}
