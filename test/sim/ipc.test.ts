import t from 'tap'
import { decode } from '../../base/codec.ts'
import { type ErrorCode, WeftError } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import { kindName } from '../../base/kinds.ts'
import { INBOX_MAX, MESSAGE_MAX_BYTES, PEER_SILENT_MS, PING_INTERVAL_MS } from '../../base/limits.ts'
import type { Behaviour, Down, ExitReason, ProcessContext, Program, SendResult } from '../../node/process/behaviour.ts'
import { World } from '../../sim/world.ts'
import { askLater, codeLater, codeOf, coreOf, recordsOf, settle, spawnOn, untilConnected, untilTold } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(5)
const NAMES = ['a', 'b', 'c']

function clusterOf(names: readonly string[] = NAMES): World {
  const world = new World({ seed: SEED })
  settle(world, names)
  return world
}

/** Keeps what it was sent, and answers with what it was asked. */
function recorder(into: unknown[]): Program {
  return () => ({
    onMessage: message => void into.push(message),
    onCall: {
      echo: (argument: unknown, from: string) => ({ argument: argument ?? null, from }),
      fail: () => {
        throw new Error('not today')
      },
      list: () => into,
      function: () => () => 1,
      map: () => new Map([[1, 2]]),
      large: () => 'x'.repeat(MESSAGE_MAX_BYTES + 1),
      never: () => new Promise(() => {}),
    },
  })
}

/** A process that does nothing but lend its context. */
function contextOn(world: World, node: string, behaviour: Behaviour = {}, name?: string): ProcessContext {
  let context: ProcessContext | undefined
  spawnOn(
    world,
    node,
    own => {
      context = own
      return behaviour
    },
    name,
  )
  return context as unknown as ProcessContext
}

function downsOf(world: World, node: string): { readonly context: ProcessContext; readonly downs: Down[] } {
  const downs: Down[] = []
  return { context: contextOn(world, node, { onDown: down => void downs.push(down) }), downs }
}

function metric(world: World, node: string, name: Parameters<ReturnType<typeof coreOf>['metrics']['get']>[0], label?: string): number {
  return coreOf(world, node).metrics.get(name, label)
}

t.test('a process is reached by name, pid and address, on its node and from the others, and learns who asks', t => {
  const world = clusterOf()
  const heard: unknown[] = []
  const { pid, address } = spawnOn(world, 'b', recorder(heard), 'echo')
  const b = world.nodeId('b')
  t.equal(address, `${b}/${pid}`)
  const ways: readonly (readonly [from: string, to: string])[] = [
    ['b', 'echo'],
    ['b', String(pid)],
    ['b', address],
    ['b', `${b}:echo`],
    ['a', address],
    ['a', `${b}:echo`],
    ['c', address],
    ['c', `${b}:echo`],
  ]
  for (const [from, to] of ways) {
    t.strictSame(
      world.ask(from, 'process.call', { to, method: 'echo', argument: { deep: [1, 'two', null, true] } }),
      {
        result: { argument: { deep: [1, 'two', null, true] }, from: `${world.nodeId(from)}/0` },
      },
      `${from} calls ${to}`,
    )
    t.strictSame(world.ask(from, 'process.send', { to, message: [from, to] }), { result: 'ok' })
  }
  t.strictSame(world.ask('a', 'process.call', { to: address, method: 'list' }).result, ways)
  t.strictSame(
    world.ask('a', 'process.call', { to: `${b}/0`, method: 'ping' }).result,
    { node: b, state: 'running' },
    'and every node answers for itself',
  )
  t.strictSame(world.ask('b', 'process.call', { to: 'kernel', method: 'ping' }).result, { node: b, state: 'running' })
  t.equal(metric(world, 'a', 'weft_messages_total', 'ok'), 2)
  t.end()
})

t.test('whatever keeps a message or a call from its process has a code of its own', async t => {
  const world = clusterOf()
  const [b, c] = [world.nodeId('b'), world.nodeId('c')]
  const { pid } = spawnOn(world, 'b', recorder([]), 'echo')
  const cases: readonly (readonly [what: string, to: string, method: string, argument: unknown, code: ErrorCode])[] = [
    ['no such name', `${b}:nobody`, 'echo', 1, 'noproc'],
    ['no such pid', `${b}/4711`, 'echo', 1, 'noproc'],
    ['no such name here', 'nobody', 'echo', 1, 'noproc'],
    ['no such method', `${b}:echo`, 'dance', 1, 'no_method'],
    ['a method of every object', `${b}:echo`, 'toString', 1, 'no_method'],
    ['no such method of the kernel', `${b}/0`, 'reboot', 1, 'no_method'],
    ['a handler that throws', `${b}:echo`, 'fail', 1, 'handler_failed'],
    ['an answer that is a function', `${b}:echo`, 'function', 1, 'unsendable'],
    ['an answer that would arrive empty', `${b}:echo`, 'map', 1, 'unsendable'],
    ['an answer too large for a frame', `${b}:echo`, 'large', 1, 'unsendable'],
    ['a handler that never answers', `${b}:echo`, 'never', 1, 'timeout'],
    ['one behind it', `${b}:echo`, 'echo', 1, 'timeout'],
    ['no address', 'not an address', 'echo', 1, 'invalid_argument'],
    ['a name that is a number', `${b}:12`, 'echo', 1, 'invalid_argument'],
    ['half an address', `${b.slice(0, 20)}/1`, 'echo', 1, 'invalid_argument'],
    ['a method without a name', `${b}:echo`, '', 1, 'invalid_argument'],
    ['a method name too long', `${b}:echo`, 'é'.repeat(65), 1, 'invalid_argument'],
    ['half a character', `${b}:echo`, '\ud800', 1, 'invalid_argument'],
    ['a function', `${b}:echo`, 'echo', () => 1, 'unsendable'],
    ['what is no number', `${b}:echo`, 'echo', { deep: [Number.NaN] }, 'unsendable'],
    ['a large integer', `${b}:echo`, 'echo', 1n, 'unsendable'],
    ['a map', `${b}:echo`, 'echo', new Map(), 'unsendable'],
    ['bytes', `${b}:echo`, 'echo', new Uint8Array(1), 'unsendable'],
    ['too much', `${b}:echo`, 'echo', 'x'.repeat(MESSAGE_MAX_BYTES), 'unsendable'],
  ]
  for (const [what, to, method, argument, code] of cases)
    t.equal(await codeLater(askLater(world, 'a', 'process.call', { to, method, argument, deadlineMs: 500 })), code, what)
  for (const deadlineMs of [0, -1, Number.NaN, Infinity, 3_600_001]) {
    t.equal(
      codeOf(() => world.ask('a', 'process.call', { to: `${b}:echo`, method: 'echo', deadlineMs })),
      'invalid_argument',
      `a deadline of ${deadlineMs}`,
    )
  }
  t.equal(
    codeOf(() => world.ask('a', 'process.kill', { address: `${b}/${pid}` })),
    'denied',
    'a process is killed on its own node',
  )
  t.equal(
    codeOf(() => world.ask('b', 'process.kill', { address: 'kernel' })),
    'denied',
  )
  t.equal(
    codeOf(() => world.ask('b', 'process.kill', { address: '4711' })),
    'noproc',
  )
  t.equal(
    codeOf(() => world.ask('b', 'process.spawn', { path: './none.js' })),
    'module_invalid',
  )
  t.strictSame(world.ask('a', 'process.send', { to: `${b}:nobody`, message: 1 }), { result: 'noproc' })
  t.strictSame(world.ask('a', 'process.send', { to: 'nobody', message: 1 }), { result: 'noproc' })

  const circle: { self?: unknown } = {}
  circle.self = circle
  const context = contextOn(world, 'a')
  t.equal(await codeLater(context.send(`${b}:echo`, circle)), 'unsendable')
  t.equal(await codeLater(context.call(`${b}:echo`, 'echo', circle)), 'unsendable')

  world.partition([['a', 'b'], ['c']])
  const before = world.nowMs
  t.strictSame(
    world.ask('a', 'process.send', { to: `${c}:echo`, message: 1 }),
    { result: 'timeout' },
    'a silent cut is not noticed at once',
  )
  t.equal(Math.round((world.nowMs - before) / 100), 50)
  world.until('the cut to be noticed', () => !coreOf(world, 'a').peers.connected.has(c))
  t.strictSame(world.ask('a', 'process.send', { to: `${c}:echo`, message: 1 }), { result: 'unreachable' })
  t.equal(
    codeOf(() => world.ask('a', 'process.call', { to: `${c}:echo`, method: 'echo' })),
    'unreachable',
  )
  t.equal(
    codeOf(() => world.ask('a', 'process.call', { to: '12D3KooWJJ37Lb3hQaiKQdSMgPSzJeJCvbPrPgbLtCAzuMUiFxSy/1', method: 'echo' })),
    'unreachable',
    'nor is a node that nobody knows',
  )
})

t.test('what one process sends another arrives in the order it was sent, each once', async t => {
  const world = clusterOf()
  const heard: number[] = []
  spawnOn(world, 'b', recorder(heard), 'sink')
  const { send } = contextOn(world, 'a')
  const results: Promise<SendResult>[] = []
  for (let i = 0; i < 1000; i++) {
    results.push(send(`${world.nodeId('b')}:sink`, i))
    if (i % 100 === 99) world.run(1)
  }
  await untilTold(world, 'all to arrive', () => heard.length === 1000)
  t.strictSame(
    heard,
    Array.from({ length: 1000 }, (_, i) => i),
  )
  world.run(10)
  t.strictSame(new Set(await Promise.all(results)), new Set(['ok']))

  const here: number[] = []
  spawnOn(world, 'a', recorder(here), 'sink')
  for (let i = 0; i < 100; i++) t.equal(await send('sink', i), 'ok')
  t.strictSame(
    here,
    Array.from({ length: 100 }, (_, i) => i),
    'on one node too',
  )
})

t.test('connections that come and go lose messages and repeat none; what was said to have arrived did', async t => {
  const world = clusterOf(['a', 'b'])
  const heard: number[] = []
  spawnOn(world, 'b', recorder(heard), 'sink')
  const { send } = contextOn(world, 'a')
  const told: (SendResult | undefined)[] = []
  const random = world.random('cuts')
  for (let i = 0; i < 400; i++) {
    send(`${world.nodeId('b')}:sink`, i).then(
      result => (told[i] = result),
      () => {},
    )
    if (random.chance(30))
      coreOf(world, 'a').run(() => coreOf(world, 'a').context.emit({ kind: 'close', peer: world.nodeId('b'), code: 'timeout' }))
    if (random.chance(10)) world.partition([['a'], ['b']])
    world.run(random.below(random.chance(20) ? 4000 : 20))
    if (random.chance(200)) world.heal()
    await new Promise(resolve => setImmediate(resolve))
  }
  world.heal()
  await untilTold(world, 'every send to be answered', () => told.filter(result => result !== undefined).length === 400)
  // A cut that was short may still have broken a connection that nobody has noticed yet.
  world.run(PEER_SILENT_MS + PING_INTERVAL_MS)
  untilConnected(world, ['a', 'b'])
  const last = send(`${world.nodeId('b')}:sink`, 400)
  world.run(10)
  t.equal(await last, 'ok', 'and in the end they are connected')
  t.strictSame(
    [...heard].sort((x, y) => x - y),
    [...new Set(heard)].sort((x, y) => x - y),
    'none came twice',
  )
  t.ok(
    heard.every((number, i) => i === 0 || (heard[i - 1] as number) < number),
    'and none overtook another',
  )
  t.strictSame(
    told.flatMap((result, i) => (result === 'ok' && !heard.includes(i) ? [i] : [])),
    [],
  )
  const lost = told.filter(result => result !== 'ok')
  t.ok(lost.length > 0 && lost.every(result => result === 'unreachable' || result === 'timeout'), `${lost.length} were lost`)
})

t.test('a call ends at its deadline, and an answer that comes later is discarded and counted', async t => {
  const world = clusterOf(['a', 'b'])
  const waiting: ((answer: string) => void)[] = []
  const slow: Program = () => ({ onCall: { wait: () => new Promise(resolve => waiting.push(resolve)), after: () => 'the next' } })
  for (const [node, to] of [
    ['a', 'slow'],
    ['a', `${world.nodeId('b')}:slow`],
  ] as const) {
    const target = to === 'slow' ? 'a' : 'b'
    const { address } = spawnOn(world, target, slow, 'slow')
    const late = metric(world, target, 'weft_calls_late_total')
    const before = world.nowMs
    t.equal(await codeLater(askLater(world, node, 'process.call', { to, method: 'wait', deadlineMs: 300 })), 'timeout', to)
    t.ok(world.nowMs - before >= 300 && world.nowMs - before <= 312, `after ${world.nowMs - before} ms`)
    waiting.pop()?.('too late')
    await untilTold(world, 'the answer to be discarded', () => metric(world, target, 'weft_calls_late_total') === late + 1, 1000)
    t.strictSame(await askLater(world, node, 'process.call', { to, method: 'after' }), { result: 'the next' }, 'the process goes on')
    const early = askLater(world, node, 'process.call', { to, method: 'wait', deadlineMs: 300 })
    world.run(100)
    waiting.pop()?.('in time')
    t.strictSame(await early, { result: 'in time' })
    world.ask(target, 'process.kill', { address })
  }
})

t.test('what a handler does wrong ends its process or answers its caller, and nothing else', async t => {
  const world = clusterOf(['a', 'b'])
  const { context, downs } = downsOf(world, 'a')
  const faulty: Program = own => ({
    onMessage: message => {
      if (message === 'throw') throw new Error('a handler of a message threw')
      if (message === 'reject') return Promise.reject(new Error('a handler of a message rejected'))
      if (message === 'exit') own.exit()
      if (message === 'exit 3') own.exit(3)
      return undefined
    },
    onCall: {
      leave: () => own.exit(),
      refuse: () => Promise.reject(new WeftError('noproc', 'from somewhere else')),
      code: (code: number) => own.exit(code),
    },
    onStop: () => own.exit(),
  })
  const ends: readonly (readonly [how: (address: string) => unknown, reason: ExitReason])[] = [
    [address => askLater(world, 'b', 'process.send', { to: address, message: 'throw' }), 'failed'],
    [address => askLater(world, 'b', 'process.send', { to: address, message: 'reject' }), 'failed'],
    [address => askLater(world, 'b', 'process.send', { to: address, message: 'exit' }), 'normal'],
    [address => askLater(world, 'b', 'process.send', { to: address, message: 'exit 3' }), 'failed'],
    [address => askLater(world, 'b', 'process.call', { to: address, method: 'leave' }), 'normal'],
    [address => askLater(world, 'a', 'process.kill', { address }), 'killed'],
  ]
  for (const [how, reason] of ends) {
    const { address } = spawnOn(world, 'a', faulty)
    const reference = context.monitor(address)
    t.equal(
      await codeLater(askLater(world, 'b', 'process.call', { to: address, method: 'refuse' })),
      'handler_failed',
      'an error of another process is a failure of this one',
    )
    for (const code of [-1, 256, 1.5])
      t.equal(
        await codeLater(askLater(world, 'b', 'process.call', { to: address, method: 'code', argument: code })),
        'handler_failed',
        `${code} is no exit code`,
      )
    await how(address)
    await untilTold(world, 'the process to be gone', () => downs.length > 0)
    t.strictSame(downs.splice(0), [{ reference, target: address, reason }])
    t.equal(
      codeOf(() => world.ask('b', 'process.call', { to: address, method: 'leave' })),
      'noproc',
    )
  }
  const broken: readonly (readonly [what: string, program: unknown])[] = [
    [
      'throws',
      () => {
        throw new Error('no start')
      },
    ],
    ['is a promise', async () => ({})],
    ['is a number', () => 7],
    [
      'watches others, and throws',
      (own: ProcessContext) => {
        own.monitor(context.address)
        throw new Error('no start')
      },
    ],
  ]
  for (const [what, program] of broken)
    t.equal(
      codeOf(() => spawnOn(world, 'a', program as Program, 'broken')),
      'handler_failed',
      `a program that ${what}`,
    )
  t.equal(
    codeOf(() => spawnOn(world, 'a', () => ({}), 'broken')),
    undefined,
    'and leaves its name to others',
  )
})

t.test('an inbox takes so many messages, and says so', async t => {
  const world = clusterOf(['a', 'b'])
  let go: () => void = () => {}
  let handled = 0
  const { address } = spawnOn(world, 'b', () => ({
    onMessage: () => {
      if (handled++ === 0) return new Promise<void>(resolve => (go = resolve))
      return undefined
    },
    onCall: { handled: () => handled },
  }))
  const results = new Map<SendResult, number>()
  for (let i = 0; i < INBOX_MAX + 10; i++) {
    const { result } = world.ask('b', 'process.send', { to: address, message: i })
    results.set(result, (results.get(result) ?? 0) + 1)
  }
  t.strictSame(
    [...results],
    [
      ['ok', INBOX_MAX + 1],
      ['full', 9],
    ],
    'one is being handled, the others wait',
  )
  t.strictSame(world.ask('a', 'process.send', { to: address, message: 'one more' }), { result: 'full' })
  t.equal(
    codeOf(() => world.ask('a', 'process.call', { to: address, method: 'handled' })),
    'full',
  )
  t.equal(metric(world, 'b', 'weft_inbox_dropped_total'), 11)
  t.strictSame(
    world.ask('b', 'process.list', {}).processes.map(({ inbox, handled: done, state }) => ({ inbox, done, state })),
    [{ inbox: INBOX_MAX, done: 1, state: 'running' }],
  )
  go()
  t.strictSame(await askLater(world, 'a', 'process.send', { to: address, message: 'one more' }), { result: 'ok' })
  t.strictSame(await askLater(world, 'a', 'process.call', { to: address, method: 'handled' }), { result: INBOX_MAX + 2 })
})

t.test('a pid is never used again, and who has exited leaves nothing behind', t => {
  const world = new World({ seed: SEED })
  world.cluster(['a'])
  const core = coreOf(world, 'a')
  const pids: number[] = []
  for (let i = 0; i < 10_000; i++) {
    let spawned = 0
    world.runtime('a').dispatch({
      kind: 'run',
      run: () => {
        const { pid } = core.processes.spawn(
          context => {
            context.monitor('kernel')
            context.exit(i % 2)
          },
          'brief',
          'inline',
        )
        spawned = pid
      },
    })
    pids.push(spawned)
    if (i % 1000 === 0) world.run(100)
  }
  t.strictSame(
    pids,
    Array.from({ length: 10_000 }, (_, i) => i + 1),
  )
  t.equal(core.processes.size, 0)
  t.strictSame(world.ask('a', 'process.list', {}).processes, [])
  t.equal(metric(world, 'a', 'weft_processes'), 0)
  world.run(1000)
  t.equal(
    recordsOf(world, 'a', 'audit').filter(({ header }) => kindName(header.kind) === 'audit.exit').length,
    10_000,
    'each exit is in the chain',
  )
  t.end()
})

t.test('a name belongs to one process of a node at a time', t => {
  const world = clusterOf(['a', 'b'])
  const { address } = spawnOn(world, 'a', () => ({}), 'worker')
  t.equal(
    codeOf(() => spawnOn(world, 'a', () => ({}), 'worker')),
    'name_taken',
  )
  t.ok(
    spawnOn(world, 'b', () => ({}), 'worker'),
    'of each node',
  )
  for (const name of ['', 'kernel', '1st', 'two words', 'é', 'x'.repeat(65), '-x'])
    t.equal(
      codeOf(() => spawnOn(world, 'a', () => ({}), name)),
      'invalid_argument',
      JSON.stringify(name),
    )
  for (const name of ['_', 'kernel2', 'a.b-c_d', 'x'.repeat(64)])
    t.equal(
      codeOf(() => spawnOn(world, 'a', () => ({}), name)),
      undefined,
      name,
    )
  world.ask('a', 'process.kill', { address })
  const { pid } = spawnOn(world, 'a', () => ({}), 'worker')
  t.not(`${world.nodeId('a')}/${pid}`, address)
  t.end()
})

t.test('a monitor is told once when its process is gone, and why, across nodes and when the node itself is gone', async t => {
  const world = clusterOf()
  const { context, downs } = downsOf(world, 'a')
  const [b, c] = [world.nodeId('b'), world.nodeId('c')]
  const gone = async (reference: number, target: string, reason: Down['reason'], limitMs?: number): Promise<void> => {
    await untilTold(world, `${target} to be gone`, () => downs.length > 0, limitMs)
    world.run(100)
    await new Promise(resolve => setImmediate(resolve))
    t.strictSame(downs.splice(0), [{ reference, target, reason }])
  }
  await gone(context.monitor('nobody'), 'nobody', 'noproc')
  await gone(context.monitor(`${b}:nobody`), `${b}:nobody`, 'noproc')

  const named = spawnOn(world, 'b', () => ({}), 'worker')
  const byName = context.monitor(`${b}:worker`)
  world.run(10)
  world.ask('b', 'process.kill', { address: named.address })
  await gone(byName, `${b}:worker`, 'killed')

  const other = spawnOn(world, 'b', () => ({}))
  const unwanted = context.monitor(other.address)
  const wanted = context.monitor(other.address)
  context.demonitor(unwanted)
  context.demonitor(unwanted)
  world.run(10)
  world.ask('b', 'process.kill', { address: other.address })
  await gone(wanted, other.address, 'killed')

  const toStop = spawnOn(world, 'b', () => ({}))
  const onStop = context.monitor(toStop.address)
  world.run(10)
  world.stop('b')
  await gone(onStop, toStop.address, 'shutdown')
  await gone(context.monitor(`${b}:worker`), `${b}:worker`, 'unreachable')

  const far = spawnOn(world, 'c', () => ({}))
  const kernel = context.monitor(`${c}/0`)
  const process = context.monitor(far.address)
  world.run(10)
  world.partition([['a'], ['c']])
  const cutMs = world.nowMs
  await untilTold(world, 'the silent cut to be noticed', () => downs.length === 2, PEER_SILENT_MS + PING_INTERVAL_MS)
  t.ok(world.nowMs - cutMs <= 15_000)
  t.strictSame(downs.splice(0), [
    { reference: kernel, target: `${c}/0`, reason: 'unreachable' },
    { reference: process, target: far.address, reason: 'unreachable' },
  ])
  world.heal()
  untilConnected(world, ['a', 'c'])
  world.ask('c', 'process.kill', { address: far.address })
  world.run(1000)
  t.strictSame(downs, [], 'what was reported gone is not reported again')

  const here = spawnOn(world, 'a', () => ({}))
  const waiting = world.wait<Down>(done => {
    world.askSoon('c', 'process.monitor', { target: here.address }, done)
    world.run(10)
    world.askSoon('a', 'process.kill', { address: here.address }, () => {})
  })
  t.match(waiting, { target: here.address, reason: 'killed' }, 'a caller from outside can watch too')
})

t.test('a list of all processes names the members that are silent', t => {
  const world = clusterOf()
  for (const name of NAMES) spawnOn(world, name, () => ({}), `on-${name}`)
  const list = (cluster: boolean): { names: (string | null)[]; silent: readonly NodeId[] } => {
    const { processes, silent } = world.ask('a', 'process.list', { cluster })
    return { names: processes.map(({ name }) => name).sort(), silent }
  }
  t.strictSame(list(false), { names: ['on-a'], silent: [] })
  t.strictSame(list(true), { names: ['on-a', 'on-b', 'on-c'], silent: [] })
  world.partition([['a', 'b'], ['c']])
  const before = world.nowMs
  t.strictSame(list(true), { names: ['on-a', 'on-b'], silent: [world.nodeId('c')] })
  t.ok(world.nowMs - before <= 2010, 'after two seconds at most')
  world.crash('b')
  world.run(15_000)
  t.strictSame(list(true), { names: ['on-a'], silent: [world.nodeId('b'), world.nodeId('c')].sort() })
  t.end()
})

t.test('the chain says what started and what ended, and the memory of a process says which one it was', async t => {
  const world = clusterOf(['a', 'b'])
  const noted = spawnOn(
    world,
    'a',
    context => ({
      onCall: {
        note: async (text: string) => (await context.memory.remember(text)).id,
        relay: async () => await context.call(`${world.nodeId('b')}:other`, 'double', 21),
      },
    }),
    'notes',
  )
  spawnOn(world, 'b', () => ({ onCall: { double: async (n: number) => n * 2 } }), 'other')
  t.strictSame(
    await askLater(world, 'b', 'process.call', { to: noted.address, method: 'relay' }),
    { result: 42 },
    'handlers may wait for others',
  )
  const { result: id } = await askLater(world, 'b', 'process.call', { to: noted.address, method: 'note', argument: 'said by a process' })
  const unnamed = spawnOn(world, 'a', context => ({ onMessage: async message => void (await context.memory.remember(String(message))) }))
  await askLater(world, 'a', 'process.send', { to: unnamed.address, message: 'said by another' })
  await untilTold(world, 'both to be remembered', () => world.ask('a', 'memory.status', {}).nodes === 2)
  t.strictSame(
    recordsOf(world, 'a', 'memory/main')
      .slice(1)
      .map(({ header }) => header.actor),
    ['notes', `pid-${unnamed.pid}`],
  )
  t.equal(world.ask('a', 'memory.get', { id: id as string }).text, 'said by a process')

  spawnOn(world, 'a', context => context.exit(3), 'short')
  world.ask('a', 'process.kill', { address: noted.address })
  world.stop('a')
  world.start('a')
  t.strictSame(
    recordsOf(world, 'a', 'audit')
      .slice(1)
      .map(({ header, body }) => {
        const decoded = decode(body)
        return [kindName(header.kind), header.actor, decoded.ok ? decoded.value : undefined]
      }),
    [
      ['audit.boot', 'kernel', ['sim', 'a']],
      ['audit.spawn', 'kernel', [1, 'notes', 'inline']],
      ['audit.spawn', 'kernel', [2, '', 'inline']],
      ['audit.spawn', 'kernel', [3, 'short', 'inline']],
      ['audit.exit', 'kernel', [3, 'short', 'failed', 3]],
      ['audit.exit', 'kernel', [1, 'notes', 'killed', 1]],
      ['audit.exit', 'kernel', [2, '', 'shutdown', 0]],
      ['audit.shutdown', 'kernel', ['sim']],
      ['audit.boot', 'kernel', ['sim', 'a']],
    ],
  )
  t.ok(spawnOn(world, 'a', () => ({}), 'later').pid > 3, 'no pid of an earlier life comes again')
})
