/**
 * A scenario with an agent of one's own: three watchmen at work while the nodes under them lose power in turn, during a split.
 *
 *     weft sim run build/examples/sim/night-shift.js
 *
 * In a project of your own the file is run as it is, `weft sim run night-shift.ts`, with
 * import { defineScenario } from 'weftmesh/sim'
 */
import { defineScenario, type Scenario } from '../../sim/public.ts'
import watchman from './watchman.ts'

const WATCHED = ['n1', 'n3', 'n5']

const scenario: Scenario = defineScenario({
  name: 'night-shift',
  about: 'Three watchmen make their rounds while the nodes under them lose power in turn, during a split.',
  nodes: 5,
  net: { delay: 'exp(2ms,10ms)' },
  agents: { watchman },
  workload: [
    { agent: 'watchman', on: WATCHED, rate: '3/s' },
    { put: '1/s', keys: 10 },
  ],
  at: {
    '4s': 'partition [[n1,n2],[n3..n5]]',
    ...Object.fromEntries(WATCHED.map((node, turn) => [`${8 + 5 * turn}s`, `crash ${node} { torn: true }`])),
    ...Object.fromEntries(WATCHED.map((node, turn) => [`${10 + 5 * turn}s`, `restart ${node}`])),
    '26s': 'heal',
  },
  expect: { converge: '30s after heal', sometimes: ['guard-waited'] },
})

export default scenario
