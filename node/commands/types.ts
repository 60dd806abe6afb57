import type { CausalId } from '../../base/ids.ts'
import type { Verification } from '../../chain/verify.ts'
import type { EdgeType } from '../../ecc/edge-types.ts'
import type {
  ChainHeads,
  ChainPage,
  ClusterRecollection,
  ConflictList,
  DiffOptions,
  Explanation,
  ImportItem,
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
  Spawned,
  TimelineOptions,
  WhatIf,
} from '../api.ts'
import type { NodeEvent } from '../events.ts'
import type { Down, SendResult } from '../process/behaviour.ts'
import type { Proof } from '../proof/proof.ts'

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

  'memory.remember': { input: RememberOptions & { text: string }; result: Receipt }
  'memory.link': { input: { from: string; type: EdgeType; to: string; weight?: number | undefined }; result: Receipt }
  'memory.supersede': { input: { old: string | readonly string[]; by: string; reason?: string | undefined }; result: Receipt }
  'memory.forget': { input: { id: string }; result: Receipt }
  'memory.get': { input: { id: string }; result: MemoryDetail }
  'memory.recall': { input: RecallOptions & { query: string }; result: Recollection | ClusterRecollection }
  'memory.timeline': { input: TimelineOptions; result: MemoryTimeline }
  'memory.resolve': {
    input: { about: string; keep?: string | undefined; text?: string | undefined; key?: string | undefined; reason?: string | undefined }
    result: Settled
  }
  'memory.why': { input: { id: string; asOf?: string | undefined }; result: Explanation }
  'memory.prove': { input: { id: string; asOf?: string | undefined }; result: Proof }
  'memory.list': { input: ListOptions; result: MemoryPage }
  'memory.whatif': { input: { id: string; asOf?: string | undefined }; result: WhatIf }
  'memory.diff': { input: DiffOptions & { from: string }; result: MemoryDifference }
  /** Like `memory.list`, but waits for something to list. */
  'memory.changes': {
    input: ListOptions & { waitMs?: number | undefined }
    result: MemoryPage & { readonly conflicts: ConflictList['conflicts'] }
  }
  'memory.conflicts': { input: object; result: ConflictList }
  'memory.status': { input: object; result: MemoryStatus }
  'memory.import': { input: { items: readonly ImportItem[] }; result: ImportResult }
  'memory.has': {
    input: { keys?: readonly string[] | undefined; ids?: readonly string[] | undefined }
    result: { readonly known: readonly string[] }
  }
  'memory.edges': {
    /** `place`: where to go on among the links of the first of `ids`. */
    input: { ids: readonly CausalId[]; place?: number | undefined }
    result: {
      readonly edges: readonly { readonly from: CausalId; readonly type: EdgeType; readonly to: CausalId; readonly weight: number }[]
      /** There are more: of `ids` from this one on, and of that one from this place on. */
      readonly next?: { readonly id: CausalId; readonly place: number }
    }
  }

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
