import type { NodeId } from '../../base/ids.ts'
import type { Verification } from '../../chain/verify.ts'
import type { SpaceRole } from '../../discovery/operation.ts'
import type {
  ChainHeads,
  ConflictList,
  MemberList,
  MemoryRecord,
  PeerList,
  ProcessList,
  Recollection,
  SpaceMember,
} from '../../node/api.ts'
import type { Observer } from '../observer.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { History } from '../workload/history.ts'

/**
 * A judge of one promise. It watches a simulated run as it goes (`Observer`), which a run on real
 * processes has no way to offer, and judges what was asked and what the nodes say in the end, which
 * both have. What it needs to remember is its own: nodes are only looked at.
 */
export interface Checker extends Observer {
  readonly id: InvariantId
  /** What is promised, in one sentence. */
  readonly says: string
  /** Called once, when all is quiet after the last heal. Violations found on the way were reported by then. */
  atEnd?(ending: Ending): void
}

/** One file each; the order of the report. */
export const INVARIANTS = [
  'convergence',
  'causal-order',
  'durability',
  'chain',
  'genuine',
  'equivocation',
  'ipc',
  'authority',
  'membership',
  'liveness',
  'bounds',
  'process-table',
  'hygiene',
  'fold',
  'recall',
  'erasure',
  'spaces',
] as const
export type InvariantId = (typeof INVARIANTS)[number]

/** What a checker is given when a run begins. */
export interface Setup {
  readonly scenario: Scenario
  /** Virtual time since the story began. */
  readonly nowMs: () => number
  /** When the story began, by `nowMs`, to which the times of the scenario's faults are added where nobody tells of faults; 0 if absent. */
  readonly beganMs: () => number
  readonly history: History
  /** The machine of a node, undefined for a stranger. */
  readonly nameOf: (node: NodeId) => string | undefined
  readonly nodeIdOf: (name: string) => NodeId
  /** Nodes that kept to the protocol all along, and are members in the end. */
  readonly isCorrect: (name: string) => boolean
  /** The first is told, the run ends. */
  readonly violated: (violation: Omit<Violation, 'atMs'>) => void
}

export interface Violation {
  readonly invariant: InvariantId
  readonly atMs: number
  readonly nodes: readonly string[]
  /** Two that contradict each other. */
  readonly facts: readonly [string, string]
}

/** What the nodes say when all is quiet: of correct nodes that are up, by name. */
export interface Ending {
  readonly nodes: ReadonlyMap<string, Testimony>
  readonly scenario: Scenario
}

/** 20 hits of each query: enough to see a wrong order. */
export const RECALLED = 20

export interface Testimony {
  readonly nodeId: NodeId
  readonly frontier: string
  readonly frontierAll: string
  /** With which version of the fold it answers: answers of two versions differ, and may. */
  readonly foldVersion: number
  /** Records held but not applied. */
  readonly pending: number
  readonly heads: ChainHeads['logs']
  readonly verification: Verification
  /** Every memory, whatever its state, in the order in which they were applied. */
  readonly memories: readonly MemoryRecord[]
  readonly edges: readonly { readonly from: string; readonly type: string; readonly to: string; readonly weight: number }[]
  readonly conflicts: ConflictList
  /** By query, RECALLED hits at most. */
  readonly recollections: ReadonlyMap<string, Recollection>
  /** The same by words alone (`spread: false`), for comparing with an oracle. */
  readonly matches: ReadonlyMap<string, Recollection>
  /** Private spaces by name, as far as this node knows of them. */
  readonly spaces: ReadonlyMap<string, SpaceTestimony>
  readonly members: MemberList
  readonly peers: PeerList['peers']
  readonly processes: ProcessList['processes']
}

/** What a node says of a private space, whatever it may do there. */
export interface SpaceTestimony {
  readonly role: SpaceRole
  readonly members: readonly SpaceMember[]
  readonly frontier: string
  /** Records whose key it does not hold. */
  readonly sealed: number
  /** Every memory that it can open, in the order in which they were applied; null where it may not read. */
  readonly memories: readonly MemoryRecord[] | null
}
