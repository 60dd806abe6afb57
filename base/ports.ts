/**
 * What a node needs from the world. Each port has a real implementation under `node/host`
 * and a simulated one of the same name under `sim`, and one contract suite that both pass.
 *
 * Completion is a callback, never a promise: the simulator then runs whole nodes
 * synchronously, and an operation completes exactly when virtual time says so. A callback
 * is called once, and never before the call that started the operation has returned.
 */

export interface Clock {
  /** Milliseconds since 1970. May jump either way: nothing may be decided by comparing two nodes' walls. */
  wallMs(): number
  /** Milliseconds since some start. Never goes back; means nothing after a restart. */
  monotonicMs(): number
  /** Runs `task` once, `delayMs` or more of monotonic time from now. */
  after(delayMs: number, task: () => void): Timer
  /** Runs `task` once whatever else is due has had its turn: for work that is cut into slices. */
  soon(task: () => void): void
}

export interface Timer {
  /** Idempotent; a no-op once the task has run. */
  cancel(): void
}

export interface Random {
  /** `length` unpredictable bytes; in the simulator, bytes of one named stream of the seed. */
  bytes(length: number): Uint8Array
  /** An integer from 0 to `bound` - 1. */
  below(bound: number): number
}

export type DiskErrorCode = 'missing' | 'full' | 'failed'

export interface DiskError {
  readonly code: DiskErrorCode
  readonly message: string
}

export type DiskResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: DiskError }

export type Done<T> = (result: DiskResult<T>) => void

/**
 * The files of one node. Names are relative with `/` between folders; folders appear as needed.
 *
 * - Operations on one file take effect in the order they were called.
 * - Bytes are durable when a `sync` of that file, called after them, has completed without error.
 *   After a crash each unsynced write may be there, not there, or there in part.
 * - A new name is durable when the file was synced after it was made, or after `rename`.
 * - `append` that fails may have written some of its bytes; the caller truncates.
 * - A failed `sync` says nothing of what is on the disk, and a later one that succeeds nothing of the writes
 *   before the failure: the caller cuts back to what an earlier sync made durable, or leaves the file.
 */
export interface Disk {
  /** Names in `folder`, sorted; an absent folder is empty. */
  list(folder: string, done: Done<readonly string[]>): void
  /** @returns bytes in `done`, fewer than `length` only at the end of the file. */
  read(file: string, offset: number, length: number, done: Done<Uint8Array>): void
  size(file: string, done: Done<number>): void
  /** Adds at the end, making the file if absent. `done` has the offset where `bytes` begin. */
  append(file: string, bytes: Uint8Array, done: Done<number>): void
  sync(file: string, done: Done<void>): void
  /** Cuts a file; `failed` beyond its end. */
  truncate(file: string, length: number, done: Done<void>): void
  /** Replaces `to` if it exists, atomically and durably: its bytes are synced before the name is. */
  rename(from: string, to: string, done: Done<void>): void
  /** Removes a file, durably; an absent one is no error. */
  remove(file: string, done: Done<void>): void
}

export type IndexWrite = { readonly key: string; readonly value: Uint8Array } | { readonly key: string; readonly value: null }

/**
 * An ordered map that can be lost: everything in it can be made again from the journal.
 * A batch is atomic, durable only when the host gets to it. Keys are ASCII and ordered by bytes.
 */
export interface Index {
  get(key: string, done: Done<Uint8Array | null>): void
  /** A null value deletes. Batches take effect in the order they were called; a later `get` sees them. */
  batch(writes: readonly IndexWrite[], done: Done<void>): void
  /** Entries with `from` <= key < `to`, at most `limit`, in order. */
  scan(from: string, to: string, limit: number, done: Done<readonly (readonly [key: string, value: Uint8Array])[]>): void
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

/** One event name and its fields; never a sentence with values inside. */
export type Logger = (level: LogLevel, event: string, fields?: LogFields) => void
