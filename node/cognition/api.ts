import type { CausalId, LogId, NodeId } from '../../base/ids.ts'
import type { ImpulseKind } from '../../ecc/cognition/impulses.ts'
import type { EdgeView, MemoryRecord, Receipt } from '../api.ts'
import type { Capacity } from './calibration.ts'

/** What a node makes of the shared memory. What is asked is worked out in slices: the node goes on meanwhile. */
export interface MemoryCognition {
  /** How well the memories hang together, and where they would come apart. */
  coherence(options?: WholeOptions & { readonly plain?: boolean | undefined }): Promise<CoherenceReport>
  /** What the memories are about. */
  communities(options?: WholeOptions): Promise<CommunityList>
  /** Causal edges that the memory suggests. Nothing of them counts before somebody confirms it. */
  proposals(): Promise<ProposalList>
  /** Writes the edge, and why: a memory derived from those that speak for it. */
  confirm(proposal: string): Promise<Confirmed>
  /** It is not proposed again on this node. */
  reject(proposal: string): Promise<{ readonly rejected: string }>
  /** Impulses of this node that nobody has acknowledged, oldest first, and then those to come. */
  impulses(options?: { readonly after?: number; readonly signal?: AbortSignal }): AsyncIterable<ImpulseRecord>
  /** They are gone: all up to a number, or these. @returns how many impulses they stood for */
  acknowledge(impulses: number | readonly number[]): Promise<{ readonly acknowledged: number }>
  /** Tells whoever listens on this node. */
  raise(reason: string, options?: RaiseOptions): Promise<ImpulseRecord>
  /** Looks at what is new now, whether or not this node does so by itself. */
  tick(): Promise<TickReport>
  /** All names of one thing: an id or its beginning, or `log/seq`. */
  locate(name: string): Promise<Location>
}

export interface WholeOptions {
  /** As of this frontier. */
  readonly asOf?: string | undefined
  /** Have the node answer that thinks fastest, this one if none is known to be faster. */
  readonly anywhere?: boolean | undefined
}

export interface CoherenceReport {
  readonly laplacian: 'plain' | 'normalised'
  readonly memories: number
  /** Pairs of memories that are linked. */
  readonly links: number
  /** Parts of two memories or more that hang together; memories without a link. */
  readonly parts: number
  readonly alone: number
  /** Memories of the largest part, and its connectivity. */
  readonly largest: number
  readonly connectivity: number
  /** False when the search ended at a bound: then the connectivity is at most that. */
  readonly converged: boolean
  /** Where the largest part would come apart first; null when there is none. */
  readonly split: {
    readonly size: number
    /** The smaller side, oldest first, the first COHERENCE_SIDE_MAX of it. */
    readonly side: readonly CausalId[]
    /** Pairs that hold it; the links behind them, heaviest first. */
    readonly held: number
    readonly edges: readonly EdgeView[]
    readonly conductance: number
  } | null
  readonly frontier: string
  readonly foldVersion: number
  /** Who worked it out, and how long that kept it busy. */
  readonly node: NodeId
  readonly tookMs: number
}

export interface CommunityList {
  readonly modularity: number
  readonly count: number
  readonly alone: number
  /** The largest ones. */
  readonly communities: readonly {
    readonly size: number
    /** As its memories write them. */
    readonly words: readonly string[]
    readonly central: readonly { readonly id: CausalId; readonly text: string }[]
  }[]
  readonly frontier: string
  readonly foldVersion: number
  readonly node: NodeId
  readonly tookMs: number
}

export interface ProposalList {
  readonly proposals: readonly ProposalView[]
  readonly frontier: string
  readonly tookMs: number
}

export interface ProposalView {
  /** 16 hex digits. */
  readonly proposal: string
  readonly type: 'causes' | 'correlates'
  readonly cause: string
  readonly effect: string
  /** The newest pair, which would be linked. */
  readonly from: { readonly id: CausalId; readonly text: string }
  readonly to: { readonly id: CausalId; readonly text: string }
  /** 0 to 1. */
  readonly score: number
  readonly evidence: {
    readonly causes: number
    readonly effects: number
    readonly followed: number
    readonly expected: number
    readonly reversed: number
    readonly sigma: number
    /** How alike the two of the newest pair are, 0 to 1. */
    readonly similarity: number
  }
  /** Pairs of memories that speak for it, newest first. */
  readonly pairs: readonly { readonly cause: CausalId; readonly effect: CausalId }[]
}

export interface Confirmed {
  readonly proposal: string
  readonly link: Receipt
  /** The memory that says why. */
  readonly finding: Receipt
}

export interface RaiseOptions {
  /** `custom` unless it is that vectors became better. */
  readonly kind?: Extract<ImpulseKind, 'custom' | 'embedding-refined'> | undefined
  readonly about?: readonly string[] | undefined
  /** 0 to 1; 0.5 unless said otherwise. */
  readonly strength?: number | undefined
  readonly text?: string | undefined
}

export interface ImpulseRecord {
  readonly number: number
  readonly at: string
  readonly kind: ImpulseKind
  readonly reason: string
  readonly subject: string
  readonly about: readonly string[]
  readonly strength: number
  readonly text: string
  /** How many it stands for. */
  readonly count: number
}

export interface TickReport {
  /** Memories that were looked at, and impulses that came of it, and of a look at the whole when nothing new is left. */
  readonly sensed: number
  readonly impulses: number
  /** There is more that is new. */
  readonly more: boolean
  readonly tookMs: { readonly sense: number; readonly search: number; readonly embed: number }
  readonly intervalMs: number
  /** Whether this node ticks by itself. */
  readonly ticking: 'on' | 'off'
  readonly waiting: number
  readonly capacity: Capacity | null
}

export interface Location {
  /** The chain record. */
  readonly id: CausalId
  readonly log: LogId
  readonly seq: number
  readonly stream: string
  readonly author: NodeId
  readonly kind: string
  readonly at: string
  /** Its place in the tree over all that is held of its log, and the hashes beside the way from it to the root. */
  readonly leaf: { readonly index: number; readonly size: number; readonly root: string; readonly path: readonly string[] }
  /** How far a checkpoint of the author vouches for the log. */
  readonly signed: boolean
  /** What it is in the graph; null when it is nothing there. */
  readonly graph: {
    readonly role: 'memory' | 'link' | 'supersede' | 'retract' | 'vector'
    readonly state: MemoryRecord['state'] | null
    readonly links: number
  } | null
  /** The vectors by which the memory is found, or the one that the record is; a label is the index's own on this node. */
  readonly vectors: readonly {
    readonly label: number
    readonly id: CausalId
    readonly node: CausalId
    readonly embedder: string
    readonly dims: number
  }[]
}
