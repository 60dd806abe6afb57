import type { NodeId } from '../base/ids.ts'
import { PEER_SILENT_MS, PING_INTERVAL_MS } from '../base/limits.ts'

/**
 * Notices a peer that vanished without a word: a ping every PING_INTERVAL_MS to each
 * connected peer, and whoever was silent for PEER_SILENT_MS is gone. Any frame counts as a sign of life.
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
  pingAtMs: number
  number: number
  sent: { readonly number: number; readonly atMs: number; readonly wallMs: number } | undefined
  rttMs: number | undefined
  offsetMs: number | undefined
}

export class Heartbeat {
  readonly #rows: Map<NodeId, Row> = new Map()
  #wokeMs: number | undefined

  get nextWakeMs(): number {
    let next = Infinity
    for (const { pingAtMs, heardMs } of this.#rows.values()) next = Math.min(next, pingAtMs, heardMs + PEER_SILENT_MS)
    return next
  }

  onUp(peer: NodeId, nowMs: number): void {
    this.#rows.set(peer, { heardMs: nowMs, pingAtMs: nowMs, number: 0, sent: undefined, rttMs: undefined, offsetMs: undefined })
  }

  onDown(peer: NodeId): void {
    this.#rows.delete(peer)
  }

  heard(peer: NodeId, nowMs: number): void {
    const row = this.#rows.get(peer)
    if (row !== undefined) row.heardMs = nowMs
  }

  /** @returns false for a pong nobody waits for */
  onPong(peer: NodeId, number: number, theirWallMs: number, nowMs: number): boolean {
    const row = this.#rows.get(peer)
    if (row?.sent === undefined || row.sent.number !== number) return false
    row.rttMs = nowMs - row.sent.atMs
    row.offsetMs = theirWallMs - (row.sent.wallMs + row.rttMs / 2)
    row.sent = undefined
    return true
  }

  clockOf(peer: NodeId): PeerClock {
    const row = this.#rows.get(peer)
    return { rttMs: row?.rttMs, offsetMs: row?.offsetMs }
  }

  /** @returns whom to ping, and who is gone */
  onWake(nowMs: number, wallMs: number): { readonly pings: readonly { peer: NodeId; number: number }[]; readonly gone: readonly NodeId[] } {
    const sleptMs = this.#wokeMs === undefined ? 0 : Math.max(0, nowMs - this.#wokeMs - PING_INTERVAL_MS)
    this.#wokeMs = nowMs
    const pings: { peer: NodeId; number: number }[] = []
    const gone: NodeId[] = []
    for (const [peer, row] of this.#rows) {
      row.heardMs = Math.min(nowMs, row.heardMs + sleptMs)
      if (row.heardMs + PEER_SILENT_MS <= nowMs) gone.push(peer)
      if (row.pingAtMs > nowMs) continue
      row.pingAtMs = nowMs + PING_INTERVAL_MS
      row.number++
      row.sent = { number: row.number, atMs: nowMs, wallMs }
      pings.push({ peer, number: row.number })
    }
    return { pings, gone }
  }
}
