import { spawnSync } from 'node:child_process'
import { createECDH, generatePrimeSync, randomBytes, scrypt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { getServers } from 'node:dns'
import { EventEmitter } from 'node:events'
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { isIP, Socket } from 'node:net'
import { freemem } from 'node:os'
import { clearTimeout as clearTimer } from 'node:timers'
import { scheduler } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { gzip } from 'node:zlib'
import t, { type Test } from 'tap'
import { encode } from '../../base/codec.ts'
import { concatBytes, utf8 } from '../../base/bytes.ts'
import { WeftError } from '../../base/errors.ts'
import { memoryStream } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import { CLOCK_AHEAD_MAX_MS } from '../../base/limits.ts'
import type { Draft } from '../../chain/chain.ts'
import { decodeSegmentHeader, encodeCommit, scanSegment, type SegmentHeader } from '../../chain/segment.ts'
import { encodeRemember } from '../../ecc/records.ts'
import type { SimMessage } from '../../sim/network.ts'
import type { SimRandom } from '../../sim/random.ts'
import { setTraps } from '../../sim/trap.ts'
import { World } from '../../sim/world.ts'
import { codeOf, coreOf, settle, textsOf, untilConnected, untilEqual } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(11)
const NAMES = ['a', 'b', 'c']
const APPLICATIONS: readonly string[] = ['control', 'sync', 'ipc']

function clusterOf(options: Partial<ConstructorParameters<typeof World>[0]> = {}): { readonly world: World; readonly logged: string[] } {
  const logged: string[] = []
  const world = new World({ seed: SEED, onLog: line => logged.push(line), ...options })
  settle(world, NAMES)
  return { world, logged }
}

function isUp(world: World, from: string, to: string): boolean {
  return coreOf(world, from).peers.connected.has(world.nodeId(to))
}

function remember(world: World, name: string, text: string): string {
  return world.ask(name, 'memory.remember', { text }).id
}

function allEqual(world: World): void {
  untilConnected(world, NAMES)
  untilEqual(world, NAMES)
}

/** What must hold after any fault: all verify, nobody has forked, and nobody counts anything void. */
function checkSound(t: Test, world: World): void {
  for (const name of NAMES) {
    t.equal(world.ask(name, 'chain.verify', { all: true }).valid, true, `${name} verifies`)
    const { logs, voids } = world.ask(name, 'memory.conflicts', {})
    t.strictSame({ logs, voids }, { logs: [], voids: [] }, `${name} sees no fork and nothing void`)
  }
}

t.test('a cut that nobody announces is noticed on both sides within 15 s, also when it goes one way', t => {
  for (const direction of ['both', 'forward'] as const) {
    const { world } = clusterOf()
    world.network.cut('a', 'b', direction)
    const cutMs = world.nowMs
    world.until('both sides to notice', () => !isUp(world, 'a', 'b') && !isUp(world, 'b', 'a'), 15_000)
    t.ok(world.nowMs - cutMs > 5000, `${direction}: not before there is reason to`)
    t.ok(isUp(world, 'a', 'c') && isUp(world, 'b', 'c'), 'the others stay')
    const id = remember(world, 'a', 'around the cut')
    world.until(
      'b to have it by way of c',
      () =>
        coreOf(world, 'b')
          .memory('main')
          .fold.node(id as never) !== undefined,
      5000,
    )
    world.run(30_000)
    t.notOk(isUp(world, 'a', 'b') || isUp(world, 'b', 'a'), 'half a connection is none')
    world.network.restore('a', 'b', direction)
    world.until('both to be connected again', () => isUp(world, 'a', 'b') && isUp(world, 'b', 'a'), 45_000)
    allEqual(world)
    checkSound(t, world)
  }
  t.end()
})

t.test('a full disk refuses writes and nothing else, and work goes on by itself when there is room', t => {
  const { world } = clusterOf()
  const before = remember(world, 'b', 'before it was full')
  untilEqual(world, NAMES)
  const { disk } = world.machine('b')
  disk.full(disk.usedBytes + 100)
  for (let i = 0; i < 3; i++)
    t.equal(
      codeOf(() => remember(world, 'b', `refused ${i} ${'x'.repeat(200)}`)),
      'disk_full',
    )
  t.equal(world.ask('b', 'node.status', {}).state, 'running')
  t.match(
    world.ask('b', 'node.ready', {}).checks.find(({ check }) => check === 'disk'),
    { ok: false, reason: /full/ },
  )
  t.equal(world.ask('b', 'memory.get', { id: before }).text, 'before it was full', 'reading goes on')
  for (let i = 0; i < 20; i++) remember(world, i % 2 === 0 ? 'a' : 'c', `meanwhile ${i}`)
  untilEqual(world, ['a', 'c'])
  world.run(60_000)
  t.ok(isUp(world, 'a', 'b') && isUp(world, 'c', 'b'), 'its peers keep it')
  t.equal(textsOf(world, 'b').length, 1, 'what it cannot store it does not show')
  disk.full(Infinity)
  const after = remember(world, 'b', 'after')
  allEqual(world)
  for (const name of NAMES) {
    t.equal(world.ask(name, 'memory.get', { id: after }).text, 'after')
    t.strictSame(
      textsOf(world, name).filter(text => text.startsWith('refused')),
      [],
      'what was refused is nowhere',
    )
    t.equal(textsOf(world, name).length, 22)
  }
  t.equal(world.ask('b', 'node.ready', {}).ready, true)
  world.crash('b')
  world.start('b')
  allEqual(world)
  checkSound(t, world)
  t.end()
})

t.test('a sync that fails loses what was not acknowledged and nothing else; the node signs again once a peer has vouched', t => {
  for (let round = 0; round < 8; round++) {
    const world = new World({ seed: SEED + round })
    settle(world, NAMES)
    const kept = remember(world, 'b', 'acknowledged')
    world.machine('b').disk.failSync()
    t.equal(
      codeOf(() => remember(world, 'b', 'lost')),
      'disk_failed',
    )
    t.equal(world.ask('b', 'node.status', {}).publishing, false, 'who cannot trust its disk signs nothing')
    const later = remember(world, 'b', 'written, not signed yet')
    if (round % 2 === 0) {
      world.crash('b', round % 4 === 0 ? 'power' : 'process')
      world.start('b')
    }
    world.until('b to sign again', () => coreOf(world, 'b').guard.isOpen)
    allEqual(world)
    for (const name of NAMES) {
      t.strictSame(textsOf(world, name), ['acknowledged', 'written, not signed yet'])
      for (const id of [kept, later])
        t.equal(
          codeOf(() => world.ask(name, 'memory.get', { id })),
          undefined,
        )
    }
    checkSound(t, world)
  }
  t.end()
})

t.test('a wall clock that jumps back does not take the order of records with it', t => {
  const { world } = clusterOf()
  const ids: string[] = []
  for (const stepMs of [0, -3_600_000, 1000, -10]) {
    world.machine('b').clock.step(stepMs)
    for (let i = 0; i < 3; i++) ids.push(remember(world, 'b', `${stepMs} ${i}`))
  }
  untilEqual(world, NAMES)
  for (const name of NAMES) {
    const { memories } = world.ask(name, 'memory.list', {})
    t.strictSame(
      memories.map(({ id }) => id),
      ids,
      name,
    )
    t.strictSame(
      memories.map(({ at }) => at),
      memories.map(({ at }) => at).sort(),
      'times do not go back either',
    )
  }
  world.crash('b')
  world.start('b')
  ids.push(remember(world, 'b', 'in the next life'))
  allEqual(world)
  t.strictSame(
    world.ask('a', 'memory.list', {}).memories.map(({ id }) => id),
    ids,
  )
  const offset = world.ask('a', 'peer.list', {}).peers.find(({ nodeId }) => nodeId === world.nodeId('b'))
  t.ok(
    Math.abs((offset?.clockOffsetMs ?? 0) + 3_599_010) <= (offset?.clockErrorMs ?? 0) + 2,
    `its peers see how far it is off: ${offset?.clockOffsetMs} ms`,
  )
  checkSound(t, world)
  t.end()
})

t.test('records from too far ahead are left with their author until their time has come', t => {
  const { world } = clusterOf()
  const AHEAD_MS = 150_000
  world.machine('b').clock.step(AHEAD_MS)
  const early = remember(world, 'b', 'from the future')
  const start = world.nowMs
  t.equal(world.ask('b', 'memory.get', { id: early }).text, 'from the future')
  remember(world, 'a', 'from now')
  untilEqual(world, ['a', 'c'])
  world.run(40_000)
  for (const name of ['a', 'c']) t.strictSame(textsOf(world, name), ['from now'], `${name} does not have it yet`)
  t.equal(
    codeOf(() => world.ask('c', 'memory.get', { id: early })),
    'unknown_id',
  )
  t.ok(coreOf(world, 'a').metrics.get('weft_verdicts_total', 'clock_ahead') > 0)
  t.ok(isUp(world, 'a', 'b') && isUp(world, 'c', 'b'), 'a wrong clock is no misbehaviour')
  world.machine('b').clock.step(-AHEAD_MS)
  world.until(
    'its time to come',
    () =>
      NAMES.every(
        name =>
          coreOf(world, name)
            .memory('main')
            .fold.node(early as never) !== undefined,
      ),
    AHEAD_MS,
  )
  t.ok(world.nowMs - start >= AHEAD_MS - CLOCK_AHEAD_MAX_MS, `after ${world.nowMs - start} ms`)
  allEqual(world)
  for (const name of NAMES) t.strictSame([...textsOf(world, name)].sort(), ['from now', 'from the future'])
  checkSound(t, world)
  t.end()
})

t.test('whatever can be made again from the journal may be damaged or gone', t => {
  const { world, logged } = clusterOf()
  const ids = Array.from({ length: 30 }, (_, i) => remember(world, NAMES[i % 3] as string, `memory ${i} of the pool`))
  untilEqual(world, NAMES)
  const answers = (): unknown => [
    world.ask('b', 'memory.recall', { query: 'pool', k: 30 }),
    textsOf(world, 'b'),
    world.ask('b', 'memory.get', { id: (ids[7] as string).slice(0, 12) }),
  ]
  const expected = answers()
  const { disk, index } = world.machine('b')
  const damages: readonly (readonly [what: string, damage: () => unknown, says: string | undefined])[] = [
    ['nothing', () => {}, undefined],
    [
      'fold: a bit',
      () => disk.flip('memory/main.fold', Math.floor(disk.contentOf('memory/main.fold').length / 2)),
      'memory.snapshot-damaged',
    ],
    ['fold: its end', () => replace('memory/main.fold', bytes => bytes.subarray(0, bytes.length - 9)), 'memory.snapshot-damaged'],
    ['fold: all of it', () => replace('memory/main.fold', () => new Uint8Array(0)), 'memory.snapshot-damaged'],
    ['peers: a bit', () => disk.flip('peers.json', 0), undefined],
    [
      'peers: nonsense',
      () => replace('peers.json', () => Uint8Array.from('{"a":[1],"b":null,"c":{"addresses":7}}', char => char.charCodeAt(0))),
      undefined,
    ],
    ['index: some of it', () => index.damage(), undefined],
    ['index: all of it', () => index.destroy(), 'index.catching-up'],
  ]
  function replace(file: string, change: (bytes: Uint8Array) => Uint8Array): void {
    const files = new Map(disk.snapshot())
    files.set(file, change(disk.contentOf(file)))
    disk.rollback(files)
  }
  for (const [what, damage, says] of damages) {
    world.stop('b')
    logged.length = 0
    damage()
    world.start('b')
    allEqual(world)
    t.strictSame(answers(), expected, what)
    if (says !== undefined)
      t.ok(
        logged.some(line => line.includes(says)),
        `${what}: ${says}`,
      )
  }
  checkSound(t, world)
  t.end()
})

t.test('a journal that has gone bad is not started from, and says where', t => {
  const { world } = clusterOf()
  for (let i = 0; i < 20; i++) remember(world, 'b', `memory ${i}`)
  world.stop('b')
  const { disk } = world.machine('b')
  const file = disk.files.find(name => name.endsWith('.seg')) as string
  const offset = Math.floor(disk.contentOf(file).length / 2)
  const files = disk.snapshot()
  disk.flip(file, offset)
  let refused: unknown
  try {
    world.start('b')
  } catch (thrown) {
    refused = thrown
  }
  t.ok(refused instanceof WeftError)
  const { code, message, details } = refused as WeftError
  t.equal(code, 'chain_damaged')
  t.match(details, { file })
  const at = Number(details?.['offset'])
  t.ok(at <= offset && offset - at < 2048, `${message} for byte ${offset}`)
  remember(world, 'a', 'the others go on')
  untilEqual(world, ['a', 'c'])
  disk.rollback(files)
  world.start('b')
  allEqual(world)
  checkSound(t, world)
  t.end()
})

/** What something is refused with. */
function refusalOf(run: () => unknown): WeftError {
  try {
    run()
  } catch (thrown) {
    if (thrown instanceof WeftError) return thrown
    throw thrown
  }
  throw new Error('it was not refused')
}

/** A segment in which one record has another body, of the same length, and all checksums of the record are right. */
function withText(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const { nonce } = decodeSegmentHeader(bytes) as SegmentHeader
  const copy = bytes.slice()
  for (const item of scanSegment(bytes, nonce)) {
    if (item.type !== 'record') continue
    const at = Buffer.from(item.record.body).indexOf(from)
    if (at < 0) continue
    const body = item.record.body.slice()
    body.set(utf8(to), at)
    const entry = encodeCommit([{ type: 'record', record: { ...item.record, body } }], item.at, nonce).bytes
    copy.set(entry.subarray(0, item.end - item.at), item.at)
  }
  return copy
}

function withBit(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice()
  copy[at] = (copy[at] as number) ^ 1
  return copy
}

t.test('a record that goes bad under a running node is never shown as another text, and is named', t => {
  const damages: readonly (readonly [what: string, damaged: (sound: Uint8Array) => Uint8Array])[] = [
    ['a bit of the body', sound => withBit(sound, Buffer.from(sound).indexOf('a plum in the basket') + 5)],
    ['a body that its checksum is for, and its author is not', sound => withText(sound, 'a plum in the basket', 'a plan in the basket')],
  ]
  for (const [what, damaged] of damages) {
    const { world, logged } = clusterOf()
    const ids = ['an apple', 'a plum', 'a pear', 'a cherry'].map(fruit => remember(world, 'a', `${fruit} in the basket`))
    const [apple, plum, pear] = ids as [string, string, string]
    for (const [from, to] of [
      [plum, apple],
      [pear, plum],
    ] as const)
      world.ask('a', 'memory.link', { from, type: 'derived-from', to })
    remember(world, 'a', 'the last word')
    untilEqual(world, NAMES)
    // Of the other node: what this one has shown it would still have in memory.
    const { log, seq } = world.ask('a', 'memory.get', { id: plum })
    const { disk } = world.machine('b')
    const file = disk.files.find(name => name.endsWith('.seg')) as string
    const sound = disk.contentOf(file)
    const rewrite = (bytes: Uint8Array): void => disk.rollback(new Map([...disk.snapshot(), [file, bytes]]))
    const chainCheck = (): unknown => world.ask('b', 'node.ready', {}).checks.find(({ check }) => check === 'chain')
    logged.length = 0
    rewrite(damaged(sound.slice()))
    t.match(chainCheck(), { ok: true }, `${what}: nobody has noticed yet`)
    const answers: readonly (readonly [name: string, ask: () => unknown])[] = [
      ['get', () => world.ask('b', 'memory.get', { id: plum })],
      ['why', () => world.ask('b', 'memory.why', { id: plum })],
      ['why of what rests on it', () => world.ask('b', 'memory.why', { id: pear })],
      ['recall', () => world.ask('b', 'memory.recall', { query: 'plum', k: 1 })],
      ['recall of more', () => world.ask('b', 'memory.recall', { query: 'basket', k: 4 })],
      ['list', () => world.ask('b', 'memory.list', {})],
    ]
    for (const [name, ask] of answers) {
      const { code, message, details } = refusalOf(ask)
      t.equal(code, 'chain_damaged', `${what}: ${name}`)
      t.ok(message.includes(log) && message.includes(`record ${seq} `), message)
      t.strictSame(details, { log, seq })
    }
    for (const id of ids) if (id !== plum) t.match(world.ask('b', 'memory.get', { id }).text, /in the basket/)
    t.equal(world.ask('b', 'memory.recall', { query: 'apple', k: 1 }).hits[0]?.id, apple, 'answers that do not show it go on')
    t.match(chainCheck(), { ok: false, reason: new RegExp(`record ${seq} of log ${log}`) })
    t.equal(world.ask('b', 'node.ready', {}).ready, false)
    t.equal(logged.filter(line => line.includes('chain.damaged')).length, 1, 'said once')
    t.equal(world.ask('b', 'node.events', {}).events.filter(({ event }) => event === 'chain.damaged').length, 1)
    t.match(world.ask('b', 'chain.verify', { all: true }), { valid: false, log, seq })
    for (const name of ['a', 'c']) {
      t.equal(world.ask(name, 'memory.get', { id: plum }).text, 'a plum in the basket')
      t.equal(world.ask(name, 'node.ready', {}).ready, true)
    }
    const later = remember(world, 'b', `written beside ${what}`)
    untilEqual(world, NAMES)
    t.match(world.ask('c', 'memory.get', { id: later }).text, /^written beside/)
    const now = disk.contentOf(file)
    now.set(sound)
    rewrite(now)
    t.equal(world.ask('b', 'memory.get', { id: plum }).text, 'a plum in the basket')
    t.match(chainCheck(), { ok: true }, 'what can be read again is no damage')
    checkSound(t, world)
  }
  t.end()
})

t.test('a slow disk slows its own node and no other', t => {
  const slow = { readUs: 20_000, writeUs: 100_000, syncUs: 400_000 }
  const { world } = clusterOf({ disk: name => (name === 'b' ? slow : { readUs: 50, writeUs: 50, syncUs: 500 }) })
  const start = world.nowMs
  for (let i = 0; i < 200; i++) remember(world, i % 2 === 0 ? 'a' : 'c', `fast ${i}`)
  t.ok(world.nowMs - start < 1000, `200 writes elsewhere took ${Math.round(world.nowMs - start)} ms`)
  untilEqual(world, ['a', 'c'])
  t.ok(world.nowMs - start < 2000)
  allEqual(world)
  const late = world.nowMs
  remember(world, 'b', 'slow')
  t.ok(world.nowMs - late < 4000)
  allEqual(world)
  checkSound(t, world)
  t.end()
})

/** What a peer that is broken, or means harm, makes of a frame it sends. */
const ALTERATIONS: readonly (readonly [
  what: string,
  alter: (message: SimMessage, random: SimRandom, earlier: readonly Uint8Array[]) => Uint8Array,
])[] = [
  ['cut short', ({ bytes }, random) => bytes.subarray(0, random.below(bytes.length))],
  ['with a bit changed', ({ bytes }, random) => flipped(bytes, random)],
  ['with more behind it', ({ bytes }) => concatBytes(bytes, Uint8Array.of(0))],
  ['noise', (_, random) => random.bytes(1 + random.below(300))],
  ['empty', () => new Uint8Array(0)],
  ['of an unknown kind', () => encode([9999, 'from a later version'])],
  ['of a kind that belongs elsewhere', ({ kind }) => encode(kind === 'control' ? [23, [], []] : [1, 7])],
  ['of a known kind with other fields', (_, random) => encode([20 + random.below(10), random.below(100), [random.bytes(32)], 'x'])],
  ['nested too deep', () => new Uint8Array(500).fill(0x81)],
  ['said before', ({ bytes }, random, earlier) => (earlier.length === 0 ? bytes : random.pick(earlier))],
]

function flipped(bytes: Uint8Array, random: SimRandom): Uint8Array {
  const copy = bytes.slice()
  const at = random.below(copy.length)
  copy[at] = (copy[at] as number) ^ (1 << random.below(8))
  return copy
}

t.test('frames of a hostile peer neither stop a node nor change what it believes', t => {
  for (const [what, alter] of ALTERATIONS) {
    const { world, logged } = clusterOf()
    const random = world.random(what)
    const earlier: Uint8Array[] = []
    let altered = 0
    const tap = (message: SimMessage): Uint8Array => {
      if (message.from !== 'c' || !APPLICATIONS.includes(message.kind) || message.bytes.length === 0) return message.bytes
      earlier.push(message.bytes)
      if (!random.chance(500)) return message.bytes
      altered++
      return alter(message, random, earlier.slice(0, -1))
    }
    world.network.tap = tap
    const ids: string[] = []
    for (let i = 0; i < 60; i++) {
      const name = random.pick(NAMES)
      ids.push(remember(world, name, `${name} said ${i}`))
      world.askSoon('c', 'process.call', { to: `${world.nodeId('a')}/0`, method: 'ping', deadlineMs: 200 }, () => {})
      world.run(random.below(500))
    }
    untilEqual(world, ['a', 'b'])
    t.ok(altered > 20, `${what}: ${altered} frames`)
    const isRejected = logged.some(line => line.includes(' a warn peer.rejected') || line.includes(' b warn peer.rejected'))
    const isBlamed = logged.some(line => /[ab] info peer.down .*rate_limited/.test(line))
    const isHarmless = what === 'of an unknown kind' || what === 'said before'
    if (!isHarmless) t.ok(isRejected && isBlamed, `${what}: who goes on like that is disconnected`)
    if (what === 'of an unknown kind') t.notOk(isRejected || isBlamed, 'a later version is no enemy')
    world.network.tap = undefined
    world.run(60_000)
    allEqual(world)
    for (const name of NAMES) t.strictSame([...textsOf(world, name)].sort(), [...textsOf(world, 'a')].sort())
    t.equal(textsOf(world, 'b').length, ids.length)
    checkSound(t, world)
  }
  t.end()
})

t.test('records that no honest node writes are kept, and stop nobody but their author', t => {
  const { world } = clusterOf()
  const core = coreOf(world, 'b')
  const body = encodeRemember({ text: 'of a member that means harm' })
  const own = [...core.chain.logs.values()].filter(({ identity }) => identity.author === core.self)
  const audit = own.find(({ identity }) => identity.stream === 'audit') as (typeof own)[number]
  const write = (draft: Partial<Draft>): void => {
    world.wait<boolean>(done => {
      const run = (): unknown =>
        core.writer.write(memoryStream('main'), [{ kind: KIND['memory.remember'], actor: 'b', body, parents: [], ...draft }], error =>
          done(error, true),
        )
      world.runtime('b').dispatch({ kind: 'run', run: () => void run() })
    })
  }
  const drafts: readonly (readonly [what: string, draft: Partial<Draft>, voids: number, memories: number])[] = [
    ['an honest one', {}, 0, 1],
    ['of a kind that is not known', { kind: 999 }, 0, 1],
    ['no memory at all', { body: Uint8Array.of(1, 2, 3) }, 1, 1],
    ['an empty body', { body: new Uint8Array(0) }, 2, 1],
    ['a link of nonsense', { kind: KIND['memory.link'] }, 3, 1],
    ['a genesis in the middle', { kind: KIND['log.genesis'] }, 3, 1],
    ['a map of no ids', { kind: KIND['log.rebase'] }, 4, 1],
    ['that builds on a log of another stream', { parents: [{ logId: audit.idBytes, seq: 0, leaf: audit.tree.leaf(0) }] }, 4, 2],
  ]
  for (const [what, draft, voids, memories] of drafts) {
    write(draft)
    allEqual(world)
    for (const name of NAMES) t.match(world.ask(name, 'memory.status', {}), { voids, nodes: memories, pending: 0 }, `${what}: ${name}`)
  }
  write({ parents: [{ logId: new Uint8Array(32).fill(9), seq: 3, leaf: new Uint8Array(32).fill(7) }] })
  const later = remember(world, 'a', 'the others go on')
  world.until('all to hear of it', () =>
    NAMES.every(
      name =>
        coreOf(world, name).pending === 1 &&
        coreOf(world, name)
          .memory('main')
          .fold.node(later as never) !== undefined,
    ),
  )
  for (const name of NAMES) {
    t.match(world.ask(name, 'memory.status', {}), { voids: 4, nodes: 3, pending: 1 }, `what builds on nothing waits: ${name}`)
    t.equal(world.ask(name, 'chain.verify', { all: true }).valid, true)
  }
  world.crash('c')
  world.start('c')
  world.until('c to have read it all', () => coreOf(world, 'c').isFolded)
  t.match(world.ask('c', 'memory.status', {}), { voids: 4, nodes: 3, pending: 1 })
  t.end()
})

t.test('what is published while two nodes far apart still compare is told to both', t => {
  const world = new World({ seed: SEED, wire: { delayMinMs: 150, delayMeanMs: 0 } })
  world.cluster(['a', 'b'])
  world.until('a to see b', () => coreOf(world, 'a').peers.connected.size === 1)
  for (const name of ['a', 'b']) world.askSoon(name, 'memory.remember', { text: 'as they met' }, () => {})
  const startMs = world.nowMs
  untilEqual(world, ['a', 'b'])
  t.ok(world.nowMs - startMs < 3000)
  t.end()
})

setTraps()
/** As a module of a user takes them while it is loaded. */
const takenByName = { now: Date.now, Date, setTimeout }

t.test('simulated code that looks at a real clock, timer or die, or reaches outside, is stopped', t => {
  const rows: readonly (readonly [what: string, look: () => unknown])[] = [
    ['Date.now()', () => Date.now()],
    ['new Date()', () => new Date()],
    ['Math.random()', () => Math.random()],
    ['performance.now()', () => performance.now()],
    ['setTimeout()', () => clearTimeout(setTimeout(() => {}, 1))],
    ['setInterval()', () => clearInterval(setInterval(() => {}, 1))],
    ['setImmediate()', () => clearImmediate(setImmediate(() => {}))],
    ['queueMicrotask()', () => queueMicrotask(() => {})],
    ['process.nextTick()', () => process.nextTick(() => {})],
    ['process.hrtime()', () => process.hrtime()],
    ['process.uptime()', () => process.uptime()],
    ['process.on()', () => process.on('weft-test', () => {})],
    ['crypto.getRandomValues()', () => crypto.getRandomValues(new Uint8Array(1))],
    ['crypto.randomUUID()', () => crypto.randomUUID()],
    ['crypto.subtle.digest()', () => crypto.subtle.digest('SHA-256', new Uint8Array(1))],
    ['Date()', () => Date()],
    ['process.hrtime.bigint()', () => process.hrtime.bigint()],
    ['process.cpuUsage()', () => process.cpuUsage()],
    ['performance.mark()', () => performance.mark('here')],
    ['performance.timeOrigin', () => performance.timeOrigin],
    ['Intl.DateTimeFormat.format()', () => new Intl.DateTimeFormat('en').format()],
    ['Intl.DateTimeFormat.format()', () => new Intl.DateTimeFormat('en').formatToParts()],
    ['MessageChannel()', () => new MessageChannel().port1.close()],
    ['scheduler.yield()', () => scheduler.yield()],
    ['os.freemem()', () => freemem()],
    ['zlib.gzip()', () => gzip('x', () => {})],
    ['crypto.createECDH()', () => createECDH('prime256v1')],
    ['crypto.generatePrimeSync()', () => generatePrimeSync(8)],
    ['crypto.scrypt()', () => scrypt('a', 'b', 16, { N: 2 }, () => {})],
    ['Date.now()', takenByName.now],
    ['new Date()', () => new takenByName.Date()],
    ['setTimeout()', () => clearTimeout(takenByName.setTimeout(() => {}, 1))],
    ['AbortSignal.timeout()', () => AbortSignal.timeout(1)],
    ['fs.existsSync()', () => existsSync('.')],
    ['fs/promises.stat()', () => stat('.')],
    ['net.isIP()', () => isIP('::1')],
    ['dns.getServers()', () => getServers()],
    ['child_process.spawnSync()', () => spawnSync('true')],
    ['timers.clearTimeout()', () => clearTimer(undefined)],
    ['crypto.randomBytes()', () => randomBytes(1)],
  ]
  for (const [what, look] of rows) {
    const world = new World({ seed: SEED })
    world.scheduler.after(1, look)
    t.throws(() => world.run(1), { message: `simulated code called ${what}: it must ask its ports` }, what)
    t.doesNotThrow(look, 'and outside of it nothing is changed')
  }
  const refused: readonly (readonly [what: string, reach: () => unknown])[] = [
    ['fetch()', () => fetch('http://localhost')],
    ['worker_threads.Worker()', () => new Worker('')],
    ['net.Socket()', () => new Socket()],
    ['dgram.createSocket()', () => createSocket('udp4')],
  ]
  for (const [what, reach] of refused) {
    const world = new World({ seed: SEED })
    world.scheduler.after(1, reach)
    t.throws(() => world.run(1), { message: `simulated code called ${what}: it must ask its ports` }, what)
  }
  const events: string[] = []
  const emitter = new EventEmitter()
  const world = new World({ seed: SEED })
  world.scheduler.after(1, () => {
    emitter.on('news', news => events.push(String(news)))
    emitter.emit('news', new Date(0).toISOString(), 'a given time is no clock')
    events.push(new Intl.DateTimeFormat('en', { timeZone: 'UTC' }).format(new Date(0)))
  })
  world.run(1)
  t.same(events, ['1970-01-01T00:00:00.000Z', '1/1/1970'], 'a given time is no clock, and emitters are plain code')
  t.end()
})
