import t from 'tap'
import { memoryStream } from '../../base/ids.ts'
import { SPACES_PER_AUTHOR_MAX } from '../../base/limits.ts'
import { World } from '../../sim/world.ts'
import { codeOf, coreOf, settle, untilConnected, untilEqual } from './helpers.ts'
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

t.test('a link to a memory of another space dangles', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'b'])
  const there = world.ask('a', 'memory.remember', { text: 'a cause in main' })
  const here = world.ask('a', 'memory.remember', { space: 'billing', text: 'an effect in billing' })
  world.ask('a', 'memory.link', { space: 'billing', from: there.id, type: 'causes', to: here.id })
  untilEqual(world, ['a', 'b'])
  for (const name of ['a', 'b']) {
    const { dangling, edges } = world.ask(name, 'memory.status', { space: 'billing' })
    t.strictSame([edges, dangling], [1, 1], `${name}: the end that is here waits for the other one`)
    t.equal(world.ask(name, 'memory.why', { space: 'billing', id: here.id }).paths.length, 0)
  }
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
  untilEqual(world, NAMES)
  for (const run of [
    () => world.ask('b', 'memory.remember', { space: 'plans', text: 'me too' }),
    () => world.ask('b', 'memory.recall', { space: 'plans', query: 'May' }),
    () => world.ask('b', 'space.grant', { space: 'plans', nodeId: world.nodeId('b'), role: 'read' }),
  ])
    t.equal(codeOf(run), 'not_granted')
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('b').slice(-8), role: 'read' })
  world.until('b to read it', () => coreOf(world, 'b').spaces.roleOf('plans', world.nodeId('b')) === 'read')
  untilEqual(world, ['a', 'b'])
  t.strictSame(textsIn(world, 'b', 'plans'), ['we move in May'])
  t.equal(
    codeOf(() => world.ask('b', 'memory.remember', { space: 'plans', text: 'me too' })),
    'not_granted',
  )
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('b'), role: 'admin' })
  world.until('b to be an admin of it', () => coreOf(world, 'b').spaces.roleOf('plans', world.nodeId('b')) === 'admin')
  world.ask('b', 'space.grant', { space: 'plans', nodeId: world.nodeId('c'), role: 'write' })
  world.until('c to write to it', () => coreOf(world, 'c').spaces.roleOf('plans', world.nodeId('c')) === 'write')
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
  world.until('b to know', () => coreOf(world, 'b').spaces.roleOf('plans', world.nodeId('b')) === 'none')
  for (const name of ['a', 'c']) {
    t.strictSame(textsIn(world, name, 'plans'), ['written while it was open'], name)
    t.match(world.ask(name, 'memory.conflicts', { space: 'plans' }).voids, [{ code: 'not_granted', seq: 2 }])
  }
  grant()
  world.until('b to write again', () => coreOf(world, 'b').spaces.roleOf('plans', world.nodeId('b')) === 'write')
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
