import type { Policy } from './memory/policy.ts'
import type { EmbeddingStatus } from './memory/embedding.ts'
import type { ErrorCode } from '../base/errors.ts'
import type { CausalId, ClusterId, LogId, NodeId, Pid, ProcessAddress, Stream } from '../base/ids.ts'
import type { Verification } from '../chain/verify.ts'
import type { TruncatedBy } from '../ecc/budget.ts'
import type { SpaceRole } from '../discovery/operation.ts'
import type { EdgeType, PathEdge } from '../ecc/edge-types.ts'
import type { EntityKind } from '../ecc/entities.ts'
import type { Vacancy } from '../ecc/places.ts'
import type { Capacity } from './cognition/calibration.ts'
import type { MemoryCognition } from './cognition/api.ts'
import type { NodeEvent } from './events.ts'
import type { PeerInfo } from './peers.ts'
import type { CallOptions, Down, Program, SendResult } from './process/behaviour.ts'
import type { ProcessInfo } from './process/process.ts'
import type { Proof } from './proof/proof.ts'

/**
 * A node, as programs see it: the one in this process (`createNode`) or one that runs
 * elsewhere on this machine (`connect`). Command line and HTTP render the same results.
 * Whatever fails throws a WeftError with a code and the next step.
 */
export interface WeftNode {
  readonly nodeId: NodeId
  readonly cluster: ClusterId
  readonly dir: string
  /** The memory of the space that is always there, `main`. */
  readonly memory: Memory
  /** A memory of its own beside it: `node.space('billing').memory`. */
  space(name: string): Space
  spaces(): Promise<SpaceList>
  readonly chain: ChainView

  /** Starts a process; returns when that is in the chain. A path names a module, `file.js#export` one of its exports. */
  spawn(program: Program | string, options?: SpawnOptions): Promise<Spawned>
  kill(address: string): Promise<void>
  ps(options?: { readonly cluster?: boolean }): Promise<ProcessList>
  send(to: string, message: unknown): Promise<SendResult>
  call(to: string, method: string, argument?: unknown, options?: CallOptions): Promise<unknown>
  /** Resolves when the process is gone, at once if there is none. */
  monitor(target: string): Promise<Down>

  status(): Promise<NodeStatus>
  peers(): Promise<PeerList>
  invite(options?: InviteOptions): Promise<InviteResult>
  /** What happens on this node from now on, after the last `backlog` events. */
  events(options?: { readonly backlog?: number; readonly signal?: AbortSignal }): AsyncIterable<NodeEvent>
  readonly members: Members
  /** Of a node made by `createNode`: shuts it down. Of one reached by `connect`: lets go of it. */
  stop(): Promise<void>
}

export interface SpawnOptions {
  readonly name?: string | undefined
}

export interface Spawned {
  readonly pid: Pid
  readonly address: ProcessAddress
}

export interface ProcessList {
  readonly processes: readonly ProcessInfo[]
  /** With `cluster`: members that did not answer. */
  readonly silent: readonly NodeId[]
}

export interface NodeStatus {
  readonly nodeId: NodeId
  readonly cluster: ClusterId
  readonly name: string
  readonly state: string
  /** False while this node may not sign: no peer has vouched for its logs since it started. */
  readonly publishing: boolean
  readonly uptimeMs: number
  readonly version: string
  /** Where others can dial it. */
  readonly addresses: readonly string[]
  readonly peers: readonly Pick<PeerInfo, 'nodeId' | 'state' | 'rttMs' | 'clockOffsetMs' | 'clockErrorMs'>[]
  /** How far the memory is applied; equal on equal nodes. */
  readonly frontier: string
  /** The same over all logs that are held. */
  readonly frontierAll: string
  readonly records: number
  readonly memories: number
  readonly processes: number
  readonly conflicts: number
  /** What makes vectors of memories on this node; null for nothing. */
  readonly embedder: EmbeddingStatus | null
  /** Spaces that are being folded anew: for the moment `frontier` and counts are of a part of what is in them. */
  readonly foldedAnew?: readonly string[]
  /** That nobody has acknowledged. */
  readonly impulses: number
  /** How long a synthetic tick of cognition takes this node, in microseconds; null before it has measured that. */
  readonly capacity: Capacity | null
}

/** A setting of a running node, and where its value came from: `default`, `weft.toml line 3`, `WEFT_LISTEN`, `--listen`. */
export interface SettingInfo {
  readonly setting: string
  readonly value: string | readonly string[] | Readonly<Record<string, number>>
  readonly from: string
}

export interface PeerList {
  readonly peers: readonly PeerInfo[]
}

export interface InviteOptions {
  /** An hour by default, and at most. */
  readonly expiresMs?: number | undefined
  readonly role?: string | undefined
  readonly nodeId?: string | undefined
}

export interface InviteResult {
  readonly token: string
  readonly addresses: readonly string[]
  readonly expires: string
}

// ---- membership

export interface Members {
  list(): Promise<MemberList>
  approve(operation: string): Promise<OperationResult>
  revoke(nodeId: string, reason?: string): Promise<OperationResult>
  retire(nodeId: string): Promise<OperationResult>
  setPolicy(policy: { readonly admins: readonly string[]; readonly threshold: number }): Promise<OperationResult>
}

export interface MemberList {
  readonly cluster: ClusterId
  readonly name: string
  readonly threshold: number
  readonly members: readonly { readonly nodeId: NodeId; readonly role: string; readonly status: string; readonly isAdmin: boolean }[]
  readonly pending: readonly {
    readonly operation: string
    readonly what: string
    readonly admins: readonly NodeId[]
    readonly needed: number
  }[]
}

export interface OperationResult {
  readonly operation: string
  /** False while it lacks signatures of other admins. */
  readonly decided: boolean
}

// ---- spaces

/** One space: records of it are found, linked and counted among themselves. */
export interface Space {
  readonly name: string
  readonly memory: Memory
  show(): Promise<SpaceDetail>
  /** As an admin of the cluster. Open to all members unless it is private; what is encrypted is private. */
  create(options?: { readonly private?: boolean; readonly encrypted?: boolean }): Promise<OperationResult>
  /** As an admin of the space, or of the cluster. */
  grant(nodeId: string, role: Exclude<SpaceRole, 'none'>, options?: { readonly history?: boolean }): Promise<OperationResult>
  revoke(nodeId: string): Promise<OperationResult>
  /** A new key for everybody who reads an encrypted space. */
  rotate(): Promise<OperationResult>
}

export interface SpaceList {
  /** By name. */
  readonly spaces: readonly SpaceInfo[]
}

export interface SpaceInfo {
  readonly space: string
  /** Current ones, as far as they have come here. */
  readonly memories: number
  /** Whose records are held here. */
  readonly authors: readonly NodeId[]
  /** False for one that began with its first record, and is open to all members. */
  readonly created: boolean
  /** Bodies are sealed with keys that readers hold. */
  readonly encrypted: boolean
  /** Null for all members. */
  readonly readers: readonly NodeId[] | null
  readonly writers: readonly NodeId[] | null
  /** What this node may do. */
  readonly role: SpaceRole
  /** Whether this node keeps a copy of it, as its settings say. */
  readonly taken: boolean
}

export interface SpaceDetail extends SpaceInfo {
  /** Members with a right of their own. */
  readonly members: readonly SpaceMember[]
  /** Records that are kept and count for nothing, for want of a grant or another reason. */
  readonly void: number
  /** Records whose key this node does not hold. */
  readonly sealed: number
  /** How many keys there are. */
  readonly keys: number
  readonly frontier: string
}

export interface SpaceMember {
  readonly nodeId: NodeId
  readonly role: SpaceRole
}

// ---- memory

export interface Memory extends MemoryCognition {
  remember(text: string, options?: RememberOptions): Promise<Receipt>
  link(from: string, type: EdgeType, to: string, options?: { readonly weight?: number }): Promise<Receipt>
  supersede(old: string | readonly string[], by: string, options?: { readonly reason?: string }): Promise<Superseded>
  /**
   * Retracts a record of this node: a memory, a link, a supersede, a retraction. With `erase` what it says is dropped on every
   * node for ever, and nothing brings it back; that it was there stays known.
   */
  forget(id: string, options?: { readonly erase?: boolean }): Promise<Forgotten>
  get(id: string): Promise<MemoryDetail>
  /** By words, by a vector, or by both together. */
  recall(query: string | undefined, options: RecallOptions & { readonly cluster: true }): Promise<ClusterRecollection>
  recall(query?: string, options?: RecallOptions): Promise<Recollection>
  why(id: string, options?: { readonly asOf?: string }): Promise<Explanation>
  /** The same with all that it takes to check it without any node: see `verifyProof`. */
  prove(id: string, options?: { readonly asOf?: string }): Promise<Proof>
  list(options?: ListOptions): Promise<MemoryPage>
  /** What would lose its reasons if a memory, a link or a supersede had not been written. */
  whatIf(id: string, options?: { readonly asOf?: string }): Promise<WhatIf>
  /** What is otherwise now, or at another frontier or time, than it was at `from`: a frontier, or a time. */
  diff(from: string, options?: DiffOptions): Promise<MemoryDifference>
  conflicts(): Promise<ConflictList>
  /** Settles a conflict: what is kept, or said, takes the place of all rivals. `about` is what they replaced, or one of them. */
  resolve(about: string, verdict: Verdict): Promise<Settled>
  /** What was thought when, and what replaced what: of one memory, of what a query finds, or of everything. */
  timeline(options?: TimelineOptions): Promise<MemoryTimeline>
  /** What memories name, and which memories name it: how one leads to another that nobody linked with it. */
  entities(options?: EntityOptions): Promise<EntityList>
  status(): Promise<MemoryStatus>
  /** Remembers items and their edges, each once however often it is imported. What was imported before and taken back or replaced since is left out. */
  import(items: readonly ImportItem[], options?: ImportOptions): Promise<ImportResult>
  /** Which of these keys this node has a current memory for. */
  has(keys: readonly string[]): Promise<{ readonly known: readonly string[] }>
  /** What this node forgets by itself. */
  policies(): Promise<readonly PolicyInfo[]>
  setPolicy(name: string, policy: PolicyInput): Promise<PolicyInfo>
  removePolicy(name: string): Promise<void>
  /** Runs one policy, or all; with `dryRun` nothing is written, and the answer says what would go. */
  runPolicies(options?: { readonly name?: string; readonly dryRun?: boolean }): Promise<readonly PolicyRun[]>
  /** New memories and conflicts as they are applied here, from `after` on (from now, without it). */
  watch(options?: { readonly after?: string; readonly signal?: AbortSignal }): AsyncIterable<MemoryChange>
}

/** What places a text among others: numbers that an embedder made of it. */
export interface VectorOptions {
  /** Of the text, by `embedder`: kept as a direction, in halves. Saying the same again with another one replaces it. */
  readonly vector?: ArrayLike<number> | undefined
  /** Who made it: `external:NAME:DIMENSIONS` for one that you run yourself. Vectors of two embedders never meet. */
  readonly embedder?: string | undefined
}

export interface RememberOptions extends VectorOptions {
  /** Labels; numbers and booleans are kept as text. */
  readonly meta?: Readonly<Record<string, string | number | boolean>> | undefined
  /** Your name for it: remembering other content under the same key supersedes. */
  readonly key?: string | undefined
  /** ISO 8601. */
  readonly validFrom?: string | undefined
  readonly validTo?: string | undefined
  readonly source?: string | undefined
  /** Edges from this memory to others. */
  readonly edges?: readonly { readonly type: EdgeType; readonly to: string; readonly weight?: number | undefined }[] | undefined
  /** Write it also when another author wrote the same. */
  readonly again?: boolean | undefined
}

export interface Receipt {
  readonly id: CausalId
  readonly log: LogId
  readonly seq: number
  /** Where it went, when that is not the space that was asked: `[memory.route]` says so, or what it is about is there. */
  readonly space?: string
  /**
   * Nothing was written: this is the record that says so already. A memory may be of another author; what was given with it is said of
   * that one.
   */
  readonly known?: true
  /** The record of its vector, where one was given. */
  readonly vector?: Omit<Receipt, 'vector'>
}

/** What stands around a memory, to be drawn. */
export interface MemoryGraph {
  readonly roots: readonly CausalId[]
  /** Nearest to the roots first. */
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
  readonly frontier: string
  /** There is more around it. */
  readonly truncated: boolean
}

export interface GraphNode extends Omit<MemoryRecord, 'state'> {
  readonly state: 'current' | 'superseded'
  /** A memory contradicts it, or it is one of several that hold in the place of another. */
  readonly isDisputed: boolean
  /** Links from the nearest root. */
  readonly distance: number
}

export interface GraphEdge {
  /** The record that says so. */
  readonly record: CausalId
  readonly from: CausalId
  readonly to: CausalId
  readonly type: EdgeType
  readonly weight: number
  /** Which end is the reason of the other. */
  readonly reason: 'from' | 'to' | 'neither'
}

/** When a node forgets what it wrote: see `docs/guide/memory.md`. */
export interface PolicyInput {
  readonly kind: 'decay' | 'label' | 'quota'
  /** Like 90d, 12h, 30m, 45s. */
  readonly after?: string | undefined
  /** Whose memories; `main` without it. */
  readonly space?: string | undefined
  /** `name=value`: only memories that have it. */
  readonly label?: string | undefined
  readonly memories?: number | undefined
  readonly bytes?: number | undefined
  /** A quota for each value of this label. */
  readonly per?: string | undefined
  /** `retract` unless it says `erase`. */
  readonly action?: 'retract' | 'erase' | undefined
  /** Also what a current memory rests on. */
  readonly evenIfNeeded?: boolean | undefined
}

export type PolicyInfo = Policy & {
  readonly name: string
  /** Where it was set: `weft.toml` or `weft mem policy`. */
  readonly from: string
}

export interface PolicyRun {
  readonly policy: string
  readonly action: 'retract' | 'erase'
  /** Own memories that were looked at. */
  readonly looked: number
  readonly victims: readonly { readonly id: CausalId; readonly text: string; readonly at: string; readonly because: string }[]
  /** Would go too, but a current memory rests on them. */
  readonly needed: number
  /** 0 when it was only to be seen. */
  readonly forgotten: number
  /** There are more than one run takes. */
  readonly more: boolean
}

/** The record that takes back, or erases. */
export interface Forgotten extends Receipt {
  /** Of an erasure: the bytes are gone from this node's disk. False when they are not yet. */
  readonly erased?: boolean | undefined
  /** What the forgotten memory had replaced stays replaced, with nothing in its place, until that supersede is forgotten too. */
  readonly vacant?: readonly Vacancy[]
}

export interface Superseded extends Receipt {
  /** What others, or this node before, put in the place of the same, and what holds there beside `by`: 8 at most. */
  readonly alsoCurrent?: readonly CausalId[]
}

/** How memories are searched for by a vector. */
export interface VectorQuery {
  /** Of what is looked for, by `embedder`. */
  readonly vector?: ArrayLike<number> | undefined
  readonly embedder?: string | undefined
  /** Look at every vector: the same answer on every node. Otherwise nearly all of the nearest are found, much faster. */
  readonly exact?: boolean | undefined
  /** Candidates kept while an index is walked: more find more, slower. */
  readonly ef?: number | undefined
  /** Search both ways, and say how much of what is nearest was found. */
  readonly truth?: boolean | undefined
}

/** How the vectors of an answer were found. */
export interface Nearest {
  readonly embedder: string
  readonly dims: number
  /** Every vector was looked at. */
  readonly exact: boolean
  /** Vectors that are not in the index yet, as after a start without it: they were not looked at. */
  readonly missing: number
  /** With `truth`: how many of the k nearest memories were found, of 1. */
  readonly agreement?: number
}

/** Numbers and booleans are kept as text. */
type Label = string | number | boolean

export interface RecallOptions extends VectorQuery {
  /** 5 by default. */
  readonly k?: number | undefined
  /** Wait until this node has applied this frontier. */
  readonly after?: string | undefined
  /** Answer as of this frontier, or of what is applied here of what was written by this time (ISO 8601): the answer's frontier says which that was. */
  readonly asOf?: string | undefined
  readonly includeSuperseded?: boolean | undefined
  readonly spread?: boolean | undefined
  /** Only what this member wrote: its id, or 6 or more of the last characters of it. */
  readonly author?: string | undefined
  /** Only what was written from then on, and before then, by its author's clock: ISO 8601. */
  readonly since?: string | undefined
  readonly until?: string | undefined
  /** Only what was true at this time, which is what says nothing of it, or says so in `validFrom` and `validTo`: ISO 8601. */
  readonly validAt?: string | undefined
  /** Only what has all of these labels: one value, any of several, or null for any value at all. */
  readonly meta?: Readonly<Record<string, Label | readonly Label[] | null>> | undefined
  /** Only what names a source that begins so. */
  readonly source?: string | undefined
  /** Which links lead on from the matches, and `shares` for what names the same (with how much of the score each passes on, -1 to 1), how far (0 to 3), and which way. */
  readonly expand?:
    | {
        readonly types?: readonly PathEdge[] | Readonly<Partial<Record<PathEdge, number>>> | undefined
        readonly hops?: number | undefined
        readonly direction?: 'in' | 'out' | 'both' | undefined
      }
    | undefined
  /** What is so much older than the newest record counts half, in ms; off unless said. */
  readonly halfLifeMs?: number | undefined
  /** How far members are trusted, 0 (not shown) to 1, on top of this node's settings; false: all are, whatever the settings say. */
  readonly trust?: Readonly<Record<string, number>> | false | undefined
  /** How much it counts that a hit is unlike those before it, 0 (the default) to 1. */
  readonly diversity?: number | undefined
  /** Asks all members, and makes one answer of theirs: a ClusterRecollection. */
  readonly cluster?: boolean | undefined
  /** How many memories may be looked at, and for how long; see `truncatedBy`. */
  readonly budgetNodes?: number | undefined
  readonly budgetMs?: number | undefined
  /** How long to wait for `after`, or for the other members, in ms. */
  readonly deadlineMs?: number | undefined
}

export interface MemoryRecord {
  readonly id: CausalId
  readonly key?: string
  readonly text: string
  readonly meta: Readonly<Record<string, string>>
  readonly author: NodeId
  readonly at: string
  readonly validFrom?: string
  readonly validTo?: string
  readonly source?: string
  readonly state: 'current' | 'superseded' | 'retracted'
  readonly log: LogId
  readonly seq: number
}

export interface RecallHit extends Omit<MemoryRecord, 'state'> {
  readonly score: number
  /**
   * They add up to the score. `subject` when the query names what the memory is about: it counts twice; `shared` when others name
   * what it names; `trust` and
   * `recency` when they took something away.
   */
  readonly parts: {
    readonly bm25: number
    readonly vector: number
    readonly spread: number
    readonly subject?: number
    readonly shared?: number
    readonly trust?: number
    readonly recency?: number
  }
  /** How it was reached, from the match that did most for it, and what both name where `edge` is `shares`; empty when its own words matched. */
  readonly path: readonly { readonly id: CausalId; readonly edge: string; readonly entity?: string }[]
  /** Names the memory wherever its text is copied to: what is remembered with it is known as a copy. */
  readonly mark: string
  /** Memories of other authors that say the same: they are not hits of their own. */
  readonly copies?: readonly { readonly id: CausalId; readonly author: NodeId }[]
  /** Current memories that somebody says contradict it. */
  readonly contradictedBy?: readonly CausalId[]
  /** A conflict: other current memories that took the place of the same one, oldest first, 8 at most. `resolve` settles it. */
  readonly rivals?: readonly Rival[]
  /** How many there are, where they are more. */
  readonly rivalsInAll?: number
  /** Where it does not hold any more, which is found with `includeSuperseded` only. */
  readonly state?: 'superseded'
  /** What holds in its place, directly: 8 at most, fewer while some has not arrived. */
  readonly supersededBy?: readonly CausalId[]
}

export interface Rival {
  readonly id: CausalId
  readonly author: NodeId
  /** Its first 120 characters. */
  readonly text: string
}

export interface Recollection {
  readonly hits: readonly RecallHit[]
  /** What the answer speaks of; with it any node can give the same answer later. */
  readonly frontier: string
  readonly foldVersion: number
  /** False when a match, or a nearer vector, may have been passed over: see `truncatedBy` and `nearest`. */
  readonly exact: boolean
  /** Something was not looked at. */
  readonly truncated: boolean
  /** Why: a memory with too many links, `budgetNodes` or `budgetMs`. */
  readonly truncatedBy?: TruncatedBy
  /** Members that this answer does not wholly trust, and how far it does. */
  readonly trust?: Readonly<Record<NodeId, number>>
  /**
   * What vectors had to do with it: `none` when this node has no embedder, or there are no vectors of it; `late` and `down` when the
   * embedder did not answer in time, or does not work, so that the answer is by words alone.
   */
  readonly vectors: 'none' | 'used' | 'late' | 'down'
  /** Of an answer by a vector. */
  readonly nearest?: Nearest
}

/** What all members answered, as one answer: of the nodes that no other is ahead of. */
export interface ClusterRecollection extends Recollection {
  readonly hits: readonly (RecallHit & {
    /** Who found it. */
    readonly nodes: readonly NodeId[]
  })[]
  /** Who answered, as of which frontier; `behind` when another one knew all that it knew, and more: its hits are left out. */
  readonly answers: readonly { readonly node: NodeId; readonly frontier: string; readonly hits: number; readonly behind: boolean }[]
  /** Who did not answer in time, or nothing of use. */
  readonly silent: readonly NodeId[]
}

export interface Explanation {
  readonly id: CausalId
  /** The space it was found in, when none was named and it is not `main`. */
  readonly space?: string
  /** Where it does not hold any more, and what holds in its place, as of a step. */
  readonly state?: 'superseded'
  readonly supersededBy?: readonly CausalId[]
  readonly paths: readonly { readonly weight: number; readonly steps: readonly WhyStep[] }[]
  readonly frontier: string
  readonly truncated: boolean
  /** Of the memories on the paths, those that current ones are said to contradict: by which. */
  readonly contradictedBy?: Readonly<Record<CausalId, readonly CausalId[]>>
}

export interface WhyStep {
  readonly id: CausalId
  readonly edge: string
  readonly text: string
  readonly author: NodeId
  readonly log: LogId
  readonly seq: number
  /** Where it does not hold any more; what was taken back is on no way. */
  readonly state?: 'superseded'
  /** What holds in its place, directly: 8 at most, fewer while some has not arrived. */
  readonly supersededBy?: readonly CausalId[]
}

export interface MemoryDetail extends MemoryRecord {
  /** The space it was found in, when none was named and it is not `main`. */
  readonly space?: string
  /** The oldest 500, oldest first. */
  readonly edges: readonly (EdgeView & {
    /** What it says makes the memory its own reason, by way of others or at once. It is kept all the same. */
    readonly cyclic?: true
  })[]
  readonly edgesInAll: number
  readonly supersededBy: readonly CausalId[]
  /** All that took its place was taken back: nothing holds there. */
  readonly vacant?: true
  readonly supersedes: readonly CausalId[]
  /** Embedders by whose vectors it is found. */
  readonly embedders: readonly { readonly embedder: string; readonly dims: number }[]
}

export interface EdgeView {
  readonly id: CausalId
  readonly from: CausalId
  readonly type: EdgeType
  readonly to: CausalId
  readonly weight: number
  readonly author: NodeId
  readonly live: boolean
  readonly dangling: boolean
}

export interface ListOptions {
  readonly after?: string | undefined
  /** A frontier, or a time. */
  readonly asOf?: string | undefined
  /** 100 by default, LIST_MAX at most. */
  readonly limit?: number | undefined
}

export interface MemoryPage {
  readonly memories: readonly MemoryRecord[]
  /** Where the next page begins. */
  readonly frontier: string
  /** The frontier that the pages are as of, when they are as of then. */
  readonly asOf?: string
  readonly more: boolean
}

export interface WhatIf {
  readonly id: CausalId
  /** What rests on it: those that lose most first. */
  readonly dependents: readonly (MemoryRecord & {
    /** The weight of the best way back to a reason: with it, and without it; 0 when no way is left. */
    readonly before: number
    readonly after: number
  })[]
  readonly frontier: string
  /** More may rest on it than was looked at. */
  readonly truncated: boolean
}

/** Either one of the rivals, or something new. */
export type Verdict = { readonly reason?: string } & (
  | { readonly keep: string; readonly text?: undefined }
  | { readonly text: string; readonly key?: string; readonly keep?: undefined }
)

export interface Settled extends Receipt {
  /** What holds now. */
  readonly kept: CausalId
  readonly replaced: readonly CausalId[]
}

export interface EntityOptions {
  /** What this memory names. */
  readonly of?: string | undefined
  /** Things of this name: `src/net.c`, `ENOSPC`, `31 January 2026`. Without either, what two memories or more name. */
  readonly name?: string | undefined
  /** Things at most: 50 by default, LIST_MAX at most. */
  readonly limit?: number | undefined
  readonly asOf?: string | undefined
}

export interface EntityList {
  /** What most memories name first. */
  readonly entities: readonly NamedEntity[]
  readonly frontier: string
  /** There is more than is listed. */
  readonly truncated: boolean
}

export interface NamedEntity {
  readonly kind: EntityKind
  /** In lower case. */
  readonly name: string
  /** How many memories name it, replaced ones too. */
  readonly inAll: number
  /** Where one thing, or one memory, was asked about: the newest of them, newest first. */
  readonly memories?: readonly MemoryRecord[]
}

export interface TimelineOptions {
  /** A memory: with all that it replaced, and all that replaced it. */
  readonly id?: string | undefined
  /** What it finds, replaced or not, and what these replaced and were replaced by. */
  readonly query?: string | undefined
  /** `written`, unless said otherwise: causes before effects. `valid`: by `validFrom`, where that is said. */
  readonly order?: 'written' | 'valid' | undefined
  /** 100 by default, LIST_MAX at most. */
  readonly limit?: number | undefined
  readonly asOf?: string | undefined
}

export interface MemoryTimeline {
  /** Earliest first. */
  readonly memories: readonly TimelineMemory[]
  readonly frontier: string
  /** There is more than is listed. */
  readonly truncated: boolean
}

export interface TimelineMemory extends MemoryRecord {
  /** Directly, each with the record that says so. */
  readonly supersedes: readonly { readonly id: CausalId; readonly record: CausalId }[]
  readonly supersededBy: readonly { readonly id: CausalId; readonly record: CausalId }[]
}

export interface DiffOptions {
  /** A frontier, or a time; where this node stands, without it. */
  readonly to?: string | undefined
  /** Memories, and links: 100 by default, LIST_MAX at most. */
  readonly limit?: number | undefined
}

export interface MemoryDifference {
  readonly from: string
  readonly to: string
  /** Oldest first. */
  readonly memories: readonly ChangedMemory[]
  /** Oldest first; `isNew` false for what was taken back. */
  readonly links: readonly (EdgeView & { readonly isNew: boolean })[]
  readonly conflicts: { readonly appeared: ConflictList['conflicts']; readonly settled: ConflictList['conflicts'] }
  /** More has changed than is listed. */
  readonly truncated: boolean
}

export interface ChangedMemory extends Omit<MemoryRecord, 'state'> {
  /** Null where it was not known. */
  readonly before: MemoryRecord['state'] | null
  readonly after: MemoryRecord['state'] | null
  /** What stands in its place after. */
  readonly by: readonly CausalId[]
}

export interface ConflictList {
  /** Memories with several current successors. */
  readonly conflicts: readonly { readonly target: CausalId; readonly current: readonly CausalId[] }[]
  /** Logs whose author wrote two histories. */
  readonly logs: readonly {
    readonly log: LogId
    readonly author: NodeId
    readonly stream: Stream
    readonly seq: number
    readonly leaves: readonly [string, string]
  }[]
  /** Records that are kept and count for nothing. */
  readonly voids: readonly { readonly id: CausalId; readonly log: LogId; readonly seq: number; readonly code: string }[]
}

export interface MemoryStatus {
  readonly nodes: number
  readonly edges: number
  /** Records held but not applied yet. */
  readonly pending: number
  /** References to memories that are not here. */
  readonly dangling: number
  readonly voids: number
  /** One for each embedder. */
  readonly indexes: readonly MemoryIndex[]
  readonly frontier: string
  readonly foldVersion: number
  /** What makes vectors of memories on this node; null for nothing. */
  readonly embedder: EmbeddingStatus | null
}

export type { EmbeddingStatus }

/** Whether an embedder works, tried with one text. */
export interface EmbedderReport {
  readonly status: EmbeddingStatus | null
  /** How long one text took; null when it was not asked, or has failed as `status.error` says. */
  readonly tookMs: number | null
}

/** Vectors of one embedder, as this node has them. */
export interface MemoryIndex {
  readonly embedder: string
  readonly dims: number
  readonly engine: 'hnswlib' | 'typescript'
  readonly vectors: number
  /** Of them, how many are in the graph; the rest is looked at one by one. */
  readonly indexed: number
  /** Replaced or taken back: found as of an earlier frontier only. */
  readonly retired: number
  /** Not in it yet: they are being read from the journal. */
  readonly missing: number
  readonly bytes: number
  readonly state: 'opening' | 'ready' | 'rebuilding'
}

/** A vector of a memory, as it was written. */
export interface GivenVector {
  readonly id: CausalId
  readonly embedder: string
  readonly vector: readonly number[]
}

export interface ImportItem extends VectorOptions {
  /** Names it for the edges of others, and makes it replace what was imported under it before. */
  readonly key?: string | undefined
  readonly text: string
  readonly meta?: Readonly<Record<string, string | number | boolean>> | undefined
  readonly validFrom?: string | undefined
  readonly validTo?: string | undefined
  readonly source?: string | undefined
  /** `to`: the key of another item, or an id. */
  readonly edges?: readonly { readonly type: EdgeType; readonly to: string; readonly weight?: number | undefined }[] | undefined
}

export interface ImportOptions {
  /**
   * What becomes of an item that this node remembered before, and that does not hold any more. Without it one whose key had another text
   * since is remembered anew, as its text has changed back, and what was taken back or replaced otherwise is left out.
   * With `true` all are remembered anew, with `false` none. Of what was erased nothing is known: it is remembered in any case.
   */
  readonly again?: boolean | undefined
}

export interface ImportResult {
  readonly items: readonly ImportedItem[]
}

export type ImportedItem =
  /**
   * `unresolved`: edges to keys that are not known yet; import the item again when they are. `elsewhere`: edges that were not written because
   * what they lead to is in another space.
   */
  | {
      readonly status: 'imported' | 'skipped'
      readonly id: CausalId
      readonly unresolved: readonly string[]
      readonly elsewhere?: readonly { readonly to: string; readonly space: string }[]
      readonly space?: string
    }
  /** Left out, with its edges: `id` is what it was. `changed`: under its own key stands another text. */
  | {
      readonly status: 'gone'
      readonly id: CausalId
      readonly how: 'retracted' | 'superseded' | 'changed'
      readonly unresolved: readonly string[]
      readonly space?: string
    }
  | { readonly status: 'failed'; readonly code: ErrorCode; readonly message: string }

export type MemoryChange =
  | ({ readonly kind: 'memory'; readonly frontier: string } & MemoryRecord)
  | { readonly kind: 'conflict'; readonly frontier: string; readonly target: CausalId; readonly current: readonly CausalId[] }

// ---- chain

export interface ChainView {
  head(): Promise<ChainHeads>
  log(options: { readonly log?: string; readonly from?: number; readonly limit?: number }): Promise<ChainPage>
  verify(options?: { readonly all?: boolean }): Promise<Verification>
}

export interface ChainHeads {
  readonly logs: readonly {
    readonly logId: LogId
    readonly author: NodeId
    readonly stream: Stream
    readonly size: number
    readonly head: string
    readonly root: string
    /** Records that a checkpoint of the author vouches for, durably: what others are told of. */
    readonly published: number
    readonly conflict: boolean
  }[]
}

export interface ChainPage {
  readonly logId: LogId
  readonly records: readonly {
    readonly seq: number
    readonly id: CausalId
    readonly kind: string
    readonly actor: string
    readonly at: string
    readonly parents: readonly { readonly log: LogId; readonly seq: number }[]
    readonly bodyBytes: number
  }[]
}
