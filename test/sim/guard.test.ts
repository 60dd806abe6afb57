import t, { type Test } from 'tap'
import { decode } from '../../base/codec.ts'
import type { CausalId } from '../../base/ids.ts'
import { kindName } from '../../base/kinds.ts'
import type { DiskSnapshot } from '../../sim/disk.ts'
import { World } from '../../sim/world.ts'
import { codeOf, coreOf, recordsOf, settle, textsOf, untilConnected, untilEqual } from './helpers.ts'
import { seedOf, withSeeds } from './seeds.ts'

const SEED = seedOf(13)
const NAMES = ['a', 'b', 'c']
/** What makes a node itself: all that is left when the rest of its disk is lost. */
const IDENTITY_FILES = ['identity.pem', 'next-identity.pem', 'cluster.weft']

function remember(world: World, name: string, text: string): CausalId {
  return world.ask(name, 'memory.remember', { text }).id
}

/** The machine gets an older disk; what it had cached beside it is as it was. */
function restore(world: World, name: string, snapshot: DiskSnapshot): void {
  world.crash(name)
  world.machine(name).disk.rollback(snapshot)
}

function isolate(world: World, name: string): void {
  world.partition([[name], NAMES.filter(other => other !== name)])
}

function signatures(world: World, name: string): number {
  return coreOf(world, name).metrics.get('weft_chain_checkpoints_total')
}

function allEqual(world: World, names: readonly string[] = NAMES): void {
  untilConnected(world, names)
  untilEqual(world, names)
}

function checkNoFork(t: Test, world: World): void {
  for (const name of NAMES) {
    t.strictSame(world.ask(name, 'memory.conflicts', {}).logs, [], `${name} sees no fork`)
    t.equal(world.ask(name, 'chain.verify', { all: true }).valid, true, `${name} verifies`)
  }
}

/** A cluster in which b has been set back to a backup, with what was written since then known to the others. */
function restored(
  seed: number,
  kept: (name: string) => boolean = () => true,
): { readonly world: World; readonly since: readonly string[] } {
  const world = new World({ seed })
  settle(world, NAMES)
  for (let i = 0; i < 5; i++) remember(world, 'b', `before ${i}`)
  untilEqual(world, NAMES)
  const snapshot = new Map([...world.machine('b').disk.snapshot()].filter(([name]) => kept(name)))
  const since = Array.from({ length: 5 }, (_, i) => `since ${i}`)
  for (const text of since) remember(world, 'b', text)
  untilEqual(world, NAMES)
  isolate(world, 'b')
  restore(world, 'b', snapshot)
  return { world, since }
}

t.test('after any start a node signs nothing before a member has vouched for its logs', t => {
  const world = new World({ seed: SEED })
  settle(world, NAMES)
  remember(world, 'b', 'one')
  untilEqual(world, NAMES)
  for (const how of ['stop', 'crash'] as const) {
    world[how]('b')
    isolate(world, 'b')
    world.start('b')
    const { published } = [...coreOf(world, 'b').chain.logs.values()].find(
      ({ identity }) => identity.author === world.nodeId('b') && identity.stream === 'memory/main',
    ) as { published: number }
    remember(world, 'b', `alone after a ${how}`)
    world.run(60_000)
    t.equal(world.ask('b', 'node.status', {}).publishing, false)
    t.equal(signatures(world, 'b'), 0)
    t.equal(
      world.ask('b', 'chain.head', {}).logs.find(({ author, stream }) => author === world.nodeId('b') && stream === 'memory/main')
        ?.published,
      published,
    )
    t.ok(textsOf(world, 'b').includes(`alone after a ${how}`), 'but it takes writes')
    world.heal()
    allEqual(world)
    t.equal(world.ask('b', 'node.status', {}).publishing, true)
    t.ok(signatures(world, 'b') > 0)
  }
  for (const name of NAMES) t.strictSame(textsOf(world, name), ['one', 'alone after a stop', 'alone after a crash'])
  checkNoFork(t, world)
  t.end()
})

t.test('a cluster of one has nobody to ask; a strict node asks a majority', t => {
  const alone = new World({ seed: SEED })
  alone.cluster(['a'])
  remember(alone, 'a', 'one')
  for (const how of ['stop', 'crash'] as const) {
    alone[how]('a')
    alone.start('a')
    alone.run(500)
    t.equal(alone.ask('a', 'node.status', {}).publishing, true, how)
    t.ok(signatures(alone, 'a') > 0)
  }

  const world = new World({ seed: SEED, strictGuard: true })
  const names = ['a', 'b', 'c', 'd', 'e']
  settle(world, names)
  world.crash('e')
  world.partition([
    ['a', 'e'],
    ['b', 'c', 'd'],
  ])
  world.start('e')
  untilConnected(world, ['a', 'e'])
  world.run(60_000)
  t.equal(world.ask('e', 'node.status', {}).publishing, false, 'two of five are no majority')
  world.network.restore('b', 'e')
  world.until('three of five to agree', () => coreOf(world, 'e').guard.isOpen)
  world.heal()
  allEqual(world, names)
  t.end()
})

t.test('a node set back to a backup takes its own log back, and says again what it had said meanwhile', t => {
  const { world, since } = restored(SEED)
  world.start('b')
  const x = remember(world, 'b', 'meanwhile x')
  const y = remember(world, 'b', 'meanwhile y')
  const link = world.ask('b', 'memory.link', { from: x, type: 'causes', to: y }).id
  const z = remember(world, 'b', 'meanwhile z')
  world.ask('b', 'memory.supersede', { old: x, by: z })
  const gone = remember(world, 'b', 'meanwhile forgotten')
  world.ask('b', 'memory.forget', { id: gone })
  t.equal(signatures(world, 'b'), 0)
  world.heal()
  allEqual(world)
  checkNoFork(t, world)
  const texts = [...[0, 1, 2, 3, 4].map(i => `before ${i}`), ...since, 'meanwhile x', 'meanwhile y', 'meanwhile z']
  for (const name of NAMES) {
    t.strictSame(textsOf(world, name), texts, `${name} has all of it, once`)
    const now = world.ask(name, 'memory.get', { id: x })
    t.not(now.id, x, 'it has a new id')
    t.equal(now.text, 'meanwhile x', 'and is found by the old one')
    t.equal(now.state, 'superseded')
    t.strictSame(now.supersededBy, [world.ask(name, 'memory.get', { id: z }).id])
    t.strictSame(
      now.edges.filter(({ type }) => type === 'causes').map(({ from, to, dangling }) => ({ from, to, dangling })),
      [{ from: now.id, to: world.ask(name, 'memory.get', { id: y }).id, dangling: false }],
      'what named the old ids names the new ones',
    )
    t.strictSame(
      world.ask(name, 'memory.why', { id: y }).paths.map(({ steps }) => steps.map(({ text }) => text)),
      [['meanwhile y', 'meanwhile x']],
    )
  }
  const kinds = recordsOf(world, 'b', 'memory/main').map(({ header }) => kindName(header.kind))
  t.equal(kinds.filter(kind => kind === 'log.rebase').length, 1)
  t.equal(kinds.at(-1), 'log.rebase', 'after what it tells of')
  const rebase = decode(recordsOf(world, 'b', 'memory/main').at(-1)?.body as Uint8Array)
  t.equal(rebase.ok && (rebase.value as readonly unknown[]).length, 7)
  t.equal(
    codeOf(() => world.ask('b', 'memory.forget', { id: link })),
    undefined,
    'a caller may go on with an old id',
  )
  t.equal(
    codeOf(() => remember(world, 'b', 'and goes on')),
    undefined,
  )
  allEqual(world)
  world.crash('b')
  world.start('b')
  allEqual(world)
  for (const name of NAMES) t.equal(world.ask(name, 'memory.get', { id: x }).text, 'meanwhile x', 'in later lives too')
  t.end()
})

t.test('a vector that was written meanwhile stands for its memory under the new id', t => {
  const { world } = restored(SEED)
  world.start('b')
  const embedder = 'external:m:2'
  const said = world.ask('b', 'memory.remember', { text: 'meanwhile, with a vector', vector: [1, 0], embedder })
  world.ask('b', 'memory.remember', { text: 'meanwhile, with another', vector: [0, 1], embedder })
  world.heal()
  allEqual(world)
  const ask = (name: string) => world.ask(name, 'memory.recall', { vector: [0.9, 0.1], embedder, spread: false, k: 1, exact: true })
  for (const name of NAMES) {
    world.until(`${name} to have its vectors`, () => world.ask(name, 'memory.status', {}).indexes[0]?.missing === 0)
    t.match(ask(name), { exact: true, hits: [{ text: 'meanwhile, with a vector' }] })
    t.strictSame(ask(name), ask('b'))
  }
  t.not(ask('b').hits[0]?.id, said.id)
  const again = world.ask('b', 'memory.remember', { text: 'meanwhile, with a vector', vector: [1, 0], embedder })
  t.equal(again.id, ask('b').hits[0]?.id, 'and is not written again')
  t.end()
})

t.test('a node of which only key and cluster are left gets its logs back from the others', t => {
  const { world, since } = restored(SEED, name => IDENTITY_FILES.includes(name))
  world.machine('b').index.destroy()
  world.start('b')
  world.run(30_000)
  t.equal(world.ask('b', 'node.status', {}).publishing, false, 'its cluster file says that there are others')
  remember(world, 'b', 'written on an empty disk')
  world.heal()
  // Its peers know where it is, and it learns of them when they dial.
  allEqual(world)
  checkNoFork(t, world)
  for (const name of NAMES)
    t.strictSame(textsOf(world, name), [...[0, 1, 2, 3, 4].map(i => `before ${i}`), ...since, 'written on an empty disk'])
  t.end()
})

t.test('a crash at any point of taking a log back loses nothing that was acknowledged, and forks nothing', t => {
  withSeeds(t, 'guard.test.js', 40, seed => {
    const { world, since } = restored(seed)
    const random = world.random('crashes')
    world.start('b')
    const acknowledged = new Map<CausalId, string>()
    const write = (text: string): void => {
      world.askSoon('b', 'memory.remember', { text }, (error, receipt) => {
        if (error === undefined && receipt !== undefined) acknowledged.set(receipt.id, text)
        else if (error?.code !== 'recovering') throw error
      })
    }
    for (let i = 0; i < 10; i++) write(`meanwhile ${i}`)
    world.run(random.below(20))
    world.heal()
    for (let crash = 0, crashes = 1 + random.below(4); crash < crashes; crash++) {
      if (random.chance(700)) world.until('b to be connected', () => coreOf(world, 'b').peers.connected.size > 0)
      world.run(random.below(random.chance(500) ? 10 : 60))
      write(`around crash ${crash}`)
      world.run(random.below(3))
      world.crash('b', random.chance(500) ? 'power' : 'process')
      world.start('b')
      if (random.chance(300)) write(`after crash ${crash}`)
    }
    allEqual(world)
    const expected = [...[0, 1, 2, 3, 4].map(i => `before ${i}`), ...since]
    for (const name of NAMES) {
      const texts = textsOf(world, name)
      if (world.ask(name, 'memory.conflicts', {}).logs.length > 0) throw new Error(`${name} sees a fork`)
      if (new Set(texts).size !== texts.length) throw new Error(`${name} has something twice: ${texts.join()}`)
      for (const text of [...expected, ...acknowledged.values()]) if (!texts.includes(text)) throw new Error(`${name} lost ${text}`)
      for (const [id, text] of acknowledged)
        if (world.ask(name, 'memory.get', { id }).text !== text) throw new Error(`${name} does not find ${text} by its first id`)
    }
  })
  t.end()
})

t.test('two lives of one key that both sign are found out by whoever saw both; everybody else goes on', t => {
  const world = new World({ seed: SEED })
  settle(world, NAMES)
  remember(world, 'b', 'of one history')
  untilEqual(world, NAMES)
  world.stop('b')
  const b = world.nodeId('b')
  world.machine('twin').disk.rollback(world.machine('b').disk.snapshot())
  world.machine('twin').nodeId = b

  world.partition([['a'], ['c']])
  world.network.cut('b', 'c')
  world.start('b')
  world.until('a to vouch', () => coreOf(world, 'b').guard.isOpen)
  remember(world, 'b', 'to a')
  remember(world, 'b', 'to a once more')
  untilEqual(world, ['a', 'b'])
  world.stop('b')
  world.network.cut('twin', 'a')
  world.start('twin')
  world.until('c to vouch', () => coreOf(world, 'twin').guard.isOpen)
  remember(world, 'twin', 'to c')
  untilEqual(world, ['c', 'twin'])
  for (const name of ['a', 'c']) t.strictSame(world.ask(name, 'memory.conflicts', {}).logs, [], `${name} has seen one side`)
  world.stop('twin')

  world.heal()
  const forkOf = (name: string) => world.ask(name, 'memory.conflicts', {}).logs.find(({ stream }) => stream === 'memory/main')
  world.until('a and c to see the fork', () =>
    ['a', 'c'].every(name =>
      [...coreOf(world, name).chain.logs.values()].some(log => log.conflict !== undefined && log.identity.stream === 'memory/main'),
    ),
  )
  const check = (name: string): void => {
    const fork = forkOf(name)
    t.match(fork, { author: b, stream: 'memory/main', seq: 2 }, `${name} names the place`)
    t.equal(new Set(fork?.leaves).size, 2, 'and has both records')
    t.ok(world.ask(name, 'node.status', {}).conflicts > 0)
  }
  for (const name of ['a', 'c']) check(name)
  t.strictSame(forkOf('a')?.leaves, forkOf('c')?.leaves.toReversed(), 'they show the same two')

  const said = [remember(world, 'a', 'a goes on'), remember(world, 'c', 'c goes on')]
  const has = (name: string): boolean => said.every(id => coreOf(world, name).memory('main').fold.node(id) !== undefined)
  world.until('a and c to hear from each other', () => ['a', 'c'].every(has))
  world.crash('a')
  world.start('a')
  check('a')
  untilConnected(world, ['a', 'c'])
  const { token } = world.ask('a', 'member.invite', {})
  world.join('d', token)
  world.start('d')
  untilConnected(world, ['a', 'c', 'd'])
  world.until('the newcomer to hear of it all', () => has('d') && forksOf(world, 'd') > 0)
  check('d')

  world.start('b')
  world.until('b to learn of its twin', () => forksOf(world, 'b') > 0)
  t.equal(
    codeOf(() => remember(world, 'b', 'on which history?')),
    'log_conflicted',
  )
  for (const name of ['a', 'c', 'd', 'b'])
    t.equal(world.ask(name, 'chain.verify', { all: true }).valid, true, `what ${name} holds verifies`)
  t.end()
})

function forksOf(world: World, name: string): number {
  return [...coreOf(world, name).chain.logs.values()].filter(
    ({ conflict, identity }) => conflict !== undefined && identity.stream === 'memory/main',
  ).length
}
