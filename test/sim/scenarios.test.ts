import t from 'tap'
import { loadShipped, shippedNames } from '../../sim/scenario/catalogue.ts'
import { simulate } from '../../sim/simulate.ts'

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
  t.test(`${name} ends well, and every seed tells it in its own way`, { timeout: 120_000 }, async t => {
    const scenario = await loadShipped(name)
    const runs = [await simulate(scenario, scenario.seed), await simulate(scenario, scenario.seed + 1)]
    for (const { seed, verdict, invariants } of runs) {
      const broken = invariants.find(({ held }) => !held)
      // What a scenario demands to see has been seen with the seed that it names; another may be spared it.
      const isGood = verdict === 'valid' || (seed !== scenario.seed && verdict === 'unknown')
      t.ok(isGood, `seed ${seed}: ${verdict}`, {
        replay: `weft sim replay ${seed} --scenario ${name}`,
        broken: broken?.id ?? '',
        detail: broken?.detail ?? '',
      })
    }
    t.not(runs[0]?.traceHash, runs[1]?.traceHash, 'chance has a part in it')
  })
}
