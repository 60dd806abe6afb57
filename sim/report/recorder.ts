import { assert } from '../../base/assert.ts'
import { BoundedQueue } from '../../base/bounded-queue.ts'
import { CONVERGENCE_SAMPLES_MAX, EVENT_TEXT_MAX, RUN_EVENTS_MAX } from '../../base/limits.ts'
import type { LogFields, LogLevel } from '../../base/ports.ts'
import type { Core } from '../../node/core.ts'
import type { CoreEvent } from '../../node/step.ts'
import type { Violation } from '../checkers/checker.ts'
import type { Fault, TimedFault } from '../faults/fault.ts'
import { sharedFrontier } from '../shared-frontier.ts'
import type { Observer, SeenMessage } from '../observer.ts'
import { formatFault } from '../scenario/fault-text.ts'
import type { Operation } from '../workload/history.ts'
import { classOf, EVENT_CLASSES, type EventClass, type EventFields, type Happening, type RunEvent } from './event.ts'
import { nodeOf } from './fault-place.ts'
import { shortened } from './plain-text.ts'

/**
 * Writes down what happens in a run and what caused it. Everything it sees is told once: a message when
 * its fate is known, which is later than when it was sent, so the order is made in the end. What it keeps is
 * bounded: when there is no more room, the oldest of the least telling class goes, and is counted.
 */
export class Recorder implements Observer {
  #clock: (() => number) | undefined
  readonly #limit: number
  readonly #onEvent: ((event: Happening) => void) | undefined
  readonly #kept: Readonly<Record<EventClass, BoundedQueue<Entry>>>
  readonly #leftOut: Record<EventClass, number> = tally()
  #size = 0
  #order = 0
  readonly #phases: { readonly atMs: number; readonly phase: string }[] = []
  /** Nodes that are up. */
  readonly #cores: Map<string, Core> = new Map()
  /** Machines by node id: nobody knows `12D3KooW…` by sight. */
  readonly #names: Map<string, string> = new Map()
  /** Records that each node held and had not applied after its last step. */
  readonly #pending: Map<string, number> = new Map()
  readonly #samples: ConvergenceSample[] = []
  #sampleEveryMs = SAMPLE_MS
  #nextSampleMs = 0

  constructor({ limit = RUN_EVENTS_MAX, onEvent }: RecorderOptions = {}) {
    this.#limit = limit
    this.#onEvent = onEvent
    this.#kept = Object.fromEntries(EVENT_CLASSES.map(name => [name, new BoundedQueue(limit + 1)])) as Record<
      EventClass,
      BoundedQueue<Entry>
    >
  }

  /** The world is there, and nothing has happened in it yet. @param nowMs virtual time, the same that messages are stamped with */
  begin(nowMs: () => number): void {
    this.#clock = nowMs
  }

  // ---- seen

  onBoot(node: string, core: Core): void {
    this.#cores.set(node, core)
    this.#names.set(core.self, node)
    this.#pending.set(node, 0)
    this.#note({ atMs: this.#nowMs, node, kind: 'boot', what: 'boot', fields: {} })
  }

  onEnd(node: string, how: 'power' | 'process' | 'stopped'): void {
    this.#cores.delete(node)
    this.#note({ atMs: this.#nowMs, node, kind: 'end', what: how, fields: {} })
  }

  onStep(node: string, core: Core, event: CoreEvent): void {
    const atMs = this.#nowMs
    if (event.kind === 'committed') this.#applied(node, core, atMs, this.#committed(node, core, atMs, event))
    // What was read back from the disk may have been all that others waited for.
    else if (event.kind === 'run') this.#applied(node, core, atMs, 0)
    if (atMs >= this.#nextSampleMs) this.#sample(atMs)
  }

  onLog(node: string, level: LogLevel, event: string, fields: LogFields): void {
    const named = Object.entries(fields).map(([name, value]) => [name, this.#names.get(String(value)) ?? value])
    this.#note({ atMs: this.#nowMs, node, kind: 'log', what: event, fields: fieldsOf({ level, ...Object.fromEntries(named) }) })
  }

  onFault(fault: Fault): void {
    const isMending = this.#phases.at(-1)?.phase === 'convergence'
    this.#note({ atMs: this.#nowMs, node: nodeOf(fault), kind: 'fault', what: formatFault(fault), fields: {} }, { fault, isMending })
  }

  onMessage({ from, to, kind, bytes, sentUs, arrivedUs }: SeenMessage): void {
    const sent = { atMs: sentUs / 1000, node: from, what: kind }
    if (arrivedUs === null) return this.#note({ ...sent, kind: 'lost', fields: { to, bytes } })
    const ms = (arrivedUs - sentUs) / 1000
    const received: Happening = { atMs: arrivedUs / 1000, node: to, kind: 'receive', what: kind, fields: { from, bytes, ms } }
    this.#note({ ...sent, kind: 'send', fields: { to, bytes, ms } }, { received })
  }

  // ---- told, during the run or when it is over

  asked(operation: Operation): void {
    const { id, node, command, input, atMs } = operation
    this.#note({ atMs, node, kind: 'ask', what: command, fields: fieldsOf({ operation: id, ...input }) }, { operation: id })
  }

  answered({ id, node, command, atMs, endMs, outcome, error }: Operation): void {
    if (endMs === null) return
    const fields = fieldsOf({ operation: id, outcome, ms: Math.round((endMs - atMs) * 1000) / 1000, code: error?.code })
    this.#note({ atMs: endMs, node, kind: 'answer', what: command, fields }, { operation: id })
  }

  violated({ invariant, atMs, nodes, facts }: Violation): void {
    const fields = fieldsOf({ nodes: nodes.join(' '), fact: facts[0], other: facts[1] })
    this.#note({ atMs, node: nodes.length === 1 ? (nodes[0] ?? null) : null, kind: 'violation', what: invariant, fields }, { nodes })
  }

  /** A part of the story begins. */
  phase(phase: string): void {
    this.#phases.push({ atMs: this.#nowMs, phase })
  }

  // ---- in the end

  recording(): Recording {
    const items = EVENT_CLASSES.flatMap(name => [...this.#kept[name]].flatMap(itemsOf)).sort((a, b) => a.atMs - b.atMs || a.order - b.order)
    const faults = items.flatMap(({ atMs, fault, isMending = false }) => (fault === undefined ? [] : [{ atMs, fault, isMending }]))
    return { events: linked(items), faults, phases: this.#phases, samples: this.#samples, leftOut: this.#leftOut }
  }

  get #nowMs(): number {
    assert(this.#clock !== undefined, 'a recorder is begun before it sees anything')
    return this.#clock()
  }

  #note(event: Happening, rest: Pick<Entry, 'received' | 'operation' | 'nodes' | 'fault' | 'isMending'> = {}): void {
    this.#onEvent?.(event)
    if (rest.received !== undefined) this.#onEvent?.(rest.received)
    const entry: Entry = { event, order: this.#order, ...rest }
    this.#order += 2
    this.#kept[classOf(event.kind, event.what)].push(entry)
    this.#size += weightOf(entry)
    while (this.#size > this.#limit) this.#leaveOut()
  }

  /** @returns how many records of others became durable */
  #committed(node: string, core: Core, atMs: number, { staged, error }: Extract<CoreEvent, { kind: 'committed' }>): number {
    if (error !== undefined) {
      this.#note({ atMs, node, kind: 'commit', what: 'failed', fields: { code: error.code } })
      return 0
    }
    let own = 0
    let others = 0
    for (const { log, records } of staged.groups) {
      if (log.identity.author === core.self) own += records.length
      else others += records.length
    }
    const what = own > 0 ? 'own records' : 'records of others'
    if (own + others > 0) this.#note({ atMs, node, kind: 'commit', what, fields: { own, others } })
    return others
  }

  #applied(node: string, core: Core, atMs: number, durable: number): void {
    const { pending } = core
    const records = durable + (this.#pending.get(node) ?? 0) - pending
    this.#pending.set(node, pending)
    if (records > 0) this.#note({ atMs, node, kind: 'apply', what: 'records of others', fields: { records } })
  }

  #leaveOut(): void {
    const name = EVENT_CLASSES.findLast(candidate => this.#kept[candidate].size > 0) as EventClass
    const weight = weightOf(this.#kept[name].shift() as Entry)
    this.#size -= weight
    this.#leftOut[name] += weight
  }

  /** How equal the nodes that are up are, and how much each holds. */
  #sample(atMs: number): void {
    const held: Record<string, number> = {}
    const frontiers = new Set<string>()
    for (const [node, core] of this.#cores) {
      frontiers.add(sharedFrontier(core))
      held[node] = [...core.chain.logs.values()].reduce((sum, { durable }) => sum + durable, 0)
    }
    this.#samples.push({ atMs, distinct: frontiers.size, held })
    if (this.#samples.length > CONVERGENCE_SAMPLES_MAX) {
      const every = this.#samples.filter((_, i) => i % 2 === 0)
      this.#samples.splice(0, this.#samples.length, ...every)
      this.#sampleEveryMs *= 2
    }
    this.#nextSampleMs = atMs + this.#sampleEveryMs
  }
}

export interface RecorderOptions {
  /** How many events are kept. */
  readonly limit?: number
  /** Told of each event as soon as it is known: for a log that is shown while the run goes on. */
  readonly onEvent?: (event: Happening) => void
}

export interface Recording {
  readonly events: readonly RunEvent[]
  readonly faults: readonly RecordedFault[]
  readonly phases: readonly { readonly atMs: number; readonly phase: string }[]
  readonly samples: readonly ConvergenceSample[]
  /** Events that were not kept. */
  readonly leftOut: Readonly<Record<EventClass, number>>
}

export interface RecordedFault extends TimedFault {
  /** No part of the story: when it is over everything is healed, and whoever is hostile is switched off. */
  readonly isMending: boolean
}

export interface ConvergenceSample {
  readonly atMs: number
  /** Different frontiers among the nodes that are up: 1 when all are equal. */
  readonly distinct: number
  /** Durable records of each node that is up. */
  readonly held: Readonly<Record<string, number>>
}

/** 100 ms: a heal takes several, and a second of virtual time costs ten looks. */
const SAMPLE_MS = 100

/** What is kept or left out as one. */
interface Entry {
  readonly event: Happening
  readonly order: number
  /** The other end of a message. */
  readonly received?: Happening
  /** What an answer belongs to. */
  readonly operation?: number
  /** Whose past a violation is about. */
  readonly nodes?: readonly string[]
  readonly fault?: Fault
  readonly isMending?: boolean
}

interface Item extends Happening, Omit<Entry, 'event' | 'received'> {
  /** The order of the `send`, in a `receive`. */
  readonly sent?: number
}

function weightOf({ received }: Entry): number {
  return received === undefined ? 1 : 2
}

function itemsOf({ event, received, ...rest }: Entry): readonly Item[] {
  const item = { ...event, ...rest }
  return received === undefined ? [item] : [item, { ...received, order: rest.order + 1, sent: rest.order }]
}

/** Gives every event its place and its causes. */
function linked(items: readonly Item[]): readonly RunEvent[] {
  const last = new Map<string, number>()
  const sends = new Map<number, number>()
  const asks = new Map<number, number>()
  return items.map(({ atMs, node, kind, what, fields, order, sent, operation, nodes }, id) => {
    const cause = new Set<number>()
    const because = (of: number | undefined): unknown => of !== undefined && cause.add(of)
    for (const name of nodes ?? (node === null ? [] : [node])) because(last.get(name))
    if (kind === 'send') sends.set(order, id)
    if (sent !== undefined) because(sends.get(sent))
    if (kind === 'ask') asks.set(operation as number, id)
    if (kind === 'answer') because(asks.get(operation as number))
    if (node !== null) last.set(node, id)
    return { id, atMs, node, kind, what, fields, cause: [...cause].sort((a, b) => a - b) }
  })
}

/** Values that a line can show; objects as JSON, long texts shortened, what is not there left out. */
function fieldsOf(values: Readonly<Record<string, unknown>>): EventFields {
  const fields: Record<string, string | number | boolean | null> = {}
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue
    if (typeof value === 'number' || typeof value === 'boolean' || value === null) fields[name] = value
    else fields[name] = shortened(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''), EVENT_TEXT_MAX)
  }
  return fields
}

function tally(): Record<EventClass, number> {
  return Object.fromEntries(EVENT_CLASSES.map(name => [name, 0])) as Record<EventClass, number>
}
