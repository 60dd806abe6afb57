import t from 'tap'
import type { CausalId } from '../../../base/ids.ts'
import { spelt, wordsOf } from '../../../ecc/cognition/topics.ts'
import { finish } from '../../../ecc/cognition/work.ts'
import fc from '../../properties.ts'
import { anyWorld } from '../any-world.ts'
import { foldOf, shuffled, World } from '../world.ts'

t.test('what a memory says of itself does not depend on the order of arrival, nor on what comes after the cut', t => {
  fc.assert(
    fc.property(anyWorld({ erase: true, rebase: true }), fc.nat(), (world, seed) => {
      const { node } = world.author(0)
      const fold = foldOf(world.records, node)
      const half = foldOf(world.records.slice(0, world.records.length >> 1), node)
      const at = half.cut
      // An erased body is gone at every cut.
      const isErased = fold.erased().length > 0
      const other = foldOf(shuffled(world.records, seed), node)
      for (const ask of [
        (of: typeof fold, cut?: typeof at) => finish(of.cognition(cut).coherence('normalised')),
        (of: typeof fold, cut?: typeof at) => finish(of.cognition(cut).topics()),
      ]) {
        if (JSON.stringify(ask(fold)) !== JSON.stringify(ask(other))) return false
        if (!isErased && half.cut.size > 0 && JSON.stringify(ask(half)) !== JSON.stringify(ask(fold, at)) && !hasAliases(world))
          return false
      }
      return true
    }),
    { numRuns: 30 },
  )
  t.end()
})

/** A name that was given later counts at every cut. */
function hasAliases(world: World): boolean {
  return world.records.some(record => record.kind === 1)
}

t.test('two subjects that one link holds together come apart there, and are told by their words', t => {
  const world = new World(2)
  const [ada, ben] = [world.author(0), world.author(1)]
  const about = (subject: string): CausalId[] => {
    const ids = Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? ada : ben).remember(`${subject} failures were noticed in run ${i}`))
    world.meet()
    for (let i = 1; i < 8; i++) {
      ada.link(ids[i] as CausalId, 'follows', ids[i - 1] as CausalId)
      ben.link(ids[i] as CausalId, 'causes', ids[(i * 3) % 8] as CausalId)
    }
    world.meet()
    return ids
  }
  const pool = about('pools')
  const billing = about('billing')
  const bridge = ada.link(pool[3] as CausalId, 'correlates', billing[4] as CausalId, 0.5)
  ada.remember('the weather is fine')
  const found = finish(ada.fold.cognition().coherence('normalised'))
  t.match(found, { memories: 17, parts: 1, alone: 1, largest: 16, converged: true })
  t.ok(found.connectivity > 0 && found.connectivity < 0.1, String(found.connectivity))
  t.same(new Set(found.split?.side), new Set(billing), 'the younger of two equal sides')
  t.match(found.split, { size: 8, held: 1 })
  t.same(
    found.split?.edges.map(({ id }) => id),
    [bridge],
  )
  const { topics, count, alone, modularity } = finish(ada.fold.cognition().topics())
  t.same([count, alone], [2, 1])
  t.ok(modularity > 0.3, String(modularity))
  t.same(
    topics.map(({ size }) => size),
    [8, 8],
  )
  t.same(
    topics.map(({ terms }) => terms[0]),
    ['pool', 'bill'],
  )
  t.ok(pool.includes(topics[0]?.central[0]?.id as CausalId))
  t.equal(spelt('bill', ['Billing failures', 'the billing', 'bills']), 'billing')
  t.equal(spelt('nothing', ['Billing']), undefined)
  t.same(wordsOf(['pool', 'bill', 'gone'], ['the billing of pools']), ['pools', 'billing'])
  t.same(wordsOf(['gone'], ['the billing of pools']), ['gone'])
  ada.retract(bridge)
  t.match(finish(ada.fold.cognition().coherence('plain')), { parts: 2, largest: 8 })
  t.end()
})

t.test('nothing is asked of nothing', t => {
  const empty = new World(1).author(0).fold
  t.match(finish(empty.cognition().coherence('plain')), { memories: 0, largest: 0, connectivity: 0, converged: true, split: undefined })
  t.match(finish(empty.cognition().topics()), { count: 0, alone: 0, topics: [] })
  t.end()
})
