import t from 'tap'
import type { CausalId, LogId } from '../../base/ids.ts'
import type { PolicyInput, PolicyRun } from '../../node/api.ts'
import { policyShape } from '../../node/commands/policy-shape.ts'
import { type Candidate, choose } from '../../node/memory/policy.ts'
import { World } from '../../sim/world.ts'
import { codeOf, coreOf, recordsOf, settle, textsOf, untilConnected, untilEqual } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(41)
const DAY_MS = 86_400_000
const NOW_MS = 1000 * DAY_MS

/** A memory so many days old. */
function candidate(text: string, days: number, more: Partial<Candidate> & { readonly linkedDays?: number } = {}): Candidate {
  const { linkedDays, ...rest } = more
  return {
    id: text as CausalId,
    ref: { log: 'log' as LogId, seq: 0 },
    hlc: { ms: NOW_MS - days * DAY_MS, counter: 0 },
    linksIn: 0,
    linkedMs: linkedDays === undefined ? 0 : NOW_MS - linkedDays * DAY_MS,
    isNeeded: false,
    text,
    meta: {},
    bytes: 10,
    recalledMs: 0,
    ...rest,
  }
}

const ALL: readonly Candidate[] = [
  candidate('old', 100),
  candidate('old and recalled', 100, { recalledMs: NOW_MS - DAY_MS }),
  candidate('old and linked', 100, { linkedDays: 2, linksIn: 1 }),
  candidate('old and needed', 100, { linkedDays: 99, linksIn: 1, isNeeded: true }),
  candidate('older draft', 50, { meta: { topic: 'draft' } }),
  candidate('heavy draft', 40, { meta: { topic: 'draft', weight: '5' }, bytes: 100 }),
  candidate('new draft', 1, { meta: { topic: 'draft' } }),
]

const CHOICES: readonly (readonly [policy: PolicyInput, goes: readonly string[], needed: number])[] = [
  [{ kind: 'decay', after: '90d' }, ['old'], 1],
  [{ kind: 'decay', after: '90d', evenIfNeeded: true }, ['old', 'old and needed'], 0],
  [{ kind: 'decay', after: '1000d' }, [], 0],
  [{ kind: 'decay', after: '30d', label: 'topic=draft' }, ['older draft', 'heavy draft'], 0],
  [{ kind: 'label', after: '2d', label: 'topic=draft' }, ['older draft', 'heavy draft'], 0],
  [{ kind: 'label', after: '2d', label: 'topic=other' }, [], 0],
  [{ kind: 'quota', memories: 7 }, [], 0],
  [{ kind: 'quota', memories: 4 }, ['old', 'old and recalled', 'older draft'], 0],
  [{ kind: 'quota', memories: 1, label: 'topic=draft' }, ['older draft', 'new draft'], 0],
  [{ kind: 'quota', memories: 0 }, ['old', 'old and recalled', 'older draft', 'new draft', 'old and linked', 'heavy draft'], 1],
  [{ kind: 'quota', bytes: 130 }, ['old', 'old and recalled', 'older draft'], 0],
  [{ kind: 'quota', memories: 1, per: 'topic' }, ['older draft', 'new draft'], 0],
  [{ kind: 'quota', memories: 0, per: 'toString' }, [], 0],
]

t.test('what a policy chooses', t => {
  for (const [input, goes, needed] of CHOICES) {
    const choice = choose(policyShape.parse(input), ALL, NOW_MS)
    const said = { goes: choice.victims.map(({ candidate: { text } }) => text), needed: choice.needed }
    t.strictSame(said, { goes, needed }, JSON.stringify(input))
    const again = choose(policyShape.parse(input), [...ALL].reverse(), NOW_MS)
    t.strictSame(again, choice, 'whatever the order')
  }
  for (const input of [
    { kind: 'decay' },
    { kind: 'decay', after: 'soon' },
    { kind: 'decay', after: '0d' },
    { kind: 'label', after: '1d' },
    { kind: 'label', after: '1d', label: '=x' },
    { kind: 'quota' },
    { kind: 'quota', memories: -1 },
    { kind: 'quota', memories: 1, after: '1d' },
    { kind: 'other' },
  ])
    t.notOk(policyShape.safeParse(input).success, JSON.stringify(input))
  t.end()
})

function run(world: World, node: string, input: { readonly name?: string; readonly dryRun?: boolean } = {}): readonly PolicyRun[] {
  return world.ask(node, 'policy.run', input).runs
}

t.test('each node forgets its own and nobody else’s, says under which policy, and keeps what something current rests on', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'b'])
  const cause = world.ask('a', 'memory.remember', { text: 'the pool is small' })
  world.ask('b', 'memory.remember', { text: 'checkout failed', edges: [{ type: 'triggered-by', to: cause.id }] })
  world.ask('a', 'memory.remember', { text: 'swordfish', meta: { topic: 'draft' } })
  world.ask('b', 'memory.remember', { text: 'a draft of b', meta: { topic: 'draft' } })
  untilEqual(world, ['a', 'b'])
  t.strictSame(world.ask('a', 'policy.list', {}).policies, [])
  world.ask('a', 'policy.set', { name: 'drafts', policy: { kind: 'label', label: 'topic=draft', after: '1h', action: 'erase' } })
  world.ask('a', 'policy.set', { name: 'unused', policy: { kind: 'decay', after: '1h' } })
  t.match(run(world, 'a'), [
    { policy: 'drafts', looked: 2, victims: [], forgotten: 0 },
    { policy: 'unused', victims: [] },
  ])
  world.run(2 * 3_600_000)
  // Meanwhile it ran by itself.
  t.strictSame([...textsOf(world, 'b')].sort(), ['a draft of b', 'checkout failed', 'the pool is small'])
  t.notOk([...world.machine('b').disk.snapshot().values()].some(content => Buffer.from(content).includes('swordfish')))
  const actors = recordsOf(world, 'a', 'memory/main').map(({ header }) => header.actor)
  t.equal(actors.filter(actor => actor === 'policy:drafts').length, 1)
  t.match(run(world, 'a', { name: 'unused', dryRun: true }), [{ looked: 1, victims: [], needed: 1 }])
  world.ask('a', 'policy.set', { name: 'unused', policy: { kind: 'decay', after: '1h', evenIfNeeded: true } })
  t.match(run(world, 'a', { name: 'unused', dryRun: true }), [{ victims: [{ text: 'the pool is small' }], forgotten: 0 }])
  t.ok(textsOf(world, 'a').includes('the pool is small'), 'nothing was written')
  // What is recalled is in use.
  world.ask('a', 'memory.recall', { query: 'pool', k: 5 })
  t.match(run(world, 'a', { name: 'unused', dryRun: true }), [{ victims: [] }])
  world.stop('a')
  world.start('a')
  untilConnected(world, ['a', 'b'])
  t.match(run(world, 'a', { name: 'unused', dryRun: true }), [{ victims: [] }], 'also after a restart')
  t.strictSame(
    world.ask('a', 'policy.list', {}).policies.map(({ name }) => name),
    ['drafts', 'unused'],
  )
  world.ask('a', 'policy.remove', { name: 'drafts' })
  t.equal(
    codeOf(() => world.ask('a', 'policy.remove', { name: 'drafts' })),
    'unknown_id',
  )
  t.equal(
    codeOf(() => run(world, 'a', { name: 'drafts' })),
    'unknown_id',
  )
  t.end()
})

t.test('a policy is about one space', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a'])
  for (const space of ['main', 'vault']) world.ask('a', 'memory.remember', { space, text: `a draft in ${space}`, meta: { topic: 'draft' } })
  const policy = { kind: 'label', label: 'topic=draft', after: '1s', space: 'vault' } as const
  t.match(world.ask('a', 'policy.set', { name: 'drafts', policy }).policies, [{ space: 'vault' }])
  world.run(5000)
  t.match(run(world, 'a', { dryRun: true }), [{ looked: 1, victims: [{ text: 'a draft in vault' }] }])
  t.match(run(world, 'a'), [{ forgotten: 1 }])
  t.strictSame(
    world.ask('a', 'memory.list', { space: 'vault' }).memories.map(({ state }) => state),
    [],
  )
  t.strictSame(
    world.ask('a', 'memory.list', {}).memories.map(({ state }) => state),
    ['current'],
  )
  t.equal(
    codeOf(() => world.ask('a', 'policy.set', { name: 'wrong', policy: { ...policy, space: 'No Space' } })),
    'invalid_argument',
  )
  t.end()
})

t.test('a quota of thousands goes in slices and batches, and equal runs write equal records', t => {
  const told = [1, 2].map(() => {
    const world = new World({ seed: SEED })
    settle(world, ['a', 'b'])
    const items = Array.from({ length: 350 }, (_, i) => ({ text: `lesson ${i}`, key: `k${i}` }))
    world.ask('a', 'memory.import', { items })
    world.ask('a', 'policy.set', { name: 'few', policy: { kind: 'quota', memories: 100 } })
    const [done] = run(world, 'a') as readonly [PolicyRun]
    t.match(done, { looked: 350, forgotten: 250, more: false })
    t.strictSame(textsOf(world, 'a').slice(0, 2), ['lesson 250', 'lesson 251'])
    untilEqual(world, ['a', 'b'])
    return coreOf(world, 'b').frontierAll
  })
  t.equal(told[0], told[1])
  t.end()
})
