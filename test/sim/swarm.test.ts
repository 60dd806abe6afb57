import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { PROFILES, type Profile, SWARM_DEFAULTS, drawSwarm } from '../../sim/scenario/swarm.ts'
import { simulate } from '../../sim/simulate.ts'
import { seedsOf } from './seeds.ts'

/** Minutes where the machine is slow. */
t.setTimeout(600_000)

const SEEDS_PROGRAM = fileURLToPath(new URL('../long/seeds.js', import.meta.url))
/** As many as half a minute has room for; `weft sim fuzz` and the long run have thousands. */
const SEEDS: Readonly<Record<Profile, number>> = { swarm: 12, network: 4, disk: 4, byzantine: 4 }

for (const profile of PROFILES) {
  t.test(`whatever goes wrong in clusters drawn with the profile ${profile}, no promise is broken`, { timeout: 300_000 }, async t => {
    const asked = { ok: 0, fail: 0, unknown: 0 }
    for (const seed of seedsOf(SEEDS[profile])) {
      const { invariants, history } = await simulate(drawSwarm(seed, { ...SWARM_DEFAULTS, profile }), seed)
      for (const { outcome } of history.operations) asked[outcome]++
      const broken = invariants.find(({ held }) => !held)
      const replay = `weft sim replay ${seed}${profile === SWARM_DEFAULTS.profile ? '' : ` --profile ${profile}`}`
      t.equal(broken, undefined, `seed ${seed}: ${broken?.id ?? 'valid'}`, { replay, detail: broken?.detail ?? '' })
    }
    t.comment(`asked: ${JSON.stringify(asked)}`)
    t.ok(asked.ok > asked.fail + asked.unknown, 'most of what is asked is answered')
  })
}

t.test('a seed leaves the same trace twice, and in another process', { timeout: 120_000 }, async t => {
  const [seed = 1] = seedsOf(1)
  const scenario = drawSwarm(seed)
  const { traceHash } = await simulate(scenario, seed)
  t.equal((await simulate(scenario, seed)).traceHash, traceHash)
  const child = spawnSync(process.execPath, [SEEDS_PROGRAM, '1', String(seed)], { encoding: 'utf8' })
  t.equal(child.stdout, `${seed} ${traceHash} valid\n`, child.stderr)
  t.not((await simulate(drawSwarm(seed + 1), seed + 1)).traceHash, traceHash, 'another seed leaves another')
})
