import t from 'tap'
import { utf8 } from '../../base/bytes.ts'
import { hash } from '../../base/crypto/hash.ts'
import { formatFrontier } from '../../base/frontier.ts'
import { type CausalId, causalIdOf, logIdOf, type NodeId, nodeIdOf } from '../../base/ids.ts'
import { BODY_MAX_BYTES, CLUSTER_RECALL_DEADLINE_MS, MESSAGE_MAX_BYTES } from '../../base/limits.ts'
import type { ClusterRecollection, RecallHit, Recollection } from '../../node/api.ts'
import type { CommandTypes } from '../../node/commands/types.ts'
import type { Core } from '../../node/core.ts'
import { asMessage, recallInCluster } from '../../node/memory/cluster-recall.ts'
import { World } from '../../sim/world.ts'
import { codeOf, settle, untilConnected, untilEqual } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(31)

function clusterOf(names: readonly string[]): World {
  const world = new World({ seed: SEED })
  settle(world, names)
  return world
}

const inCluster = (world: World, node: string, query: string, options: object = {}): ClusterRecollection =>
  world.ask(node, 'memory.recall', { query, cluster: true, ...options }) as ClusterRecollection

t.test('all members are asked: who knows the same says the same, and who is silent is named', t => {
  const names = ['a', 'b', 'c']
  const world = clusterOf(names)
  const [a, b, c] = names.map(name => world.nodeId(name)) as [NodeId, NodeId, NodeId]
  for (const name of names) world.ask(name, 'memory.remember', { text: `the pool of ${name} ran out`, meta: { at: name } })
  untilEqual(world, names)
  const alone = world.ask('a', 'memory.recall', { query: 'pool' })
  for (const name of names) {
    const found = inCluster(world, name, 'pool')
    t.strictSame(
      found.hits.map(({ nodes: _, ...hit }) => hit),
      alone.hits,
      `asked on ${name}: as every node says by itself`,
    )
    t.strictSame(
      found.hits.map(hit => hit.nodes),
      alone.hits.map(() => [a, b, c].sort()),
    )
    t.strictSame(
      found.answers,
      [a, b, c].sort().map(node => ({ node, frontier: alone.frontier, hits: 3, behind: false })),
    )
    t.strictSame([found.silent, found.frontier], [[], alone.frontier])
  }
  t.strictSame(
    inCluster(world, 'a', 'pool', { meta: { at: ['b', 'c'] }, author: b.slice(-8), trust: { [c]: 0.5 } }).hits.map(hit => hit.author),
    [b],
    'the others take the question as it was meant',
  )

  world.partition([['a', 'b'], ['c']])
  world.ask('b', 'memory.remember', { text: 'the pool of both ran out' })
  world.ask('c', 'memory.remember', { text: 'the pool of c alone ran out' })
  untilEqual(world, ['a', 'b'])
  const startMs = world.nowMs
  const split = inCluster(world, 'a', 'pool')
  t.ok(world.nowMs - startMs <= CLUSTER_RECALL_DEADLINE_MS + 100, 'the deadline holds')
  t.strictSame(split.silent, [c])
  t.strictSame(
    split.hits.map(hit => hit.text).filter(text => /both|alone/.test(text)),
    ['the pool of both ran out'],
  )
  const lonely = inCluster(world, 'c', 'pool', { deadlineMs: 50 })
  t.strictSame(lonely.silent, [a, b].sort())
  t.equal(lonely.hits.length, 4)
  world.heal()
  untilConnected(world, names)
  untilEqual(world, names)
  t.strictSame(inCluster(world, 'c', 'pool').hits.length, 5)
  t.strictSame(inCluster(world, 'c', 'pool').silent, [])
  t.equal(
    codeOf(() => inCluster(world, 'a', 'pool', { author: 'nobody' })),
    'unknown_id',
  )
  t.equal(
    codeOf(() => inCluster(world, 'a', 'x'.repeat(5000))),
    'text_too_long',
    'what all refuse is refused',
  )
  t.end()
})

t.test('a member that asks nonsense, or answers nonsense, harms nobody', t => {
  const world = clusterOf(['a', 'b'])
  const kernel = `${world.nodeId('b')}/0`
  for (const argument of [undefined, null, 'pool', { query: 5 }, { query: 'pool', k: 1e9 }, { query: 'pool', trust: { x: 2 } }])
    t.equal(
      codeOf(() => world.ask('a', 'process.call', { to: kernel, method: 'recall', argument })),
      'invalid_argument',
    )
  t.strictSame(world.ask('a', 'process.call', { to: kernel, method: 'recall-states', argument: { ids: ['x', '0'.repeat(64)] } }), {
    result: [null, null],
  })
  t.equal(
    codeOf(() => world.ask('a', 'process.call', { to: kernel, method: 'recall-states', argument: 7 })),
    'invalid_argument',
  )
  world.ask('b', 'memory.remember', { text: `pool ${'x'.repeat(BODY_MAX_BYTES - 100)}` })
  for (let i = 0; i < 12; i++) world.ask('b', 'memory.remember', { text: `pool ${i} ${'y'.repeat(BODY_MAX_BYTES - 100)}` })
  untilEqual(world, ['a', 'b'])
  const found = inCluster(world, 'a', 'pool', { k: 20 })
  t.equal(found.hits.length, 13, 'what does not fit a message is known here as well')
  t.equal(found.answers.length, 2)
  t.equal(found.truncatedBy, undefined)
  t.end()
})

t.test('of a space only who may read it is asked, and answered', t => {
  const names = ['a', 'b', 'c', 'd']
  const world = clusterOf(names)
  const [a, b, c, d] = names.map(name => world.nodeId(name)) as [NodeId, NodeId, NodeId, NodeId]
  world.ask('a', 'space.create', { space: 'plans', encrypted: true })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: b, role: 'read' })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: c, role: 'relay' })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: d, role: 'read' })
  untilEqual(world, names)
  const { id } = world.ask('a', 'memory.remember', { space: 'plans', text: 'the pool moves in May' })
  for (const name of ['b', 'd'])
    world.until('it to be there', () => world.ask(name, 'memory.recall', { space: 'plans', query: 'pool' }).hits.length === 1)
  const asked = inCluster(world, 'b', 'pool', { space: 'plans' })
  t.strictSame(
    asked.hits.map(hit => [hit.id, hit.nodes]),
    [[id, [a, b, d].sort()]],
  )
  t.strictSame(asked.silent, [], 'a relay is not asked')
  t.equal(
    codeOf(() => inCluster(world, 'c', 'pool', { space: 'plans' })),
    'not_granted',
  )
  world.crash('d')
  t.strictSame(inCluster(world, 'b', 'pool', { space: 'plans' }).silent, [d], 'who may read it, and does not answer, is named')
  for (const [method, argument] of [
    ['recall', { space: 'plans', query: 'pool' }],
    ['recall-states', { space: 'plans', ids: [id] }],
  ] as const)
    t.equal(
      codeOf(() => world.ask('c', 'process.call', { to: `${a}/0`, method, argument })),
      'not_granted',
    )
  t.end()
})

// ---- merging, with answers as they come when nodes differ

const [ann, bob, cid] = ['ann', 'bob', 'cid'].map(name => nodeIdOf(hash('content', utf8(name)))).sort() as [NodeId, NodeId, NodeId]
const idOf = (name: string): CausalId => causalIdOf(hash('leaf', utf8(name)))
const logOf = (node: NodeId) => logIdOf(hash('logid', utf8(node)))

/** A node's answer: how much it knows of each log, and the names and scores of its hits. */
interface Said {
  readonly sizes: readonly number[]
  readonly hits: readonly (readonly [name: string, score: number])[]
  /** What it says of others' hits. */
  readonly states?: Readonly<Record<string, string>>
}

function answerOf({ sizes, hits }: Said): Recollection {
  const entries = sizes.flatMap((size, i) =>
    size === 0 ? [] : [{ log: logOf([ann, bob, cid][i] as NodeId), size, head: new Uint8Array(32) }],
  )
  const hit = ([name, score]: readonly [string, number]): RecallHit => ({
    id: idOf(name),
    text: name.replace(/\d/, ''),
    meta: {},
    author: [ann, bob, cid][Number(/\d/.exec(name)?.[0] ?? 0)] as NodeId,
    at: '2026-01-01T00:00:00.000Z',
    log: logOf(ann),
    seq: 1,
    score,
    parts: { bm25: score, vector: 0, spread: 0 },
    path: [],
    mark: '',
  })
  return { hits: hits.map(hit), frontier: formatFrontier(entries), foldVersion: 1, exact: true, truncated: false, vectors: 'none' }
}

function mergedOf(said: readonly (Said | undefined)[], includeSuperseded: boolean = false): ClusterRecollection {
  const nodes = [ann, bob, cid]
  const call = (_: unknown, to: string, method: string, argument: unknown, __: unknown, done: (outcome: unknown) => void): void => {
    const one = said[nodes.indexOf(to.split('/')[0] as NodeId)]
    if (one === undefined) return done({ ok: false })
    const stateOf = (id: string) => Object.entries(one.states ?? {}).find(([name]) => idOf(name) === id)?.[1] ?? null
    done({ ok: true, value: method === 'recall' ? answerOf(one) : (argument as { ids: string[] }).ids.map(stateOf) })
  }
  let result: ClusterRecollection | undefined
  recallInCluster(
    { self: ann, cluster: { others: [cid, bob] }, spaces: { roleOf: () => 'write' }, ipc: { call } } as unknown as Core,
    {
      k: 5,
      asked: { query: 'x' },
      includeSuperseded,
      here: to => to.ok(answerOf(said[0] as Said)),
      read: value => value as Recollection,
    },
    {
      ok: value => (result = value),
      fail: error => {
        throw error
      },
    },
  )
  return result as ClusterRecollection
}

t.test('answers of nodes that differ become one', async t => {
  const rows: readonly {
    readonly what: string
    readonly said: readonly (Said | undefined)[]
    readonly hits: readonly (readonly [name: string, score: number])[]
    readonly behind?: readonly NodeId[]
    readonly silent?: readonly NodeId[]
    readonly includeSuperseded?: boolean
  }[] = [
    {
      what: 'who is behind adds nothing',
      said: [
        { sizes: [2, 2, 2], hits: [['new', 1]] },
        {
          sizes: [2, 1, 2],
          hits: [
            ['old', 2],
            ['new', 0.5],
          ],
        },
        undefined,
      ],
      hits: [['new', 1]],
      behind: [bob],
      silent: [cid],
    },
    {
      what: 'the same memory once, with its best score',
      said: [
        {
          sizes: [2, 1, 0],
          hits: [
            ['x', 1],
            ['y', 0.5],
          ],
        },
        {
          sizes: [1, 2, 0],
          hits: [
            ['x', 0.5],
            ['y', 0.8],
          ],
        },
        { sizes: [1, 1, 2], hits: [['z', 0.9]] },
      ],
      hits: [
        ['x', 1],
        ['z', 0.9],
        ['y', 0.8],
      ],
    },
    {
      what: 'what one knows to be replaced is left out, whoever found it',
      said: [
        {
          sizes: [2, 1, 0],
          hits: [
            ['x', 1],
            ['y', 0.5],
          ],
        },
        { sizes: [1, 2, 0], hits: [['z', 1]], states: { x: 'superseded', y: 'current' } },
        { sizes: [0, 1, 0], hits: [['x', 1]], states: { y: 'superseded' } },
      ],
      hits: [
        ['z', 1],
        ['y', 0.5],
      ],
      behind: [cid],
    },
    {
      what: 'unless it was asked for; what was taken back is gone',
      said: [
        {
          sizes: [2, 1, 0],
          hits: [
            ['x', 1],
            ['y', 0.5],
          ],
        },
        { sizes: [1, 2, 0], hits: [], states: { x: 'superseded', y: 'retracted' } },
        undefined,
      ],
      hits: [['x', 1]],
      silent: [cid],
      includeSuperseded: true,
    },
    {
      what: 'the same words of several authors are one hit',
      said: [
        { sizes: [2, 1, 0], hits: [['same0', 1]] },
        {
          sizes: [1, 2, 0],
          hits: [
            ['same1', 0.5],
            ['same0', 0.4],
          ],
        },
        undefined,
      ],
      hits: [['same0', 1]],
      silent: [cid],
    },
  ]
  for (const { what, said, hits, behind = [], silent = [], includeSuperseded } of rows) {
    const found = mergedOf(said, includeSuperseded)
    t.strictSame(
      found.hits.map(hit => [hit.id, hit.score]),
      hits.map(([name, score]) => [idOf(name), score]),
      what,
    )
    t.strictSame(
      found.answers.flatMap(({ node, behind: isBehind }) => (isBehind ? [node] : [])),
      behind,
      `${what}: behind`,
    )
    t.strictSame(found.silent, silent, `${what}: silent`)
  }
  t.strictSame(mergedOf(rows[4]?.said ?? []).hits[0]?.copies, [{ id: idOf('same1'), author: bob }])
})

t.test('an answer is cut to what a message takes', async t => {
  const small = answerOf({ sizes: [1], hits: [['x', 1]] })
  t.equal(asMessage(small), small)
  const large = {
    ...small,
    hits: Array.from({ length: 10 }, () => ({ ...(small.hits[0] as RecallHit), text: 'x'.repeat(MESSAGE_MAX_BYTES / 12) })),
  }
  const cut = asMessage(large)
  t.ok(cut.hits.length > 0 && cut.hits.length < 10)
  t.ok(utf8(JSON.stringify(cut)).length < MESSAGE_MAX_BYTES)
  t.match(cut, { truncated: true, truncatedBy: 'message' })
})

// ---- what was recalled is not remembered anew

t.test('what is recalled and written again stays one memory, and says whose it is', t => {
  const names = ['a', 'b']
  const world = clusterOf(names)
  const said = { text: 'The pool ran out.\nIt holds 200.', meta: { service: 'checkout' }, source: 'log/1' }
  const first = world.ask('a', 'memory.remember', said)
  t.equal(first.known, undefined)
  untilEqual(world, names)
  const { hits } = world.ask('b', 'memory.recall', { query: 'pool' })
  const { mark, text } = hits[0] as RecallHit
  const count = () => world.ask('b', 'memory.status', {}).nodes
  const copies: readonly (readonly [what: string, input: { text: string; meta?: Record<string, string>; source?: string }])[] = [
    ['the text', { text }],
    ['the text with what was said beside it', said],
    [
      'quoted',
      {
        text: text
          .split('\n')
          .map(line => `> ${line}`)
          .join('\n'),
      },
    ],
    ['as it was shown', { text: `${mark}, score 1.000, written 2026\n> The pool ran out.\n> It holds 200.` }],
    ['in other spaces', { text: ' The pool ran out.  It holds 200.' }],
  ]
  // On its own node the bare text, without what was said beside it, is another one that its author means.
  for (const node of names)
    for (const [what, input] of copies)
      if (node === 'b' || what !== 'the text')
        t.strictSame(world.ask(node, 'memory.remember', input), { ...first, known: true }, `${what}, on ${node}`)
  t.equal(world.ask('a', 'memory.remember', { text }).known, undefined)
  untilEqual(world, names)
  t.equal(count(), 2)

  const news: readonly (readonly [
    what: string,
    input: { text: string; meta?: Record<string, string>; key?: string; validFrom?: string; again?: boolean },
  ])[] = [
    ['other labels', { text, meta: { service: 'cart' } }],
    ['a label that the other has not', { text, meta: { language: 'go' } }],
    ['a key', { text, key: 'pool' }],
    ['a time', { text, validFrom: '2026-01-01' }],
    ['insisted on', { text, again: true }],
  ]
  for (const [what, input] of news) t.equal(world.ask('b', 'memory.remember', input).known, undefined, what)
  t.equal(world.ask('b', 'memory.remember', { text, again: true }).known, true, 'and once more it is known')
  t.equal(count(), 2 + news.length)

  const beside = world.ask('b', 'memory.remember', { text: 'the load doubled' })
  untilEqual(world, names)
  const linked = world.ask('b', 'memory.remember', { ...said, edges: [{ type: 'triggered-by', to: beside.id }] })
  t.strictSame(linked, { ...first, known: true })
  t.match(world.ask('b', 'memory.get', { id: first.id }).edges, [{ type: 'triggered-by', to: beside.id, live: true }], 'its links are new')

  const built = world.ask('b', 'memory.remember', {
    text: `Because of ${mark} and ${mark.slice(0, 30)} we doubled it, see weft://memory/${'0'.repeat(64)}.`,
  })
  t.equal(built.known, undefined)
  const { edges } = world.ask('b', 'memory.get', { id: built.id })
  t.strictSame(
    edges.map(({ type, from, to }) => [type, from, to]),
    [['derived-from', built.id, first.id]],
  )

  world.ask('a', 'memory.forget', { id: first.id })
  untilEqual(world, names)
  t.equal(
    world.ask('b', 'memory.remember', { text: '> The pool ran out.\n> It holds 200.', meta: { service: 'checkout' }, source: 'log/1' })
      .known,
    undefined,
    'what was taken back can be said again',
  )
  t.end()
})

// ---- what is disputed, and what was thought when

/** Two nodes that replaced one memory by different ones without knowing of each other. */
function disputed(): { readonly world: World; readonly old: CausalId; readonly rivals: readonly [CausalId, CausalId] } {
  const names = ['a', 'b']
  const world = clusterOf(names)
  const old = world.ask('a', 'memory.remember', { text: 'deploys run on Fridays' }).id
  untilEqual(world, names)
  world.partition([['a'], ['b']])
  const rivals = names.map((name, i) => {
    const { id } = world.ask(name, 'memory.remember', { text: `deploys run on ${['Mondays', 'Tuesdays'][i]}` })
    world.ask(name, 'memory.supersede', { old, by: id })
    return id
  }) as [CausalId, CausalId]
  world.heal()
  untilConnected(world, names)
  untilEqual(world, names)
  return { world, old, rivals }
}

t.test('one command settles a conflict, for everybody', t => {
  const { world, old, rivals } = disputed()
  const [first, second] = rivals
  const conflicts = () => world.ask('b', 'memory.conflicts', {}).conflicts
  t.equal(conflicts().length, 1)
  const refused: readonly (readonly [input: CommandTypes['memory.resolve']['input'], code: string])[] = [
    [{ about: old }, 'invalid_argument'],
    [{ about: old, keep: first, text: 'both' }, 'invalid_argument'],
    [{ about: old, keep: old }, 'invalid_argument'],
    [{ about: '0'.repeat(64), keep: first }, 'unknown_id'],
    [{ about: 'ffffffff', keep: first }, 'unknown_id'],
    [{ about: old, keep: 'ffffffff' }, 'unknown_id'],
    [{ about: old, text: '' }, 'text_invalid'],
    [{ about: old.slice(0, 16), text: '' }, 'text_invalid'],
  ]
  for (const [input, code] of refused)
    t.equal(
      codeOf(() => world.ask('a', 'memory.resolve', input)),
      code,
      JSON.stringify(input),
    )
  const settled = world.ask('a', 'memory.resolve', { about: second.slice(0, 12), keep: first, reason: 'agreed' })
  t.match(settled, { kept: first, replaced: [second] })
  untilEqual(world, ['a', 'b'])
  t.strictSame(conflicts(), [])
  t.strictSame(
    world.ask('b', 'memory.recall', { query: 'deploys' }).hits.map(hit => hit.id),
    [first],
  )
  t.equal(
    codeOf(() => world.ask('a', 'memory.resolve', { about: old, keep: first })),
    'unknown_id',
    'what is settled is no conflict',
  )

  const other = disputed()
  const said = other.world.ask('b', 'memory.resolve', { about: other.old, text: 'deploys run daily', key: 'deploys' })
  t.strictSame(new Set(said.replaced), new Set(other.rivals))
  t.match(other.world.ask('b', 'memory.get', { id: said.kept }), { text: 'deploys run daily', key: 'deploys', state: 'current' })
  t.strictSame(other.world.ask('b', 'memory.conflicts', {}).conflicts, [])

  const third = disputed()
  t.match(
    third.world.ask('a', 'memory.resolve', { about: third.old, text: '> deploys run on Tuesdays' }),
    { kept: third.rivals[1], replaced: [third.rivals[0]] },
    'words of a rival are the rival',
  )
  t.end()
})

t.test('a hit in conflict names what else holds in its place, asked here, in the cluster, or as of then', t => {
  const { world, old, rivals } = disputed()
  const before = world.ask('a', 'memory.status', {}).frontier
  const shown = (hits: readonly RecallHit[]) =>
    hits.map(hit => [hit.id, (hit.rivals ?? []).map(rival => [rival.id, rival.author, rival.text])])
  const row = (i: number) => [rivals[i], world.nodeId(['a', 'b'][i] as string), `deploys run on ${['Mondays', 'Tuesdays'][i]}`]
  const expected = [
    [rivals[0], [row(1)]],
    [rivals[1], [row(0)]],
  ].sort()
  for (const [what, hits] of [
    ['on one side', world.ask('a', 'memory.recall', { query: 'deploys' }).hits],
    ['on the other', world.ask('b', 'memory.recall', { query: 'deploys' }).hits],
    ['in the cluster', inCluster(world, 'b', 'deploys').hits],
  ] as const)
    t.strictSame(shown(hits).sort(), expected, what)
  const found = world.ask('b', 'memory.recall', { query: 'deploys', includeSuperseded: true }).hits.find(hit => hit.id === old)
  t.match(found, { state: 'superseded' }, 'what they replaced says so')
  t.strictSame([...(found?.supersededBy ?? [])].sort(), [...rivals].sort())
  t.equal(found?.rivals, undefined)

  world.ask('a', 'memory.resolve', { about: old, keep: rivals[0] })
  untilEqual(world, ['a', 'b'])
  t.strictSame(shown(world.ask('b', 'memory.recall', { query: 'deploys' }).hits), [[rivals[0], []]], 'settled is settled')
  t.strictSame(shown(world.ask('b', 'memory.recall', { query: 'deploys', asOf: before }).hits).sort(), expected, 'and was not before')
  t.end()
})

t.test('an answer as of a time is that of the frontier it names, on every node that knows as much', t => {
  const { world, old, rivals } = disputed()
  const { at } = world.ask('a', 'memory.get', { id: old })
  const now = world.ask('a', 'memory.status', {}).frontier
  const ids = (input: CommandTypes['memory.recall']['input'], node = 'a') =>
    world.ask(node, 'memory.recall', { query: 'deploys', ...input }).hits.map(hit => hit.id)
  t.strictSame(
    [ids({ asOf: at }), ids({ asOf: at }, 'b'), inCluster(world, 'b', 'deploys', { asOf: at }).hits.map(hit => hit.id)],
    [[old], [old], [old]],
  )
  const { frontier, hits } = world.ask('a', 'memory.recall', { query: 'deploys', asOf: at })
  t.strictSame(
    world.ask('b', 'memory.recall', { query: 'deploys', asOf: frontier }),
    world.ask('a', 'memory.recall', { query: 'deploys', asOf: at }),
  )
  t.equal(hits[0]?.state, undefined, 'what holds then has no successor')
  t.strictSame(
    [ids({ asOf: '2001-01-01' }), ids({ asOf: '2999-01-01T00:00:00+01:00' }).sort()],
    [[], [...rivals].sort()],
    'before all, and after all',
  )
  t.strictSame(
    world.ask('b', 'memory.recall', { query: 'deploys', asOf: '2001-01-01' }).frontier,
    world.ask('a', 'memory.diff', { from: '2001-01-01' }).from,
  )
  t.equal(world.ask('a', 'memory.recall', { query: 'deploys', asOf: '2999-01-01' }).frontier, now)

  t.match(world.ask('a', 'memory.list', { asOf: at }), { memories: [{ id: old, state: 'current' }], asOf: frontier })
  t.equal(world.ask('a', 'memory.why', { id: old, asOf: at }).frontier, frontier)
  t.equal(world.ask('a', 'memory.whatif', { id: old, asOf: at }).frontier, frontier)
  t.equal(world.ask('a', 'memory.timeline', { asOf: at }).frontier, frontier)
  t.equal(world.ask('a', 'memory.coherence', { asOf: at }).frontier, frontier)
  t.match(world.ask('a', 'memory.diff', { from: at }), { from: frontier, to: now, conflicts: { appeared: [{ target: old }] } })
  t.match(world.ask('a', 'memory.diff', { from: '2001-01-01', to: at }), { to: frontier, memories: [{ id: old, before: null }] })

  for (const asOf of ['', 'yesterday', '2026-13-01', '2026-02-31', '2026-01-01T12:00:00', '12:00', '2026', 'x'.repeat(5000)]) {
    t.equal(
      codeOf(() => ids({ asOf })),
      'frontier_invalid',
      asOf.slice(0, 30),
    )
    t.equal(
      codeOf(() => world.ask('a', 'memory.list', { asOf })),
      'frontier_invalid',
    )
  }
  for (const command of ['memory.recall', 'memory.list'] as const)
    t.equal(
      codeOf(() => world.ask('a', command, { ...(command === 'memory.recall' ? { query: 'x' } : {}), after: at })),
      'frontier_invalid',
      'a time cannot be waited for',
    )
  t.end()
})

t.test('more rivals than are named are counted, and their texts begin', t => {
  const names = Array.from({ length: 10 }, (_, i) => `n${i}`)
  const world = clusterOf(names)
  const old = world.ask('n0', 'memory.remember', { text: 'deploys run on Fridays' }).id
  untilEqual(world, names)
  world.partition(names.map(name => [name]))
  for (const name of names) {
    const { id } = world.ask(name, 'memory.remember', { text: `deploys of ${name} ${'\u{1F600}'.repeat(80)}` })
    world.ask(name, 'memory.supersede', { old, by: id })
  }
  world.heal()
  untilConnected(world, names)
  untilEqual(world, names)
  for (const { hits } of [world.ask('n3', 'memory.recall', { query: 'deploys', k: 20 }), inCluster(world, 'n4', 'deploys', { k: 20 })]) {
    t.equal(hits.length, 10)
    for (const hit of hits) {
      t.strictSame([hit.rivals?.length, hit.rivalsInAll], [8, 9])
      for (const { text } of hit.rivals ?? [])
        t.ok(text.length > 100 && text.length <= 120 && !/[\uD800-\uDBFF]$/.test(text), 'no half of a character')
    }
  }
  t.end()
})

t.test('what was replaced says so on the ways of why, and names what holds instead', t => {
  const world = clusterOf(['a'])
  const say = (text: string): CausalId => world.ask('a', 'memory.remember', { text }).id
  const [cause, effect, better] = [say('the pool was exhausted'), say('checkout failed'), say('the pool leaked')]
  world.ask('a', 'memory.link', { from: cause, type: 'causes', to: effect })
  const steps = () =>
    world.ask('a', 'memory.why', { id: effect }).paths[0]?.steps.map(({ id, state, supersededBy }) => [id, state, supersededBy])
  t.strictSame(steps(), [
    [effect, undefined, undefined],
    [cause, undefined, undefined],
  ])
  world.ask('a', 'memory.supersede', { old: cause, by: better })
  t.strictSame(steps(), [
    [effect, undefined, undefined],
    [cause, 'superseded', [better]],
  ])
  t.end()
})

t.test('a timeline shows what was thought when, and what replaced what', t => {
  const { world, old, rivals } = disputed()
  const [first, second] = rivals
  const { id: settled } = world.ask('a', 'memory.resolve', { about: old, keep: second })
  const past = world.ask('a', 'memory.remember', { text: 'the old pipeline was manual', validFrom: '2001-01-01' }).id
  untilEqual(world, ['a', 'b'])
  const shown = (input: CommandTypes['memory.timeline']['input']) => {
    const here = world.ask('a', 'memory.timeline', input)
    t.strictSame(world.ask('b', 'memory.timeline', input), here, 'the same on every node')
    return here.memories.map(({ id, state, supersedes, supersededBy }) => [
      id,
      state,
      supersedes.map(one => one.id),
      new Set(supersededBy.map(one => one.id)),
    ])
  }
  const rows = [
    [old, 'superseded', [], new Set([first, second])],
    [first, 'superseded', [old], new Set([second])],
    [second, 'current', [old, first], new Set()],
  ]
  for (const input of [{ id: old }, { id: second.slice(0, 10) }, { query: 'Fridays' }, { query: 'deploys' }])
    t.strictSame(shown(input).sort(byId), [...rows].sort(byId), JSON.stringify(input))
  t.strictSame(
    shown({})
      .map(row => row[0])
      .at(-1),
    past,
  )
  t.strictSame(shown({ order: 'valid' }).map(row => row[0])[0], past)
  t.strictSame(shown({ query: 'kubernetes' }), [])
  t.equal(world.ask('a', 'memory.timeline', { id: old }).memories[0]?.id, old, 'the earliest first')
  t.ok(
    world
      .ask('a', 'memory.timeline', { id: second })
      .memories.at(-1)
      ?.supersedes.some(one => one.record === settled),
  )
  t.match(world.ask('a', 'memory.timeline', { id: old, limit: 2 }), { truncated: true })
  t.match(world.ask('a', 'memory.timeline', { limit: 4 }), { truncated: false })
  t.match(world.ask('a', 'memory.timeline', { limit: 3 }), { truncated: true })
  const before = world.ask('a', 'memory.status', {}).frontier
  const later = world.ask('a', 'memory.remember', { text: 'deploys run hourly' }).id
  world.ask('a', 'memory.supersede', { old: second, by: later })
  t.equal(world.ask('a', 'memory.timeline', { id: old, asOf: before }).memories.length, 3, 'and as it was then')
  t.equal(world.ask('a', 'memory.timeline', { id: old }).memories.length, 4)
  t.equal(
    codeOf(() => world.ask('a', 'memory.timeline', { id: '0'.repeat(64) })),
    'unknown_id',
  )
  t.equal(
    codeOf(() => world.ask('a', 'memory.timeline', { id: old, query: 'x' })),
    'invalid_argument',
  )
  t.end()
})

function byId(a: readonly unknown[], b: readonly unknown[]): number {
  return String(a[0]) < String(b[0]) ? -1 : 1
}
