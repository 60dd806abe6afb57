import { deepStrictEqual } from 'node:assert/strict'
import t from 'tap'
import { toHex } from '../../base/bytes.ts'
import { type CausalId, causalIdOf } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import { EMBEDDERS_PER_AUTHOR_MAX } from '../../base/limits.ts'
import { MemoryFold } from '../../ecc/memory-fold.ts'
import { contentHash } from '../../ecc/own-memories.ts'
import { encodeVector } from '../../ecc/vector-record.ts'
import fc from '../properties.ts'
import { type Author, foldOf, found, World } from './world.ts'

const M = 'external:m:2'

function pair(): { readonly world: World; readonly ann: Author; readonly bob: Author } {
  const world = new World(2)
  world.meet()
  return { world, ann: world.author(0), bob: world.author(1) }
}

t.test('a memory is found by the newest vector of each author and embedder', async t => {
  const { world, ann, bob } = pair()
  const id = ann.remember('The pool is exhausted')
  const first = ann.vector(id, { embedder: M, vector: [1, 0] })
  t.same(found(ann.fold), [first])
  const second = ann.vector(id, { embedder: M, vector: [0, 1] })
  const other = ann.vector(id, { embedder: 'other', vector: [0, 1] })
  const longer = ann.vector(id, { embedder: 'other', vector: [0, 1, 2] })
  world.meet()
  const his = bob.vector(id, { embedder: M, vector: [1, 1] })
  t.same(found(bob.fold), [second, other, longer, his].sort())
  t.same(found(bob.fold, ann.fold.cut), [second, other, longer].sort(), 'as of a cut')
  t.same(found(bob.fold, new Map([[ann.log, 3]])), [first], 'as of one before it was replaced')
  t.same(
    bob.fold.vectors.ofNode(id).map(({ embedder, dims }) => [embedder, dims]),
    [
      [M, 2],
      ['other', 2],
      ['other', 3],
    ],
  )
  ann.retract(second)
  t.same(found(ann.fold), [first, other, longer].sort(), 'the one before is the newest again')
  ann.retract(first)
  t.same(found(ann.fold), [other, longer].sort())
})

t.test('what was taken back is not found, by any vector of anybody, until that is taken back', async t => {
  const { world, ann, bob } = pair()
  const id = ann.remember('a')
  const hers = ann.vector(id, { embedder: M, vector: [1, 0] })
  world.meet()
  const his = bob.vector(id, { embedder: M, vector: [1, 0] })
  ann.hear(bob)
  const retract = ann.retract(id)
  t.same(found(ann.fold), [])
  t.same(
    ann.fold.vectors.ofIndex(0).map(({ standing }) => standing),
    ['past', 'past'],
  )
  t.same(ann.fold.vectors.ofNode(id), [])
  ann.retract(retract)
  t.same(found(ann.fold), [hers, his].sort())
  ann.retract(id, true)
  t.same(found(ann.fold), [])
  t.same(ann.fold.vectors.ofIndex(0), [], 'of what was erased there are none')
})

t.test('a vector that comes before its memory waits for it', async t => {
  const { ann, bob } = pair()
  const id = ann.remember('a')
  const early = bob.vector(id, { embedder: M, vector: [1, 0] })
  t.equal(bob.fold.stats.dangling, 1)
  t.same(found(bob.fold), [])
  t.same(
    bob.fold.vectors.takeTouched().map(({ standing }) => standing),
    ['gone'],
  )
  bob.hear(ann)
  t.same(found(bob.fold), [early])
  t.same(
    bob.fold.vectors.takeTouched().map(({ standing }) => standing),
    ['counts'],
  )
  t.same(bob.fold.vectors.takeTouched(), [])
})

t.test('a vector of what is no memory is of no use', async t => {
  const { ann } = pair()
  const a = ann.remember('a')
  const link = ann.link(a, 'causes', ann.remember('b'))
  ann.vector(link, { embedder: M, vector: [1, 0] })
  t.same(found(ann.fold), [])
  t.equal(ann.fold.stats.dangling, 0)
})

t.test('of many vectors of one memory it is told as of few which count', async () => {
  const step = fc.tuple(fc.constantFrom('give', 'give', 'retract', 'erase', 'memory', 'meet', 'take'), fc.nat(1), fc.nat(1), fc.nat(60))
  fc.assert(
    fc.property(fc.integer({ min: 10, max: 30 }), fc.array(step, { maxLength: 60 }), (count, steps) => {
      const { world, ann, bob } = pair()
      const authors = [ann, bob] as const
      const id = ann.remember('a')
      world.meet()
      const made: [CausalId[], CausalId[]] = [[], []]
      const told = new Map<string, string>()
      const take = (): void => {
        for (const { label, standing } of bob.fold.vectors.takeTouched()) told.set(toHex(bob.fold.vectors.idOf(label)), standing)
        const all = bob.fold.vectors.spaces.flatMap(({ index }) => bob.fold.vectors.ofIndex(index))
        deepStrictEqual(
          [...told].filter(([, standing]) => standing !== 'gone').sort(),
          all.map(({ label, standing }) => [toHex(bob.fold.vectors.idOf(label)), standing]).sort(),
        )
        deepStrictEqual(
          [...told]
            .filter(([, standing]) => standing === 'counts')
            .map(([name]) => name)
            .sort(),
          found(bob.fold),
        )
      }
      const give = (who: number, embedder: number): void => {
        const by = authors[who] as Author
        made[who as 0].push(by.vector(id, { embedder: `m${embedder}`, vector: [1, made[who as 0].length] }))
      }
      for (let i = 0; i < count; i++) give(i % 2, 0)
      for (const [what, who, embedder, which] of steps) {
        const by = authors[who] as Author
        const mine = made[who as 0]
        if (what === 'give') give(who, embedder)
        else if (what === 'meet') world.meet()
        else if (what === 'take') take()
        else if (what === 'memory') made[0].push(ann.retract(id))
        else mine.push(by.retract(mine[which % mine.length] as CausalId, what === 'erase'))
      }
      take()
      world.meet()
      take()
    }),
    { numRuns: 150 },
  )
})

t.test('a memory with forty thousand vectors costs as much at every write as one with a few', async t => {
  const world = new World(1)
  const ann = world.author(0)
  const id = ann.remember('a')
  const body = (i: number): Uint8Array => encodeVector(id, { embedder: M, vector: [i, 1] })
  const fold = foldOf(world.records, ann.node)
  const first = ann.records.length
  const count = 40_000
  const idOf = (i: number): CausalId => causalIdOf(contentHash(Uint8Array.of(i >> 16, i >> 8, i)))
  const tellings: number[] = []
  for (let i = 0; i < count; i++) {
    const record = { log: ann.log, seq: first + i, id: idOf(i), author: ann.node, hlc: { ms: i, counter: 0 }, parents: [] }
    fold.apply({ ...record, kind: KIND['memory.vector'], body: body(i) })
    tellings.push(fold.vectors.takeTouched().length)
  }
  t.strictSame([...new Set(tellings.slice(100))], [2], 'the new one, and the one before it')
  const restored = MemoryFold.restore(fold.snapshot(), ann.node) as MemoryFold
  for (const one of [fold, restored]) {
    const counting = one.vectors.ofIndex(0).filter(({ standing }) => standing === 'counts')
    t.strictSame(
      counting.map(({ label }) => toHex(one.vectors.idOf(label))),
      [idOf(count - 1)],
    )
  }
})

t.test('erasing a vector leaves the one before it, and nothing of itself', async t => {
  const { ann } = pair()
  const id = ann.remember('a')
  const first = ann.vector(id, { embedder: M, vector: [1, 0] })
  const second = ann.vector(id, { embedder: M, vector: [0, 1] })
  ann.fold.vectors.takeTouched()
  ann.retract(second, true)
  t.same(found(ann.fold), [first])
  const told = ann.fold.vectors.takeTouched().map(({ label, standing }) => [toHex(ann.fold.vectors.idOf(label)), standing])
  t.same(
    told.sort(),
    [
      [first, 'counts'],
      [second, 'gone'],
    ].sort(),
  )
})

t.test('an author names so many embedders, and the first ones count', async t => {
  const { world, ann, bob } = pair()
  const id = ann.remember('a')
  for (let i = 0; i < EMBEDDERS_PER_AUTHOR_MAX + 2; i++) ann.vector(id, { embedder: `m${i}`, vector: [1, i] })
  const alone = foldOf(world.records, bob.node)
  bob.hear(ann)
  bob.vector(id, { embedder: 'm16', vector: [1, 2] })
  for (const fold of [ann.fold, alone]) {
    t.equal(fold.vectors.spaces.length, EMBEDDERS_PER_AUTHOR_MAX)
    t.equal(fold.vectors.dropped, 2)
    t.same(
      fold.voids.map(({ code }) => code),
      ['bad_record', 'bad_record'],
    )
  }
  t.equal(bob.fold.vectors.spaces.length, EMBEDDERS_PER_AUTHOR_MAX + 1, 'another author has as many again')
  const restored = MemoryFold.restore(ann.fold.snapshot(), ann.node) as MemoryFold
  t.equal(restored.vectors.dropped, 2)
  const { records } = ann
  ann.vector(id, { embedder: 'm17', vector: [1, 2] })
  t.equal(restored.apply(records.at(-1) as (typeof records)[number]), 'void', 'also after a restart')
})

t.test('an author knows which of his vectors is the newest', async t => {
  const { ann, bob } = pair()
  const id = ann.remember('a')
  const hash = (vector: readonly number[]): Uint8Array => contentHash(encodeVector(id, { embedder: M, vector }))
  t.equal(ann.fold.findVector(ann.node, hash([1, 0])), undefined)
  const first = ann.vector(id, { embedder: M, vector: [1, 0] })
  t.equal(ann.fold.findVector(ann.node, hash([2, 0])), first, 'the same direction is the same vector')
  ann.vector(id, { embedder: M, vector: [0, 1] })
  t.equal(ann.fold.findVector(ann.node, hash([1, 0])), undefined, 'it was replaced')
  const third = ann.vector(id, { embedder: M, vector: [1, 0] })
  t.equal(ann.fold.findVector(ann.node, hash([1, 0])), third)
  const restored = MemoryFold.restore(ann.fold.snapshot(), ann.node) as MemoryFold
  t.equal(restored.findVector(ann.node, hash([1, 0])), third)
  t.equal(ann.fold.findVector(bob.node, hash([1, 0])), undefined)
})

t.test('a fold of the version before passes over vectors', async t => {
  const { world, ann } = pair()
  const id = ann.remember('a')
  ann.vector(id, { embedder: M, vector: [1, 0] })
  const before = new MemoryFold(ann.node, undefined, 1)
  t.same(
    world.records.map(record => before.apply(record)),
    ['unknown', 'unknown', 'folded', 'unknown'],
  )
  t.same([found(before), before.vectors.spaces, before.stats.voids], [[], [], 0])
})

t.test('thousands of hostile vectors harm nobody and are found by nobody', async t => {
  const { world, ann } = pair()
  const id = ann.remember('a')
  const good = ann.vector(id, { embedder: M, vector: [1, 0] })
  const body = encodeVector(id, { embedder: M, vector: [0.6, 0.8], encoding: 'f32' })
  const ghost = causalIdOf(new Uint8Array(32).fill(9))
  const fold = foldOf(world.records, ann.node)
  let seq = ann.records.length
  let random = 1
  for (let i = 0; i < 10_000; i++) {
    const bytes = body.slice()
    // The last bytes are the numbers; now and then something else is wrong.
    for (let j = 0; j < 1 + (i % 4); j++) {
      random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0
      bytes[bytes.length - 1 - ((random >>> 16) % (i % 5 === 0 ? bytes.length : 8))] = [0xff, 0x7f, 0x80, 0, random >>> 24][i % 5] as number
    }
    const record = { log: ann.log, seq: seq++, id: causalIdOf(contentHash(Uint8Array.of(...bytes, i >> 8, i & 255))), author: ann.node }
    fold.apply({ ...record, hlc: { ms: i, counter: 0 }, kind: KIND['memory.vector'], parents: [], body: bytes })
  }
  t.ok(fold.stats.voids > 8000, `${fold.stats.voids} are void`)
  t.ok(found(fold).length <= 1 + EMBEDDERS_PER_AUTHOR_MAX)
  t.equal(fold.node(id)?.state, 'current')
  t.ok(fold.node(ghost) === undefined && good !== undefined)
})
