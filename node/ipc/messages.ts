import type { Cbor } from '../../base/codec.ts'
import { type ErrorCode, isErrorCode } from '../../base/errors.ts'
import type { Pid } from '../../base/ids.ts'
import { ACTOR_MAX_BYTES, CALL_DEADLINE_MAX_MS, MESSAGE_MAX_BYTES } from '../../base/limits.ts'
import { literal, type Shape, text, tuple, uint } from '../../base/shape.ts'

/**
 * Messages between processes of two nodes. Values are JSON text: what user code may send, and
 * nothing else. `number` is the sender's, and ties an answer to its question.
 */
export type IpcMessage =
  | { readonly kind: 'ipc.send'; readonly number: number; readonly from: Pid; readonly target: Target; readonly value: string }
  /** `remainingMs`: how long the caller will still wait. */
  | {
      readonly kind: 'ipc.call'
      readonly number: number
      readonly from: Pid
      readonly target: Target
      readonly method: string
      readonly value: string
      readonly remainingMs: number
    }
  /** Answers a send (value empty) or a call. */
  | { readonly kind: 'ipc.result'; readonly number: number; readonly result: RemoteResult }
  | { readonly kind: 'ipc.monitor'; readonly number: number; readonly target: Target }
  | { readonly kind: 'ipc.demonitor'; readonly number: number }
  /** The monitored process is gone, or never was. */
  | { readonly kind: 'ipc.down'; readonly number: number; readonly pid: number; readonly reason: string }

/** A process of the receiving node, by pid or by name. */
export type Target = Pid | string

export type RemoteResult =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string }

export function encodeIpcMessage(message: IpcMessage): readonly Cbor[] {
  switch (message.kind) {
    case 'ipc.send':
      return [message.number, message.from, message.target, message.value]
    case 'ipc.call':
      return [message.number, message.from, message.target, message.method, message.value, message.remainingMs]
    case 'ipc.result':
      return [message.number, message.result.ok ? [1, message.result.value] : [0, message.result.code, message.result.message]]
    case 'ipc.monitor':
      return [message.number, message.target]
    case 'ipc.demonitor':
      return [message.number]
    case 'ipc.down':
      return [message.number, message.pid, message.reason]
  }
}

/** UTF-16 units of what a failure says. */
export const ERROR_TEXT_MAX = 4096

const targetShape: Shape<Target> = {
  parse: value =>
    typeof value === 'number' ? (value as Pid) : typeof value === 'string' && value.length <= ACTOR_MAX_BYTES ? value : undefined,
}
const pidShape: Shape<Pid> = { parse: value => (typeof value === 'number' ? (value as Pid) : undefined) }
const okShape = tuple(literal(1), text(MESSAGE_MAX_BYTES))
const failedShape = tuple(literal(0), text(64), text(ERROR_TEXT_MAX))
const resultShape: Shape<RemoteResult> = {
  parse: value => {
    const ok = okShape.parse(value)
    if (ok !== undefined) return { ok: true, value: ok[1] }
    const failed = failedShape.parse(value)
    return failed !== undefined && isErrorCode(failed[1]) ? { ok: false, code: failed[1], message: failed[2] } : undefined
  },
}
const shapes = {
  send: tuple(uint(), pidShape, targetShape, text(MESSAGE_MAX_BYTES)),
  call: tuple(uint(), pidShape, targetShape, text(ACTOR_MAX_BYTES), text(MESSAGE_MAX_BYTES), uint(CALL_DEADLINE_MAX_MS)),
  result: tuple(uint(), resultShape),
  monitor: tuple(uint(), targetShape),
  demonitor: tuple(uint()),
  down: tuple(uint(), uint(), text(256)),
}

export function parseIpcMessage(kind: IpcMessage['kind'], fields: readonly Cbor[]): IpcMessage | undefined {
  switch (kind) {
    case 'ipc.send': {
      const row = shapes.send.parse(fields)
      return row && { kind, number: row[0], from: row[1], target: row[2], value: row[3] }
    }
    case 'ipc.call': {
      const row = shapes.call.parse(fields)
      return row && { kind, number: row[0], from: row[1], target: row[2], method: row[3], value: row[4], remainingMs: row[5] }
    }
    case 'ipc.result': {
      const row = shapes.result.parse(fields)
      return row && { kind, number: row[0], result: row[1] }
    }
    case 'ipc.monitor': {
      const row = shapes.monitor.parse(fields)
      return row && { kind, number: row[0], target: row[1] }
    }
    case 'ipc.demonitor': {
      const row = shapes.demonitor.parse(fields)
      return row && { kind, number: row[0] }
    }
    case 'ipc.down': {
      const row = shapes.down.parse(fields)
      return row && { kind, number: row[0], pid: row[1], reason: row[2] }
    }
  }
}
