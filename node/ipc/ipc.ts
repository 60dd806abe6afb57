import { isWellFormed, utf8 } from '../../base/bytes.ts'
import { asWeftError, WeftError } from '../../base/errors.ts'
import { type NodeId, type Pid, type ProcessAddress, processAddress } from '../../base/ids.ts'
import { ACTOR_MAX_BYTES, CALL_DEADLINE_MAX_MS, CALL_DEADLINE_MS, MONITORS_MAX, PENDING_CALLS_MAX } from '../../base/limits.ts'
import { ACCEPT, ignore, reject, type Verdict } from '../../base/verdict.ts'
import type { CoreContext } from '../context.ts'
import type { Down, ExitReason, SendResult } from '../process/behaviour.ts'
import type { Outcome, Process } from '../process/process.ts'
import type { Processes } from '../process/processes.ts'
import { KERNEL_PID, parseRecipient, type Recipient } from './address.ts'
import { Deadlines } from './deadlines.ts'
import { ERROR_TEXT_MAX, type IpcMessage, type RemoteResult, type Target } from './messages.ts'
import { decodeValue, encodeValue } from './values.ts'

/**
 * Messages between processes, on this node and across nodes: `send` is at most once and in order
 * per pair, `call` adds an answer and a deadline. The sender's address comes from the connection, never
 * from the message. Whatever happens, whoever waits hears of it: an answer, a code, or the deadline.
 */
export interface IpcInit {
  readonly processes: Processes
  /** @returns false when there is no connection; what does not fit into one is lost, and its answer with it */
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
  /** The process of this node that set it; 0 for the kernel, and for other nodes. */
  readonly owner: Pid
  readonly target: string
  /** Where the target is: a process here, or a node. */
  readonly at: Pid | NodeId
  readonly notify: (down: Down) => void
}

/** A monitor that a peer has here, under its own number. */
interface Foreign {
  readonly peer: NodeId
  readonly monitor: Monitor
}

export class Ipc {
  readonly #context: CoreContext
  readonly #init: IpcInit
  readonly #pending: Map<number, Pending> = new Map()
  readonly #deadlines: Deadlines<Pending> = new Deadlines()
  /** Monitors set here, by reference, and those of each process that set any. */
  readonly #monitors: Map<number, Monitor> = new Map()
  readonly #owned: Map<Pid, Set<Monitor>> = new Map()
  /** By peer and its number. */
  readonly #foreign: Map<string, Foreign> = new Map()
  /** Who watches a process of this node, from here or elsewhere. */
  readonly #watchers: Map<Pid, Set<Monitor>> = new Map()
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
    if (node === undefined || node === this.#context.self)
      return this.#count(this.#sendHere(target, value, processAddress(this.#context.self, from)), done)
    const text = encodeValue(value)
    const pending = this.#expect(node, CALL_DEADLINE_MS, outcome => this.#count(outcome.ok ? 'ok' : resultOf(outcome.error), done))
    if (pending === undefined) return this.#count('full', done)
    if (!this.#init.send(node, { kind: 'ipc.send', number: pending.number, from, target, value: text }))
      this.#settle(pending, unreachable(node))
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
    if (!(deadlineMs > 0 && deadlineMs <= CALL_DEADLINE_MAX_MS))
      throw new WeftError('invalid_argument', `a deadline is 1 to ${CALL_DEADLINE_MAX_MS} ms, got ${deadlineMs}`)
    if (method === '' || utf8(method).length > ACTOR_MAX_BYTES || !isWellFormed(method))
      throw new WeftError('invalid_argument', `a method is named with 1 to ${ACTOR_MAX_BYTES} bytes`)
    const { node, target } = this.#recipient(to)
    const isHere = node === undefined || node === this.#context.self
    const text = isHere ? '' : encodeValue(argument)
    const pending = this.#expect(isHere ? undefined : node, deadlineMs, done)
    if (pending === undefined)
      return done({ ok: false, error: new WeftError('full', `${PENDING_CALLS_MAX} calls are waiting for an answer`) })
    if (isHere)
      return this.#callHere(target, method, argument, processAddress(this.#context.self, from), outcome =>
        this.#answered(pending.number, undefined, outcome),
      )
    const message = {
      kind: 'ipc.call',
      number: pending.number,
      from,
      target,
      method,
      value: text,
      remainingMs: Math.ceil(deadlineMs),
    } as const
    if (!this.#init.send(node, message)) this.#settle(pending, unreachable(node))
  }

  #callHere(target: Target, method: string, argument: unknown, from: ProcessAddress, answer: (outcome: Outcome) => void): void {
    if (target === KERNEL_PID) return this.#init.kernel(method, argument, from, answer)
    const process = this.#init.processes.find(target)
    if (process === undefined)
      return answer({ ok: false, error: new WeftError('noproc', `no process ${JSON.stringify(target)} on this node`) })
    if (this.#init.processes.deliver(process, { kind: 'call', method, argument, from, answer })) return
    answer({ ok: false, error: new WeftError('full', `the inbox of process ${process.pid} is full`) })
  }

  #recipient(to: string): Recipient {
    const recipient = parseRecipient(to, this.#context.self)
    if (recipient === undefined)
      throw new WeftError('invalid_argument', `${JSON.stringify(to)} is no address: use a name, a pid, <NodeId>/<pid> or <NodeId>:<name>`)
    return recipient
  }

  // ---- waiting for answers

  #expect(peer: NodeId | undefined, deadlineMs: number, done: (outcome: Outcome) => void): Pending | undefined {
    if (this.#pending.size >= PENDING_CALLS_MAX) return undefined
    const pending: Pending = { number: this.#nextNumber++, peer, done, slot: 0 }
    this.#pending.set(pending.number, pending)
    const waitMs = this.#context.buggify('ipc.short-deadline') ? Math.ceil(deadlineMs / 16) : deadlineMs
    pending.slot = this.#deadlines.add(pending, this.#context.now.monotonicMs + waitMs)
    return pending
  }

  #answered(number: number, peer: NodeId | undefined, outcome: Outcome): boolean {
    const pending = this.#pending.get(number)
    if (pending === undefined || pending.peer !== peer) {
      this.#context.metrics.add('weft_calls_late_total')
      return false
    }
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
      if (!this.#pending.delete(pending.number)) continue
      this.#context.metrics.add('weft_calls_timed_out_total')
      pending.done({ ok: false, error: new WeftError('timeout', 'no answer before the deadline') })
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
      case 'ipc.demonitor':
        return this.#forgetForeign(`${from}/${message.number}`) ? ACCEPT : ignore('late')
      case 'ipc.down': {
        const monitor = this.#monitors.get(message.number)
        if (monitor?.at !== from) return ignore('late')
        this.#fire(monitor, reasonOf(message.reason))
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
    if (!result.ok)
      return this.#answered(number, from, {
        ok: false,
        error: new WeftError(result.code, result.message === '' ? result.code : result.message),
      })
        ? ACCEPT
        : ignore('late')
    const decoded = decodeValue(result.value)
    if (decoded === undefined) return reject('not_canonical')
    return this.#answered(number, from, { ok: true, value: decoded.value }) ? ACCEPT : ignore('late')
  }

  #reply(to: NodeId, number: number, result: RemoteResult): void {
    this.#init.send(to, { kind: 'ipc.result', number, result })
  }

  // ---- monitors

  /** Calls `notify` once, when the process is gone; at once when there is none. @returns the reference */
  monitor(owner: Pid, to: string, notify: (down: Down) => void): number {
    const { node, target } = this.#recipient(to)
    if (this.#monitors.size >= MONITORS_MAX) throw new WeftError('full', `${MONITORS_MAX} monitors are set`)
    const reference = this.#nextNumber++
    const isHere = node === undefined || node === this.#context.self
    const at = isHere ? this.#pidOf(target) : node
    if (at === undefined) {
      notify({ reference, target: to, reason: 'noproc' })
      return reference
    }
    const monitor: Monitor = { reference, owner, target: to, at, notify }
    this.#monitors.set(reference, monitor)
    addTo(this.#owned, owner, monitor)
    if (isHere) addTo(this.#watchers, at as Pid, monitor)
    else if (!this.#init.send(node, { kind: 'ipc.monitor', number: reference, target })) this.#fire(monitor, 'unreachable')
    return reference
  }

  /** @param owner who set it: nobody else takes it away */
  demonitor(owner: Pid, reference: number): void {
    const monitor = this.#monitors.get(reference)
    if (monitor?.owner !== owner) return
    this.#forget(monitor)
    if (typeof monitor.at === 'string') this.#init.send(monitor.at, { kind: 'ipc.demonitor', number: reference })
  }

  /** The kernel is a process that ends with its node. */
  #pidOf(target: Target): Pid | undefined {
    return target === KERNEL_PID ? KERNEL_PID : this.#init.processes.find(target)?.pid
  }

  #fire(monitor: Monitor, reason: Down['reason']): void {
    this.#forget(monitor)
    this.#context.metrics.add('weft_monitors_fired_total', 1, reason)
    monitor.notify({ reference: monitor.reference, target: monitor.target, reason })
  }

  #forget(monitor: Monitor): void {
    this.#monitors.delete(monitor.reference)
    removeFrom(this.#owned, monitor.owner, monitor)
    if (typeof monitor.at === 'number') removeFrom(this.#watchers, monitor.at, monitor)
  }

  #onMonitor(from: NodeId, number: number, target: Target): Verdict {
    const key = `${from}/${number}`
    if (this.#foreign.has(key)) return ignore('duplicate')
    const pid = this.#pidOf(target)
    const down = (reason: Down['reason']): void => void this.#init.send(from, { kind: 'ipc.down', number, pid: pid ?? 0, reason })
    if (pid === undefined || this.#foreign.size >= MONITORS_MAX) {
      down(pid === undefined ? 'noproc' : 'unreachable')
      return ACCEPT
    }
    const monitor: Monitor = {
      reference: 0,
      owner: KERNEL_PID,
      target: String(target),
      at: pid,
      notify: ({ reason }) => {
        this.#forgetForeign(key)
        down(reason)
      },
    }
    this.#foreign.set(key, { peer: from, monitor })
    addTo(this.#watchers, pid, monitor)
    return ACCEPT
  }

  #forgetForeign(key: string): boolean {
    const foreign = this.#foreign.get(key)
    if (foreign === undefined) return false
    this.#foreign.delete(key)
    removeFrom(this.#watchers, foreign.monitor.at as Pid, foreign.monitor)
    return true
  }

  /** A process of this node is gone: whoever watched it hears of it, and it watches nobody any more. */
  onExit(process: Process, reason: ExitReason): void {
    for (const monitor of this.#watchers.get(process.pid) ?? []) this.#fire(monitor, reason)
    for (const monitor of this.#owned.get(process.pid) ?? []) this.demonitor(process.pid, monitor.reference)
  }

  /** A peer is gone: nobody there will answer, and what is monitored there cannot be seen. */
  onDown(peer: NodeId): void {
    for (const pending of this.#pending.values()) if (pending.peer === peer) this.#settle(pending, unreachable(peer))
    for (const monitor of this.#monitors.values()) if (monitor.at === peer) this.#fire(monitor, 'unreachable')
    for (const [key, foreign] of this.#foreign) if (foreign.peer === peer) this.#forgetForeign(key)
  }
}

function addTo<K>(sets: Map<K, Set<Monitor>>, key: K, monitor: Monitor): void {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([monitor]))
  else set.add(monitor)
}

function removeFrom<K>(sets: Map<K, Set<Monitor>>, key: K, monitor: Monitor): void {
  const set = sets.get(key)
  if (set?.delete(monitor) === true && set.size === 0) sets.delete(key)
}

function unreachable(node: NodeId): Outcome {
  return { ok: false, error: new WeftError('unreachable', `no connection to ${node}`) }
}

function remoteResult(outcome: Outcome): RemoteResult {
  // What a handler threw may say anything, and not all of it can be sent.
  if (!outcome.ok)
    return {
      ok: false,
      code: outcome.error.code,
      message: outcome.error.message.slice(0, ERROR_TEXT_MAX).replace(/\p{Surrogate}/gu, '\u{fffd}'),
    }
  try {
    return { ok: true, value: encodeValue(outcome.value) }
  } catch (thrown) {
    return remoteResult({ ok: false, error: asWeftError(thrown) })
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
