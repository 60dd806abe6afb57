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
