import t from 'tap'
import type { Violation } from '../../sim/checkers/checker.ts'
import { SimDisk } from '../../sim/disk.ts'
import type { Fault, TimedFault } from '../../sim/faults/fault.ts'
import { contradictionsOf } from '../../sim/scenario/check.ts'
import type { Scenario } from '../../sim/scenario/scenario.ts'
import { drawSwarm } from '../../sim/scenario/swarm.ts'
import { formatScenario, parseScenario } from '../../sim/scenario/yaml.ts'
import { episodesOf, type Failure, shrink, type Shrunk } from '../../sim/shrink.ts'
import { simulate } from '../../sim/simulate.ts'

/** Whether it fails, said without running anything. */
type Judge = (scenario: Scenario) => boolean

async function shrunkBy(
  scenario: Scenario,
  judge: Judge,
  change: { readonly jobs?: number; readonly runsMax?: number } = {},
): Promise<Shrunk<Failure>> {
  const failure: Failure = { atMs: scenario.durationMs, nodes: [] }
  let runs = 0
  return shrink(scenario, failure, {
    ...(change.jobs === undefined ? {} : { jobs: change.jobs }),
    isOver: () => runs >= (change.runsMax ?? Infinity),
    fails: async candidate => {
      runs++
      if (contradictionsOf(candidate).length > 0) throw new Error(`this makes no sense, and is run: ${JSON.stringify(candidate)}`)
      return judge(candidate) ? { ...failure, atMs: candidate.durationMs } : undefined
    },
  })
}

/** Of one node and one verb. */
function has(verb: Fault['verb'], node: string): (timed: TimedFault) => boolean {
  return ({ fault }) => fault.verb === verb && 'node' in fault && fault.node === node
}

/** What plays a part in so many faults of one seed: two of them, drawn. */
function plantedIn(scenario: Scenario, at: number): readonly TimedFault[] {
  const single = scenario.faults.filter(({ fault }) => fault.verb !== 'join' && fault.verb !== 'heal')
  return [single[at % single.length], single[(at * 7 + 3) % single.length]] as TimedFault[]
}

const SEEDS: readonly number[] = Array.from({ length: 20 }, (_, i) => i + 1)

t.test('of all that goes wrong in a drawn story the two faults that matter are left, and nothing else', async t => {
  for (const seed of SEEDS) {
    const scenario = drawSwarm(seed)
    if (scenario.faults.length < 4) continue
    const planted = plantedIn(scenario, seed)
    const wanted = new Set(planted.map(({ fault }) => `${fault.verb} ${'node' in fault ? fault.node : ''}`))
    const judge: Judge = ({ faults }) =>
      [...wanted].every(name => faults.some(({ fault }) => `${fault.verb} ${'node' in fault ? fault.node : ''}` === name))
    const { scenario: smaller, isMinimal, runs } = await shrunkBy(scenario, judge)
    t.same(new Set(smaller.faults.map(({ fault }) => `${fault.verb} ${'node' in fault ? fault.node : ''}`)), wanted, `seed ${seed}`)
    t.equal(smaller.faults.length, wanted.size, `seed ${seed}: one of each`)
    t.equal(isMinimal, true)
    t.same([smaller.workload, smaller.buggify], [[], []], `seed ${seed}: nothing is asked that does not matter`)
    t.ok(runs < 150, `seed ${seed}: ${runs} runs`)
    t.same(parseScenario(formatScenario(smaller), 'repro.yaml'), smaller, `seed ${seed}: it can be written and read`)
  }
})

t.test('a fault that needs another to make sense stays with it, or goes with it', async t => {
  const faults: readonly TimedFault[] = [
    { atMs: 2_000, fault: { verb: 'join', node: 'n6', by: 'n1' } },
    { atMs: 5_000, fault: { verb: 'crash', node: 'n6', how: 'power', torn: true } },
    { atMs: 6_000, fault: { verb: 'isolate', node: 'n2' } },
    { atMs: 8_000, fault: { verb: 'restart', node: 'n6' } },
    { atMs: 9_000, fault: { verb: 'heal' } },
  ]
  const scenario = { ...drawSwarm(1, { profile: 'network', nodes: 5, durationMs: 60_000 }), faults }
  const late = { ...(scenario.nodes[0] as Scenario['nodes'][number]), name: 'n6', isLate: true }
  const whole = { ...scenario, nodes: [...scenario.nodes.filter(({ isLate }) => !isLate), late] }
  const needsJoiner = await shrunkBy(whole, smaller => smaller.faults.some(has('restart', 'n6')))
  t.same(
    needsJoiner.scenario.faults.map(({ fault }) => fault.verb),
    ['join', 'restart'],
  )
  t.same(
    needsJoiner.scenario.nodes.map(({ name }) => name),
    ['n1', 'n6'],
  )
  const needsNobody = await shrunkBy(whole, () => true)
  t.same([needsNobody.scenario.faults, needsNobody.scenario.nodes.map(({ name }) => name)], [[], ['n1']])
})

t.test('what begins together and what ends it is one episode', t => {
  const crash = (node: string): Fault => ({ verb: 'crash', node, how: 'power', torn: false })
  const timed: readonly TimedFault[] = [
    { atMs: 1, fault: crash('n1') },
    { atMs: 1, fault: crash('n2') },
    { atMs: 2, fault: { verb: 'isolate', node: 'n3' } },
    { atMs: 3, fault: { verb: 'restart', node: 'n1' } },
    { atMs: 3, fault: { verb: 'restart', node: 'n2' } },
    { atMs: 4, fault: { verb: 'heal' } },
    { atMs: 5, fault: crash('n1') },
    { atMs: 6, fault: { verb: 'kill', node: 'n2' } },
  ]
  t.same(
    episodesOf(timed).map(episode => episode.map(({ atMs }) => atMs)),
    [[1, 1, 3, 3], [2, 4], [5], [6]],
  )
  t.end()
})

t.test('what is left is as short, as soon and as plain as it gets', async t => {
  const scenario = drawSwarm(8)
  const judge: Judge = ({ faults, durationMs }) => faults.some(({ atMs, fault }) => fault.verb === 'crash' && durationMs - atMs >= 3_000)
  const { scenario: smaller } = await shrunkBy(scenario, judge)
  t.equal(smaller.faults.length, 1)
  t.same(smaller.faults[0]?.fault, { ...smaller.faults[0]?.fault, verb: 'crash', torn: false })
  t.equal(smaller.durationMs % 1_000, 0)
  t.same([smaller.guard, smaller.net, smaller.nodes.length], ['one', {}, 1 + Number(smaller.nodes.length > 1)])
  t.ok(smaller.durationMs <= 12_000, `${smaller.durationMs} ms`)
})

t.test('several at a time come to the same as one after the other, and nothing is tried twice', async t => {
  const scenario = drawSwarm(8)
  const judge: Judge = ({ faults }) => faults.filter(({ fault }) => fault.verb === 'crash').length >= 2
  const seen = new Set<string>()
  const one = await shrunkBy(scenario, smaller => {
    const key = JSON.stringify(smaller)
    t.notOk(seen.has(key), 'a scenario is tried once')
    seen.add(key)
    return judge(smaller)
  })
  const three = await shrunkBy(scenario, judge, { jobs: 3 })
  t.same(three.scenario, one.scenario)
  t.ok(three.runs >= one.runs)
})

t.test('when the time is over, the smallest so far is the answer', async t => {
  const scenario = drawSwarm(8)
  const judge: Judge = ({ faults }) => faults.filter(({ fault }) => fault.verb === 'crash').length >= 2
  const { scenario: smaller, isMinimal, runs } = await shrunkBy(scenario, judge, { runsMax: 5 })
  t.equal(runs, 5)
  t.equal(isMinimal, false)
  t.ok(judge(smaller))
  t.ok(smaller.faults.length < scenario.faults.length)
})

/** A bug that shows when power fails: of the syncs of each disk every fourth is answered, and not made. @returns what takes it out again */
function plantForgetfulDisk(): () => void {
  const { sync } = SimDisk.prototype
  const syncs = new WeakMap<SimDisk, number>()
  SimDisk.prototype.sync = function (name, done) {
    const count = (syncs.get(this) ?? 0) + 1
    syncs.set(this, count)
    if (count % 4 === 0) this.size(name, () => done({ ok: true, value: undefined }))
    else sync.call(this, name, done)
  }
  return () => void (SimDisk.prototype.sync = sync)
}

t.test('a bug in every node is shrunk from what a seed drew to five faults or fewer, and what is written shows it', async t => {
  t.teardown(plantForgetfulDisk())
  const [seed, violation] = await firstFailure()
  const scenario = drawSwarm(seed, OPTIONS)
  const fails = (candidate: Scenario): Promise<Violation | undefined> => violationOf(candidate, seed, violation.invariant)
  const smaller = await shrink(scenario, violation, { isOver: () => false, fails })
  const { faults } = smaller.scenario
  t.ok(faults.length <= 5, `seed ${seed}: ${scenario.faults.length} faults became ${faults.length} in ${smaller.runs} runs`)
  t.same(await fails(parseScenario(formatScenario(smaller.scenario), 'repro.yaml')), smaller.failure)
})

const OPTIONS = { profile: 'disk', nodes: 4, durationMs: 60_000 } as const

async function firstFailure(): Promise<readonly [seed: number, violation: Violation]> {
  for (let seed = 1; seed <= 60; seed++) {
    const scenario = drawSwarm(seed, OPTIONS)
    if (scenario.faults.length < 6) continue
    const violation = await violationOf(scenario, seed)
    if (violation !== undefined) return [seed, violation]
  }
  throw new Error('no seed finds the bug')
}

async function violationOf(scenario: Scenario, seed: number, invariant?: Violation['invariant']): Promise<Violation | undefined> {
  const { invariants } = await simulate(scenario, seed)
  const violation = invariants.find(judged => judged.violation !== undefined)?.violation
  return invariant === undefined || violation?.invariant === invariant ? violation : undefined
}
