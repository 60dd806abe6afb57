import t, { type Test } from 'tap'
import { utf8 } from '../../base/bytes.ts'
import { INBOX_MAX, MESSAGE_MAX_BYTES, OUTBOUND_MAX_BYTES } from '../../base/limits.ts'
import type { CausalId } from '../../base/ids.ts'
import { Sometimes, SOMETIMES, type SometimesSite } from '../../sim/sometimes.ts'
import { World, type WorldOptions } from '../../sim/world.ts'
import { askLater, codeLater, codeOf, coreOf, settle, spawnOn, textsOf, untilConnected, untilEqual, untilTold } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(3)
const NAMES = ['a', 'b', 'c']

/** One situation brought about by hand, and which sites it must reach. */
interface Situation {
  readonly what: string
  readonly reaches: readonly SometimesSite[]
  readonly options?: Partial<WorldOptions>
  readonly tell: (t: Test, world: World, count: (site: SometimesSite) => number) => void | Promise<void>
}

function remember(world: World, name: string, text: string): CausalId {
  return world.ask(name, 'memory.remember', { text }).id
}

function together(world: World, names: readonly string[] = NAMES): void {
  untilConnected(world, names)
  untilEqual(world, names)
}

function isolate(world: World, name: string): void {
  world.partition([[name], NAMES.filter(other => other !== name)])
}

/** A text of 40 KB: 26 of them use up a peer's credit. */
function long(number: number): string {
  return `${number} ${'x'.repeat(40_000)}`
}

const SITUATIONS: readonly Situation[] = [
  {
    what: 'the power goes while a node writes',
    reaches: ['torn-tail-cut', 'index-caught-up', 'guard-waited'],
    tell: (_, world, count) => {
      settle(world, NAMES)
      for (let i = 0; i < 200 && (count('torn-tail-cut') === 0 || count('index-caught-up') === 0); i++) {
        world.askSoon('b', 'memory.remember', { text: `said ${i}` }, () => {})
        world.run(0.3)
        world.crash('b')
        world.start('b')
      }
      together(world)
    },
  },
  {
    what: 'the disk refuses a commit, and then takes one',
    reaches: ['commit-failed', 'commit-mended', 'record-early'],
    tell: (_, world) => {
      settle(world, NAMES)
      world.machine('b').disk.failSync()
      for (let i = 0; i < 20; i++) {
        world.askSoon('a', 'memory.remember', { text: `said ${i}` }, () => {})
        world.run(0.5)
      }
      world.run(2_000)
      remember(world, 'b', 'said at last')
      together(world)
    },
  },
  {
    what: 'a byte of a memory rots',
    reaches: ['damage-reported'],
    tell: (t, world) => {
      settle(world, NAMES)
      remember(world, 'b', 'a text to be found on the disk')
      const { disk } = world.machine('b')
      const file = disk.files.find(name => name.endsWith('.seg')) as string
      disk.flip(file, Buffer.from(disk.contentOf(file)).indexOf(utf8('a text to be found')))
      t.equal(
        codeOf(() => textsOf(world, 'b')),
        'chain_damaged',
      )
    },
  },
  {
    what: 'a journal of many segments',
    reaches: ['segment-rolled'],
    options: { buggify: ['journal.new-segment'] },
    tell: (_, world) => {
      settle(world, NAMES)
      for (let i = 0; i < 10; i++) remember(world, 'a', `said ${i}`)
    },
  },
  {
    what: 'a node is set back to a backup',
    reaches: ['log-pulled-back', 'records-rebased'],
    tell: (_, world) => {
      settle(world, NAMES)
      const snapshot = world.machine('b').disk.snapshot()
      remember(world, 'b', 'said since')
      untilEqual(world, NAMES)
      isolate(world, 'b')
      world.crash('b')
      world.machine('b').disk.rollback(snapshot)
      world.start('b')
      remember(world, 'b', 'said meanwhile')
      world.heal()
      together(world)
    },
  },
  {
    what: 'two lives of one key that both sign',
    reaches: ['fork-seen'],
    tell: (t, world) => {
      settle(world, NAMES)
      world.stop('b')
      const b = world.nodeId('b')
      world.machine('twin').disk.rollback(world.machine('b').disk.snapshot())
      world.machine('twin').nodeId = b
      for (const [life, witness, other] of [
        ['b', 'a', 'c'],
        ['twin', 'c', 'a'],
      ] as const) {
        world.partition([['a'], ['c']])
        world.partition([[life], [other]])
        world.start(life)
        world.until('a peer to vouch', () => coreOf(world, life).guard.isOpen)
        remember(world, life, `said to ${witness}`)
        untilEqual(world, [life, witness])
        world.stop(life)
        world.heal()
        world.partition([['a'], ['c']])
      }
      world.heal()
      const forks = (name: string): number => world.ask(name, 'memory.conflicts', {}).logs.length
      world.until('somebody to see it', () => coreOf(world, 'a').metrics.get('weft_chain_conflicts') > 0)
      t.ok(forks('a') > 0)
    },
  },
  {
    what: 'a record arrives before the one it builds on',
    reaches: ['parent-awaited'],
    tell: (_, world, count) => {
      settle(world, NAMES)
      world.partition([['a'], ['c']])
      for (let i = 0; i < 20 && count('parent-awaited') === 0; i++) {
        remember(world, 'a', `asked ${i}`)
        world.until('b to hear it', () => textsOf(world, 'b').includes(`asked ${i}`))
        remember(world, 'b', `answered ${i}`)
        world.run(1_000)
      }
      world.heal()
      together(world)
    },
  },
  {
    what: 'much is pulled, and the connection breaks',
    reaches: ['pull-resumed', 'credit-exhausted'],
    options: { disk: name => (name === 'c' ? { readUs: 50, writeUs: 5_000, syncUs: 40_000 } : { readUs: 50, writeUs: 50, syncUs: 500 }) },
    tell: (_, world) => {
      settle(world, NAMES)
      isolate(world, 'c')
      world.run(15_000)
      for (let i = 0; i < 100; i++) remember(world, 'a', long(i))
      untilEqual(world, ['a', 'b'])
      world.heal()
      const held = (): number => Math.max(...[...coreOf(world, 'c').chain.logs.values()].map(log => log.durable))
      world.until('c to hold a part of it', () => held() > 20)
      // One of the two is the one it pulls from.
      for (const [name, enough] of [
        ['a', 40],
        ['b', 100],
      ] as const) {
        world.crash(name)
        world.until('c to hold more', () => held() > enough)
        world.start(name)
      }
      together(world)
    },
  },
  {
    what: 'more is sent than the wire takes',
    reaches: ['frames-dropped'],
    options: { wire: { bytesPerSecond: 1_000_000 } },
    tell: (_, world) => {
      settle(world, ['a', 'b'])
      const to = `${world.nodeId('b')}:nobody`
      const message = 'x'.repeat(MESSAGE_MAX_BYTES - 100)
      for (let sent = 0; sent < 2 * OUTBOUND_MAX_BYTES; sent += message.length)
        world.askSoon('a', 'process.send', { to, message }, () => {})
      world.run(30_000)
    },
  },
  {
    what: 'a clock is ahead by ten minutes',
    reaches: ['record-deferred', 'clock-offset-seen'],
    tell: (_, world) => {
      settle(world, NAMES)
      world.machine('a').clock.step(600_000)
      world.run(20_000)
      remember(world, 'a', 'said in the future')
      world.run(5_000)
    },
  },
  {
    what: 'a node is revoked while it writes on',
    reaches: ['record-void', 'record-revoked', 'space-refolded', 'revoked-refused', 'greeting-refused'],
    tell: (_, world) => {
      settle(world, NAMES)
      remember(world, 'c', 'said in time')
      untilEqual(world, NAMES)
      world.partition([['a'], ['b', 'c']])
      world.run(15_000)
      world.ask('a', 'member.revoke', { nodeId: world.nodeId('c') })
      remember(world, 'c', 'said too late')
      untilEqual(world, ['b', 'c'])
      world.heal()
      world.run(60_000)
    },
  },
  {
    what: 'two replace one memory, and somebody settles it',
    reaches: ['conflict-made', 'conflict-settled', 'dedup-hit'],
    tell: (t, world) => {
      settle(world, NAMES)
      const old = remember(world, 'a', 'the old one')
      t.equal(remember(world, 'a', 'the old one'), old)
      untilEqual(world, NAMES)
      isolate(world, 'c')
      const [ofA, ofC] = ['a', 'c'].map(name => {
        const by = remember(world, name, `what ${name} says instead`)
        world.ask(name, 'memory.supersede', { old, by })
        return by
      }) as [CausalId, CausalId]
      world.heal()
      together(world)
      t.equal(world.ask('b', 'memory.conflicts', {}).conflicts.length, 1)
      world.ask('b', 'memory.supersede', { old: ofA, by: ofC })
      together(world)
      t.equal(world.ask('a', 'memory.conflicts', {}).conflicts.length, 0)
    },
  },
  {
    what: 'a saved fold is taken up, and not when it is damaged',
    reaches: ['snapshot-restored', 'snapshot-refused'],
    tell: (_, world) => {
      settle(world, NAMES)
      remember(world, 'b', 'said')
      for (const damage of [false, true]) {
        world.stop('b')
        if (damage) world.machine('b').disk.flip('memory/main.fold', 40)
        world.start('b')
        together(world)
      }
    },
  },
  {
    what: 'a node is upgraded',
    reaches: ['fold-upgraded', 'message-unknown'],
    tell: (_, world) => {
      world.machine('b').version = 'previous'
      settle(world, NAMES)
      remember(world, 'b', 'said')
      world.stop('b')
      world.machine('b').version = 'current'
      world.start('b')
      together(world)
    },
  },
  {
    what: 'a process is slow, is flooded, and its node dies',
    reaches: ['deadline-passed', 'late-answer', 'inbox-overflow', 'down-by-node-death'],
    tell: async (t, world) => {
      settle(world, NAMES)
      let release: (value: number) => void = () => {}
      spawnOn(world, 'a', () => ({ onCall: { slow: () => new Promise<number>(resolve => (release = resolve)) } }), 'slow')
      const to = `${world.nodeId('a')}:slow`
      t.equal(await codeLater(askLater(world, 'b', 'process.call', { to, method: 'slow', deadlineMs: 50 })), 'timeout')
      for (let i = 0; i <= INBOX_MAX; i++) world.askSoon('a', 'process.send', { to: 'slow', message: i }, () => {})
      world.run(100)
      release(1)
      await untilTold(world, 'the answer to be late', () => coreOf(world, 'a').metrics.get('weft_calls_late_total') > 0)
      let reason: string | undefined
      world.askSoon('b', 'process.monitor', { target: to }, (_, down) => (reason = down?.reason))
      world.run(1_000)
      world.crash('a')
      await untilTold(world, 'the end of the process to be told', () => reason === 'unreachable')
    },
  },
  {
    what: 'a node is away for long',
    reaches: ['redial-slowest'],
    tell: (_, world) => {
      settle(world, NAMES)
      world.crash('c')
      world.run(120_000)
    },
  },
  {
    what: 'a peer sends what is no message',
    reaches: ['peer-scored-out'],
    tell: (_, world) => {
      settle(world, NAMES)
      world.network.tap = ({ kind, bytes }) => (kind === 'control' ? utf8('not a message') : bytes)
      world.run(30_000)
      world.network.tap = undefined
      together(world)
    },
  },
  {
    what: 'a node hears the same from two',
    reaches: ['record-twice'],
    tell: (t, world) => {
      settle(world, NAMES)
      world.network.change({ from: 'a', to: 'c' }, { delayMinMs: 7_000 })
      remember(world, 'a', 'said once')
      world.run(9_000)
      t.strictSame(textsOf(world, 'c'), ['said once'])
    },
  },
]

for (const { what, reaches, options, tell } of SITUATIONS) {
  t.test(`${what}: ${reaches.join(', ')}`, async t => {
    const sometimes = new Sometimes()
    const world = new World({ seed: SEED, ...options, observers: [sometimes] })
    await tell(t, world, site => sometimes.counts.get(site) ?? 0)
    for (const site of reaches) t.ok((sometimes.counts.get(site) ?? 0) > 0, site)
    t.strictSame([...sometimes.counts.keys()], Object.keys(SOMETIMES), 'every site is counted, if only as 0')
  })
}

t.test('every site is reached by one of these', t => {
  const reached = new Set(SITUATIONS.flatMap(({ reaches }) => reaches))
  t.strictSame(
    Object.keys(SOMETIMES).filter(site => !reached.has(site as SometimesSite)),
    [],
  )
  t.end()
})

t.test('a quiet cluster reaches none but that its nodes wait to be vouched for', t => {
  const sometimes = new Sometimes()
  const world = new World({ seed: SEED, observers: [sometimes] })
  settle(world, NAMES)
  world.run(60_000)
  const reached = [...sometimes.counts].filter(([, count]) => count > 0).map(([site]) => site)
  t.strictSame(reached, ['guard-waited'])
  t.end()
})
