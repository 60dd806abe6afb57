/**
 * Seeds of the swarm, one line each: `seed trace verdict`. Run in several processes and on several versions of Node,
 * the output must be the same to the byte:
 *
 *     node build/test/long/seeds.js 1000 [FIRST] [SECONDS OF EACH STORY]
 */
import { drawSwarm, SWARM_DEFAULTS } from '../../sim/scenario/swarm.ts'
import { simulate } from '../../sim/simulate.ts'

const [count = 100, first = 1, seconds = SWARM_DEFAULTS.durationMs / 1000] = process.argv.slice(2).map(Number)

for (let seed = first; seed < first + count; seed++) {
  const { traceHash, verdict, invariants } = await simulate(drawSwarm(seed, { ...SWARM_DEFAULTS, durationMs: seconds * 1000 }), seed)
  const broken = invariants.find(({ held }) => !held)
  process.stdout.write(`${seed} ${traceHash} ${verdict}${broken === undefined ? '' : ` ${broken.id}: ${broken.detail}`}\n`)
}
