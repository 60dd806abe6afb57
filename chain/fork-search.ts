import { equalBytes } from '../base/bytes.ts'
import type { LogId, NodeId } from '../base/ids.ts'
import { PULL_TIMEOUT_MS } from '../base/limits.ts'
import { ACCEPT, ignore, reject, type Verdict } from '../base/verdict.ts'
import type { Chain } from './chain.ts'
import type { SignedCheckpoint } from './checkpoint.ts'
import { type Conflict, isWitnessed, type Witnessed } from './conflict.ts'
import type { Log } from './log.ts'

/**
 * Finds the first record in which a peer's copy of a log differs from ours, by halving: it
 * answers for a place with its leaf, the author's checkpoint and the proof between them, so an
 * answer cannot be made up. One search per log; a peer that does not answer is given up.
 */
export type SearchStep =
  | { readonly next: 'none' }
  | { readonly next: 'probe'; readonly peer: NodeId; readonly log: LogId; readonly seq: number }
  | { readonly next: 'conflict'; readonly conflict: Conflict }

const NONE: SearchStep = { next: 'none' }

interface Search {
  readonly peer: NodeId
  /** Everything below is equal. */
  low: number
  /** This one differs, or is thought to; nothing above it matters. */
  high: number
  /** The peer's proof that `high` differs. */
  found: Witnessed | undefined
  untilMs: number
}

export class ForkSearch {
  readonly #chain: Chain
  readonly #searches: Map<LogId, Search> = new Map()

  constructor(chain: Chain) {
    this.#chain = chain
  }

  /** A peer's log seems to differ from ours at `seq` or below. */
  begin(peer: NodeId, log: Log, seq: number, nowMs: number): SearchStep {
    const id = log.identity.id
    if (seq < 0 || seq >= log.published || log.conflict !== undefined || this.#searches.has(id)) return NONE
    this.#searches.set(id, { peer, low: 0, high: seq, found: undefined, untilMs: nowMs + PULL_TIMEOUT_MS })
    return { next: 'probe', peer, log: id, seq }
  }

  /** Our side of an answer: the leaf at `seq`, which is published, under our newest checkpoint. */
  witness(log: Log, seq: number): Witnessed {
    return { checkpoint: log.checkpoint as SignedCheckpoint, leaf: log.tree.leaf(seq), proof: log.proveRecord(seq) }
  }

  onLeaf(peer: NodeId, id: LogId, seq: number, witnessed: Witnessed, nowMs: number): SearchStep & { readonly verdict: Verdict } {
    const log = this.#chain.log(id)
    if (log === undefined || seq >= log.published || log.conflict !== undefined) return { ...NONE, verdict: ignore('late') }
    if (!isWitnessed(witnessed, seq, log.key)) return { ...NONE, verdict: reject('bad_proof', `leaf ${seq} of ${id}`) }
    const isSame = equalBytes(witnessed.leaf, log.tree.leaf(seq))
    const search = this.#searches.get(id)
    if (search === undefined) {
      return isSame ? { ...NONE, verdict: ignore('late') } : { ...this.begin(peer, log, seq, nowMs), verdict: ACCEPT }
    }
    if (search.peer !== peer || seq < search.low || seq > search.high) return { ...NONE, verdict: ignore('late') }
    if (isSame) {
      search.low = seq + 1
    } else {
      search.high = seq
      search.found = witnessed
    }
    if (search.low > search.high) {
      // The place that was said to differ does not: no fork up to there.
      this.#searches.delete(id)
      return { ...NONE, verdict: ACCEPT }
    }
    if (search.low === search.high && search.found !== undefined) {
      this.#searches.delete(id)
      return {
        next: 'conflict',
        conflict: { log: id, seq: search.high, mine: this.witness(log, search.high), theirs: search.found },
        verdict: ACCEPT,
      }
    }
    search.untilMs = nowMs + PULL_TIMEOUT_MS
    return { next: 'probe', peer, log: id, seq: Math.floor((search.low + search.high) / 2), verdict: ACCEPT }
  }

  forget(peer: NodeId): void {
    for (const [log, search] of this.#searches) if (search.peer === peer) this.#searches.delete(log)
  }

  expire(nowMs: number): void {
    for (const [log, search] of this.#searches) if (search.untilMs <= nowMs) this.#searches.delete(log)
  }
}
