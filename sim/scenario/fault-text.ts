import type { Fault, Groups, Way, WireQuality } from '../faults/fault.ts'
import { type Cursor, type Reading, read } from './cursor.ts'
import { BANDWIDTH, DRIFT, DURATION, FACTOR, type Quantity, SHARE, SIZE, STEP } from './quantities.ts'

/**
 * ONE LINE PER FAULT: `crash n2 { torn: true }`. The same text in YAML and TypeScript, in
 * the log of a run and in what the shrinker writes; `parseFault(formatFault(fault))` is the fault again.
 */
export function parseFault(text: string): Reading<Fault> {
  return read(text, readFault)
}

function readFault(cursor: Cursor): Fault {
  const word = cursor.oneOf(FAULT_WORDS, 'a fault')
  return (READERS[word] as (cursor: Cursor) => Fault)(cursor)
}

const duration = (cursor: Cursor): number => cursor.quantity(DURATION)
const flag = (cursor: Cursor): boolean => cursor.oneOf(['true', 'false'], 'yes or no') === 'true'
const manner = (cursor: Cursor): 'power' | 'process' => cursor.oneOf(['power', 'process'], 'how it crashes')
const yes = (cursor: Cursor): boolean => cursor.oneOf(['true'], 'the only value') === 'true'

const READERS: Readonly<Record<string, (cursor: Cursor) => Fault>> = {
  partition: cursor => ({ verb: 'partition', groups: cursor.groups() }),
  cut: cursor => ({ verb: 'cut', way: cursor.way() }),
  restore(cursor) {
    if (cursor.seesWay()) return { verb: 'restore', way: cursor.way() }
    const node = cursor.node()
    cursor.options('restore', { from: from => from.oneOf(['backup'], 'what to restore from') }, 'from')
    return { verb: 'restore-backup', node }
  },
  isolate: cursor => ({ verb: 'isolate', node: cursor.node() }),
  bridge: cursor => ({ verb: 'bridge', node: cursor.node(), groups: cursor.groups() }),
  ring: cursor => ({ verb: 'ring', nodes: cursor.nodes() }),
  flap(cursor) {
    const way = cursor.way()
    const { every, for: forMs } = cursor.options('flap', { every: duration, for: duration }, 'every', 'for')
    return { verb: 'flap', way, everyMs: every, forMs }
  },
  clog: cursor => ({ verb: 'clog', way: cursor.way(), forMs: lasting(cursor, 'clog') }),
  swizzle: cursor => ({ verb: 'swizzle', nodes: cursor.nodes(), forMs: lasting(cursor, 'swizzle') }),
  net: cursor => ({ verb: 'net', way: cursor.seesWay() ? cursor.way() : null, quality: readQuality(cursor) }),
  block(cursor) {
    const message = cursor.word('what to block, like sync.run or sync')
    return { verb: 'block', message, way: cursor.seesWay() ? cursor.way() : null }
  },
  heal: () => ({ verb: 'heal' }),

  crash(cursor) {
    const node = cursor.node()
    const { how = 'power', torn = false } = cursor.options('crash', { how: manner, torn: flag })
    return { verb: 'crash', node, how, torn }
  },
  restart: cursor => ({ verb: 'restart', node: cursor.node() }),
  stop: cursor => ({ verb: 'stop', node: cursor.node() }),
  kill: cursor => ({ verb: 'kill', node: cursor.node() }),
  pause: cursor => ({ verb: 'pause', node: cursor.node(), forMs: lasting(cursor, 'pause') }),
  slow(cursor) {
    const node = cursor.node()
    const { factor, for: forMs } = cursor.options('slow', { factor: factor => factor.quantity(FACTOR), for: duration }, 'factor', 'for')
    return { verb: 'slow', node, factor, forMs }
  },
  mute: cursor => ({ verb: 'mute', node: cursor.node(), forMs: lasting(cursor, 'mute') }),
  join(cursor) {
    const node = cursor.node()
    const { by = 'n1' } = cursor.options('join', { by: by => by.node() })
    return { verb: 'join', node, by }
  },
  retire: cursor => ({ verb: 'retire', node: cursor.node() }),
  revoke: cursor => ({ verb: 'revoke', node: cursor.node() }),
  upgrade: cursor => ({ verb: 'upgrade', node: cursor.node() }),

  disk(cursor) {
    const node = cursor.node()
    const began = cursor.at
    const keys = {
      sync: (c: Cursor) => c.oneOf(['fails'], 'what a sync does'),
      full: sizeOf,
      latency: duration,
      for: duration,
      rot: yes,
      ok: yes,
    }
    const { sync, full, latency, for: forMs, rot, ok } = cursor.options('disk', keys)
    const chosen = [sync, full, latency, rot, ok].filter(option => option !== undefined)
    if (chosen.length !== 1)
      cursor.fail(
        'a disk fault is one of { sync: fails }, { full: 64KiB }, { latency: 50ms, for: 10s }, { rot: true }, { ok: true }',
        began,
      )
    if ((latency === undefined) !== (forMs === undefined))
      cursor.fail('latency and for belong together: disk n1 { latency: 50ms, for: 10s }', began)
    if (latency !== undefined && forMs !== undefined) return { verb: 'disk-slow', node, latencyMs: latency, forMs }
    if (full !== undefined) return { verb: 'disk-full', node, bytes: full }
    return { verb: sync !== undefined ? 'disk-sync-fails' : rot !== undefined ? 'disk-rot' : 'disk-ok', node }
  },
  backup: cursor => ({ verb: 'backup', node: cursor.node() }),
  reformat: cursor => ({ verb: 'reformat', node: cursor.node() }),

  clock(cursor) {
    const node = cursor.node()
    const began = cursor.at
    const { step, drift, freeze } = cursor.options('clock', {
      step: c => c.quantity(STEP),
      drift: c => c.quantity(DRIFT),
      freeze: duration,
    })
    if ([step, drift, freeze].filter(option => option !== undefined).length !== 1) {
      cursor.fail('a clock fault is one of { step: +1h }, { drift: 500ppm }, { freeze: 10s }', began)
    }
    if (step !== undefined) return { verb: 'clock-step', node, stepMs: step }
    return drift !== undefined ? { verb: 'clock-drift', node, driftPpm: drift } : { verb: 'clock-freeze', node, forMs: freeze as number }
  },

  turn(cursor) {
    const node = cursor.node()
    const behaviour = (): string => cursor.word('what it does, like forge')
    const { do: behaviours } = cursor.options('turn', { do: c => c.list('what it does, like [forge, replay]', behaviour) }, 'do')
    return { verb: 'turn', node, behaviours }
  },
  twin(cursor) {
    const node = cursor.node()
    const { beside } = cursor.options('twin', { beside: c => c.nodes() }, 'beside')
    return { verb: 'twin', node, beside }
  },
}

/** What a fault can begin with. */
export const FAULT_WORDS: readonly string[] = Object.keys(READERS)

function lasting(cursor: Cursor, verb: string): number {
  return cursor.options(verb, { for: duration }, 'for').for
}

function sizeOf(cursor: Cursor): number {
  return cursor.quantity(SIZE)
}

// ---- the quality of wires

/** `{ delay: exp(2ms,20ms), loss: 1% }`: each key, and what it says. `delay: 5ms` is always five milliseconds. */
export const QUALITY: Readonly<Record<string, (cursor: Cursor) => WireQuality>> = {
  delay: readDelay,
  delayMin: cursor => ({ delayMinMs: duration(cursor) }),
  delayMean: cursor => ({ delayMeanMs: duration(cursor) }),
  loss: cursor => ({ loss: cursor.quantity(SHARE) }),
  duplicates: cursor => ({ duplicates: cursor.quantity(SHARE) }),
  bandwidth: cursor => ({ bytesPerSecond: cursor.quantity(BANDWIDTH) }),
  queue: cursor => ({ queueBytes: sizeOf(cursor) }),
}

function readQuality(cursor: Cursor): WireQuality {
  const parts: Readonly<Record<string, WireQuality>> = cursor.options('net', QUALITY)
  return Object.assign({}, ...Object.values(parts)) as WireQuality
}

/** `exp(2ms,20ms)`: at least 2 ms, and on top of it 20 ms in the mean, exponentially distributed. */
function readDelay(cursor: Cursor): WireQuality {
  if (!cursor.takes('exp')) return { delayMinMs: duration(cursor), delayMeanMs: 0 }
  cursor.expects('(')
  const delayMinMs = duration(cursor)
  cursor.expects(',')
  const delayMeanMs = duration(cursor)
  cursor.expects(')')
  return { delayMinMs, delayMeanMs }
}

export function formatQuality({ delayMinMs, delayMeanMs, loss, duplicates, bytesPerSecond, queueBytes }: WireQuality): string {
  const isWhole = delayMinMs !== undefined && delayMeanMs !== undefined
  return options({
    delay: isWhole ? formatDelay(delayMinMs, delayMeanMs) : undefined,
    delayMin: isWhole ? undefined : formatted(DURATION, delayMinMs),
    delayMean: isWhole ? undefined : formatted(DURATION, delayMeanMs),
    loss: formatted(SHARE, loss),
    duplicates: formatted(SHARE, duplicates),
    bandwidth: formatted(BANDWIDTH, bytesPerSecond),
    queue: formatted(SIZE, queueBytes),
  })
}

function formatDelay(minMs: number, meanMs: number): string {
  return meanMs === 0 ? DURATION.format(minMs) : `exp(${DURATION.format(minMs)},${DURATION.format(meanMs)})`
}

// ---- writing

export function formatFault(fault: Fault): string {
  switch (fault.verb) {
    case 'partition':
      return `partition ${groups(fault.groups)}`
    case 'cut':
    case 'restore':
      return `${fault.verb} ${way(fault.way)}`
    case 'bridge':
      return `bridge ${fault.node} ${groups(fault.groups)}`
    case 'ring':
      return `ring ${list(fault.nodes)}`
    case 'flap':
      return `flap ${way(fault.way)} ${options({ every: DURATION.format(fault.everyMs), for: DURATION.format(fault.forMs) })}`
    case 'clog':
      return `clog ${way(fault.way)} ${lasts(fault.forMs)}`
    case 'swizzle':
      return `swizzle ${list(fault.nodes)} ${lasts(fault.forMs)}`
    case 'net':
      return `net ${fault.way === null ? '' : `${way(fault.way)} `}${formatQuality(fault.quality)}`
    case 'block':
      return `block ${fault.message}${fault.way === null ? '' : ` ${way(fault.way)}`}`
    case 'heal':
      return 'heal'
    case 'crash': {
      const { node, how, torn } = fault
      const told = { how: how === 'power' ? undefined : how, torn: torn ? 'true' : undefined }
      return told.how === undefined && told.torn === undefined ? `crash ${node}` : `crash ${node} ${options(told)}`
    }
    case 'pause':
    case 'mute':
      return `${fault.verb} ${fault.node} ${lasts(fault.forMs)}`
    case 'slow':
      return `slow ${fault.node} ${options({ factor: FACTOR.format(fault.factor), for: DURATION.format(fault.forMs) })}`
    case 'join':
      return `join ${fault.node} { by: ${fault.by} }`
    case 'isolate':
    case 'restart':
    case 'stop':
    case 'kill':
    case 'retire':
    case 'revoke':
    case 'upgrade':
    case 'backup':
    case 'reformat':
      return `${fault.verb} ${fault.node}`
    case 'disk-sync-fails':
      return `disk ${fault.node} { sync: fails }`
    case 'disk-full':
      return `disk ${fault.node} { full: ${SIZE.format(fault.bytes)} }`
    case 'disk-slow':
      return `disk ${fault.node} ${options({ latency: DURATION.format(fault.latencyMs), for: DURATION.format(fault.forMs) })}`
    case 'disk-rot':
      return `disk ${fault.node} { rot: true }`
    case 'disk-ok':
      return `disk ${fault.node} { ok: true }`
    case 'restore-backup':
      return `restore ${fault.node} { from: backup }`
    case 'clock-step':
      return `clock ${fault.node} { step: ${STEP.format(fault.stepMs)} }`
    case 'clock-drift':
      return `clock ${fault.node} { drift: ${DRIFT.format(fault.driftPpm)} }`
    case 'clock-freeze':
      return `clock ${fault.node} { freeze: ${DURATION.format(fault.forMs)} }`
    case 'turn':
      return `turn ${fault.node} { do: ${list(fault.behaviours)} }`
    case 'twin':
      return `twin ${fault.node} { beside: ${list(fault.beside)} }`
  }
}

function way({ from, to, both }: Way): string {
  return `${from} ${both ? '--' : '->'} ${to}`
}

function list(items: readonly string[]): string {
  return `[${items.join(',')}]`
}

function groups(all: Groups): string {
  return `[${all.map(list).join(',')}]`
}

function lasts(forMs: number): string {
  return `{ for: ${DURATION.format(forMs)} }`
}

function formatted({ format }: Quantity, value: number | undefined): string | undefined {
  return value === undefined ? undefined : format(value)
}

/** Those that are there, in braces. */
function options(all: Readonly<Record<string, string | undefined>>): string {
  const told = Object.entries(all).flatMap(([key, text]) => (text === undefined ? [] : [`${key}: ${text}`]))
  return told.length === 0 ? '{}' : `{ ${told.join(', ')} }`
}

/** Of which nodes a fault speaks, each once. */
export function nodesOf(fault: Fault): readonly string[] {
  const names = [
    ...('node' in fault ? [fault.node] : []),
    ...('nodes' in fault ? fault.nodes : []),
    ...('groups' in fault ? fault.groups.flat() : []),
    ...('way' in fault && fault.way !== null ? [fault.way.from, fault.way.to] : []),
    ...(fault.verb === 'join' ? [fault.by] : []),
    ...(fault.verb === 'twin' ? fault.beside : []),
  ]
  return [...new Set(names)]
}
