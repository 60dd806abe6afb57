import t from 'tap'
import type { CausalId, NodeId } from '../../base/ids.ts'
import { CONTRADICTIONS_SHOWN, DIVERSITY_POOL, FILTER_VALUES_MAX, PHRASES_MAX } from '../../base/limits.ts'
import { bareText, marksIn } from '../../ecc/bare-text.ts'
import type { MetaFilter } from '../../ecc/label-table.ts'
import { MemoryFold } from '../../ecc/memory-fold.ts'
import type { RecallOptions } from '../../ecc/recall.ts'
import type { Expansion } from '../../ecc/spread.ts'
import { type Author, World } from './world.ts'

function author(): Author {
  return new World(1).author(0)
}

const hits = (by: Author, query: string, options: Partial<RecallOptions> = {}) => by.fold.recall(query, { k: 10, ...options }).hits
const ids = (by: Author, query: string, options: Partial<RecallOptions> = {}): CausalId[] => hits(by, query, options).map(hit => hit.id)

t.test('only what has the labels that are asked for is shown', async t => {
  const ann = author()
  const shop = ann.remember('pool one', { meta: { service: 'checkout', language: 'go' }, source: 'wiki/pool.md' })
  const cart = ann.remember('pool two', { meta: { service: 'cart', language: 'go' }, source: 'wiki/cart.md' })
  const rust = ann.remember('pool three', { meta: { service: 'checkout', language: 'rust' }, source: 'https://example.org/pool' })
  const long = ann.remember('pool four', { meta: { log: 'x'.repeat(2000) } })
  const bare = ann.remember('pool five')
  const rows: readonly (readonly [what: string, meta: MetaFilter, source: string | undefined, found: readonly CausalId[]])[] = [
    ['nothing', {}, undefined, [bare, long, rust, cart, shop]],
    ['a value', { service: 'checkout' }, undefined, [rust, shop]],
    ['several labels', { service: 'checkout', language: 'go' }, undefined, [shop]],
    ['any of several values', { language: ['go', 'rust'], service: ['cart', 'nothing'] }, undefined, [cart]],
    ['the same value twice', { language: ['go', 'go'] }, undefined, [cart, shop]],
    ['any value', { service: null }, undefined, [rust, cart, shop]],
    ['a long value', { log: 'x'.repeat(2000) }, undefined, [long]],
    ['another long value', { log: 'x'.repeat(2001) }, undefined, []],
    ['an unknown value', { service: 'search' }, undefined, []],
    ['an unknown name', { owner: null }, undefined, []],
    ['a name of every object', { constructor: null, ['__proto__']: 'x' }, undefined, []],
    ['no name', { '': null }, undefined, []],
    ['the beginning of a source', {}, 'wiki/', [cart, shop]],
    ['a whole source', {}, 'wiki/pool.md', [shop]],
    ['any source', {}, '', [rust, cart, shop]],
    ['a source and a label', { language: 'rust' }, 'https:', [rust]],
  ]
  const fresh = (): Author => ({ ...ann, fold: MemoryFold.restore(ann.fold.snapshot(), ann.node) as MemoryFold }) as Author
  for (const by of [ann, fresh()])
    for (const [what, meta, source, found] of rows) t.strictSame(ids(by, 'pool', { meta, source }), found, what)
  ann.retract(rust, true)
  ann.fold.snapshot()
  t.strictSame(ids(ann, 'pool', { meta: { service: 'checkout' } }), [shop], 'what was erased is found by no label')
  t.strictSame(ids(fresh(), 'pool', { source: 'wiki/' }), [cart, shop], 'and the others are, as before')
  const far = ann.remember('elsewhere', { meta: { service: 'search' } })
  ann.link(bare, 'causes', far)
  t.strictSame(ids(ann, 'pool', { meta: { service: 'search' } }), [far], 'what is not shown still leads on')
  const many = Array.from({ length: FILTER_VALUES_MAX + 1 }, (_, i) => `${i}`)
  t.throws(() => ids(ann, 'pool', { meta: { service: many } }), { code: 'invalid_argument' })
})

t.test('what is quoted must be there, word by word', async t => {
  const ann = author()
  const yes = ann.remember('The pool of connections ran out')
  const turned = ann.remember('connections ran out of pool')
  const apart = ann.remember('the pool has no connections')
  const path = ann.remember('see src/pool.ts: connections are counted', { meta: { team: 'blue whale' } })
  const rows: readonly (readonly [query: string, found: readonly CausalId[]])[] = [
    ['pool connections', [yes, turned, apart, path]],
    ['"pool connection"', []],
    ['"pool of connection"', [yes]],
    ['"pool of the connections"', []],
    ['"no connections"', [apart]],
    ['"The Pool"', [yes, apart]],
    ['"connections ran out" pool', [yes, turned]],
    ['“the pool of connections” "ran out"', [yes]],
    ['"src/pool.ts: connections"', [path]],
    ['"pool.ts connections"', [path]],
    ['"blue whale"', [path]],
    ['"counted blue"', []],
    ['"whale pool"', []],
    ['"pool kubernetes"', []],
    ['"pool', [yes, turned, apart, path]],
    ['"" pool', [yes, turned, apart, path]],
    ['"???" pool', [yes, turned, apart, path]],
    ['"the"', []],
  ]
  for (const [query, found] of rows) t.strictSame(new Set(ids(ann, query)), new Set(found), query)
  ann.retract(turned, true)
  const again = MemoryFold.restore(ann.fold.snapshot(), ann.node) as MemoryFold
  t.strictSame(
    again.recall('"pool of connections"', { k: 5 }).hits.map(hit => hit.id),
    [yes],
    'also after an erased one was swept out',
  )
  t.throws(() => ids(ann, '"pool" '.repeat(PHRASES_MAX + 1)), { code: 'invalid_argument' })
})

t.test('exact names are found: paths with lines, dates, identifiers, addresses', async t => {
  const ann = author()
  const rows: readonly (readonly [query: string, text: string, other: string])[] = [
    ['src/foo.ts:12', 'the leak is in src/foo.ts:12 since May', 'the leak is in src/foo.ts:13 since May'],
    ['2026-01-31', 'the certificate ends on 2026-01-31.', 'the certificate ends on 2026-02-01.'],
    ['retry_after_ms', 'set retry_after_ms to 5', 'set retry after 5 ms'],
    ['10.0.0.7:8443', 'listen on 10.0.0.7:8443', 'listen on 10.0.0.8:8443'],
    ['v1.2.3', 'broken since v1.2.3', 'broken since v1.2.4'],
    ['parseJsonLine', 'parseJsonLine throws', 'the parser of json throws at a line'],
  ]
  for (const [query, text, other] of rows) {
    const right = ann.remember(text)
    ann.remember(other)
    t.equal(ids(ann, query)[0], right, query)
  }
})

t.test('a caller says which links lead on, how far, and which way', async t => {
  const ann = author()
  const pool = ann.remember('pool')
  const [cause, effect, evidence, far] = ['a', 'b', 'c', 'd'].map((text): CausalId => ann.remember(`nothing of ${text}x`))
  ann.link(cause as CausalId, 'causes', pool)
  ann.link(pool, 'causes', effect as CausalId)
  ann.link(evidence as CausalId, 'evidence-for', pool, 0.9)
  ann.link(far as CausalId, 'causes', cause as CausalId)
  const rows: readonly (readonly [what: string, expand: Expansion | undefined, found: readonly (CausalId | undefined)[]])[] = [
    ['all', undefined, [effect, cause, evidence, far]],
    ['all, said', {}, [effect, cause, evidence, far]],
    ['one type', { types: { causes: 1 } }, [effect, cause, far]],
    ['another', { types: { 'evidence-for': 1 } }, [evidence]],
    ['two, weighed', { types: { causes: 0.5, 'evidence-for': 1 } }, [evidence, effect, cause, far]],
    ['none', { types: {} }, []],
    ['what is taken away brings nothing', { types: { causes: -1 } }, []],
    ['one link', { hops: 1 }, [effect, cause, evidence]],
    ['no link', { hops: 0 }, []],
    ['along', { direction: 'out' }, [effect]],
    ['back', { direction: 'in' }, [cause, evidence, far]],
    ['back along causes, once', { direction: 'in', types: { causes: 1 }, hops: 1 }, [cause]],
  ]
  for (const [what, expand, found] of rows) t.strictSame(ids(ann, 'pool', { expand }), [pool, ...found], what)
  const old = ann.remember('before the pool')
  ann.supersede([old], evidence as CausalId)
  t.strictSame(ids(ann, 'before', { expand: { hops: 0, types: {} } }), [evidence], 'what took the place of a match is there however')
})

t.test('what is old counts less, when that is asked for', async t => {
  const ann = author()
  const old = ann.remember('pool pool', { validFrom: '2023-11-04T22:13:20.000Z' })
  const now = ann.remember('pool and much more that was said of other things at that time')
  t.strictSame(ids(ann, 'pool'), [old, now])
  const [first, second] = hits(ann, 'pool', { halfLifeMs: 5 * 86_400_000 })
  t.equal(first?.id, now)
  t.equal(second?.id, old)
  t.match(second?.parts.recency, /^-/, 'and the parts say what it lost')
  t.ok((first?.parts.recency ?? 0) > -0.001, 'the newest loses next to nothing')
  for (const hit of hits(ann, 'pool', { halfLifeMs: 1 }))
    t.ok(Math.abs(Object.values(hit.parts).reduce((sum, part) => sum + part, 0) - hit.score) < 1e-6, 'parts add up')
  const future = ann.remember('pool to come', { validFrom: '2099-01-01T00:00:00.000Z' })
  t.equal(hits(ann, 'come', { halfLifeMs: 1000 })[0]?.id, future)
  t.equal(hits(ann, 'come', { halfLifeMs: 1000 })[0]?.parts.recency, undefined, 'what is not yet so is not old')
})

t.test('who is trusted less counts less: what he wrote, what it leads to, and his links', async t => {
  const world = new World(2)
  const [ann, bob] = [world.author(0), world.author(1)]
  const hers = ann.remember('pool holds 200')
  const his = bob.remember('pool holds 300')
  world.meet()
  const beside = ann.remember('nothing of it')
  bob.hear(ann)
  bob.link(hers, 'causes', beside)
  ann.hear(bob)
  const trusting = (share: number) => new Map<NodeId, number>([[bob.node, share]])
  t.strictSame(ids(ann, 'pool holds'), [his, hers, beside])
  t.strictSame(ids(ann, 'pool holds', { trust: trusting(1) }), [his, hers, beside])
  const half = hits(ann, 'pool holds', { trust: trusting(0.5) })
  t.strictSame(
    half.map(hit => [hit.id, hit.score, hit.parts.trust]),
    [
      [hers, 2, undefined],
      [his, 1, -1],
      [beside, 0.25, undefined],
    ],
  )
  t.strictSame(ids(ann, 'pool holds', { trust: trusting(0) }), [hers], 'who is not trusted at all is not shown')
})

t.test('hits that are unlike each other come first, when that is asked for', async t => {
  const ann = author()
  const alike = ['red', 'blue', 'green'].map(colour => ann.remember(`the pool of the checkout ran out at noon, ${colour}`))
  const other = ann.remember('a pool may leak')
  t.strictSame(ids(ann, 'pool ran out').slice(0, 3), alike.toReversed())
  t.strictSame(ids(ann, 'pool ran out', { k: 2, diversity: 0.7 }), [alike[2], other])
  t.strictSame(ids(ann, 'pool ran out', { k: 2, diversity: 0 }), alike.toReversed().slice(0, 2))
  t.strictSame(new Set(ids(ann, 'pool ran out', { diversity: 1 })), new Set([...alike, other]), 'none is lost')
  for (let i = 0; i < DIVERSITY_POOL; i++) ann.remember(`pool ${i}`)
  t.equal(ids(ann, 'pool', { k: DIVERSITY_POOL + 4, diversity: 0.5 }).length, DIVERSITY_POOL + 4, 'beyond the pool they stay as they are')
})

t.test('what may be looked at can be bounded, and the answer says so', async t => {
  const ann = author()
  const rare = ann.remember('pool exhausted')
  const others = Array.from({ length: 20 }, (_, i) => ann.remember(`pool number ${i}`))
  for (const other of others) ann.link(rare, 'causes', other)
  const all = ann.fold.recall('exhausted pool', { k: 30 })
  t.match(all, { exact: true, truncated: false, truncatedBy: undefined })
  t.equal(all.hits.length, 21)
  const rows: readonly (readonly [options: Partial<RecallOptions>, hits: number, exact: boolean, by: string | undefined])[] = [
    [{ budgetNodes: 1 }, 1, false, 'nodes'],
    [{ budgetNodes: 21 }, 21, false, 'nodes'],
    [{ budgetNodes: 22, spread: false }, 21, true, undefined],
    [{ budgetNodes: 22 }, 21, true, 'nodes'],
    [{ budgetNodes: 10_000 }, 21, true, undefined],
    [{ budgetMs: 1 / 2000 }, 1, false, 'time'],
    [{ budgetMs: 60_000 }, 21, true, undefined],
    [{ budgetMs: 60_000, budgetNodes: 1 }, 1, false, 'nodes'],
  ]
  for (const [options, count, exact, by] of rows) {
    const found = ann.fold.recall('exhausted pool', { k: 30, ...options })
    t.strictSame(
      [found.hits.length, found.exact, found.truncatedBy, found.truncated],
      [count, exact, by, by !== undefined],
      JSON.stringify(options),
    )
  }
})

t.test('what several authors wrote is shown once, with all of them', async t => {
  const world = new World(3)
  const [ann, bob, cid] = [world.author(0), world.author(1), world.author(2)]
  const a = ann.remember('The pool holds 200')
  const b = bob.remember('  The pool\nholds 200 ')
  const keyed = cid.remember('The pool holds 200', { key: 'pool' })
  const other = bob.remember('The pool holds 300')
  world.meet()
  const [first, second, ...more] = hits(ann, 'pool holds 200')
  t.strictSame([first?.id, second?.id, more], [keyed, other, []])
  t.strictSame(first?.copies, [
    { id: a, author: ann.node },
    { id: b, author: bob.node },
  ])
  t.strictSame(ids(ann, 'pool holds 200', { k: 2 }), [keyed, other], 'and the others have their room')
  t.strictSame(hits(ann, 'pool holds 200', { author: ann.node })[0]?.copies, undefined, 'copies are of what may be shown')
  const twice = ann.remember('The pool holds 200')
  t.strictSame(ids(ann, 'pool holds 200'), [keyed, twice, other], 'what one author wrote twice is two')
  const otherKey = ann.remember('The pool holds 200', { key: 'other' })
  ann.retract(twice)
  ann.retract(a)
  t.ok(
    [keyed, otherKey].every(id => ids(ann, 'pool holds 200').includes(id)),
    'and so are two keys',
  )
})

t.test('what contradicts a hit is named with it', async t => {
  const ann = author()
  const hit = ann.remember('pool 200')
  const [old, one, two] = ['a', 'b', 'c'].map(name => ann.remember(`no: ${name}y`)) as [CausalId, CausalId, CausalId]
  ann.link(one, 'contradicts', hit)
  ann.link(hit, 'contradicts', two)
  ann.link(old, 'contradicts', hit)
  ann.supersede([old], one)
  t.strictSame(hits(ann, 'pool')[0]?.contradictedBy, [two, one])
  t.strictSame(ann.fold.why(one).contradictedBy, { [one]: [hit], [old]: [hit] })
  for (let i = 0; i < 20; i++) ann.link(ann.remember(`no ${i}`), 'contradicts', hit)
  t.equal(hits(ann, 'pool')[0]?.contradictedBy?.length, CONTRADICTIONS_SHOWN)
})

t.test('a text is known again under what recalling adds to it', async t => {
  const said = 'The pool ran out.\n\nIt holds 200.'
  const id = 'ab'.repeat(32)
  const rows: readonly (readonly [copy: string, same: boolean])[] = [
    [said, true],
    ['The pool ran out. It holds 200.', true],
    ['> The pool ran out.\n>\n> It holds 200.', true],
    [`weft://memory/${id.slice(0, 16)}, score 1.000, written 2026-01-31\n> The pool ran out.\n> \n> It holds 200.`, true],
    [`[weft://memory/${id}]\nThe pool ran out. It holds 200.`, true],
    ['The pool ran out. It holds 300.', false],
    ['the pool ran out. it holds 200.', false],
    [`weft://memory/${id} says: no\n${said}\nmore`, false],
  ]
  for (const [copy, same] of rows) t.equal(bareText(copy) === bareText(said), same, JSON.stringify(copy))
  t.strictSame(marksIn(`weft://memory/${id} weft://memory/1234567 weft://memory/${id.slice(0, 16)}, weft://memory/${id}`), [
    id,
    id.slice(0, 16),
  ])
})

t.test('bad options are refused', async t => {
  const ann = author()
  const rows: readonly Partial<RecallOptions>[] = [
    { k: 0 },
    { halfLifeMs: 0 },
    { halfLifeMs: Number.NaN },
    { diversity: 1.1 },
    { diversity: Number.NaN },
    { budgetMs: 0 },
    { budgetNodes: 0 },
    { budgetNodes: 1.5 },
    { expand: { hops: 4 } },
    { expand: { hops: -1 } },
    { expand: { types: { causes: 2 } } },
    { trust: new Map([[ann.node, 2]]) },
  ]
  for (const row of rows) t.throws(() => ids(ann, 'pool', row), { code: 'invalid_argument' }, JSON.stringify(row))
})
