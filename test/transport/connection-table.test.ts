import assert from 'node:assert/strict'
import t from 'tap'
import { EMPTY, utf8 } from '../../base/bytes.ts'
import { suite } from '../../base/crypto/suite.ts'
import type { ErrorCode } from '../../base/errors.ts'
import { type NodeId, nodeIdOf } from '../../base/ids.ts'
import { Metrics } from '../../base/metrics.ts'
import { type Connection, ConnectionTable, type Dial } from '../../transport/connection-table.ts'
import { Handshake, type HandshakeStep } from '../../transport/handshake.ts'
import type { Direction, Link } from '../../transport/link.ts'
import { Turn } from '../../transport/turn.ts'
import fc from '../properties.ts'

t.test('a handshake takes the messages of its turn and nothing else', async t => {
  const hello = utf8('hello')
  const YES = Uint8Array.of(1)
  const NO = Uint8Array.of(0)
  const WELCOME = Uint8Array.of(1, 2, 3)
  type Act = { readonly receive: Uint8Array; readonly step: HandshakeStep } | { readonly accept: boolean; readonly sends: Uint8Array }
  const greeting: Act = { receive: hello, step: { step: 'greeting', greeting: hello } }
  const accepts: Act = { accept: true, sends: WELCOME }
  const accepted: Act = { receive: WELCOME, step: { step: 'reply', accepted: true, reply: Uint8Array.of(2, 3) } }
  const violation = (receive: Uint8Array): Act => ({ receive, step: { step: 'violation' } })
  const cases: readonly (readonly [what: string, isDialler: boolean, ...acts: Act[]])[] = [
    ['listener, both accept', false, greeting, accepts, { receive: YES, step: { step: 'confirmed' } }, violation(YES)],
    ['listener, the dialler declines', false, greeting, accepts, { receive: NO, step: { step: 'declined' } }, violation(YES)],
    ['listener refuses', false, greeting, { accept: false, sends: Uint8Array.of(0, 2, 3) }, violation(YES)],
    ['listener, an empty greeting is one', false, { receive: EMPTY, step: { step: 'greeting', greeting: EMPTY } }],
    ['listener, confirmed before it answered', false, greeting, violation(YES)],
    ['listener, an odd confirmation', false, greeting, accepts, violation(Uint8Array.of(2))],
    ['listener, a long confirmation', false, greeting, accepts, violation(Uint8Array.of(1, 1))],
    ['dialler, both accept', true, accepted, { accept: true, sends: YES }, violation(YES)],
    ['dialler declines', true, accepted, { accept: false, sends: NO }, violation(YES)],
    [
      'dialler is refused',
      true,
      { receive: Uint8Array.of(0, 9), step: { step: 'reply', accepted: false, reply: Uint8Array.of(9) } },
      violation(YES),
    ],
    ['dialler, an empty reply', true, violation(EMPTY), violation(YES)],
    ['dialler, a reply that decides nothing', true, violation(Uint8Array.of(2, 2))],
    ['dialler, two replies', true, accepted, violation(WELCOME)],
  ]
  for (const [what, isDialler, ...acts] of cases) {
    const handshake = new Handshake(isDialler)
    for (const act of acts) {
      if ('receive' in act) t.same(handshake.receive(act.receive), act.step, what)
      else t.same(handshake.decide(act.accept, Uint8Array.of(2, 3)), act.sends, what)
    }
  }
  t.throws(() => new Handshake(true).decide(true, EMPTY), 'a decision about nothing is a bug')
})

/*
 * Two nodes, every table real, every wire a queue. What happens next is drawn: dials, secured
 * links, messages, answers, breaks, silence. Then the world settles, and the rule must hold.
 */

const IDS: readonly NodeId[] = [1, 2]
  .map(byte => nodeIdOf(suite.publicKeyOf(new Uint8Array(32).fill(byte))))
  .sort((a, b) => (a < b ? -1 : 1))

class TestLink implements Link {
  readonly peer: NodeId
  readonly direction: Direction
  readonly node: TestNode
  other: TestLink | undefined
  connection: Connection | undefined
  isOpen = false
  /** What the other end has not received yet, in order. */
  readonly wire: (Uint8Array | 'open' | 'closed')[] = []

  constructor(node: TestNode, peer: NodeId, direction: Direction) {
    this.node = node
    this.peer = peer
    this.direction = direction
  }

  open(): void {
    this.isOpen = true
    this.connection = this.node.table.opened(this)
  }

  greet(message: Uint8Array): void {
    if (this.isOpen) this.wire.push(message)
  }

  send(): boolean {
    return true
  }

  finish(): void {
    this.reset()
  }

  reset(): void {
    if (this.isOpen) this.wire.push('closed')
    this.isOpen = false
  }

  /** Hands the other end the next of what is on the way to it. */
  deliver(): void {
    const next = this.wire.shift()
    const far = this.other
    if (next === undefined || far === undefined) return
    if (next === 'open') far.open()
    else if (far.connection === undefined || !far.isOpen) return
    else if (next === 'closed') far.node.table.lost(far.connection, 'unreachable')
    else far.node.table.greeted(far.connection, next)
    if (next === 'closed') far.isOpen = false
  }
}

class TestNode {
  readonly self: NodeId
  readonly table: ConnectionTable
  readonly log: string[] = []
  readonly links: TestLink[] = []
  /** Answers that the node above owes. */
  readonly owed: number[] = []
  readonly dials: Dial[] = []
  readonly timeouts: Set<() => void> = new Set()
  readonly metrics: Metrics = new Metrics()
  up: Direction | undefined
  /** Dials asked for and not answered by onUp or onDialFailed. */
  isDialling = false

  constructor(self: NodeId, later: (task: () => void) => void, faults: string[]) {
    this.self = self
    this.table = new ConnectionTable(self, {
      turn: new Turn(later),
      after: (_delayMs, task) => {
        this.timeouts.add(task)
        return { cancel: () => this.timeouts.delete(task) }
      },
      greetingTimeoutMs: 1,
      metrics: this.metrics,
      log: () => {},
    })
    this.table.start(
      {
        greeting: () => utf8('hello'),
        onGreeting: connection => this.owed.push(connection),
        onGreeted: (connection, _from, accepted) => {
          if (accepted) this.owed.push(connection)
        },
        onUp: (_peer, direction) => {
          this.log.push(`up ${direction}`)
          if (this.up !== undefined) faults.push('up twice')
          this.up = direction
          this.isDialling = false
        },
        onDown: (_peer, code) => {
          this.log.push(`down ${code}`)
          if (this.up === undefined) faults.push('down without up')
          this.up = undefined
        },
        onFrame: () => {},
        onDrain: () => {},
        onDialFailed: (_peer, code) => {
          this.log.push(`dial-failed ${code}`)
          if (!this.isDialling) faults.push('a dial failed that was not')
          this.isDialling = false
        },
      },
      () => {},
    )
  }
}

class Pair {
  readonly faults: string[] = []
  readonly nodes: readonly [TestNode, TestNode]
  #posted: (() => void)[] = []

  constructor() {
    const later = (task: () => void): number => this.#posted.push(task)
    this.nodes = [new TestNode(IDS[0] as NodeId, later, this.faults), new TestNode(IDS[1] as NodeId, later, this.faults)]
    this.run()
  }

  run(): void {
    for (let task = this.#posted.shift(); task !== undefined; task = this.#posted.shift()) task()
  }

  other(node: TestNode): TestNode {
    return node === this.nodes[0] ? this.nodes[1] : this.nodes[0]
  }

  dial(node: TestNode): void {
    const wasIdle = node.up === undefined && !node.isDialling
    const dial = node.table.dial(this.other(node).self)
    if (wasIdle) node.isDialling = true
    if (dial !== undefined) node.dials.push(dial)
    this.run()
  }

  /** The oldest dial of `node` reaches the other: both have a link, the other hears of it in order. */
  secure(node: TestNode): void {
    if (node.dials.shift() === undefined) return
    const far = this.other(node)
    const near = new TestLink(node, far.self, 'outbound')
    near.other = new TestLink(far, node.self, 'inbound')
    near.other.other = near
    node.links.push(near)
    far.links.push(near.other)
    near.wire.push('open')
    near.open()
    this.run()
  }

  fail(node: TestNode, code: ErrorCode): void {
    const dial = node.dials.shift()
    if (dial !== undefined) node.table.dialFailed(dial, code)
    this.run()
  }

  /** Something that is under way, wherever, arrives. */
  deliver(choice: number): void {
    const busy = this.nodes.flatMap(({ links }) => links).filter(({ wire }) => wire.length > 0)
    busy[choice % Math.max(1, busy.length)]?.deliver()
    this.run()
  }

  answer(node: TestNode, accept: boolean): void {
    const connection = node.owed.shift()
    if (connection !== undefined) node.table.answer(connection, { accept, reply: utf8('welcome') })
    this.run()
  }

  /** The link breaks: one side is told, the other when it is told, or never if it is silent. */
  break(node: TestNode, link: number, isSilent: boolean): void {
    const open = node.links.filter(({ isOpen }) => isOpen)
    const victim = open[link % Math.max(1, open.length)]
    if (victim?.connection === undefined) return
    node.table.lost(victim.connection, 'unreachable')
    victim.isOpen = false
    if (isSilent) {
      victim.wire.length = 0
      if (victim.other !== undefined) victim.other.wire.length = 0
      victim.other = undefined
    }
    this.run()
  }

  close(node: TestNode): void {
    node.table.close(this.other(node).self, 'timeout')
    this.run()
  }

  /** What pings are for: links whose other end is gone are given up. */
  noticeGhosts(): void {
    for (const { links, table } of this.nodes) {
      for (const link of links) {
        if (link.connection !== undefined && link.isOpen && link.other?.isOpen !== true) table.lost(link.connection, 'timeout')
      }
    }
    this.run()
  }

  timeout(node: TestNode): void {
    const [oldest] = node.timeouts
    if (oldest === undefined) return
    node.timeouts.delete(oldest)
    oldest()
    this.run()
  }

  /** No more faults: what is under way arrives, what is owed is answered, every link opened hears of its end. */
  settle(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false
      for (const node of this.nodes) {
        while (node.dials.length > 0) this.secure(node)
        for (const link of node.links) {
          while (link.wire.length > 0) {
            isBusy = true
            link.deliver()
            this.run()
          }
        }
        while (node.owed.length > 0) {
          isBusy = true
          this.answer(node, true)
        }
      }
    }
  }
}

/** What can happen at a node; the number chooses where there is a choice. */
const ACTS = {
  dial: (pair, node) => pair.dial(node),
  secure: (pair, node) => pair.secure(node),
  deliver: (pair, _node, choice) => pair.deliver(choice),
  accept: (pair, node) => pair.answer(node, true),
  refuse: (pair, node) => pair.answer(node, false),
  fail: (pair, node) => pair.fail(node, 'unreachable'),
  break: (pair, node, choice) => pair.break(node, choice, false),
  cut: (pair, node, choice) => pair.break(node, choice, true),
  timeout: (pair, node) => pair.timeout(node),
  close: (pair, node) => pair.close(node),
} as const satisfies Record<string, (pair: Pair, node: TestNode, choice: number) => void>

type Act = keyof typeof ACTS
type Story = readonly (readonly [act: Act, who: number, choice: number])[]

const PROGRESS: readonly Act[] = ['dial', 'secure', 'accept', 'accept', 'deliver', 'deliver', 'deliver']
const TROUBLE: readonly Act[] = ['refuse', 'fail', 'break', 'cut', 'timeout', 'close']

function stories(...acts: readonly Act[]): fc.Arbitrary<Story> {
  return fc.array(fc.tuple(fc.constantFrom(...acts), fc.nat(1), fc.nat(7)), { maxLength: 200, size: 'max' })
}

function tell(story: Story): Pair {
  const pair = new Pair()
  for (const [act, who, choice] of story) ACTS[act](pair, pair.nodes[who] as TestNode, choice)
  return pair
}

/** One connection is open, the same on both sides, and both know it. */
function assertAgreement({ nodes: [a, b], faults }: Pair): void {
  assert.deepEqual(faults, [])
  const [mine, theirs] = [a, b].map(({ links }) => links.filter(({ isOpen }) => isOpen))
  assert.equal(mine?.length, 1)
  assert.equal(theirs?.length, 1)
  assert.ok(mine?.[0]?.other === theirs?.[0], 'not the same connection')
  assert.equal(a.up, mine?.[0]?.direction)
  assert.equal(b.up, theirs?.[0]?.direction)
  assert.equal(a.isDialling || b.isDialling, false, 'a dial had no outcome')
}

t.test('however two nodes dial each other, they end with one connection, having changed it once at most', async () => {
  fc.assert(
    fc.property(stories(...PROGRESS), story => {
      const pair = tell([['dial', 0, 0], ...story])
      pair.settle()
      assertAgreement(pair)
      for (const { log } of pair.nodes) {
        assert.equal(log.filter(entry => entry.startsWith('dial-failed')).length, 0)
        assert.ok(log.filter(entry => entry.startsWith('down')).length <= 1)
      }
    }),
    { numRuns: 3000 },
  )
})

t.test('of dials that cross, that of the smaller node stays, and nobody sees the other come up', async t => {
  const pair = new Pair()
  const [small, large] = pair.nodes
  for (const node of pair.nodes) pair.dial(node)
  for (const node of pair.nodes) pair.secure(node)
  pair.settle()
  t.same(small.log, ['up outbound'])
  t.same(large.log, ['up inbound'])
  assertAgreement(pair)
})

t.test('a connection that came up during a dial ends the dial, even that of the smaller node', async t => {
  const pair = new Pair()
  const [first, second] = pair.nodes
  for (const node of pair.nodes) pair.dial(node)
  pair.secure(second)
  for (let i = 0; i < 8; i++) {
    pair.deliver(0)
    pair.answer(first, true)
    pair.answer(second, true)
  }
  t.same([first.log, second.log], [['up inbound'], ['up outbound']], 'the larger was first')
  pair.secure(first)
  pair.settle()
  t.same([first.log, second.log], [['up inbound'], ['up outbound']], 'and stays')
  assertAgreement(pair)
})

t.test('a greeting that fails says nothing about a dial that is still connecting', async t => {
  const pair = new Pair()
  const [a, b] = pair.nodes
  pair.dial(a)
  pair.dial(b)
  pair.secure(b)
  pair.deliver(0)
  pair.timeout(a)
  t.same(a.log, [])
  pair.secure(a)
  pair.settle()
  t.same(a.log, ['up outbound'])
  assertAgreement(pair)
})

t.test('a peer has one greeting under way at a time', async t => {
  const pair = new Pair()
  const [a, b] = pair.nodes
  pair.dial(a)
  pair.secure(a)
  pair.deliver(0)
  const [ghost] = b.links
  pair.break(a, 0, true)
  pair.dial(a)
  pair.secure(a)
  t.equal(ghost?.isOpen, true)
  pair.deliver(0)
  t.equal(ghost?.isOpen, false, 'the older one is closed')
  pair.settle()
  assertAgreement(pair)
})

t.test('whatever happens, ups and downs alternate and every dial has one outcome; once ghosts are noticed, both agree', async () => {
  fc.assert(
    fc.property(stories(...Array.from({ length: 12 }, () => PROGRESS).flat(), ...TROUBLE), story => {
      const pair = tell(story)
      pair.settle()
      pair.noticeGhosts()
      for (const node of pair.nodes) if (node.up === undefined) pair.dial(node)
      pair.settle()
      assertAgreement(pair)
    }),
    { numRuns: 5000 },
  )
})
