import t from 'tap'
import { loadShipped, shippedNames } from '../../sim/scenario/catalogue.ts'
import { simulate } from '../../sim/simulate.ts'
import { seedsOf } from './seeds.ts'

/** Minutes where the machine is slow. */
t.setTimeout(600_000)

t.test('there are scenarios to read, most of them as data', async t => {
  const names = shippedNames()
  t.ok(names.length >= 25, `${names.length} scenarios`)
  for (const name of names) {
    const { about, name: own } = await loadShipped(name)
    t.equal(own, name, `${name} is called as its file`)
    t.ok(about.length > 100, `${name} tells its story`)
  }
})

for (const name of shippedNames()) {
  t.test(`${name} ends well`, { timeout: 300_000 }, async t => {
    const scenario = await loadShipped(name)
    // 1 is the seed that the scenario names, 2 the one behind it, and so on.
    const hashes = new Set<string | null>()
    const seeds = seedsOf(1).map(nth => scenario.seed + nth - 1)
    for (const seed of seeds) {
      const { verdict, invariants, traceHash } = await simulate(scenario, seed)
      hashes.add(traceHash)
      const broken = invariants.find(({ held }) => !held)
      // What a scenario demands to see has been seen with the seed that it names; another may be spared it.
      const isGood = verdict === 'valid' || (seed !== scenario.seed && verdict === 'unknown')
      t.ok(isGood, `seed ${seed}: ${verdict}`, {
        replay: `weft sim replay ${seed} --scenario ${name}`,
        broken: broken?.id ?? '',
        detail: broken?.detail ?? '',
      })
    }
    t.equal(hashes.size, seeds.length, 'chance has a part in it')
  })
}

for (const name of ['agent-keeps-working', 'ring', 'thin-pipe']) {
  t.test(`${name} begins with every seed in its own way`, async t => {
    const scenario = await loadShipped(name)
    const begun = async (seed: number) => (await simulate(scenario, seed, { untilMs: 2000 })).traceHash
    t.not(await begun(scenario.seed), await begun(scenario.seed + 1))
  })
}
