import { spaceOf, type Stream } from '../../base/ids.ts'
import { reaches } from '../../discovery/spaces.ts'
import type { Core } from '../../node/core.ts'
import type { Fault } from '../faults/fault.ts'
import type { Setup } from './checker.ts'
import { seconds } from './facts.ts'
import type { Ledger } from './ledger.ts'
import type { Story } from './story.ts'

const LOOK_MS = 1_000
/** 90 s after the last fault: two comparisons have told what a bad wire lost, and the longest wait for a dial is over. */
const SETTLED_MS = 90_000
/** 8 s: a slow disk and a pull that is asked of somebody else take 6; what is only found by comparing takes 15 and more. */
const LAG_MAX_MS = 8_000

export interface Late {
  readonly nodes: readonly string[]
  readonly promised: string
  readonly seen: string
}

/** 45 s: who may hold a log since a moment ago is told by a push where both know of it, and otherwise when they next compare. */
const NEW_RIGHT_MS = 45_000

/** Something that was not there when it was first looked for, and how much of it was. */
interface Behind {
  readonly sinceMs: number
  readonly size: number
}

/**
 * Whether news travels while nothing is wrong. In the end everything arrives, since nodes compare all they have every
 * half minute; that this is not what it waits for shows only when nothing else stands in its way.
 */
export class Lag {
  readonly #setup: Setup
  readonly #story: Story
  readonly #ledger: Ledger
  readonly #up: Map<string, Core> = new Map()
  readonly #behind: Map<string, Behind> = new Map()
  /** Since when somebody may hold what somebody writes in a private space, as both know. */
  readonly #allowedMs: Map<string, number> = new Map()
  #faultMs = Number.NEGATIVE_INFINITY
  #nextMs = 0
  #steps = 0

  constructor(setup: Setup, story: Story, ledger: Ledger) {
    this.#setup = setup
    this.#story = story
    this.#ledger = ledger
  }

  onFault(fault: Fault): void {
    const lastsMs = 'forMs' in fault ? fault.forMs : 0
    this.#faultMs = Math.max(this.#faultMs, this.#setup.nowMs() + lastsMs)
  }

  onEnd(node: string): void {
    this.#up.delete(node)
    this.#faultMs = Math.max(this.#faultMs, this.#setup.nowMs())
  }

  /** @returns who waits for what, if somebody has waited for too long */
  onStep(node: string, core: Core): Late | undefined {
    if (this.#up.get(node) !== core) this.#begin(node, core)
    if (++this.#steps % 16 !== 0) return undefined
    const nowMs = this.#setup.nowMs()
    if (nowMs < this.#nextMs) return undefined
    this.#nextMs = nowMs + LOOK_MS
    if (!this.#isCalm(nowMs)) {
      this.#behind.clear()
      return undefined
    }
    for (const [name, author] of this.#up) {
      if (!this.#setup.isCorrect(name)) continue
      for (const [id, log] of author.chain.logs) {
        if (log.identity.author !== author.self) continue
        const shown = this.#isLate(`${id} ${name}`, log.published, log.durable, nowMs)
        if (shown !== undefined)
          return this.#late(
            [name],
            `${name} has had ${log.durable} records of its ${log.identity.stream} log for ${seconds(shown)}, and has shown ${log.published}`,
          )
        for (const [other, holder] of this.#up) {
          if (other === name || !this.#setup.isCorrect(other) || !this.#isFor(log.identity.stream, author, holder, nowMs)) continue
          const held = holder.chain.log(id)?.durable ?? 0
          const lateMs = this.#isLate(`${id} ${other}`, held, log.published, nowMs)
          if (lateMs !== undefined)
            return this.#late(
              [name, other],
              `${name} has shown ${log.published} records of ${this.#ledger.textOf(id)} for ${seconds(lateMs)}, and ${other} has ${held}`,
            )
        }
      }
      const missing = this.#notConnected(name, author, nowMs)
      if (missing !== undefined) return missing
    }
    return undefined
  }

  /** Of a private space only who may hold it is told, once both have known of that for a while. */
  #isFor(stream: Stream, author: Core, holder: Core, nowMs: number): boolean {
    const space = spaceOf(stream)
    if (space === undefined || author.spaces.created.get(space)?.isPrivate !== true) return true
    const key = `${space} ${author.self} ${holder.self}`
    if (![author, holder].every(core => reaches(core.spaces.roleOf(space, holder.self), 'relay'))) {
      this.#allowedMs.delete(key)
      return false
    }
    const sinceMs = this.#allowedMs.get(key) ?? nowMs
    this.#allowedMs.set(key, sinceMs)
    return nowMs - sinceMs > NEW_RIGHT_MS
  }

  #begin(node: string, core: Core): void {
    this.#up.set(node, core)
    this.#faultMs = Math.max(this.#faultMs, this.#setup.nowMs())
  }

  #late(nodes: readonly string[], seen: string): Late {
    return { nodes, promised: `nothing has been wrong anywhere since ${seconds(this.#faultMs)}`, seen }
  }

  #notConnected(name: string, core: Core, nowMs: number): Late | undefined {
    if (this.#setup.scenario.buggify.includes('peers.close-early')) return undefined
    for (const [other, { self }] of this.#up) {
      if (other === name || !this.#setup.isCorrect(other)) continue
      const lateMs = this.#isLate(`up ${name} ${other}`, core.peers.connected.has(self) ? 1 : 0, 1, nowMs)
      if (lateMs !== undefined) return this.#late([name, other], `${name} has not been connected to ${other} for ${seconds(lateMs)}`)
    }
    return undefined
  }

  /** @returns for how long `has` has been below what `wanted` was, once that is too long */
  #isLate(key: string, has: number, wanted: number, nowMs: number): number | undefined {
    const behind = this.#behind.get(key)
    if (has >= wanted) return void this.#behind.delete(key)
    if (behind === undefined || has >= behind.size) return void this.#behind.set(key, { sinceMs: nowMs, size: wanted })
    return nowMs - behind.sinceMs > LAG_MAX_MS ? nowMs - behind.sinceMs : undefined
  }

  /** Wires that lose nothing, disks that work, nobody hostile, every node up, and no fault for a while. */
  #isCalm(nowMs: number): boolean {
    const { scenario } = this.#setup
    if (nowMs - this.#faultMs < SETTLED_MS || scenario.guard === 'majority') return false
    return (
      (scenario.net.loss ?? 0) === 0 &&
      !this.#lasts() &&
      scenario.nodes.every(({ name, isLate }) => isLate || !this.#setup.isCorrect(name) || this.#up.has(name))
    )
  }

  /** A fault that has not been ended. */
  #lasts(): boolean {
    const open = new Set<string>()
    for (const { fault } of this.#story.faults) {
      const place = 'node' in fault ? fault.node : ''
      if (fault.verb === 'heal') for (const key of open) open.delete(key.startsWith('net ') ? key : '')
      else if (fault.verb === 'disk-full') open.add(`disk ${place}`)
      else if (fault.verb === 'disk-ok') open.delete(`disk ${place}`)
      else if (fault.verb === 'turn' || fault.verb === 'twin' || fault.verb === 'disk-rot') open.add('for good')
      else if (LASTING.has(fault.verb)) open.add(`net ${fault.verb}`)
      else if (fault.verb === 'net') {
        const { loss = 0, bytesPerSecond = Infinity } = fault.quality
        const key = `net ${JSON.stringify(fault.way)}`
        loss > 0 || bytesPerSecond < Infinity ? open.add(key) : open.delete(key)
      }
    }
    return open.size > 0
  }
}

const LASTING: ReadonlySet<Fault['verb']> = new Set<Fault['verb']>(['partition', 'bridge', 'isolate', 'ring', 'cut', 'block'])
