import t from 'tap'
import { BUGGIFY_SITES, type BuggifySite, isBuggifySite } from '../../base/buggify.ts'
import { World } from '../../sim/world.ts'
import { coreOf, spawnOn, textsOf, untilConnected } from './helpers.ts'
import { seedOf, withSeeds } from './seeds.ts'

const SEED = seedOf(7)
const NAMES = ['a', 'b', 'c']
const SITES = Object.keys(BUGGIFY_SITES) as BuggifySite[]

/** What was written, and which sites fired on the way. */
interface Told {
  readonly hash: string
  readonly texts: readonly string[]
  readonly fired: ReadonlySet<string>
}

/** Three nodes write, are parted and write on, crash, come back, are one again, and talk to each other. */
function tell(seed: number, buggify: readonly string[]): Told {
  const fired = new Set<string>()
  const onLog = (line: string): void => {
    const site = / debug buggify \{"site":"([^"]+)"\}$/.exec(line)?.[1]
    if (site !== undefined) fired.add(site)
  }
  const world = new World({ seed, buggify, onLog })
  const said: string[] = []
  const write = (name: string, count: number): void => {
    for (let i = 0; i < count; i++) {
      const text = `${name} says ${said.length}`
      said.push(text)
      world.askSoon(name, 'memory.remember', { text }, error => {
        if (error !== undefined) throw error
      })
    }
    world.run(300)
  }
  world.cluster(NAMES)
  untilConnected(world, NAMES)
  for (const name of NAMES) write(name, 10)
  // More at once than a step applies.
  write('a', 40)
  world.partition([['a'], ['b', 'c']])
  for (const name of NAMES) write(name, 10)
  world.run(15_000)
  world.crash('c')
  world.stop('b')
  world.run(1_000)
  world.start('c')
  world.start('b')
  world.heal()
  for (let i = 0; i < 30; i++) write('a', 1)
  for (const name of [...NAMES, ...NAMES, ...NAMES]) {
    write(name, 1)
    world.stop(name)
    world.start(name)
  }
  echo(world)
  for (let i = 0; i < 6; i++) {
    const { id } = world.ask('a', 'memory.remember', { text: `said and erased ${i}` })
    world.ask('a', 'memory.forget', { id, erase: true })
  }
  world.run(30_000)
  world.until('all to be equal', () => isEqual(world), 300_000)
  const texts = textsOf(world, 'a')
  for (const name of NAMES) {
    t.strictSame(textsOf(world, name), texts, `${name} says what a says`)
    t.equal(world.ask(name, 'chain.verify', { all: true }).valid, true, `${name} verifies`)
  }
  t.strictSame([...texts].sort(), [...said].sort(), 'nothing is lost, nothing is there twice')
  return { hash: world.trace.hash, texts, fired }
}

/** Processes that are sent more than some inboxes hold, from the same node and from another. */
function echo(world: World): void {
  for (let i = 0; i < 8; i++) {
    spawnOn(world, 'a', () => ({ onMessage: () => {}, onCall: { echo: (value: number) => value } }), `echo${i}`)
    for (let n = 0; n < 4; n++) {
      world.askSoon('a', 'process.send', { to: `echo${i}`, message: n }, () => {})
      world.askSoon('b', 'process.call', { to: `${world.nodeId('a')}:echo${i}`, method: 'echo', argument: n, deadlineMs: 20 }, () => {})
    }
  }
}

/** Also where connections close now and then, so that they need not all be up at once. */
function isEqual(world: World): boolean {
  const cores = NAMES.map(name => coreOf(world, name))
  return cores.every(
    core =>
      core.pending === 0 &&
      core.guard.isOpen &&
      core.frontierAll === cores[0]?.frontierAll &&
      [...core.chain.logs.values()].every(log => log.identity.author !== core.self || log.size === log.published),
  )
}

t.test('with any one rare branch taken all the time everything is written once, arrives everywhere and verifies', t => {
  for (const site of SITES) {
    t.ok(BUGGIFY_SITES[site].length > 20, `${site}: says what it does`)
    t.strictSame([...tell(SEED, [site]).fired], [site], `${site} is reached`)
  }
  t.end()
})

t.test('so it is with all of them at once, and a seed tells the same story again', t => {
  const { hash, fired } = tell(SEED, SITES)
  t.equal(tell(SEED, SITES).hash, hash)
  t.not(tell(SEED, []).hash, hash)
  t.ok(fired.size > SITES.length / 2, `${fired.size} sites`)
  withSeeds(t, 'buggify.test.js', 5, seed => void tell(seed, SITES))
  t.end()
})

t.test('a real node, and a run that names none, takes no rare branch', t => {
  t.strictSame([...tell(SEED, []).fired], [])
  t.strictSame([...tell(SEED, ['no.such-site']).fired], [])
  t.equal(isBuggifySite('no.such-site'), false)
  for (const site of SITES) t.equal(isBuggifySite(site), true)
  t.end()
})
