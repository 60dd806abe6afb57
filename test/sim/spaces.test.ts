import t from 'tap'
import { toHex, utf8 } from '../../base/bytes.ts'
import { memoryStream, type NodeId } from '../../base/ids.ts'
import { LIST_MAX, SPACES_PER_AUTHOR_MAX } from '../../base/limits.ts'
import { logIdentity } from '../../chain/record.ts'
import type { SpaceRole } from '../../discovery/operation.ts'
import type { Receipt } from '../../node/api.ts'
import type { Core } from '../../node/core.ts'
import { sealedIn } from '../../node/keyring.ts'
import { encodeMessage, type OutgoingMessage, parseMessage } from '../../node/messages.ts'
import { takesOf, type TakesOptions } from '../../node/takes.ts'
import type { CoreEvent, Effect } from '../../node/step.ts'
import type { Observer } from '../../sim/observer.ts'
import { World } from '../../sim/world.ts'
import { codeOf, coreOf, recordsOf, settle, untilConnected, untilEqual } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(5)
const NAMES: readonly string[] = ['a', 'b', 'c']

/** The texts of a space on a node, in order. */
function textsIn(world: World, node: string, space: string): readonly string[] {
  return world.ask(node, 'memory.list', { space, limit: 500 }).memories.map(({ text }) => text)
}

t.test('what is remembered in one space is found there, on every node, and in no other', t => {
  const world = new World({ seed: SEED })
  settle(world, NAMES)
  const invoice = world.ask('a', 'memory.remember', { space: 'billing', text: 'an invoice is sent on Friday' })
  const pool = world.ask('b', 'memory.remember', { text: 'the pool holds 200 connections' })
  world.ask('c', 'memory.remember', { space: 'billing', text: 'reminders go out on Monday', edges: [{ type: 'follows', to: invoice.id }] })
  untilEqual(world, NAMES)
  for (const name of NAMES) {
    t.strictSame([...textsIn(world, name, 'billing')].sort(), ['an invoice is sent on Friday', 'reminders go out on Monday'], name)
    t.strictSame(textsIn(world, name, 'main'), ['the pool holds 200 connections'], name)
    t.strictSame(
      world.ask(name, 'memory.recall', { query: 'invoice Friday' }).hits.map(({ id }) => id),
      [],
      `${name}: not in main`,
    )
    t.equal(world.ask(name, 'memory.recall', { space: 'billing', query: 'invoice Friday' }).hits[0]?.id, invoice.id)
    t.strictSame(
      world.ask(name, 'space.list', {}).spaces.map(({ space, memories }) => [space, memories]),
      [
        ['billing', 2],
        ['main', 1],
      ],
    )
    t.equal(
      codeOf(() => world.ask(name, 'memory.get', { space: 'billing', id: pool.id })),
      'unknown_id',
    )
  }
  t.end()
})

t.test('a link to a memory of another space is refused, and dangles where that was not known', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'b'])
  const there = world.ask('a', 'memory.remember', { text: 'a cause in main' })
  const here = world.ask('b', 'memory.remember', { space: 'billing', text: 'an effect in billing' })
  const link = { space: 'billing', from: there.id, type: 'causes', to: here.id } as const
  t.equal(
    codeOf(() => world.ask('a', 'memory.link', link)),
    'other_space',
  )
  world.partition([['a'], ['b']])
  const late = world.ask('a', 'memory.remember', { text: 'another cause in main' })
  world.ask('b', 'memory.link', { ...link, from: late.id })
  world.heal()
  untilConnected(world, ['a', 'b'])
  untilEqual(world, ['a', 'b'])
  for (const name of ['a', 'b']) {
    const { dangling, edges } = world.ask(name, 'memory.status', { space: 'billing' })
    t.strictSame([edges, dangling], [1, 1], `${name}: the end that is here waits for the other one`)
    t.equal(world.ask(name, 'memory.why', { space: 'billing', id: here.id }).paths.length, 0)
  }
  t.end()
})

t.test('an import writes no link to another space, and says which it left out', t => {
  const world = new World({ seed: SEED, spaces: () => ({ routes: { 'service=billing': 'billing' } }) })
  settle(world, ['a', 'b'])
  const there = world.ask('a', 'memory.remember', { text: 'a cause in main', key: 'cause' })
  const here = world.ask('b', 'memory.remember', { space: 'billing', text: 'an effect in billing' })
  untilEqual(world, ['a', 'b'])
  const meta = { service: 'billing' }
  const nobodys = '0'.repeat(64)
  const edges = [there.id, 'cause', here.id, nobodys, 'nothing', 'first'].map(to => ({ type: 'follows' as const, to }))
  const items = [
    { key: 'first', text: 'one', meta },
    { key: 'second', text: 'two', meta, edges },
  ]
  const main = { status: 'imported', unresolved: ['first'], elsewhere: [{ to: here.id, space: 'billing' }] }
  const billing = [there.id, 'cause'].map(to => ({ to, space: 'main' }))
  t.match(world.ask('a', 'memory.import', { items }).items[1], { unresolved: ['nothing'], elsewhere: billing, space: 'billing' })
  const { edges: linked, dangling } = world.ask('a', 'memory.status', { space: 'billing' })
  t.strictSame([linked, dangling], [3, 1], 'the one that leads to nothing that is known waits for it')
  t.match(
    world.ask('b', 'memory.import', { items: [{ text: 'three', edges: [edges[2], edges[5]] as typeof edges }] }).items[0],
    main,
    'whoever wrote it',
  )
  t.equal(world.ask('a', 'memory.status', {}).dangling, 0)
  t.end()
})

t.test('what a node keeps under keys that begin alike is listed, of all spaces that it writes to', t => {
  const world = new World({ seed: SEED, spaces: () => ({ routes: { 'service=billing': 'billing' } }) })
  settle(world, ['a', 'b'])
  const items = Array.from({ length: 700 }, (_, i) => ({
    key: `md:${i}.md`,
    text: `note ${i}`,
    meta: { service: i < 600 ? 'shop' : 'billing' },
  }))
  for (const some of [items.slice(0, 350), items.slice(350)]) world.ask('a', 'memory.import', { items: some })
  world.ask('a', 'memory.remember', { key: 'md:0.md', text: 'note 0, as it is now' })
  world.ask('a', 'memory.remember', { key: 'mine', text: 'no note' })
  world.ask('b', 'memory.remember', { key: 'md:1.md', text: 'of another node' })
  world.ask('a', 'memory.forget', { id: world.ask('a', 'memory.keyed', { space: 'main', prefix: 'md:5.md' }).memories[0]?.id as string })
  untilEqual(world, ['a', 'b'])
  const rows: { readonly key: string; readonly text: string; readonly space: string }[] = []
  for (let from: { readonly space: string; readonly place: number } | undefined; ; ) {
    const { memories, next } = world.ask('a', 'memory.keyed', { prefix: 'md:', from })
    t.ok(memories.length <= LIST_MAX)
    rows.push(...memories)
    if (next === undefined) break
    from = next
  }
  t.strictSame(
    rows.map(({ key }) => key).sort(),
    items
      .map(({ key }) => key)
      .filter(key => key !== 'md:5.md')
      .sort(),
  )
  t.strictSame(
    [rows.filter(({ space }) => space === 'billing').length, rows.find(({ key }) => key === 'md:0.md')?.text],
    [100, 'note 0, as it is now'],
  )
  t.strictSame(world.ask('a', 'memory.keyed', { space: 'billing', prefix: 'md:1' }), { memories: [] })
  t.equal(
    codeOf(() => world.ask('a', 'memory.keyed', { prefix: 'md:', from: { space: 'nowhere', place: 0 } })),
    'unknown_space',
  )
  t.end()
})

t.test('a space nobody has written to is unknown, and a name has rules', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a'])
  t.equal(
    codeOf(() => world.ask('a', 'memory.recall', { space: 'nowhere', query: 'x' })),
    'unknown_space',
  )
  for (const space of ['', 'Billing', '.a', 'a/b', '..', 'x'.repeat(65), 'ä'])
    t.equal(
      codeOf(() => world.ask('a', 'memory.remember', { space, text: 'x' })),
      'invalid_argument',
      JSON.stringify(space),
    )
  for (let i = 0; i < SPACES_PER_AUTHOR_MAX; i++) world.ask('a', 'memory.remember', { space: `s${i}`, text: 'x' })
  t.equal(
    codeOf(() => world.ask('a', 'memory.remember', { space: 'one-more', text: 'x' })),
    'table_full',
  )
  world.ask('a', 'memory.remember', { space: 's0', text: 'to those that are there' })
  t.end()
})

t.test('every space is saved, and read back after a restart', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'b'])
  world.ask('a', 'memory.remember', { space: 'billing', text: 'kept in billing' })
  world.ask('a', 'memory.remember', { text: 'kept in main' })
  untilEqual(world, ['a', 'b'])
  world.stop('a')
  const saved = world.machine('a').disk.files.filter(name => name.startsWith('memory/'))
  t.strictSame([...saved].sort(), ['memory/billing.fold', 'memory/main.fold'])
  world.start('a')
  t.strictSame([textsIn(world, 'a', 'billing'), textsIn(world, 'a', 'main')], [['kept in billing'], ['kept in main']])
  world.crash('a')
  world.machine('a').disk.remove('memory/billing.fold', () => {})
  world.run(100)
  world.start('a')
  world.until('the fold to be made', () => coreOf(world, 'a').isFolded)
  t.strictSame([textsIn(world, 'a', 'billing'), textsIn(world, 'a', 'main')], [['kept in billing'], ['kept in main']], 'or folded again')
  t.end()
})

t.test('a member that speaks of spaces without end takes the room of nobody', t => {
  const world = new World({ seed: SEED })
  settle(world, [...NAMES, 'h'])
  world.turn('h', ['crowd'])
  world.run(90_000)
  world.ask('a', 'memory.remember', { space: 'late', text: 'opened while the crowd shouts' })
  world.until('the others to know of it', () => ['b', 'c'].every(name => coreOf(world, name).memories.has('late')))
  world.turn('h', [])
  untilEqual(world, NAMES)
  for (const name of ['b', 'c']) {
    t.strictSame(textsIn(world, name, 'late'), ['opened while the crowd shouts'])
    const { metrics, memories } = coreOf(world, name)
    t.ok(metrics.get('weft_spaces_refused_total', 'peer') > 0, 'what was not learnt is counted')
    t.strictSame(
      memories.all.map(({ space }) => space),
      ['late', 'main'],
      'a space without a record is none',
    )
  }
  t.end()
})

t.test('a member that writes to spaces without end fills its own account', t => {
  const world = new World({ seed: SEED })
  settle(world, NAMES)
  const { chain, writer } = coreOf(world, 'a')
  for (let i = 0; i < SPACES_PER_AUTHOR_MAX + 8; i++) {
    world.wait<boolean>(done =>
      world.runtime('a').dispatch({
        kind: 'run',
        run: () =>
          void writer.write(memoryStream(`x${i}`), [{ kind: 55, actor: '', body: Uint8Array.of(0x80), parents: [] }], () =>
            done(undefined, true),
          ),
      }),
    )
    world.run(2000)
  }
  world.run(120_000)
  t.equal(chain.logs.size, SPACES_PER_AUTHOR_MAX + 8 + coreOf(world, 'a').cluster.membership.members.length + 1)
  world.ask('b', 'memory.remember', { space: 'honest', text: 'there is room' })
  world.until('the space of another author to arrive', () => coreOf(world, 'c').memories.has('honest'))
  const held = [...coreOf(world, 'c').chain.logs.values()].filter(({ identity }) => identity.stream.startsWith('memory/x'))
  t.equal(held.length, SPACES_PER_AUTHOR_MAX)
  untilConnected(world, NAMES)
  t.end()
})

/** Runs until a node knows its role in the private space of these tests. */
function untilRole(world: World, node: string, role: SpaceRole): void {
  const { spaces, self } = coreOf(world, node)
  world.until(`${node} to ${role}`, () => spaces.created.has('plans') && spaces.roleOf('plans', self) === role)
}

// ---- who may do what

t.test('a private space is for those with a role in it', t => {
  const world = new World({ seed: SEED })
  settle(world, NAMES)
  t.equal(
    codeOf(() => world.ask('b', 'space.create', { space: 'plans' })),
    'not_admin',
  )
  t.equal(
    codeOf(() => world.ask('a', 'space.create', { space: 'main' })),
    'invalid_argument',
    'main stays open',
  )
  t.equal(world.ask('a', 'space.create', { space: 'plans', private: true }).decided, true)
  t.equal(
    codeOf(() => world.ask('a', 'space.create', { space: 'plans' })),
    'space_exists',
  )
  world.ask('a', 'memory.remember', { space: 'plans', text: 'we move in May' })
  world.until('all to know of it', () => NAMES.every(name => coreOf(world, name).spaces.created.has('plans')))
  for (const run of [
    () => world.ask('b', 'memory.remember', { space: 'plans', text: 'me too' }),
    () => world.ask('b', 'memory.recall', { space: 'plans', query: 'May' }),
    () => world.ask('b', 'space.grant', { space: 'plans', nodeId: world.nodeId('b'), role: 'read' }),
  ])
    t.equal(codeOf(run), 'not_granted')
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('b').slice(-8), role: 'read' })
  untilRole(world, 'b', 'read')
  untilEqual(world, ['a', 'b'])
  t.strictSame(textsIn(world, 'b', 'plans'), ['we move in May'])
  t.equal(
    codeOf(() => world.ask('b', 'memory.remember', { space: 'plans', text: 'me too' })),
    'not_granted',
  )
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('b'), role: 'admin' })
  untilRole(world, 'b', 'admin')
  world.ask('b', 'space.grant', { space: 'plans', nodeId: world.nodeId('c'), role: 'write' })
  untilRole(world, 'c', 'write')
  world.ask('c', 'memory.remember', { space: 'plans', text: 'boxes are ordered' })
  untilEqual(world, NAMES)
  for (const name of NAMES) t.strictSame([...textsIn(world, name, 'plans')].sort(), ['boxes are ordered', 'we move in May'], name)
  t.match(world.ask('c', 'space.list', {}).spaces, [
    { space: 'main', created: false, readers: null, writers: null, role: 'write' },
    { space: 'plans', created: true, memories: 2, role: 'write', readers: NAMES.map(name => world.nodeId(name)).sort() },
  ])
  t.end()
})

t.test('what is written without a grant is kept, void and listed, and counts when the grant comes', t => {
  const world = new World({ seed: SEED })
  settle(world, NAMES)
  world.ask('b', 'memory.remember', { space: 'plans', text: 'written while it was open' })
  untilEqual(world, NAMES)
  world.ask('a', 'space.create', { space: 'plans', private: true })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('c'), role: 'read' })
  untilEqual(world, ['a', 'c'])
  for (const name of ['a', 'c']) {
    t.strictSame(textsIn(world, name, 'plans'), [], name)
    t.match(world.ask(name, 'memory.conflicts', { space: 'plans' }).voids, [{ code: 'not_granted', seq: 1 }])
  }
  const grant = (): unknown => world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('b'), role: 'write' })
  grant()
  untilEqual(world, NAMES)
  for (const name of NAMES) t.strictSame(textsIn(world, name, 'plans'), ['written while it was open'], `${name}: nothing is lost`)

  world.partition([['a', 'c'], ['b']])
  world.ask('a', 'space.revoke', { space: 'plans', nodeId: world.nodeId('b') })
  world.ask('b', 'memory.remember', { space: 'plans', text: 'written without knowing' })
  world.heal()
  untilConnected(world, NAMES)
  world.until('what b wrote to arrive', () =>
    ['a', 'c'].every(name =>
      coreOf(world, name)
        .memory('plans')
        .fold.frontier()
        .some(({ size }) => size === 3),
    ),
  )
  untilRole(world, 'b', 'none')
  for (const name of ['a', 'c']) {
    t.strictSame(textsIn(world, name, 'plans'), ['written while it was open'], name)
    t.match(world.ask(name, 'memory.conflicts', { space: 'plans' }).voids, [{ code: 'not_granted', seq: 2 }])
  }
  grant()
  untilRole(world, 'b', 'write')
  world.ask('b', 'memory.remember', { space: 'plans', text: 'written again' })
  untilEqual(world, NAMES)
  for (const name of NAMES) t.strictSame(textsIn(world, name, 'plans'), ['written while it was open', 'written again'], name)
  const frontier = coreOf(world, 'c').frontierAll
  world.crash('c')
  world.start('c')
  world.until('c to have folded', () => coreOf(world, 'c').isFolded)
  t.equal(coreOf(world, 'c').frontierAll, frontier)
  t.strictSame(textsIn(world, 'c', 'plans'), ['written while it was open', 'written again'], 'and after a restart')
  t.end()
})

// ---- what is told to whom

/** Everything that correct nodes send to a peer about the logs of others in a space: the kinds of messages that name one. */
class Wiretap implements Observer {
  readonly said: string[] = []
  readonly #space: string
  readonly #to: () => NodeId
  readonly #by: () => readonly NodeId[]

  constructor(space: string, to: () => NodeId, by: () => readonly NodeId[]) {
    this.#space = space
    this.#to = to
    this.#by = by
  }

  onStep(_: string, core: Core, _event: CoreEvent, effects: readonly Effect[]): void {
    if (!this.#by().includes(core.self)) return
    const stream = memoryStream(this.#space)
    const logs = core.cluster.membership.members
      .filter(({ id }) => id !== this.#to())
      .map(({ id }) => logIdentity(core.chain.cluster, id, stream).id)
    for (const effect of effects) {
      if (effect.kind !== 'send' || effect.protocol !== 'sync' || effect.to !== this.#to()) continue
      const frame = toHex(effect.frame)
      if (logs.some(log => frame.includes(log))) {
        const parsed = parseMessage(effect.frame, 'sync', core.chain.cluster, 1)
        this.said.push(parsed.ok ? parsed.message.kind : parsed.code)
      }
    }
  }
}

/** Sends a message as this node, whatever it would do by itself. */
function say(world: World, node: string, to: string, message: OutgoingMessage): void {
  const frame = encodeMessage(message)
  world.runtime(node).dispatch({
    kind: 'run',
    run: () => coreOf(world, node).context.emit({ kind: 'send', to: world.nodeId(to), protocol: 'sync', frame }),
  })
}

/** Asks for the log that `author` has in a space in every way there is. */
function pry(world: World, node: string, to: string, space: string, author: string): void {
  const stream = memoryStream(space)
  const log = logIdentity(coreOf(world, node).chain.cluster, world.nodeId(author), stream).id
  const head = new Uint8Array(32)
  for (const message of [
    { kind: 'sync.want', log, from: 0, head },
    { kind: 'sync.probe', log, seq: 0 },
    { kind: 'sync.heads', entries: [{ log, size: 1, head }] },
    { kind: 'sync.ask', scope: [{ stream, buckets: new Uint8Array(0) }], entries: [], buckets: [] },
    { kind: 'sync.ask', scope: [], entries: [], buckets: [{ stream, digests: new Uint8Array(2048) }] },
    { kind: 'sync.hello', foldVersion: 1, digests: [{ stream, digest: new Uint8Array(8) }] },
  ] as const)
    say(world, node, to, message)
}

t.test('a node without a role is told nothing, however it asks', t => {
  const correct = (): readonly NodeId[] => NAMES.map(name => world.nodeId(name))
  const tap = new Wiretap('plans', () => world.nodeId('h'), correct)
  const world = new World({ seed: SEED, observers: [tap] })
  settle(world, [...NAMES, 'h'])
  world.ask('a', 'space.create', { space: 'plans', private: true })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('b'), role: 'write' })
  untilRole(world, 'b', 'write')
  world.until('c to know', () => coreOf(world, 'c').spaces.created.has('plans'))
  const before = NAMES.map(name => coreOf(world, name).metrics.get('weft_verdicts_total', 'not_granted'))
  for (let i = 0; i < 40; i++) {
    world.askSoon(i % 2 === 0 ? 'a' : 'b', 'memory.remember', { space: 'plans', text: `secret ${i}` }, () => {})
    for (const name of NAMES) pry(world, 'h', name, 'plans', i % 2 === 0 ? 'a' : 'b')
    world.run(1000)
    if (i === 10)
      world.partition([
        ['a', 'h'],
        ['b', 'c'],
      ])
    if (i === 20) world.heal()
    if (i === 30) {
      world.crash('a')
      world.start('a')
    }
  }
  world.until('the two to be equal', () => textsIn(world, 'b', 'plans').length === textsIn(world, 'a', 'plans').length)
  t.ok(textsIn(world, 'b', 'plans').length >= 38)
  t.strictSame(tap.said, [])
  const held = [...coreOf(world, 'h').chain.logs.values(), ...coreOf(world, 'c').chain.logs.values()].map(({ identity }) => identity.stream)
  t.notOk(held.includes(memoryStream('plans')))
  const after = coreOf(world, 'b').metrics.get('weft_verdicts_total', 'not_granted')
  t.ok(after > (before[1] as number) + 20, `${after} questions without a right were counted`)
  t.ok(coreOf(world, 'b').peers.connected.has(world.nodeId('h')), 'who may not know that is not thrown out for it')
  t.end()
})

t.test('whoever loses the right gets nothing that is written by those who know', t => {
  const world = new World({ seed: SEED })
  const all = [...NAMES, 'r']
  settle(world, all)
  world.ask('a', 'space.create', { space: 'plans', private: true })
  for (const name of ['b', 'c', 'r']) world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId(name), role: 'write' })
  for (const name of ['b', 'c', 'r']) untilRole(world, name, 'write')
  world.ask('b', 'memory.remember', { space: 'plans', text: 'for all four' })
  untilEqual(world, all)
  world.partition([
    ['a', 'b'],
    ['c', 'r'],
  ])
  world.ask('a', 'space.revoke', { space: 'plans', nodeId: world.nodeId('r') })
  world.until('b to know', () => coreOf(world, 'b').spaces.roleOf('plans', world.nodeId('r')) === 'none')
  world.ask('b', 'memory.remember', { space: 'plans', text: 'not for r any more' })
  world.ask('c', 'memory.remember', { space: 'plans', text: 'written by one who does not know yet' })
  world.until('r to have that', () => textsIn(world, 'r', 'plans').length === 2)
  world.heal()
  world.until('c to have all', () => textsIn(world, 'c', 'plans').length === 3)
  world.ask('c', 'memory.remember', { space: 'plans', text: 'written by one who knows' })
  for (let i = 0; i < 60; i++) {
    for (const name of NAMES) pry(world, 'r', name, 'plans', NAMES[i % 3] as string)
    world.run(1000)
  }
  untilEqual(world, NAMES)
  for (const name of NAMES) t.equal(textsIn(world, name, 'plans').length, 4, name)
  const sizes = [...coreOf(world, 'r').chain.logs.values()]
    .filter(({ identity }) => identity.stream === memoryStream('plans'))
    .map(({ identity, durable }) => [NAMES.find(name => world.nodeId(name) === identity.author), durable])
  t.strictSame(sizes.sort(), [
    ['b', 2],
    ['c', 2],
  ])
  t.equal(
    codeOf(() => world.ask('r', 'memory.list', { space: 'plans' })),
    'not_granted',
    'and it does not answer from what it has',
  )
  t.end()
})

t.test('a node that gets a role gets all there is, from whoever has it', t => {
  const world = new World({ seed: SEED })
  settle(world, NAMES)
  world.ask('a', 'space.create', { space: 'plans', private: true })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('b'), role: 'admin' })
  untilRole(world, 'b', 'admin')
  for (let i = 0; i < 5; i++) world.ask('a', 'memory.remember', { space: 'plans', text: `a says ${i}` })
  world.until('b to have it', () => textsIn(world, 'b', 'plans').length === 5)
  world.partition([['a'], ['b', 'c']])
  world.ask('b', 'space.grant', { space: 'plans', nodeId: world.nodeId('c'), role: 'read' })
  world.until(
    'c to have it from b',
    () => coreOf(world, 'c').spaces.roleOf('plans', world.nodeId('c')) === 'read' && textsIn(world, 'c', 'plans').length === 5,
  )
  world.ask('b', 'memory.remember', { space: 'plans', text: 'live' })
  const startMs = world.nowMs
  world.until('c to have that too', () => coreOf(world, 'c').memory('plans').fold.stats.nodes === 6)
  t.ok(world.nowMs - startMs < 100, `pushed within ${world.nowMs - startMs} ms`)
  world.heal()
  untilEqual(world, NAMES)
  t.strictSame(textsIn(world, 'c', 'plans').length, 6)
  t.end()
})

t.test('a node that lost its disk takes back its log of a private space before it writes to it again', t => {
  const world = new World({ seed: SEED })
  settle(world, NAMES)
  world.ask('a', 'space.create', { space: 'plans', private: true })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('b'), role: 'write' })
  untilRole(world, 'b', 'write')
  for (let i = 0; i < 3; i++) world.ask('b', 'memory.remember', { space: 'plans', text: `b says ${i}` })
  world.until('a to have it', () => textsIn(world, 'a', 'plans').length === 3)
  world.crash('b')
  const { disk } = world.machine('b')
  for (const file of disk.files.filter(name => name.startsWith('chain/') || name.startsWith('memory/') || name.endsWith('.seg')))
    world.wait<boolean>(done => disk.remove(file, () => done(undefined, true)))
  world.start('b')
  untilConnected(world, NAMES)
  world.until('b to have its log back', () => {
    const core = coreOf(world, 'b')
    return core.guard.isOpen && core.memories.has('plans') && core.memory('plans').fold.stats.nodes === 3
  })
  world.ask('b', 'memory.remember', { space: 'plans', text: 'after that' })
  world.until('a to have it', () => textsIn(world, 'a', 'plans').length === 4)
  for (const name of NAMES) t.strictSame(world.ask(name, 'memory.conflicts', {}).logs, [], `${name}: no fork`)
  t.end()
})

// ---- copies of some spaces

t.test('a node keeps a copy of the spaces it is told to, and is equal in those', t => {
  const kept: Record<string, TakesOptions> = { c: { replicateSpaces: ['billing'], replicateExcept: [] } }
  const asked: string[] = []
  let isQuiet = false
  const world: World = new World({
    seed: SEED,
    spaces: name => ({ takes: kept[name] && takesOf(kept[name]) }),
    observers: [{ onMessage: ({ kind, from, to }) => void (isQuiet && [from, to].includes('c') && asked.push(kind)) }],
  })
  settle(world, NAMES)
  for (const space of ['main', 'billing', 'plans']) {
    world.ask('a', 'memory.remember', { space, text: `${space} of a` })
    world.ask('b', 'memory.remember', { space, text: `${space} of b` })
  }
  world.ask('c', 'memory.remember', { space: 'billing', text: 'billing of c' })
  untilEqual(world, ['a', 'b'])
  world.until(
    'c to have its part',
    () => coreOf(world, 'c').memory('billing').fold.stats.nodes === 3 && coreOf(world, 'c').memory('main').fold.stats.nodes === 2,
  )
  world.run(10_000)
  const streams = [...coreOf(world, 'c').chain.logs.values()].map(({ identity }) => identity.stream)
  t.notOk(streams.includes(memoryStream('plans')))
  t.equal(
    codeOf(() => world.ask('c', 'memory.remember', { space: 'plans', text: 'x' })),
    'not_taken',
  )
  for (const space of ['billing', 'main'])
    t.equal(
      world.ask('c', 'memory.status', { space }).frontier,
      world.ask('a', 'memory.status', { space }).frontier,
      `${space}: frontiers are equal`,
    )
  isQuiet = true
  world.run(120_000)
  t.ok(asked.includes('sync.equal'))
  t.notOk(asked.includes('sync.ask'), 'what one of two does not keep is no difference between them')
  isQuiet = false

  world.ask('a', 'memory.remember', { space: 'billing', text: 'from b, while a is away' })
  world.until('b to have it', () => coreOf(world, 'b').memory('billing').fold.stats.nodes === 4)
  world.crash('a')
  world.until('it to come', () => coreOf(world, 'c').memory('billing').fold.stats.nodes === 4)
  world.start('a')
  world.crash('c')
  kept['c'] = { replicateSpaces: [], replicateExcept: ['billing'] }
  world.start('c')
  untilConnected(world, NAMES)
  world.until(
    'c to have the other part',
    () => coreOf(world, 'c').memories.has('plans') && coreOf(world, 'c').memory('plans').fold.stats.nodes === 2,
  )
  world.ask('a', 'memory.remember', { space: 'billing', text: 'not for c any more' })
  world.run(60_000)
  t.equal(coreOf(world, 'c').memory('billing').fold.stats.nodes, 4, 'what it has it keeps, and gets no more of')
  t.equal(
    codeOf(() => world.ask('c', 'memory.list', { space: 'billing' })),
    'not_taken',
  )
  t.match(
    world.ask('c', 'space.list', {}).spaces.map(({ space, taken }) => [space, taken]),
    [
      ['billing', false],
      ['main', true],
      ['plans', true],
    ],
  )
  t.end()
})

t.test('a label puts a memory into its space, unless whoever writes it says where', t => {
  const world = new World({ seed: SEED, spaces: () => ({ routes: { 'service=billing': 'money', 'level=secret': 'vault' } }) })
  settle(world, ['a', 'b'])
  world.ask('a', 'memory.remember', { text: 'one', meta: { service: 'billing' } })
  world.ask('a', 'memory.remember', { text: 'two', meta: { service: 'billing', level: 'secret' } })
  world.ask('a', 'memory.remember', { text: 'three', meta: { service: 'search' } })
  world.ask('a', 'memory.remember', { text: 'four', space: 'main', meta: { service: 'billing' } })
  world.ask('a', 'memory.import', { items: [{ text: 'five', meta: { level: 'secret' } }, { text: 'six' }] })
  untilEqual(world, ['a', 'b'])
  t.strictSame(
    [textsIn(world, 'b', 'money'), textsIn(world, 'b', 'vault'), textsIn(world, 'b', 'main')],
    [['one', 'two'], ['five'], ['three', 'four', 'six']],
  )
  t.end()
})

t.test('what a label put elsewhere is found by its id, and whoever wrote it is told where it is', t => {
  const world = new World({ seed: SEED, spaces: () => ({ routes: { 'service=billing': 'money' } }) })
  settle(world, ['a', 'b'])
  const meta = { service: 'billing' }
  const [one, two, three] = ['invoices are late', 'the clerk is ill', 'the clerk is back'].map(text =>
    world.ask('a', 'memory.remember', { text, meta }),
  ) as [Receipt, Receipt, Receipt]
  const main = world.ask('a', 'memory.remember', { text: 'it rains' })
  t.strictSame(
    [one.space, two.space, main.space, world.ask('a', 'memory.remember', { text: 'invoices are late', meta }).space],
    ['money', 'money', undefined, 'money'],
  )
  t.equal(world.ask('a', 'memory.remember', { text: 'snow', space: 'money' }).space, undefined, 'what was asked for is not news')
  t.match(world.ask('a', 'memory.import', { items: [{ text: 'five', meta }, { text: 'six' }] }).items, [
    { status: 'imported', space: 'money' },
    { status: 'imported', space: undefined },
  ])

  const link = world.ask('a', 'memory.link', { from: two.id.slice(0, 16), type: 'causes', to: one.id })
  t.match(link, { space: 'money' })
  const then = world.ask('a', 'memory.status', { space: 'money' }).frontier
  t.match(world.ask('a', 'memory.supersede', { old: two.id, by: three.id }), { space: 'money' })
  untilEqual(world, ['a', 'b'])
  for (const node of ['a', 'b']) {
    t.match(world.ask(node, 'memory.get', { id: one.id.slice(0, 12) }), { space: 'money', text: 'invoices are late', edgesInAll: 1 }, node)
    t.match(world.ask(node, 'memory.why', { id: one.id }), {
      space: 'money',
      paths: [{ steps: [{ id: one.id }, { id: two.id, supersededBy: [three.id] }] }],
    })
    t.equal(
      world.ask(node, 'memory.why', { id: one.id, asOf: then }).paths[0]?.steps[1]?.state,
      undefined,
      'as of a frontier of that space',
    )
    t.equal(world.ask(node, 'memory.prove', { id: one.id }).paths.length, 1)
    t.equal(world.ask(node, 'memory.whatif', { id: link.id }).dependents[0]?.id, one.id)
    t.equal(world.ask(node, 'memory.timeline', { id: three.id }).memories.length, 2)
    t.equal(world.ask(node, 'memory.graph', { id: one.id }).edges.length, 2)
    t.match(world.ask(node, 'memory.locate', { name: three.id }), { stream: 'memory/money', graph: { role: 'memory' } })
  }

  const rows: readonly (readonly [what: string, ask: () => unknown, code: string, says: RegExp])[] = [
    [
      'a link from space to space',
      () => world.ask('a', 'memory.link', { from: main.id, type: 'causes', to: one.id }),
      'other_space',
      /in space money, not in main/,
    ],
    [
      'and the other way',
      () => world.ask('a', 'memory.link', { from: one.id, type: 'causes', to: main.id }),
      'other_space',
      /in space main, not in money/,
    ],
    [
      'in a space that is named',
      () => world.ask('a', 'memory.link', { space: 'money', from: main.id, type: 'causes', to: one.id }),
      'other_space',
      /in space main, not in money/,
    ],
    ['a supersede', () => world.ask('a', 'memory.supersede', { old: one.id, by: main.id }), 'other_space', /main/],
    [
      'an edge of what is remembered',
      () => world.ask('a', 'memory.remember', { text: 'x', meta, edges: [{ type: 'causes', to: main.id }] }),
      'other_space',
      /main/,
    ],
    ['a space that is named is the one', () => world.ask('a', 'memory.get', { space: 'main', id: one.id }), 'unknown_id', /no memory/],
    ['what is nowhere', () => world.ask('a', 'memory.get', { id: '0'.repeat(64) }), 'unknown_id', /no memory/],
    [
      'and cannot be linked to by its beginning',
      () => world.ask('a', 'memory.link', { from: one.id, type: 'causes', to: 'ffffffff' }),
      'unknown_id',
      /no record/,
    ],
    ['what another wrote', () => world.ask('b', 'memory.forget', { id: one.id }), 'not_author', /another node/],
  ]
  for (const [what, ask, code, says] of rows)
    try {
      ask()
      t.fail(what)
    } catch (thrown) {
      t.match(thrown, { code, message: says }, what)
    }
  t.equal(
    world.ask('a', 'memory.link', { from: one.id, type: 'causes', to: '0'.repeat(64) }).space,
    'money',
    'what is nowhere yet may come',
  )

  t.match(world.ask('a', 'memory.forget', { id: one.id }), { space: 'money' })
  t.match(world.ask('a', 'memory.get', { id: one.id }), { state: 'retracted' })
  t.end()
})

t.test('of an id in a space that a node may not read it learns nothing', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'r'])
  world.ask('a', 'space.create', { space: 'plans', encrypted: true })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('r'), role: 'relay' })
  untilRole(world, 'r', 'relay')
  const { id } = world.ask('a', 'memory.remember', { space: 'plans', text: 'we move' })
  world.until('r to hold it', () => coreOf(world, 'r').memory('plans').sealed === 1)
  t.equal(
    codeOf(() => world.ask('r', 'memory.get', { id })),
    'unknown_id',
  )
  const { id: own } = world.ask('r', 'memory.remember', { text: 'it rains' })
  t.match(world.ask('r', 'memory.link', { from: own, type: 'causes', to: id }).space, undefined, 'as to anything that is not here')
  t.end()
})

// ---- encryption

/** What stands on the disk of a node, wherever. */
function isOnDisk(world: World, node: string, text: string): boolean {
  const { disk } = world.machine(node)
  return disk.files.some(file => toHex(disk.contentOf(file)).includes(toHex(utf8(text))))
}

t.test('what is written in an encrypted space is read by its readers, and passed on by others', t => {
  const world = new World({ seed: SEED })
  const all = [...NAMES, 'r']
  settle(world, all)
  world.ask('a', 'space.create', { space: 'plans', encrypted: true })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('b'), role: 'write' })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('r'), role: 'relay' })
  untilRole(world, 'b', 'write')
  untilRole(world, 'r', 'relay')
  const may = world.ask('a', 'memory.remember', {
    space: 'plans',
    text: 'the verdigris move in May',
    key: 'move',
    meta: { where: 'heliotrope' },
  })
  untilEqual(world, ['a', 'b'])
  const june = world.ask('b', 'memory.remember', {
    space: 'plans',
    text: 'the verdigris move in June',
    edges: [{ type: 'causes', to: may.id }],
  })
  world.ask('b', 'memory.supersede', { space: 'plans', old: may.id, by: june.id, reason: 'lapis' })
  world.until('r to hold it', () => coreOf(world, 'r').memory('plans').sealed === 4)
  untilEqual(world, ['a', 'b'])
  for (const name of ['a', 'b'])
    t.equal(world.ask(name, 'memory.recall', { space: 'plans', query: 'verdigris move' }).hits[0]?.text, 'the verdigris move in June', name)
  t.equal(
    world.ask('a', 'memory.remember', { space: 'plans', text: 'the verdigris move in May', key: 'other', meta: { where: 'heliotrope' } })
      .seq > may.seq,
    true,
  )
  t.strictSame(
    ['verdigris', 'heliotrope', 'lapis'].filter(word => isOnDisk(world, 'r', word) || isOnDisk(world, 'c', word)),
    [],
  )
  t.equal(
    codeOf(() => world.ask('r', 'memory.list', { space: 'plans' })),
    'not_granted',
  )
  t.equal(
    codeOf(() => world.ask('a', 'memory.prove', { space: 'plans', id: june.id })),
    'not_provable',
  )
  t.equal(
    codeOf(() => world.ask('a', 'memory.archive', { space: 'plans' })),
    'not_provable',
  )

  untilEqual(world, ['a', 'b'])
  world.crash('a')
  world.crash('b')
  const { sizes } = {
    sizes: [...coreOf(world, 'r').chain.logs.values()].filter(({ identity }) => identity.stream === memoryStream('plans')),
  }
  t.equal(sizes.length, 2, 'a relay holds what it passes on')
  world.start('b')
  untilConnected(world, ['b', 'c', 'r'])
  world.until('b to have folded', () => coreOf(world, 'b').isFolded)
  t.equal(textsIn(world, 'b', 'plans').length, 3, 'after a restart the keys are opened again')
  for (const node of world.running.map(({ name }) => name))
    t.equal(world.ask(node, 'chain.verify', { all: true }).valid, true, `${node} verifies`)
  t.end()
})

t.test('a reader that comes later reads what was written before, unless it is not to', t => {
  const world = new World({ seed: SEED })
  const all = [...NAMES, 'd']
  settle(world, all)
  world.ask('a', 'space.create', { space: 'plans', encrypted: true })
  untilRole(world, 'a', 'admin')
  world.ask('a', 'memory.remember', { space: 'plans', text: 'before' })
  for (const node of ['b', 'd']) world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId(node), role: 'relay' })
  world.until('b to hold it', () => coreOf(world, 'b').memories.has('plans') && coreOf(world, 'b').memory('plans').sealed === 1)
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('b'), role: 'read' })
  untilRole(world, 'b', 'read')
  world.until('b to read it', () => coreOf(world, 'b').memory('plans').fold.stats.nodes === 1)
  t.strictSame(textsIn(world, 'b', 'plans'), ['before'], 'what could not be opened folds when the key comes')
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('c'), role: 'read', history: false })
  untilRole(world, 'c', 'read')
  world.ask('a', 'memory.remember', { space: 'plans', text: 'after' })
  world.until('c to have it', () => coreOf(world, 'c').memory('plans').fold.stats.nodes === 1)
  t.strictSame(textsIn(world, 'c', 'plans'), ['after'])
  t.match(world.ask('c', 'space.show', { space: 'plans' }), { sealed: 1, keys: 2, encrypted: true })
  world.until('b to have both', () => coreOf(world, 'b').memory('plans').fold.stats.nodes === 2)
  world.stop('c')
  world.start('c')
  world.until('c to have folded', () => coreOf(world, 'c').isFolded)
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('c'), role: 'read' })
  world.until('c to read all of it', () => coreOf(world, 'c').memory('plans').fold.stats.nodes === 2)
  t.strictSame(textsIn(world, 'c', 'plans'), ['before', 'after'], 'when it is given the earlier keys as well')
  t.end()
})

t.test('whoever loses the right to read holds no key of what is written afterwards', t => {
  const world = new World({ seed: SEED })
  settle(world, NAMES)
  world.ask('a', 'space.create', { space: 'plans', encrypted: true })
  for (const node of ['b', 'c']) world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId(node), role: 'admin' })
  for (const node of ['b', 'c']) untilRole(world, node, 'admin')
  world.ask('a', 'memory.remember', { space: 'plans', text: 'one' })
  untilEqual(world, NAMES)
  const keysOf = (node: string): number => {
    const core = coreOf(world, node)
    const state = core.spaces.created.get('plans')
    return state === undefined ? 0 : state.keys.filter(key => core.spaces.has('plans', key)).length
  }
  world.ask('a', 'space.revoke', { space: 'plans', nodeId: world.nodeId('c') })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('c'), role: 'relay' })
  untilRole(world, 'c', 'relay')
  untilRole(world, 'b', 'admin')
  world.until('b to have the new key', () => keysOf('b') === 2)
  world.ask('b', 'memory.remember', { space: 'plans', text: 'two' })
  world.until('c to hold it', () => coreOf(world, 'c').memory('plans').sealed === 1)
  t.equal(keysOf('c'), 1)
  t.strictSame(world.ask('a', 'space.rotate', { space: 'plans' }).decided, true)
  world.until('b to have that too', () => keysOf('b') === 3)
  t.equal(keysOf('c'), 1)

  world.partition([['a'], ['b', 'c']])
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('c'), role: 'read' })
  world.ask('b', 'space.revoke', { space: 'plans', nodeId: world.nodeId('c') })
  world.heal()
  world.until('both to know', () => ['a', 'b'].every(name => coreOf(world, name).spaces.created.get('plans')?.keys.length === 4), 120_000)
  world.until('c to have no role', () => coreOf(world, 'a').spaces.roleOf('plans', world.nodeId('c')) === 'none')
  world.ask('a', 'memory.remember', { space: 'plans', text: 'three' })
  const log = recordsOf(world, 'a', memoryStream('plans'))
  const [, name] = sealedIn((log.at(-1) as { readonly body: Uint8Array }).body) as readonly [1, Uint8Array, ...unknown[]]
  t.notOk(
    coreOf(world, 'c').spaces.has('plans', toHex(name)),
    'of two keys that did not know of each other the one is used that it was never given',
  )
  t.end()
})

t.test('whoever decides about a space and does not read it keeps no key that it makes for others', t => {
  const world = new World({ seed: SEED })
  settle(world, NAMES)
  world.ask('a', 'space.create', { space: 'plans', encrypted: true })
  for (const node of ['b', 'c']) world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId(node), role: 'admin' })
  for (const node of ['b', 'c']) untilRole(world, node, 'admin')
  // An admin of the cluster decides about every space, its own right to read too.
  world.ask('a', 'space.revoke', { space: 'plans', nodeId: world.nodeId('a') })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('a'), role: 'relay' })
  world.ask('a', 'space.revoke', { space: 'plans', nodeId: world.nodeId('c') })
  world.until('b to have both keys', () => {
    const { spaces } = coreOf(world, 'b')
    const { keys } = spaces.created.get('plans') as { readonly keys: readonly string[] }
    return keys.length === 3 && keys.every(key => spaces.has('plans', key))
  })
  world.ask('b', 'memory.remember', { space: 'plans', text: 'not for whoever put himself out' })
  world.until('a to hold it', () => world.ask('a', 'space.show', { space: 'plans' }).sealed === 1)
  t.equal(coreOf(world, 'a').memory('plans').fold.stats.nodes, 0)
  t.end()
})

t.test('an admin of a space who puts himself out leaves a key to those who stay', t => {
  for (const down of ['revoke', 'grant'] as const) {
    const world = new World({ seed: SEED })
    settle(world, NAMES)
    world.ask('a', 'space.create', { space: 'plans', encrypted: true })
    for (const node of ['b', 'c']) world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId(node), role: 'admin' })
    for (const node of ['b', 'c']) untilRole(world, node, 'admin')
    world.run(2000)
    const nodeId = world.nodeId('b')
    if (down === 'revoke') world.ask('b', 'space.revoke', { space: 'plans', nodeId })
    else world.ask('b', 'space.grant', { space: 'plans', nodeId, role: 'relay' })
    world.until('c to hear of it', () => coreOf(world, 'c').spaces.roleOf('plans', nodeId) === (down === 'revoke' ? 'none' : 'relay'))
    world.run(2000)
    t.equal(
      codeOf(() => world.ask('c', 'memory.remember', { space: 'plans', text: 'without b' })),
      undefined,
      down,
    )
    const [, name] = sealedIn((recordsOf(world, 'c', memoryStream('plans')).at(-1) as { readonly body: Uint8Array }).body) ?? []
    t.notOk(coreOf(world, 'b').spaces.has('plans', toHex(name as Uint8Array)), 'which he does not hold')
  }
  t.end()
})

t.test('what is erased in an encrypted space is gone from relays too, which cannot read it', t => {
  const world = new World({ seed: SEED })
  settle(world, NAMES)
  world.ask('a', 'space.create', { space: 'plans', encrypted: true })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('b'), role: 'read' })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('c'), role: 'relay' })
  untilRole(world, 'b', 'read')
  untilRole(world, 'c', 'relay')
  const { id } = world.ask('a', 'memory.remember', { space: 'plans', text: 'said too much' })
  world.ask('a', 'memory.remember', { space: 'plans', text: 'said enough' })
  const bodies = recordsOf(world, 'a', memoryStream('plans')).map(({ body }) => toHex(body))
  const erased = bodies[1] as string
  const holds = (node: string): boolean => {
    const { disk } = world.machine(node)
    return disk.files.some(file => toHex(disk.contentOf(file)).includes(erased))
  }
  world.until('all to hold it', () => NAMES.every(holds))
  world.ask('a', 'memory.forget', { space: 'plans', id, erase: true })
  world.run(5_000)
  t.equal(world.ask('c', 'space.show', { space: 'plans' }).sealed, 1, 'what is gone waits for no key')
  world.until('it to be gone everywhere', () => !NAMES.some(holds))
  world.crash('c')
  world.start('c')
  world.until('c to have read what it stored', () => coreOf(world, 'c').isFolded)
  t.equal(world.ask('c', 'space.show', { space: 'plans' }).sealed, 1)
  for (const name of NAMES) t.equal(world.ask(name, 'chain.verify', { all: true }).valid, true, name)
  t.strictSame(textsIn(world, 'b', 'plans'), ['said enough'])
  t.end()
})
