import type { NodeId } from '../base/ids.ts'
import type { Runtime } from '../node/runtime.ts'
import type { HostileTransport } from './byzantine/hostile-transport.ts'
import type { SimClock } from './clock.ts'
import type { DiskSnapshot, SimDisk } from './disk.ts'
import type { Spells } from './faults/spells.ts'
import type { Gate } from './gate.ts'
import type { SimIndex } from './index.ts'

/** A machine outlives the processes that run on it. Only the world writes it, but for `version`. */
export interface Machine {
  readonly name: string
  readonly disk: SimDisk
  readonly index: SimIndex
  /** What happens to its node passes here. */
  readonly gate: Gate
  /** Faults of this machine that last a while. */
  readonly spells: Spells
  /** Of the life at hand, or of the last one. */
  clock: SimClock
  nodeId: NodeId | undefined
  phase: Phase
  runtime: Runtime | undefined
  transport: HostileTransport | undefined
  /** How often it has been started. */
  lives: number
  /** Another one whenever what runs on it begins or ends: what was asked of an earlier one is void. */
  era: number
  /** What the software on it speaks from its next life on. */
  version: 'current' | 'previous'
  /** What it does besides its work, in every life, since it was turned. */
  behaviours: readonly string[]
  backup: DiskSnapshot | undefined
}

/** `dead` is for ever. */
export type Phase = 'off' | 'joining' | 'starting' | 'up' | 'stopping' | 'dead'
