import { WeftError } from '../../base/errors.ts'
import { type NodeId, type Pid, type ProcessAddress, processAddress } from '../../base/ids.ts'
import { CALL_DEADLINE_MAX_MS, CALL_DEADLINE_MS, MONITORS_MAX, PENDING_CALLS_MAX } from '../../base/limits.ts'
import { ACCEPT, ignore, reject, type Verdict } from '../../base/verdict.ts'
import type { CoreContext } from '../context.ts'
import type { Down, ExitReason, SendResult } from '../process/behaviour.ts'
import type { Outcome, Process } from '../process/process.ts'
import type { Processes } from '../process/processes.ts'
import { KERNEL_PID, parseRecipient, type Recipient } from './address.ts'
import { Deadlines } from './deadlines.ts'
import type { IpcMessage, RemoteResult, Target } from './messages.ts'
import { decodeValue, encodeValue } from './values.ts'

/**
 * Messages between processes, on this node and across nodes: `send` is at most once and in order
 * per pair, `call` adds an answer and a deadline. The sender's address comes from the connection, never
 * from the message. Whatever happens, whoever waits hears of it: an answer, a code, or the deadline.
 */
export interface IpcInit {
  readonly processes: Processes
  /** @returns false when there is no connection, or it is full */
  readonly send: (to: NodeId, message: IpcMessage) => boolean
  /** What process 0 answers. */
  readonly kernel: (method: string, argument: unknown, from: ProcessAddress, answer: (outcome: Outcome) => void) => void
}

interface Pending {
  readonly number: number
  /** The node that is to answer; undefined for a process of this node. */
  readonly peer: NodeId | undefined
  readonly done: (outcome: Outcome) => void
  slot: number
}

interface Monitor {
  readonly reference: number
  readonly target: string
  readonly notify: (down: Down) => void
}

export class Ipc {
  readonly #context: CoreContext
  readonly #init: IpcInit
  readonly #pending: Map<number, Pending> = new Map()
  readonly #deadlines: Deadlines<Pending> = new Deadlines()
  readonly #local: Map<Pid, Set<Monitor>> = new Map()
  /** Our monitors of processes elsewhere, by reference. */
  readonly #remote: Map<number, Monitor & { readonly peer: NodeId }> = new Map()
  /** Monitors that peers have here: peer and its reference -> what to undo. */
  readonly #foreign: Map<string, { readonly peer: NodeId; readonly pid: Pid; readonly monitor: Monitor }> = new Map()
  #nextNumber = 1

  constructor(context: CoreContext, init: IpcInit) {
    this.#context = context
    this.#init = init
  }

  get nextWakeMs(): number {
    return this.#deadlines.nextMs
  }

  // ---- sending

  send(from: Pid, to: string, value: unknown, done: (result: SendResult) => void): void {
    const { node, target } = this.#recipient(to)
    if (node === undefined || node === this.#context.self) return this.#count(this.#sendHere(target, value, processAddress(this.#context.self, from)), done)
    const text = encodeValue(value)
    const pending = this.#expect(node, CALL_DEADLINE_MS, outcome => this.#count(outcome.ok ? 'ok' : resultOf(outcome.error), done))
    if (pending === undefined) return this.#count('full', done)
    if (!this.#init.send(node, { kind: 'ipc.send', number: pending.number, from, target, value: text })) this.#settle(pending, unreachable(node))
  }

  #sendHere(target: Target, value: unknown, from: ProcessAddress): SendResult {
    const process = this.#init.processes.find(target)
    if (process === undefined) return 'noproc'
    return this.#init.processes.deliver(process, { kind: 'message', value, from }) ? 'ok' : 'full'
  }

  #count(result: SendResult, done: (result: SendResult) => void): void {
    this.#context.metrics.add('weft_messages_total', 1, result)
    done(result)
  }

  // ---- calling

  call(from: Pid, to: string, method: string, argument: unknown, deadlineMs: number, done: (outcome: Outcome) => void): void {
    if (!(deadlineMs > 0 && deadlineMs <= CALL_DEADLINE_MAX_MS)) throw new WeftError('invalid_argument', `a deadline is 1 to ${CALL_DEADLINE_MAX_MS} ms, got ${deadlineMs}`)
    const { node, target } = this.#recipient(to)
    const isHere = node === undefined || node === this.#context.self
    const text = isHere ? '' : encodeValue(argument)
    const pending = this.#expect(isHere ? undefined : node, deadlineMs, done)
    if (pending === undefined) return done({ ok: false, error: new WeftError('full', `${PENDING_CALLS_MAX} calls are waiting for an answer`) })
    if (isHere) return this.#callHere(target, method, argument, processAddress(this.#context.self, from), outcome => this.#answered(pending.number, undefined, outcome))
    const message = { kind: 'ipc.call', number: pending.number, from, target, method, value: text, remainingMs: Math.ceil(deadlineMs) } as const
    if (!this.#init.send(node, message)) this.#settle(pending, unreachable(node))
  }

  #callHere(target: Target, method: string, argument: unknown, from: ProcessAddress, answer: (outcome: Outcome) => void): void {
    if (target === KERNEL_PID) return this.#init.kernel(method, argument, from, answer)
    const process = this.#init.processes.find(target)
    if (process === undefined) return answer({ ok: false, error: new WeftError('noproc', `no process ${JSON.stringify(target)} on this node`) })
    if (this.#init.processes.deliver(process, { kind: 'call', method, argument, from, answer })) return
    answer({ ok: false, error: new WeftError('full', `the inbox of process ${process.pid} is full`) })
  }

  #recipient(to: string): Recipient {
    const recipient = parseRecipient(to)
    if (recipient === undefined) throw new WeftError('invalid_argument', `${JSON.stringify(to)} is no address: use a name, a pid, <NodeId>/<pid> or <NodeId>:<name>`)
    return recipient
  }

  // ---- waiting for answers

  #expect(peer: NodeId | undefined, deadlineMs: number, done: (outcome: Outcome) => void): Pending | undefined {
    if (this.#pending.size >= PENDING_CALLS_MAX) return undefined
    const pending: Pending = { number: this.#nextNumber++, peer, done, slot: 0 }
    this.#pending.set(pending.number, pending)
    pending.slot = this.#deadlines.add(pending, this.#context.now.monotonicMs + deadlineMs)
    return pending
  }

  #answered(number: number, peer: NodeId | undefined, outcome: Outcome): boolean {
    const pending = this.#pending.get(number)
    if (pending === undefined || pending.peer !== peer) {
      this.#context.metrics.add('weft_calls_late_total')
      return false
    }
    this.#deadlines.remove(pending, pending.slot)
    this.#settle(pending, outcome)
    return true
  }

  #settle(pending: Pending, outcome: Outcome): void {
    if (!this.#pending.delete(pending.number)) return
    this.#deadlines.remove(pending, pending.slot)
    pending.done(outcome)
  }

  onWake(): void {
    for (const pending of this.#deadlines.expire(this.#context.now.monotonicMs)) {
      if (this.#pending.delete(pending.number)) pending.done({ ok: false, error: new WeftError('timeout', 'no answer before the deadline') })
    }
  }

  // ---- from peers

  on(from: NodeId, message: IpcMessage): Verdict {
    switch (message.kind) {
      case 'ipc.send': {
        const decoded = decodeValue(message.value)
        if (decoded === undefined) return reject('not_canonical')
        const result = this.#sendHere(message.target, decoded.value, processAddress(from, message.from))
        this.#reply(from, message.number, result === 'ok' ? { ok: true, value: '' } : { ok: false, code: result, message: '' })
        return ACCEPT
      }
      case 'ipc.call':
        return this.#onCall(from, message)
      case 'ipc.result':
        return this.#onResult(from, message.number, message.result)
      case 'ipc.monitor':
        return this.#onMonitor(from, message.number, message.target)
      case 'ipc.demonitor': {
        const key = `${from}/${message.number}`
        const foreign = this.#foreign.get(key)
        if (foreign === undefined) return ignore('late')
        this.#foreign.delete(key)
        this.#local.get(foreign.pid)?.delete(foreign.monitor)
        return ACCEPT
      }
      case 'ipc.down': {
        const monitor = this.#remote.get(message.number)
        if (monitor?.peer !== from) return ignore('late')
        this.#remote.delete(message.number)
        monitor.notify({ reference: monitor.reference, target: monitor.target, reason: reasonOf(message.reason) })
        return ACCEPT
      }
    }
  }

  #onCall(from: NodeId, message: Extract<IpcMessage, { kind: 'ipc.call' }>): Verdict {
    const decoded = decodeValue(message.value)
    if (decoded === undefined) return reject('not_canonical')
    const untilMs = this.#context.now.monotonicMs + message.remainingMs
    this.#callHere(message.target, message.method, decoded.value, processAddress(from, message.from), outcome => {
      if (this.#context.now.monotonicMs > untilMs) return this.#context.metrics.add('weft_calls_late_total')
      this.#reply(from, message.number, remoteResult(outcome))
    })
    return ACCEPT
  }

  #onResult(from: NodeId, number: number, result: RemoteResult): Verdict {
    if (!result.ok) return this.#answered(number, from, { ok: false, error: new WeftError(result.code, result.message === '' ? result.code : result.message) }) ? ACCEPT : ignore('late')
    const decoded = decodeValue(result.value)
    if (decoded === undefined) return reject('not_canonical')
    return this.#answered(number, from, { ok: true, value: decoded.value }) ? ACCEPT : ignore('late')
  }

  #reply(to: NodeId, number: number, result: RemoteResult): void {
    this.#init.send(to, { kind: 'ipc.result', number, result })
  }

  // ---- monitors

  /** Calls `notify` once, when the process is gone. @returns the reference */
  monitor(to: string, notify: (down: Down) => void): number {
    const { node, target } = this.#recipient(to)
    const reference = this.#nextNumber++
    const monitor: Monitor = { reference, target: to, notify }
    if (node === undefined || node === this.#context.self) {
      const process = this.#init.processes.find(target)
      if (process === undefined) notify({ reference, target: to, reason: 'noproc' })
      else this.#watch(process.pid, monitor)
      return reference
    }
    if (this.#remote.size >= MONITORS_MAX) throw new WeftError('full', `${MONITORS_MAX} monitors are set`)
    this.#remote.set(reference, { ...monitor, peer: node })
    if (!this.#init.send(node, { kind: 'ipc.monitor', number: reference, target })) {
      this.#remote.delete(reference)
      notify({ reference, target: to, reason: 'unreachable' })
    }
    return reference
  }

  demonitor(reference: number): void {
    const remote = this.#remote.get(reference)
    if (remote !== undefined) {
      this.#remote.delete(reference)
      this.#init.send(remote.peer, { kind: 'ipc.demonitor', number: reference })
      return
    }
    for (const monitors of this.#local.values()) for (const monitor of monitors) if (monitor.reference === reference) monitors.delete(monitor)
  }

  #watch(pid: Pid, monitor: Monitor): void {
    const monitors = this.#local.get(pid)
    if (monitors === undefined) this.#local.set(pid, new Set([monitor]))
    else monitors.add(monitor)
  }

  #onMonitor(from: NodeId, number: number, target: Target): Verdict {
    const key = `${from}/${number}`
    if (this.#foreign.has(key) || this.#foreign.size >= MONITORS_MAX) return ignore('duplicate')
    const process = this.#init.processes.find(target)
    if (process === undefined) {
      this.#init.send(from, { kind: 'ipc.down', number, pid: 0, reason: 'noproc' })
      return ACCEPT
    }
    const { pid } = process
    const monitor: Monitor = {
      reference: 0, target: String(target),
      notify: down => {
        this.#foreign.delete(key)
        this.#init.send(from, { kind: 'ipc.down', number, pid, reason: down.reason })
      },
    }
    this.#foreign.set(key, { peer: from, pid, monitor })
    this.#watch(pid, monitor)
    return ACCEPT
  }

  onExit(process: Process, reason: ExitReason): void {
    const monitors = this.#local.get(process.pid)
    if (monitors === undefined) return
    this.#local.delete(process.pid)
    for (const { reference, target, notify } of monitors) notify({ reference, target, reason })
  }

  /** A peer is gone: nobody there will answer, and what is monitored there cannot be seen. */
  onDown(peer: NodeId): void {
    for (const pending of this.#pending.values()) if (pending.peer === peer) this.#settle(pending, unreachable(peer))
    for (const [reference, monitor] of this.#remote) {
      if (monitor.peer !== peer) continue
      this.#remote.delete(reference)
      monitor.notify({ reference, target: monitor.target, reason: 'unreachable' })
    }
    for (const [key, foreign] of this.#foreign) {
      if (foreign.peer !== peer) continue
      this.#foreign.delete(key)
      this.#local.get(foreign.pid)?.delete(foreign.monitor)
    }
  }
}

function unreachable(node: NodeId): Outcome {
  return { ok: false, error: new WeftError('unreachable', `no connection to ${node}`) }
}

function remoteResult(outcome: Outcome): RemoteResult {
  if (!outcome.ok) return { ok: false, code: outcome.error.code, message: outcome.error.message.slice(0, 4096) }
  try {
    return { ok: true, value: encodeValue(outcome.value) }
  } catch (thrown) {
    return { ok: false, code: 'unsendable', message: thrown instanceof Error ? thrown.message : '' }
  }
}

const SEND_RESULTS: ReadonlySet<string> = new Set<SendResult>(['noproc', 'denied', 'full', 'timeout', 'unreachable'])

function resultOf(error: WeftError): SendResult {
  return SEND_RESULTS.has(error.code) ? (error.code as SendResult) : 'unreachable'
}

const REASONS: ReadonlySet<string> = new Set<Down['reason']>(['normal', 'failed', 'killed', 'shutdown', 'noproc', 'unreachable'])

function reasonOf(text: string): Down['reason'] {
  return REASONS.has(text) ? (text as Down['reason']) : 'failed'
}
