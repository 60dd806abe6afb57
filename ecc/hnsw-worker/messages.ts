import type { ErrorCode } from '../../base/errors.ts'
import type { LogFields, LogLevel } from '../../base/ports.ts'
import type { VectorIndexName, VectorIndexStatus } from '../vector-store.ts'
import type { IndexFound, IndexSearch } from './finder.ts'
import type { Engine } from './graph-cache.ts'
import type { IndexKept } from './stored-index.ts'

/** An index as both threads know it. */
export interface IndexPlace {
  readonly number: number
  readonly name: VectorIndexName
  readonly directory: string
}

/** What the thread is asked. Labels, ids and vectors lie in shared memory, so that they can be asked again of the next thread. */
export type Request =
  | { readonly kind: 'open'; readonly place: IndexPlace; readonly labels: Uint32Array; readonly ids: Uint8Array }
  | {
      readonly kind: 'add'
      readonly index: number
      readonly labels: Uint32Array
      readonly ids: Uint8Array
      readonly vectors: Float32Array
    }
  | { readonly kind: 'retire' | 'revive' | 'erase'; readonly index: number; readonly labels: Uint32Array }
  | ({ readonly kind: 'search'; readonly index: number } & IndexSearch)
  | { readonly kind: 'status' }
  | { readonly kind: 'close' }

export type Reply =
  | { readonly kind: 'done' }
  | { readonly kind: 'missing'; readonly labels: Uint32Array }
  | ({ readonly kind: 'found' } & IndexFound)
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'status'; readonly rows: readonly VectorIndexStatus[] }

/** Everything that was asked in one turn of the loop, in order. */
export type ToWorker = readonly Request[]

export type FromWorker =
  | { readonly kind: 'engine'; readonly engine: Engine; readonly reason: string | undefined }
  /** Answers to the oldest requests that have none yet, in order. */
  | { readonly kind: 'replies'; readonly replies: readonly Reply[] }
  | { readonly kind: 'keep'; readonly index: number; readonly kept: IndexKept }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly event: string; readonly fields: LogFields | undefined }

/** How a thread begins. */
export interface WorkerStart {
  /** The memory of its Gate. */
  readonly gate: SharedArrayBuffer
  readonly engine: Engine
  /** The package that hnswlib is loaded from. */
  readonly native: string
  /** Has a folder for each index, and nothing else. */
  readonly directory: string
  /** Indexes that an earlier thread had, with what is known of them, newest first. */
  readonly indexes: readonly { readonly place: IndexPlace; readonly kept: readonly IndexKept[] }[]
}
