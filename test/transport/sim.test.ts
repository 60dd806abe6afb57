import t from 'tap'
import { EMPTY, utf8 } from '../../base/bytes.ts'
import { suite } from '../../base/crypto/suite.ts'
import { type NodeId, nodeIdOf } from '../../base/ids.ts'
import { FRAME_MAX_BYTES } from '../../base/limits.ts'
import { Audience } from '../../sim/audience.ts'
import { SimNetwork } from '../../sim/network.ts'
import type { SeenMessage } from '../../sim/observer.ts'
import { Scheduler } from '../../sim/scheduler.ts'
import { SimTransport } from '../../sim/transport.ts'
import type { WireShape } from '../../sim/wire.ts'
import type { Transport, TransportHandlers } from '../../transport/transport.ts'
import { transportContract, type TransportWorld } from '../contract/transport.ts'

const LAN = { delayMinUs: 100, delayMeanUs: 200, bytesPerSecond: 125_000_000 } as const

function identity(index: number): NodeId {
  return nodeIdOf(suite.publicKeyOf(new Uint8Array(32).fill(index + 1)))
}

class SimWorld implements TransportWorld {
  readonly scheduler: Scheduler = new Scheduler()
  readonly network: SimNetwork

  constructor(seed: number) {
    this.network = new SimNetwork(this.scheduler, seed, LAN)
  }

  transport(index: number): Transport {
    return new SimTransport(this.network, `n${index}`, identity(index))
  }

  async started(): Promise<void> {}

  addresses(transport: Transport): readonly string[] {
    return transport.addresses()
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const limitUs = this.scheduler.nowUs + 60e6
    if (!this.scheduler.runWhile(() => !holds(), limitUs)) throw new Error(`${what}: not within a minute of virtual time`)
  }

  cut(a: Transport, b: Transport): void {
    this.network.cut(placeOf(a), placeOf(b))
  }

  async restore(a: Transport, b: Transport): Promise<void> {
    this.network.restore(placeOf(a), placeOf(b))
  }

  async oversize(target: Transport): Promise<NodeId> {
    const peer = new SimTransport(this.network, 'n99', identity(99))
    let isUp = false
    start(peer, { onUp: () => (isUp = true) })
    peer.dial(target.self, target.addresses())
    await this.until('the peer comes up', () => isUp)
    this.network.tap = ({ kind, bytes }) => (kind === 'sync' ? new Uint8Array(FRAME_MAX_BYTES + 1) : bytes)
    peer.send(target.self, 'sync', new Uint8Array(1))
    this.network.tap = undefined
    return peer.self
  }

  async close(): Promise<void> {}
}

function placeOf(transport: Transport): string {
  return (transport as SimTransport).place
}

/** Starts `transport` with handlers that accept everybody, and do nothing else unless given. */
function start(transport: Transport, handlers: Partial<TransportHandlers> = {}): void {
  const answer = { accept: true, reply: utf8('welcome') }
  const all: TransportHandlers = {
    greeting: () => utf8('hello'),
    onGreeting: connection => transport.answer(connection, answer),
    onGreeted: (connection, _from, accepted) => {
      if (accepted) transport.answer(connection, answer)
    },
    onUp: () => {},
    onDown: () => {},
    onFrame: () => {},
    onDrain: () => {},
    onDialFailed: () => {},
    ...handlers,
  }
  transport.start(all, () => {})
}

for (const seed of [1, 2, 3]) transportContract(t, `simulated, seed ${seed}`, async () => new SimWorld(seed))

/** Nodes of a small network, each with what it was told. */
class Net {
  readonly scheduler: Scheduler = new Scheduler()
  readonly network: SimNetwork
  readonly trace: string[] = []
  readonly logs: string[][] = []
  readonly nodes: SimTransport[] = []

  constructor(seed: number, shape: WireShape, size: number) {
    const onMessage = ({ kind, from, to, bytes, arrivedUs }: SeenMessage): void => {
      this.trace.push(`${arrivedUs} ${kind} ${from}>${to} ${bytes}`)
    }
    this.network = new SimNetwork(this.scheduler, seed, shape, { audience: new Audience([{ onMessage }]) })
    for (let i = 0; i < size; i++) this.join(i)
  }

  join(i: number): SimTransport {
    const node = new SimTransport(this.network, `n${i}`, identity(i))
    const log: string[] = []
    this.nodes[i] = node
    this.logs[i] = log
    const note = (text: string): void => void log.push(`${this.scheduler.nowUs} ${text}`)
    start(node, {
      onUp: peer => note(`up ${this.#index(peer)}`),
      onDown: (peer, code) => note(`down ${this.#index(peer)} ${code}`),
      onFrame: (from, protocol, frame) => note(`${protocol} ${this.#index(from)} ${frame.length}`),
      onDialFailed: (peer, code) => note(`dial-failed ${this.#index(peer)} ${code}`),
    })
    return node
  }

  node(i: number): SimTransport {
    return this.nodes[i] as SimTransport
  }

  /** What `i` was told, without the times. */
  told(i: number): string[] {
    return (this.logs[i] as string[]).map(line => line.slice(line.indexOf(' ') + 1))
  }

  send(from: number, to: number, size: number): void {
    this.node(from).send(identity(to), 'sync', new Uint8Array(size))
  }

  /** Every node with every other. */
  mesh(): void {
    for (const [i, node] of this.nodes.entries()) for (const peer of this.nodes.slice(i + 1)) node.dial(peer.self, peer.addresses())
    this.run(1)
    for (const log of this.logs) log.length = 0
  }

  run(seconds: number): void {
    this.scheduler.runUntil(this.scheduler.nowUs + seconds * 1e6)
  }

  #index(node: NodeId): number {
    return this.nodes.findIndex(({ self }) => self === node)
  }
}

const FIXED = { delayMinUs: 1_000, delayMeanUs: 0 } as const

t.test('a message takes the least delay and an exponentially distributed one on top', async t => {
  const times = (shape: WireShape, count: number): number[] => {
    const { network, scheduler } = new Net(7, shape, 0)
    const out: number[] = []
    for (let i = 0; i < count; i++) network.packet('reset', 'n0', 'n1', EMPTY, () => out.push(scheduler.nowUs))
    scheduler.runUntil(1e9)
    return out
  }
  t.same(times(FIXED, 3), [1_000, 1_000, 1_000])
  const drawn = times({ delayMinUs: 500, delayMeanUs: 2_000 }, 20_000).map(us => us - 500)
  t.ok(drawn.every(us => Number.isInteger(us) && us >= 0))
  const mean = drawn.reduce((sum, us) => sum + us, 0) / drawn.length
  const above = (us: number): number => drawn.filter(value => value > us).length / drawn.length
  t.ok(Math.abs(mean - 2_000) < 60, `mean ${mean}`)
  for (const multiple of [0.5, 1, 2, 3]) {
    const share = above(multiple * 2_000)
    t.ok(Math.abs(share - Math.exp(-multiple)) < 0.015, `${share} of all above ${multiple} means`)
  }
})

t.test('frames of one connection keep their order, and take their time at the rate of the wire', async t => {
  const net = new Net(1, { delayMinUs: 100, delayMeanUs: 5_000 }, 2)
  net.mesh()
  for (let size = 0; size < 200; size++) net.send(0, 1, size)
  net.run(1)
  t.same(
    net.told(1),
    Array.from({ length: 200 }, (_, size) => `sync 0 ${size}`),
  )
  const slow = new Net(1, FIXED, 2)
  slow.mesh()
  slow.network.shape('n0', 'n1', { ...FIXED, bytesPerSecond: 1_000_000 })
  for (let i = 0; i < 3; i++) slow.send(0, 1, 996)
  const sentUs = slow.scheduler.nowUs
  slow.run(1)
  t.same(
    slow.logs[1]?.map(line => Number(line.split(' ')[0]) - sentUs),
    [2_000, 3_000, 4_000],
  )
})

t.test('a partition is silent, and what was lost kills its connection; heal lets new ones pass', async t => {
  const net = new Net(3, FIXED, 4)
  net.mesh()
  net.network.partition([
    ['n0', 'n1'],
    ['n2', 'n3'],
  ])
  net.send(0, 1, 10)
  net.send(0, 2, 20)
  net.run(60)
  t.same(
    [0, 1, 2, 3].map(i => net.told(i)),
    [[], ['sync 0 10'], [], []],
    'nobody is told',
  )
  t.equal(net.network.isSilent('n0', 'n2'), true)
  t.equal(net.network.isSilent('n0', 'n1'), false)
  net.network.heal()
  net.send(0, 2, 30)
  net.send(2, 0, 40)
  net.send(1, 3, 50)
  net.run(1)
  t.same(
    [0, 1, 2, 3].map(i => net.told(i)),
    [['sync 2 40'], ['sync 0 10'], [], ['sync 1 50']],
    'a stream cannot skip',
  )
  net.node(0).close(identity(2), 'timeout')
  net.run(1)
  net.node(0).dial(identity(2), net.node(2).addresses())
  net.run(1)
  net.send(0, 2, 60)
  net.run(1)
  t.same(net.told(2), ['down 0 duplicate', 'up 0', 'sync 0 60'])
})

t.test('a cut one way lets the other way pass, and what is under way is lost as well', async t => {
  const net = new Net(4, FIXED, 2)
  net.mesh()
  net.send(0, 1, 10)
  net.network.cut('n0', 'n1', 'forward')
  net.send(1, 0, 20)
  net.run(1)
  t.same([net.told(0), net.told(1)], [['sync 1 20'], []])
  net.network.restore('n0', 'n1', 'forward')
  net.node(1).close(identity(0), 'timeout')
  net.run(1)
  t.same([net.told(0), net.told(1)], [['sync 1 20', 'down 1 unreachable'], ['down 0 timeout']])
})

t.test('a crash takes with it what is under way; peers see a reset, or nothing where they are cut off', async t => {
  const net = new Net(5, FIXED, 3)
  net.mesh()
  net.network.cut('n0', 'n2')
  net.send(0, 1, 10)
  net.send(1, 0, 20)
  net.node(0).dial(identity(7), ['/sim/nowhere'])
  net.network.crash('n0')
  net.network.crash('n0')
  net.send(1, 0, 30)
  net.run(30)
  t.same([net.told(0), net.told(1), net.told(2)], [[], ['down 0 unreachable'], []])
  net.node(1).dial(identity(0), net.node(0).addresses())
  net.run(30)
  t.same(net.told(1).slice(1), ['dial-failed 0 unreachable'], 'nobody is there')
  t.throws(() => net.join(1), 'a node is there once')
  net.join(0)
  net.network.heal()
  net.node(0).dial(identity(2), net.node(2).addresses())
  net.run(1)
  t.same([net.told(0), net.told(2)], [['up 2'], ['down 0 duplicate', 'up 0']], 'back, and its ghost is gone')
})

t.test('a frame to an end that is closed is answered with a reset', async t => {
  const net = new Net(6, FIXED, 2)
  net.mesh()
  net.network.cut('n1', 'n0', 'forward')
  net.node(1).close(identity(0), 'timeout')
  net.run(30)
  t.same(net.told(0), [], 'it was never told')
  net.network.heal()
  net.send(0, 1, 10)
  net.run(1)
  t.same(net.told(0), ['down 1 unreachable'])
})

t.test('the tap sees every message, and may change or drop it; traffic counts what was sent', async t => {
  const net = new Net(8, FIXED, 2)
  net.mesh()
  const before = net.network.traffic('sync').bytes
  const seen: string[] = []
  net.network.tap = ({ kind, bytes }) => {
    seen.push(`${kind} ${bytes.length}`)
    return bytes.length === 2 ? undefined : bytes.length === 3 ? new Uint8Array(300) : bytes
  }
  for (const size of [1, 2, 3, 4]) net.send(0, 1, size)
  net.run(1)
  t.same(seen, ['sync 1', 'sync 2', 'sync 3', 'sync 4'])
  t.same(net.told(1), ['sync 0 1', 'sync 0 300', 'sync 0 4'])
  t.equal(net.network.traffic('sync').bytes - before, 1 + 300 + 4 + 3 * 4)
  t.equal(net.network.traffic('sync').messages, 3)
  t.equal(net.network.traffic('open').messages, 1)
})

t.test('a seed decides the whole run, and another seed another one', async t => {
  const run = (seed: number): string[] => {
    const net = new Net(seed, { delayMinUs: 50, delayMeanUs: 300, bytesPerSecond: 10_000_000 }, 5)
    net.mesh()
    for (let i = 0; i < 300; i++) {
      net.send(i % 5, (i * 3 + 1) % 5, (i * 37) % 2000)
      if (i === 100)
        net.network.partition([
          ['n0', 'n1'],
          ['n2', 'n3', 'n4'],
        ])
      if (i === 150) net.network.crash('n4')
      if (i === 200) net.network.heal()
      net.run(0.001)
    }
    net.run(30)
    return net.trace
  }
  const [once, again, other] = [run(1), run(1), run(2)]
  t.ok(once.length > 100)
  t.same(again, once)
  t.not(other.join('\n'), once.join('\n'))
})
