import t from 'tap'
import { World } from '../../sim/world.ts'
import { codeOf, coreOf, settle, textsOf, untilConnected, untilEqual } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(31)
const NAMES = ['a', 'b', 'c']
/** No word of it is in any other text. */
const SECRET = 'swordfish under doormat'
const WORDS = SECRET.split(' ').filter(word => word !== 'under')

function clusterOf(names: readonly string[], seed: number = SEED): World {
  const world = new World({ seed })
  settle(world, names)
  return world
}

/** Files of a node in which a word of the secret stands. */
function holding(world: World, name: string): readonly string[] {
  return [...world.machine(name).disk.snapshot()].flatMap(([file, content]) => {
    const found = WORDS.filter(word => Buffer.from(content).includes(word))
    return found.length === 0 ? [] : [`${name}/${file}: ${found.join()}`]
  })
}

function everywhere(world: World, names: readonly string[]): readonly string[] {
  return names.flatMap(name => holding(world, name))
}

function untilErased(world: World, names: readonly string[]): void {
  untilEqual(world, names)
  world.until('nothing to be left to erase', () => names.every(name => coreOf(world, name).erasures.pending === 0))
}

/** A secret with labels, a key and a link to it, held by all, its words in the saved folds. */
function withSecret(world: World, names: readonly string[]): string {
  const { id } = world.ask('a', 'memory.remember', { text: SECRET, meta: { where: WORDS[0] as string }, key: SECRET, source: SECRET })
  const other = world.ask('b', 'memory.remember', { text: 'somebody else knows of it', edges: [{ type: 'derived-from', to: id }] })
  untilEqual(world, names)
  for (const name of names) world.ask(name, 'memory.recall', { query: SECRET, k: 5, after: world.ask('b', 'memory.status', {}).frontier })
  world.ask('b', 'memory.get', { id: other.id })
  return id
}

t.test('what is erased is on no disk, in no file, of any node; the chain verifies, and all answers are equal', t => {
  const world = clusterOf(NAMES)
  const id = withSecret(world, NAMES)
  // A stop saves the fold: its words are in a file of their own.
  for (const name of NAMES) {
    world.stop(name)
    world.start(name)
  }
  untilConnected(world, NAMES)
  untilEqual(world, NAMES)
  t.ok(everywhere(world, NAMES).length >= 2 * NAMES.length, 'journal and fold hold it until then')
  const forgotten = world.ask('a', 'memory.forget', { id, erase: true })
  t.equal(forgotten.erased, true)
  t.strictSame(holding(world, 'a'), [], 'where it is answered nothing is left')
  untilErased(world, NAMES)
  t.strictSame(everywhere(world, NAMES), [])
  for (const name of NAMES) {
    const verified = world.ask(name, 'chain.verify', { all: true })
    t.ok(verified.valid && verified.logs.reduce((sum, log) => sum + log.erased, 0) === 1, `${name} verifies, and counts it`)
    t.notOk(textsOf(world, name).some(text => text.includes(WORDS[0] as string)))
    t.equal(
      codeOf(() => world.ask(name, 'memory.get', { id })),
      'erased',
    )
    t.equal(
      codeOf(() => world.ask(name, 'memory.prove', { id })),
      'erased',
    )
  }
  t.equal(world.ask('a', 'memory.forget', { id, erase: true }).id, forgotten.id, 'erasing twice is erasing once')
  t.equal(
    codeOf(() => world.ask('b', 'memory.forget', { id, erase: true })),
    'not_author',
  )
  t.equal(
    codeOf(() => world.ask('a', 'memory.forget', { id: forgotten.id, erase: true })),
    'not_erasable',
  )
  world.ask('a', 'memory.forget', { id: forgotten.id })
  t.equal(
    codeOf(() => world.ask('a', 'memory.get', { id })),
    'erased',
    'nothing brings it back',
  )
  t.end()
})

t.test('who was away erases it too, who joins later never gets it, and what is held twice is gone twice', t => {
  const world = clusterOf([...NAMES, 'd'])
  const id = withSecret(world, [...NAMES, 'd'])
  world.crash('c')
  world.partition([['a', 'b'], ['d']])
  world.ask('a', 'memory.forget', { id, erase: true })
  world.until('b to have erased it', () => holding(world, 'b').length === 0)
  t.ok(holding(world, 'd').length > 0 && holding(world, 'c').length > 0)
  world.join('e', world.ask('a', 'member.invite', {}).token)
  world.start('e')
  world.heal()
  world.start('c')
  const all = [...NAMES, 'd', 'e']
  untilConnected(world, all)
  untilErased(world, all)
  t.strictSame(everywhere(world, all), [])
  const heads = all.map(name => world.ask(name, 'memory.status', {}).frontier)
  t.equal(new Set(heads).size, 1)
  const lists = all.map(name => JSON.stringify(world.ask(name, 'memory.list', { limit: 500 }).memories))
  t.equal(new Set(lists).size, 1)
  t.ok(all.every(name => world.ask(name, 'chain.verify', { all: true }).valid))
  t.end()
})

t.test('a node killed at any moment of it goes on where it was, and the text stays gone', t => {
  const wrong: string[] = []
  for (let i = 0; i < 24; i++) {
    const world = clusterOf(['a', 'b'], SEED + i)
    const id = withSecret(world, ['a', 'b'])
    world.askSoon('a', 'memory.forget', { id, erase: true }, () => {})
    world.run(i / 4)
    world.crash('a')
    world.crash('b')
    world.start('a')
    world.start('b')
    untilConnected(world, ['a', 'b'])
    // The first may not have been on the disk when the power failed.
    world.ask('a', 'memory.forget', { id, erase: true })
    untilErased(world, ['a', 'b'])
    wrong.push(...everywhere(world, ['a', 'b']).map(what => `after ${i / 4} ms: ${what}`))
    if (!['a', 'b'].every(name => world.ask(name, 'chain.verify', { all: true }).valid)) wrong.push(`after ${i / 4} ms: damaged`)
  }
  t.strictSame(wrong, [])
  t.end()
})

t.test('a restored backup brings it back for as long as it takes to hear of it', t => {
  const world = clusterOf(NAMES)
  const id = withSecret(world, NAMES)
  world.stop('c')
  const backup = world.machine('c').disk.snapshot()
  world.start('c')
  untilConnected(world, NAMES)
  world.ask('a', 'memory.forget', { id, erase: true })
  untilErased(world, NAMES)
  world.stop('c')
  world.machine('c').disk.rollback(backup)
  t.ok(holding(world, 'c').length > 0)
  world.start('c')
  untilConnected(world, NAMES)
  untilErased(world, NAMES)
  t.strictSame(everywhere(world, NAMES), [])
  t.end()
})

t.test('a node of the version before goes on beside it, and takes part in it once it is upgraded', t => {
  const world = new World({ seed: SEED })
  world.machine('c').version = 'previous'
  settle(world, NAMES)
  const id = withSecret(world, NAMES)
  world.crash('c')
  world.ask('a', 'memory.forget', { id, erase: true })
  world.start('c')
  untilConnected(world, NAMES)
  world.ask('c', 'memory.remember', { text: 'said by the version before' })
  world.until('a to hear of it', () => textsOf(world, 'a').includes('said by the version before'))
  world.stop('c')
  world.machine('c').version = 'current'
  world.start('c')
  untilConnected(world, NAMES)
  untilErased(world, NAMES)
  t.strictSame(everywhere(world, NAMES), [])
  t.end()
})
