import { assert } from '../base/assert.ts'
import { FRAME_HEADER_BYTES } from '../transport/frame.ts'
import type { Audience } from './audience.ts'
import type { WireQuality } from './faults/fault.ts'
import type { Gate } from './gate.ts'
import { messageKindOf } from './message-kind.ts'
import { type Scheduler, SimEvent } from './scheduler.ts'
import type { Trace } from './trace.ts'
import { shapeWith, type Waiting, Wire, type WireShape } from './wire.ts'

/**
 * The wires between simulated places, in virtual time. A wire delays, keeps order within one
 * connection, loses, is cut and mended, and tells nobody. Nothing here knows what the frames mean.
 *
 * A place is a machine, not a NodeId: two machines may claim to be one node.
 */
export class SimNetwork {
  readonly scheduler: Scheduler
  /** Sees every message as it is sent; what it returns travels instead, and undefined drops it. For tests. */
  tap: ((message: SimMessage) => Uint8Array | undefined) | undefined
  readonly #seed: number
  readonly #baseShape: WireShape
  readonly #options: SimNetworkOptions
  readonly #hosts: Map<string, SimHost> = new Map()
  readonly #wires: Map<string, Map<string, Wire>> = new Map()
  readonly #traffic: Record<SimEventKind, Traffic>
  readonly #muted: Set<string> = new Set()
  readonly #twins: Twin[] = []
  /** Of wires that nobody has spoken of yet. */
  #shape: WireShape
  readonly #blocked: Set<string> = new Set()

  constructor(scheduler: Scheduler, seed: number, shape: WireShape, options: SimNetworkOptions = {}) {
    this.scheduler = scheduler
    this.#seed = seed
    this.#baseShape = shape
    this.#shape = shape
    this.#options = options
    this.#traffic = Object.fromEntries(SIM_EVENTS.map(kind => [kind, { messages: 0, bytes: 0 }])) as Record<SimEventKind, Traffic>
  }

  // ---- places

  join(host: SimHost): void {
    assert(!this.#hosts.has(host.place), `one host at a place at a time: ${host.place}`)
    this.#hosts.set(host.place, host)
  }

  leave(host: SimHost): void {
    if (this.#hosts.get(host.place) === host) this.#hosts.delete(host.place)
  }

  host(place: string): SimHost | undefined {
    return this.#hosts.get(place)
  }

  /**
   * The node there stops existing: nothing that it had under way arrives, and its peers see a
   * reset one delay later, unless they are cut off. It can join again.
   */
  crash(place: string): void {
    const host = this.#hosts.get(place)
    if (host === undefined) return
    this.#hosts.delete(place)
    host.crash()
  }

  /** A second machine that claims to be the node of the first: to those `beside` it, it is the one that is there. For ever. */
  twin(first: string, second: string, beside: ReadonlySet<string>): void {
    const twin: Twin = { first, second, beside }
    this.#twins.push(twin)
    for (const wires of this.#wires.values()) for (const wire of wires.values()) if (isApart(twin, wire)) wire.silence |= SILENCE.twin
  }

  /** Where somebody at `from` gets to who dials `place`. */
  route(from: string, place: string): string {
    const twin = this.#twins.find(({ first, second }) => first === place || second === place)
    if (twin === undefined) return place
    return twin.beside.has(from) ? twin.second : twin.first
  }

  // ---- faults

  /** Silently: what is sent or under way vanishes, and neither side is told. `forward` cuts from `a` to `b` only. */
  cut(a: string, b: string, direction: 'both' | 'forward' = 'both'): void {
    this.silence(a, b, 'cut')
    if (direction === 'both') this.silence(b, a, 'cut')
  }

  /** Connections that lost something stay dead, as a stream cannot skip; untouched ones go on. */
  restore(a: string, b: string, direction: 'both' | 'forward' = 'both'): void {
    this.unsilence(a, b, 'cut')
    if (direction === 'both') this.unsilence(b, a, 'cut')
  }

  /** Cuts every place of one group from every place of another. Cuts made before stay. */
  partition(groups: readonly (readonly string[])[]): void {
    for (const [i, group] of groups.entries()) {
      for (const other of groups.slice(i + 1).flat()) for (const place of group) this.cut(place, other)
    }
  }

  silence(from: string, to: string, cause: keyof typeof SILENCE): void {
    this.wire(from, to).silence |= SILENCE[cause]
  }

  unsilence(from: string, to: string, cause: keyof typeof SILENCE): void {
    this.wire(from, to).silence &= ~SILENCE[cause]
  }

  isSilent(from: string, to: string): boolean {
    return this.wire(from, to).silence !== 0
  }

  /** Nothing that is sent from this place arrives anywhere. */
  mute(place: string, isMute: boolean): void {
    if (isMute) this.#muted.add(place)
    else this.#muted.delete(place)
    for (const wire of this.#wires.get(place)?.values() ?? [])
      wire.silence = isMute ? wire.silence | SILENCE.mute : wire.silence & ~SILENCE.mute
  }

  /** What is sent from one place to another waits until no cause is left. */
  clog(from: string, to: string, cause: keyof typeof CLOG): void {
    this.wire(from, to).clog(CLOG[cause])
  }

  unclog(from: string, to: string, cause: keyof typeof CLOG): void {
    this.wire(from, to).unclog(CLOG[cause])
  }

  /** A connection that carries this kind of message is silent from there on. @param way null for all of them */
  block(message: string, way: { readonly from: string; readonly to: string } | null): void {
    if (way !== null) return void this.wire(way.from, way.to).blocked.add(message)
    this.#blocked.add(message)
    for (const wires of this.#wires.values()) for (const wire of wires.values()) wire.blocked.add(message)
  }

  /** Gives one way, or all of them, another quality; what is not given stays as it is. */
  change(way: { readonly from: string; readonly to: string } | null, quality: WireQuality): void {
    if (way !== null) return this.shape(way.from, way.to, shapeWith(this.wire(way.from, way.to).shape, quality))
    this.#shape = shapeWith(this.#shape, quality)
    for (const wires of this.#wires.values()) for (const wire of wires.values()) wire.shape = shapeWith(wire.shape, quality)
  }

  /** Gives the way from one place to another its own delays and rate. */
  shape(from: string, to: string, shape: WireShape): void {
    this.wire(from, to).shape = shape
  }

  /** Ends every cut, flap, clog and block, and gives all wires the quality they had in the beginning. */
  heal(): void {
    this.#shape = this.#baseShape
    this.#blocked.clear()
    for (const wires of this.#wires.values()) for (const wire of wires.values()) this.#mend(wire)
  }

  /** The same for the ways between these places. */
  healAmong(places: readonly string[]): void {
    for (const from of places) for (const to of places) if (from !== to) this.#mend(this.wire(from, to))
  }

  #mend(wire: Wire): void {
    wire.silence &= ~(SILENCE.cut | SILENCE.flap)
    wire.blocked.clear()
    wire.shape = this.#baseShape
    wire.unclog(CLOG.clog | CLOG.swizzle)
  }

  // ---- for the transports

  /** Messages and bytes sent so far, lengths included, lost ones too. */
  traffic(kind: SimEventKind): Readonly<Traffic> {
    return this.#traffic[kind]
  }

  /** Sends on a channel: in the order sent, or from some point on not at all. */
  send(channel: Channel, kind: SimEventKind, bytes: Uint8Array): void {
    const { wire } = channel
    const sent = this.#tapped(wire, kind, bytes)
    if (sent !== undefined) wire.send(new Flight(this, wire, kind, sent, channel, null))
  }

  /** Sends one packet outside of any channel: it arrives once, twice, or not at all. */
  packet(kind: 'dial' | 'reset' | 'gossip', from: string, to: string, bytes: Uint8Array, arrive: (bytes: Uint8Array) => void): void {
    const wire = this.wire(from, to)
    const sent = this.#tapped(wire, kind, bytes)
    if (sent === undefined) return
    const flight = new Flight(this, wire, kind, sent, null, arrive)
    if (wire.hasRoom(flight.size, Infinity)) wire.send(flight)
    else this.tell(flight, null)
  }

  /** The way from one place to another. */
  wire(from: string, to: string): Wire {
    let wires = this.#wires.get(from)
    if (wires === undefined) {
      wires = new Map()
      this.#wires.set(from, wires)
    }
    let wire = wires.get(to)
    if (wire === undefined) {
      wire = new Wire(this.scheduler, from, to, this.#seed, this.#options.gateOf?.(to) ?? null, this.#shape)
      if (this.#muted.has(from)) wire.silence |= SILENCE.mute
      for (const twin of this.#twins) if (isApart(twin, wire)) wire.silence |= SILENCE.twin
      for (const message of this.#blocked) wire.blocked.add(message)
      wires.set(to, wire)
    }
    return wire
  }

  /** What travels, undefined when the tap took it. */
  #tapped(wire: Wire, kind: SimEventKind, bytes: Uint8Array): Uint8Array | undefined {
    const sent = this.tap === undefined ? bytes : this.tap({ from: wire.from, to: wire.to, kind, bytes })
    if (sent === undefined) return undefined
    const traffic = this.#traffic[kind]
    traffic.messages++
    traffic.bytes += FRAME_HEADER_BYTES + sent.length
    return sent
  }

  // ---- for what is under way

  arrived(flight: Flight): void {
    const { wire, kind, bytes } = flight
    this.#options.trace?.add(this.scheduler.nowUs, wire.traceCode(kind), bytes)
    this.tell(flight, this.scheduler.nowUs)
  }

  /** Tells who watches what became of a message. */
  tell({ wire, kind, bytes, size, sentUs }: Flight, arrivedUs: number | null): void {
    const { audience } = this.#options
    if (audience?.watchesMessages === true)
      audience.onMessage({ from: wire.from, to: wire.to, kind: messageKindOf(kind, bytes), bytes: size, sentUs, arrivedUs })
  }
}

export interface SimNetworkOptions {
  /** Gets everything that arrives. */
  readonly trace?: Trace
  readonly audience?: Audience
  /** The gate of the machine at a place, through which what arrives there passes. */
  readonly gateOf?: (place: string) => Gate
}

/** What travels: frames by their protocol, what a connection is made of, and packets outside of connections. */
export type SimEventKind = (typeof SIM_EVENTS)[number]
export const SIM_EVENTS = ['dial', 'open', 'greeting', 'control', 'sync', 'ipc', 'end', 'reset', 'gossip'] as const

export interface SimMessage {
  /** Places. */
  readonly from: string
  readonly to: string
  readonly kind: SimEventKind
  readonly bytes: Uint8Array
}

/** Why a wire is silent. */
const SILENCE = { cut: 1, flap: 2, mute: 4, twin: 8 } as const
/** Why a wire holds back what is sent. */
const CLOG = { clog: 1, swizzle: 2 } as const

/** A node, as the network sees it. */
export interface SimHost {
  readonly place: string
  crash(): void
}

/** What sends on a channel, and stands for its far end too. */
export interface ChannelEnd {
  arrived(kind: SimEventKind, bytes: Uint8Array): void
  /** The other end has not acknowledged anything for a long time. */
  gaveUp(): void
}

/** One direction of one connection. */
export class Channel {
  readonly wire: Wire
  readonly end: ChannelEnd
  /** The other direction, once there is one. */
  back: Channel | undefined
  /** When the newest message arrives: none overtakes it. */
  lastUs: number = -Infinity
  /** Something was lost, so nothing that follows can arrive. */
  isBroken = false

  constructor(wire: Wire, end: ChannelEnd) {
    this.wire = wire
    this.end = end
  }
}

export interface Traffic {
  messages: number
  bytes: number
}

/** 200 ms: the least time after which TCP sends again what was not acknowledged; twice as long each time. */
const RETRANSMIT_US = 200_000
/** 8 losses in a row take 51 s: then a connection is given up. */
const LOSSES_MAX = 8

/** One message or packet under way. */
class Flight extends SimEvent implements Waiting {
  readonly wire: Wire
  readonly kind: SimEventKind
  readonly bytes: Uint8Array
  readonly size: number
  readonly sentUs: number
  readonly #network: SimNetwork
  /** Null for a packet, which has somebody to `arrive` at instead. */
  readonly #channel: Channel | null
  readonly #arrive: ((bytes: Uint8Array) => void) | null

  constructor(
    network: SimNetwork,
    wire: Wire,
    kind: SimEventKind,
    bytes: Uint8Array,
    channel: Channel | null,
    arrive: ((bytes: Uint8Array) => void) | null,
  ) {
    super(wire.gate)
    this.wire = wire
    this.kind = kind
    this.bytes = bytes
    this.size = FRAME_HEADER_BYTES + bytes.length
    this.sentUs = network.scheduler.nowUs
    this.#network = network
    this.#channel = channel
    this.#arrive = arrive
  }

  launch(): void {
    if (this.#channel === null) this.#launchPacket()
    else this.#launchOn(this.#channel)
  }

  override happen(): void {
    const channel = this.#channel
    if (this.wire.silence !== 0) this.#break()
    if (channel?.isBroken === true || this.wire.silence !== 0) return this.#network.tell(this, null)
    this.#network.arrived(this)
    if (channel === null) this.#arrive?.(this.bytes)
    else channel.end.arrived(this.kind, this.bytes)
  }

  #launchPacket(): void {
    const { wire } = this
    const { scheduler } = this.#network
    const isDoubled = wire.isDoubled()
    if (wire.silence !== 0 || wire.losses(1) > 0) return this.#network.tell(this, null)
    scheduler.schedule(wire.carry(this.size), this)
    if (isDoubled) {
      const copy = new Flight(this.#network, wire, this.kind, this.bytes, null, this.#arrive)
      scheduler.schedule(wire.carry(this.size), copy)
    }
  }

  #launchOn(channel: Channel): void {
    const { wire } = this
    const { scheduler } = this.#network
    if (wire.silence !== 0) this.#break()
    if (wire.blocked.size > 0 && this.#isBlocked()) this.#break(channel.back)
    if (channel.isBroken) return this.#network.tell(this, null)
    const delayUs = wire.carry(this.size)
    const losses = wire.losses(LOSSES_MAX)
    const lateUs = (2 ** losses - 1) * RETRANSMIT_US
    if (losses === LOSSES_MAX) {
      channel.isBroken = true
      scheduler.after(lateUs, () => channel.end.gaveUp())
      return this.#network.tell(this, null)
    }
    channel.lastUs = Math.max(channel.lastUs, scheduler.nowUs + delayUs + lateUs)
    scheduler.schedule(channel.lastUs - scheduler.nowUs, this)
  }

  #isBlocked(): boolean {
    return this.wire.blocked.has(this.kind) || this.wire.blocked.has(messageKindOf(this.kind, this.bytes))
  }

  #break(back?: Channel): void {
    if (this.#channel !== null) this.#channel.isBroken = true
    if (back !== undefined) back.isBroken = true
  }
}

interface Twin {
  readonly first: string
  readonly second: string
  readonly beside: ReadonlySet<string>
}

/** Each of the two is there for some, and never for the others. */
function isApart({ first, second, beside }: Twin, { from, to }: Wire): boolean {
  const isOf = (place: string, other: string): boolean => (place === first && beside.has(other)) || (place === second && !beside.has(other))
  return isOf(from, to) || isOf(to, from)
}
