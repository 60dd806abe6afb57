import t from 'tap'
import { KIND } from '../../base/kinds.ts'
import { EMBED_DOCUMENTS, EMBEDDERS_PER_AUTHOR_MAX, RECALL_EMBED_MS } from '../../base/limits.ts'
import type { EmbeddingStatus, Recollection } from '../../node/api.ts'
import { hashEmbedder768 } from '../../ecc/hash-embedder.ts'
import { SimEmbedder } from '../../sim/embedder.ts'
import { World } from '../../sim/world.ts'
import { codeOf, coreOf, recordsOf, settle, untilEqual } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(11)

/** A cluster whose nodes all have this embedder, but for those named. */
function clusterOf(names: readonly string[], embedder: SimEmbedder, without: readonly string[] = []): World {
  const world = new World({ seed: SEED, embedder: name => (without.includes(name) ? undefined : embedder) })
  settle(world, names)
  return world
}

function statusOf(world: World, name: string): EmbeddingStatus {
  const { status } = world.ask(name, 'memory.embedder', {})
  if (status === null) throw new Error(`${name} has no embedder`)
  return status
}

function remember(world: World, name: string, texts: readonly string[]): void {
  for (const text of texts) world.ask(name, 'memory.remember', { text })
}

function untilEmbedded(world: World, ...names: readonly string[]): void {
  for (const name of names) {
    for (let tries = 0; statusOf(world, name).waiting > 0; tries++) {
      if (tries > 3000) throw new Error(`${name} has not embedded everything: ${JSON.stringify(statusOf(world, name))}`)
      world.run(50)
    }
  }
}

/** How long it took in virtual time, and what came of it. */
function recalled(world: World, name: string, query: string): Recollection & { readonly tookMs: number } {
  const startMs = world.nowMs
  const found = world.ask(name, 'memory.recall', { query })
  return { ...found, tookMs: world.nowMs - startMs }
}

function vectorsOf(world: World, name: string): number {
  return recordsOf(world, name, 'memory/main').filter(({ header }) => header.kind === KIND['memory.vector']).length
}

const texts = (count: number, what: string = 'note'): string[] =>
  Array.from({ length: count }, (_, i) => `${what} ${i} about pool ${i * 7}`)

t.test('memories get vectors after they were acknowledged, and are found by them on every node', async t => {
  const embedder = new SimEmbedder()
  const world = clusterOf(['a', 'b', 'c'], embedder, ['c'])
  embedder.slowness = 10
  const startMs = world.nowMs
  remember(world, 'a', ['the pool is exhausted', 'checkout timed out'])
  t.ok(world.nowMs - startMs < 50, `nobody waited for the embedder: ${world.nowMs - startMs} ms`)
  t.match(statusOf(world, 'a'), { embedder: 'sim:sim:768', dims: 768, state: 'working', waiting: 2 })
  t.equal(recalled(world, 'a', 'pool').vectors, 'none', 'there is no vector to compare with yet')
  embedder.slowness = 1
  untilEmbedded(world, 'a')
  t.match(statusOf(world, 'a'), { state: 'idle', embedded: 2, refused: 0 })
  untilEqual(world, ['a', 'b', 'c'])
  world.run(1000)
  t.same(
    ['a', 'b', 'c'].map(name => vectorsOf(world, name)),
    [2, 0, 0],
    'one node embeds a memory, for all',
  )
  const [here, there, without] = ['a', 'b', 'c'].map(name => recalled(world, name, 'pools exhausted')) as unknown as [
    Recollection,
    Recollection,
    Recollection,
  ]
  t.same([here.vectors, there.vectors, without.vectors], ['used', 'used', 'none'])
  t.equal(here.hits[0]?.parts.vector, 1)
  t.strictSame(there.hits, here.hits)
  t.equal(without.hits[0]?.parts.vector, 0)
})

t.test('an answer does not wait for a slow embedder, and the next one has what came meanwhile', async t => {
  const embedder = new SimEmbedder()
  const world = clusterOf(['a'], embedder)
  remember(world, 'a', ['the pool is exhausted'])
  untilEmbedded(world, 'a')
  embedder.slowness = 100
  const late = recalled(world, 'a', 'pools')
  t.equal(late.vectors, 'late')
  t.ok(late.tookMs < RECALL_EMBED_MS + 50, `${late.tookMs} ms`)
  t.equal(late.hits[0]?.text, 'the pool is exhausted', 'by words')
  world.run(5_000)
  const { asked } = embedder
  const known = recalled(world, 'a', 'pools')
  t.same([known.vectors, embedder.asked], ['used', asked])
  t.ok(known.tookMs < 20, `${known.tookMs} ms`)
})

t.test('what several ask at a time is embedded once, and what is known needs no embedder', async t => {
  const embedder = new SimEmbedder()
  const world = clusterOf(['a'], embedder)
  remember(world, 'a', ['the pool is exhausted'])
  untilEmbedded(world, 'a')
  const { asked } = embedder
  const how: string[] = []
  for (let i = 0; i < 5; i++) world.askSoon('a', 'memory.recall', { query: 'pools' }, (_, found) => how.push(found?.vectors ?? ''))
  world.run(1_000)
  t.same([how, embedder.asked - asked], [Array.from({ length: 5 }, () => 'used'), 1])
  embedder.isDown = true
  t.same([recalled(world, 'a', 'other').vectors, recalled(world, 'a', 'pools').vectors], ['down', 'used'])
  t.equal(statusOf(world, 'a').state, 'down', 'nor does it say anything of one')
})

t.test('while the embedder is down everything else goes on; when it is back, nothing is left out', async t => {
  const embedder = new SimEmbedder()
  const world = clusterOf(['a'], embedder)
  remember(world, 'a', ['the pool is exhausted'])
  untilEmbedded(world, 'a')
  embedder.isDown = true
  remember(world, 'a', texts(5))
  world.run(120_000)
  t.match(statusOf(world, 'a'), { state: 'down', waiting: 5, error: { code: 'embedder_unavailable' } })
  const { asked } = embedder
  const down = recalled(world, 'a', 'pool exhausted')
  t.same([down.vectors, down.hits[0]?.text], ['down', 'the pool is exhausted'])
  t.ok(down.tookMs < 5, 'nobody waits for what is known to be down')
  world.run(600_000)
  t.ok(embedder.asked - asked < 25, `it is asked again now and then: ${embedder.asked - asked} times in ten minutes`)
  embedder.isDown = false
  untilEmbedded(world, 'a')
  t.equal(recalled(world, 'a', 'pool exhausted').vectors, 'used')
  t.equal(vectorsOf(world, 'a'), 6)
  const { events } = world.ask('a', 'node.events', {})
  const told = events.map(({ event }) => event).filter(event => event.startsWith('embedder.'))
  t.same(told, ['embedder.down', 'embedder.up'], 'said once')
})

t.test('where vectors of another embedder would not count none are made, and it is said once', async t => {
  const world = clusterOf(['a'], new SimEmbedder())
  for (let i = 0; i < EMBEDDERS_PER_AUTHOR_MAX; i++)
    world.ask('a', 'memory.remember', { text: `of m${i}`, vector: [1, i + 1], embedder: `external:m${i}:2`, space: 'crowded' })
  for (let i = 0; i < 3; i++) world.ask('a', 'memory.remember', { text: `more ${i}`, space: 'crowded' })
  remember(world, 'a', texts(5))
  untilEmbedded(world, 'a')
  t.equal(vectorsOf(world, 'a'), 5)
  t.match(statusOf(world, 'a'), { state: 'idle', waiting: 0 })
  const { events } = world.ask('a', 'node.events', {})
  t.equal(events.filter(({ event }) => event === 'embedder.no-room').length, 1)
})

t.test('a question asks an embedder that was down again, when nothing else does', async t => {
  const embedder = new SimEmbedder()
  const world = clusterOf(['a'], embedder)
  remember(world, 'a', ['the pool is exhausted'])
  untilEmbedded(world, 'a')
  embedder.isDown = true
  t.equal(recalled(world, 'a', 'pools').vectors, 'down')
  embedder.isDown = false
  t.equal(recalled(world, 'a', 'pools').vectors, 'down', 'not at once')
  world.run(2_000)
  t.equal(recalled(world, 'a', 'pools').vectors, 'used')
})

t.test('what lacks a vector is found again after a restart, whenever it came; no memory gets two', async t => {
  const embedder = new SimEmbedder()
  const world = clusterOf(['a'], embedder)
  remember(world, 'a', texts(2 * EMBED_DOCUMENTS + 5))
  for (const [how, ms] of [
    ['power', 30],
    ['process', 170],
    ['power', 200],
  ] as const) {
    world.run(ms)
    world.crash('a', how)
    world.start('a')
  }
  untilEmbedded(world, 'a')
  t.equal(vectorsOf(world, 'a'), 2 * EMBED_DOCUMENTS + 5)
  world.stop('a')
  const { asked } = embedder
  world.start('a')
  world.run(10_000)
  t.same([statusOf(world, 'a').waiting, embedder.asked], [0, asked], 'and what has one needs nothing')
})

t.test('both sides of a split embed what is theirs, and answer alike when it is over', async t => {
  const embedder = new SimEmbedder()
  const world = clusterOf(['a', 'b'], embedder)
  world.partition([['a'], ['b']])
  remember(world, 'a', texts(10, 'left'))
  remember(world, 'b', texts(10, 'right'))
  untilEmbedded(world, 'a', 'b')
  t.same([vectorsOf(world, 'a'), vectorsOf(world, 'b')], [10, 10])
  world.heal()
  untilEqual(world, ['a', 'b'])
  world.run(5_000)
  t.same([vectorsOf(world, 'a'), vectorsOf(world, 'b')], [10, 10])
  const [left, right] = ['a', 'b'].map(name => recalled(world, name, 'right notes of the pool')) as unknown as [Recollection, Recollection]
  t.same([left.vectors, right.vectors], ['used', 'used'])
  t.strictSame(left.hits, right.hits)
})

t.test('memories of every space get vectors where this node may write, and are found by them there', async t => {
  const embedder = new SimEmbedder()
  const world = clusterOf(['a', 'b'], embedder, ['b'])
  world.ask('a', 'memory.remember', { text: 'the pool is exhausted', space: 'shop' })
  remember(world, 'a', ['the disk is full'])
  untilEmbedded(world, 'a')
  const inShop = world.ask('a', 'memory.recall', { query: 'pools', space: 'shop' })
  t.match(inShop, { vectors: 'used', hits: [{ text: 'the pool is exhausted', parts: { vector: 1 } }] })
  world.ask('a', 'space.create', { space: 'plans', private: false })
  world.ask('a', 'memory.remember', { text: 'a plan', space: 'plans' })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('b'), role: 'write' })
  world.until('b to know', () => coreOf(world, 'b').spaces.roleOf('plans', world.nodeId('b')) === 'write')
  world.ask('b', 'memory.remember', { text: 'another plan', space: 'plans' })
  untilEmbedded(world, 'a')
  untilEqual(world, ['a', 'b'])
  world.run(5_000)
  t.same([...embedder.embedded].sort(), ['a plan', 'pools', 'the disk is full', 'the pool is exhausted'])
})

t.test('memories of nodes without an embedder are embedded by another one, when it is told to', async t => {
  const embedder = new SimEmbedder()
  const world = clusterOf(['a', 'b'], embedder, ['b'])
  remember(world, 'b', texts(3))
  untilEqual(world, ['a', 'b'])
  world.run(5_000)
  t.same([statusOf(world, 'a').waiting, embedder.asked], [0, 0], 'not by itself')
  t.equal(world.ask('a', 'memory.reembed', { all: true }).status?.waiting, 3)
  untilEmbedded(world, 'a')
  t.equal(vectorsOf(world, 'a'), 3)
  untilEqual(world, ['a', 'b'])
  t.equal(recalled(world, 'a', 'notes').vectors, 'used')
  t.equal(world.ask('b', 'memory.embedder', {}).status, null)
  for (const command of ['memory.reembed', 'memory.retire-vectors'] as const)
    t.equal(
      codeOf(() => world.ask('b', command, {})),
      'embedder_none',
    )
})

t.test('a memory that the model refuses is found out and left out; the others get their vectors', async t => {
  const embedder = new SimEmbedder()
  const world = clusterOf(['a'], embedder)
  const all = texts(40)
  embedder.refused.add(all[17] as string).add(all[18] as string)
  world.ask('a', 'memory.import', { items: all.map(text => ({ text })) })
  world.run(60_000)
  t.match(statusOf(world, 'a'), { state: 'idle', waiting: 0, embedded: 38, refused: 2 })
  const refused = world.ask('a', 'node.events', {}).events.filter(({ event }) => event === 'embedder.refused')
  t.equal(refused.length, 2)
  embedder.refused.clear()
  world.ask('a', 'memory.reembed', {})
  untilEmbedded(world, 'a')
  t.match(statusOf(world, 'a'), { embedded: 40, refused: 0 })
})

t.test('a model that refuses everything is down, and no memory is blamed', async t => {
  const embedder = new SimEmbedder()
  const world = clusterOf(['a'], embedder)
  embedder.refusesAll = true
  remember(world, 'a', texts(3))
  world.run(30_000)
  t.match(statusOf(world, 'a'), { state: 'down', waiting: 3, refused: 0, error: { code: 'embedder_refused' } })
})

t.test('what was replaced meanwhile gets no vector', async t => {
  const embedder = new SimEmbedder()
  embedder.isDown = true
  const world = clusterOf(['a'], embedder)
  world.ask('a', 'memory.remember', { text: 'first', key: 'k' })
  world.ask('a', 'memory.remember', { text: 'second', key: 'k' })
  const third = world.ask('a', 'memory.remember', { text: 'third' })
  world.ask('a', 'memory.forget', { id: third.id })
  world.run(500)
  t.match(statusOf(world, 'a'), { state: 'down', waiting: 1 })
  embedder.isDown = false
  untilEmbedded(world, 'a')
  t.same(embedder.embedded, ['second'])
})

t.test('another model is another index: nothing is mixed, everything is embedded anew, and the old vectors can go', async t => {
  const first = new SimEmbedder('first')
  let embedder = first
  const world = new World({ seed: SEED, embedder: () => embedder })
  settle(world, ['a'])
  remember(world, 'a', texts(5))
  untilEmbedded(world, 'a')
  world.ask('a', 'memory.remember', { text: 'by hand', vector: [1, 0, 0], embedder: 'external:hand:3' })
  untilEmbedded(world, 'a')
  first.isChanged = true
  remember(world, 'a', ['one more'])
  world.run(100)
  t.match(statusOf(world, 'a'), { state: 'stopped', waiting: 1, error: { code: 'embedder_changed' } })
  const { asked } = first
  world.run(300_000)
  t.same([first.asked, recalled(world, 'a', 'note').vectors], [asked, 'down'], 'for good')

  world.stop('a')
  const second = new SimEmbedder('second')
  second.refused.add(texts(5)[3] as string)
  embedder = second
  world.start('a')
  untilEmbedded(world, 'a')
  t.equal(statusOf(world, 'a').embedder, 'sim:second:768')
  t.equal(vectorsOf(world, 'a'), 6 + 1 + 6)
  t.same(recalled(world, 'a', 'note').vectors, 'used')
  const embeddersOf = (): readonly string[] =>
    world
      .ask('a', 'memory.status', {})
      .indexes.filter(({ vectors, retired }) => vectors > retired)
      .map(index => index.embedder)
  t.same(embeddersOf(), ['external:hand:3', 'sim:first:768', 'sim:second:768'])
  t.same(world.ask('a', 'memory.retire-vectors', {}), { retired: 5, left: 0 }, 'what the new one refuses keeps what it has')
  second.refused.clear()
  world.ask('a', 'memory.reembed', {})
  untilEmbedded(world, 'a')
  t.same(world.ask('a', 'memory.retire-vectors', {}), { retired: 1, left: 0 })
  t.same(world.ask('a', 'memory.retire-vectors', {}), { retired: 0, left: 0 })
  t.same(embeddersOf(), ['external:hand:3', 'sim:second:768'], 'what a caller gave stays')
})

t.test('the builtin embedder counts rare words of a question more, as of the cut that is asked about', async t => {
  const builtin = new SimEmbedder('builtin', hashEmbedder768.id)
  const world = new World({ seed: SEED, embedder: () => builtin })
  settle(world, ['a'])
  remember(world, 'a', [...texts(30, 'pool pool pool'), 'kraken in the pool', 'kraken elsewhere'])
  untilEmbedded(world, 'a')
  const ask = (asOf?: string): Recollection => world.ask('a', 'memory.recall', { query: 'pool kraken', k: 10, asOf, spread: false })
  const then = ask()
  t.equal(then.vectors, 'used')
  const vectorOf = (text: string): number => then.hits.find(hit => hit.text === text)?.parts.vector ?? 0
  t.ok(vectorOf('kraken elsewhere') > 0.5, `${vectorOf('kraken elsewhere')}: without the rarity of its word it is nobody's neighbour`)
  const { frontier } = then
  remember(world, 'a', texts(30, 'kraken'))
  untilEmbedded(world, 'a')
  const vectors = (found: Recollection): unknown => found.hits.map(({ text, parts }) => [text, parts.vector])
  t.same(vectors(ask(frontier)), vectors(then), 'as it was answered then')
  t.notSame(vectors(ask()), vectors(then))
})

t.test('an embedder is asked whether it works', async t => {
  const embedder = new SimEmbedder()
  const world = clusterOf(['a'], embedder)
  t.match(world.ask('a', 'memory.embedder', { probe: true }), { status: { embedder: 'sim:sim:768' }, tookMs: 22 })
  t.equal(world.ask('a', 'memory.embedder', {}).tookMs, null)
  embedder.isDown = true
  world.ask('a', 'memory.embedder', {})
  t.equal(
    codeOf(() => world.ask('a', 'memory.recall', { query: 'x' })),
    undefined,
  )
  world.run(10)
  const fresh = new SimEmbedder('down')
  fresh.isDown = true
  const other = clusterOf(['z'], fresh)
  t.equal(
    codeOf(() => other.ask('z', 'memory.embedder', { probe: true })),
    'embedder_unavailable',
  )
})
