import t from 'tap'
import { encode } from '../../base/codec.ts'
import { suite } from '../../base/crypto/suite.ts'
import { memoryStream, nodeIdOf } from '../../base/ids.ts'
import { CURRENT, PREVIOUS } from '../../base/version.ts'
import { encodeGreeting, parseGreetingReply } from '../../discovery/greeting.ts'
import { World } from '../../sim/world.ts'
import { codeOf, coreOf, dialAs, recordsOf, settle, textsOf, untilConnected, untilEqual } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(21)
const NAMES = ['n1', 'n2', 'n3', 'n4', 'n5']

/** A cluster of these nodes, all of the version before. */
function ofBefore(options: ConstructorParameters<typeof World>[0], names: readonly string[]): World {
  const world = new World(options)
  for (const name of names) world.machine(name).version = 'previous'
  settle(world, names)
  return world
}

function restartAs(world: World, name: string, version: 'current' | 'previous'): void {
  world.stop(name)
  world.machine(name).version = version
  world.start(name)
}

function remember(world: World, name: string, text: string): string {
  return world.ask(name, 'memory.remember', { text }).id
}

/** What a node answers, with the version of the fold that makes the answer what it is. */
function answerOf(world: World, name: string): unknown {
  const { foldVersion, frontier, hits } = world.ask(name, 'memory.recall', { query: 'said by everybody', k: 100 })
  return { foldVersion, frontier, hits, memories: world.ask(name, 'memory.list', { limit: 500 }).memories }
}

function foldVersionOf(world: World, name: string): number {
  return world.ask(name, 'memory.status', {}).foldVersion
}

t.test('five nodes are upgraded one by one during a split: nothing is lost, and in the end all answers are equal', t => {
  const logged: string[] = []
  const world = ofBefore({ seed: SEED, onLog: line => logged.push(line) }, NAMES)
  const said: string[] = []
  const sayAll = (when: string): void => {
    for (const name of NAMES) {
      said.push(`said by ${name} ${when}`)
      remember(world, name, `said by ${name} ${when}`)
    }
  }
  sayAll('before')
  untilEqual(world, NAMES)
  t.equal(
    codeOf(() => world.ask('n1', 'memory.forget', { id: remember(world, 'n1', 'said by n1 and not to be forgotten') })),
    'incompatible',
    'the version before cannot forget',
  )

  world.partition([
    ['n1', 'n2'],
    ['n3', 'n4', 'n5'],
  ])
  for (const name of ['n1', 'n3']) restartAs(world, name, 'current')
  untilConnected(world, ['n1', 'n2'])
  untilConnected(world, ['n3', 'n4', 'n5'])
  sayAll('during')
  for (const name of ['n1', 'n3']) world.ask(name, 'memory.forget', { id: remember(world, name, `said by ${name} and forgotten`) })
  world.heal()
  untilConnected(world, NAMES)
  untilEqual(world, NAMES)

  const kept = [...said, 'said by n1 and not to be forgotten'].sort()
  const forgotten = ['said by n1 and forgotten', 'said by n3 and forgotten']
  t.strictSame(
    NAMES.map(name => foldVersionOf(world, name)),
    [CURRENT.fold, PREVIOUS.fold, CURRENT.fold, PREVIOUS.fold, PREVIOUS.fold],
    'every answer says how it was made',
  )
  t.equal(new Set(NAMES.map(name => coreOf(world, name).frontierAll)).size, 1, 'all hold the same records')
  for (const name of ['n1', 'n3']) t.strictSame([...textsOf(world, name)].sort(), kept, `${name} knows what forgetting is`)
  for (const name of ['n2', 'n4', 'n5'])
    t.strictSame([...textsOf(world, name)].sort(), [...kept, ...forgotten].sort(), `${name} keeps the records, and does not know yet`)
  t.strictSame(answerOf(world, 'n1'), answerOf(world, 'n3'), 'answers of one version are equal')
  for (const name of ['n4', 'n5']) t.strictSame(answerOf(world, name), answerOf(world, 'n2'))

  const told = world.ask('n1', 'peer.list', {}).peers.map(({ nodeId, version, foldVersion }) => [nodeId, version, foldVersion])
  for (const name of NAMES.slice(1))
    t.strictSame(
      told.find(([id]) => id === world.nodeId(name))?.slice(1),
      name === 'n3' ? ['sim', CURRENT.fold] : [null, null],
      `n1 sees of which version ${name} is`,
    )
  t.ok(coreOf(world, 'n2').metrics.get('weft_verdicts_total', 'unknown_kind') > 0, 'what is not known is ignored')
  t.notOk(
    logged.some(line => line.includes('peer.rejected') || line.includes('peer.refused')),
    'and nobody is blamed for it',
  )

  for (const name of ['n2', 'n4', 'n5']) {
    restartAs(world, name, 'current')
    remember(world, name, `said by ${name} upgraded`)
    said.push(`said by ${name} upgraded`)
  }
  untilConnected(world, NAMES)
  untilEqual(world, NAMES)
  t.equal(logged.filter(line => line.includes('memory.folding-anew')).length, 5, 'a fold of the version before is not taken up')
  for (const name of NAMES) {
    t.strictSame(answerOf(world, name), answerOf(world, 'n1'), `${name} answers what n1 does`)
    t.strictSame([...textsOf(world, name)].sort(), [...said, 'said by n1 and not to be forgotten'].sort())
    t.equal(world.ask(name, 'chain.verify', { all: true }).valid, true)
    t.ok(world.ask(name, 'peer.list', {}).peers.every(({ version, foldVersion }) => version === 'sim' && foldVersion === CURRENT.fold))
  }
  t.end()
})

t.test('a node that goes back to the version before keeps what it does not understand any more', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'b'])
  const id = remember(world, 'a', 'said and forgotten')
  world.ask('a', 'memory.forget', { id })
  untilEqual(world, ['a', 'b'])
  restartAs(world, 'b', 'previous')
  untilConnected(world, ['a', 'b'])
  untilEqual(world, ['a', 'b'])
  t.strictSame([textsOf(world, 'a'), textsOf(world, 'b')], [[], ['said and forgotten']])
  t.strictSame([foldVersionOf(world, 'a'), foldVersionOf(world, 'b')], [CURRENT.fold, PREVIOUS.fold])
  restartAs(world, 'b', 'current')
  untilConnected(world, ['a', 'b'])
  untilEqual(world, ['a', 'b'])
  t.strictSame(answerOf(world, 'b'), answerOf(world, 'a'))
  t.end()
})

t.test('records of a kind that nobody knows are kept, pass on, verify, and say nothing', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'b'])
  remember(world, 'a', 'before')
  const core = coreOf(world, 'a')
  world.wait<boolean>(done =>
    world.runtime('a').dispatch({
      kind: 'run',
      run: () =>
        void core.writer.write(
          memoryStream('main'),
          [{ kind: 999, actor: 'kernel', body: encode(['of the future']), parents: [] }],
          error => done(error, true),
        ),
    }),
  )
  remember(world, 'a', 'after')
  untilEqual(world, ['a', 'b'])
  world.crash('b')
  world.start('b')
  untilConnected(world, ['a', 'b'])
  untilEqual(world, ['a', 'b'])
  t.strictSame(textsOf(world, 'b'), ['before', 'after'])
  t.strictSame(
    recordsOf(world, 'a', 'memory/main').map(({ header }) => header.kind === 999),
    [false, false, true, false],
  )
  for (const name of ['a', 'b']) {
    t.equal(world.ask(name, 'chain.verify', { all: true }).valid, true)
    t.strictSame(world.ask(name, 'memory.conflicts', {}).voids, [], 'it is not void either')
    t.equal(world.ask(name, 'memory.status', {}).pending, 0)
  }
  t.end()
})

t.test('versions that are no neighbours refuse each other before anything else', t => {
  const world = new World({ seed: SEED })
  world.machine('b').version = 'previous'
  settle(world, ['a', 'b'])
  const { cluster } = coreOf(world, 'a').chain
  const stranger = nodeIdOf(suite.publicKeyOf(new Uint8Array(32).fill(9)))
  const codeFor = (name: string, protocol: number): unknown => {
    const { reply } = dialAs(world, stranger, name, encodeGreeting({ kind: 'member', protocol, cluster, evidence: [] }))
    const parsed = parseGreetingReply(reply, cluster)
    return parsed?.kind === 'refused' ? parsed.code : parsed
  }
  const judged = 'not_a_member'
  t.strictSame(
    [0, 1, 2, 3, 0xffff].map(protocol => codeFor('a', protocol)),
    [judged, judged, judged, 'incompatible', 'incompatible'],
    'of version 1',
  )
  t.strictSame(
    [0, 1, 2].map(protocol => codeFor('b', protocol)),
    [judged, judged, 'incompatible'],
    'of version 0',
  )
  t.end()
})
