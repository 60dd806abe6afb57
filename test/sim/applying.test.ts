import t from 'tap'
import type { BuggifySite } from '../../base/buggify.ts'
import { memoryStream } from '../../base/ids.ts'
import { World } from '../../sim/world.ts'
import { coreOf, settle, textsOf } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(7)
/** Far more than a step applies. */
const COUNT = 300

const SITES: readonly (readonly BuggifySite[])[] = [
  [],
  ['applier.one-record'],
  ['runtime.go-on-late'],
  ['applier.one-record', 'runtime.go-on-late', 'chain.evict-ready'],
]

for (const buggify of SITES) {
  t.test(
    `a large commit is applied in parts, and each write is answered in order, once it can be read: ${buggify.join(', ') || 'as usual'}`,
    t => {
      const world = new World({ seed: SEED, buggify })
      settle(world, ['a'])
      const core = coreOf(world, 'a')
      const stepsBefore = core.chain.revision
      const answered: string[] = []
      const unread: string[] = []
      let mostPending = 0
      for (let i = 0; i < COUNT; i++) {
        world.askSoon('a', 'memory.remember', { text: `memory ${i}` }, (error, receipt) => {
          if (error !== undefined || receipt === undefined) throw error
          answered.push(`memory ${i}`)
          mostPending = Math.max(mostPending, core.pending)
          if (core.memory('main').fold.node(receipt.id) === undefined) unread.push(receipt.id)
        })
      }
      world.until('all to be answered', () => answered.length === COUNT)
      t.strictSame(
        answered,
        Array.from({ length: COUNT }, (_, i) => `memory ${i}`),
      )
      t.strictSame(unread, [], 'who wrote can read what it wrote')
      t.ok(core.chain.revision - stepsBefore < COUNT / 10, 'they were few commits')
      t.ok(mostPending > 0, 'the first were answered while others waited to be applied')
      t.equal(textsOf(world, 'a').length, COUNT)
      t.end()
    },
  )
}

t.test('what was durable and not applied yet when a node crashed is applied when it starts', t => {
  const world = new World({ seed: SEED, buggify: ['applier.one-record', 'runtime.go-on-late'] })
  settle(world, ['a'])
  const core = coreOf(world, 'a')
  for (let i = 0; i < COUNT; i++) world.askSoon('a', 'memory.remember', { text: `memory ${i}` }, () => {})
  world.until('something to be durable and not applied', () => core.pending > COUNT / 2)
  const durable = core.chain.ownLog(memoryStream('main'))?.durable ?? 0
  world.crash('a')
  world.start('a')
  world.until('all that was durable to be applied', () => coreOf(world, 'a').isFolded && coreOf(world, 'a').pending === 0)
  // The first record of a log is its genesis.
  t.equal(textsOf(world, 'a').length, durable - 1)
  t.ok(durable > COUNT / 2)
  t.end()
})
