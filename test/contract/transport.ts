import type { Test } from 'tap'
import { utf8 } from '../../base/bytes.ts'
import type { ErrorCode } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import { FRAME_MAX_BYTES, GREETING_MAX_BYTES, OUTBOUND_MAX_BYTES } from '../../base/limits.ts'
import { PROTOCOLS, type Protocol } from '../../transport/protocols.ts'
import type { ConnectionId, GreetingAnswer, SendResult, Transport, TransportHandlers } from '../../transport/transport.ts'

/** What the suite needs of the world that transports live in. */
export interface TransportWorld {
  /** A transport of the identity `index`, not started. One at a time of each. */
  transport(index: number): Transport
  /** It listens now. */
  started(transport: Transport): Promise<void>
  /** Where others dial it now. */
  addresses(transport: Transport): readonly string[]
  /** Lets the world go on until `holds`; rejects after a deadline, naming `what` did not happen. */
  until(what: string, holds: () => boolean): Promise<void>
  /** Silently: nothing passes between the two, and no one is told. */
  cut(a: Transport, b: Transport): void
  /** New connections pass again; those that lost something stay dead. */
  restore(a: Transport, b: Transport): Promise<void>
  /** A peer that came up with `target` in good order announces a sync frame above the limit. */
  oversize(target: Transport): Promise<NodeId>
  close(): Promise<void>
}

const ALL: readonly Protocol[] = ['control', 'sync', 'ipc']
const ACCEPTED: GreetingAnswer = { accept: true, reply: utf8('welcome') }
const REFUSED: GreetingAnswer = { accept: false, reply: utf8('no: wrong cluster') }

/** What every `Transport` does. */
export function transportContract(t: Test, name: string, makeWorld: () => Promise<TransportWorld>): void {
  const test = (sentence: string, body: (t: Test, scene: Scene) => Promise<void>): void => {
    t.test(`${name}: ${sentence}`, async t => {
      const scene = new Scene(await makeWorld())
      try {
        await body(t, scene)
      } finally {
        await scene.close()
      }
      t.same(scene.violations, [], 'handlers ran one at a time, outside of calls to the transport')
    })
  }

  test('a dial brings a connection up on both sides, each knowing who the other is', async (t, scene) => {
    const [a, b] = await scene.pair()
    await scene.connect(a, b)
    t.same(a.log, [`greeting ${b.self}`, `greeted ${b.self} yes welcome`, `up ${b.self} outbound`])
    t.same(b.log, [`greeted-by ${a.self} hello`, `up ${a.self} inbound`])
    for (const node of [a, b])
      t.ok(
        node.transport.addresses().every(address => address.endsWith(`/p2p/${node.self}`)),
        'its addresses name it',
      )
    scene.dial(a, b)
    scene.dial(b, a)
    t.equal(a.send(b, 'ipc', utf8('one')), 'sent')
    t.equal(b.send(a, 'control', utf8('two')), 'sent')
    await scene.until('both frames arrive', () => b.frames.length === 1 && a.frames.length === 1)
    t.same(b.frames, [{ from: a.self, protocol: 'ipc', bytes: utf8('one') }])
    t.same(a.frames, [{ from: b.self, protocol: 'control', bytes: utf8('two') }])
    t.equal(a.log.length, 3, 'a dial while connected does nothing')
    t.equal(b.log.length, 2)
  })

  test('a node that claims another id cannot be reached under it', async (t, scene) => {
    const [a, b, other] = await scene.nodes(3)
    a.dial(
      other,
      scene.addresses(b).map(address => address.replace(/\/p2p\/.*/, `/p2p/${other.self}`)),
    )
    await scene.until('the dial fails', () => a.log.length > 0)
    t.same(a.log, [`dial-failed ${other.self} impostor`])
    t.same(b.log, [], 'it never heard of it')
  })

  test('a peer that is not there is unreachable', async (t, scene) => {
    const [a, b, gone] = await scene.nodes(3)
    const old = scene.addresses(gone)
    await scene.stop(gone)
    const cases: readonly (readonly [what: string, addresses: readonly string[]])[] = [
      ['nobody listens there any more', old],
      ['no address is known', []],
      ['the addresses are not addresses', ['nonsense', '/ip4/1.2.3', '/sim/', '']],
      ['the addresses are those of another peer', scene.addresses(b)],
    ]
    for (const [what, addresses] of cases) {
      a.log.length = 0
      a.dial(gone, addresses)
      await scene.until(`a dial fails where ${what}`, () => a.log.length > 0)
      t.same(a.log, [`dial-failed ${gone.self} unreachable`], what)
    }
    a.log.length = 0
    a.dial(a, scene.addresses(a))
    await scene.until('a dial to itself fails', () => a.log.length > 0)
    t.same(a.log, [`dial-failed ${a.self} unreachable`])
    t.equal(a.send(b, 'sync', utf8('x')), 'unreachable', 'sending to a peer that was never dialled')
  })

  test('a listener that refuses has its reply heard, and nothing comes up', async (t, scene) => {
    const [a, b] = await scene.pair()
    b.policy = () => REFUSED
    scene.dial(a, b)
    await scene.until('the dial fails', () => a.has('dial-failed'))
    t.same(a.log, [`greeting ${b.self}`, `greeted ${b.self} no no: wrong cluster`, `dial-failed ${b.self} denied`])
    t.same(b.log, [`greeted-by ${a.self} hello`])
    t.equal(a.send(b, 'sync', utf8('x')), 'unreachable')
    b.policy = () => ACCEPTED
    await scene.connect(a, b)
    t.ok(b.isUp(a), 'a later dial is a new start')
  })

  test('a dialler that does not like the reply ends it, and nothing comes up', async (t, scene) => {
    const [a, b] = await scene.pair()
    a.policy = () => REFUSED
    scene.dial(a, b)
    await scene.until('the dial fails', () => a.has('dial-failed'))
    t.same(a.log, [`greeting ${b.self}`, `greeted ${b.self} yes welcome`, `dial-failed ${b.self} denied`])
    a.policy = () => ACCEPTED
    await scene.connect(b, a)
    t.same(b.log, [`greeted-by ${a.self} hello`, `greeting ${a.self}`, `greeted ${a.self} yes welcome`, `up ${a.self} outbound`])
  })

  test('an answer may take its time, and no frame passes before both have accepted', async (t, scene) => {
    const [a, b] = await scene.pair()
    for (const node of [a, b]) {
      node.policy = () => undefined
      node.onUpSend = ALL
    }
    scene.dial(a, b)
    await scene.until('the listener is asked', () => b.has('greeted-by'))
    t.equal(a.send(b, 'control', utf8('early')), 'unreachable')
    t.equal(b.send(a, 'control', utf8('early')), 'unreachable')
    b.answerLast(ACCEPTED)
    await scene.until('the dialler is asked', () => a.has('greeted'))
    t.equal(a.send(b, 'control', utf8('early')), 'unreachable')
    t.equal(b.send(a, 'control', utf8('early')), 'unreachable')
    t.same([a.frames, b.frames], [[], []])
    a.answerLast(ACCEPTED)
    await scene.until('all frames arrive', () => a.frames.length === 3 && b.frames.length === 3)
    t.equal(b.log.at(-1), `up ${a.self} inbound`)
    for (const [node, from] of [
      [a, b],
      [b, a],
    ] as const) {
      const bytes = utf8('sent while it came up')
      t.same(new Set(node.frames), new Set(ALL.map(protocol => ({ from: from.self, protocol, bytes }))))
    }
  })

  test('a greeting that is not answered in time fails, and a late answer means nothing', async (t, scene) => {
    const [a, b] = await scene.pair()
    b.policy = () => undefined
    scene.dial(a, b)
    await scene.until('the dial fails', () => a.has('dial-failed'))
    t.equal(a.log.at(-1), `dial-failed ${b.self} timeout`)
    b.answerLast(ACCEPTED)
    b.policy = () => ACCEPTED
    a.policy = () => undefined
    a.log.length = 0
    scene.dial(a, b)
    await scene.until('the second dial fails', () => a.has('dial-failed'))
    t.same(a.log, [`greeting ${b.self}`, `greeted ${b.self} yes welcome`, `dial-failed ${b.self} timeout`])
    a.answerLast(ACCEPTED)
    a.policy = () => ACCEPTED
    await scene.connect(a, b)
    t.equal(b.count('up'), 1)
  })

  test('greeting and reply of the greatest length arrive whole', async (t, scene) => {
    const [a, b] = await scene.pair()
    a.hello = 'h'.repeat(GREETING_MAX_BYTES)
    b.policy = () => ({ accept: true, reply: utf8('r'.repeat(GREETING_MAX_BYTES)) })
    await scene.connect(a, b)
    t.same(b.log[0], `greeted-by ${a.self} ${a.hello}`)
    t.same(a.log[1], `greeted ${b.self} yes ${'r'.repeat(GREETING_MAX_BYTES)}`)
  })

  test('10,000 frames of all sizes on three protocols, both ways at once, arrive once, whole and in order', async (t, scene) => {
    const [a, b] = await scene.pair()
    await scene.connect(a, b)
    const perProtocol = 1667
    const pumps: Pump[] = []
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      to.keepsFrames = false
      for (const protocol of ALL) pumps.push(new Pump(from, to, protocol, perProtocol))
    }
    for (const pump of pumps) pump.run()
    await scene.until('all frames arrive', () => pumps.every(pump => pump.received === perProtocol))
    t.same(
      pumps.flatMap(pump => pump.faults),
      [],
    )
    t.same(
      pumps.map(pump => pump.sent),
      pumps.map(() => perProtocol),
    )
    t.ok(a.isUp(b) && b.isUp(a))
  })

  test('a frame of the greatest size passes, a larger one is refused where it is sent', async (t, scene) => {
    const [a, b] = await scene.pair()
    await scene.connect(a, b)
    for (const protocol of ALL) {
      const { frameMaxBytes } = PROTOCOLS[protocol]
      t.throws(() => a.send(b, protocol, new Uint8Array(frameMaxBytes + 1)), RangeError, protocol)
      t.equal(a.send(b, protocol, filled(frameMaxBytes, 7)), 'sent')
      t.equal(a.send(b, protocol, new Uint8Array(0)), 'sent', 'an empty frame is a frame')
    }
    await scene.until('six frames arrive', () => b.frames.length === 6)
    for (const protocol of ALL) {
      const sizes = b.frames.filter(frame => frame.protocol === protocol).map(({ bytes }) => bytes.length)
      t.same(sizes, [PROTOCOLS[protocol].frameMaxBytes, 0], protocol)
    }
    t.ok(b.frames.every(({ bytes }) => bytes.every(byte => byte === 7)))
  })

  test('a peer that announces a frame above the limit loses its connection', async (t, scene) => {
    const [a] = await scene.nodes(1)
    const peer = await scene.world.oversize(a.transport)
    await scene.until('its connection closes', () => a.has('down'))
    t.same(a.log, [`greeted-by ${peer} hello`, `up ${peer} inbound`, `down ${peer} frame_too_large`])
    t.same(a.frames, [])
  })

  test('a sender is told when too much waits, and when it may go on; what was taken arrives', async (t, scene) => {
    const [a, b] = await scene.pair()
    await scene.connect(a, b)
    b.keepsFrames = false
    let arrived = 0
    b.onFrameArrived = () => arrived++
    const frame = filled(FRAME_MAX_BYTES, 1)
    let taken = 0
    const fill = (): void => {
      while (a.send(b, 'sync', frame) === 'sent') taken++
    }
    fill()
    t.ok(taken >= 7 && taken <= OUTBOUND_MAX_BYTES / FRAME_MAX_BYTES + 1, `${taken} MiB were taken at once`)
    for (let i = 1; i <= 3; i++) {
      await scene.until('the sender may go on', () => a.count('drain') === i)
      const before = taken
      fill()
      t.ok(taken - before >= 3, 'half of it had left')
    }
    await scene.until('all that was taken arrives', () => arrived === taken)
    await scene.until('the sender may go on', () => a.count('drain') === 4)
    t.same(
      a.log.slice(3),
      Array.from({ length: 4 }, () => `drain ${b.self}`),
    )
  })

  test('what was sent before a close arrives, then the other side is told', async (t, scene) => {
    const [a, b] = await scene.pair()
    await scene.connect(a, b)
    const sizes = [1, 350, 65_536, 5, FRAME_MAX_BYTES, 17, 700_000]
    for (const size of sizes) t.equal(a.send(b, 'sync', filled(size, 3)), 'sent')
    t.equal(a.send(b, 'ipc', utf8('the first on its protocol')), 'sent')
    a.close(b, 'revoked')
    t.equal(a.send(b, 'sync', utf8('late')), 'unreachable')
    await scene.until('the closer is told', () => a.has('down'))
    t.equal(a.log.at(-1), `down ${b.self} revoked`)
    await scene.until('the other side is told', () => b.has('down'))
    t.equal(b.log.at(-1), `down ${a.self} unreachable`)
    t.same(
      b.frames.filter(({ protocol }) => protocol === 'sync').map(({ bytes }) => bytes.length),
      sizes,
    )
    t.same(
      b.frames.filter(({ protocol }) => protocol === 'ipc').map(({ bytes }) => bytes),
      [utf8('the first on its protocol')],
    )
  })

  test('a close with the other side in full flow delivers one way and ends the other', async (t, scene) => {
    const [a, b] = await scene.pair()
    await scene.connect(a, b)
    a.keepsFrames = false
    let afterDown = 0
    a.onFrameArrived = () => (afterDown += a.has('down') ? 1 : 0)
    const flow = new Pump(b, a, 'sync', Number.MAX_SAFE_INTEGER)
    flow.run()
    await scene.until('frames flow', () => flow.received > 20)
    for (let i = 0; i < 100; i++) t.equal(a.send(b, 'ipc', filled(10_000, i)), 'sent')
    a.close(b, 'not_a_member')
    await scene.until('both are told', () => a.has('down') && b.has('down'))
    t.same(
      b.frames.map(({ bytes }) => bytes[0]),
      Array.from({ length: 100 }, (_, i) => i),
      'all hundred arrived',
    )
    t.equal(b.send(a, 'sync', utf8('x')), 'unreachable')
    t.equal(afterDown, 0, 'nothing is delivered after onDown')
    t.same(flow.faults, [])
    await scene.connect(b, a)
  })

  test('a silent cut is not noticed; a close answers at once; a new dial replaces the dead connection', async (t, scene) => {
    const [a, b] = await scene.pair()
    for (const [dialler, listener] of [
      [a, b],
      [b, a],
    ] as const) {
      for (const redialler of [a, b]) {
        const stale = redialler === a ? b : a
        for (const node of [a, b]) node.log.length = 0
        await scene.connect(dialler, listener)
        for (const node of [a, b]) node.log.length = 0
        scene.world.cut(a.transport, b.transport)
        t.equal(a.send(b, 'sync', utf8('lost')), 'sent')
        t.equal(b.send(a, 'sync', utf8('lost')), 'sent')
        redialler.close(stale, 'timeout')
        await scene.until('the closer is told', () => redialler.has('down'))
        t.same(redialler.log, [`down ${stale.self} timeout`])
        t.same(stale.log, [], 'the other side knows nothing')
        await scene.world.restore(a.transport, b.transport)
        await scene.connect(redialler, stale)
        t.same(
          stale.log.filter(entry => !entry.startsWith('greet')),
          [`down ${redialler.self} duplicate`, `up ${redialler.self} inbound`],
        )
        t.same([a.frames, b.frames], [[], []])
        a.close(b, 'timeout')
        await scene.until('both are down', () => !a.isUp(b) && !b.isUp(a))
      }
    }
  })

  test('of simultaneous dials one connection remains, the same on both sides, in each of 50 rounds', async (t, scene) => {
    const [a, b] = await scene.pair()
    for (let round = 0; round < 50; round++) {
      for (const node of [a, b]) node.log.length = 0
      scene.dial(a, b)
      scene.dial(b, a)
      await scene.until('both are up with the same connection', () => {
        const [mine, theirs] = [a.directionOf(b), b.directionOf(a)]
        return mine !== undefined && theirs !== undefined && mine !== theirs
      })
      const nonce = utf8(`round ${round}`)
      for (const node of [a, b]) node.frames.length = 0
      t.equal(a.send(b, 'ipc', nonce), 'sent')
      t.equal(b.send(a, 'ipc', nonce), 'sent')
      await scene.until('it carries frames both ways', () => a.frames.length === 1 && b.frames.length === 1)
      for (const node of [a, b]) {
        const changes = node.log.filter(entry => /^(up|down)/.test(entry)).map(entry => entry.split(' ')[0])
        t.same(
          changes,
          changes.map((_, i) => (i % 2 === 0 ? 'up' : 'down')),
          'ups and downs alternate',
        )
        t.equal(node.count('dial-failed'), 0, 'no dial failed')
      }
      a.close(b, 'timeout')
      await scene.until('both are down', () => !a.isUp(b) && !b.isUp(a))
    }
  })

  test('a blocked peer is cut off both ways, and comes back when it no longer is', async (t, scene) => {
    const [a, b, c] = await scene.nodes(3)
    await scene.connect(a, b)
    await scene.connect(a, c)
    a.block([b])
    await scene.until('both are told', () => a.has('down') && b.has('down'))
    t.equal(a.log.at(-1), `down ${b.self} unreachable`)
    t.equal(b.log.at(-1), `down ${a.self} unreachable`)
    t.equal(a.send(b, 'sync', utf8('x')), 'unreachable')
    for (const node of [a, b]) node.log.length = 0
    scene.dial(a, b)
    scene.dial(b, a)
    await scene.until('both dials fail', () => a.has('dial-failed') && b.has('dial-failed'))
    t.same(a.log, [`dial-failed ${b.self} unreachable`])
    t.equal(b.log.at(-1), `dial-failed ${a.self} unreachable`)
    t.equal(a.send(c, 'sync', utf8('x')), 'sent', 'others are not concerned')
    a.block([])
    await scene.connect(b, a)
    t.ok(a.isUp(b))
  })

  test('a stop with traffic under way delivers what was sent, and calls no handler once done', async (t, scene) => {
    const [a, b, c] = await scene.nodes(3)
    await scene.connect(a, b)
    await scene.connect(c, a)
    b.keepsFrames = false
    a.keepsFrames = false
    const out = new Pump(a, b, 'sync', Number.MAX_SAFE_INTEGER)
    const back = new Pump(b, a, 'ipc', Number.MAX_SAFE_INTEGER)
    out.run()
    back.run()
    await scene.until('frames flow', () => out.received > 20 && back.received > 20)
    const { sent } = out
    const doneAt = await scene.stop(a)
    await scene.until('the others are told', () => b.has('down') && c.has('down'))
    t.equal(out.received, sent, 'all that was sent before the stop')
    t.same(out.faults, [])
    t.equal(a.log.filter(entry => entry.endsWith('stopping')).length, 2)
    t.equal(a.calls, doneAt, 'nothing was called after done')
    t.equal(a.send(b, 'sync', utf8('x')), 'unreachable')
    a.dial(b, scene.addresses(b))
    await scene.connect(b, c)
    t.equal(a.calls, doneAt)
  })

  test('a node that starts again is the same peer at another place', async (t, scene) => {
    const [a, b] = await scene.pair()
    await scene.connect(a, b)
    await scene.stop(a)
    await scene.until('the other is told', () => b.has('down'))
    const again = await scene.node(0)
    t.equal(again.self, a.self)
    await scene.connect(b, again)
    t.equal(again.send(b, 'control', utf8('back')), 'sent')
    await scene.until('its frame arrives', () => b.frames.length === 1)
    t.same(b.frames, [{ from: a.self, protocol: 'control', bytes: utf8('back') }])
  })
}

/** A world and the nodes in it. */
class Scene {
  readonly world: TransportWorld
  readonly violations: string[] = []
  readonly #nodes: Set<Node> = new Set()

  constructor(world: TransportWorld) {
    this.world = world
  }

  async node(index: number): Promise<Node> {
    const node = new Node(this.world.transport(index), this.violations)
    this.#nodes.add(node)
    let outcome: string | undefined
    node.transport.start(node, error => (outcome = error?.message ?? 'started'))
    await this.until('a node starts', () => outcome !== undefined)
    if (outcome !== 'started') throw new Error(outcome)
    await this.world.started(node.transport)
    return node
  }

  async nodes(count: 1): Promise<[Node]>
  async nodes(count: 3): Promise<[Node, Node, Node]>
  async nodes(count: number): Promise<Node[]> {
    const nodes: Node[] = []
    for (let i = 0; i < count; i++) nodes.push(await this.node(i))
    return nodes
  }

  async pair(): Promise<[Node, Node]> {
    return [await this.node(0), await this.node(1)]
  }

  /** @returns how many handlers of it had been called when it was done */
  async stop(node: Node): Promise<number> {
    this.#nodes.delete(node)
    let calls: number | undefined
    node.transport.stop(() => (calls = node.calls))
    await this.until('a node stops', () => calls !== undefined)
    return calls as unknown as number
  }

  addresses(node: Node): readonly string[] {
    return this.world.addresses(node.transport)
  }

  dial(from: Node, to: Node): void {
    from.dial(to, this.addresses(to))
  }

  async connect(from: Node, to: Node): Promise<void> {
    const [ups, downs] = [to.count('up'), to.count('down')]
    this.dial(from, to)
    await this.until(
      'a dial comes up on both sides',
      () => from.isUp(to) && to.count('up') > ups && to.isUp(from) && to.count('down') >= downs,
    )
  }

  until(what: string, holds: () => boolean): Promise<void> {
    return this.world.until(what, holds)
  }

  async close(): Promise<void> {
    for (const node of this.#nodes) await this.stop(node)
    await this.world.close()
  }
}

interface Received {
  readonly from: NodeId
  readonly protocol: Protocol
  readonly bytes: Uint8Array
}

/** A node that writes down what it is told, and sees that it is told properly. */
class Node implements TransportHandlers {
  readonly transport: Transport
  readonly log: string[] = []
  readonly frames: Received[] = []
  /** Handlers called so far. */
  calls = 0
  hello = 'hello'
  /** Undefined: it waits for `answerLast`. */
  policy: (from: NodeId) => GreetingAnswer | undefined = () => ACCEPTED
  keepsFrames = true
  onUpSend: readonly Protocol[] = []
  onFrameArrived: ((frame: Received) => void) | undefined
  readonly pumps: Pump[] = []
  readonly #violations: string[]
  readonly #up: Map<NodeId, 'inbound' | 'outbound'> = new Map()
  #lastConnection: ConnectionId = 0
  #inside = ''
  #calling = ''

  constructor(transport: Transport, violations: string[]) {
    this.transport = transport
    this.#violations = violations
  }

  get self(): NodeId {
    return this.transport.self
  }

  isUp(peer: Node): boolean {
    return this.#up.has(peer.self)
  }

  directionOf(peer: Node): 'inbound' | 'outbound' | undefined {
    return this.#up.get(peer.self)
  }

  has(kind: string): boolean {
    return this.count(kind) > 0
  }

  count(kind: string): number {
    return this.log.filter(entry => entry.split(' ')[0] === kind).length
  }

  dial(peer: Node, addresses: readonly string[]): void {
    this.#call('dial', () => this.transport.dial(peer.self, addresses))
  }

  send(to: Node, protocol: Protocol, frame: Uint8Array): SendResult {
    return this.#call('send', () => this.transport.send(to.self, protocol, frame))
  }

  close(peer: Node, code: ErrorCode): void {
    this.#call('close', () => this.transport.close(peer.self, code))
  }

  block(peers: readonly Node[]): void {
    this.#call('block', () => this.transport.block(peers.map(({ self }) => self)))
  }

  answerLast(answer: GreetingAnswer): void {
    this.#call('answer', () => this.transport.answer(this.#lastConnection, answer))
  }

  greeting(peer: NodeId): Uint8Array {
    return this.#handle('greeting', () => {
      this.log.push(`greeting ${peer}`)
      return utf8(this.hello)
    })
  }

  onGreeting(connection: ConnectionId, from: NodeId, greeting: Uint8Array): void {
    this.#handle('onGreeting', () => {
      this.log.push(`greeted-by ${from} ${text(greeting)}`)
      this.#decide(connection, from)
    })
  }

  onGreeted(connection: ConnectionId, from: NodeId, accepted: boolean, reply: Uint8Array): void {
    this.#handle('onGreeted', () => {
      this.log.push(`greeted ${from} ${accepted ? 'yes' : 'no'} ${text(reply)}`)
      if (accepted) this.#decide(connection, from)
    })
  }

  onUp(peer: NodeId, direction: 'inbound' | 'outbound'): void {
    this.#handle('onUp', () => {
      this.log.push(`up ${peer} ${direction}`)
      if (this.#up.has(peer)) this.#violations.push(`up twice: ${peer}`)
      this.#up.set(peer, direction)
      const bytes = utf8('sent while it came up')
      for (const protocol of this.onUpSend) this.#call('send', () => this.transport.send(peer, protocol, bytes))
    })
  }

  onDown(peer: NodeId, code: ErrorCode): void {
    this.#handle('onDown', () => {
      this.log.push(`down ${peer} ${code}`)
      if (!this.#up.delete(peer)) this.#violations.push(`down without up: ${peer}`)
    })
  }

  onFrame(from: NodeId, protocol: Protocol, bytes: Uint8Array): void {
    this.#handle('onFrame', () => {
      if (!this.#up.has(from)) this.#violations.push(`a frame of ${from}, which is not up`)
      if (this.keepsFrames) this.frames.push({ from, protocol, bytes })
      this.onFrameArrived?.({ from, protocol, bytes })
      for (const pump of this.pumps) pump.receive(from, protocol, bytes)
    })
  }

  onDrain(peer: NodeId): void {
    this.#handle('onDrain', () => {
      this.log.push(`drain ${peer}`)
      for (const pump of this.pumps) pump.drain(peer)
    })
  }

  onDialFailed(peer: NodeId, code: ErrorCode): void {
    this.#handle('onDialFailed', () => this.log.push(`dial-failed ${peer} ${code}`))
  }

  #decide(connection: ConnectionId, from: NodeId): void {
    this.#lastConnection = connection
    const answer = this.policy(from)
    if (answer !== undefined) this.#call('answer', () => this.transport.answer(connection, answer))
  }

  #handle<T>(what: string, handler: () => T): T {
    if (this.#inside !== '') this.#violations.push(`${what} inside ${this.#inside}`)
    if (this.#calling !== '') this.#violations.push(`${what} during a call of ${this.#calling}`)
    this.#inside = what
    this.calls++
    const result = handler()
    this.#inside = ''
    return result
  }

  #call<T>(what: string, call: () => T): T {
    const outer = this.#calling
    this.#calling = what
    try {
      return call()
    } finally {
      this.#calling = outer
    }
  }
}

/** Sends numbered frames of all sizes as fast as it may, and checks what arrives. */
class Pump {
  readonly faults: string[] = []
  sent = 0
  received = 0
  readonly #from: Node
  readonly #to: Node
  readonly #protocol: Protocol
  readonly #count: number

  constructor(from: Node, to: Node, protocol: Protocol, count: number) {
    this.#from = from
    this.#to = to
    this.#protocol = protocol
    this.#count = count
    from.pumps.push(this)
    if (from !== to) to.pumps.push(this)
  }

  run(): void {
    while (this.sent < this.#count) {
      if (this.#from.send(this.#to, this.#protocol, this.#frame(this.sent)) !== 'sent') return
      this.sent++
    }
  }

  drain(peer: NodeId): void {
    if (peer === this.#to.self) this.run()
  }

  receive(from: NodeId, protocol: Protocol, bytes: Uint8Array): void {
    if (from !== this.#from.self || protocol !== this.#protocol) return
    const expected = this.#frame(this.received)
    const isRight = bytes.length === expected.length && bytes.every((byte, i) => byte === expected[i])
    if (!isRight) this.faults.push(`frame ${this.received} of ${protocol}: ${bytes.length} bytes, expected ${expected.length}`)
    this.received++
  }

  /** Mostly small, some of a chunk, one in 256 of the greatest size. */
  #frame(number: number): Uint8Array {
    const draw = Math.imul(number + 1, 0x9e3779b1) >>> 0
    const large = draw % 256 === 0 ? PROTOCOLS[this.#protocol].frameMaxBytes : 50_000
    const size = draw % 32 === 0 ? large : (draw >>> 8) % 2000
    const frame = filled(Math.max(size, 4), draw % 251)
    new DataView(frame.buffer).setUint32(0, number)
    return frame
  }
}

function filled(size: number, value: number): Uint8Array {
  return new Uint8Array(size).fill(value)
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
