import { type Buggify, never } from '../base/buggify.ts'
import type { NodeId } from '../base/ids.ts'
import { FULL_MESH_MAX, REDIAL_MAX_MS, REDIAL_MIN_MS } from '../base/limits.ts'
import type { Random } from '../base/ports.ts'

/**
 * Keeps this node connected: every member it should be connected to, and is not, is dialled
 * again after a wait that doubles with each failure, with jitter so that a cluster that comes back does
 * not dial in step. Both sides dial; the transport keeps one of two connections.
 */
export class Redial {
  readonly #self: NodeId
  readonly #random: Random
  readonly #buggify: Buggify
  readonly #waits: Map<NodeId, { atMs: number; waitMs: number; dialling: boolean }> = new Map()
  readonly #up: Set<NodeId> = new Set()
  #nextMs: number | undefined

  constructor(self: NodeId, random: Random, buggify: Buggify = never) {
    this.#self = self
    this.#random = random
    this.#buggify = buggify
  }

  /** Asked for after every event, so it is kept until something here changes. */
  get nextWakeMs(): number {
    this.#nextMs ??= this.#earliestMs()
    return this.#nextMs
  }

  #earliestMs(): number {
    let next = Infinity
    for (const [peer, { atMs, dialling }] of this.#waits) if (!dialling && !this.#up.has(peer)) next = Math.min(next, atMs)
    return next
  }

  /** The members with known addresses, now. Whoever is new is dialled at once. */
  setTargets(members: readonly NodeId[], nowMs: number): void {
    this.#nextMs = undefined
    const targets = new Set(this.#choose(members))
    for (const peer of this.#waits.keys()) if (!targets.has(peer)) this.#waits.delete(peer)
    for (const peer of targets) if (!this.#waits.has(peer)) this.#waits.set(peer, { atMs: nowMs, waitMs: REDIAL_MIN_MS, dialling: false })
  }

  /** Everyone up to FULL_MESH_MAX; beyond, those that follow this node around the ring of ids. */
  #choose(members: readonly NodeId[]): readonly NodeId[] {
    const others = members.filter(member => member !== this.#self).sort()
    if (others.length < FULL_MESH_MAX) return others
    const start = others.findIndex(member => member > this.#self)
    const ring = start < 0 ? others : [...others.slice(start), ...others.slice(0, start)]
    return ring.slice(0, FULL_MESH_MAX / 2)
  }

  /** One that is back is a sign that others may be: they are tried again soon. */
  onUp(peer: NodeId, nowMs: number): void {
    this.#up.add(peer)
    const wait = this.#waits.get(peer)
    if (wait !== undefined) Object.assign(wait, { waitMs: REDIAL_MIN_MS, dialling: false })
    this.hintAll(nowMs)
  }

  onDown(peer: NodeId, nowMs: number): void {
    this.#nextMs = undefined
    this.#up.delete(peer)
    const wait = this.#waits.get(peer)
    if (wait !== undefined) this.#backOff(wait, nowMs)
  }

  /** @returns the wait that was chosen from; undefined for a peer that is not dialled any more */
  onDialFailed(peer: NodeId, nowMs: number): number | undefined {
    const wait = this.#waits.get(peer)
    if (wait === undefined) return undefined
    const { waitMs } = wait
    this.#backOff(wait, nowMs)
    wait.waitMs = Math.min(REDIAL_MAX_MS, waitMs * 2)
    return waitMs
  }

  /** Something was learnt of a peer's addresses: it is worth trying soon. */
  hint(peer: NodeId, nowMs: number): void {
    this.#nextMs = undefined
    const wait = this.#waits.get(peer)
    if (wait !== undefined && !wait.dialling) wait.atMs = Math.min(wait.atMs, nowMs)
  }

  /** The network is not what it was: whoever is away is tried again soon. @param withinMs chosen from at random, so that a cluster does not dial in step */
  hintAll(nowMs: number, withinMs: number = REDIAL_MIN_MS): void {
    this.#nextMs = undefined
    for (const [peer, wait] of this.#waits) {
      if (wait.dialling || this.#up.has(peer)) continue
      wait.waitMs = REDIAL_MIN_MS
      wait.atMs = Math.min(wait.atMs, nowMs + (withinMs > 0 ? this.#random.below(withinMs) : 0))
    }
  }

  /** @returns whom to dial now */
  onWake(nowMs: number): readonly NodeId[] {
    const due: NodeId[] = []
    if (this.nextWakeMs > nowMs) return due
    this.#nextMs = undefined
    for (const [peer, wait] of this.#waits) {
      if (wait.dialling || wait.atMs > nowMs || this.#up.has(peer)) continue
      wait.dialling = true
      due.push(peer)
    }
    return due
  }

  #backOff(wait: { atMs: number; waitMs: number; dialling: boolean }, nowMs: number): void {
    this.#nextMs = undefined
    wait.dialling = false
    wait.atMs = nowMs + wait.waitMs / 2 + this.#random.below(Math.ceil(wait.waitMs / 2))
    if (this.#buggify('redial.at-once')) wait.atMs = nowMs + 1
    else if (this.#buggify('redial.late')) wait.atMs = nowMs + REDIAL_MAX_MS
  }
}
