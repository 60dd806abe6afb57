import { WeftError } from '../../base/errors.ts'
import type { Pid, ProcessAddress } from '../../base/ids.ts'
import { DRAIN_PER_PROCESS, DRAIN_PER_TURN, INBOX_MAX, PROCESSES_MAX } from '../../base/limits.ts'
import type { CoreContext } from '../context.ts'
import type { Behaviour, ExitReason, ProcessContext, Program } from './behaviour.ts'
import { type Mail, Process, type ProcessInfo } from './process.ts'

/**
 * The process table and the loop that runs it. Pids count up and are never used again, also not after a restart; a
 * process that has exited leaves the table. The loop takes at most DRAIN_PER_PROCESS messages of one process
 * and DRAIN_PER_TURN in all before it yields, so nobody is starved, input and timers included.
 */
export interface ProcessesInit {
  /** Above every pid of this node's earlier lives. */
  readonly firstPid: number
  readonly contextOf: (process: Process) => ProcessContext
  /** A process is gone: audit it, tell its monitors. */
  readonly onExit: (process: Process, reason: ExitReason, code: number) => void
  /** A program threw before its process ran: what it had set up is of no use. */
  readonly onStillborn: (process: Process) => void
}

/** A name is what a person types: letters, digits and . _ -, not beginning with a digit. `kernel` is the node itself. */
export const PROCESS_NAME: RegExp = /^(?!kernel$)[A-Za-z_][A-Za-z0-9._-]{0,63}$/

export class Processes {
  readonly #context: CoreContext
  readonly #init: ProcessesInit
  readonly #byPid: Map<Pid, Process> = new Map()
  readonly #byName: Map<string, Process> = new Map()
  #runnable: Process[] = []
  #nextPid: number

  constructor(context: CoreContext, init: ProcessesInit) {
    this.#context = context
    this.#init = init
    this.#nextPid = init.firstPid
  }

  get size(): number {
    return this.#byPid.size
  }

  /** By pid. */
  list(): readonly ProcessInfo[] {
    return [...this.#byPid.values()].map(process => process.info(this.#context.self))
  }

  find(target: Pid | string): Process | undefined {
    return typeof target === 'number' ? this.#byPid.get(target) : this.#byName.get(target)
  }

  /** Starts a process. Throws `name_taken`, `table_full`, or `handler_failed` when the program throws. */
  spawn(program: Program, name: string | undefined, origin: string): Process {
    if (name !== undefined && !PROCESS_NAME.test(name))
      throw new WeftError('invalid_argument', `a process name is ${PROCESS_NAME.source}, got ${JSON.stringify(name)}`)
    if (name !== undefined && this.#byName.has(name)) throw new WeftError('name_taken', `a process named ${name} is running`)
    if (this.#byPid.size >= PROCESSES_MAX) throw new WeftError('table_full', `${PROCESSES_MAX} processes are running`)
    const process = new Process(this.#context.self, this.#nextPid++ as Pid, name, origin, this.#context.now.wallMs, this.#inboxMax())
    this.#byPid.set(process.pid, process)
    if (name !== undefined) this.#byName.set(name, process)
    try {
      process.behaviour = behaviourOf(program, this.#init.contextOf(process))
    } catch (thrown) {
      this.#remove(process)
      process.move('exited')
      this.#init.onStillborn(process)
      throw new WeftError('handler_failed', `the program failed to start: ${messageOf(thrown)}`, { cause: thrown })
    }
    process.move('running')
    this.#context.metrics.set('weft_processes', this.#byPid.size)
    if (process.inbox.size > 0 || process.exiting !== undefined) this.#runnable.push(process)
    return process
  }

  /** @returns false when the inbox is full. */
  deliver(process: Process, mail: Mail): boolean {
    const wasEmpty = process.inbox.size === 0
    if (!process.push(mail)) {
      this.#context.metrics.add('weft_inbox_dropped_total')
      return false
    }
    if (wasEmpty && process.current === undefined && process.state === 'running') this.#runnable.push(process)
    return true
  }

  #inboxMax(): number {
    return this.#context.buggify('process.tiny-inbox') ? 2 : INBOX_MAX
  }

  /** Runs what can run. @returns true when there is more to do than one turn takes. */
  run(): boolean {
    if (this.#runnable.length === 0) return false
    let budget = this.#context.buggify('process.one-message') ? 1 : DRAIN_PER_TURN
    while (this.#runnable.length > 0 && budget > 0) {
      const batch = this.#runnable
      this.#runnable = []
      let next = 0
      while (next < batch.length && budget > 0) budget -= this.#drain(batch[next++] as Process, Math.min(DRAIN_PER_PROCESS, budget))
      if (next < batch.length) this.#runnable = [...batch.slice(next), ...this.#runnable]
    }
    return this.#runnable.length > 0
  }

  /** Lets one process have its turn. @returns what it cost: a message at least */
  #drain(process: Process, most: number): number {
    let count = 0
    this.#exitIfAsked(process)
    while (count < most && process.current === undefined && process.state === 'running') {
      const mail = process.shift()
      if (mail === undefined) break
      count++
      this.#handle(process, mail)
    }
    if (process.inbox.size > 0 && process.current === undefined && process.state === 'running') this.#runnable.push(process)
    return Math.max(1, count)
  }

  #handle(process: Process, mail: Mail): void {
    process.handled++
    process.current = mail
    let result: unknown
    try {
      result = this.#invoke(process.behaviour, mail)
      if (isPromise(result)) return this.#await(process, mail, result)
    } catch (thrown) {
      return this.#threw(process, mail, thrown)
    }
    this.#done(process, mail, result)
  }

  #invoke(behaviour: Behaviour, mail: Mail): unknown {
    switch (mail.kind) {
      case 'message':
        return behaviour.onMessage?.(mail.value, mail.from)
      case 'down':
        return behaviour.onDown?.(mail.down)
      case 'call': {
        const handler =
          behaviour.onCall !== undefined && Object.hasOwn(behaviour.onCall, mail.method) ? behaviour.onCall[mail.method] : undefined
        if (typeof handler !== 'function') throw new NoMethod(mail.method)
        return handler(mail.argument as never, mail.from)
      }
    }
  }

  #await(process: Process, mail: Mail, promise: PromiseLike<unknown>): void {
    this.#context.emit({
      kind: 'await',
      promise,
      then: (ok, value) => {
        if (ok) this.#done(process, mail, value)
        else this.#threw(process, mail, value)
        if (process.state === 'running' && process.inbox.size > 0) this.#runnable.push(process)
      },
    })
  }

  #done(process: Process, mail: Mail, value: unknown): void {
    process.current = undefined
    // Who has been killed meanwhile has been answered for.
    if (process.state === 'exited') return
    if (mail.kind === 'call') mail.answer({ ok: true, value })
    this.#exitIfAsked(process)
  }

  #threw(process: Process, mail: Mail, thrown: unknown): void {
    process.current = undefined
    if (process.state === 'exited') return
    const error = thrown instanceof NoMethod ? thrown : new WeftError('handler_failed', messageOf(thrown), { cause: thrown })
    if (error !== thrown) this.#context.log('error', 'process.failed', { pid: process.pid, name: process.name, message: error.message })
    if (mail.kind !== 'call') return this.#exit(process, 'failed', 1)
    mail.answer({ ok: false, error })
    this.#exitIfAsked(process)
  }

  /** A process wants to end: after the message at hand, at once when there is none. @throws RangeError for a code that is none */
  exit(process: Process, code: number): void {
    if (!Number.isInteger(code) || code < 0 || code > 255) throw new RangeError(`an exit code is 0 to 255, got ${code}`)
    process.exiting = code
    if (process.current === undefined) this.#exitIfAsked(process)
  }

  #exitIfAsked(process: Process): void {
    if (process.exiting !== undefined && process.state === 'running')
      this.#exit(process, process.exiting === 0 ? 'normal' : 'failed', process.exiting)
  }

  /** Ends a process from outside, at once: what waits in its inbox is answered `noproc`. */
  kill(process: Process, reason: ExitReason): void {
    if (process.state === 'stopping' || process.state === 'exited') return
    // Its last words end nothing a second time.
    process.move('stopping')
    try {
      const last = process.behaviour.onStop?.(reason)
      if (isPromise(last)) this.#context.emit({ kind: 'await', promise: last, then: () => {} })
    } catch (thrown) {
      this.#context.log('error', 'process.failed', { pid: process.pid, name: process.name, message: messageOf(thrown) })
    }
    this.#exit(process, reason, reason === 'killed' ? -1 : 0)
  }

  #exit(process: Process, reason: ExitReason, code: number): void {
    process.move('exited')
    this.#remove(process)
    for (let mail = process.current ?? process.shift(); mail !== undefined; mail = process.shift()) {
      if (mail.kind === 'call') mail.answer({ ok: false, error: new WeftError('noproc', `process ${process.pid} has exited`) })
    }
    this.#init.onExit(process, reason, code)
  }

  #remove(process: Process): void {
    this.#byPid.delete(process.pid)
    if (process.name !== undefined) this.#byName.delete(process.name)
    this.#context.metrics.set('weft_processes', this.#byPid.size)
  }

  /** The node stops: everybody goes, the youngest first. */
  stopAll(): void {
    for (const process of [...this.#byPid.values()].reverse()) this.kill(process, 'shutdown')
  }
}

/** Of this process: one that its handler got from another process is a failure like any other. */
class NoMethod extends WeftError {
  constructor(method: string) {
    super('no_method', `the process has no method ${JSON.stringify(method)}`)
  }
}

/** A class is constructed, a function is called; what comes out is the behaviour. */
function behaviourOf(program: Program, context: ProcessContext): Behaviour {
  if (!isClass(program)) {
    const made = (program as (context: ProcessContext) => unknown)(context)
    if (made === undefined) return {}
    if (typeof made !== 'object' || made === null || isPromise(made))
      throw new TypeError('a program returns a behaviour: an object with onMessage, onCall, onDown, onStop')
    return made
  }
  const instance = new (program as new (context: ProcessContext) => object)(context) as Behaviour
  return {
    onCall: instance.onCall ?? methodsOf(instance),
    onMessage: (message, from) => instance.onMessage?.(message, from),
    onDown: down => instance.onDown?.(down),
    onStop: reason => instance.onStop?.(reason),
  }
}

function methodsOf(instance: object): NonNullable<Behaviour['onCall']> {
  const methods: Record<string, (argument: never, from: ProcessAddress) => unknown> = {}
  for (
    let proto: object | null = Object.getPrototypeOf(instance) as object;
    proto !== null && proto !== Object.prototype;
    proto = Object.getPrototypeOf(proto) as object | null
  ) {
    for (const name of Object.getOwnPropertyNames(proto)) {
      if (name === 'constructor' || name.startsWith('on') || name.startsWith('_') || Object.hasOwn(methods, name)) continue
      const method = Object.getOwnPropertyDescriptor(proto, name)?.value as unknown
      if (typeof method === 'function') methods[name] = (method as (argument: never, from: ProcessAddress) => unknown).bind(instance)
    }
  }
  return methods
}

function isClass(program: Program): boolean {
  return /^class\b/.test(Function.prototype.toString.call(program))
}

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
