import { deepStrictEqual } from 'node:assert/strict'
import t from 'tap'
import { toHex } from '../../base/bytes.ts'
import type { LogId } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import type { FoldRecord } from '../../ecc/folding.ts'
import { MemoryFold } from '../../ecc/memory-fold.ts'
import type { RecallOptions } from '../../ecc/recall.ts'
import type { Cut } from '../../ecc/record-table.ts'
import { decodeRetract } from '../../ecc/records.ts'
import type { VectorSpace } from '../../ecc/vectors.ts'
import { SimRandom } from '../../sim/random.ts'
import fc from '../properties.ts'
import { anyWorld } from './any-world.ts'
import { foldOf, found, shuffled, World, withoutErased } from './world.ts'

const QUERIES = ['"pool number"', 'pool timeout', 'checkout retry deploy', 'cahce number 3', 'key queue']

const OPTIONS: readonly Partial<RecallOptions>[] = [
  { meta: { service: ['pool', 'deploy'] }, budgetNodes: 20 },
  { diversity: 0.6, halfLifeMs: 20, expand: { types: { causes: 1, contradicts: -0.2 }, direction: 'out' } },
  { trust: new Map([[new World(3).author(1).node, 0.3]]), budgetNodes: 60 },
]

/** Everything that can be asked of a fold, as of a cut, in a form to compare. */
function answers(fold: MemoryFold, at?: Cut): unknown {
  const ids = [...fold.cut].flatMap(([log, size]) =>
    Array.from({ length: Math.min(size, at?.get(log) ?? (at === undefined ? size : 0)) }, (_, seq) => ({ log, seq })),
  )
  const named = fold
    .idsWithPrefix('', 1000)
    .filter(id => ids.some(ref => ref.log === fold.refOf(id)?.log && ref.seq === fold.refOf(id)?.seq))
  return {
    canonical: Buffer.from(fold.canonical(at)).toString('hex'),
    recall: QUERIES.map((query, i) => [
      fold.recall(query, { k: 5, at }),
      fold.recall(query, { k: 50, at, spread: false, includeSuperseded: true }),
      ...OPTIONS.slice(0, i < 2 ? undefined : 0).map(options => fold.recall(query, { k: 8, at, ...options })),
    ]),
    conflicts: fold.conflicts(at),
    entities: fold.entities({ at, limit: 500, nodesMax: 3 }),
    nodes: named.map(id => [
      fold.node(id, at),
      fold.linksOf(id, 100, at).edges,
      fold.node(id, at)?.state === 'retracted' ? null : fold.node(id, at) && fold.why(id, { at }),
    ]),
    list: fold.list({ limit: 500, at }).nodes,
    timeline: fold.timeline(named, { at, order: 'valid', limit: 500 }),
    vectors: found(fold, at),
  }
}

/** By which embedders memories are found, now. */
function embedders(fold: MemoryFold): unknown {
  const name = (spaces: readonly VectorSpace[]): unknown => spaces.map(({ embedder, dims }) => [embedder, dims])
  return [name(fold.vectors.spaces), fold.idsWithPrefix('', 1000).map(id => name(fold.vectors.ofNode(id)))]
}

/** A cut that some node may have: what has been applied after a while, in some order. */
function cutOf(records: readonly FoldRecord[], seed: number): Cut {
  const cut = new Map<LogId, number>()
  const order = shuffled(records, seed)
  for (const record of order.slice(0, new SimRandom(seed, 'cut').below(order.length + 1)))
    cut.set(record.log, Math.max(cut.get(record.log) ?? 0, record.seq + 1))
  return cut
}

const within =
  (cut: Cut) =>
  (record: FoldRecord): boolean =>
    record.seq < (cut.get(record.log) ?? 0)
/** Of what was erased, whenever that was learnt. */
const placesOf = (fold: MemoryFold) => new Set(fold.erased().map(({ ref }) => `${ref.log}/${ref.seq}`))
const self = (world: World) => world.author(0).node

t.test('every answer is a function of the set of records, whatever the order of arrival and however often', async () => {
  fc.assert(
    fc.property(anyWorld({ erase: true, rebase: true }), fc.nat(), fc.nat(), (world, one, other) => {
      const a = foldOf(shuffled(world.records, one), self(world))
      const b = foldOf(shuffled(world.records, other), self(world))
      deepStrictEqual(answers(a), answers(b))
      deepStrictEqual(embedders(a), embedders(b))
      deepStrictEqual(a.voids, b.voids)
      deepStrictEqual(a.stats, b.stats)
      deepStrictEqual(a.frontier(), b.frontier())
    }),
    { numRuns: 150 },
  )
})

t.test('an answer as of a cut is the answer of a fold of only that cut', async () => {
  fc.assert(
    fc.property(anyWorld({ erase: true }), fc.nat(), (world, seed) => {
      const whole = foldOf(shuffled(world.records, seed), self(world))
      const cut = cutOf(world.records, seed)
      const part = foldOf(withoutErased(world.records, whole).filter(within(cut)), self(world))
      deepStrictEqual(answers(whole, cut), answers(part))
      deepStrictEqual(whole.frontier(cut), part.frontier())
    }),
    { numRuns: 150 },
  )
})

t.test('a fold that read a body before it was erased answers like one that never saw it', async () => {
  fc.assert(
    fc.property(anyWorld({ erase: true }), fc.nat(), (world, seed) => {
      const read = foldOf(shuffled(world.records, seed), self(world))
      const late = foldOf(withoutErased(world.records, read), self(world))
      deepStrictEqual(answers(read), answers(late))
      deepStrictEqual(placesOf(late), placesOf(read))
    }),
    { numRuns: 100 },
  )
})

t.test('how vectors stand is told as they arrive, and is in the end what it is for one that reads them at the end', async () => {
  fc.assert(
    fc.property(anyWorld({ erase: true, rebase: true }), fc.nat(), fc.integer({ min: 1, max: 9 }), (world, seed, step) => {
      const fold = new MemoryFold(self(world))
      const told = new Map<string, string>()
      const take = (): void => {
        for (const { label, standing } of fold.vectors.takeTouched()) told.set(toHex(fold.vectors.idOf(label)), standing)
      }
      for (const [i, record] of shuffled(world.records, seed).entries()) {
        fold.apply(record)
        if (i % step === 0) take()
      }
      take()
      const all = fold.vectors.spaces.flatMap(({ index }) => fold.vectors.ofIndex(index))
      deepStrictEqual(
        [...told].filter(([, standing]) => standing !== 'gone').sort(),
        all.map(({ label, standing }) => [toHex(fold.vectors.idOf(label)), standing]).sort(),
      )
    }),
    { numRuns: 100 },
  )
})

t.test('the cut of a time has what was written by then, less what builds on anything later', async () => {
  fc.assert(
    fc.property(anyWorld({ erase: true }), fc.nat(), fc.nat(), (world, one, other) => {
      const [a, b] = [foldOf(shuffled(world.records, one), self(world)), foldOf(shuffled(world.records, other), self(world))]
      const times = world.records.map(record => record.hlc.ms)
      const ms = (times[one % times.length] as number) - (other % 3 === 0 ? 1 : 0)
      const cut = a.cutAt(ms)
      const expected = new Map<LogId, number>()
      for (const { log, seq, hlc, parents } of world.records)
        if (hlc.ms <= ms && (expected.get(log) ?? 0) === seq && parents.every(parent => parent.seq < (expected.get(parent.log) ?? 0)))
          expected.set(log, seq + 1)
      deepStrictEqual(new Map([...cut].sort()), new Map([...expected].sort()))
      deepStrictEqual(b.frontier(b.cutAt(ms)), a.frontier(cut))
      deepStrictEqual(a.frontier(a.cutAt(Infinity)), a.frontier())
      deepStrictEqual(a.frontier(a.cutAt(-1)), [])
    }),
    { numRuns: 200 },
  )
})

t.test('what was written earlier than what it builds on is not in a cut without that, nor is what follows it', t => {
  const world = new World(2)
  const [ann, bob] = [world.author(0), world.author(1)]
  const first = ann.remember('a record of Ann')
  bob.hear(ann)
  bob.remember('heard of it')
  bob.remember('went on')
  // As a clock that is wrong would have it: such a record counts for nothing, and keeps its place.
  const records = world.records.map(record => (record.id === first ? { ...record, hlc: { ms: 9_000_000_000_000, counter: 0 } } : record))
  const fold = foldOf(records, ann.node)
  const sizes = (ms: number) => [ann, bob].map(({ log }) => fold.cutAt(ms).get(log))
  t.strictSame(sizes(8_000_000_000_000), [1, 1], 'no more than the beginnings of the logs')
  t.strictSame(sizes(9_000_000_000_000), [2, 3])
  t.end()
})

t.test('a hit names its rivals: those that are listed with it in a conflict, and they name it', async () => {
  let disputed = 0
  fc.assert(
    fc.property(anyWorld({ erase: true }), fc.nat(), (world, seed) => {
      const fold = foldOf(shuffled(world.records, seed), self(world))
      const { hits } = fold.recall('pool timeout checkout retry deploy cache index queue number', { k: 100, spread: false })
      const all = new Map(hits.map(hit => [hit.id, hit.rivals?.map(rival => rival.id) ?? []]))
      const shownAs = new Set(hits.flatMap(hit => (hit.copies ?? []).map(copy => copy.id)))
      // Where a hit has more rivals than are shown, one that is not named among them is no fault.
      const namesAll = new Set(hits.flatMap(hit => (hit.rivalsInAll === undefined ? [hit.id] : [])))
      for (const { current } of fold.conflicts()) {
        disputed++
        for (const id of current)
          if (namesAll.has(id))
            deepStrictEqual(
              all.get(id)?.some(rival => current.includes(rival)),
              true,
              'a conflict is seen',
            )
      }
      for (const [id, rivals] of all)
        for (const rival of rivals)
          if (namesAll.has(rival)) deepStrictEqual(all.get(rival)?.includes(id), true, 'of each other')
          else deepStrictEqual(all.has(rival) || shownAs.has(rival), true, 'a rival is found too')
    }),
    { numRuns: 300 },
  )
  deepStrictEqual(disputed > 50, true)
})

t.test('a restored fold goes on as the one that was saved', async () => {
  fc.assert(
    fc.property(anyWorld({ erase: true, rebase: true }), fc.nat(), (world, seed) => {
      const order = shuffled(world.records, seed)
      const half = new SimRandom(seed, 'half').below(order.length + 1)
      const saved = foldOf(order.slice(0, half), self(world))
      const restored = MemoryFold.restore(saved.snapshot(), self(world)) as MemoryFold
      deepStrictEqual(answers(restored), answers(saved))
      deepStrictEqual(embedders(restored), embedders(saved))
      for (const record of order.slice(half)) {
        saved.apply(record)
        restored.apply(record)
      }
      deepStrictEqual(answers(restored), answers(saved))
      deepStrictEqual([restored.stats, restored.voids, restored.erased()], [saved.stats, saved.voids, saved.erased()])
    }),
    { numRuns: 100 },
  )
})

t.test('a difference names what is otherwise at one cut than at another, and nothing else', async () => {
  let changes = 0
  fc.assert(
    fc.property(anyWorld({ erase: true, rebase: true }), fc.nat(), fc.nat(), (world, one, other) => {
      const fold = foldOf(shuffled(world.records, one), self(world))
      const [from, to] = [cutOf(world.records, one), cutOf(world.records, other)]
      const ids = fold.idsWithPrefix('', 1000)
      const states = (at: Cut) => new Map(ids.map(id => [id, fold.node(id, at)?.state]))
      // A link is looked up at an end that is there at both.
      const isSeen = (id: string): boolean =>
        [from, to].every(at => (fold.refOf(id as never)?.seq ?? Infinity) < (at.get(fold.refOf(id as never)?.log as LogId) ?? 0))
      const seen = ids.filter(isSeen)
      const links = (at: Cut) => new Set(seen.flatMap(id => fold.linksOf(id, 100, at).edges.flatMap(edge => (edge.live ? [edge.id] : []))))
      const [before, after] = [states(from), states(to)]
      const [had, has] = [links(from), links(to)]
      const found = fold.difference({ from, to, limit: 500 })
      deepStrictEqual(
        found.nodes.map(({ node, before: was, after: is }) => [node.id, was, is]).sort(),
        ids
          .filter(id => before.get(id) !== after.get(id))
          .map(id => [id, before.get(id), after.get(id)])
          .sort(),
      )
      for (const { node, after: is, by } of found.nodes)
        if (is === 'superseded') deepStrictEqual(by.length > 0 || fold.node(node.id, to)?.supersededBy.length === 0, true)
      deepStrictEqual(
        found.edges
          .filter(({ edge }) => seen.includes(edge.from) || seen.includes(edge.to))
          .map(({ edge, isNew }) => `${edge.id} ${isNew}`)
          .sort(),
        [
          ...[...has].filter(id => !had.has(id)).map(id => `${id} true`),
          ...[...had].filter(id => !has.has(id)).map(id => `${id} false`),
        ].sort(),
      )
      const name = (list: readonly object[]): string[] => list.map(conflict => JSON.stringify(conflict)).sort()
      const [were, are] = [name(fold.conflicts(from)), name(fold.conflicts(to))]
      deepStrictEqual(
        name(found.conflicts.appeared),
        are.filter(conflict => !were.includes(conflict)),
      )
      deepStrictEqual(
        name(found.conflicts.settled),
        were.filter(conflict => !are.includes(conflict)),
      )
      deepStrictEqual(found.truncated, false)
      deepStrictEqual(fold.difference({ from, to: from, limit: 1 }).nodes, [])
      changes += found.nodes.length
    }),
    { numRuns: 200 },
  )
  t.ok(changes > 200, `${changes} changes`)
})

t.test('pages of a list neither miss nor repeat a memory, though records arrive in between', async () => {
  fc.assert(
    fc.property(anyWorld(), fc.nat(), fc.integer({ min: 1, max: 4 }), (world, seed, limit) => {
      const order = shuffled(world.records, seed)
      const fold = new MemoryFold(self(world))
      const listed: string[] = []
      const waiting = [...order]
      let after: Cut = new Map()
      for (let page = { more: true, next: after }; waiting.length > 0 || page.more; after = page.next) {
        for (const record of waiting.splice(0, 7)) fold.apply(record)
        const got = fold.list({ after, limit })
        deepStrictEqual(got.nodes.length <= limit, true)
        listed.push(...got.nodes.map(node => node.id))
        page = got
      }
      deepStrictEqual(new Set(listed).size, listed.length)
      // One that is back was not there when its page was made.
      const retracted = new Set(
        world.records.flatMap(record =>
          record.kind === KIND['memory.retract'] ? toHex(decodeRetract(record.body as Uint8Array)?.target as Uint8Array) : [],
        ),
      )
      const missed = fold
        .list({ limit: 500 })
        .nodes.map(node => node.id)
        .filter(id => !listed.includes(id))
      deepStrictEqual(
        missed.filter(id => !retracted.has(id)),
        [],
      )
    }),
    { numRuns: 50 },
  )
})
