import type { Groups, NetworkFault, Way, WireQuality } from '../../sim/faults/fault.ts'
import type { Exchange } from '../../sim/proxy/exchange.ts'
import { PERFECT, type Quality, type Wire } from '../../sim/proxy/wire.ts'

/**
 * The ways between the nodes of a real stage, and why each is silent: a cut, a clog or a mute node, all at once
 * if need be. A cut holds back what is sent, as a link does that drops every packet: TCP sends it again, so what was not given
 * up arrives after the heal.
 */
export class RealWays {
  readonly #exchange: Exchange
  readonly #after: (ms: number, task: () => void) => void
  readonly #usual: Quality
  readonly #ways: Map<string, Map<string, Silence>> = new Map()
  /** The quality of ways that have none of their own. */
  #common: Quality

  /** @param usual what it is like while nothing is wrong */
  constructor(exchange: Exchange, usual: WireQuality, after: (ms: number, task: () => void) => void) {
    this.#exchange = exchange
    this.#after = after
    this.#usual = qualityOf(PERFECT, usual)
    this.#common = this.#usual
  }

  /** Ways to and from one more node. */
  add(name: string): void {
    const others = [...this.#ways.keys()]
    this.#ways.set(name, new Map())
    for (const other of others) {
      for (const [from, to] of [
        [name, other],
        [other, name],
      ] as const) {
        const wire = this.#exchange.wire(from, to)
        wire.shape(this.#common)
        this.#ways.get(from)?.set(to, new Silence(wire))
      }
    }
  }

  perform(fault: Exclude<NetworkFault, { verb: 'block' }>): void {
    switch (fault.verb) {
      case 'partition':
        return this.#part(fault.groups)
      case 'cut':
        return this.#each(fault.way, way => way.set('cut', true))
      case 'restore':
        return this.#each(fault.way, way => way.mend())
      case 'isolate':
        return this.#part([[fault.node], this.#names.filter(name => name !== fault.node)])
      case 'bridge':
        return this.#part(fault.groups.map(group => group.filter(name => name !== fault.node)))
      case 'ring':
        return this.#ring(fault.nodes)
      case 'flap':
        return this.#each(fault.way, way => this.#flap(way, way.epoch, fault.everyMs, fault.forMs))
      case 'clog':
        return this.#each(fault.way, way => this.#clog(way, fault.forMs))
      case 'swizzle':
        return this.#swizzle(fault.nodes, fault.forMs)
      case 'net':
        if (fault.way === null) this.#common = qualityOf(this.#common, fault.quality)
        return this.#each(fault.way, ({ wire }) => wire.shape(qualityOf(wire.quality, fault.quality)))
      case 'heal':
        return this.#heal()
    }
  }

  /** Nothing that `node` sends arrives. No fault of the network: a heal does not end it. */
  mute(node: string, forMs: number): void {
    for (const way of this.#ways.get(node)?.values() ?? []) this.#forAWhile(way, 'mute', forMs)
  }

  /** Ends all that is wrong with the ways between these, and with what they say. */
  mend(names: readonly string[]): void {
    for (const from of names) {
      for (const [to, way] of this.#ways.get(from) ?? []) {
        way.set('mute', false)
        if (!names.includes(to)) continue
        way.mend()
        way.wire.shape(this.#usual)
      }
    }
  }

  #heal(): void {
    this.#common = this.#usual
    this.#each(null, way => {
      way.mend()
      way.wire.shape(this.#usual)
    })
  }

  #part(groups: Groups): void {
    for (const [i, group] of groups.entries()) {
      for (const from of group)
        for (const to of groups.slice(i + 1).flat()) this.#each({ from, to, both: true }, way => way.set('cut', true))
    }
  }

  #ring(nodes: readonly string[]): void {
    for (const [i, from] of nodes.entries()) {
      for (const [j, to] of nodes.entries()) {
        const steps = Math.abs(i - j)
        if (steps > 1 && steps < nodes.length - 1) this.#each({ from, to, both: false }, way => way.set('cut', true))
      }
    }
  }

  #flap(way: Silence, epoch: number, everyMs: number, leftMs: number): void {
    if (way.epoch !== epoch) return
    way.set('cut', leftMs > 0 && !way.has('cut'))
    if (leftMs > 0) this.#after(Math.min(everyMs, leftMs), () => this.#flap(way, epoch, everyMs, leftMs - everyMs))
  }

  #clog(way: Silence, forMs: number): void {
    this.#forAWhile(way, 'clog', forMs)
  }

  /** In the first half they are clogged one by one, in the second they are let go, in another order. */
  #swizzle(nodes: readonly string[], forMs: number): void {
    const chosen = shuffled(nodes).slice(0, 1 + Math.floor(Math.random() * nodes.length))
    const order = shuffled(chosen)
    const stepMs = forMs / 2 / chosen.length
    for (const [i, node] of chosen.entries()) {
      const clogMs = forMs / 2 + stepMs * (order.indexOf(node) - i)
      for (const other of this.#names) {
        this.#each({ from: node, to: other, both: true }, way => {
          const { epoch } = way
          this.#after(stepMs * i, () => way.epoch === epoch && this.#clog(way, clogMs))
        })
      }
    }
  }

  /** Of two such faults the later one counts. */
  #forAWhile(way: Silence, reason: 'clog' | 'mute', forMs: number): void {
    const turn = ++way.turns[reason]
    way.set(reason, true)
    this.#after(forMs, () => way.turns[reason] === turn && way.set(reason, false))
  }

  get #names(): readonly string[] {
    return [...this.#ways.keys()]
  }

  /** A node that is not there has no ways. @param chosen null for all */
  #each(chosen: Way | null, act: (way: Silence) => void): void {
    if (chosen === null) {
      for (const ways of this.#ways.values()) for (const way of ways.values()) act(way)
      return
    }
    const { from, to, both } = chosen
    const there = this.#ways.get(from)?.get(to)
    const back = this.#ways.get(to)?.get(from)
    if (there !== undefined) act(there)
    if (both && back !== undefined) act(back)
  }
}

type Reason = 'cut' | 'clog' | 'mute'

/** One way, and what keeps it silent. */
class Silence {
  readonly wire: Wire
  /** How often each has begun: what was begun earlier ends nothing. */
  readonly turns: Record<'clog' | 'mute', number> = { clog: 0, mute: 0 }
  /** Grows with every mending: what was begun before goes on no more. */
  epoch = 0
  readonly #reasons: Set<Reason> = new Set()

  constructor(wire: Wire) {
    this.wire = wire
  }

  has(reason: Reason): boolean {
    return this.#reasons.has(reason)
  }

  set(reason: Reason, holds: boolean): void {
    if (holds) this.#reasons.add(reason)
    else this.#reasons.delete(reason)
    const isSilent = this.#reasons.size > 0
    if (isSilent !== this.wire.isHeld) isSilent ? this.wire.hold() : this.wire.release()
  }

  mend(): void {
    this.epoch++
    for (const reason of ['cut', 'clog'] as const) this.set(reason, false)
  }
}

function qualityOf(now: Quality, { delayMinMs, delayMeanMs, bytesPerSecond }: WireQuality): Quality {
  return {
    delayMinMs: delayMinMs ?? now.delayMinMs,
    delayMeanMs: delayMeanMs ?? now.delayMeanMs,
    bytesPerSecond: bytesPerSecond ?? now.bytesPerSecond,
  }
}

function shuffled<T>(values: readonly T[]): readonly T[] {
  return values
    .map(value => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value)
}
