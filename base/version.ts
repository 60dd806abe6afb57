/**
 * Versions that live together. A cluster is upgraded one node at a time, so for a while two neighbouring versions
 * share it: they connect, replicate and keep each other's records. Versions further apart refuse each other.
 */
export interface Version {
  /** Greeted with. Messages that came with a later one are not known to this one, and ignored. */
  readonly protocol: number
  /** How records become memory. Part of every answer: answers of two versions are not compared. */
  readonly fold: number
}

/** Fold 2 is fold 1 with `memory.vector`. */
export const CURRENT: Version = { protocol: 1, fold: 2 }
/** The version before the first release: it does not know `peer.about`, and does not fold `memory.retract` nor `memory.vector`. */
export const PREVIOUS: Version = { protocol: 0, fold: 0 }

/** The version of the protocol from which on a run may hold records without their bodies. */
export const ERASED_SINCE = 1

/** Two protocol versions that can share a cluster. */
export function areNeighbours(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1
}
