import t from 'tap'
import { utf8 } from '../../base/bytes.ts'
import type { Program } from '../../node/process/behaviour.ts'
import { SimDisk } from '../../sim/disk.ts'
import type { Fault, Verb, Way } from '../../sim/faults/fault.ts'
import { mend, performFault, stopMachineFaults } from '../../sim/faults/perform.ts'
import { SimGossip } from '../../sim/gossip.ts'
import { SimNetwork } from '../../sim/network.ts'
import type { SeenMessage } from '../../sim/observer.ts'
import { SimRandom } from '../../sim/random.ts'
import { Scheduler } from '../../sim/scheduler.ts'
import { World, type WorldOptions } from '../../sim/world.ts'
import fc from '../properties.ts'
import { codeOf, coreOf, settle, spawnOn, textsOf, untilConnected, untilEqual } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(17)
const NAMES = ['n1', 'n2', 'n3', 'n4']

/** A cluster that is watched: what was logged and what was on the wires. */
class Watched {
  readonly world: World
  readonly notes: string[] = []
  readonly ends: string[] = []
  readonly boots: string[] = []
  readonly faults: Fault[] = []
  readonly messages: SeenMessage[] = []
  readonly steps: Map<string, number> = new Map()

  constructor(options: Partial<WorldOptions> = {}) {
    this.world = new World({
      seed: SEED,
      observers: [
        {
          onBoot: node => void this.boots.push(node),
          onEnd: (node, how) => void this.ends.push(`${node} ${how}`),
          onStep: node => void this.steps.set(node, (this.steps.get(node) ?? 0) + 1),
          onLog: (node, _level, event, fields) => {
            if (event.startsWith('sim.')) this.notes.push(`${node} ${event} ${Object.values(fields).join(' ')}`)
          },
          onFault: fault => void this.faults.push(fault),
          onMessage: message => void this.messages.push(message),
        },
      ],
      ...options,
    })
    settle(this.world, NAMES)
  }

  do(fault: Fault): void {
    performFault(this.world, fault)
  }

  /** How many arrived, and how many were lost, from one to the other, in so much time from now. */
  traffic(from: string, to: string, ms: number): { readonly arrived: number; readonly lost: number } {
    this.messages.length = 0
    this.world.run(ms)
    const seen = this.messages.filter(message => message.from === from && message.to === to)
    return {
      arrived: seen.filter(({ arrivedUs }) => arrivedUs !== null).length,
      lost: seen.filter(({ arrivedUs }) => arrivedUs === null).length,
    }
  }

  remember(name: string, text: string): string {
    return this.world.ask(name, 'memory.remember', { text }).id
  }

  /** All are connected again and hold the same. */
  whole(names: readonly string[] = NAMES): void {
    this.world.until('all to be up', () => names.every(name => this.world.machine(name).phase === 'up'))
    untilConnected(this.world, names)
    untilEqual(this.world, names)
  }
}

function way(from: string, to: string, both = false): Way {
  return { from, to, both }
}

/** What passes from whom to whom, as text: `.` is silence. */
function reach(world: World): string {
  return NAMES.map(from => NAMES.map(to => (from === to ? '-' : world.network.isSilent(from, to) ? '.' : 'x')).join('')).join(' ')
}

const ALL = '-xxx x-xx xx-x xxx-'

t.test('who watches is told of every life, step, message and fault, and changes nothing', t => {
  const watched = new Watched()
  const { world } = watched
  t.strictSame(watched.boots, NAMES)
  t.ok(NAMES.every(name => (watched.steps.get(name) ?? 0) > 20))
  const id = watched.remember('n1', 'seen by all')
  watched.whole()
  t.ok(id.length > 0)
  const kinds = new Set(watched.messages.map(({ kind }) => kind))
  for (const kind of ['dial', 'open', 'greeting', 'sync.hello', 'sync.run']) t.ok(kinds.has(kind), kind)
  for (const { sentUs, arrivedUs, bytes } of watched.messages)
    if (arrivedUs !== null && (arrivedUs < sentUs || bytes < 4)) t.fail('a time or size')
  watched.do({ verb: 'crash', node: 'n4', how: 'process', torn: false })
  watched.do({ verb: 'restart', node: 'n4' })
  watched.do({ verb: 'stop', node: 'n3' })
  world.run(6000)
  t.strictSame(watched.ends, ['n4 process', 'n3 stopped'])
  t.strictSame(watched.boots, [...NAMES, 'n4'])
  t.strictSame(
    watched.faults.map(({ verb }) => verb),
    ['crash', 'restart', 'stop'],
  )
  const unwatched = new World({ seed: SEED })
  const other = new Watched()
  settle(unwatched, NAMES)
  t.equal(unwatched.trace.hash, other.world.trace.hash)
  t.end()
})

t.test('silences: what is cut, and that it ends with heal', t => {
  const rows: readonly (readonly [fault: Fault, silence: string])[] = [
    [{ verb: 'partition', groups: [['n1', 'n2'], ['n3']] }, '-x.x x-.x ..-x xxx-'],
    [{ verb: 'cut', way: way('n1', 'n2') }, '-.xx x-xx xx-x xxx-'],
    [{ verb: 'cut', way: way('n1', 'n2', true) }, '-.xx .-xx xx-x xxx-'],
    [{ verb: 'isolate', node: 'n2' }, '-.xx .-.. x.-x x.x-'],
    [
      {
        verb: 'bridge',
        node: 'n2',
        groups: [
          ['n1', 'n2'],
          ['n2', 'n3', 'n4'],
        ],
      },
      '-x.. x-xx .x-x .xx-',
    ],
    [{ verb: 'ring', nodes: NAMES }, '-x.x x-x. .x-x x.x-'],
    [{ verb: 'flap', way: way('n1', 'n2'), everyMs: 1000, forMs: 60_000 }, '-.xx x-xx xx-x xxx-'],
  ]
  for (const [fault, silence] of rows) {
    const { world } = new Watched()
    performFault(world, fault)
    t.equal(reach(world), silence, fault.verb)
    world.heal()
    t.equal(reach(world), ALL, `${fault.verb} has ended`)
    world.run(3000)
    t.equal(reach(world), ALL, `${fault.verb} does not come back`)
  }
  const { world } = new Watched()
  performFault(world, { verb: 'cut', way: way('n1', 'n2', true) })
  performFault(world, { verb: 'restore', way: way('n2', 'n1') })
  t.equal(reach(world), '-.xx x-xx xx-x xxx-')
  t.end()
})

t.test('a flapping way is silent half of the time, and well in the end by itself', t => {
  const watched = new Watched()
  watched.do({ verb: 'flap', way: way('n1', 'n2', true), everyMs: 3000, forMs: 14_000 })
  const seen: boolean[] = []
  for (let i = 0; i < 6; i++) {
    watched.world.run(1500)
    seen.push(watched.world.network.isSilent('n2', 'n1'))
    watched.world.run(1500)
  }
  t.strictSame(seen, [true, false, true, false, true, false])
  watched.whole()
  t.end()
})

t.test('what is clogged waits in order, also behind other clogs, and arrives when they end', t => {
  const watched = new Watched()
  const { world } = watched
  watched.do({ verb: 'clog', way: way('n1', 'n2'), forMs: 4000 })
  const id = watched.remember('n1', 'held')
  t.equal(watched.traffic('n1', 'n2', 3900).arrived, 0)
  t.ok(watched.traffic('n2', 'n1', 50).lost === 0)
  t.ok(watched.traffic('n1', 'n2', 100).arrived > 1, 'they were kept')
  watched.whole()
  t.strictSame(textsOf(world, 'n2'), ['held'])
  t.ok(id)
  watched.do({ verb: 'clog', way: way('n1', 'n2'), forMs: 60_000 })
  world.run(1000)
  watched.do({ verb: 'heal' })
  t.ok(watched.traffic('n1', 'n2', 2000).arrived > 0, 'heal ends it before its time')
  watched.do({ verb: 'swizzle', nodes: NAMES, forMs: 20_000 })
  watched.messages.length = 0
  world.run(9900)
  const held = watched.messages.length
  world.run(15_000)
  t.ok(watched.messages.length > held)
  t.notOk(
    watched.messages.some(({ arrivedUs, kind }) => arrivedUs === null && kind !== 'reset'),
    'nothing is lost by waiting',
  )
  watched.whole()
  t.end()
})

t.test('a wire has its qualities: delay, rate, room, loss and duplicates, one way or all', t => {
  const watched = new Watched()
  const { world } = watched
  watched.do({ verb: 'net', way: way('n1', 'n2'), quality: { delayMinMs: 700, delayMeanMs: 0 } })
  watched.messages.length = 0
  world.run(5000)
  const timesMs = (from: string): number[] =>
    watched.messages.flatMap(({ from: sender, to, sentUs, arrivedUs }) =>
      sender === from && to === (from === 'n1' ? 'n2' : 'n1') && arrivedUs !== null ? [(arrivedUs - sentUs) / 1000] : [],
    )
  t.ok(timesMs('n1').length > 0 && timesMs('n1').every(ms => ms >= 700))
  t.ok(timesMs('n2').every(ms => ms < 50))
  world.heal()
  watched.messages.length = 0
  world.run(8000)
  t.ok(
    timesMs('n1').some(ms => ms < 50),
    'heal gives it back its own',
  )
  watched.do({ verb: 'net', way: null, quality: { loss: 0.3, duplicates: 0.5 } })
  watched.messages.length = 0
  watched.remember('n1', 'through the rain')
  world.run(20_000)
  const late = watched.messages.filter(({ sentUs, arrivedUs }) => arrivedUs !== null && arrivedUs - sentUs >= 200_000)
  t.ok(late.length > 5, `${late.length} were sent again`)
  watched.whole()
  t.strictSame(textsOf(world, 'n4'), ['through the rain'])
  world.heal()
  watched.do({ verb: 'net', way: way('n1', 'n2', true), quality: { bytesPerSecond: 2000, queueBytes: 3000 } })
  for (let i = 0; i < 40; i++) watched.remember('n1', `${i} ${'x'.repeat(300)}`)
  t.ok((coreOf(world, 'n1').metrics.get('weft_frames_dropped_total', 'full') ?? 0) > 0, 'what does not fit is refused')
  world.heal()
  watched.whole()
  t.end()
})

t.test('packets outside of connections are lost, come twice and overtake each other; connections give up in the end', t => {
  const scheduler = new Scheduler()
  const network = new SimNetwork(scheduler, SEED, { delayMinUs: 100, delayMeanUs: 500, lossPpm: 200_000, duplicatesPpm: 300_000 })
  const arrived: number[] = []
  for (let i = 0; i < 1000; i++)
    network.packet('gossip', 'a', 'b', Uint8Array.of(i >> 8, i & 255), ([high = 0, low = 0]) => arrived.push(high * 256 + low))
  scheduler.runUntil(1e6)
  const distinct = new Set(arrived).size
  t.ok(distinct > 750 && distinct < 850, `${distinct} of 1000 arrived`)
  t.ok(arrived.length - distinct > 180 && arrived.length - distinct < 300, `${arrived.length - distinct} twice`)
  t.not(
    arrived.slice(0, 100).join(),
    arrived
      .slice(0, 100)
      .sort((a, b) => a - b)
      .join(),
  )
  const watched = new Watched()
  watched.do({ verb: 'net', way: way('n1', 'n2'), quality: { loss: 1 } })
  watched.world.until('n2 to miss n1', () => !coreOf(watched.world, 'n2').peers.connected.has(watched.world.nodeId('n1')))
  watched.do({ verb: 'heal' })
  watched.whole()
  t.end()
})

t.test('a middlebox silences connections from the first message of a kind on', t => {
  const watched = new Watched()
  const { world } = watched
  watched.do({ verb: 'block', message: 'sync.run', way: way('n1', 'n2') })
  t.ok(watched.traffic('n1', 'n2', 3000).lost === 0, 'other kinds pass')
  watched.remember('n1', 'around the box')
  world.until('n2 to have it by way of others', () => textsOf(world, 'n2').length === 1)
  world.until('n1 and n2 to part', () => !coreOf(world, 'n1').peers.connected.has(world.nodeId('n2')))
  watched.do({ verb: 'heal' })
  watched.whole()
  watched.do({ verb: 'block', message: 'sync', way: null })
  watched.remember('n3', 'nobody hears')
  world.run(30_000)
  t.strictSame(textsOf(world, 'n1').length, 1)
  watched.do({ verb: 'heal' })
  watched.whole()
  t.equal(textsOf(world, 'n1').length, 2)
  t.end()
})

t.test('crash, restart, stop and kill; what cannot be is noted and changes nothing', t => {
  const watched = new Watched()
  const { world } = watched
  watched.do({ verb: 'crash', node: 'n2', how: 'power', torn: true })
  watched.do({ verb: 'crash', node: 'n2', how: 'power', torn: false })
  t.equal(world.machine('n2').phase, 'off')
  watched.do({ verb: 'restart', node: 'n2' })
  watched.do({ verb: 'restart', node: 'n2' })
  watched.do({ verb: 'crash', node: 'n2', how: 'process', torn: false })
  watched.do({ verb: 'restart', node: 'n2' })
  watched.whole()
  watched.do({ verb: 'restart', node: 'n2' })
  watched.do({ verb: 'stop', node: 'n3' })
  watched.do({ verb: 'stop', node: 'n3' })
  watched.do({ verb: 'crash', node: 'n3', how: 'process', torn: false })
  watched.do({ verb: 'restart', node: 'n3' })
  watched.whole()
  watched.do({ verb: 'kill', node: 'n4' })
  watched.do({ verb: 'kill', node: 'n4' })
  watched.do({ verb: 'restart', node: 'n4' })
  watched.do({ verb: 'reformat', node: 'n4' })
  watched.do({ verb: 'restore-backup', node: 'n1' })
  watched.do({ verb: 'revoke', node: 'n9' })
  watched.do({ verb: 'join', node: 'n1', by: 'n4' })
  t.strictSame(watched.notes, [
    'n2 sim.skipped crash it is off',
    'n2 sim.skipped restart it is starting',
    'n2 sim.skipped restart it is up',
    'n3 sim.skipped stop it is stopping',
    'n4 sim.skipped kill it is dead',
    'n4 sim.skipped restart it is dead',
    'n4 sim.skipped reformat it is dead',
    'n1 sim.skipped restore-backup there is no backup',
    'n9 sim.skipped revoke it has never been up',
    'n4 sim.skipped join it is dead',
  ])
  t.equal(world.machine('n2').lives, 3)
  mend(world, NAMES.slice(0, 3))
  watched.whole(NAMES.slice(0, 3))
  t.end()
})

t.test('of a crash with a torn write, the newest write is there in part', t => {
  for (let seed = 1; seed <= 10; seed++) {
    const scheduler = new Scheduler()
    const disk = new SimDisk(scheduler, new SimRandom(seed, 'disk'), { readUs: 10, writeUs: 10, syncUs: 1000 })
    disk.append('log', new Uint8Array(100).fill(1), () => {})
    disk.sync('log', () => {})
    scheduler.runUntil(10_000)
    disk.append('log', new Uint8Array(50).fill(2), () => {})
    disk.append('log', new Uint8Array(50).fill(3), () => {})
    disk.sync('log', () => t.fail('it was synced'))
    if (seed % 2 === 0) scheduler.runUntil(10_100)
    disk.crash('power', true)
    const bytes = disk.contentOf('log')
    const count = (value: number): number => bytes.filter(byte => byte === value).length
    t.strictSame([count(1), count(2)], [100, 50], 'what came before it is there')
    t.ok(count(3) > 0 && count(3) < 50, `${count(3)} bytes of 50`)
  }
  const watched = new Watched()
  const kept = watched.remember('n2', 'acknowledged')
  watched.world.askSoon('n2', 'memory.remember', { text: 'in the air' }, () => t.fail('it was answered'))
  watched.world.run(0.2)
  watched.do({ verb: 'crash', node: 'n2', how: 'power', torn: true })
  watched.do({ verb: 'restart', node: 'n2' })
  watched.whole()
  t.equal(watched.world.ask('n2', 'memory.get', { id: kept }).text, 'acknowledged')
  t.end()
})

t.test('a gray node: paused, slow or mute for a while', t => {
  const watched = new Watched()
  const { world } = watched
  const steps = (): number => watched.steps.get('n2') ?? 0
  watched.do({ verb: 'pause', node: 'n2', forMs: 5000 })
  const before = steps()
  let answeredMs = 0
  const pausedMs = world.nowMs
  world.askSoon('n2', 'node.status', {}, () => (answeredMs = world.nowMs))
  world.run(4999)
  t.equal(steps(), before, 'it does nothing')
  world.run(2)
  t.ok(steps() > before, 'and then what was due')
  t.equal(answeredMs, pausedMs + 5000)
  watched.whole()

  watched.do({ verb: 'slow', node: 'n2', factor: 400, forMs: 20_000 })
  const slowMs = world.nowMs
  world.ask('n2', 'memory.remember', { text: 'slowly' })
  t.ok(world.nowMs - slowMs > 40, `took ${world.nowMs - slowMs} ms`)
  stopMachineFaults(world, 'n2')
  world.run(100)
  const fastMs = world.nowMs
  world.ask('n2', 'memory.remember', { text: 'fast' })
  t.ok(world.nowMs - fastMs < 20)
  watched.whole()

  watched.do({ verb: 'mute', node: 'n2', forMs: 20_000 })
  t.equal(watched.traffic('n2', 'n1', 9000).arrived, 0)
  t.ok(watched.traffic('n1', 'n2', 5000).arrived > 0, 'it hears')
  watched.world.run(6000)
  watched.whole()
  watched.do({ verb: 'pause', node: 'n2', forMs: 60_000 })
  watched.do({ verb: 'crash', node: 'n2', how: 'process', torn: false })
  watched.do({ verb: 'restart', node: 'n2' })
  watched.whole()
  t.end()
})

t.test('members come and go: join, retire, revoke, upgrade', t => {
  const watched = new Watched()
  const { world } = watched
  watched.do({ verb: 'join', node: 'n5', by: 'n1' })
  world.until('n5 to be up', () => world.machine('n5').phase === 'up')
  watched.whole([...NAMES, 'n5'])
  watched.do({ verb: 'retire', node: 'n5' })
  watched.do({ verb: 'revoke', node: 'n4' })
  const members = (): string[] => world.ask('n2', 'member.list', {}).members.map(({ nodeId, status }) => `${nodeId} ${status}`)
  world.until('both to be gone', () => members().filter(row => !row.endsWith(' member')).length === 2)
  world.machine('n3').version = 'previous'
  watched.do({ verb: 'upgrade', node: 'n3' })
  world.until('n3 to be up again', () => world.machine('n3').lives === 2 && world.machine('n3').phase === 'up')
  t.equal(world.machine('n3').version, 'current')
  watched.whole(NAMES.slice(0, 3))
  t.end()
})

t.test('a disk fails, fills, slows down, rots, is emptied and put back', t => {
  const watched = new Watched()
  const { world } = watched
  const { disk } = world.machine('n2')
  let asked = 0
  const refusal = (): string | undefined => codeOf(() => watched.remember('n2', `${++asked} ${'x'.repeat(500)}`))
  watched.do({ verb: 'disk-full', node: 'n2', bytes: 100 })
  t.equal(refusal(), 'disk_full')
  watched.do({ verb: 'disk-ok', node: 'n2' })
  t.equal(refusal(), undefined)
  watched.do({ verb: 'disk-sync-fails', node: 'n2' })
  t.equal(refusal(), 'disk_failed')
  watched.whole()
  watched.do({ verb: 'disk-slow', node: 'n2', latencyMs: 300, forMs: 10_000 })
  const slowMs = world.nowMs
  watched.remember('n2', 'slowly')
  t.ok(world.nowMs - slowMs > 50)
  world.run(10_000)
  const fastMs = world.nowMs
  watched.remember('n2', 'fast')
  t.ok(world.nowMs - fastMs < 20, 'it ends by itself')
  watched.whole()

  watched.do({ verb: 'backup', node: 'n2' })
  const later = watched.remember('n2', 'after the backup')
  watched.whole()
  watched.do({ verb: 'restore-backup', node: 'n2' })
  t.equal(world.machine('n2').phase, 'off')
  watched.do({ verb: 'restart', node: 'n2' })
  watched.whole()
  t.equal(world.ask('n2', 'memory.get', { id: later }).text, 'after the backup', 'its peers knew')
  watched.do({ verb: 'reformat', node: 'n2' })
  t.strictSame(disk.files, ['cluster.weft', 'identity.pem', 'next-identity.pem'])
  watched.do({ verb: 'restart', node: 'n2' })
  watched.whole()
  t.equal(world.ask('n2', 'memory.get', { id: later }).text, 'after the backup')

  watched.do({ verb: 'stop', node: 'n2' })
  world.until('n2 to be down', () => world.machine('n2').phase === 'off')
  const files = disk.snapshot()
  watched.do({ verb: 'disk-rot', node: 'n2' })
  const changed = [...files].filter(([name, bytes]) => Buffer.compare(bytes, disk.contentOf(name)) !== 0).map(([name]) => name)
  t.equal(changed.length, 1)
  t.ok(changed[0]?.endsWith('.seg'))
  watched.do({ verb: 'reformat', node: 'n2' })
  mend(world, NAMES)
  watched.whole()
  t.end()
})

t.test('clocks step, drift and stand still; monotonic time goes on, and lives follow each other', t => {
  const watched = new Watched()
  const { world } = watched
  const clock = (): { readonly wallMs: number; readonly monotonicMs: number } => {
    const { clock } = world.machine('n2')
    return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() }
  }
  const after = (ms: number): { readonly wallMs: number; readonly monotonicMs: number } => {
    const before = clock()
    world.run(ms)
    const now = clock()
    return { wallMs: Math.round(now.wallMs - before.wallMs), monotonicMs: Math.round(now.monotonicMs - before.monotonicMs) }
  }
  const startMs = clock().wallMs
  watched.do({ verb: 'clock-step', node: 'n2', stepMs: -3_600_000 })
  t.equal(clock().wallMs, startMs - 3_600_000)
  watched.do({ verb: 'clock-drift', node: 'n2', driftPpm: 500_000 })
  t.strictSame(after(1000), { wallMs: 1500, monotonicMs: 1500 })
  let rangUs = 0
  const setUs = world.scheduler.nowUs
  world.machine('n2').clock.after(3000, () => (rangUs = world.scheduler.nowUs))
  world.run(1000)
  watched.do({ verb: 'clock-drift', node: 'n2', driftPpm: -500_000 })
  t.strictSame(after(1000), { wallMs: 500, monotonicMs: 500 })
  world.run(3000)
  t.equal(rangUs - setUs, 4_000_000, 'a timer rings when its clock says so')
  watched.do({ verb: 'clock-drift', node: 'n2', driftPpm: 0 })
  watched.do({ verb: 'clock-freeze', node: 'n2', forMs: 2000 })
  t.strictSame(after(1999), { wallMs: 0, monotonicMs: 1999 })
  t.strictSame(after(1), { wallMs: 2000, monotonicMs: 1 })
  watched.do({ verb: 'clock-freeze', node: 'n2', forMs: 60_000 })
  stopMachineFaults(world, 'n2')
  t.strictSame(after(1000), { wallMs: 1000, monotonicMs: 1000 })
  const { wallMs } = clock()
  watched.do({ verb: 'crash', node: 'n2', how: 'process', torn: false })
  watched.do({ verb: 'restart', node: 'n2' })
  t.equal(clock().wallMs, wallMs)
  t.equal(clock().monotonicMs, 0)
  watched.whole()
  t.end()
})

t.test('a twin is one node at two places, each there for others', t => {
  const watched = new Watched()
  const { world } = watched
  watched.do({ verb: 'twin', node: 'n4', beside: ['n3'] })
  world.until('the twin to be up', () => world.machine("n4'").phase === 'up')
  t.equal(world.nodeId("n4'"), world.nodeId('n4'))
  world.until('n3 to have found it', () => coreOf(world, "n4'").peers.connected.has(world.nodeId('n3')), 120_000)
  world.run(30_000)
  t.strictSame([...coreOf(world, "n4'").peers.connected], [world.nodeId('n3')], 'nobody else sees it')
  t.notOk(coreOf(world, 'n4').peers.connected.has(world.nodeId('n3')), 'and n3 not the first')
  t.ok(coreOf(world, 'n1').peers.connected.has(world.nodeId('n4')))
  watched.do({ verb: 'heal' })
  world.run(5000)
  t.notOk(coreOf(world, 'n4').peers.connected.has(world.nodeId('n3')), 'no heal makes them one')
  t.end()
})

t.test('a node that is turned is hostile in every life', t => {
  const watched = new Watched()
  const { world } = watched
  watched.do({ verb: 'turn', node: 'n4', behaviours: ['replay'] })
  world.run(5000)
  watched.do({ verb: 'crash', node: 'n4', how: 'process', torn: false })
  watched.do({ verb: 'restart', node: 'n4' })
  world.run(5000)
  t.strictSame(world.machine('n4').behaviours, ['replay'])
  const id = watched.remember('n1', 'the others go on')
  untilEqual(world, ['n1', 'n2', 'n3'])
  t.equal(world.ask('n3', 'memory.get', { id }).text, 'the others go on')
  t.end()
})

/** A fault of each verb, drawn. */
function drawAll(random: SimRandom): { readonly [V in Verb]: Extract<Fault, { verb: V }> } {
  const [node, other, third] = random.shuffle(NAMES) as [string, string, string]
  const forMs = 500 + random.below(5000)
  const drawn = way(node, other, random.chance(500))
  return {
    partition: { verb: 'partition', groups: [[node, other], [third]] },
    cut: { verb: 'cut', way: drawn },
    restore: { verb: 'restore', way: drawn },
    isolate: { verb: 'isolate', node },
    bridge: {
      verb: 'bridge',
      node,
      groups: [
        [node, other],
        [node, third],
      ],
    },
    ring: { verb: 'ring', nodes: NAMES },
    flap: { verb: 'flap', way: drawn, everyMs: 700, forMs },
    clog: { verb: 'clog', way: drawn, forMs },
    swizzle: { verb: 'swizzle', nodes: NAMES, forMs },
    net: {
      verb: 'net',
      way: random.chance(500) ? null : drawn,
      quality: { delayMeanMs: random.below(50), loss: random.below(300) / 1000, duplicates: 0.3 },
    },
    block: { verb: 'block', message: random.pick(['sync.run', 'ipc', 'peer.ping']), way: drawn },
    heal: { verb: 'heal' },
    crash: { verb: 'crash', node, how: random.pick(['power', 'process'] as const), torn: random.chance(500) },
    restart: { verb: 'restart', node },
    stop: { verb: 'stop', node },
    kill: { verb: 'kill', node: 'n5' },
    pause: { verb: 'pause', node, forMs },
    slow: { verb: 'slow', node, factor: 1 + random.below(100), forMs },
    mute: { verb: 'mute', node, forMs },
    join: { verb: 'join', node: random.pick(['n5', 'n6']), by: node },
    retire: { verb: 'retire', node: 'n6' },
    revoke: { verb: 'revoke', node: 'n5' },
    upgrade: { verb: 'upgrade', node },
    'disk-sync-fails': { verb: 'disk-sync-fails', node },
    'disk-full': { verb: 'disk-full', node, bytes: random.below(2000) },
    'disk-slow': { verb: 'disk-slow', node, latencyMs: random.below(100), forMs },
    'disk-rot': { verb: 'disk-rot', node: 'n6' },
    'disk-ok': { verb: 'disk-ok', node },
    backup: { verb: 'backup', node },
    'restore-backup': { verb: 'restore-backup', node },
    reformat: { verb: 'reformat', node: 'n3' },
    'clock-step': { verb: 'clock-step', node, stepMs: random.below(20_000) - 10_000 },
    'clock-drift': { verb: 'clock-drift', node, driftPpm: random.below(1000) - 500 },
    'clock-freeze': { verb: 'clock-freeze', node, forMs },
    turn: { verb: 'turn', node: 'n5', behaviours: ['replay'] },
    twin: { verb: 'twin', node: 'n6', beside: [node] },
  }
}

const VERBS = Object.keys(drawAll(new SimRandom(0, 'verbs'))) as Verb[]

t.test('everything that can go wrong, drawn at random: nothing throws, all is well in the end, and a seed tells it twice', t => {
  const tell = (seed: number): { readonly hash: string; readonly verbs: ReadonlySet<Verb> } => {
    const watched = new Watched({ seed })
    const { world } = watched
    const random = new SimRandom(seed, 'faults')
    for (let i = 0; i < 120; i++) {
      watched.do(drawAll(random)[random.pick(VERBS)])
      world.run(random.below(600))
      const up = world.running.filter(({ name, phase }) => phase === 'up' && NAMES.includes(name))
      if (up.length > 0) world.askSoon(random.pick(up).name, 'memory.remember', { text: `said ${i}` }, () => {})
    }
    world.heal()
    world.until('what is under way to be over', () => NAMES.every(name => ['up', 'off'].includes(world.machine(name).phase)))
    mend(world, NAMES)
    world.until('all to be up', () => NAMES.every(name => world.machine(name).phase === 'up'))
    untilConnected(world, NAMES)
    return { hash: world.trace.hash, verbs: new Set(watched.faults.map(({ verb }) => verb)) }
  }
  const verbs = new Set<Verb>()
  for (let seed = SEED; seed < SEED + 6; seed++) {
    const told = tell(seed)
    t.equal(tell(seed).hash, told.hash, `seed ${seed}`)
    for (const verb of told.verbs) verbs.add(verb)
  }
  t.strictSame(
    VERBS.filter(verb => !verbs.has(verb)),
    [],
    'every verb has been there',
  )
  t.end()
})

t.test('gossip reaches most, in some order, most of them once; and nobody across a partition', t => {
  const scheduler = new Scheduler()
  const network = new SimNetwork(scheduler, SEED, { delayMinUs: 1000, delayMeanUs: 5000 })
  const gossip = new SimGossip(network, new SimRandom(SEED, 'gossip'))
  const places = Array.from({ length: 40 }, (_, i) => `p${i}`)
  const heard = new Map<string, string[]>(places.map(place => [place, []]))
  const leave = places.map(place => gossip.subscribe(place, (bytes, from) => heard.get(place)?.push(`${from} ${bytes[0]}`)))
  for (let i = 0; i < 100; i++) gossip.publish('p0', Uint8Array.of(i))
  scheduler.runUntil(1e6)
  const counts = places.slice(1).map(place => heard.get(place) as string[])
  const distinct = counts.reduce((sum, list) => sum + new Set(list).size, 0)
  const total = counts.reduce((sum, list) => sum + list.length, 0)
  t.ok(distinct > 39 * 100 * 0.99 && distinct < 39 * 100, `${distinct} of ${39 * 100} were delivered`)
  t.ok(total > distinct && total < distinct * 1.1, `${total - distinct} twice`)
  t.ok(
    counts.some(list => list.join() !== [...list].sort((a, b) => Number(a.slice(3)) - Number(b.slice(3))).join()),
    'not in order',
  )
  t.strictSame(heard.get('p0'), [], 'not to whoever said it')
  network.partition([places.slice(0, 20), places.slice(20)])
  for (const stop of leave.slice(10, 20)) stop()
  for (const list of heard.values()) list.length = 0
  gossip.publish('p0', utf8('!'))
  scheduler.runUntil(2e6)
  t.ok(places.slice(1, 10).some(place => (heard.get(place)?.length ?? 0) > 0))
  t.ok(places.slice(10).every(place => heard.get(place)?.length === 0))
  t.end()
})

/** Asks others, so many in a row, with promises of its own in between. */
function relay(chain: readonly number[], told: string[]): Program {
  return context => ({
    onCall: {
      echo: (value: number) => value + 1,
      run: async (targets: readonly string[]) => {
        let sum = 0
        for (const [i, hops] of chain.entries()) {
          for (let hop = 0; hop < hops; hop++) await Promise.resolve()
          const answers = await Promise.all(targets.map(target => context.call(target, 'echo', i)))
          sum += answers.reduce<number>((total, answer) => total + Number(answer), 0)
          await context.send(targets[0] as string, { i })
          await context.memory.remember(`${context.name} ${i} ${sum}`)
        }
        told.push(`${context.name} ${sum}`)
        return sum
      },
    },
    onMessage: async () => {
      await Promise.resolve()
      told.push(`${context.name} heard`)
    },
  })
}

async function tellAsync(seed: number, chain: readonly number[]): Promise<{ readonly hash: string; readonly told: string }> {
  const world = new World({ seed })
  const names = NAMES.slice(0, 3)
  settle(world, names)
  const told: string[] = []
  for (const name of names) spawnOn(world, name, relay(chain, told), `relay-${name}`)
  const address = (name: string): string => `${world.nodeId(name)}:relay-${name}`
  const echo: Program = () => ({ onCall: { echo: (value: number) => value + 1 } })
  for (const name of names) spawnOn(world, name, echo, `echo-${name}`)
  const targets = names.map(name => `${world.nodeId(name)}:echo-${name}`)
  await world.runAsync(2000)
  const answers: unknown[] = []
  for (const name of names)
    world.askSoon(name, 'process.call', { to: address(name), method: 'run', argument: targets, deadlineMs: 20_000 }, (error, value) =>
      answers.push(error?.code ?? value),
    )
  await world.untilAsync('all to have answered', () => answers.length === names.length)
  return { hash: world.trace.hash, told: [...told, ...answers.map(answer => JSON.stringify(answer))].join('\n') }
}

t.test('handlers that wait for promises go on in virtual time, the same every time', async t => {
  const first = await tellAsync(SEED, [0, 3, 1])
  t.match(first.told, /relay-n1 18/)
  for (let i = 1; i < 20; i++) t.same(await tellAsync(SEED, [0, 3, 1]), first)
  t.not((await tellAsync(SEED + 1, [0, 3, 1])).hash, first.hash)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1000 }), fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }), async (seed, chain) => {
      const once = await tellAsync(seed, chain)
      return JSON.stringify(await tellAsync(seed, chain)) === JSON.stringify(once)
    }),
    { numRuns: 5 },
  )
})

t.test('a promise that is rejected and that nobody looks at ends the run; nothing real goes on meanwhile', async t => {
  const spoilers: readonly (readonly [what: string, spoil: () => unknown, says: RegExp])[] = [
    ['a lost rejection', () => void Promise.reject(new Error('lost')), /nobody looks at/],
    ['a real timer', () => new Promise(resolve => setTimeout(resolve, 1)), /setTimeout/],
  ]
  for (const [what, spoil, says] of spoilers) {
    const world = new World({ seed: SEED })
    world.cluster(['a'])
    const program: Program = () => ({
      onCall: {
        spoil: async () => {
          await Promise.resolve()
          await spoil()
          await Promise.resolve()
        },
      },
    })
    spawnOn(world, 'a', program, 'spoiler')
    let failure = ''
    world.askSoon('a', 'process.call', { to: 'spoiler', method: 'spoil', deadlineMs: 1000 }, error => (failure = error?.message ?? ''))
    await world.runAsync(2000).catch((thrown: unknown) => (failure = String(thrown)))
    t.match(failure, says, what)
  }
  await untilReal()
  t.type(setTimeout, 'function')
})

function untilReal(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 1))
}
