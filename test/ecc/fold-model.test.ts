import { deepStrictEqual } from 'node:assert/strict'
import t from 'tap'
import { toHex } from '../../base/bytes.ts'
import type { CausalId } from '../../base/ids.ts'
import fc from '../properties.ts'
import { anyWorld } from './any-world.ts'
import { Model } from './model.ts'
import { foldOf, found, type World } from './world.ts'

const everywhere = (world: World) => foldOf(world.records, world.author(0).node)

t.test('the causal past is the transitive closure of logs and parents', async () => {
  fc.assert(
    fc.property(anyWorld(), world => {
      const fold = everywhere(world)
      const model = new Model(world.records)
      for (const a of world.records) for (const b of world.records) deepStrictEqual(fold.isBefore(a, b), model.isBefore(a.id, b.id))
    }),
    { numRuns: 60 },
  )
})

t.test('parents are the heads of the other logs that nobody else has in his past', async () => {
  fc.assert(
    fc.property(anyWorld(), world => {
      const fold = everywhere(world)
      const model = new Model(world.records)
      const heads = world.authors.map(author => author.records.at(-1)?.id as CausalId)
      for (const author of world.authors) {
        const own = author.records.at(-1)?.id as CausalId
        const unknown = heads.filter(head => head !== own && !model.isBefore(head, own))
        const wanted = unknown.filter(head => !unknown.some(other => model.isBefore(head, other)))
        deepStrictEqual(
          fold
            .parentsFor(author.log)
            .map(parent => parent.id)
            .sort(),
          wanted.sort(),
        )
      }
    }),
    { numRuns: 60 },
  )
})

t.test('what is live and what holds is what the rules say', async () => {
  fc.assert(
    fc.property(anyWorld(), world => {
      const fold = everywhere(world)
      const model = new Model(world.records)
      const memories = model.memories()
      deepStrictEqual(
        fold
          .list({ limit: 500 })
          .nodes.map(node => node.id)
          .sort(),
        [...memories].sort(),
      )
      for (const id of memories) {
        const replaced = model.replacements(id).length > 0
        deepStrictEqual(fold.node(id)?.state, replaced ? 'superseded' : 'current')
      }
      deepStrictEqual(fold.stats.nodes, memories.length)
    }),
    { numRuns: 150 },
  )
})

t.test('a memory is found by the newest live vector of each author and embedder', async () => {
  fc.assert(
    fc.property(anyWorld(), world => {
      const fold = everywhere(world)
      const wanted = new Model(world.records).vectors().sort()
      deepStrictEqual(found(fold), wanted)
      deepStrictEqual(found(fold, fold.cut), wanted)
      const told = fold.vectors.takeTouched().filter(({ standing }) => standing === 'counts')
      deepStrictEqual(told.map(({ label }) => toHex(fold.vectors.idOf(label))).sort(), wanted)
    }),
    { numRuns: 100 },
  )
})
