import t from 'tap'
import type { NodeId } from '../../base/ids.ts'
import { reaches } from '../../discovery/spaces.ts'
import { World } from '../../sim/world.ts'
import { coreOf, settle, untilConnected } from './helpers.ts'
import { seedsOf } from './seeds.ts'
import { SpaceWatch } from './space-watch.ts'

/** Five nodes; `e` never gets a role, and pries. */
const NAMES = ['a', 'b', 'c', 'd', 'e'] as const
const SPACE = 'vault'
const TURNS = 60

interface Outcome {
  readonly violations: readonly string[]
  readonly written: number
  readonly read: number
  readonly hash: string
}

/** Members write to an encrypted space, get and lose roles, are cut off and crash; then all is quiet. */
function play(seed: number): Outcome {
  const watch = new SpaceWatch()
  const world = new World({ seed, observers: [watch] })
  const random = world.random('swarm')
  settle(world, NAMES)
  world.ask('a', 'space.create', { space: SPACE, encrypted: true })
  world.ask('a', 'space.grant', { space: SPACE, nodeId: world.nodeId('b'), role: 'admin' })
  world.ask('a', 'space.grant', { space: SPACE, nodeId: world.nodeId('c'), role: 'write' })
  world.run(1000)
  const said: string[] = []
  const acknowledged: string[] = []
  for (let turn = 0; turn < TURNS; turn++) {
    const up = NAMES.filter(name => world.machine(name).phase === 'up')
    const node = random.pick(up)
    switch (random.below(10)) {
      case 0: {
        const groups: string[][] = [[], []]
        for (const name of NAMES) (groups[random.below(2)] as string[]).push(name)
        world.partition(groups.filter(group => group.length > 0))
        break
      }
      case 1:
        world.heal()
        break
      case 2:
        if (up.length > 3 && node !== 'a') {
          world.crash(node)
          world.startSoon(node, () => {})
        }
        break
      case 3:
      case 4: {
        const nodeId = world.nodeId(random.pick(['c', 'd', 'd'] as const))
        const by = random.pick(['a', 'b'] as const)
        if (world.machine(by).phase !== 'up') break
        if (random.chance(500)) world.askSoon(by, 'space.revoke', { space: SPACE, nodeId }, () => {})
        else
          world.askSoon(
            by,
            'space.grant',
            { space: SPACE, nodeId, role: random.pick(['relay', 'read', 'write'] as const), history: random.chance(500) },
            () => {},
          )
        break
      }
      default: {
        const text = `${node} says ${turn}`
        said.push(text)
        world.askSoon(node, 'memory.remember', { space: SPACE, text }, error => void (error === undefined && acknowledged.push(text)))
      }
    }
    world.run(100 + random.below(3000))
  }
  world.heal()
  world.until('all to be up', () => NAMES.every(name => world.machine(name).phase === 'up'))
  untilConnected(world, NAMES)
  const readers = (): readonly string[] =>
    NAMES.filter(name => reaches(coreOf(world, name).spaces.roleOf(SPACE, world.nodeId(name)), 'read'))
  const view = (name: string): string => {
    const core = coreOf(world, name)
    const roles = NAMES.map(other => core.spaces.roleOf(SPACE, world.nodeId(other)))
    return `${roles.join()} ${core.memory(SPACE).frontier()} ${core.pending}`
  }
  const holders = (): readonly string[] =>
    NAMES.filter(name => reaches(coreOf(world, name).spaces.roleOf(SPACE, world.nodeId(name)), 'relay'))
  world.until('all with a role to hold the same', () => new Set(holders().map(view)).size === 1, 180_000)
  const violations = [...watch.violations]
  // Nodes that hold the same keys answer the same.
  const answers = new Map<string, string>()
  let read = 0
  for (const name of readers()) {
    const core = coreOf(world, name)
    const keys =
      core.spaces.created
        .get(SPACE)
        ?.keys.filter(key => core.spaces.has(SPACE, key))
        .join() ?? ''
    const { memories } = world.ask(name, 'memory.list', { space: SPACE, limit: 500 })
    const answer = memories
      .map(({ id, text }) => `${id} ${text}`)
      .sort()
      .join('\n')
    if ((answers.get(keys) ?? answer) !== answer) violations.push(`${name} answers otherwise than a node with the same keys`)
    answers.set(keys, answer)
    if (memories.some(({ text }) => !said.includes(text))) violations.push(`${name} remembers what nobody said`)
    read = Math.max(read, memories.length)
  }
  const held = (node: NodeId): boolean =>
    [...coreOf(world, 'e').chain.logs.values()].some(({ identity }) => identity.author === node && identity.stream === `memory/${SPACE}`)
  if (NAMES.some(name => held(world.nodeId(name)))) violations.push('e holds something')
  return { violations, written: acknowledged.length, read, hash: world.trace.hash }
}

t.test('whatever happens, nobody holds or opens what it was given no right to, and all with the right agree', { timeout: 240_000 }, t => {
  let read = 0
  let written = 0
  for (const [i, seed] of seedsOf(3).entries()) {
    const outcome = play(seed)
    if (i === 0) t.equal(play(seed).hash, outcome.hash, 'the same seed gives the same run')
    t.strictSame(outcome.violations, [], `seed ${seed}`)
    read += outcome.read
    written += outcome.written
  }
  t.ok(read > 0 && written > 0, `${written} written, ${read} read in the end`)
  t.end()
})
