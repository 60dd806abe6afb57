import { utf8 } from '../../base/bytes.ts'
import { suite } from '../../base/crypto/suite.ts'
import type { LogFields, LogLevel } from '../../base/ports.ts'
import type { Core } from '../../node/core.ts'
import type { CoreEvent, Effect } from '../../node/step.ts'
import type { Observer } from '../../sim/observer.ts'

/** A step of a node or a line of its log, with a checksum over all that went in and came out. */
export interface Step {
  /** Virtual time. */
  readonly atMs: number
  readonly node: string
  readonly what: string
  readonly checksum: number
}

/** 500,000 steps: a story of five minutes on ten nodes. */
const STEPS_MAX = 500_000

/** Writes down a run so finely that of two runs the first difference is where they begin to differ, not where it shows. */
export class StepTape implements Observer {
  readonly steps: Step[] = []
  readonly #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  onStep(node: string, _: Core, event: CoreEvent, effects: readonly Effect[]): void {
    const sent = effects.length === 0 ? '' : `, then ${effects.map(({ kind }) => kind).join(', ')}`
    this.#add(node, `${event.kind}${sent}`, [event, ...effects].map(contentOf).join(' '))
  }

  onLog(node: string, level: LogLevel, event: string, fields: LogFields): void {
    const text = `${level} ${event} ${JSON.stringify(fields)}`
    this.#add(node, text, text)
  }

  #add(node: string, what: string, content: string): void {
    if (this.steps.length < STEPS_MAX) this.steps.push({ atMs: this.#nowMs(), node, what, checksum: suite.crc32(utf8(content)) })
  }
}

/** What can be told of an event or effect without knowing what it means: its plain fields, and the sums of its bytes. */
function contentOf(part: CoreEvent | Effect): string {
  return Object.entries(part)
    .map(([name, value]) => {
      if (value instanceof Uint8Array) return `${name}=${value.length}:${suite.crc32(value)}`
      return typeof value === 'object' || typeof value === 'function' ? name : `${name}=${String(value)}`
    })
    .join(' ')
}
