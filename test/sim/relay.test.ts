import t from 'tap'
import type { SignedCheckpoint } from '../../chain/checkpoint.ts'
import { isWitnessed } from '../../chain/conflict.ts'
import type { Log } from '../../chain/log.ts'
import { World } from '../../sim/world.ts'
import { coreOf, settle, textsOf, untilConnected, untilEqual } from './helpers.ts'
import { seedOf, seedsOf, withSeeds } from './seeds.ts'

const NAMES = ['a', 'b', 'c']
/** What makes a node itself: all that is left when the rest of its disk is lost. */
const IDENTITY_FILES = ['identity.pem', 'next-identity.pem', 'cluster.weft']
const TEXT = 'x'.repeat(1000)

/** The memories of a, as `name` holds them. */
function logOf(world: World, name: string): Log {
  const author = world.nodeId('a')
  const log = [...coreOf(world, name).chain.logs.values()].find(
    ({ identity }) => identity.author === author && identity.stream === 'memory/main',
  )
  if (log === undefined) throw new Error(`${name} has no memories of a`)
  return log
}

function publishedBy(world: World, name: string): number {
  return logOf(world, name).published
}

/** Everything that a node holds of a's memories it can prove: to anybody who has a's key. */
function checkProofs(world: World, name: string): void {
  const log = logOf(world, name)
  const checkpoint = log.checkpoint as SignedCheckpoint
  for (let seq = 0; seq < log.size; seq++) {
    if (!isWitnessed({ checkpoint, leaf: log.tree.leaf(seq), proof: log.proveRecord(seq) }, seq, log.key))
      throw new Error(`${name} cannot prove record ${seq} of ${log.size}`)
  }
  if (!world.ask(name, 'chain.verify', { all: true }).valid) throw new Error(`${name} does not verify`)
}

function checkNoFork(world: World, names: readonly string[]): void {
  for (const name of names) if (world.ask(name, 'memory.conflicts', {}).logs.length > 0) throw new Error(`${name} sees a fork`)
}

function begin(seed: number): World {
  const world = new World({ seed, buggify: ['sync.one-record-frames'] })
  settle(world, NAMES)
  world.ask('a', 'memory.remember', { text: 'before' })
  untilEqual(world, NAMES)
  return world
}

/**
 * a writes 200 records, and they are on their way until b and c have at least so many of them. Then a is dead.
 *
 * @returns how many records b and c have, of how many
 */
function cutShort(
  world: World,
  wanted: { readonly b: number; readonly c: number },
): { readonly all: number; readonly b: number; readonly c: number } {
  const before = publishedBy(world, 'b')
  world.partition([['a'], ['b', 'c']])
  for (let i = 0; i < 200; i++) world.askSoon('a', 'memory.remember', { text: `${i} ${TEXT}` }, () => {})
  world.until('a to have written and signed', () => publishedBy(world, 'a') === before + 200)
  world.heal()
  for (const name of ['b', 'c']) world.network.change({ from: 'a', to: name }, { bytesPerSecond: 200_000 })
  world.network.cut('b', 'c')
  const left = new Set(['b', 'c'] as const)
  world.until('b and c to have some of it', () => {
    for (const name of left) {
      if (logOf(world, name).durable < before + wanted[name]) continue
      world.network.cut('a', name)
      left.delete(name)
    }
    return left.size === 0
  })
  world.crash('a')
  return { all: before + 200, b: publishedBy(world, 'b'), c: publishedBy(world, 'c') }
}

/** How many records b and c are to have at least, by the seed. */
function moments(world: World, least: number): { readonly b: number; readonly c: number } {
  const random = world.random('moments')
  return { b: 1 + random.below(150), c: least + random.below(120) }
}

t.test('whoever has more of a run whose author died has it for all, and can prove it', t => {
  let parted = 0
  withSeeds(t, 'relay.test.js', 25, seed => {
    const world = begin(seed)
    const { all, b, c } = cutShort(world, moments(world, 0))
    if (b !== c && Math.max(b, c) < all) parted++
    world.heal()
    untilConnected(world, ['b', 'c'])
    world.until('b and c to be equal', () => coreOf(world, 'b').frontierAll === coreOf(world, 'c').frontierAll)
    untilEqual(world, ['b', 'c'])
    for (const name of ['b', 'c']) {
      if (publishedBy(world, name) !== Math.max(b, c)) throw new Error(`${name} has ${publishedBy(world, name)} of ${Math.max(b, c)}`)
      checkProofs(world, name)
    }
    if (textsOf(world, 'b').join() !== textsOf(world, 'c').join()) throw new Error('they remember different things')
    world.crash('b')
    world.start('b')
    untilEqual(world, ['b', 'c'])
    checkProofs(world, 'b')
    // It was not dead after all: with its disk as it was it goes on where they are.
    world.start('a')
    untilConnected(world, NAMES)
    untilEqual(world, NAMES)
    if (textsOf(world, 'b').length !== 201) throw new Error(`${textsOf(world, 'b').length} of 201 have arrived`)
    checkNoFork(world, NAMES)
  })
  t.ok(parted > seedsOf(25).length / 5 - 1, `in ${parted} of them b and c had different parts of the run`)
  t.end()
})

t.test('an author that lost its disk in the middle of a run signs nothing in the place of what a member may still have', t => {
  withSeeds(t, 'relay.test.js', 15, seed => {
    const world = begin(seed)
    // Who has nothing of a run has no proof that there was one.
    const { all, b, c } = cutShort(world, moments(world, 1))
    const [fewer, more] = b < c ? ['b', 'c'] : ['c', 'b']
    const [least, most] = [Math.min(b, c), Math.max(b, c)]
    const { disk, index } = world.machine('a')
    disk.rollback(new Map([...disk.snapshot()].filter(([name]) => IDENTITY_FILES.includes(name))))
    index.destroy()
    world.start('a')
    world.heal()
    for (const other of ['a', fewer]) world.network.cut(more, other)
    world.until('a to be connected', () => coreOf(world, 'a').peers.connected.size > 0)
    world.run(60_000)
    if (publishedBy(world, 'a') !== least) throw new Error(`a has ${publishedBy(world, 'a')} of ${least}`)
    world.ask('a', 'memory.remember', { text: 'after all' })
    world.run(60_000)
    if (least < all && world.ask('a', 'node.status', {}).publishing) throw new Error('it signs before it has heard of all')
    world.heal()
    untilConnected(world, NAMES)
    untilEqual(world, NAMES)
    for (const name of NAMES) {
      if (publishedBy(world, name) <= most) throw new Error(`${name} has ${publishedBy(world, name)}, ${most} of ${all} were left`)
      checkProofs(world, name)
    }
    checkNoFork(world, NAMES)
  })
  t.end()
})

t.test('who vouched for an author before it heard that it had lost something is asked again', t => {
  const world = begin(seedOf(11))
  const backup = world.machine('a').disk.snapshot()
  const { all, b, c } = cutShort(world, { b: 0, c: 60 })
  t.ok(b < c && c < all, `b has ${b} and c ${c} of ${all}`)
  world.machine('a').disk.rollback(backup)
  world.start('a')
  world.heal()
  world.partition([['a', 'b'], ['c']])
  world.until('b to vouch', () => coreOf(world, 'a').guard.isOpen)
  t.equal(publishedBy(world, 'a'), b)

  world.heal()
  world.partition([['a', 'c'], ['b']])
  world.until('a to have what c has', () => publishedBy(world, 'a') === c)
  world.ask('a', 'memory.remember', { text: 'after all' })
  world.run(60_000)
  t.equal(world.ask('a', 'node.status', {}).publishing, false, 'b might have more by now')
  t.equal(publishedBy(world, 'a'), c)
  world.heal()
  untilConnected(world, NAMES)
  untilEqual(world, NAMES)
  t.equal(publishedBy(world, 'b'), c + 1)
  checkNoFork(world, NAMES)
  t.end()
})
