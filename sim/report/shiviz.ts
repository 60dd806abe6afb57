import { SHIVIZ_EVENTS_MAX } from '../../base/limits.ts'
import { classOf, EVENT_CLASSES, type EventClass, type RunEvent } from './event.ts'
import { plain } from './plain-text.ts'

/**
 * The run for ShiViz (Beschastnikh et al., CACM 2016) in its default format: a line for the event, then
 * `host {"host":n,...}` with its vector clock. Events without a node have no host and are left out. When there are
 * too many, whole classes go from the end of `EVENT_CLASSES` (heartbeats first), and of the first class that does not
 * fit the newest stay. What is left out still carries causes from one event to the next: clocks are of the whole run.
 */
export function renderShiviz(events: readonly RunEvent[]): string {
  const hosts = [...new Set(events.flatMap(({ node }) => node ?? []))]
  const shown = chosen(events.filter(({ node }) => node !== null))
  /** By event and host: how much of each host is in the past of the event. */
  const clocks: Uint32Array[] = []
  const lines: string[] = []
  for (const event of events) {
    const clock = new Uint32Array(hosts.length)
    for (const cause of event.cause) {
      for (const [host, time] of (clocks[cause] as Uint32Array).entries()) clock[host] = Math.max(clock[host] as number, time)
    }
    if (shown.has(event)) {
      const host = hosts.indexOf(event.node as string)
      clock[host] = (clock[host] as number) + 1
      const seen = hosts.flatMap((name, i) => (clock[i] === 0 ? [] : [[hostOf(name), clock[i]] as const]))
      lines.push(lineOf(event), `${hostOf(event.node as string)} ${JSON.stringify(Object.fromEntries(seen))}`)
    }
    clocks.push(clock)
  }
  return `${lines.join('\n')}\n`
}

function chosen(events: readonly RunEvent[]): ReadonlySet<RunEvent> {
  const byClass = new Map<EventClass, RunEvent[]>(EVENT_CLASSES.map(name => [name, []]))
  for (const event of events) byClass.get(classOf(event.kind, event.what))?.push(event)
  const shown: RunEvent[] = []
  for (const some of byClass.values()) {
    const room = SHIVIZ_EVENTS_MAX - shown.length
    shown.push(...some.slice(Math.max(0, some.length - room)))
    if (some.length >= room) break
  }
  return new Set(shown)
}

/** A host is a word. */
function hostOf(node: string): string {
  return plain(node).replaceAll(/\s/g, '_')
}

function lineOf({ atMs, kind, what, fields }: RunEvent): string {
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${value}`)
  return plain([`${(atMs / 1000).toFixed(6)} ${kind} ${what}`, ...rest].join(' '))
}
