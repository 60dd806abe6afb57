import type { Program } from '../../node/process/behaviour.ts'
import type { Fault } from '../faults/fault.ts'
import { readScenario } from './read-scenario.ts'
import type { Scenario } from './scenario.ts'
import { valueOf } from './value.ts'

/**
 * A scenario in TypeScript: the keys and texts of YAML, checked in the same way, and besides programs as agents, faults
 * as data, and whatever a loop can make of them.
 *
 * @throws WeftError `scenario_invalid` with every mistake of form, or, where there is none, with everything that makes no sense
 */
export function defineScenario(definition: ScenarioDefinition): Scenario {
  const { name } = definition
  // Whoever loads the module knows its file, and names what has no name after it.
  return readScenario({ root: valueOf(definition), origin: name === undefined ? 'scenario' : `scenario ${name}`, name: '', isCode: true })
}

/** A text like `20ms`, `10s`, `1m30s`, `1h`, or a number of milliseconds. */
export type DurationText = string | number
/** A text like `5/s` or `30/m`. */
export type RateText = string
/** `crash n2 { torn: true }`, or the same as data. */
export type FaultText = string | Fault

export interface ScenarioDefinition {
  /** That of the file unless given. */
  readonly name?: string
  /** What happens and why it is worth watching. */
  readonly about?: string
  /** A number (`n1`, `n2`...), names and groups, or settings by name; 5 unless given. */
  readonly nodes?: number | readonly (string | NodeGroup)[] | Readonly<Record<string, NodeSettings>>
  readonly net?: NetDefinition
  /** `put: 5/s` under 20 keys unless given. */
  readonly workload?: readonly WorkDefinition[]
  /** The author's own programs, by the name by which `workload` speaks of them. The same ones run on a real node. */
  readonly agents?: Readonly<Record<string, Program>>
  /** What goes wrong, by its time since the story began. */
  readonly at?: Readonly<Record<string, FaultText | readonly FaultText[]>>
  /** How long the workload runs; until 10 s after the last fault ended unless given. */
  readonly duration?: DurationText
  readonly expect?: ExpectDefinition
  /** `majority`: the strict start guard. */
  readonly guard?: 'one' | 'majority'
  readonly buggify?: readonly string[]
  /** The seed when none is given on the command line. */
  readonly seed?: number
}

export interface NodeSettings {
  readonly disk?: 'ssd' | 'hdd' | 'slow'
  readonly clock?: { readonly offset?: DurationText; readonly drift?: string }
  readonly version?: 'current' | 'previous'
  /** Not there until a fault lets it join. */
  readonly late?: boolean
}

export interface NodeGroup extends NodeSettings {
  readonly count: number
}

/** What is not given is that of a local network. */
export interface NetDefinition {
  /** `5ms`, or `exp(2ms,20ms)`: at least 2 ms, and exponentially distributed 20 ms in the mean on top. */
  readonly delay?: string
  /** `1%`, or 0 to 1. */
  readonly loss?: string | number
  readonly duplicates?: string | number
  /** `64KiB/s` */
  readonly bandwidth?: string
  /** `256KiB` */
  readonly queue?: string
}

export type WorkDefinition =
  | { readonly put: RateText; readonly keys?: number; readonly space?: string }
  | { readonly remember: RateText; readonly keys?: number; readonly space?: string }
  | { readonly link: RateText; readonly space?: string }
  | { readonly supersede: RateText; readonly space?: string }
  | { readonly forget: RateText; readonly space?: string }
  | { readonly recall: RateText; readonly space?: string }
  /** Creates an encrypted space, gives and takes roles in it, and changes its keys. */
  | { readonly roles: RateText; readonly space: string }
  | { readonly ipc: RateText; readonly mode?: 'at-most-once' | 'call' | 'at-least-once' }
  /** On every node and once a second unless given. */
  | { readonly agent: string; readonly on?: readonly string[]; readonly rate?: RateText }

export interface ExpectDefinition {
  /** `30s after heal`; a minute unless given. */
  readonly converge?: DurationText
  /** Reachable peers that were taken for dead. */
  readonly fp?: number
  /** Can only be 0: nothing acknowledged may ever be lost. */
  readonly lost?: 0
  /** Situations that must have come up. */
  readonly sometimes?: readonly string[]
  /** Logs with two histories that the others must know of in the end. */
  readonly forks?: number
}
