import type { LogFields, LogLevel } from '../base/ports.ts'
import type { Core } from '../node/core.ts'
import type { CoreEvent, Effect } from '../node/step.ts'
import type { Fault } from './faults/fault.ts'

/**
 * Sees everything that happens in a simulated cluster and changes nothing: checkers and the recorder of
 * reports are made of this. Called within the event that is seen; `world.nowMs` is its time.
 */
export interface Observer {
  /** A life of a node begins: its core is there and has not taken a step. */
  onBoot?(node: string, core: Core): void
  /** Crashed, stopped or killed. */
  onEnd?(node: string, how: 'power' | 'process' | 'stopped'): void
  /** A step was taken. */
  onStep?(node: string, core: Core, event: CoreEvent, effects: readonly Effect[]): void
  onLog?(node: string, level: LogLevel, event: string, fields: LogFields): void
  onFault?(fault: Fault): void
  onMessage?(message: SeenMessage): void
}

/** A message on a wire, told when its fate is known. Places are machine names. */
export interface SeenMessage {
  readonly from: string
  readonly to: string
  /** `sync.run`, or what a connection is made of: `dial`, `open`, `greeting`, `end`, `reset`. */
  readonly kind: string
  readonly bytes: number
  readonly sentUs: number
  /** Null when it was lost. */
  readonly arrivedUs: number | null
}
