import { assert } from '../base/assert.ts'
import { EMPTY } from '../base/bytes.ts'
import type { NodeId } from '../base/ids.ts'
import { FRAME_HEADER_BYTES } from '../transport/frame.ts'
import { SimRandom } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/**
 * The wires between simulated nodes, in virtual time. A wire delays, keeps order within one
 * connection, is cut and mended, and tells nobody. Nothing here knows what the frames mean.
 */
export class SimNetwork {
  readonly scheduler: Scheduler
  /** Sees every message as it is sent; what it returns travels instead, and undefined drops it. For tests. */
  tap: ((message: SimMessage) => Uint8Array | undefined) | undefined
  readonly #seed: number
  readonly #options: SimNetworkOptions
  readonly #hosts: Map<NodeId, SimHost> = new Map()
  readonly #wires: Map<NodeId, Map<NodeId, Wire>> = new Map()
  readonly #traffic: Record<SimEventKind, Traffic>

  constructor(scheduler: Scheduler, seed: number, options: SimNetworkOptions) {
    this.scheduler = scheduler
    this.#seed = seed
    this.#options = options
    this.#traffic = Object.fromEntries(SIM_EVENTS.map(kind => [kind, { messages: 0, bytes: 0 }])) as Record<SimEventKind, Traffic>
  }

  // ---- nodes

  join(host: SimHost): void {
    assert(!this.#hosts.has(host.self), `one host of a node at a time: ${host.self}`)
    this.#hosts.set(host.self, host)
  }

  leave(host: SimHost): void {
    if (this.#hosts.get(host.self) === host) this.#hosts.delete(host.self)
  }

  host(node: NodeId): SimHost | undefined {
    return this.#hosts.get(node)
  }

  /**
   * The node stops existing: nothing that it had under way arrives, and its peers see a
   * reset one delay later, unless they are cut off. It can join again.
   */
  crash(node: NodeId): void {
    const host = this.#hosts.get(node)
    if (host === undefined) return
    this.#hosts.delete(node)
    host.crash()
  }

  // ---- faults

  /** Silently: what is sent or under way vanishes, and neither side is told. `forward` cuts from `a` to `b` only. */
  cut(a: NodeId, b: NodeId, direction: 'both' | 'forward' = 'both'): void {
    this.#wire(a, b).isCut = true
    if (direction === 'both') this.#wire(b, a).isCut = true
  }

  /** Connections that lost something stay dead, as a stream cannot skip; untouched ones go on. */
  restore(a: NodeId, b: NodeId, direction: 'both' | 'forward' = 'both'): void {
    this.#wire(a, b).isCut = false
    if (direction === 'both') this.#wire(b, a).isCut = false
  }

  /** Cuts every node of one group from every node of another. Cuts made before stay. */
  partition(groups: readonly (readonly NodeId[])[]): void {
    for (const [i, group] of groups.entries()) {
      for (const other of groups.slice(i + 1).flat()) for (const node of group) this.cut(node, other)
    }
  }

  /** Mends every cut. */
  heal(): void {
    for (const wires of this.#wires.values()) for (const wire of wires.values()) wire.isCut = false
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#wire(from, to).isCut
  }

  /** Gives the way from one node to another its own delays and rate. */
  shape(from: NodeId, to: NodeId, shape: WireShape): void {
    this.#wire(from, to).shape = shape
  }

  // ---- for the transports

  /** Messages and bytes sent so far, lengths included, lost ones too. */
  traffic(kind: SimEventKind): Readonly<Traffic> {
    return this.#traffic[kind]
  }

  /** Sends on a channel: in the order sent, or from some point on not at all. */
  send(channel: Channel, kind: SimEventKind, bytes: Uint8Array, arrive: (bytes: Uint8Array) => void): void {
    const wire = this.#wire(channel.from, channel.to)
    const sent = this.#launch(wire, kind, bytes)
    if (sent === undefined) return
    if (wire.isCut) channel.isBroken = true
    if (channel.isBroken) return
    const { nowUs } = this.scheduler
    channel.lastUs = Math.max(channel.lastUs, Math.max(nowUs, wire.busyUntilUs) + delayUs(wire))
    this.scheduler.after(channel.lastUs - nowUs, () => {
      if (wire.isCut) channel.isBroken = true
      if (channel.isBroken) return
      this.#options.onEvent?.(kind, wire.from, wire.to, sent)
      arrive(sent)
    })
  }

  /** Sends one packet outside of any channel: it arrives unless the wire is cut. */
  signal(kind: 'dial' | 'reset', from: NodeId, to: NodeId, arrive: () => void): void {
    const wire = this.#wire(from, to)
    if (this.#launch(wire, kind, EMPTY) === undefined || wire.isCut) return
    this.scheduler.after(delayUs(wire), () => {
      if (wire.isCut) return
      this.#options.onEvent?.(kind, from, to, EMPTY)
      arrive()
    })
  }

  /** Bytes that wait for the wire: none where its rate is unlimited. */
  backlogBytes(from: NodeId, to: NodeId): number {
    const { busyUntilUs, shape } = this.#wire(from, to)
    const waitUs = Math.max(0, busyUntilUs - this.scheduler.nowUs)
    return shape.bytesPerSecond === undefined ? 0 : Math.floor((waitUs * shape.bytesPerSecond) / 1e6)
  }

  /** Microseconds until no more than `bytes` of what waits now are left. */
  untilBacklogUs(from: NodeId, to: NodeId, bytes: number): number {
    const { shape } = this.#wire(from, to)
    const excess = this.backlogBytes(from, to) - bytes
    return shape.bytesPerSecond === undefined || excess <= 0 ? 0 : Math.ceil((excess * 1e6) / shape.bytesPerSecond)
  }

  /** Counts a message and lets it take its time on the wire. @returns what travels, undefined when the tap took it */
  #launch(wire: Wire, kind: SimEventKind, bytes: Uint8Array): Uint8Array | undefined {
    const { from, to, shape } = wire
    const sent = this.tap === undefined ? bytes : this.tap({ from, to, kind, bytes })
    if (sent === undefined) return undefined
    const size = FRAME_HEADER_BYTES + sent.length
    const traffic = this.#traffic[kind]
    traffic.messages++
    traffic.bytes += size
    if (shape.bytesPerSecond !== undefined) {
      wire.busyUntilUs = Math.max(this.scheduler.nowUs, wire.busyUntilUs) + Math.ceil((size * 1e6) / shape.bytesPerSecond)
    }
    return sent
  }

  #wire(from: NodeId, to: NodeId): Wire {
    let wires = this.#wires.get(from)
    if (wires === undefined) {
      wires = new Map()
      this.#wires.set(from, wires)
    }
    let wire = wires.get(to)
    if (wire === undefined) {
      wire = { from, to, random: new SimRandom(this.#seed, `network/${from}/${to}`), shape: this.#options, isCut: false, busyUntilUs: 0 }
      wires.set(to, wire)
    }
    return wire
  }
}

export interface WireShape {
  /** Microseconds that every message takes at least, one way. */
  readonly delayMinUs: number
  /** Mean of the exponentially distributed part on top; 0 for none. */
  readonly delayMeanUs: number
  /** Unlimited unless given. */
  readonly bytesPerSecond?: number
}

export interface SimNetworkOptions extends WireShape {
  /** Told of everything that arrives: what a trace is made of. */
  readonly onEvent?: (kind: SimEventKind, from: NodeId, to: NodeId, bytes: Uint8Array) => void
}

/** What travels: frames by their protocol, and what a connection is made of. */
export type SimEventKind = (typeof SIM_EVENTS)[number]
export const SIM_EVENTS = ['dial', 'open', 'greeting', 'control', 'sync', 'ipc', 'end', 'reset'] as const

export interface SimMessage {
  readonly from: NodeId
  readonly to: NodeId
  readonly kind: SimEventKind
  readonly bytes: Uint8Array
}

/** A node, as the network sees it. */
export interface SimHost {
  readonly self: NodeId
  crash(): void
}

/** One direction of one connection. */
export class Channel {
  readonly from: NodeId
  readonly to: NodeId
  /** When the newest message arrives: none overtakes it. */
  lastUs = 0
  /** Something was lost, so nothing that follows can arrive. */
  isBroken = false

  constructor(from: NodeId, to: NodeId) {
    this.from = from
    this.to = to
  }
}

export interface Traffic {
  messages: number
  bytes: number
}

/** The way from one node to another, shared by all their connections. */
interface Wire {
  readonly from: NodeId
  readonly to: NodeId
  readonly random: SimRandom
  shape: WireShape
  isCut: boolean
  busyUntilUs: number
}

function delayUs({ random, shape }: Wire): number {
  return shape.delayMinUs + (shape.delayMeanUs === 0 ? 0 : Math.round(shape.delayMeanUs * exponential(random)))
}

/**
 * An exponentially distributed number of mean 1, by von Neumann's comparisons (1951): no
 * logarithm, whose last bit may differ between machines, decides when a message arrives.
 */
function exponential(random: SimRandom): number {
  for (let whole = 0; ; whole++) {
    const first = random.uint32()
    let isOdd = true
    for (let last = first; ; isOdd = !isOdd) {
      const next = random.uint32()
      if (next >= last) break
      last = next
    }
    if (isOdd) return whole + first / 2 ** 32
  }
}
