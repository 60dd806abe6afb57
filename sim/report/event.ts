/**
 * One thing that happened in a run, as a report shows it: what the recorder writes down, and what a line of
 * `events.jsonl` holds. An event names what directly caused it, so the whole causal past and future of any
 * event can be walked without knowing what the events mean.
 */
export interface RunEvent {
  /** Its place in the run, from 0: causes have smaller ones. */
  readonly id: number
  /** Virtual time since the world began. */
  readonly atMs: number
  /** Where; null for what happens to the wires or to several nodes. */
  readonly node: string | null
  readonly kind: EventKind
  /** The message, command, log event, fault or invariant. */
  readonly what: string
  readonly fields: EventFields
  /** Direct causes: the event before it on its node, the `send` of a `receive`, the `ask` of an `answer`. Ascending. */
  readonly cause: readonly number[]
}

/** An event before it has its place among the others. */
export type Happening = Omit<RunEvent, 'id' | 'cause'>

export type EventFields = Readonly<Record<string, string | number | boolean | null>>

export const EVENT_KINDS = [
  /** A life of a node begins, and ends. */
  'boot',
  'end',
  'fault',
  /** A write became durable. */
  'commit',
  /** Records of other authors took effect. */
  'apply',
  /** A message left and arrived; `lost` is one that left and never arrived. */
  'send',
  'receive',
  'lost',
  'log',
  /** A command was asked of a node, and answered. */
  'ask',
  'answer',
  /** A promise was broken. */
  'violation',
] as const
export type EventKind = (typeof EVENT_KINDS)[number]

/** What can be left out of a picture, the most telling first: whoever must leave something out begins at the end. */
export const EVENT_CLASSES = ['story', 'operation', 'write', 'log', 'message', 'connection', 'heartbeat'] as const
export type EventClass = (typeof EVENT_CLASSES)[number]

export function classOf(kind: EventKind, what: string): EventClass {
  switch (kind) {
    case 'boot':
    case 'end':
    case 'fault':
    case 'violation':
      return 'story'
    case 'ask':
    case 'answer':
      return 'operation'
    case 'commit':
    case 'apply':
      return 'write'
    case 'log':
      return 'log'
    default:
      if (what.startsWith('peer.p')) return 'heartbeat'
      return /^(dial|open|greeting|end|reset)$/.test(what) ? 'connection' : 'message'
  }
}
