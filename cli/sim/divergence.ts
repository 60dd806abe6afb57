import type { RunEvent } from '../../sim/report/event.ts'
import { plain, shortened } from '../../sim/report/plain-text.ts'
import type { Step } from './step-tape.ts'

/** Where two runs part: what both did last, and what each did then. */
export interface Divergence<T> {
  /** Of the event, counted from 0. */
  readonly at: number
  readonly before: readonly T[]
  /** Null when that run was over. */
  readonly a: T | null
  readonly b: T | null
}

/** 200,000 events are kept where runs are compared: all of a story of five minutes. */
export const COMPARED_EVENTS_MAX = 200_000
const CONTEXT = 5
/** A line of a terminal, or two. */
const FIELD_CHARACTERS = 40
const STEP_CHARACTERS = 160

/** @returns undefined when the runs are the same */
export function divergenceOf<T>(a: readonly T[], b: readonly T[]): Divergence<T> | undefined {
  const length = Math.max(a.length, b.length)
  for (let at = 0; at < length; at++) {
    if (JSON.stringify(a[at]) !== JSON.stringify(b[at]))
      return { at, before: a.slice(Math.max(0, at - CONTEXT), at), a: a[at] ?? null, b: b[at] ?? null }
  }
  return undefined
}

/** The last events that both have, and then what each has instead of the other's. */
export function renderDivergence<T>({ at, before, a, b }: Divergence<T>, lineOf: (event: T) => string): string {
  const line = (mark: string, event: T | null): string => `${mark} ${event === null ? 'the run was over' : lineOf(event)}`
  return [`the first difference is event ${at}`, ...before.map(event => line(' ', event)), line('a', a), line('b', b)].join('\n')
}

/** `    12.345 s  n2  receive sync.run  from=n1 bytes=220` */
export function eventLine({ atMs, node, kind, what, fields }: RunEvent): string {
  const details = Object.entries(fields).map(([name, value]) => `${name}=${shortened(String(value), FIELD_CHARACTERS)}`)
  return lineAt(atMs, node ?? '', `${kind} ${what}  ${details.join(' ')}`)
}

export function stepLine({ atMs, node, what, checksum }: Step): string {
  return lineAt(atMs, node, `${shortened(what, STEP_CHARACTERS)}  #${checksum.toString(16)}`)
}

function lineAt(atMs: number, node: string, text: string): string {
  return plain(`${(atMs / 1000).toFixed(6).padStart(13)} s  ${node.padEnd(3)} ${text}`.trimEnd())
}
