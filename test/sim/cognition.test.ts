import t from 'tap'
import type { CausalId } from '../../base/ids.ts'
import type { ImpulseRecord } from '../../node/cognition/api.ts'
import type { CognitionSettings } from '../../node/cognition/settings.ts'
import { World } from '../../sim/world.ts'
import { codeOf, coreOf, recordsOf, settle, spawnOn, untilConnected, untilEqual, untilTold } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(31)
const ON: CognitionSettings = { tick: 'on', share: 0.3, calibrate: true }

function worldOf(names: readonly string[], cognition: CognitionSettings = ON, seed: number = SEED): World {
  const world = new World({ seed, cognition })
  settle(world, names)
  return world
}

function remember(world: World, node: string, text: string, more: object = {}): CausalId {
  return world.ask(node, 'memory.remember', { text, ...more }).id
}

function impulsesOf(world: World, node: string): readonly ImpulseRecord[] {
  return world.ask(node, 'memory.impulses', { limit: 500 }).impulses
}

/** Runs until nothing more is due on this node but what peers want. */
function untilThought(world: World, node: string): void {
  world.until(`${node} to have thought`, () => coreOf(world, node).cognition.isIdle)
}

function reasonsOf(impulses: readonly ImpulseRecord[]): readonly string[] {
  return impulses.map(({ kind, reason }) => `${kind} ${reason}`).sort()
}

t.test('what is new, what contradicts and what took the place of another become impulses, on every node by itself', t => {
  const world = worldOf(['a', 'b'])
  for (let i = 0; i < 20; i++) remember(world, 'a', `runbook page ${i} tells how the checkout pool is drained`)
  untilEqual(world, ['a', 'b'])
  for (const node of ['a', 'b']) {
    untilThought(world, node)
    for (const { number } of impulsesOf(world, node)) world.ask(node, 'memory.acknowledge', { numbers: [number] })
  }
  const strange = remember(world, 'a', 'quarterly horoscopes mention giraffes')
  const one = remember(world, 'a', 'checkout pool size: 200')
  const other = remember(world, 'b', 'checkout pool size: 100')
  const keyed = remember(world, 'a', 'limit is low', { key: 'limit' })
  remember(world, 'b', 'limit is high', { key: 'limit' })
  const next = remember(world, 'a', 'limit is middling', { key: 'limit' })
  const link = world.ask('a', 'memory.link', { from: one, type: 'contradicts', to: strange }).id
  untilEqual(world, ['a', 'b'])
  for (const node of ['a', 'b']) {
    untilThought(world, node)
    const found = impulsesOf(world, node)
    const of = (reason: string): ImpulseRecord | undefined => found.find(impulse => impulse.reason === reason)
    t.match(of('new'), { kind: 'novelty-detected', subject: strange }, node)
    t.ok((of('new')?.strength ?? 0) > 0.7)
    t.match(of('same-subject'), { kind: 'coherence-alert', about: [one, other].sort() })
    t.match(of('same-key'), { kind: 'coherence-alert' })
    t.match(of('contradicts'), { subject: link, about: [one, strange] })
    t.match(of('superseded'), { kind: 'belief-update', about: [next, keyed] })
    t.same(
      found.map(({ number }) => number),
      found.map(({ number }) => number).sort((x, y) => x - y),
    )
  }
  t.equal(recordsOf(world, 'a', 'memory/main').filter(({ header }) => header.kind === 51).length, 1, 'thinking writes no record')
  t.end()
})

t.test('an idle node does nothing, and one that does not tick looks only when asked', t => {
  const world = worldOf(['a'], { ...ON, tick: 'off' })
  untilThought(world, 'a')
  remember(world, 'a', 'checkout pool size: 200')
  remember(world, 'a', 'checkout pool size: 100')
  t.ok(coreOf(world, 'a').cognition.isIdle)
  t.same(impulsesOf(world, 'a'), [])
  t.match(world.ask('a', 'memory.tick', {}), { sensed: 2, impulses: 1, more: false, ticking: 'off', waiting: 1 })
  t.match(world.ask('a', 'memory.tick', {}), { sensed: 0, impulses: 0 })
  t.same(reasonsOf(impulsesOf(world, 'a')), ['coherence-alert same-subject'])
  t.end()
})

t.test('impulses survive a restart and a crash, and those acknowledged do not come again', t => {
  const world = worldOf(['a'])
  remember(world, 'a', 'checkout pool size: 200')
  remember(world, 'a', 'checkout pool size: 100')
  remember(world, 'a', 'billing owner: Ada')
  remember(world, 'a', 'billing owner: Ben')
  untilThought(world, 'a')
  const [first, second] = impulsesOf(world, 'a') as [ImpulseRecord, ImpulseRecord]
  t.equal(impulsesOf(world, 'a').length, 2)
  t.same(world.ask('a', 'memory.acknowledge', { upTo: first.number }), { acknowledged: 1 })
  t.same(world.ask('a', 'memory.acknowledge', { upTo: first.number }), { acknowledged: 0 })
  world.crash('a')
  world.start('a')
  untilThought(world, 'a')
  t.same(impulsesOf(world, 'a'), [second])
  world.stop('a')
  world.start('a')
  untilThought(world, 'a')
  t.same(impulsesOf(world, 'a'), [second])
  const raised = world.ask('a', 'memory.raise', { reason: 'look-here', about: ['x'], text: 'for whoever listens' })
  t.match(raised, { kind: 'custom', reason: 'look-here', number: second.number + 1, count: 1 })
  t.equal(
    codeOf(() => world.ask('a', 'memory.raise', { reason: '' })),
    'invalid_argument',
  )
  t.end()
})

t.test('an agent listens to impulses as they come', async t => {
  const world = worldOf(['a'])
  const heard: string[] = []
  spawnOn(world, 'a', ({ memory }) => {
    void (async () => {
      for await (const { number, reason } of memory.impulses()) {
        heard.push(reason)
        await memory.acknowledge(number)
        if (heard.length === 2) break
      }
    })()
    return {}
  })
  remember(world, 'a', 'checkout pool size: 200')
  remember(world, 'a', 'checkout pool size: 100')
  await untilTold(world, 'the first', () => heard.length === 1)
  world.ask('a', 'memory.raise', { reason: 'second' })
  await untilTold(world, 'the second, and both gone', () => heard.length === 2 && impulsesOf(world, 'a').length === 0)
  t.same(heard, ['same-subject', 'second'])
})

/** Deploys that latency follows, between other things. */
function tellHistory(world: World, nodes: readonly string[], rounds: number): void {
  for (let i = 0; i < rounds; i++) {
    const on = (k: number): string => nodes[(i + k) % nodes.length] as string
    remember(world, on(0), `deploy: version ${i} went out`)
    remember(world, on(1), `${['ledger', 'search', 'mail', 'login'][i % 4]}: report ${i}`)
    remember(world, on(0), `latency: rose in run ${i}`)
    for (let k = 0; k < 20; k++) remember(world, on(k), `${['ledger', 'search', 'mail', 'login', 'audit'][(i + k) % 5]}: entry ${i} ${k}`)
    untilEqual(world, nodes)
  }
}

t.test('a proposal is the same on every node; confirmed it is an edge with its reasons, rejected it does not come again', t => {
  const world = worldOf(['a', 'b'], { ...ON, tick: 'off' })
  tellHistory(world, ['a', 'b'], 14)
  const { proposals } = world.ask('a', 'memory.proposals', {})
  t.same(world.ask('b', 'memory.proposals', {}).proposals, proposals)
  const [best] = proposals
  t.match(best, { type: 'causes', cause: 'deploy', effect: 'latency', evidence: { causes: 14, followed: 14, reversed: Number } })
  const name = best?.proposal as string
  t.equal(
    codeOf(() => world.ask('a', 'memory.confirm', { proposal: '0123456789abcdef' })),
    'unknown_id',
  )
  const before = recordsOf(world, 'a', 'memory/main').length
  t.same(world.ask('b', 'memory.reject', { proposal: name.slice(0, 8) }), { rejected: name })
  world.crash('b')
  world.start('b')
  untilConnected(world, ['a', 'b'])
  t.notOk(world.ask('b', 'memory.proposals', {}).proposals.some(({ proposal }) => proposal === name))
  const { link, finding } = world.ask('a', 'memory.confirm', { proposal: name })
  const links = world.ask('a', 'memory.get', { id: link.id === finding.id ? '' : (best?.to.id as string) }).edges
  t.match(
    links.find(edge => edge.id === link.id),
    { from: best?.from.id, type: 'causes', to: best?.to.id },
  )
  const why = world.ask('a', 'memory.why', { id: best?.to.id as string })
  t.ok(why.paths.some(path => path.steps.some(step => step.id === best?.from.id)))
  t.match(world.ask('a', 'memory.get', { id: finding.id }), { text: /latency follows deploy: 14 times of 14/, source: 'weft mem confirm' })
  t.ok(recordsOf(world, 'a', 'memory/main').length > before + 3)
  t.notOk(world.ask('a', 'memory.proposals', {}).proposals.some(({ proposal }) => proposal === name))
  t.ok(reasonsOf(impulsesOf(world, 'a')).includes('edge-confirmed causes'))
  t.end()
})

t.test('a graph that falls apart raises an alert, once', t => {
  const world = worldOf(['a'])
  const halves = ['pool', 'mail'].map(subject => {
    const ids = Array.from({ length: 12 }, (_, i) => remember(world, 'a', `${subject} page ${i} of the handbook of ${subject}`))
    for (let i = 1; i < 12; i++) {
      world.ask('a', 'memory.link', { from: ids[i] as string, type: 'follows', to: ids[i - 1] as string })
      world.ask('a', 'memory.link', { from: ids[i] as string, type: 'causes', to: ids[(i * 5) % 12] as string })
    }
    return ids
  })
  const bridge = world.ask('a', 'memory.link', { from: halves[0]?.[3] as string, type: 'causes', to: halves[1]?.[3] as string }).id
  for (let i = 0; i < 20; i++) remember(world, 'a', `note ${i}`)
  untilThought(world, 'a')
  t.match(world.ask('a', 'memory.coherence', {}), { parts: 1, largest: 24, alone: 20, converged: true })
  t.notOk(impulsesOf(world, 'a').some(({ reason }) => reason === 'split'))
  world.ask('a', 'memory.forget', { id: bridge })
  for (let i = 20; i < 60; i++) remember(world, 'a', `note ${i}`)
  untilThought(world, 'a')
  t.same(
    impulsesOf(world, 'a')
      .filter(({ reason }) => reason === 'split')
      .map(({ count }) => count),
    [1],
  )
  t.end()
})

t.test('a tick that is asked for looks at the whole, however little has changed', t => {
  const world = worldOf(['a'], { ...ON, tick: 'off' })
  const ids = Array.from({ length: 20 }, (_, i) => remember(world, 'a', `page ${i} of the handbook`))
  const links = ids.slice(1).map((id, i) => world.ask('a', 'memory.link', { from: id, type: 'follows', to: ids[i] as string }).id)
  const ticked = (): number => {
    for (let impulses = 0; ; ) {
      const report = world.ask('a', 'memory.tick', {})
      impulses += report.impulses
      if (!report.more) return impulses
    }
  }
  ticked()
  world.ask('a', 'memory.forget', { id: links[9] as string })
  const before = impulsesOf(world, 'a').length
  t.equal(ticked(), 1)
  t.same(reasonsOf(impulsesOf(world, 'a').slice(before)), ['coherence-alert split'])
  t.equal(ticked(), 0, 'nothing has changed since')
  t.end()
})

t.test('the fastest member answers for the whole, as of what was asked; nobody there, this node does', t => {
  const world = worldOf(['a', 'b'], { ...ON, tick: 'off', calibrate: false })
  const [one, two] = [remember(world, 'a', 'one'), remember(world, 'a', 'two')]
  world.ask('a', 'memory.link', { from: one, type: 'causes', to: two })
  t.equal(world.ask('a', 'memory.coherence', { anywhere: true }).node, world.nodeId('a'), 'none is known to be faster')
  world.runtime('b').dispatch({ kind: 'run', run: () => coreOf(world, 'b').peers.onCapacity({ p50Us: 80, p95Us: 120 }) })
  world.until('a to hear of it', () => world.ask('a', 'peer.list', {}).peers[0]?.capacity?.p95Us === 120)
  const own = world.ask('a', 'memory.coherence', {})
  const theirs = world.ask('a', 'memory.coherence', { anywhere: true })
  t.match(theirs, { node: world.nodeId('b'), memories: 2, connectivity: 2, frontier: own.frontier })
  t.match(world.ask('a', 'memory.communities', { anywhere: true }), { node: world.nodeId('b'), count: 1 })
  world.partition([['a'], ['b']])
  t.equal(world.ask('a', 'memory.coherence', { anywhere: true }).node, world.nodeId('a'))
  t.end()
})

t.test('nodes measure themselves when they start, and tell each other', t => {
  const world = worldOf(['a', 'b'])
  world.until('both to know', () => ['a', 'b'].every(name => world.ask(name, 'peer.list', {}).peers[0]?.capacity !== null))
  t.match(world.ask('a', 'memory.tick', {}).capacity, { p50Us: Number, p95Us: Number })
  world.stop('b')
  world.until('a to notice', () => world.ask('a', 'peer.list', {}).peers[0]?.state === 'down')
  t.equal(world.ask('a', 'peer.list', {}).peers[0]?.capacity, null)
  t.end()
})

t.test('one thing has many names, and each leads to all others', t => {
  const world = worldOf(['a'], { ...ON, tick: 'off' })
  const { id, log, seq } = world.ask('a', 'memory.remember', { text: 'where am I' })
  const other = remember(world, 'a', 'there')
  const link = world.ask('a', 'memory.link', { from: id, type: 'causes', to: other }).id
  world.run(1000)
  const found = world.ask('a', 'memory.locate', { name: id })
  t.match(found, {
    id,
    log,
    seq,
    stream: 'memory/main',
    author: world.nodeId('a'),
    kind: 'memory.remember',
    leaf: { index: seq, root: /^[0-9a-f]{64}$/ },
    signed: true,
    graph: { role: 'memory', state: 'current', links: 1 },
  })
  t.same(world.ask('a', 'memory.locate', { name: id.slice(0, 12) }), found)
  t.same(world.ask('a', 'memory.locate', { name: `${log}/${seq}` }), found)
  t.same(world.ask('a', 'memory.locate', { name: `${log.slice(0, 10)}/${seq}` }), found)
  t.match(world.ask('a', 'memory.locate', { name: link }), { kind: 'memory.link', graph: { role: 'link', state: null, links: 0 } })
  t.match(world.ask('a', 'memory.locate', { name: `${log}/0` }), { kind: 'log.genesis', graph: null })
  const missing = [`${log}/999`, 'f'.repeat(64), `${'e'.repeat(64)}/1`].map(name => [name, 'unknown_id'])
  const wrong = ['nothing', id.slice(0, 7), 'foo/bar', `${log}/`, `${log}/-1`, `${id}/1/2`].map(name => [name, 'invalid_argument'])
  for (const [name = '', code] of [...missing, ...wrong])
    t.equal(
      codeOf(() => world.ask('a', 'memory.locate', { name })),
      code,
      name,
    )
  t.end()
})

t.test('a vector, the memory it stands for and the record it came in lead to each other', t => {
  const world = worldOf(['a'], { ...ON, tick: 'off' })
  const embedder = 'external:test:2'
  const { id } = world.ask('a', 'memory.remember', { text: 'somewhere', vector: [1, 0], embedder })
  const found = world.ask('a', 'memory.locate', { name: id })
  t.match(found.vectors, [{ node: id, embedder, dims: 2 }])
  const vector = world.ask('a', 'memory.locate', { name: found.vectors[0]?.id as string })
  t.match(vector, { kind: 'memory.vector', graph: { role: 'vector' }, vectors: found.vectors })
  t.end()
})

t.test('what is like another by its vector is not new, whatever its words; a better vector is news', t => {
  const world = worldOf(['a'], { ...ON, tick: 'off' })
  const embedder = 'external:test:2'
  const say = (text: string, vector: readonly number[]): CausalId => world.ask('a', 'memory.remember', { text, vector, embedder }).id
  for (let i = 0; i < 20; i++) say(`runbook page ${i} tells how the checkout pool is drained`, [1, i / 10])
  while (world.ask('a', 'memory.tick', {}).more);
  const before = impulsesOf(world, 'a').length
  const like = say('quarterly horoscopes mention giraffes', [1, 0.5])
  const unlike = say('submarines dislike marmalade', [-1, -1])
  world.ask('a', 'memory.tick', {})
  const news = impulsesOf(world, 'a').slice(before)
  t.same(
    news.map(({ reason, subject }) => [reason, subject]),
    [['new', unlike]],
  )
  t.equal(say('quarterly horoscopes mention giraffes', [0, 1]), like, 'said again with another vector')
  world.ask('a', 'memory.tick', {})
  t.match(impulsesOf(world, 'a').at(-1), { kind: 'embedding-refined', reason: 'replaced', subject: like })
  t.end()
})

t.test('spaces: what is asked of one is of that one, whose decisions are its own; what a node notices is new in main', t => {
  const world = worldOf(['a'], { ...ON, tick: 'off' })
  const [one, two] = ['one', 'two'].map(text => world.ask('a', 'memory.remember', { space: 'lab', text }).id) as [CausalId, CausalId]
  world.ask('a', 'memory.link', { space: 'lab', from: one, type: 'causes', to: two })
  t.match(world.ask('a', 'memory.coherence', { space: 'lab' }), { memories: 2 })
  t.match(world.ask('a', 'memory.coherence', {}), { memories: 0 })
  t.match(world.ask('a', 'memory.locate', { space: 'lab', name: one }), { stream: 'memory/lab', graph: { role: 'memory' } })
  t.equal(
    codeOf(() => world.ask('a', 'memory.communities', { space: 'none' })),
    'unknown_space',
  )
  t.equal(
    codeOf(() => world.ask('a', 'memory.impulses', { space: 'lab' })),
    'invalid_argument',
  )
  t.same(world.ask('a', 'memory.impulses', { space: 'main' }).impulses, [])
  t.end()
})

t.test('the same seed thinks the same', t => {
  const run = (seed: number): string => {
    const world = worldOf(['a', 'b'], ON, seed)
    tellHistory(world, ['a', 'b'], 3)
    remember(world, 'b', 'checkout pool size: 200')
    remember(world, 'a', 'checkout pool size: 100')
    untilEqual(world, ['a', 'b'])
    for (const node of ['a', 'b']) untilThought(world, node)
    return JSON.stringify([impulsesOf(world, 'a'), impulsesOf(world, 'b'), world.ask('a', 'memory.communities', {})])
  }
  for (const seed of [SEED, SEED + 1]) t.equal(run(seed), run(seed))
  t.end()
})
