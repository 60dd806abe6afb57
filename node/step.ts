import type { StagedCommit } from '../chain/chain.ts'
import type { Erasure } from '../chain/erasure.ts'
import type { StoredRecord } from '../chain/record.ts'
import type { Place } from '../chain/places.ts'
import type { VerifyResult } from '../chain/verify.ts'
import type { ErrorCode, WeftError } from '../base/errors.ts'
import type { CausalId, LogId, NodeId } from '../base/ids.ts'
import type { LogFields, LogLevel } from '../base/ports.ts'
import type { Embedded, Purpose } from '../ecc/embedder.ts'
import type { Protocol } from '../transport/protocols.ts'
import type { ConnectionId } from '../transport/transport.ts'
import type { VectorEffect } from './memory/vector-effect.ts'
import type { Program } from './process/behaviour.ts'

/**
 * What goes into the core and what comes out: `step(event, now) -> effects`. The core owns no
 * clock, socket, file or timer; `node/runtime.ts` performs the effects on the host's ports.
 * Effects are performed in the order they are returned.
 */
export type CoreEvent =
  // from the transport
  | { readonly kind: 'greeting'; readonly connection: ConnectionId; readonly from: NodeId; readonly greeting: Uint8Array }
  | {
      readonly kind: 'greeted'
      readonly connection: ConnectionId
      readonly from: NodeId
      readonly accepted: boolean
      readonly reply: Uint8Array
    }
  | { readonly kind: 'up'; readonly peer: NodeId }
  | { readonly kind: 'down'; readonly peer: NodeId; readonly code: ErrorCode }
  | { readonly kind: 'frame'; readonly from: NodeId; readonly protocol: Protocol; readonly frame: Uint8Array }
  | { readonly kind: 'dial-failed'; readonly peer: NodeId; readonly code: ErrorCode }
  | { readonly kind: 'discovered'; readonly peer: NodeId; readonly addresses: readonly string[] }
  // from the disk
  | { readonly kind: 'committed'; readonly staged: StagedCommit; readonly error: WeftError | undefined }
  // a continuation of the core's own: what it had asked for is there, or somebody outside a step calls in
  | { readonly kind: 'run'; readonly run: () => void }
  // from the clock
  | { readonly kind: 'wake' }
  // from the host: the transport listens, nothing more must be written
  | { readonly kind: 'started' }
  | { readonly kind: 'stopping'; readonly done: () => void }

export type Effect =
  | { readonly kind: 'send'; readonly to: NodeId; readonly protocol: Protocol; readonly frame: Uint8Array }
  | { readonly kind: 'dial'; readonly peer: NodeId; readonly addresses: readonly string[] }
  | { readonly kind: 'answer-greeting'; readonly connection: ConnectionId; readonly accept: boolean; readonly reply: Uint8Array }
  | { readonly kind: 'close'; readonly peer: NodeId; readonly code: ErrorCode }
  /** One commit for the journal; ends in `committed`. */
  | { readonly kind: 'commit'; readonly staged: StagedCommit }
  /** Records of one log, or at given places, to be handed to `then` in a later step; fewer, or none, when the disk fails. */
  | {
      readonly kind: 'read'
      readonly log: LogId
      readonly from: number
      readonly maxRecords: number
      readonly maxBytes: number
      readonly then: (records: readonly StoredRecord[]) => void
    }
  | { readonly kind: 'read-places'; readonly places: readonly Place[]; readonly then: (records: readonly StoredRecord[]) => void }
  | {
      readonly kind: 'read-each'
      readonly refs: readonly RecordRef[]
      readonly then: (records: readonly (StoredRecord | undefined)[]) => void
    }
  /** Own records from `size` on gave way: their places are forgotten. */
  | { readonly kind: 'forget-places'; readonly log: LogId; readonly size: number }
  /** Durable records, for the index of ids. */
  | { readonly kind: 'index'; readonly records: readonly IndexedRecord[] }
  /** Ids that begin with `prefix`, at most two, to be handed to `then`. */
  | { readonly kind: 'find'; readonly prefix: string; readonly then: (found: readonly IndexedRecord[]) => void }
  /** Vectors by what is near them. */
  | VectorEffect
  /** Replaces a small file of the node directory, atomically; `content` is called between steps, once the file may be written. `then` runs when that was done, or could not be. */
  | {
      readonly kind: 'save'
      readonly file: string
      readonly content: () => Uint8Array
      readonly then?: ((ok: boolean) => void) | undefined
    }
  /**
   * A slice of work that touches nothing of the core's but what it was given; run between two steps. `then` runs in a later
   * step, with the milliseconds it took by the host's clock.
   */
  | { readonly kind: 'work'; readonly run: () => void; readonly then: (tookMs: number) => void }
  /** Drops the bodies of records for good; `erased`: how many had one. */
  | {
      readonly kind: 'erase'
      readonly erasures: readonly Erasure[]
      readonly then: (error: WeftError | undefined, erased: number) => void
    }
  /** Waits for a promise of user code; `then` runs in a later step. */
  | { readonly kind: 'await'; readonly promise: PromiseLike<unknown>; readonly then: (ok: boolean, value: unknown) => void }
  /** Hands something to the outside: an answer, a notification. `call` must not throw. */
  | { readonly kind: 'tell'; readonly call: () => void }
  /** Asks the embedder of the host; `then` runs in a later step. */
  | {
      readonly kind: 'embed'
      readonly texts: readonly string[]
      readonly purpose: Purpose
      readonly then: (result: Embedded) => void
    }
  /** Loads a program from a module, `file.js#export`. */
  | { readonly kind: 'load'; readonly path: string; readonly then: (loaded: Loaded) => void }
  /** Checks the journal from beginning to end, beside the work. */
  | { readonly kind: 'verify'; readonly then: (result: VerifyResult) => void }
  /** The peers from which this node is cut off from now on; kept across restarts. */
  | { readonly kind: 'block'; readonly peers: readonly NodeId[]; readonly then: () => void }
  /** Shut down, in good order. */
  | { readonly kind: 'stop' }
  /** More of what was begun: `then` runs in a later step, in the same turn of the loop unless that has taken long already. */
  | { readonly kind: 'go-on'; readonly then: () => void }
  /** Run another step soon: there is more to do than one turn should take. */
  | { readonly kind: 'yield' }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly event: string; readonly fields: LogFields }

export type Loaded = { readonly ok: true; readonly program: Program } | { readonly ok: false; readonly error: WeftError }

export interface RecordRef {
  readonly log: LogId
  readonly seq: number
}

export interface IndexedRecord extends RecordRef {
  readonly id: CausalId
}

/** Both times of one step. Deadlines are monotonic; wall time only ever labels. */
export interface Now {
  readonly wallMs: number
  readonly monotonicMs: number
}
