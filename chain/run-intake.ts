import { equalBytes } from '../base/bytes.ts'
import type { ErrorCode } from '../base/errors.ts'
import type { LogId } from '../base/ids.ts'
import { KIND } from '../base/kinds.ts'
import { CLOCK_AHEAD_MAX_MS, LOGS_MAX } from '../base/limits.ts'
import type { Chain, Group } from './chain.ts'
import { isSignedBy, type SignedCheckpoint } from './checkpoint.ts'
import { Log } from './log.ts'
import { decodeGenesis, type LogIdentity, SALT_BYTES, ZERO_SALT } from './record.ts'
import { endOf, extendByRun, type Run } from './run.ts'
import type { SyncPeer } from './sync-peer.ts'

/**
 * What becomes of a run frame. Cheap checks first; the signature once per checkpoint; then records,
 * root and proof. Only what is verified is staged for the disk, and only at the end of the log.
 */
export type Intake =
  | { readonly result: 'staged' }
  /** All of it was held already, and is the same. */
  | { readonly result: 'held' }
  /** It begins beyond what is held. */
  | { readonly result: 'gap' }
  /** Good, but from the future: not stored now. */
  | { readonly result: 'deferred' }
  /** The author signed it, yet it does not continue what we hold of this log. */
  | { readonly result: 'diverged'; readonly log: Log }
  | { readonly result: 'refused'; readonly code: ErrorCode }

export class RunIntake {
  readonly #chain: Chain
  readonly #identify: (log: LogId) => LogIdentity | undefined
  /** The checkpoint last found well signed, per log: a run of many frames is verified once. */
  readonly #verified: Map<LogId, SignedCheckpoint> = new Map()
  /** Who sent what is on its way to the disk, oldest first. */
  readonly #sources: { readonly log: LogId; readonly held: number; readonly peer: SyncPeer; readonly cost: number }[] = []

  constructor(chain: Chain, identify: (log: LogId) => LogIdentity | undefined) {
    this.#chain = chain
    this.#identify = identify
  }

  take(peer: SyncPeer, run: Run, cost: number, wallMs: number): Intake {
    const known = this.#chain.log(run.log)
    if (known?.conflict !== undefined) return { result: 'refused', code: 'log_conflicted' }
    const size = known?.size ?? 0
    if (run.from > size) return { result: 'gap' }
    const identity = known?.identity ?? this.#identify(run.log)
    if (identity === undefined || (known === undefined && this.#chain.logs.size >= LOGS_MAX))
      return { result: 'refused', code: 'unknown_author' }
    const log = known ?? new Log(identity)
    if (known === undefined && !isGenesis(run, identity)) return { result: 'refused', code: 'bad_record' }
    if (!this.#isSigned(log, run.checkpoint)) return { result: 'refused', code: 'bad_signature' }
    if (endOf(run) <= size) return this.#compare(log, run)
    const extended = extendByRun(log, tailOf(run, size - run.from), wallMs + CLOCK_AHEAD_MAX_MS)
    if ('code' in extended) {
      if (extended.code === 'clock_ahead') return { result: 'deferred' }
      return size > 0 && extended.code === 'bad_proof' ? { result: 'diverged', log } : { result: 'refused', code: extended.code }
    }
    this.#chain.logs.set(run.log, log)
    this.#chain.stageReplica(log, extended.records, { log: run.log, checkpoint: run.checkpoint, held: log.size, proof: run.proof })
    this.#sources.push({ log: run.log, held: log.size, peer, cost })
    return { result: 'staged' }
  }

  /** A staged group has left for good, stored or lost. @returns who sent it and what it cost. */
  settle(group: Group): { readonly peer: SyncPeer; readonly cost: number } | undefined {
    const at = this.#sources.findIndex(source => source.log === group.log.identity.id && source.held === group.cover?.held)
    return at < 0 ? undefined : this.#sources.splice(at, 1)[0]
  }

  /** A frame of records we hold: its checkpoint must speak of the log we know. */
  #compare(log: Log, run: Run): Intake {
    const { size, root } = run.checkpoint
    if (size > log.size) return { result: 'held' }
    return equalBytes(log.tree.root(size), root) ? { result: 'held' } : { result: 'diverged', log }
  }

  #isSigned(log: Log, checkpoint: SignedCheckpoint): boolean {
    const last = this.#verified.get(log.identity.id)
    if (last !== undefined && equalBytes(last.bytes, checkpoint.bytes) && equalBytes(last.signature, checkpoint.signature)) return true
    if (!isSignedBy(checkpoint, log.key)) return false
    this.#verified.set(log.identity.id, checkpoint)
    return true
  }
}

/** The frame without its first `count` records, which are held already. */
function tailOf(run: Run, count: number): Run {
  if (count === 0) return run
  const actor = run.records.slice(0, count).reduce<string | null>((last, record) => record[3] ?? last, null)
  const [first, ...rest] = run.records.slice(count)
  if (first === undefined) return run
  const [kind, deltaMs, counter, own, parents, grant, body] = first
  return { ...run, from: run.from + count, records: [[kind, deltaMs, counter, own ?? actor, parents, grant, body], ...rest] }
}

function isGenesis(run: Run, identity: LogIdentity): boolean {
  const first = run.records[0]
  if (run.from !== 0 || first === undefined || first[0] !== KIND['log.genesis']) return false
  const body = first[6]
  return (
    body instanceof Uint8Array &&
    equalBytes(body.subarray(0, SALT_BYTES), ZERO_SALT) &&
    decodeGenesis(body.subarray(SALT_BYTES), identity.cluster)?.id === identity.id
  )
}
