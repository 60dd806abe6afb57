import type { NodeId, Pid, ProcessAddress } from '../../base/ids.ts'
import type { Memory } from '../api.ts'

/**
 * What a process is made of. A program is a function that gets its context and returns a
 * behaviour, or a class whose constructor gets it. One message is handled at a time: while a handler's
 * promise is pending, the inbox waits.
 *
 * - A handler of `onMessage`, `onDown` or the program itself that throws ends the process (`failed`).
 * - A handler of a call that throws answers the caller with `handler_failed`; the process goes on.
 * - Of a class that has no `onCall`, every public method not called `on...` or `_...` can be called.
 *
 * Values that stay on the node are handed over as they are: treat them as immutable. Values
 * that leave it are JSON.
 */
export interface Behaviour {
  onMessage?(message: unknown, from: ProcessAddress): unknown
  readonly onCall?: Readonly<Record<string, (argument: never, from: ProcessAddress) => unknown>>
  onDown?(down: Down): unknown
  /** Last words, when the process is killed or the node stops. */
  onStop?(reason: ExitReason): unknown
}

export type Program = ((context: ProcessContext) => Behaviour | void) | (new (context: ProcessContext) => object)

export interface ProcessContext {
  readonly address: ProcessAddress
  readonly pid: Pid
  readonly name: string | undefined
  readonly node: NodeId
  /** The shared memory; what this process writes carries its name as actor. */
  readonly memory: Memory
  send(to: string, message: unknown): Promise<SendResult>
  call(to: string, method: string, argument?: unknown, options?: CallOptions): Promise<unknown>
  /** `onDown` is called once when the process is gone, at once if there is none. @returns a reference to tell them apart */
  monitor(target: string): number
  demonitor(reference: number): void
  /** Ends this process after the message at hand. */
  exit(code?: number): void
  log(event: string, fields?: Readonly<Record<string, string | number | boolean>>): void
}

export interface CallOptions {
  /** How long to wait for the answer, in ms; CALL_DEADLINE_MS by default. */
  readonly deadlineMs?: number | undefined
}

export type SendResult = 'ok' | 'noproc' | 'denied' | 'full' | 'timeout' | 'unreachable'

export interface Down {
  readonly reference: number
  readonly target: string
  readonly reason: ExitReason | 'noproc' | 'unreachable'
}

/** `normal`: exit(0); `failed`: it threw, or exited with another code; `killed`; `shutdown`: the node stopped. */
export type ExitReason = 'normal' | 'failed' | 'killed' | 'shutdown'
