import t from 'tap'
import { toHex, utf8 } from '../../base/bytes.ts'
import { encode } from '../../base/codec.ts'
import { hash } from '../../base/crypto/hash.ts'
import { formatFrontier } from '../../base/frontier.ts'
import { type CausalId, causalIdOf, digestOf, type LogId } from '../../base/ids.ts'
import { DANGLING_MAX, LIST_MAX, RETRACT_DEPTH_MAX, SUPERSEDE_TARGETS_MAX } from '../../base/limits.ts'
import { KIND } from '../../base/kinds.ts'
import type { FoldRecord } from '../../ecc/folding.ts'
import { MemoryFold } from '../../ecc/memory-fold.ts'
import { contentHash } from '../../ecc/own-memories.ts'
import type { Cut } from '../../ecc/record-table.ts'
import { encodeRemember } from '../../ecc/records.ts'
import { encodeVector } from '../../ecc/vector-record.ts'
import { type Author, World } from './world.ts'

/** Two authors who have met, and a fold of what either writes. */
function pair(): { readonly world: World; readonly ann: Author; readonly bob: Author } {
  const world = new World(2)
  world.meet()
  return { world, ann: world.author(0), bob: world.author(1) }
}

const states = (author: Author, ...ids: readonly CausalId[]): (string | undefined)[] => ids.map(id => author.fold.node(id)?.state)
const ghost = (n: number): CausalId => causalIdOf(new Uint8Array(32).fill(n))

t.test('records', t => {
  t.test('a memory is there with all that was said but its text', async t => {
    const { ann } = pair()
    const id = ann.remember('The pool is exhausted', {
      key: 'pool',
      validFrom: '2026-01-31T12:00:00.000Z',
      validTo: '1969-12-31T23:59:59.000Z'.replace('1969', '2027'),
    })
    t.strictSame(ann.fold.node(id), {
      id,
      ref: { log: ann.log, seq: 1 },
      author: ann.node,
      hlc: ann.records[1]?.hlc,
      key: 'pool',
      validFromMs: Date.parse('2026-01-31T12:00:00.000Z'),
      validToMs: Date.parse('2027-12-31T23:59:59.000Z'),
      state: 'current',
      supersededBy: [],
      supersedes: [],
    })
    t.strictSame(ann.fold.refOf(id), { log: ann.log, seq: 1 })
    t.equal(ann.fold.node(ghost(1)), undefined)
    t.equal(ann.fold.refOf(ghost(1)), undefined)
    t.equal(ann.fold.node(ann.records[0]?.id as CausalId), undefined, 'a genesis is no memory')
  })

  t.test('a record applied again changes nothing; one out of turn is a bug', async t => {
    const { ann, bob } = pair()
    ann.remember('a')
    bob.hear(ann)
    bob.remember('b')
    const [genesis, a] = ann.records as [FoldRecord, FoldRecord]
    const b = bob.records[1] as FoldRecord
    const fold = new MemoryFold(ann.node)
    t.throws(() => fold.apply(a), { name: 'AssertionError', message: /expected record 0, got 1/ })
    t.equal(fold.apply(genesis), 'unknown')
    t.equal(fold.apply(bob.records[0] as FoldRecord), 'unknown')
    t.equal(fold.apply(a), 'folded')
    t.equal(fold.apply(a), 'folded')
    t.throws(() => fold.apply({ ...a, id: ghost(1) }), { name: 'AssertionError', message: /is the one applied before/ })
    t.throws(() => fold.apply({ ...b, parents: [{ log: ann.log, seq: 2 }] }), { name: 'AssertionError', message: /after its parents/ })
    t.equal(fold.apply(b), 'folded')
    t.match(fold.stats, { nodes: 2, edges: 0, dangling: 0, dropped: 0, voids: 0 })
  })

  t.test('each kind is folded, void or unknown; what counts for nothing is listed', async t => {
    const { ann, bob } = pair()
    const id = bob.remember('b')
    ann.hear(bob)
    const kinds: readonly (readonly [kind: number, body: Uint8Array | null, outcome: string])[] = [
      [KIND['memory.remember'], encodeRemember({ text: 'a' }), 'folded'],
      [KIND['memory.remember'], Uint8Array.of(1), 'void'],
      [KIND['memory.remember'], null, 'folded'],
      [KIND['memory.link'], Uint8Array.of(1), 'void'],
      [KIND['memory.supersede'], Uint8Array.of(1), 'void'],
      [KIND['memory.retract'], encode([digestOf(id), 0]), 'folded'],
      [KIND['memory.retract'], Uint8Array.of(1), 'void'],
      [KIND['log.rebase'], Uint8Array.of(1), 'void'],
      [KIND['memory.join'], encode([]), 'unknown'],
      [KIND['memory.vector'], encodeVector(id, { embedder: 'm', vector: [1, 2] }), 'folded'],
      [KIND['memory.vector'], encode([]), 'void'],
      [12345, encode([]), 'unknown'],
    ]
    for (const [i, [kind, body, outcome]] of kinds.entries()) {
      const record: FoldRecord = {
        log: ann.log,
        seq: i + 1,
        id: ghost(i + 1),
        author: ann.node,
        hlc: { ms: i, counter: 0 },
        kind,
        parents: [],
        body,
      }
      t.equal(ann.fold.apply(record), outcome, `${kind} ${body === null}`)
    }
    const code = (seq: number): string | undefined => ann.fold.voids.find(row => row.ref.seq === seq)?.code
    t.strictSame(
      ann.fold.voids.map(row => row.ref.seq),
      [2, 4, 5, 6, 7, 8, 11],
    )
    t.strictSame([code(2), code(6)], ['bad_record', 'not_author'])
    t.equal(ann.fold.stats.voids, 7)
    t.equal(ann.fold.node(id)?.state, 'current')
  })

  t.test('a retract of what is not here yet is judged when it arrives', async t => {
    const { ann, bob } = pair()
    const id = bob.remember('b')
    ann.retract(id)
    t.strictSame([ann.fold.voids.length, ann.fold.stats], [0, { nodes: 0, edges: 0, dangling: 1, dropped: 0, voids: 0 }])
    ann.hear(bob)
    t.match(ann.fold.voids, [{ code: 'not_author' }])
    t.strictSame(ann.fold.stats, { nodes: 1, edges: 0, dangling: 0, dropped: 0, voids: 1 })
  })

  t.test('the frontier names every log with its head, and stands for a cut', async t => {
    const { ann, bob } = pair()
    const before = ann.fold.cut
    const id = ann.remember('a')
    bob.hear(ann)
    t.equal(formatFrontier(ann.fold.frontier()), formatFrontier(bob.fold.frontier()))
    t.strictSame(
      ann.fold.frontier().find(entry => entry.log === ann.log),
      { log: ann.log, size: 2, head: digestOf(id) },
    )
    t.strictSame(ann.fold.frontier(before).find(entry => entry.log === ann.log)?.size, 1)
    const ahead: Cut = new Map([[ann.log, 3]])
    for (const query of [
      () => ann.fold.frontier(ahead),
      () => ann.fold.recall('a', { k: 1, at: ahead }),
      () => ann.fold.conflicts(ahead),
      () => ann.fold.node(id, ahead),
    ]) {
      t.throws(query, { name: 'WeftError', code: 'frontier_ahead', message: /3 records asked for, 2 applied/ })
    }
    t.equal(ann.fold.sizeOf('0'.repeat(64) as LogId), 0)
  })

  t.test('ids are found by what they begin with', async t => {
    const { ann } = pair()
    const ids = Array.from({ length: 40 }, (_, i) => ann.remember(`memory ${i}`))
    const id = ids[7] as CausalId
    t.strictSame(ann.fold.idsWithPrefix(id, 5), [id])
    t.strictSame(ann.fold.idsWithPrefix(id.slice(0, 11), 5), [id])
    t.strictSame(ann.fold.idsWithPrefix('', 100).length, 42)
    const some = ann.fold.idsWithPrefix(id.slice(0, 1), 100)
    t.strictSame(
      some,
      [...ann.fold.idsWithPrefix('', 100)].filter(each => each.startsWith(id.slice(0, 1))),
    )
    t.strictSame(ann.fold.idsWithPrefix(id.slice(0, 1), 1), some.slice(0, 1))
    for (const none of [id.toUpperCase(), `${id}0`, 'xyz']) t.strictSame(ann.fold.idsWithPrefix(none, 5), [])
  })
  t.end()
})

t.test('what holds', t => {
  t.test('a memory is superseded by another, and its successor by the next', async t => {
    const { ann } = pair()
    const [x, y, z] = [ann.remember('x'), ann.remember('y'), ann.remember('z')] as const
    const first = ann.supersede([x], y)
    t.strictSame(states(ann, x, y, z), ['superseded', 'current', 'current'])
    const second = ann.supersede([y], z)
    t.strictSame(states(ann, x, y, z), ['superseded', 'superseded', 'current'])
    t.match(ann.fold.node(y), { supersededBy: [{ id: z, record: second }], supersedes: [{ id: x, record: first }] })
    t.strictSame(ann.fold.conflicts(), [])
    ann.retract(second)
    t.strictSame(states(ann, x, y, z), ['superseded', 'current', 'current'], 'a retracted supersede does not count')
  })

  t.test('a later change of mind works, in either direction and again', async t => {
    const { world, ann, bob } = pair()
    const [x, y] = [ann.remember('x'), ann.remember('y')] as const
    ann.supersede([x], y)
    world.meet()
    bob.supersede([y], x)
    world.meet()
    t.strictSame(states(ann, x, y), ['current', 'superseded'])
    ann.supersede([x], y)
    world.meet()
    t.strictSame(states(bob, x, y), ['superseded', 'current'])
    t.strictSame(bob.fold.conflicts(), [])
  })

  t.test('concurrent successors both hold, are a conflict, and a later supersede settles it', async t => {
    const { world, ann, bob } = pair()
    const x = ann.remember('x')
    world.meet()
    const y = ann.remember('y')
    ann.supersede([x], y)
    const z = bob.remember('z')
    bob.supersede([x], z)
    world.meet()
    t.strictSame(states(ann, x, y, z), ['superseded', 'current', 'current'])
    t.strictSame(ann.fold.conflicts(), [{ target: x, current: [y, z] }])
    const settled = ann.fold.cut
    bob.supersede([y], z)
    world.meet()
    t.strictSame(ann.fold.conflicts(), [])
    t.strictSame(states(ann, x, y, z), ['superseded', 'superseded', 'current'])
    t.strictSame(ann.fold.conflicts(settled).length, 1, 'as of before it is still there')
  })

  t.test('a conflict is listed for the earliest memory only, with what holds at the ends', async t => {
    const { world, ann, bob } = pair()
    const x = ann.remember('x')
    world.meet()
    const [y, z] = [ann.remember('y'), bob.remember('z')] as const
    ann.supersede([x], y)
    bob.supersede([x], z)
    const [y1, y2] = [ann.remember('y1'), bob.remember('y2')] as const
    world.meet()
    ann.supersede([y], y1)
    bob.supersede([y], y2)
    world.meet()
    t.strictSame(
      ann.fold.conflicts().map(conflict => [conflict.target, [...conflict.current].sort()]),
      [[x, [z, y1, y2].sort()]],
    )
  })

  t.test('two supersedes that contradict each other block each other', async t => {
    const { world, ann, bob } = pair()
    const [x, y] = [ann.remember('x'), ann.remember('y')] as const
    world.meet()
    ann.supersede([x], y)
    bob.supersede([y], x)
    world.meet()
    t.strictSame(states(ann, x, y), ['current', 'current'])
    t.strictSame(ann.fold.conflicts(), [{ target: x < y ? x : y, current: [x, y] }])
    ann.supersede([x], y)
    t.strictSame(states(ann, x, y), ['superseded', 'current'])
    t.strictSame(ann.fold.conflicts(), [])
  })

  t.test('several memories replaced at once by different ones are one conflict', async t => {
    const { world, ann, bob } = pair()
    const [x1, x2] = [ann.remember('x1'), ann.remember('x2')] as const
    world.meet()
    const [y, z] = [ann.remember('y'), bob.remember('z')] as const
    ann.supersede([x1, x2], y)
    bob.supersede([x1, x2], z)
    world.meet()
    t.strictSame(
      ann.fold.conflicts().map(conflict => [conflict.target, [...conflict.current].sort()]),
      [[x1, [y, z].sort()]],
    )
  })

  t.test('a memory chosen over another at the same time is a conflict, until whoever chose it knows better', async t => {
    const { world, ann, bob } = pair()
    const [x, y, w, v] = ['x', 'y', 'w', 'v'].map(text => ann.remember(text)) as [CausalId, CausalId, CausalId, CausalId]
    world.meet()
    ann.supersede([x], y)
    bob.supersede([w], x)
    world.meet()
    t.strictSame(states(ann, x, y, w), ['current', 'current', 'superseded'])
    t.strictSame(ann.fold.conflicts(), [{ target: x < y ? x : y, current: [x, y] }])
    bob.supersede([v], x)
    world.meet()
    t.strictSame(states(ann, x, y), ['current', 'current'])
    t.strictSame(ann.fold.conflicts(), [], 'x was chosen again by someone who knew of y')
  })

  t.test('one author giving a memory two successors, knowing of both, is no conflict', async t => {
    const { ann } = pair()
    const [x, y, z] = [ann.remember('x'), ann.remember('y'), ann.remember('z')] as const
    ann.supersede([x], y)
    ann.supersede([x], z)
    t.strictSame(states(ann, x, y, z), ['superseded', 'current', 'current'])
    t.strictSame(ann.fold.conflicts(), [])
  })

  t.test('a supersede by what has not arrived counts, and completes on arrival', async t => {
    const { ann, bob } = pair()
    const x = ann.remember('x')
    const y = bob.remember('y')
    const says = ann.supersede([x, ghost(1)], y)
    t.match(ann.fold.node(x), { state: 'superseded', supersededBy: [] })
    t.equal(ann.fold.stats.dangling, 2)
    ann.hear(bob)
    t.match(ann.fold.node(x), { state: 'superseded', supersededBy: [{ id: y, record: says }] })
    t.equal(ann.fold.stats.dangling, 1)
  })

  t.test('a key is one memory of its author', async t => {
    const { world, ann, bob } = pair()
    const [a, b, c] = [ann.remember('1', { key: 'k' }), ann.remember('2', { key: 'k' }), ann.remember('3', { key: 'k' })] as const
    const other = bob.remember('mine', { key: 'k' })
    world.meet()
    t.strictSame(states(ann, a, b, c, other), ['superseded', 'superseded', 'current', 'current'])
    t.match(ann.fold.node(b), { supersedes: [{ id: a, record: b }], supersededBy: [{ id: c, record: c }] })
    t.equal(ann.fold.findByKey(ann.node, 'k'), c)
    t.equal(ann.fold.findByKey(bob.node, 'k'), other)
    t.equal(ann.fold.findByKey(ann.node, 'j'), undefined)
    ann.retract(b)
    t.strictSame(states(ann, a, c), ['superseded', 'current'], 'what was retracted in between revives nothing')
    ann.retract(c)
    t.strictSame(states(ann, a), ['current'])
    t.equal(ann.fold.findByKey(ann.node, 'k'), a)
    const again = ann.remember('4', { key: 'k' })
    t.strictSame(states(ann, a, again), ['superseded', 'current'])
  })

  t.test('an older memory of a key that was chosen again gives way to the next one written with it', async t => {
    const { ann } = pair()
    const [a, b] = [ann.remember('1', { key: 'k' }), ann.remember('2', { key: 'k' })] as const
    ann.supersede([b], a)
    t.strictSame(states(ann, a, b), ['current', 'superseded'])
    t.equal(ann.fold.findByKey(ann.node, 'k'), undefined, 'the newest is not current')
    const c = ann.remember('3', { key: 'k' })
    t.strictSame(states(ann, a, b, c), ['superseded', 'superseded', 'current'])
    t.strictSame([...(ann.fold.node(c)?.supersedes ?? [])].map(each => each.id).sort(), [a, b].sort())
  })

  t.test('a retract takes back, a retract of it gives back, an erasure stays', async t => {
    const { ann } = pair()
    const x = ann.remember('secret', { key: 'secret/place' })
    const first = ann.retract(x)
    t.strictSame([states(ann, x), ann.fold.recall('secret', { k: 5 }).hits.length], [['retracted'], 0])
    ann.retract(first)
    t.strictSame([states(ann, x), ann.fold.recall('secret', { k: 5 }).hits.length], [['current'], 1])
    const eraser = ann.retract(x, true)
    t.equal(ann.fold.node(x), undefined)
    t.strictSame(ann.fold.erased(), [{ ref: { log: ann.log, seq: 1 }, by: { log: ann.log, seq: 4 } }])
    t.equal(ann.fold.eraserOf(x), eraser)
    t.strictSame(ann.fold.erased(1), [])
    ann.retract(eraser)
    t.equal(ann.fold.node(x), undefined)
    t.equal(ann.fold.findByKey(ann.node, 'secret/place'), undefined)
    t.notMatch(Buffer.from(ann.fold.snapshot()).toString('latin1'), /secret/, 'a snapshot holds none of its words')
    t.strictSame(ann.fold.recall('secret', { k: 5 }).hits, [])
  })

  t.test('a snapshot holds no hash by which a guess at an erased text or vector could be known as right', async t => {
    const { ann } = pair()
    const input = { embedder: 'external:test:2', vector: [0.25, -1] }
    const guesses = (x: CausalId): Buffer[] =>
      [encodeRemember({ text: 'the password is hunter2' }), encodeVector(x, input)].map(body => Buffer.from(contentHash(body)))
    const x = ann.remember('the password is hunter2')
    const kept = ann.remember('nothing of interest')
    const vector = ann.vector(x, input)
    const has = (): boolean[] => guesses(x).map(digest => Buffer.from(ann.fold.snapshot()).includes(digest))
    t.strictSame(has(), [true, true], 'while it is there, saying it again is known by it')
    ann.retract(vector, true)
    ann.retract(x, true)
    t.strictSame(has(), [false, false])
    t.strictSame(
      MemoryFold.restore(ann.fold.snapshot(), ann.node)?.findDuplicate(
        ann.node,
        contentHash(encodeRemember({ text: 'nothing of interest' })),
      ),
      kept,
    )
  })

  t.test('a retract of a retract goes on as far as anybody needs', async t => {
    const { ann } = pair()
    const x = ann.remember('x')
    let last = x
    for (let depth = 0; depth <= RETRACT_DEPTH_MAX; depth++) {
      last = ann.retract(last)
      t.strictSame(states(ann, x), [depth % 2 === 0 ? 'retracted' : 'current'])
    }
    ann.retract(last)
    t.strictSame(states(ann, x), ['retracted'])
    t.match(ann.fold.voids, [{ code: 'bad_record' }])
  })
  t.end()
})

t.test('links', t => {
  t.test('a link may name what is not here yet, or never will be', async t => {
    const { ann, bob } = pair()
    const x = ann.remember('x')
    const y = bob.remember('y')
    const [now, never] = [ann.link(x, 'causes', y, 0.5), ann.link(ghost(1), 'follows', x)] as const
    const row = { author: ann.node, live: true, dangling: true }
    t.match(ann.fold.linksOf(x, 100).edges, [
      { id: now, type: 'causes', from: x, to: y, weight: 0.5, ...row },
      { id: never, type: 'follows', from: ghost(1), to: x, weight: 1, ...row },
    ])
    ann.hear(bob)
    t.strictSame(
      ann.fold.linksOf(y, 100).edges.map(edge => [edge.id, edge.dangling]),
      [[now, false]],
    )
    t.match(ann.fold.stats, { edges: 2, dangling: 1 })
    ann.retract(now)
    t.strictSame(
      ann.fold.linksOf(y, 100).edges.map(edge => edge.live),
      [false],
    )
    t.equal(ann.fold.stats.edges, 1)
    t.strictSame(ann.fold.linksOf(ghost(2), 100).edges, [])
  })

  t.test('only so many references wait; what comes then is left out whole, and counted', async t => {
    const { ann } = pair()
    const fold = new MemoryFold(ann.node)
    const each = SUPERSEDE_TARGETS_MAX + 1
    const fitting = Math.floor(DANGLING_MAX / each)
    const supersede = (seq: number): FoldRecord => {
      const names = Array.from({ length: each }, (_, i) => {
        const name = new Uint8Array(32)
        new DataView(name.buffer).setUint32(0, seq * each + i)
        return name
      })
      const body = encode([names.slice(1), names[0] as Uint8Array, ''])
      return {
        log: ann.log,
        seq,
        id: causalIdOf(hash('leaf', body)),
        author: ann.node,
        hlc: { ms: seq, counter: 0 },
        kind: KIND['memory.supersede'],
        parents: [],
        body,
      }
    }
    for (let seq = 0; seq < fitting; seq++) fold.apply(supersede(seq))
    t.match(fold.stats, { dangling: fitting * each, dropped: 0 })
    fold.apply(supersede(fitting))
    t.match(fold.stats, { dangling: fitting * each, dropped: 1 })
  })

  t.test('a rebase gives old ids new records, in what the author wrote before it and after', async t => {
    const { world, ann, bob } = pair()
    const other = ann.remember('other')
    const early = ann.link(other, 'causes', ghost(1))
    const x = ann.remember('x')
    const foreign = bob.link(ghost(1), 'causes', ghost(2))
    world.meet()
    ann.rebase([
      [ghost(1), ghost(3)],
      [ghost(3), x],
      [x, ghost(1)],
      [ghost(1), other],
    ])
    const late = ann.retract(ghost(1))
    t.strictSame(
      ann.fold.linksOf(x, 100).edges.map(edge => [edge.id, edge.to]),
      [[early, x]],
    )
    t.equal(ann.fold.node(x)?.state, 'retracted', `by ${late}`)
    t.equal(ann.fold.node(ghost(1))?.id, x, 'whoever has the old id finds the new record')
    t.strictSame(ann.fold.refOf(ghost(3)), ann.fold.refOf(x))
    t.match(ann.fold.stats, { dangling: 2 }, `nobody else's references move: ${foreign}`)
  })

  t.test('a rebase cannot make a record speak of one that knew of it, nor a memory replace itself', async t => {
    const { ann } = pair()
    const [old, x] = [ann.remember('old'), ann.remember('x')] as const
    ann.supersede([ghost(1)], old)
    ann.supersede([ghost(2)], x)
    ann.retract(ghost(1))
    const y = ann.remember('y')
    ann.rebase([
      [ghost(1), y],
      [ghost(2), x],
    ])
    t.strictSame(states(ann, old, x, y), ['current', 'current', 'current'])
    t.strictSame(ann.fold.voids, [])
  })
  t.end()
})

t.test('what an author asks before writing', t => {
  t.test('the same content is found while it is current, and only his own', async t => {
    const { world, ann, bob } = pair()
    const content = { text: 'x', meta: { a: '1' }, key: 'k' }
    const digest = contentHash(encodeRemember(content))
    const id = ann.remember('x', { meta: { a: '1' }, key: 'k' })
    bob.remember('y')
    world.meet()
    t.equal(ann.fold.findDuplicate(ann.node, digest), id)
    t.equal(bob.fold.findDuplicate(ann.node, digest), undefined)
    t.equal(ann.fold.findDuplicate(ann.node, contentHash(encodeRemember({ ...content, source: 's' }))), undefined)
    const retract = ann.retract(id)
    t.equal(ann.fold.findDuplicate(ann.node, digest), undefined)
    const again = ann.remember('x', { meta: { a: '1' }, key: 'k' })
    t.equal(ann.fold.findDuplicate(ann.node, digest), again)
    ann.retract(again)
    ann.retract(retract)
    t.equal(ann.fold.findDuplicate(ann.node, digest), id, 'an older one that holds again is found too')
    const restored = MemoryFold.restore(ann.fold.snapshot(), ann.node)
    t.equal(restored?.findDuplicate(ann.node, digest), id)
  })

  t.test('the same link is found while it is live, whether its ends are here or not', async t => {
    const { world, ann, bob } = pair()
    const [x, y] = [ann.remember('x'), ann.remember('y')] as const
    world.meet()
    for (const [from, to] of [
      [x, y],
      [x, x],
      [x, ghost(1)],
      [ghost(1), x],
      [ghost(1), ghost(2)],
    ] as const) {
      const link = { from, to, type: 'causes', weight: 0.5 } as const
      t.equal(ann.fold.findLink(ann.node, link), undefined)
      const id = ann.link(from, 'causes', to, 0.5)
      t.equal(ann.fold.findLink(ann.node, link), id)
      for (const other of [
        { ...link, weight: 0.4 },
        { ...link, type: 'follows' as const },
        { ...link, from: y, to: ghost(3) },
      ])
        t.equal(ann.fold.findLink(ann.node, other), undefined)
      t.equal(ann.fold.findLink(bob.node, link), undefined)
      ann.retract(id)
      t.equal(ann.fold.findLink(ann.node, link), undefined)
    }
    t.throws(() => ann.fold.findLink(ann.node, { from: x, to: y, type: 'causes', weight: 2 }), { code: 'edge_invalid' })
  })
  t.end()
})

t.test('a list', t => {
  t.test('is oldest first, of what was not retracted, and goes on where it ended', async t => {
    const { world, ann, bob } = pair()
    const ids = Array.from({ length: 10 }, (_, i) => {
      world.meet()
      return (i % 2 === 0 ? ann : bob).remember(`memory ${i}`)
    })
    ann.retract(ids[4] as CausalId)
    ann.supersede([ids[0] as CausalId], ids[2] as CausalId)
    world.meet()
    const wanted = ids.filter((_, i) => i !== 4)
    const first = ann.fold.list({ limit: 4 })
    t.strictSame(
      first.nodes.map(node => node.id),
      wanted.slice(0, 4),
    )
    t.equal(first.nodes[0]?.state, 'superseded')
    t.equal(first.more, true)
    const late = bob.remember('late')
    world.meet()
    const rest = ann.fold.list({ limit: 100, after: first.next })
    t.strictSame(
      rest.nodes.map(node => node.id),
      [...wanted.slice(4), late],
    )
    t.equal(rest.more, false)
    t.strictSame(rest.next, ann.fold.cut, 'at its end it is the applied cut')
    t.strictSame(ann.fold.list({ limit: 5, after: rest.next }).nodes, [])
    t.doesNotThrow(() => formatFrontier(ann.fold.frontier(first.next)))
    for (const limit of [0, 1.5, LIST_MAX + 1]) t.throws(() => ann.fold.list({ limit }), { code: 'invalid_argument' })
  })
  t.end()
})

t.test('a snapshot', t => {
  t.test('that is damaged anywhere, cut short, or of another node is not restored', async t => {
    const { ann, bob } = pair()
    ann.remember('x', { key: 'k' })
    ann.link(ghost(1), 'causes', ghost(2))
    const bytes = ann.fold.snapshot()
    t.ok(MemoryFold.restore(bytes, ann.node))
    t.equal(MemoryFold.restore(bytes, bob.node), undefined)
    for (let at = 0; at < bytes.length; at += 7) {
      const damaged = bytes.slice()
      damaged[at] = (damaged[at] as number) ^ 1
      if (MemoryFold.restore(damaged, ann.node) !== undefined) t.fail(`byte ${at}`)
    }
    for (const length of [0, 10, 31, 32, 33, bytes.length - 1])
      t.equal(MemoryFold.restore(bytes.subarray(0, length), ann.node), undefined, `${length} bytes`)
    t.equal(MemoryFold.restore(utf8('not a snapshot'), ann.node), undefined)
  })

  t.test('may lie anywhere in memory', async t => {
    const { ann } = pair()
    ann.remember('x')
    const bytes = ann.fold.snapshot()
    const shifted = Buffer.alloc(bytes.length + 3)
    shifted.set(bytes, 3)
    t.equal(toHex(MemoryFold.restore(shifted.subarray(3), ann.node)?.canonical() ?? utf8('')), toHex(ann.fold.canonical()))
  })
  t.end()
})
