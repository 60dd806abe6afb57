import type { WeftError } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'
import type { CommandName, CommandTypes } from '../node/commands/types.ts'
import type { Program } from '../node/process/behaviour.ts'
import type { Fault } from './faults/fault.ts'

/**
 * Where a scenario is played: in virtual time (`sim/sim-stage.ts`), or on real processes over loopback
 * (`cli/sim/real-stage.ts`). The player, the workload and the judges know only this.
 */
export interface Stage {
  /** Milliseconds since the stage was made, or since the story began where time before that is negative. */
  readonly nowMs: number
  /** The node to which something happens just now, or happened when that threw, where it can be told. */
  readonly acting?: string | undefined
  /** Processes, sockets and disks: nobody sees inside. */
  readonly isReal: boolean
  /** Lets so much time go by. */
  run(ms: number): Promise<void>
  /** Runs `task` in so much time, while time goes by. */
  after(ms: number, task: () => void): void
  /** Founds a cluster of these nodes and starts them. */
  found(names: readonly string[]): Promise<void>
  /** Nodes that are up and can be asked. */
  readonly up: readonly string[]
  nodeId(name: string): NodeId | undefined
  /** How often the node has been started. */
  life(name: string): number
  /** A node that dies before it answers never calls back. */
  ask<K extends CommandName>(name: string, command: K, input: CommandTypes[K]['input'], done: AskDone<K>): void
  /** Starts a process; on a simulated stage the program itself, on a real one the module that it is an export of. */
  spawn(name: string, program: Program, process: string, done: (error: WeftError | undefined) => void): void
  perform(fault: Fault): void
  /** Ends every fault of these machines and of the ways between them, and starts those that are down. Ways to others stay as they are. */
  mend(names: readonly string[]): void
  stop(): Promise<void>
}

export type AskDone<K extends CommandName> = (error: WeftError | undefined, value: CommandTypes[K]['result'] | undefined) => void
