import { KIND } from '../base/kinds.ts'
import { DEFAULT_SPACE } from '../base/ids.ts'
import { REDIAL_MAX_MS } from '../base/limits.ts'
import type { MetricName } from '../base/metrics.ts'
import type { LogFields, LogLevel } from '../base/ports.ts'
import type { Core } from '../node/core.ts'
import type { CoreEvent } from '../node/step.ts'
import type { Observer } from './observer.ts'

/**
 * Rare situations that must come up now and then (Antithesis calls them *sometimes assertions*). A run that never gets
 * there says nothing about them, however green it is. Each is recognised from what a node tells anybody: a line
 * of its log, a counter, an event of its core.
 */
export const SOMETIMES = {
  // chain
  'torn-tail-cut': 'a start cut off a write that a crash had torn',
  'segment-rolled': 'the journal went on in a new segment',
  'commit-failed': 'the disk refused a commit',
  'commit-mended': 'after a commit had failed, a later one succeeded',
  'damage-reported': 'a record could not be read back, and that was said',
  'guard-waited': 'a node signed again only when another had vouched for its logs',
  'log-pulled-back': 'a node took its own log back from a peer that knew more of it',
  'records-rebased': 'records of an own log were appended again, under new ids',
  'fork-seen': 'two histories of one log were found out',
  'index-caught-up': 'the index of ids had to be brought up to the logs',

  // replication
  'parent-awaited': 'a record was held, and waited for one of another log',
  'pull-resumed': 'a log was pulled on after the connection it came over was lost',
  'credit-exhausted': 'a sender had to wait for credit',
  'frames-dropped': 'frames for a slow peer were dropped',
  'record-deferred': 'a record was too far ahead of the clock to be stored yet',
  'record-twice': 'a record came that was held already',
  'record-early': 'a record came before the one it follows on',
  'record-void': 'a record was kept and counted for nothing',
  'record-revoked': 'so did one beyond the line that a revocation drew',

  // memory
  'conflict-made': 'concurrent supersedes became a conflict',
  'conflict-settled': 'a conflict was settled',
  'dedup-hit': 'a memory was said again and known already',
  'space-refolded': 'the rules of a space changed for what was applied, and its memory was folded anew',
  'snapshot-restored': 'a start went on from a saved fold',
  'snapshot-refused': 'a saved fold was damaged, and made again',
  'fold-upgraded': 'a saved fold was of another version, and made again',

  // processes
  'deadline-passed': 'whoever waited for an answer gave up',
  'late-answer': 'an answer came after its deadline, and was discarded',
  'inbox-overflow': 'a message found a full inbox',
  'down-by-node-death': 'a monitor told that the node of its process is gone',

  // peers
  'redial-slowest': 'a peer could not be reached for so long that it is dialled only twice a minute',
  'peer-scored-out': 'a peer was disconnected for what it had sent',
  'greeting-refused': 'somebody was refused before any application protocol',
  'revoked-refused': 'a revoked node was refused',
  'clock-offset-seen': 'a node saw that the clock of a peer is off by more than a second',
  'message-unknown': 'a message of a later version was ignored',
} as const

export type SometimesSite = keyof typeof SOMETIMES

interface Line {
  readonly event: string
  readonly holds?: (fields: LogFields) => boolean
}

const BY_LOG: Partial<Readonly<Record<SometimesSite, Line>>> = {
  'torn-tail-cut': { event: 'chain.torn-tail-cut' },
  'segment-rolled': { event: 'chain.new-segment' },
  'damage-reported': { event: 'chain.damaged' },
  'guard-waited': { event: 'chain.publishing', holds: ({ vouchers }) => Number(vouchers) > 0 },
  'log-pulled-back': { event: 'chain.outrun' },
  'records-rebased': { event: 'chain.recovered', holds: ({ again }) => Number(again) > 0 },
  'fork-seen': { event: 'chain.conflict' },
  'index-caught-up': { event: 'index.catching-up' },
  'snapshot-restored': { event: 'boot.running', holds: ({ restored }) => Number(restored) > 0 },
  'snapshot-refused': { event: 'memory.snapshot-damaged' },
  'fold-upgraded': { event: 'memory.folding-anew' },
  'redial-slowest': { event: 'peer.dial-failed', holds: ({ waitMs }) => waitMs === REDIAL_MAX_MS },
  'peer-scored-out': { event: 'peer.scored-out' },
}

interface Counter {
  readonly metric: MetricName
  /** Every label when none is named. */
  readonly label?: string
}

const BY_METRIC: Partial<Readonly<Record<SometimesSite, Counter>>> = {
  'commit-failed': { metric: 'weft_chain_commit_failures_total' },
  'parent-awaited': { metric: 'weft_chain_waits_total' },
  'pull-resumed': { metric: 'weft_sync_pulls_resumed_total' },
  'credit-exhausted': { metric: 'weft_sync_stalls_total' },
  'frames-dropped': { metric: 'weft_frames_dropped_total', label: 'full' },
  'record-deferred': { metric: 'weft_verdicts_total', label: 'clock_ahead' },
  'record-twice': { metric: 'weft_verdicts_total', label: 'duplicate' },
  'record-early': { metric: 'weft_verdicts_total', label: 'gap' },
  'record-void': { metric: 'weft_chain_void_total' },
  'record-revoked': { metric: 'weft_chain_void_total', label: 'revoked' },
  'dedup-hit': { metric: 'weft_memory_duplicates_total' },
  'space-refolded': { metric: 'weft_memory_refolds_total' },
  'deadline-passed': { metric: 'weft_calls_timed_out_total' },
  'late-answer': { metric: 'weft_calls_late_total' },
  'inbox-overflow': { metric: 'weft_inbox_dropped_total' },
  'down-by-node-death': { metric: 'weft_monitors_fired_total', label: 'unreachable' },
  'greeting-refused': { metric: 'weft_greetings_refused_total' },
  'revoked-refused': { metric: 'weft_greetings_refused_total', label: 'revoked' },
  'message-unknown': { metric: 'weft_verdicts_total', label: 'unknown_kind' },
}

const LINES = Object.entries(BY_LOG) as readonly (readonly [SometimesSite, Line])[]
const COUNTERS = Object.entries(BY_METRIC) as readonly (readonly [SometimesSite, Counter])[]
const LINES_OF: ReadonlyMap<string, readonly (readonly [SometimesSite, Line])[]> = new Map(
  LINES.map(([, { event }]) => [event, LINES.filter(([, line]) => line.event === event)]),
)

/** Counts how often each situation came up, on all nodes in all their lives. */
export class Sometimes implements Observer {
  readonly #counts: Map<SometimesSite, number> = new Map((Object.keys(SOMETIMES) as SometimesSite[]).map(site => [site, 0]))
  /** Nodes that run: their counters are read when somebody asks, or at their end. */
  readonly #living: Map<string, Core> = new Map()
  readonly #conflicts: Map<string, number> = new Map()
  readonly #failing: Set<string> = new Set()

  /** Every site, in the order of the table. */
  get counts(): ReadonlyMap<SometimesSite, number> {
    const counts = new Map(this.#counts)
    for (const core of this.#living.values()) addCounters(counts, core)
    return counts
  }

  onBoot(node: string, core: Core): void {
    this.onEnd(node)
    this.#living.set(node, core)
  }

  onEnd(node: string): void {
    const core = this.#living.get(node)
    if (core !== undefined) addCounters(this.#counts, core)
    this.#living.delete(node)
    this.#failing.delete(node)
  }

  onLog(_node: string, _level: LogLevel, event: string, fields: LogFields): void {
    for (const [site, { holds }] of LINES_OF.get(event) ?? []) if (holds === undefined || holds(fields)) add(this.#counts, site, 1)
  }

  onStep(node: string, core: Core, event: CoreEvent): void {
    if (event.kind === 'committed') this.#onCommitted(node, core, event)
    else if (event.kind === 'frame' && event.protocol === 'control') {
      const { clockOffsetMs, clockErrorMs } = core.peers.clockOf(event.from)
      if (Math.abs(clockOffsetMs ?? 0) > 1000 + (clockErrorMs ?? 0)) add(this.#counts, 'clock-offset-seen', 1)
    }
  }

  #onCommitted(node: string, core: Core, { staged, error }: Extract<CoreEvent, { kind: 'committed' }>): void {
    if (error !== undefined) this.#failing.add(node)
    else if (this.#failing.delete(node)) add(this.#counts, 'commit-mended', 1)
    if (!staged.groups.some(({ records }) => records.some(({ kind }) => DECIDES.has(kind)))) return
    const before = this.#conflicts.get(node) ?? 0
    const now = core.memory(DEFAULT_SPACE).fold.conflicts().length
    this.#conflicts.set(node, now)
    if (now > before) add(this.#counts, 'conflict-made', now - before)
    if (now < before) add(this.#counts, 'conflict-settled', before - now)
  }
}

/** What makes conflicts, and settles them. */
const DECIDES: ReadonlySet<number> = new Set([KIND['memory.supersede'], KIND['memory.retract']])

function addCounters(counts: Map<SometimesSite, number>, { metrics }: Core): void {
  for (const [name, label, value] of metrics.samples())
    for (const [site, counter] of COUNTERS)
      if (counter.metric === name && (counter.label === undefined || counter.label === label)) add(counts, site, value)
}

function add(counts: Map<SometimesSite, number>, site: SometimesSite, by: number): void {
  counts.set(site, (counts.get(site) ?? 0) + by)
}
