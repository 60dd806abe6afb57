import { BoundedQueue } from '../base/bounded-queue.ts'
import { EVENT_RING } from '../base/limits.ts'
import type { LogFields, LogLevel } from '../base/ports.ts'

/** The stations of a node's life; the only way is forward. */
export type NodeState = 'booting' | 'running' | 'shutting-down' | 'halted'

export interface NodeEvent {
  /** Counts from 1, without gaps: a reader sees whether it missed any. */
  readonly number: number
  readonly at: string
  readonly level: LogLevel
  /** Which part it is about: `boot`, `peer`, `chain`, `process`, `member`, `memory`... */
  readonly phase: string
  readonly event: string
  readonly fields: LogFields
}

/** The last EVENT_RING events, for whoever comes later or reads slowly. */
export class EventRing {
  readonly #ring: BoundedQueue<NodeEvent> = new BoundedQueue(EVENT_RING, 'drop-oldest')
  #number = 0

  add(level: LogLevel, event: string, fields: LogFields, wallMs: number): void {
    this.#ring.push({
      number: ++this.#number,
      at: new Date(wallMs).toISOString(),
      level,
      phase: event.split('.')[0] as string,
      event,
      fields,
    })
  }

  get newest(): number {
    return this.#number
  }

  /** Events after `number`, oldest first, `limit` at most. */
  after(number: number, limit: number): readonly NodeEvent[] {
    const events: NodeEvent[] = []
    for (const event of this.#ring) if (event.number > number && events.length < limit) events.push(event)
    return events
  }
}
