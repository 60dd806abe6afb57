import t from 'tap'
import type { CausalId } from '../../base/ids.ts'
import { type Author, World } from './world.ts'

const EMBEDDER = { embedder: 'openai:m:2', dims: 2 }

function lackingOf(
  author: Author,
  only: Author | null = author,
  from: number = 0,
  count: number = 100,
  scan: number = 100,
): readonly CausalId[] {
  const options = { ...EMBEDDER, from, count, scan, author: only?.node }
  const ids = author.fold.vectors.lacking(options).found.map(({ id }) => id)
  if (author.fold.vectors.countLacking(options) !== ids.length) throw new Error('they are counted otherwise than they are found')
  return ids
}

t.test('what lacks a vector is what is current and has none of that embedder, whoever made it', async t => {
  const world = new World(2)
  world.meet()
  const ann = world.author(0)
  const bob = world.author(1)
  const [plain, given, other, old, gone, byBob] = ['plain', 'given', 'other', 'old', 'gone', 'by bob'].map(text => ann.remember(text)) as [
    CausalId,
    CausalId,
    CausalId,
    CausalId,
    CausalId,
    CausalId,
  ]
  const made = ann.vector(given, { embedder: 'openai:m:2', vector: [1, 2] })
  ann.vector(other, { embedder: 'openai:n:2', vector: [1, 2] })
  ann.vector(other, { embedder: 'openai:m:2', vector: [1, 2, 3] })
  ann.supersede([old], plain)
  ann.retract(gone)
  bob.hear(ann)
  const bobs = bob.remember('of bob')
  bob.vector(byBob, { embedder: 'openai:m:2', vector: [2, 1] })
  ann.hear(bob)
  t.same(lackingOf(ann), [plain, other])
  t.same(lackingOf(ann, null), [plain, other, bobs], 'of all authors')
  t.same(ann.fold.vectors.by(ann.node), [{ id: made, node: given, embedder: 'openai:m:2' }, ...ann.fold.vectors.by(ann.node).slice(1)])
  t.equal(ann.fold.vectors.by(ann.node).length, 3)
  const early = ann.vector(byBob.replace(/^.{8}/, '00000000') as CausalId, { embedder: 'openai:m:2', vector: [1, 1] })
  t.same(ann.fold.vectors.by(ann.node).at(-1), { id: early, node: undefined, embedder: 'openai:m:2' }, 'of a memory that has not arrived')
  ann.retract(early)
  ann.retract(made)
  t.same(lackingOf(ann), [plain, given, other], 'one that was taken back is none')
  t.equal(ann.fold.vectors.by(ann.node).length, 2)
})

t.test('it is looked for in slices that end where the next begins', async t => {
  const world = new World(1)
  const ann = world.author(0)
  const ids = Array.from({ length: 10 }, (_, i) => ann.remember(`memory ${i}`))
  for (const i of [0, 1, 2, 3, 7]) ann.vector(ids[i] as CausalId, { embedder: 'openai:m:2', vector: [1, 2] })
  const slices: (readonly [found: number, next: number, isEnd: boolean])[] = []
  const found: CausalId[] = []
  for (let from = 0, isEnd = false; !isEnd; ) {
    const slice = ann.fold.vectors.lacking({ ...EMBEDDER, from, count: 2, scan: 3, author: ann.node })
    slices.push([slice.found.length, slice.next, slice.isEnd])
    found.push(...slice.found.map(({ id }) => id))
    ;({ next: from, isEnd } = slice)
  }
  t.same(
    found,
    [4, 5, 6, 8, 9].map(i => ids[i]),
  )
  t.same(slices, [
    [0, 3, false],
    [2, 6, false],
    [2, 9, false],
    [1, 10, true],
  ])
  t.same(ann.fold.vectors.lacking({ ...EMBEDDER, from: 10, count: 2, scan: 3 }), { found: [], next: 10, isEnd: true })
})
