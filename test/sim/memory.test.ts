import t from 'tap'
import type { ErrorCode } from '../../base/errors.ts'
import { kindName } from '../../base/kinds.ts'
import {
  BODY_MAX_BYTES,
  KEY_MAX_BYTES,
  LIST_MAX,
  META_MAX_BYTES,
  META_PAIRS_MAX,
  PARENTS_MAX,
  QUERY_MAX_BYTES,
  SUPERSEDE_TARGETS_MAX,
} from '../../base/limits.ts'
import type { ImportItem, MemoryPage, MemoryRecord, Receipt, Recollection } from '../../node/api.ts'
import { memoryOf } from '../../node/client/memory.ts'
import type { CommandName, CommandTypes } from '../../node/commands/types.ts'
import { IdIndex } from '../../node/id-index.ts'
import { World } from '../../sim/world.ts'
import { askLater, codeOf, coreOf, recordsOf, settle, textsOf, untilConnected, untilEqual, untilTold } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(7)

function clusterOf(names: readonly string[]): World {
  const world = new World({ seed: SEED })
  settle(world, names)
  return world
}

/** Asks for all of it before anything is answered. */
function atOnce<K extends CommandName>(
  world: World,
  node: string,
  command: K,
  inputs: readonly CommandTypes[K]['input'][],
): readonly CommandTypes[K]['result'][] {
  const results: CommandTypes[K]['result'][] = []
  let left = inputs.length
  inputs.forEach((input, i) => {
    world.askSoon<K>(node, command, input, (error, value) => {
      if (error !== undefined) throw error
      results[i] = value as CommandTypes[K]['result']
      left--
    })
  })
  world.until('all answers', () => left === 0)
  return results
}

function kindsOf(world: World, node: string): readonly string[] {
  return recordsOf(world, node, 'memory/main').map(({ header }) => kindName(header.kind).replace('memory.', ''))
}

t.test('saying a thing twice records it once, also while the first time is on its way to the disk', t => {
  const world = clusterOf(['a', 'b'])
  const said = {
    text: 'the pool is exhausted',
    meta: { service: 'checkout', attempt: 3 },
    source: 'log/1',
    validFrom: '2026-01-01T00:00:00.000Z',
    validTo: '2026-02-01T00:00:00.000Z',
  }
  const [first] = atOnce(
    world,
    'a',
    'memory.remember',
    Array.from({ length: 50 }, () => said),
  ) as [Receipt]
  const more = atOnce(world, 'a', 'memory.remember', [said, { ...said, meta: { attempt: '3', service: 'checkout' } }])
  t.strictSame(
    new Set([first, ...more].map(({ id, log, seq }) => `${id} ${log} ${seq}`)).size,
    1,
    'labels in another order, and numbers as text, are the same',
  )
  const others: readonly (typeof said | { text: string })[] = [
    { text: said.text },
    { ...said, text: 'the pool was exhausted' },
    { ...said, meta: { ...said.meta, attempt: 4 } },
    { ...said, source: 'log/2' },
    { ...said, validTo: '2026-03-01T00:00:00.000Z' },
  ]
  t.equal(
    new Set(atOnce(world, 'a', 'memory.remember', others).map(({ id }) => id)).size,
    others.length,
    'whatever differs is another memory',
  )
  const one = world.ask('a', 'memory.remember', { text: said.text }).id
  const two = world.ask('a', 'memory.remember', { text: 'checkout fails' }).id
  const links = atOnce(
    world,
    'a',
    'memory.link',
    Array.from({ length: 20 }, () => ({ from: one, type: 'causes' as const, to: two })),
  )
  t.equal(new Set(links.map(({ id }) => id)).size, 1, 'links too')
  t.not(world.ask('a', 'memory.link', { from: one, type: 'causes', to: two, weight: 0.5 }).id, links[0]?.id)
  t.strictSame(kindsOf(world, 'a'), ['log.genesis', ...Array.from({ length: 7 }, () => 'remember'), 'link', 'link'])

  untilEqual(world, ['a', 'b'])
  t.not(world.ask('b', 'memory.remember', { ...said, again: true }).id, first.id, 'another author may say it for himself')
  world.ask('a', 'memory.forget', { id: first.id })
  const [again, andAgain] = atOnce(world, 'a', 'memory.remember', [said, said]) as [Receipt, Receipt]
  t.not(again.id, first.id, 'what was forgotten is said anew')
  t.equal(andAgain.id, again.id)
  const [, third] = [world.askSoon('a', 'memory.forget', { id: again.id }, () => {}), world.ask('a', 'memory.remember', said)]
  t.not(third.id, again.id, 'also while it is being forgotten')
  t.end()
})

t.test('a key names one memory of an author: the same content changes nothing, other content replaces it', t => {
  const world = clusterOf(['a', 'b'])
  const put = (text: string): Receipt => world.ask('a', 'memory.remember', { text, key: 'owner' })
  const first = put('Ada')
  t.strictSame(put('Ada'), { ...first, known: true })
  const second = put('Bea')
  t.equal(world.ask('a', 'memory.get', { id: first.id }).state, 'superseded')
  t.strictSame(world.ask('a', 'memory.get', { id: first.id }).supersededBy, [second.id])
  t.strictSame(world.ask('a', 'memory.get', { id: second.id }).supersedes, [first.id])
  const third = put('Ada')
  t.not(third.id, first.id, 'back again is a change too')
  const [x, y, z] = atOnce(
    world,
    'a',
    'memory.remember',
    ['Cid', 'Dan', 'Cid'].map(text => ({ text, key: 'owner' })),
  ) as [Receipt, Receipt, Receipt]
  t.equal(new Set([x.id, y.id, z.id]).size, 3, 'in one instant the newest decides as well')
  untilEqual(world, ['a', 'b'])
  const current = (node: string): readonly string[] =>
    world
      .ask(node, 'memory.list', {})
      .memories.filter(({ state }) => state === 'current')
      .map(({ text, key }) => `${key} ${text}`)
  t.strictSame(current('b'), ['owner Cid'])
  world.ask('b', 'memory.remember', { text: 'Eve', key: 'owner' })
  untilEqual(world, ['a', 'b'])
  t.strictSame(current('a'), ['owner Cid', 'owner Eve'], 'each author has keys of its own')
  t.strictSame(world.ask('a', 'memory.has', { keys: ['owner', 'nobody'], ids: [x.id, z.id, 'f'.repeat(64), 'no id'] }), {
    known: ['owner', x.id, z.id],
  })
  t.end()
})

t.test('a frontier from one node makes another wait for what it speaks of, and what can never come is told apart', t => {
  const world = clusterOf(['a', 'b', 'c'])
  const before = world.ask('a', 'memory.status', {}).frontier
  world.network.shape('a', 'b', { delayMinUs: 200_000, delayMeanUs: 0 })
  world.network.cut('a', 'c')
  world.network.cut('b', 'c')
  const { id } = world.ask('a', 'memory.remember', { text: 'read your writes' })
  const { frontier } = world.ask('a', 'memory.status', {})
  t.strictSame(world.ask('b', 'memory.recall', { query: 'writes' }).hits, [], 'not yet')
  const { hits, frontier: answered } = world.ask('b', 'memory.recall', { query: 'writes', after: frontier })
  t.strictSame(
    hits.map(hit => hit.id),
    [id],
    'but after that frontier',
  )
  t.equal(answered, frontier)
  const start = world.nowMs
  t.equal(
    codeOf(() => world.ask('c', 'memory.recall', { query: 'writes', after: frontier, deadlineMs: 700 })),
    'frontier_ahead',
  )
  t.ok(world.nowMs - start >= 700 && world.nowMs - start <= 710, `after ${world.nowMs - start} ms`)
  t.equal(
    codeOf(() => world.ask('c', 'memory.recall', { query: 'writes', after: frontier, deadlineMs: 0 })),
    'frontier_ahead',
    'or at once',
  )
  t.equal(
    codeOf(() => world.ask('c', 'memory.list', { after: frontier })),
    'frontier_ahead',
  )
  t.equal(
    codeOf(() => world.ask('c', 'memory.recall', { query: 'writes', after: before, deadlineMs: 0 })),
    undefined,
  )
  for (const text of ['no frontier', '@', `${frontier}A`, frontier.slice(0, -4)]) {
    for (const field of ['after', 'asOf'])
      t.equal(
        codeOf(() => world.ask('a', 'memory.recall', { query: 'writes', [field]: text })),
        'frontier_invalid',
        `${field} ${text.slice(0, 12)}`,
      )
  }
  t.equal(
    codeOf(() => world.ask('a', 'memory.list', { after: 'no frontier' })),
    'frontier_invalid',
  )
  t.equal(
    codeOf(() => world.ask('a', 'memory.why', { id, asOf: 'no frontier' })),
    'frontier_invalid',
  )

  const other = new World({ seed: SEED + 1 })
  other.cluster(['a'])
  other.ask('a', 'memory.remember', { text: 'elsewhere' })
  t.equal(
    codeOf(() => world.ask('a', 'memory.recall', { query: 'x', after: other.ask('a', 'memory.status', {}).frontier, deadlineMs: 10 })),
    'frontier_ahead',
    'of logs that nobody here has',
  )
  world.heal()
  untilConnected(world, ['a', 'b', 'c'])
  t.equal(world.ask('c', 'memory.recall', { query: 'writes', after: frontier, deadlineMs: 30_000 }).hits.length, 1)
  t.end()
})

t.test('an answer as of a frontier is the same on every node, at any time, and as it was given then', t => {
  const world = clusterOf(['a', 'b', 'c'])
  const words = ['cache', 'pool', 'disk', 'retry']
  const random = world.random('answers')
  const names = ['a', 'b', 'c']
  const known: string[] = []
  const given: { recalled: Recollection; query: string; explained: unknown; of: string; listed: MemoryPage }[] = []
  for (let i = 0; i < 60; i++) {
    const node = random.pick(names)
    const { id } = world.ask(node, 'memory.remember', {
      text: `${random.pick(words)} ${random.pick(words)} ${i}`,
      key: `k${random.below(8)}`,
    })
    const other = known.length === 0 ? id : random.pick(known)
    if (other !== id) world.ask(node, 'memory.link', { from: other, type: 'causes', to: id })
    known.push(id)
    if (i % 10 !== 9) continue
    const query = random.pick(words)
    const recalled = world.ask(node, 'memory.recall', { query, k: 10 })
    given.push({
      recalled,
      query,
      of: id,
      explained: world.ask(node, 'memory.why', { id, asOf: recalled.frontier }),
      listed: world.ask(node, 'memory.list', { asOf: recalled.frontier, limit: LIST_MAX }),
    })
  }
  untilEqual(world, names)
  world.crash('b')
  world.start('b')
  untilConnected(world, names)
  untilEqual(world, names)
  for (const node of names) {
    for (const { recalled, query, of, explained, listed } of given) {
      t.strictSame(world.ask(node, 'memory.recall', { query, k: 10, asOf: recalled.frontier }), recalled, `${node} recalls`)
      t.strictSame(world.ask(node, 'memory.why', { id: of, asOf: recalled.frontier }), explained, `${node} explains`)
      t.strictSame(world.ask(node, 'memory.list', { asOf: recalled.frontier, limit: LIST_MAX }), listed, `${node} lists`)
    }
  }
  t.end()
})

t.test('pages of a list miss nothing and repeat nothing while others write', t => {
  const world = clusterOf(['a', 'b', 'c'])
  const names = ['a', 'b', 'c']
  let written = 0
  const write = (count: number): void => {
    for (let i = 0; i < count; i++) world.askSoon(names[i % 3] as string, 'memory.remember', { text: `memory ${written++}` }, () => {})
  }
  write(40)
  world.run(5)
  const seen: MemoryRecord[] = []
  let after: string | undefined
  for (let page = 0; page < 40; page++) {
    const { memories, frontier } = world.ask('a', 'memory.list', { limit: 7, after })
    t.ok(memories.length <= 7)
    seen.push(...memories)
    after = frontier
    if (page < 15) write(5)
    world.run(3)
  }
  untilEqual(world, names)
  const { memories, more } = world.ask('a', 'memory.list', { limit: LIST_MAX, after })
  seen.push(...memories)
  t.equal(more, false)
  t.equal(written, 115)
  t.strictSame(seen.map(({ text }) => text).sort(), Array.from({ length: written }, (_, i) => `memory ${i}`).sort())
  t.strictSame([...textsOf(world, 'b')].sort(), seen.map(({ text }) => text).sort())
  for (const limit of [0, LIST_MAX + 1, 1.5])
    t.equal(
      codeOf(() => world.ask('a', 'memory.list', { limit })),
      'invalid_argument',
    )
  t.end()
})

t.test('who did not know of each other disagree as data, and one later word settles it everywhere', t => {
  const world = clusterOf(['a', 'b', 'c'])
  const names = ['a', 'b', 'c']
  const old = world.ask('a', 'memory.remember', { text: 'the limit is 200' }).id
  untilEqual(world, names)
  world.partition([['a'], ['b'], ['c']])
  const by = names.map((name, i) => {
    const { id } = world.ask(name, 'memory.remember', { text: `the limit is ${i}` })
    world.ask(name, 'memory.supersede', { old, by: id, reason: 'measured' })
    return id
  })
  for (const name of names) t.strictSame(world.ask(name, 'memory.conflicts', {}).conflicts, [], `${name} knows of no other`)
  world.heal()
  untilConnected(world, names)
  untilEqual(world, names)
  const { conflicts } = world.ask('a', 'memory.conflicts', {})
  t.strictSame(
    conflicts.map(({ target, current }) => ({ target, current: [...current].sort() })),
    [{ target: old, current: [...by].sort() }],
  )
  for (const name of names) {
    t.strictSame(world.ask(name, 'memory.conflicts', {}).conflicts, conflicts, `${name} shows it`)
    t.equal(world.ask(name, 'node.status', {}).conflicts, 1)
    t.strictSame(
      world
        .ask(name, 'memory.recall', { query: 'limit' })
        .hits.map(({ id }) => id)
        .sort(),
      [...by].sort(),
      'all of them hold',
    )
  }
  const before = world.ask('b', 'memory.status', {}).frontier
  world.ask('b', 'memory.supersede', { old: [by[0] as string, by[2] as string], by: by[1] as string })
  untilEqual(world, names)
  for (const name of names) {
    t.strictSame(world.ask(name, 'memory.conflicts', {}).conflicts, [])
    t.strictSame(
      world.ask(name, 'memory.recall', { query: 'limit' }).hits.map(({ id }) => id),
      [by[1]],
    )
    t.equal(world.ask(name, 'memory.recall', { query: 'limit', asOf: before }).hits.length, 3, 'as of before it is open')
  }
  t.end()
})

t.test('a watch tells of each memory and each conflict once, in order, whoever wrote it', async t => {
  const world = clusterOf(['a', 'b'])
  const old = world.ask('a', 'memory.remember', { text: 'before the watch' }).id
  untilEqual(world, ['a', 'b'])
  const told: string[] = []
  const ended = new AbortController()
  const memory = memoryOf((name, input) => world.runtime('b').request(name, input, 'watcher'))
  const watching = (async () => {
    for await (const change of memory.watch({ signal: ended.signal })) {
      told.push(change.kind === 'memory' ? change.text : `conflict over ${change.target} between ${change.current.length}`)
      if (told.length === 9) return
    }
  })()
  await untilTold(world, 'the watch to begin', () => world.nowMs > 0, 10)
  for (let i = 0; i < 3; i++) {
    await askLater(world, 'a', 'memory.remember', { text: `of a ${i}` })
    await untilTold(world, 'it to be told', () => told.length === 2 * i + 1)
    await askLater(world, 'b', 'memory.remember', { text: `of b ${i}` })
    await untilTold(world, 'it to be told', () => told.length === 2 * i + 2)
  }
  world.partition([['a'], ['b']])
  for (const name of ['a', 'b']) {
    const { id } = await askLater(world, name, 'memory.remember', { text: `alone ${name}` })
    await askLater(world, name, 'memory.supersede', { old, by: id })
  }
  world.heal()
  await untilTold(world, 'the conflict to be told', () => told.length === 9, 120_000)
  await watching
  t.strictSame(told, ['of a 0', 'of b 0', 'of a 1', 'of b 1', 'of a 2', 'of b 2', 'alone b', 'alone a', `conflict over ${old} between 2`])

  const { frontier } = world.ask('b', 'memory.status', {})
  const start = world.nowMs
  t.strictSame(world.ask('b', 'memory.changes', { after: frontier, waitMs: 2000 }).memories, [], 'nothing new')
  t.ok(world.nowMs - start >= 2000 && world.nowMs - start <= 2010, `after ${world.nowMs - start} ms`)
  const asked = askLater(world, 'b', 'memory.changes', { waitMs: 60_000 })
  world.stop('b')
  t.equal(
    await Promise.race([asked.catch((error: { code: string }) => error.code), new Promise(resolve => setImmediate(resolve, 'no answer'))]),
    'no answer',
  )
})

t.test('an import may be repeated: it adds what is missing, and names what it could not link yet', t => {
  const world = clusterOf(['a', 'b'])
  const items: readonly ImportItem[] = [
    { key: 'commit/1', text: 'first commit' },
    {
      key: 'commit/2',
      text: 'second commit',
      edges: [
        { type: 'follows', to: 'commit/1' },
        { type: 'derived-from', to: 'issue/9' },
      ],
    },
    { key: 'commit/3', text: 'third commit', edges: [{ type: 'follows', to: 'commit/2', weight: 0.5 }] },
    { text: '', key: 'empty' },
    { key: 'commit/1', text: 'first commit' },
  ]
  const { items: first } = world.ask('a', 'memory.import', { items })
  t.strictSame(
    first.map(row => (row.status === 'failed' ? row.code : [row.status, row.unresolved])),
    [['imported', []], ['imported', ['issue/9']], ['imported', []], 'text_invalid', ['skipped', []]],
  )
  const nodes = { nodes: 3, edges: 2, dangling: 0 }
  t.match(world.ask('a', 'memory.status', {}), nodes)
  const { items: second } = world.ask('a', 'memory.import', { items })
  t.strictSame(
    second.map(row => (row.status === 'failed' ? row.code : [row.status, row.id, row.unresolved])),
    first.map(row => (row.status === 'failed' ? row.code : ['skipped', row.id, row.unresolved])),
  )
  t.match(world.ask('a', 'memory.status', {}), nodes)
  const issue = world.ask('a', 'memory.import', { items: [{ key: 'issue/9', text: 'an issue' }] }).items[0]
  const again = world.ask('a', 'memory.import', { items }).items
  t.strictSame(
    again.map(row => (row.status === 'failed' ? row.code : row.unresolved)),
    [[], [], [], 'text_invalid', []],
    'now it is known',
  )
  const edges = (node: string): unknown =>
    world
      .ask(node, 'memory.edges', { ids: again.flatMap(row => (row.status === 'failed' ? [] : [row.id])) })
      .edges.map(({ type, to, weight }) => [type, to, weight])
  t.strictSame(edges('a'), edges('a'))
  const idOf = (i: number): unknown => (again[i] as { id: string }).id
  t.strictSame(edges('a'), [
    ['follows', idOf(0), 1],
    ['derived-from', (issue as { id: string }).id, 1],
    ['follows', idOf(1), 0.5],
  ])
  untilEqual(world, ['a', 'b'])
  t.strictSame(edges('b'), edges('a'))
  t.strictSame(world.ask('a', 'memory.import', { items: [] }), { items: [] })
  t.end()
})

t.test('an import leaves out what was taken back or replaced since, and takes a text that has changed back', t => {
  const world = clusterOf(['a', 'b'])
  const items: readonly ImportItem[] = ['forgotten', 'replaced', 'changed', 'followed', 'kept'].map(key => ({ key, text: `is ${key}` }))
  const plain = { text: 'has no key' }
  const ids = world.ask('a', 'memory.import', { items: [...items, plain] }).items.map(item => (item as { id: string }).id)
  const [forgotten, replaced, , followed] = ids as [string, string, string, string]
  world.ask('a', 'memory.forget', { id: forgotten })
  world.ask('a', 'memory.forget', { id: ids[5] as string })
  const by = world.ask('b', 'memory.remember', { text: 'is better' }).id
  untilEqual(world, ['a', 'b'])
  world.ask('a', 'memory.supersede', { old: replaced, by })
  world.ask('a', 'memory.remember', { key: 'changed', text: 'is otherwise' })
  const next = world.ask('a', 'memory.remember', { key: 'followed', text: 'is next' }).id
  world.ask('a', 'memory.supersede', { old: followed, by: next })

  const run = (again: boolean | undefined): readonly unknown[] =>
    world.ask('a', 'memory.import', { items: [...items, plain], again }).items.map(one => (one.status === 'gone' ? one.how : one.status))
  const { nodes } = world.ask('a', 'memory.status', {})
  t.strictSame(run(false), ['retracted', 'superseded', 'changed', 'changed', 'skipped', 'retracted'])
  t.equal(world.ask('a', 'memory.status', {}).nodes, nodes, 'nothing is written')
  t.strictSame(run(undefined), ['retracted', 'superseded', 'imported', 'imported', 'skipped', 'retracted'])
  t.strictSame(run(undefined), ['retracted', 'superseded', 'skipped', 'skipped', 'skipped', 'retracted'])
  world.crash('a')
  world.start('a')
  untilEqual(world, ['a', 'b'])
  t.strictSame(run(undefined), ['retracted', 'superseded', 'skipped', 'skipped', 'skipped', 'retracted'], 'also when it was started anew')
  t.strictSame(run(true), ['imported', 'imported', 'skipped', 'skipped', 'skipped', 'imported'])
  t.strictSame(new Set(run(undefined)), new Set(['skipped']))
  const text = { key: 'forgotten', text: 'has another text now' }
  t.match(world.ask('a', 'memory.import', { items: [text] }), { items: [{ status: 'imported' }] }, 'another text is news')

  const [last] = world.ask('a', 'memory.import', { items: [{ text: 'on its way out' }] }).items
  const answers: unknown[] = []
  world.askSoon('a', 'memory.forget', { id: (last as { id: string }).id }, () => {})
  world.askSoon('a', 'memory.import', { items: [{ text: 'on its way out' }] }, (_, made) => answers.push(made?.items))
  world.until('an answer', () => answers.length > 0)
  t.match(answers, [[{ status: 'gone', how: 'retracted', id: (last as { id: string }).id }]])
  t.end()
})

t.test('of what was erased an import knows nothing, whether its hash is still in the fold or not', t => {
  const world = clusterOf(['a'])
  const items = [{ key: 'secret', text: 'the password is swordfish' }]
  const run = (): unknown => world.ask('a', 'memory.import', { items }).items[0]
  const { id } = run() as { id: string }
  world.ask('a', 'memory.forget', { id, erase: true })
  t.match(run(), { status: 'imported' })
  t.end()
})

t.test('several imports of the same at a time write each memory and each link once', t => {
  const world = clusterOf(['a'])
  const items = Array.from(
    { length: 20 },
    (_, i): ImportItem => ({ key: `k${i}`, text: `line ${i}`, edges: i === 0 ? [] : [{ type: 'follows', to: `k${i - 1}` }] }),
  )
  atOnce(world, 'a', 'memory.import', [{ items }, { items }, { items: items.toReversed() }, { items }])
  t.match(world.ask('a', 'memory.status', {}), { nodes: 20, edges: 19, dangling: 0 })
  t.equal(kindsOf(world, 'a').filter(kind => kind === 'link').length, 19)
  t.end()
})

t.test('a record that builds on more than eight others joins them first', t => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k']
  const world = clusterOf(names)
  world.partition(names.map(name => [name]))
  for (const name of names) world.ask(name, 'memory.remember', { text: `alone ${name}` })
  world.heal()
  untilConnected(world, names)
  untilEqual(world, names)
  const { id, seq } = world.ask('a', 'memory.remember', { text: 'all together', edges: [] })
  const records = recordsOf(world, 'a', 'memory/main')
  t.strictSame(
    records.slice(1).map(({ header }) => [kindName(header.kind), header.actor, header.parents.length]),
    [
      ['memory.remember', 'a', 0],
      ['memory.join', 'kernel', PARENTS_MAX],
      ['memory.remember', 'a', 2],
    ],
  )
  t.equal(seq, 3, 'the receipt is of what was asked for')
  world.ask('a', 'memory.remember', { text: 'once more' })
  t.equal(recordsOf(world, 'a', 'memory/main').at(-1)?.header.parents.length, 0, 'named once is enough')
  untilEqual(world, names)
  for (const name of names) t.equal(world.ask(name, 'memory.get', { id }).text, 'all together')
  for (const name of names) t.strictSame(world.ask(name, 'memory.status', {}).voids, 0)
  t.end()
})

t.test('what cannot be a memory is refused with its code, and writes nothing', t => {
  const world = clusterOf(['a', 'b'])
  const { id } = world.ask('a', 'memory.remember', { text: 'one' })
  const { id: other } = world.ask('b', 'memory.remember', { text: 'two' })
  untilEqual(world, ['a', 'b'])
  const before = world.ask('a', 'node.status', {}).records
  const none = 'f'.repeat(64)
  const remembers: readonly (readonly [what: string, input: CommandTypes['memory.remember']['input'], code: ErrorCode])[] = [
    ['no text', { text: '' }, 'text_invalid'],
    ['half a character', { text: 'a \ud800' }, 'text_invalid'],
    ['too much text', { text: 'x'.repeat(BODY_MAX_BYTES + 1) }, 'text_too_long'],
    ['too much with its labels', { text: 'x'.repeat(BODY_MAX_BYTES - 100), meta: { label: 'y'.repeat(200) } }, 'body_too_large'],
    ['text in bytes, not characters', { text: 'é'.repeat(BODY_MAX_BYTES / 2 + 1) }, 'text_too_long'],
    [
      'too many labels',
      { text: 'x', meta: Object.fromEntries(Array.from({ length: META_PAIRS_MAX + 1 }, (_, i) => [`m${i}`, i])) },
      'meta_invalid',
    ],
    ['labels too long', { text: 'x', meta: { m: 'y'.repeat(META_MAX_BYTES) } }, 'meta_invalid'],
    ['a label without a name', { text: 'x', meta: { '': 'y' } }, 'meta_invalid'],
    ['half a character in a label', { text: 'x', meta: { m: '\udc00' } }, 'meta_invalid'],
    ['a label that is a list', { text: 'x', meta: { m: [1] as unknown as string } }, 'invalid_argument'],
    ['a key too long', { text: 'x', key: 'k'.repeat(KEY_MAX_BYTES + 1) }, 'key_invalid'],
    ['an empty key', { text: 'x', key: '' }, 'key_invalid'],
    ['half a character in a key', { text: 'x', key: '\ud800' }, 'key_invalid'],
    ['a time in words', { text: 'x', validFrom: 'yesterday' }, 'time_invalid'],
    ['a day that is none', { text: 'x', validFrom: '2026-02-30T00:00:00.000Z' }, 'time_invalid'],
    [
      'an end before the beginning',
      { text: 'x', validFrom: '2026-01-02T00:00:00.000Z', validTo: '2026-01-01T00:00:00.000Z' },
      'time_invalid',
    ],
    ['an edge of no kind', { text: 'x', edges: [{ type: 'likes' as 'causes', to: id }] }, 'invalid_argument'],
    ['an edge of no weight', { text: 'x', edges: [{ type: 'causes', to: id, weight: 0 }] }, 'edge_invalid'],
    ['an edge of too much weight', { text: 'x', edges: [{ type: 'causes', to: id, weight: 1.1 }] }, 'edge_invalid'],
    ['an edge to an unknown prefix', { text: 'x', edges: [{ type: 'causes', to: 'ffffffff' }] }, 'unknown_id'],
    ['an unknown field', { text: 'x', colour: 'red' } as { text: string }, 'invalid_argument'],
  ]
  for (const [what, input, code] of remembers)
    t.equal(
      codeOf(() => world.ask('a', 'memory.remember', input)),
      code,
      what,
    )
  const refusals: readonly (readonly [what: string, ask: () => unknown, code: ErrorCode])[] = [
    ['get: too short', () => world.ask('a', 'memory.get', { id: 'abc' }), 'invalid_argument'],
    ['get: no hex', () => world.ask('a', 'memory.get', { id: 'xyzxyzxyz' }), 'invalid_argument'],
    ['get: nothing', () => world.ask('a', 'memory.get', { id: none }), 'unknown_id'],
    ['why: nothing', () => world.ask('a', 'memory.why', { id: none }), 'unknown_id'],
    ['supersede: nothing', () => world.ask('a', 'memory.supersede', { old: none, by: id }), 'unknown_id'],
    ['supersede: by nothing', () => world.ask('a', 'memory.supersede', { old: id, by: none }), 'unknown_id'],
    ['supersede: itself', () => world.ask('a', 'memory.supersede', { old: id, by: id }), 'edge_invalid'],
    ['supersede: twice', () => world.ask('a', 'memory.supersede', { old: [id, id], by: other }), 'edge_invalid'],
    ['supersede: none', () => world.ask('a', 'memory.supersede', { old: [], by: other }), 'invalid_argument'],
    [
      'supersede: too many',
      () => world.ask('a', 'memory.supersede', { old: Array.from({ length: SUPERSEDE_TARGETS_MAX + 1 }, () => id), by: other }),
      'edge_invalid',
    ],
    ['supersede: half a character', () => world.ask('a', 'memory.supersede', { old: other, by: id, reason: '\ud800' }), 'text_invalid'],
    ['forget: of another node', () => world.ask('a', 'memory.forget', { id: other }), 'not_author'],
    ['forget: nothing', () => world.ask('a', 'memory.forget', { id: none }), 'unknown_id'],
    ['recall: too long', () => world.ask('a', 'memory.recall', { query: 'q'.repeat(QUERY_MAX_BYTES + 1) }), 'text_too_long'],
    ['recall: none', () => world.ask('a', 'memory.recall', { query: 'q', k: 0 }), 'invalid_argument'],
  ]
  for (const [what, ask, code] of refusals) t.equal(codeOf(ask), code, what)
  t.equal(world.ask('a', 'node.status', {}).records, before)

  t.equal(world.ask('a', 'memory.get', { id: id.slice(0, 8) }).id, id, 'the beginning of an id is enough')
  const { find } = IdIndex.prototype
  IdIndex.prototype.find = (_prefix, done) =>
    done([
      { id, log: 'x', seq: 0 },
      { id: other, log: 'x', seq: 0 },
    ] as never)
  try {
    t.equal(
      codeOf(() => world.ask('a', 'memory.get', { id: id.slice(0, 8) })),
      'ambiguous_id',
    )
  } finally {
    IdIndex.prototype.find = find
  }
  t.equal(
    codeOf(() => world.ask('a', 'memory.link', { from: id, type: 'causes', to: none })),
    undefined,
    'a link to what has not arrived is kept',
  )
  t.equal(world.ask('a', 'memory.status', {}).dangling, 1)
  t.equal(
    codeOf(() =>
      world.ask('a', 'memory.remember', {
        text: 'x'.repeat(40_000),
        meta: { m: 'y'.repeat(META_MAX_BYTES - 9_000) },
        key: 'k'.repeat(KEY_MAX_BYTES),
      }),
    ),
    undefined,
    'and what fits is taken',
  )
  t.equal(coreOf(world, 'a').pending, 0)
  t.end()
})

t.test('what is forgotten or replaced already is so already, and nothing is written', t => {
  const world = clusterOf(['a', 'b'])
  const remember = (text: string): string => world.ask('a', 'memory.remember', { text }).id
  const records = (): number => coreOf(world, 'a').memory('main').fold.size
  const [gone, secret, old, older, now] = ['a slip', 'a secret', 'was so', 'was so before', 'is so'].map(remember) as [
    string,
    string,
    string,
    string,
    string,
  ]
  for (const [what, command, input] of [
    ['forgotten', 'memory.forget', { id: gone }],
    ['erased', 'memory.forget', { id: secret, erase: true }],
    ['replaced', 'memory.supersede', { old: [old, older], by: now }],
  ] as const) {
    const before = records()
    const [first, ...others] = [
      ...atOnce<'memory.forget' | 'memory.supersede'>(world, 'a', command, [input, input]),
      world.ask('a', command, input),
    ]
    t.equal(records(), before + 1, `${what}: one record`)
    t.equal(first?.known, undefined)
    for (const other of others) t.match(other, { id: first?.id, log: first?.log, seq: first?.seq, known: true }, what)
  }
  const before = records()
  t.match(world.ask('a', 'memory.forget', { id: secret }), { known: true }, 'what is erased is forgotten')
  t.match(world.ask('a', 'memory.supersede', { old: older, by: now, reason: 'as I said' }), { known: true }, 'one of several')
  t.equal(records(), before)
  untilEqual(world, ['a', 'b'])
  t.equal(world.ask('b', 'memory.supersede', { old, by: now }).known, undefined, 'what somebody else said is another thing')
  t.end()
})

t.test("what was undone can be done again: to forget, to bring back, to change one's mind", t => {
  const world = clusterOf(['a'])
  const remember = (text: string): string => world.ask('a', 'memory.remember', { text }).id
  const stateOf = (id: string): string => world.ask('a', 'memory.get', { id }).state
  const id = remember('said')
  const first = world.ask('a', 'memory.forget', { id })
  const back = world.ask('a', 'memory.forget', { id: first.id })
  t.equal(stateOf(id), 'current')
  t.match(world.ask('a', 'memory.forget', { id: first.id }), { id: back.id, known: true }, 'brought back twice')
  const second = world.ask('a', 'memory.forget', { id })
  t.not(second.id, first.id)
  t.equal(second.known, undefined)
  t.equal(stateOf(id), 'retracted')

  const [one, two, three] = ['one', 'two', 'three'].map(remember) as [string, string, string]
  world.ask('a', 'memory.supersede', { old: one, by: two })
  world.ask('a', 'memory.supersede', { old: two, by: three })
  t.equal(world.ask('a', 'memory.supersede', { old: one, by: two }).known, undefined, 'it is chosen again, of all that is known now')
  const said = world.ask('a', 'memory.supersede', { old: three, by: two })
  world.ask('a', 'memory.forget', { id: said.id })
  t.equal(world.ask('a', 'memory.supersede', { old: three, by: two }).known, undefined)
  t.end()
})

t.test('what is left behind is told: a place with nothing in it, or with more than one thing', t => {
  const world = clusterOf(['a', 'b'])
  const remember = (text: string, key?: string): string => world.ask('a', 'memory.remember', { text, key }).id
  const old = remember('the kettle boils at 90')
  const oops = remember('the kettle boils at 95')
  const says = world.ask('a', 'memory.supersede', { old, by: oops }).id
  const forgotten = world.ask('a', 'memory.forget', { id: oops })
  t.match(forgotten, { vacant: [{ id: old, supersede: says }] })
  t.match(world.ask('a', 'memory.forget', { id: oops }), { known: true, vacant: forgotten.vacant })
  t.match(world.ask('a', 'memory.get', { id: old }), { state: 'superseded', supersededBy: [oops], vacant: true })
  t.same(world.ask('a', 'memory.why', { id: old }).paths, [])
  t.match(world.ask('a', 'memory.why', { id: old }), { state: 'superseded', supersededBy: [oops] }, 'also where it rests on nothing')
  t.same(world.ask('a', 'memory.whatif', { id: old }).dependents, [], 'what was taken back rests on nothing')
  t.equal(world.ask('a', 'memory.forget', { id: says }).vacant, undefined)
  t.match(world.ask('a', 'memory.get', { id: old }), { state: 'current', vacant: undefined })
  t.equal(
    codeOf(() => world.ask('a', 'memory.supersede', { old, by: oops })),
    'invalid_argument',
    'nothing would hold there',
  )

  const first = remember('the limit is 10', 'limit')
  const second = remember('the limit is 20', 'limit')
  t.equal(world.ask('a', 'memory.forget', { id: second }).vacant, undefined, 'under a key the one before holds again')
  t.equal(world.ask('a', 'memory.get', { id: first }).state, 'current')

  const [friday, monday, tuesday] = ['Fridays', 'Mondays', 'Tuesdays'].map(day => remember(`deploys run on ${day}`)) as [
    string,
    string,
    string,
  ]
  t.equal(world.ask('a', 'memory.supersede', { old: friday, by: monday }).alsoCurrent, undefined)
  untilEqual(world, ['a', 'b'])
  t.same(world.ask('b', 'memory.supersede', { old: friday, by: tuesday }).alsoCurrent, [monday])
  t.equal(world.ask('b', 'memory.supersede', { old: monday, by: tuesday }).alsoCurrent, undefined)
  t.same(world.ask('b', 'memory.get', { id: tuesday }).state, 'current')
  t.end()
})

t.test('an id is taken as it is shown, and what is no memory is told from what is not here', t => {
  const world = clusterOf(['a'])
  const from = world.ask('a', 'memory.remember', { text: 'one' }).id
  const to = world.ask('a', 'memory.remember', { text: 'two' }).id
  for (const name of [from.toUpperCase(), `weft://memory/${from}`, `weft://memory/${from.slice(0, 16)}`])
    for (const found of [
      world.ask('a', 'memory.get', { id: name }).id,
      world.ask('a', 'memory.locate', { name }).id,
      world.ask('a', 'memory.timeline', { id: name }).memories[0]?.id,
    ])
      t.equal(found, from, name)
  const link = world.ask('a', 'memory.link', { from, type: 'causes', to }).id
  const erased = world.ask('a', 'memory.remember', { text: 'a secret' }).id
  world.ask('a', 'memory.forget', { id: erased, erase: true })
  const rows: readonly (readonly [command: 'memory.get' | 'memory.why' | 'memory.timeline' | 'memory.whatif', id: string, code: string])[] =
    [
      ['memory.get', link, 'unknown_id'],
      ['memory.why', link, 'unknown_id'],
      ['memory.timeline', link, 'unknown_id'],
      ['memory.get', erased, 'erased'],
      ['memory.why', erased, 'erased'],
      ['memory.timeline', erased, 'erased'],
      ['memory.whatif', erased, 'erased'],
    ]
  for (const [command, id, code] of rows)
    t.equal(
      codeOf(() => world.ask('a', command, { id })),
      code,
      `${command} ${code}`,
    )
  t.throws(() => world.ask('a', 'memory.get', { id: link }), { message: /is no memory but a link/ })
  for (const [end, code] of [
    [link, 'unknown_id'],
    [erased, 'erased'],
  ] as const) {
    t.equal(
      codeOf(() => world.ask('a', 'memory.link', { from, type: 'causes', to: end })),
      code,
    )
    t.equal(
      codeOf(() => world.ask('a', 'memory.link', { from: end, type: 'causes', to })),
      code,
    )
  }
  t.ok(world.ask('a', 'memory.link', { from, type: 'causes', to: 'f'.repeat(64) }), 'what has not arrived may be named')
  t.end()
})
