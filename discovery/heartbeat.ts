import type { NodeId } from '../base/ids.ts'
import { PEER_SILENT_MS, PING_BACK_INTERVAL_MS, PING_INTERVAL_MS } from '../base/limits.ts'

/**
 * Notices a peer that vanished without a word: whoever was silent for PEER_SILENT_MS is gone.
 * Any frame counts as a sign of life, and there is one at least every PING_INTERVAL_MS, as a ping or its answer.
 *
 * A ping and its pong show to both ends that the other one lives. So of two peers the smaller id
 * pings in every round; the larger one pings when the connection comes up, when it has heard nothing for a whole
 * interval, and now and then for its own estimate of the other clock. That is 2.5 frames an interval
 * instead of 4, and a round for all peers wakes a node once, not once for each.
 *
 * A node that was itself asleep (a blocked loop, a paused process) has heard nobody, and must not
 * bury everybody when it wakes: time it slept through is given back to all.
 */
export interface PeerClock {
  /** Round trip, in ms; undefined before the first pong. */
  readonly rttMs: number | undefined
  /** How far the peer's wall clock is ahead of ours, give or take half the round trip. */
  readonly offsetMs: number | undefined
}

interface Row {
  heardMs: number
  /** The newest ping: its number, 0 for none, and when it was sent by both clocks. */
  number: number
  sentMs: number
  sentWallMs: number
  isAnswered: boolean
  rttMs: number | undefined
  offsetMs: number | undefined
}

/** Whom to ping, and who is gone. */
export interface Beat {
  readonly pings: readonly { readonly peer: NodeId; readonly number: number }[]
  readonly gone: readonly NodeId[]
}

const NOTHING: Beat = { pings: [], gone: [] }

export class Heartbeat {
  readonly #self: NodeId
  readonly #rows: Map<NodeId, Row> = new Map()
  #wokeMs: number | undefined
  #roundAtMs = -Infinity
  /** The next round, a peer that has to be pinged first, or the earliest time at which one could be gone. */
  #nextMs = Infinity

  constructor(self: NodeId) {
    this.#self = self
  }

  get nextWakeMs(): number {
    return this.#nextMs
  }

  onUp(peer: NodeId, nowMs: number): void {
    this.#rows.set(peer, {
      heardMs: nowMs,
      number: 0,
      sentMs: -Infinity,
      sentWallMs: 0,
      isAnswered: true,
      rttMs: undefined,
      offsetMs: undefined,
    })
    this.#nextMs = Math.min(this.#nextMs, nowMs)
  }

  onDown(peer: NodeId): void {
    this.#rows.delete(peer)
    if (this.#rows.size === 0) this.#nextMs = Infinity
  }

  heard(peer: NodeId, nowMs: number): void {
    const row = this.#rows.get(peer)
    if (row !== undefined) row.heardMs = nowMs
  }

  /** @returns false for a pong nobody waits for */
  onPong(peer: NodeId, number: number, theirWallMs: number, nowMs: number): boolean {
    const row = this.#rows.get(peer)
    if (row === undefined || row.isAnswered || row.number !== number) return false
    row.isAnswered = true
    row.rttMs = nowMs - row.sentMs
    row.offsetMs = theirWallMs - (row.sentWallMs + row.rttMs / 2)
    return true
  }

  clockOf(peer: NodeId): PeerClock {
    const row = this.#rows.get(peer)
    return { rttMs: row?.rttMs, offsetMs: row?.offsetMs }
  }

  onWake(nowMs: number, wallMs: number): Beat {
    const sleptMs = this.#wokeMs === undefined ? 0 : Math.max(0, nowMs - this.#wokeMs - PING_INTERVAL_MS)
    this.#wokeMs = nowMs
    if (nowMs < this.#nextMs && sleptMs === 0) return NOTHING
    const isRound = nowMs >= this.#roundAtMs
    if (isRound) this.#roundAtMs = nowMs + PING_INTERVAL_MS
    const pings: { peer: NodeId; number: number }[] = []
    const gone: NodeId[] = []
    let silentMs = Infinity
    for (const [peer, row] of this.#rows) {
      row.heardMs = Math.min(nowMs, row.heardMs + sleptMs)
      if (row.heardMs + PEER_SILENT_MS <= nowMs) {
        gone.push(peer)
        continue
      }
      silentMs = Math.min(silentMs, row.heardMs + PEER_SILENT_MS)
      if (row.number > 0 && !(isRound && this.#isDue(peer, row, nowMs))) continue
      row.number++
      row.sentMs = nowMs
      row.sentWallMs = wallMs
      row.isAnswered = false
      pings.push({ peer, number: row.number })
    }
    this.#nextMs = this.#rows.size === 0 ? Infinity : Math.min(this.#roundAtMs, silentMs)
    return { pings, gone }
  }

  #isDue(peer: NodeId, row: Row, nowMs: number): boolean {
    return this.#self < peer || nowMs - row.heardMs > PING_INTERVAL_MS || nowMs - row.sentMs >= PING_BACK_INTERVAL_MS
  }
}
