import { destination as stream, pino, stdTimeFunctions } from 'pino'
import { BoundedQueue } from '../../base/bounded-queue.ts'
import { EVENT_RING } from '../../base/limits.ts'
import type { Logger, LogLevel } from '../../base/ports.ts'

export interface LoggerOptions {
  /** Lower levels are neither written nor kept. */
  readonly level: LogLevel
  /** Takes whole lines, each ending in a newline; standard error if left out. */
  readonly destination?: { write(line: string): void }
}

export interface HostLogger {
  readonly log: Logger
  /** The last EVENT_RING lines, oldest first, without their newlines. */
  recent(): readonly string[]
}

/** One JSON object per line: `level`, `time` (ISO 8601), the fields, `event`. */
export function createLogger({ level, destination = standardError() }: LoggerOptions): HostLogger {
  const ring = new BoundedQueue<string>(EVENT_RING, 'drop-oldest')
  const writer = pino(
    { level, base: null, messageKey: 'event', timestamp: stdTimeFunctions.isoTime, formatters: { level: label => ({ level: label }) } },
    {
      write: (line: string): void => {
        ring.push(line.trimEnd())
        destination.write(line)
      },
    },
  )
  return {
    log: (at, event, fields = {}) => writer[at](fields, event),
    recent: () => [...ring],
  }
}

/** Written at once, so the last line before a crash is there. A reader that went away stops nobody. */
function standardError(): { write(line: string): void } {
  const out = stream({ fd: 2, sync: true })
  out.on('error', () => {})
  return out
}
