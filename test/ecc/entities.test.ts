import t from 'tap'
import type { CausalId } from '../../base/ids.ts'
import { ENTITIES_MAX, ENTITY_HOLDERS_MAX, TEXT_MAX_BYTES } from '../../base/limits.ts'
import { entitiesOf, entityKey, entityOfKey, RUN_MAX_CHARS } from '../../ecc/entities.ts'
import { MemoryFold } from '../../ecc/memory-fold.ts'
import type { RecallOptions } from '../../ecc/recall.ts'
import fc from '../properties.ts'
import { type Author, foldOf, shuffled, World } from './world.ts'

const found = (text: string): string[] => entitiesOf(text).map(entityKey)
const hits = (by: Author, query: string, options: Partial<RecallOptions> = {}) => by.fold.recall(query, { k: 10, ...options }).hits
const ids = (by: Author, query: string, options: Partial<RecallOptions> = {}): CausalId[] => hits(by, query, options).map(hit => hit.id)

t.test('what a text names is known by its shape', async t => {
  const rows: readonly (readonly [text: string, ...entities: readonly string[]])[] = [
    [''],
    ['The pool of connections ran out, and nobody knew why.'],
    ['see ecc/recall.ts and /var/lib/pg', 'path ecc/recall.ts', 'path var/lib/pg'],
    ['https://github.com/a/b/pull/7', 'path github.com/a/b/pull/7'],
    ['C:\\temp\\x and Base/Codec.ts', 'path temp\\x', 'path base/codec.ts'],
    ['and/or, 1/2, 24/7'],
    ['parseJsonLine calls retry_after', 'identifier parsejsonline', 'identifier retry_after'],
    ['ENOSPC, then EIO: the THE', 'identifier enospc', 'identifier eio'],
    ['redis.conf, e.g. this one. i.e. that', 'identifier redis.conf'],
    ['commit a81bc9f of v1.2.3 and 1.2.3, not 3.14', 'identifier a81bc9f', 'identifier v1.2.3', 'identifier 1.2.3'],
    ['libp2p@3.3.11 by ann@example.org', 'identifier libp2p@3.3.11'],
    ['10ms, 64KiB, 3rd, 8x, 5pm'],
    ['port 8080 and issue #12345, in 2024, of 1000', 'number 8080', 'number 12345'],
    ['on 2026-01-31 or 2026/02/01T10:00:00Z', 'date 2026-01-31', 'date 2026-02-01'],
    ['31 January 2026, the 1st of february and March 3rd, 2025', 'date 2026-01-31', 'date 02-01', 'date 2025-03-03'],
    ['2026-13-01, 32 January, and it may 3 times, or march 5 miles'],
    ['on 12 May and on 3 March', 'date 05-12', 'date 03-03'],
    [`then came X${'y'.repeat(64)} with X${'y'.repeat(63)}`, `name x${'y'.repeat(63)}`],
    [`then came ${'Élodie'.normalize('NFD')} with Михайло`, 'name elodie', 'name михаило'],
    ['we met Caroline Smith, then Élodie on Monday in May', 'name caroline', 'name smith', 'name elodie'],
    ['Nobody. Somebody came. "Anna left"'],
    ["the server's RM_Call's end", 'identifier rm_call'],
    ['ENOSPC enospc ENOSPC', 'identifier enospc'],
  ]
  for (const [text, ...entities] of rows) t.strictSame(found(text).sort(), [...entities].sort(), text)
})

t.test('a page of names gives as many as are kept, what tells most first', async t => {
  const many = Array.from({ length: 2 * ENTITIES_MAX }, (_, i) => `the Person${'x'.repeat(i + 1)} ${10_001 + i}`).join(', ')
  t.equal(entitiesOf(many).length, ENTITIES_MAX)
  t.ok(entitiesOf(`${many} src/pool.c`).some(({ name }) => name === 'src/pool.c'))
  const hostile = [
    'a/'.repeat(TEXT_MAX_BYTES / 2),
    'x Aaaa'.repeat(10_000),
    ' 1'.repeat(30_000),
    `1${' '.repeat(60_000)}`,
    'May 1'.repeat(10_000),
  ]
  // What grew with the square of the length would not end in time.
  for (const text of hostile) t.ok(entitiesOf(text).length <= ENTITIES_MAX, text.slice(0, 10))
})

t.test('whatever a text is made of, its entities are bounded, each once, and read back as they were', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), text => {
      const entities = entitiesOf(text)
      const keys = entities.map(entityKey)
      const isBounded = entities.every(({ name }) => name.length <= RUN_MAX_CHARS)
      return isBounded && new Set(keys).size === keys.length && keys.every(key => entityKey(entityOfKey(key)) === key)
    }),
  )
})

t.test('a question leads to what names the same as its match, and says by what', async t => {
  const ann = new World(1).author(0)
  const deploy = ann.remember('the deployment of Friday failed: ENOSPC on /var/lib/pg')
  const vacuum = ann.remember('vacuumed var/lib/pg, 30 GB are free again')
  ann.remember('bought milk')
  const [first, second, ...rest] = hits(ann, 'why did the deployment fail')
  t.equal(first?.id, deploy)
  t.match(second, {
    id: vacuum,
    parts: { bm25: 0, spread: 0, shared: Number },
    path: [
      { id: deploy, edge: '' },
      { id: vacuum, edge: 'shares', entity: 'var/lib/pg' },
    ],
  })
  t.equal(second?.score, second?.parts.shared)
  t.strictSame(rest, [])
  const rows: readonly (readonly [what: string, options: Partial<RecallOptions>, ids: readonly CausalId[]])[] = [
    ['without spreading', { spread: false }, [deploy]],
    ['links alone', { expand: { types: { causes: 1 } } }, [deploy]],
    ['this alone', { expand: { types: { shares: 1 } } }, [deploy, vacuum]],
    ['a direction, which it has not', { expand: { direction: 'out' } }, [deploy]],
    ['no hops', { expand: { hops: 0 } }, [deploy]],
    ['nothing left to look at', { budgetNodes: 2 }, [deploy]],
  ]
  for (const [what, options, expected] of rows) t.strictSame(ids(ann, 'why did the deployment fail', options), expected, what)
})

t.test('what leads on: the few that name the same, not what the question names itself', async t => {
  const ann = new World(1).author(0)
  const match = ann.remember('checkout broke with E_POOL')
  const one = ann.remember('E_POOL: too many connections')
  t.strictSame(ids(ann, 'checkout'), [match, one])
  t.strictSame(
    hits(ann, 'checkout E_POOL').map(({ id, parts }) => [id, parts.shared]),
    [
      [match, undefined],
      [one, undefined],
    ],
    'its words find them all',
  )
  const seen = ann.remember('we saw Élodie there')
  const heard = ann.remember('then came Élodie')
  for (const query of ['Élodie', 'elodie', "Élodie's"])
    t.strictSame(
      hits(ann, query).map(({ id, parts }) => [id, parts.shared]),
      [
        [heard, undefined],
        [seen, undefined],
      ],
      query,
    )
  const replaced = ann.remember('E_POOL is raised by the limit')
  const instead = ann.remember('it is raised by the proxy')
  ann.supersede([replaced], instead)
  t.strictSame(
    hits(ann, 'checkout').find(({ id }) => id === instead)?.path,
    [
      { id: match, edge: '' },
      { id: replaced, edge: 'shares', entity: 'e_pool' },
      { id: instead, edge: 'supersedes' },
    ],
    'what took its place stands in for it',
  )
  t.notOk(ids(ann, 'checkout').includes(replaced))
  ann.retract(one)
  t.notOk(ids(ann, 'checkout').includes(one), 'what was taken back leads nowhere')
  for (let i = 0; i < ENTITY_HOLDERS_MAX; i++) ann.remember(`E_POOL again, time ${i}`)
  t.strictSame(ids(ann, 'checkout'), [match], 'what everybody names says nothing')
})

t.test('it is the same on every node, as of any cut, after a restart, and when something was erased', async t => {
  const world = new World(2)
  const [ann, ben] = [world.author(0), world.author(1)]
  const match = ann.remember('checkout broke with E_POOL near src/pool.c')
  const before = ann.fold.cut
  const one = ben.remember('src/pool.c has a limit')
  const two = ben.remember('E_POOL and src/pool.c')
  world.meet()
  const answers = ids(ann, 'checkout')
  t.strictSame(new Set(answers), new Set([match, one, two]))
  for (let seed = 0; seed < 5; seed++) {
    const fold = foldOf(shuffled(world.records, seed), ben.node)
    t.strictSame(fold.recall('checkout', { k: 10 }), ann.fold.recall('checkout', { k: 10 }))
  }
  t.strictSame(ids(ann, 'checkout', { at: before }), [match])
  ben.retract(two, true)
  world.meet()
  const restored = MemoryFold.restore(ann.fold.snapshot(), ann.node) as MemoryFold
  for (const fold of [ann.fold, restored]) {
    t.strictSame(
      fold.recall('checkout', { k: 10 }).hits.map(hit => hit.id),
      [match, one],
    )
    t.strictSame(
      fold.entities({ name: 'E_POOL', limit: 5, nodesMax: 5 }).entities.map(({ inAll }) => inAll),
      [1],
    )
  }
})

t.test('what memories name can be asked for: of all, of one, and by name', async t => {
  const ann = new World(1).author(0)
  const first = ann.remember('E_POOL near src/pool.c on 31 January 2026')
  const second = ann.remember('src/pool.c has a limit')
  const third = ann.remember('2026-01-31: all is well with src/pool.c')
  const list = (options: { of?: CausalId; name?: string; limit?: number }) =>
    ann.fold
      .entities({ limit: 10, nodesMax: 2, ...options })
      .entities.map(({ kind, name, inAll, nodes }) => [kind, name, inAll, ...nodes.map(node => node.id)])
  t.strictSame(list({}), [
    ['path', 'src/pool.c', 3, third, second],
    ['date', '2026-01-31', 2, third, first],
  ])
  t.strictSame(list({ of: first }), [
    ['path', 'src/pool.c', 3, third, second],
    ['date', '2026-01-31', 2, third],
    ['identifier', 'e_pool', 1],
  ])
  t.strictSame(list({ name: 'SRC/pool.c' }), [['path', 'src/pool.c', 3, third, second]])
  t.strictSame(list({ name: 'January 31st, 2026' }), [['date', '2026-01-31', 2, third, first]])
  t.strictSame(list({ name: 'nothing' }), [])
  const met = ann.remember('we met Élodie Caroline')
  for (const name of ['Élodie', 'élodie', 'elodie', "Elodie's"]) t.strictSame(list({ name }), [['name', 'elodie', 1, met]], name)
  t.strictSame(
    list({ name: 'Caroline of Élodie' }).map(([, name]) => name),
    ['caroline', 'elodie'],
  )
  t.equal(ann.fold.entities({ limit: 1, nodesMax: 0 }).truncated, true)
  t.throws(() => list({ limit: 0 }), { code: 'invalid_argument' })
  ann.retract(second)
  t.throws(() => list({ of: second }), { code: 'unknown_id' })
})
