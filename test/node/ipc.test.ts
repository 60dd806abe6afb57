import t from 'tap'
import { never } from '../../base/buggify.ts'
import { decode, encode } from '../../base/codec.ts'
import { suite } from '../../base/crypto/suite.ts'
import { clusterIdOf, type NodeId, nodeIdOf, type Pid } from '../../base/ids.ts'
import { ACTOR_MAX_BYTES, CALL_DEADLINE_MAX_MS, MESSAGE_MAX_BYTES, PENDING_CALLS_MAX } from '../../base/limits.ts'
import { Metrics } from '../../base/metrics.ts'
import { CURRENT } from '../../base/version.ts'
import { parseRecipient } from '../../node/ipc/address.ts'
import { Deadlines } from '../../node/ipc/deadlines.ts'
import { ERROR_TEXT_MAX, type IpcMessage } from '../../node/ipc/messages.ts'
import { decodeValue, encodeValue } from '../../node/ipc/values.ts'
import { encodeMessage, parseMessage, WIRE } from '../../node/messages.ts'
import { Waiters } from '../../node/waiters.ts'
import { SimRandom } from '../../sim/random.ts'
import fc from '../properties.ts'
import { codeOf } from '../sim/helpers.ts'

const NODE: NodeId = nodeIdOf(suite.publicKeyOf(new Uint8Array(32).fill(1)))
const SELF: NodeId = nodeIdOf(suite.publicKeyOf(new Uint8Array(32).fill(2)))
const CLUSTER = clusterIdOf(new Uint8Array(32))

t.test('a process is named in one of four ways; what is none of them names nothing', t => {
  const named: readonly (readonly [text: string, node: NodeId | undefined, target: number | string])[] = [
    ['counter', undefined, 'counter'],
    ['_', undefined, '_'],
    ['a.b-c_1', undefined, 'a.b-c_1'],
    ['17', undefined, 17],
    ['0', undefined, 0],
    ['kernel', undefined, 0],
    [`${NODE}/17`, NODE, 17],
    [`${NODE}/0`, NODE, 0],
    [`${NODE}:counter`, NODE, 'counter'],
    [`${NODE}:kernel`, NODE, 0],
  ]
  for (const [text, node, target] of named) t.strictSame(parseRecipient(text, SELF), { node, target }, text)
  t.strictSame(parseRecipient(`${SELF}:counter`, SELF), { node: SELF, target: 'counter' })
  const bad = [
    '',
    ' ',
    '/',
    ':',
    '1st',
    '-1',
    '+1',
    '01',
    '1.5',
    '1e3',
    '9999999999999999',
    'two words',
    'é',
    'x'.repeat(65),
    'a/b',
    'a:b',
    NODE.slice(1),
    `${NODE}/`,
    `${NODE}:`,
    `${NODE}/counter`,
    `${NODE}:17`,
    `${NODE}/01`,
    `${NODE}/-1`,
    ` ${NODE}/1`,
    `${NODE}/1 `,
    `${NODE}/1/2`,
    `${NODE}:a:b`,
    `${NODE.slice(0, -1)}/1`,
    'constructor/1',
    `${SELF}/`,
    `${SELF}:17`,
    `${SELF}x/1`,
  ]
  for (const text of bad) t.equal(parseRecipient(text, SELF), undefined, JSON.stringify(text))
  t.end()
})

t.test('a value is sent if it arrives as it was, and refused otherwise', t => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
      const sent = decodeValue(encodeValue(value))
      return sent !== undefined && JSON.stringify(sent.value) === JSON.stringify(value)
    }),
  )
  class Point {
    readonly x = 1
    readonly y = 2
  }
  const good: readonly (readonly [value: unknown, arrives: unknown])[] = [
    [undefined, undefined],
    [null, null],
    [0, 0],
    ['', ''],
    [false, false],
    [[], []],
    [{}, {}],
    [Object.create(null), {}],
    [new Point(), { x: 1, y: 2 }],
    [{ given: 1, missing: undefined }, { given: 1 }],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
  ]
  for (const [value, arrives] of good) t.strictSame(decodeValue(encodeValue(value)), { value: arrives })
  t.equal(encodeValue('x'.repeat(MESSAGE_MAX_BYTES - 2)).length, MESSAGE_MAX_BYTES)
  const circle: unknown[] = []
  circle.push(circle)
  const bad: readonly unknown[] = [
    () => 1,
    Symbol('s'),
    1n,
    Number.NaN,
    Infinity,
    -Infinity,
    new Map([[1, 2]]),
    new Set([1]),
    new Error('lost'),
    new Uint8Array(3),
    /x/,
    Promise.resolve(1),
    new WeakMap(),
    circle,
    { deep: [{ deeper: () => 1 }] },
    { deep: Number.NaN },
    {
      toJSON: () => {
        throw new Error('no')
      },
    },
    'x'.repeat(MESSAGE_MAX_BYTES - 1),
    'é'.repeat(MESSAGE_MAX_BYTES / 2),
  ]
  for (const value of bad)
    t.equal(
      codeOf(() => encodeValue(value)),
      'unsendable',
      Object.prototype.toString.call(value),
    )
  t.equal(
    codeOf(() => encodeValue('x'.repeat(100), 50)),
    'unsendable',
  )
  for (const text of ['{', 'undefined', "'x'", '[1,]', ' ']) t.equal(decodeValue(text), undefined, JSON.stringify(text))
  t.end()
})

const MESSAGES: {
  readonly [K in IpcMessage['kind']]: {
    readonly good: readonly Extract<IpcMessage, { kind: K }>[]
    readonly bad: readonly (readonly unknown[])[]
  }
} = {
  'ipc.send': {
    good: [
      { kind: 'ipc.send', number: 1, from: 0 as Pid, target: 'counter', value: '1' },
      { kind: 'ipc.send', number: 2 ** 50, from: 7 as Pid, target: 0 as Pid, value: '' },
    ],
    bad: [
      [1, 0, 'x'.repeat(ACTOR_MAX_BYTES + 1), '1'],
      [1, 0, [], '1'],
      [1, 'x', 'counter', '1'],
      ['1', 0, 'counter', '1'],
      [1, 0, 'counter', 1],
    ],
  },
  'ipc.call': {
    good: [{ kind: 'ipc.call', number: 1, from: 0 as Pid, target: 'counter', method: 'add', value: '2', remainingMs: 5000 }],
    bad: [
      [1, 0, 'counter', 'add', '2', CALL_DEADLINE_MAX_MS + 1],
      [1, 0, 'counter', 'x'.repeat(ACTOR_MAX_BYTES + 1), '2', 1],
      [1, 0, 'counter', 'add', '2'],
    ],
  },
  'ipc.result': {
    good: [
      { kind: 'ipc.result', number: 1, result: { ok: true, value: '[1]' } },
      { kind: 'ipc.result', number: 1, result: { ok: false, code: 'noproc', message: 'x'.repeat(ERROR_TEXT_MAX) } },
    ],
    bad: [
      [1, [1]],
      [1, [0, 'no_such_code', '']],
      [1, [0, 'noproc', 'x'.repeat(ERROR_TEXT_MAX + 1)]],
      [1, [2, '']],
      [1, []],
      [1, [1, '', '']],
    ],
  },
  'ipc.monitor': { good: [{ kind: 'ipc.monitor', number: 1, target: 5 as Pid }], bad: [[1, [5]], [1]] },
  'ipc.demonitor': { good: [{ kind: 'ipc.demonitor', number: 1 }], bad: [['1'], [1, 2]] },
  'ipc.down': {
    good: [{ kind: 'ipc.down', number: 1, pid: 3, reason: 'normal' }],
    bad: [
      [1, 3, 'x'.repeat(257)],
      [1, 'x', 'normal'],
    ],
  },
}

t.test('messages between nodes are read back as they were, and only from their own encoding on their own protocol', t => {
  for (const [kind, { good, bad }] of Object.entries(MESSAGES)) {
    for (const message of good) {
      const frame = encodeMessage(message)
      t.strictSame(parseMessage(frame, 'ipc', CLUSTER), { ok: true, message }, kind)
      t.strictSame(parseMessage(frame, 'sync', CLUSTER), { ok: false, code: 'wrong_protocol' })
      t.strictSame(parseMessage(Uint8Array.of(...frame, 0), 'ipc', CLUSTER), { ok: false, code: 'not_canonical' })
    }
    const { number } = WIRE[kind as IpcMessage['kind']]
    for (const fields of [...bad, [], [new Uint8Array(0)]])
      t.strictSame(
        parseMessage(encode([number, ...fields] as never), 'ipc', CLUSTER),
        { ok: false, code: 'not_canonical' },
        `${kind} ${JSON.stringify(fields).slice(0, 40)}`,
      )
  }
  for (const row of [[9999], [0], [7]]) t.strictSame(parseMessage(encode(row), 'ipc', CLUSTER), { ok: false, code: 'unknown_kind' })
  for (const row of [[], ['1'], 'x', 7, Array.from({ length: 17 }, () => 1)])
    t.strictSame(parseMessage(encode(row as never), 'ipc', CLUSTER), { ok: false, code: 'not_canonical' })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom('control', 'sync', 'ipc'), (frame, protocol) => {
      const parsed = parseMessage(frame, protocol, CLUSTER)
      return !parsed.ok || decode(frame).ok
    }),
    { numRuns: 2000 },
  )
  const numbers = Object.values(WIRE).map(({ number }) => number)
  t.equal(new Set(numbers).size, numbers.length, 'no number means two things')
  t.end()
})

t.test('deadlines come in time, late by less than 10 ms, each once, unless it was taken out', t => {
  fc.assert(
    fc.property(fc.array(fc.record({ atMs: fc.nat(50_000).map(n => n / 100), removed: fc.boolean() }), { maxLength: 50 }), items => {
      const deadlines = new Deadlines<number>()
      const slots = items.map(({ atMs }, i) => deadlines.add(i, atMs))
      items.forEach(({ removed }, i) => {
        if (!removed) return
        deadlines.remove(i, slots[i] as number)
        deadlines.remove(i, slots[i] as number)
      })
      const due = new Map<number, number>()
      for (let nowMs = deadlines.nextMs; nowMs < Infinity; nowMs = deadlines.nextMs) {
        const expired = deadlines.expire(nowMs)
        if (expired.length === 0) return false
        for (const i of expired) {
          if (due.has(i)) return false
          due.set(i, nowMs)
        }
      }
      return items.every(({ atMs, removed }, i) =>
        removed ? !due.has(i) : (due.get(i) ?? -1) >= atMs && (due.get(i) as number) < atMs + 10,
      )
    }),
  )
  const none = new Deadlines<number>()
  t.equal(none.nextMs, Infinity)
  t.strictSame(none.expire(1e9), [])
  t.end()
})

t.test('who waits for a change is called once: when there is one, or when the time is up', t => {
  let nowMs = 0
  const context = {
    self: NODE,
    get now() {
      return { monotonicMs: nowMs, wallMs: nowMs }
    },
    random: new SimRandom(1, 'x'),
    metrics: new Metrics(),
    buggify: never,
    speaks: CURRENT,
    emit: () => {},
    log: () => {},
  }
  const waiters = new Waiters(context)
  const called: string[] = []
  t.equal(
    waiters.add(0, () => called.push('too late')),
    false,
  )
  t.equal(
    waiters.add(100, () => called.push('first')),
    true,
  )
  t.equal(
    waiters.add(200, () => {
      called.push('second')
      waiters.add(300, () => called.push('again'))
    }),
    true,
  )
  nowMs = 100
  waiters.onWake()
  t.strictSame(called, ['first'])
  waiters.wake()
  t.strictSame(called, ['first', 'second'], 'who comes back waits for the next change')
  t.equal(waiters.nextWakeMs, 300)
  waiters.wake()
  waiters.wake()
  nowMs = 1000
  waiters.onWake()
  t.strictSame(called, ['first', 'second', 'again'])
  t.equal(waiters.nextWakeMs, Infinity)
  for (let i = 0; i < PENDING_CALLS_MAX; i++) if (!waiters.add(5000, () => {})) t.fail(`the ${i}th was refused`)
  t.equal(
    waiters.add(5000, () => {}),
    false,
    'so many, and no more',
  )
  t.end()
})
