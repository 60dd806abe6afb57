import t from 'tap'
import { CALL_DEADLINE_MS } from '../../base/limits.ts'
import { World } from '../../sim/world.ts'
import { codeOf, coreOf, settle, untilEqual } from './helpers.ts'
import { seedOf } from './seeds.ts'

const NAMES: readonly string[] = ['a', 'b', 'c']
const BEFORE = 30

/** A cluster in which `c` wrote to a space before that was closed: that is void. */
function closed(): World {
  const world = new World({ seed: seedOf(11) })
  settle(world, NAMES)
  for (let i = 0; i < BEFORE; i++) {
    world.ask('a', 'memory.remember', { space: 'plans', text: `plan ${i} of a`, key: `plan-${i}` })
    world.ask('a', 'memory.remember', { text: `rule ${i} of main` })
  }
  world.ask('c', 'memory.remember', { space: 'plans', text: 'a plan of c' })
  untilEqual(world, NAMES)
  world.ask('a', 'space.create', { space: 'plans', private: true })
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('b'), role: 'write' })
  world.until('what c wrote to be void', () => coreOf(world, 'b').memory('plans').voids.length === 1)
  untilEqual(world, ['a', 'b'])
  return world
}

/**
 * Now `c` is let in, and so `b` folds the space anew, on a disk that takes `diskUs` for whatever it is asked. The world stands at
 * that moment.
 */
function granted(diskUs: number): World {
  const world = closed()
  world.ask('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('c'), role: 'write' })
  world.machine('b').disk.slow(diskUs)
  world.until('b to fold it anew', () => !coreOf(world, 'b').memory('plans').isWhole)
  return world
}

/** Whether what was asked is answered, and with what. */
interface Asked {
  code?: string
  hits?: number
  texts?: readonly string[]
}

t.test('what is asked while a space is folded anew is answered from all of it', t => {
  const world = granted(2000)
  const { memories } = coreOf(world, 'b')
  const plans = memories.of('plans')
  const asked: Record<string, Asked> = { recall: {}, list: {}, write: {} }
  world.askSoon('b', 'memory.recall', { space: 'plans', query: 'plan', k: 100 }, (error, found) => {
    asked['recall'] = { ...(error && { code: error.code }), ...(found && { hits: found.hits.length }) }
  })
  world.askSoon('b', 'memory.list', { space: 'plans', limit: 500 }, (error, page) => {
    asked['list'] = { ...(error && { code: error.code }), ...(page && { hits: page.memories.length }) }
  })
  world.until('part of it to be folded', () => plans.fold.size > 0 || plans.isWhole)
  t.notOk(plans.isWhole, 'and no more than a part')
  t.strictSame(asked, { recall: {}, list: {}, write: {} }, 'nobody is answered yet')
  t.strictSame(world.ask('b', 'node.status', {}).foldedAnew, ['plans'])
  t.equal(world.ask('b', 'node.ready', {}).checks.find(({ check }) => check === 'memory')?.ok, false)
  const wholeAgain = world.ask('b', 'memory.recall', { space: 'plans', query: 'plan', k: 100 })
  t.equal(wholeAgain.hits.length, BEFORE + 1)
  t.ok(plans.isWhole)
  t.match(asked, { recall: { hits: BEFORE + 1 }, list: { hits: BEFORE + 1 } })
  t.equal(world.ask('b', 'node.status', {}).foldedAnew, undefined)
  t.equal(world.ask('b', 'node.ready', {}).ready, true)
  t.end()
})

t.test('other spaces are not folded anew, and answer meanwhile', t => {
  const world = granted(2000)
  const core = coreOf(world, 'b')
  const { fold } = core.memory('main')
  const refolds = core.metrics.get('weft_memory_refolds_total')
  t.equal(world.ask('b', 'memory.status', {}).nodes, BEFORE)
  t.notOk(core.memory('plans').isWhole, 'it did not wait for that')
  world.until('all to be folded', () => core.memory('plans').isWhole)
  t.equal(core.memory('main').fold, fold)
  t.equal(world.ask('b', 'memory.recall', { query: 'rule', k: 100 }).hits.length, BEFORE)
  t.equal(core.metrics.get('weft_memory_refolds_total'), refolds, 'it is the one space')
  t.end()
})

t.test('an id is looked for where it may be, and what is written waits as well', t => {
  const world = granted(2000)
  const { id } = world.ask('a', 'memory.list', { space: 'plans', limit: 1 }).memories[0] ?? { id: '' }
  const rule = world.ask('a', 'memory.list', { limit: 1 }).memories[0]?.id ?? ''
  t.notOk(coreOf(world, 'b').memory('plans').isWhole)
  const codes: (string | undefined)[] = []
  world.askSoon('b', 'memory.get', { id: id.slice(0, 12) }, error => codes.push(error?.code))
  world.askSoon('b', 'memory.link', { from: id, type: 'follows', to: rule }, error => codes.push(error?.code))
  world.askSoon('b', 'memory.get', { id: '0'.repeat(64) }, error => codes.push(error?.code))
  const said = world.ask('b', 'memory.remember', { space: 'plans', text: 'plan 3 of a' })
  t.equal(said.known, true, 'what is known is not written twice because it is not folded yet')
  world.until('all to be answered', () => codes.length === 3)
  t.strictSame([...codes].sort(), ['other_space', 'unknown_id', undefined])
  t.end()
})

t.test('nobody waits for ever: the answer says what is the matter', t => {
  const world = granted(4 * CALL_DEADLINE_MS * 1000)
  const startMs = world.nowMs
  t.equal(
    codeOf(() => world.ask('b', 'memory.recall', { space: 'plans', query: 'plan' })),
    'recovering',
  )
  t.ok(world.nowMs - startMs <= CALL_DEADLINE_MS + 20)
  world.machine('b').disk.slow(null)
  world.until('b to be whole', () => coreOf(world, 'b').memory('plans').isWhole)
  t.equal(world.ask('b', 'memory.recall', { space: 'plans', query: 'plan', k: 100 }).hits.length, BEFORE + 1)
  t.end()
})

t.test('what was being read when it began is asked again, of all of it', t => {
  const world = closed()
  const core = coreOf(world, 'b')
  const refolds = (): number | undefined => core.metrics.get('weft_memory_refolds_total')
  const before = refolds()
  const answers: (string | number | undefined)[] = []
  world.machine('b').disk.slow(20_000)
  world.askSoon('a', 'space.grant', { space: 'plans', nodeId: world.nodeId('c'), role: 'write' }, () => {})
  // Nothing is kept: it has to be read.
  core.memory('plans').texts.onErased()
  world.askSoon('b', 'memory.recall', { space: 'plans', query: 'plan', k: 100 }, (error, found) => {
    answers.push(error?.code ?? found?.hits.length)
  })
  world.until('b to fold it anew', () => refolds() !== before)
  t.strictSame(answers, [], 'it is being read')
  world.until('it to be answered', () => answers.length > 0)
  t.strictSame(answers, [BEFORE + 1])
  t.end()
})
