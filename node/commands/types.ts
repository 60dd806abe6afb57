import type { CausalId, LogId } from '../../base/ids.ts'
import type { Verification } from '../../chain/verify.ts'
import type { SpaceRole } from '../../discovery/operation.ts'
import type { EdgeType } from '../../ecc/edge-types.ts'
import type {
  ChainHeads,
  ChainPage,
  ClusterRecollection,
  ConflictList,
  DiffOptions,
  EmbedderReport,
  EntityList,
  EntityOptions,
  Explanation,
  PolicyInfo,
  PolicyInput,
  PolicyRun,
  Forgotten,
  GivenVector,
  MemoryGraph,
  ImportItem,
  ImportOptions,
  ImportResult,
  InviteOptions,
  InviteResult,
  ListOptions,
  MemberList,
  MemoryDetail,
  MemoryDifference,
  MemoryPage,
  MemoryStatus,
  MemoryTimeline,
  NodeStatus,
  OperationResult,
  PeerList,
  ProcessList,
  RecallOptions,
  Receipt,
  Recollection,
  RememberOptions,
  SettingInfo,
  Settled,
  SpaceDetail,
  SpaceList,
  Spawned,
  Superseded,
  TimelineOptions,
  WhatIf,
} from '../api.ts'
import type {
  CoherenceReport,
  CommunityList,
  Confirmed,
  ImpulseRecord,
  Location,
  ProposalList,
  RaiseOptions,
  TickReport,
  WholeOptions,
} from '../cognition/api.ts'
import type { NodeEvent } from '../events.ts'
import type { Down, SendResult } from '../process/behaviour.ts'
import type { Proof } from '../proof/proof.ts'

/** Which space a command of the memory is about: `main` when it does not say. */
export interface InSpace {
  readonly space?: string | undefined
}

/**
 * Every command of a node: what it takes and what it answers. Command line, HTTP and SDK go
 * through these and render the same results. A command is named once and keeps its name.
 */
export interface CommandTypes {
  'node.id': {
    input: object
    result: { readonly nodeId: string; readonly fingerprint: string; readonly cluster: string; readonly name: string }
  }
  'node.status': { input: object; result: NodeStatus }
  'node.ready': { input: object; result: Readiness }
  'node.settings': { input: object; result: { readonly settings: readonly SettingInfo[] } }
  'node.events': {
    input: { after?: number | undefined; limit?: number | undefined; waitMs?: number | undefined }
    result: { readonly events: readonly NodeEvent[]; readonly newest: number }
  }
  'node.block': { input: { peers: readonly string[] }; result: { readonly blocked: readonly string[] } }
  'node.stop': { input: object; result: { readonly stopping: true } }

  'peer.list': { input: object; result: PeerList }
  'member.list': { input: object; result: MemberList }
  'member.invite': { input: InviteOptions; result: InviteResult }
  'member.approve': { input: { operation: string }; result: OperationResult }
  'member.revoke': { input: { nodeId: string; reason?: string | undefined }; result: OperationResult }
  'member.retire': { input: { nodeId: string }; result: OperationResult }
  'member.policy': { input: { admins: readonly string[]; threshold: number }; result: OperationResult }

  'process.list': { input: { cluster?: boolean | undefined }; result: ProcessList }
  'process.spawn': { input: { path: string; name?: string | undefined }; result: Spawned }
  'process.kill': { input: { address: string }; result: { readonly killed: string } }
  'process.send': { input: { to: string; message?: unknown }; result: { readonly result: SendResult } }
  'process.call': {
    input: { to: string; method: string; argument?: unknown; deadlineMs?: number | undefined }
    result: { readonly result: unknown }
  }
  'process.monitor': { input: { target: string }; result: Down }

  'memory.remember': { input: InSpace & RememberOptions & { text: string }; result: Receipt }
  'memory.link': { input: InSpace & { from: string; type: EdgeType; to: string; weight?: number | undefined }; result: Receipt }
  'memory.supersede': { input: InSpace & { old: string | readonly string[]; by: string; reason?: string | undefined }; result: Superseded }
  'memory.forget': { input: InSpace & { id: string; erase?: boolean | undefined }; result: Forgotten }
  'memory.get': { input: InSpace & { id: string }; result: MemoryDetail }
  'memory.recall': { input: InSpace & RecallOptions & { query?: string | undefined }; result: Recollection | ClusterRecollection }
  'memory.timeline': { input: InSpace & TimelineOptions; result: MemoryTimeline }
  'memory.entities': { input: InSpace & EntityOptions; result: EntityList }
  'memory.resolve': {
    input: InSpace & {
      about: string
      keep?: string | undefined
      text?: string | undefined
      key?: string | undefined
      reason?: string | undefined
    }
    result: Settled
  }
  'memory.why': { input: InSpace & { id: string; asOf?: string | undefined }; result: Explanation }
  'memory.prove': { input: InSpace & { id: string; asOf?: string | undefined }; result: Proof }
  'memory.list': { input: InSpace & ListOptions; result: MemoryPage }
  'memory.whatif': { input: InSpace & { id: string; asOf?: string | undefined }; result: WhatIf }
  'memory.diff': { input: InSpace & DiffOptions & { from: string }; result: MemoryDifference }
  /** Like `memory.list`, but waits for something to list. */
  'memory.changes': {
    input: InSpace & ListOptions & { waitMs?: number | undefined }
    result: MemoryPage & { readonly conflicts: ConflictList['conflicts'] }
  }
  'memory.conflicts': { input: InSpace; result: ConflictList }
  'memory.status': { input: InSpace; result: MemoryStatus }
  /** With `probe`, one text is embedded to see whether it works. */
  'memory.embedder': { input: { probe?: boolean | undefined }; result: EmbedderReport }
  /** Looks again for memories without a vector, of this node or of `all`, and embeds them in the background. */
  'memory.reembed': { input: { all?: boolean | undefined }; result: EmbedderReport }
  /** Takes back vectors that this node wrote for other embedders, some at a time; those that callers made themselves stay. */
  'memory.retire-vectors': { input: object; result: { readonly retired: number; readonly left: number } }
  'memory.import': { input: InSpace & { items: readonly ImportItem[] } & ImportOptions; result: ImportResult }
  'memory.has': {
    input: InSpace & { keys?: readonly string[] | undefined; ids?: readonly string[] | undefined }
    result: { readonly known: readonly string[] }
  }
  /** Current memories of this node whose keys begin with `prefix`, of all spaces that it writes to unless one is named. */
  'memory.keyed': {
    input: InSpace & { prefix: string; from?: { readonly space: string; readonly place: number } | undefined }
    result: {
      readonly memories: readonly { readonly id: CausalId; readonly key: string; readonly text: string; readonly space: string }[]
      /** There may be more: ask for it with `from`. */
      readonly next?: { readonly space: string; readonly place: number }
    }
  }
  'memory.edges': {
    /** `place`: where to go on among the links of the first of `ids`. */
    input: InSpace & { ids: readonly CausalId[]; place?: number | undefined }
    result: {
      readonly edges: readonly { readonly from: CausalId; readonly type: EdgeType; readonly to: CausalId; readonly weight: number }[]
      /** There are more: of `ids` from this one on, and of that one from this place on. */
      readonly next?: { readonly id: CausalId; readonly place: number }
    }
  }
  /**
   * Vectors that callers gave memories, as they were written: the newest of each `external:` embedder. Those of a node's own embedder
   * are not among them, as any node makes them again.
   */
  'memory.vectors': {
    /** `place`: where to go on among the vectors of the first of `ids`. */
    input: InSpace & { ids: readonly CausalId[]; place?: number | undefined; asOf?: string | undefined }
    result: {
      /** In the order of `ids`. */
      readonly vectors: readonly GivenVector[]
      /** There may be more: of `ids` from this one on, and of that one from this place on. */
      readonly next?: { readonly id: CausalId; readonly place: number }
    }
  }

  'policy.list': { input: object; result: { readonly policies: readonly PolicyInfo[] } }
  'policy.set': { input: { name: string; policy: PolicyInput }; result: { readonly policies: readonly PolicyInfo[] } }
  'policy.remove': { input: { name: string }; result: { readonly removed: string } }
  'policy.run': {
    input: { name?: string | undefined; dryRun?: boolean | undefined }
    result: { readonly dryRun: boolean; readonly runs: readonly PolicyRun[] }
  }

  'memory.graph': {
    input: InSpace & { id?: string | undefined; query?: string | undefined; limit?: number | undefined }
    result: MemoryGraph
  }
  /** The beginning of an archive of the memory: base64. */
  'memory.archive': {
    input: InSpace
    result: {
      readonly item: string
      readonly logs: readonly { readonly log: LogId; readonly size: number }[]
      readonly forked: readonly LogId[]
    }
  }
  /** Records of one log as an archive has them: base64. */
  'memory.archive-frame': {
    input: InSpace & { log: string; from: number; size: number }
    result: { readonly item: string; readonly end: number }
  }
  'space.list': { input: object; result: SpaceList }
  'space.create': { input: { space: string; private?: boolean | undefined; encrypted?: boolean | undefined }; result: OperationResult }
  'space.grant': {
    input: { space: string; nodeId: string; role: Exclude<SpaceRole, 'none'>; history?: boolean | undefined }
    result: OperationResult
  }
  'space.rotate': { input: { space: string }; result: OperationResult }
  'space.revoke': { input: { space: string; nodeId: string }; result: OperationResult }
  'space.show': { input: { space: string }; result: SpaceDetail }

  'memory.coherence': { input: InSpace & WholeOptions & { plain?: boolean | undefined }; result: CoherenceReport }
  'memory.communities': { input: InSpace & WholeOptions; result: CommunityList }
  'memory.proposals': { input: InSpace; result: ProposalList }
  'memory.confirm': { input: InSpace & { proposal: string }; result: Confirmed }
  'memory.reject': { input: InSpace & { proposal: string }; result: { readonly rejected: string } }
  'memory.impulses': {
    input: InSpace & { after?: number | undefined; limit?: number | undefined; waitMs?: number | undefined }
    result: { readonly impulses: readonly ImpulseRecord[]; readonly newest: number; readonly waiting: number }
  }
  'memory.acknowledge': {
    input: InSpace & { upTo?: number | undefined; numbers?: readonly number[] | undefined }
    result: { readonly acknowledged: number }
  }
  'memory.raise': { input: InSpace & RaiseOptions & { reason: string }; result: ImpulseRecord }
  'memory.tick': { input: InSpace; result: TickReport }
  'memory.locate': { input: InSpace & { name: string }; result: Location }

  'chain.head': { input: object; result: ChainHeads }
  'chain.log': { input: { log?: string | undefined; from?: number | undefined; limit?: number | undefined }; result: ChainPage }
  'chain.verify': { input: { all?: boolean | undefined }; result: Verification }
}

export type CommandName = keyof CommandTypes

/** Each check with its reason. */
export interface Readiness {
  readonly ready: boolean
  readonly checks: readonly { readonly check: string; readonly ok: boolean; readonly reason: string }[]
}

/** Performs a command somewhere: in this process, or over HTTP. */
export type Request = <K extends CommandName>(name: K, input: CommandTypes[K]['input']) => Promise<CommandTypes[K]['result']>
