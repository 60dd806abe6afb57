import type { Program } from '../../node/process/behaviour.ts'
import type { TimedFault, WireQuality } from '../faults/fault.ts'

/**
 * A story: who is there, what they do, what goes wrong when, and what must hold in the end. YAML,
 * TypeScript and the swarm all make this one thing; with a seed it is a run.
 */
export interface Scenario {
  readonly name: string
  /** What happens and why it is worth watching. */
  readonly about: string
  readonly nodes: readonly NodeSpec[]
  readonly net: WireQuality
  readonly workload: readonly Work[]
  /** In order of time. */
  readonly faults: readonly TimedFault[]
  /** How long the workload runs, from the beginning of the story. */
  readonly durationMs: number
  readonly expect: Expectations
  /** `majority`: the strict start guard. */
  readonly guard: 'one' | 'majority'
  /** Rare branches that are switched on; see `base/buggify.ts`. */
  readonly buggify: readonly string[]
  /** The seed when none is given. */
  readonly seed: number
}

export interface NodeSpec {
  readonly name: string
  readonly disk: DiskSpeed
  readonly clockOffsetMs: number
  readonly clockDriftPpm: number
  /** `previous`: of the version before, until upgraded. */
  readonly version: 'current' | 'previous'
  /** Not there from the beginning: joined by a fault. */
  readonly isLate: boolean
}

export type DiskSpeed = 'ssd' | 'hdd' | 'slow'

/** What agents do, at a rate over all nodes that are up, each time on one drawn for it. */
export type Work =
  /** A memory; with `keys`, under one of so many keys. In `main` unless a space is named. */
  | { readonly work: 'remember'; readonly perSecond: number; readonly keys: number; readonly space?: string }
  | { readonly work: 'link' | 'supersede' | 'forget' | 'recall'; readonly perSecond: number; readonly space?: string }
  /** An encrypted space is created, roles in it come and go, and its keys change. */
  | { readonly work: 'roles'; readonly perSecond: number; readonly space: string }
  /** Processes that begin, end and watch each other. */
  | { readonly work: 'process'; readonly perSecond: number }
  /** Messages between processes of different nodes. `at-least-once` asks again until it is answered. */
  | { readonly work: 'message'; readonly mode: 'send' | 'call' | 'at-least-once'; readonly perSecond: number }
  /** A process of the author's own on each of `on`, which gets a message `{ tick: n }` at a rate. */
  | { readonly work: 'agent'; readonly name: string; readonly program: Program; readonly on: readonly string[]; readonly perSecond: number }

/** On top of the invariants, which hold in every run. */
export interface Expectations {
  /** All are equal so long after the last fault ended; a minute unless told otherwise. */
  readonly convergeMs: number
  /** Peers that were up and reachable and yet were taken for dead; no limit when null. */
  readonly falsePositives: number | null
  /** Sites that must have been reached; when one was not, the verdict is unknown. */
  readonly sometimes: readonly string[]
  /** Logs with two histories that correct nodes must know of in the end; no demand when null. */
  readonly forkedLogs: number | null
}
