import { assert } from '../../base/assert.ts'
import { BoundedQueue } from '../../base/bounded-queue.ts'
import type { WeftError } from '../../base/errors.ts'
import { type NodeId, type Pid, type ProcessAddress, processAddress } from '../../base/ids.ts'
import type { Behaviour, Down } from './behaviour.ts'

export type ProcessState = 'starting' | 'running' | 'suspended' | 'stopping' | 'exited'

/** The moves a process can make; any other is a bug. */
const MOVES: Readonly<Record<ProcessState, readonly ProcessState[]>> = {
  starting: ['running', 'exited'],
  running: ['suspended', 'stopping', 'exited'],
  suspended: ['running', 'stopping', 'exited'],
  stopping: ['exited'],
  exited: [],
}

/** What waits in an inbox. */
export type Mail =
  | { readonly kind: 'message'; readonly value: unknown; readonly from: ProcessAddress }
  | { readonly kind: 'call'; readonly method: string; readonly argument: unknown; readonly from: ProcessAddress; readonly answer: Answer }
  | { readonly kind: 'down'; readonly down: Down }

export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: WeftError }
export type Answer = (outcome: Outcome) => void

export interface ProcessInfo {
  readonly address: ProcessAddress
  readonly pid: Pid
  readonly name: string | null
  readonly state: ProcessState
  readonly node: NodeId
  /** Where its program came from: a module, or `inline`. */
  readonly program: string
  readonly inbox: number
  readonly handled: number
  readonly startedAt: string
}

/** One process: its state, its behaviour and its inbox. */
export class Process {
  readonly pid: Pid
  readonly address: ProcessAddress
  readonly name: string | undefined
  readonly program: string
  readonly startedMs: number
  readonly inbox: BoundedQueue<Mail>
  behaviour: Behaviour = {}
  /** What a handler is at, or its promise: the inbox waits. */
  current: Mail | undefined
  /** Asked to end, by itself or by others, once the message at hand is done. */
  exiting: number | undefined
  handled = 0
  #state: ProcessState = 'starting'
  /** Beside a full inbox. */
  readonly #downs: Mail[] = []

  constructor(node: NodeId, pid: Pid, name: string | undefined, program: string, startedMs: number, inboxMax: number) {
    this.pid = pid
    this.address = processAddress(node, pid)
    this.name = name
    this.program = program
    this.startedMs = startedMs
    this.inbox = new BoundedQueue(inboxMax)
  }

  get state(): ProcessState {
    return this.#state
  }

  move(to: ProcessState): void {
    assert(MOVES[this.#state].includes(to), `process ${this.pid} cannot go from ${this.#state} to ${to}`)
    this.#state = to
  }

  /** @returns false when the inbox is full; a `down` always finds room, and there is one at most for each monitor this process has set. */
  push(mail: Mail): boolean {
    if (mail.kind !== 'down' || this.inbox.size < this.inbox.capacity) return this.inbox.push(mail)
    this.#downs.push(mail)
    return true
  }

  shift(): Mail | undefined {
    const mail = this.inbox.shift()
    const down = this.#downs.shift()
    if (down !== undefined) this.inbox.push(down)
    return mail
  }

  /** Who signs what it writes. */
  get actor(): string {
    return this.name ?? `pid-${this.pid}`
  }

  info(node: NodeId): ProcessInfo {
    return {
      address: this.address,
      pid: this.pid,
      name: this.name ?? null,
      state: this.#state,
      node,
      program: this.program,
      inbox: this.inbox.size,
      handled: this.handled,
      startedAt: new Date(this.startedMs).toISOString(),
    }
  }
}
