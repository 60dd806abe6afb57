import t from 'tap'
import { communitiesOf, modularityOf } from '../../../ecc/cognition/communities.ts'
import { finish } from '../../../ecc/cognition/work.ts'
import { net, plantedNet, starOf } from './graphs.ts'

/**
 * Zachary's karate club (W. Zachary, An information flow model for conflict and fission in small groups, Journal
 * of Anthropological Research 33, 1977): 34 members, 78 friendships, unweighted.
 */
const KARATE =
  '2-1 3-1 3-2 4-1 4-2 4-3 5-1 6-1 7-1 7-5 7-6 8-1 8-2 8-3 8-4 9-1 9-3 10-3 11-1 11-5 11-6 12-1 13-1 13-4 14-1 14-2 14-3 14-4 17-6 17-7 18-1 18-2 20-1 20-2 22-1 22-2 26-24 26-25 28-3 28-24 28-25 29-3 30-24 30-27 31-2 31-9 32-1 32-25 32-26 32-29 33-3 33-9 33-15 33-16 33-19 33-21 33-23 33-24 33-30 33-31 33-32 34-9 34-10 34-14 34-15 34-16 34-19 34-20 34-21 34-23 34-24 34-27 34-28 34-29 34-30 34-31 34-32 34-33'
/** Who went with the instructor when the club broke up. */
const INSTRUCTOR = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 17, 18, 20, 22]

const karate = net(
  34,
  KARATE.split(' ').map(edge => edge.split('-').map(node => Number(node) - 1) as [number, number]),
)

t.test("Zachary's karate club: modularity as published, and groups that stayed together", t => {
  t.equal(karate.neighbours.length, 2 * 78)
  const sides = Uint32Array.from({ length: 34 }, (_, v) => (INSTRUCTOR.includes(v + 1) ? 0 : 1))
  t.ok(Math.abs(finish(modularityOf(karate, sides)) - 0.358) < 0.001, 'of the two sides into which it broke up: 0.358')
  const found = finish(communitiesOf(karate))
  t.comment(`${found.sizes.length} communities, modularity ${found.modularity.toFixed(4)}; 0.4198 is the best there is`)
  t.ok(found.modularity > 0.41 && found.modularity < 0.42)
  let parted = 0
  for (let community = 0; community < found.sizes.length; community++) {
    const members = [...found.of.keys()].filter(v => found.of[v] === community)
    const left = members.filter(v => sides[v] === 0).length
    parted += Math.min(left, members.length - left)
  }
  t.ok(parted <= 2, `${parted} of 34 are in a community that mostly went the other way`)
  t.end()
})

t.test('groups that were planted are found: at most one member in a hundred goes elsewhere', t => {
  for (let seed = 0; seed < 20; seed++) {
    const graph = plantedNet(8, 25, 4, 2, seed)
    const found = finish(communitiesOf(graph))
    const homes = Array.from({ length: 8 }, (_, group) => modeOf(found.of.slice(group * 25, group * 25 + 25)))
    t.equal(new Set(homes).size, 8, `seed ${seed}: eight of them`)
    const strays = [...found.of.keys()].filter(v => found.of[v] !== homes[Math.floor(v / 25)]).length
    t.ok(strays <= 2, `seed ${seed}: ${strays} strays`)
    t.ok(found.modularity > 0.6)
    t.ok(
      found.modularity >=
        finish(
          modularityOf(
            graph,
            Uint32Array.from({ length: 200 }, (_, v) => Math.floor(v / 25)),
          ),
        ) -
          1e-12,
    )
  }
  t.end()
})

function modeOf(values: Uint32Array): number {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].reduce((best, row) => (row[1] > best[1] ? row : best))[0]
}

t.test('what has no links is alone, and a star is one', t => {
  t.same(finish(communitiesOf(net(3, []))), { of: Uint32Array.of(0, 1, 2), sizes: [1, 1, 1], modularity: 0 })
  t.same(finish(communitiesOf(net(0, []))).sizes, [])
  t.same(finish(communitiesOf(starOf(12))).sizes, [12])
  t.end()
})
