import { classOf, type EventClass, type RunEvent } from '../event.ts'
import type { Report } from '../report.ts'

/** How an event stands to the chosen one. */
export type Mark = 0 | 1 | 2 | 3

/**
 * The events of a run as the page needs them at every frame: times and lanes in flat arrays, messages as pairs, and
 * causes both ways, so that the past and the future of an event are one walk.
 */
export class RunModel {
  readonly report: Report
  readonly events: readonly RunEvent[]
  readonly classes: readonly EventClass[]
  readonly atMs: Float64Array
  /** Of `report.nodes`; -1 for what has no node. */
  readonly lane: Int32Array
  /** The other end of a message; -1 where there is none. */
  readonly partner: Int32Array
  /** Sends that arrived, in order of time. */
  readonly messages: readonly number[]
  readonly longestMessageMs: number
  /** 1 for events that pass the filters. */
  readonly shown: Uint8Array
  /** Where the effects of each event begin in `#effects`. */
  readonly #effectsFrom: Int32Array
  readonly #effects: Int32Array

  constructor(report: Report, events: readonly RunEvent[]) {
    this.report = report
    this.events = events
    const lanes = new Map(report.nodes.map(({ name }, i) => [name, i]))
    this.classes = events.map(({ kind, what }) => classOf(kind, what))
    this.atMs = Float64Array.from(events, ({ atMs }) => atMs)
    this.lane = Int32Array.from(events, ({ node }) => (node === null ? -1 : (lanes.get(node) ?? -1)))
    this.partner = new Int32Array(events.length).fill(-1)
    this.shown = new Uint8Array(events.length).fill(1)
    this.#effectsFrom = new Int32Array(events.length + 1)
    for (const { cause } of events) for (const id of cause) this.#effectsFrom[id + 1] = (this.#effectsFrom[id + 1] ?? 0) + 1
    for (let id = 0; id < events.length; id++) this.#effectsFrom[id + 1] = (this.#effectsFrom[id + 1] ?? 0) + (this.#effectsFrom[id] ?? 0)
    this.#effects = new Int32Array(this.#effectsFrom[events.length] ?? 0)
    const filled = this.#effectsFrom.slice()
    for (const { id, cause } of events) {
      for (const before of cause) {
        const at = filled[before] ?? 0
        this.#effects[at] = id
        filled[before] = at + 1
      }
    }
    for (const { id, node, kind, what, cause } of events) {
      if (kind !== 'receive') continue
      const send = cause.find(before => events[before]?.kind === 'send' && events[before].node !== node && events[before].what === what)
      if (send === undefined) continue
      this.partner[id] = send
      this.partner[send] = id
    }
    this.messages = events.flatMap(({ id, kind }) => (kind === 'send' && this.partner[id] !== -1 ? [id] : []))
    this.longestMessageMs = this.messages.reduce(
      (longest, id) => Math.max(longest, (this.atMs[this.partner[id] ?? 0] ?? 0) - (this.atMs[id] ?? 0)),
      0,
    )
  }

  /** The first event at `ms` or later. */
  firstAt(ms: number): number {
    let low = 0
    let high = this.events.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.atMs[middle] ?? 0) < ms) low = middle + 1
      else high = middle
    }
    return low
  }

  effects(id: number): readonly number[] {
    return [...this.#effects.subarray(this.#effectsFrom[id], this.#effectsFrom[id + 1])]
  }

  /** By event: 1 in the past of `id`, 2 in its future, 3 itself, 0 neither. */
  marks(id: number): Uint8Array {
    const marks = new Uint8Array(this.events.length)
    this.#spread(marks, id, 1, before => this.events[before]?.cause ?? [])
    this.#spread(marks, id, 2, after => this.effects(after))
    marks[id] = 3
    return marks
  }

  #spread(marks: Uint8Array, from: number, mark: Mark, next: (id: number) => readonly number[]): void {
    const open = [from]
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      for (const other of next(id)) {
        if (marks[other] !== 0) continue
        marks[other] = mark
        open.push(other)
      }
    }
  }

  /** What led to an event, the nearest first: the message or question where one came from elsewhere, else what the node did before. */
  chain(id: number, length: number): readonly number[] {
    const chain: number[] = []
    for (let at = this.causeOf(id); at !== undefined && chain.length < length; at = this.causeOf(at)) chain.push(at)
    return chain
  }

  causeOf(id: number): number | undefined {
    const { cause = [], kind } = this.events[id] ?? {}
    if (kind === 'answer') return cause.find(before => this.events[before]?.kind === 'ask') ?? cause.at(-1)
    return this.partner[id] !== -1 && kind === 'receive' ? this.partner[id] : cause.at(-1)
  }

  /** Applies the filters. @param text in lower case; found in any part of an event */
  filter(classes: ReadonlySet<string>, hidden: ReadonlySet<string>, text: string): number {
    let count = 0
    for (const event of this.events) {
      const isShown =
        classes.has(this.classes[event.id] ?? '') &&
        (event.node === null || !hidden.has(event.node)) &&
        (text === '' || JSON.stringify([event.node, event.kind, event.what, event.fields]).toLowerCase().includes(text))
      this.shown[event.id] = isShown ? 1 : 0
      if (isShown) count++
    }
    return count
  }
}
