import { defineScenario } from '../scenario/define.ts'
import type { Scenario } from '../scenario/scenario.ts'

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5']
const PERIOD_S = 3

/** Each node in turn: down at the beginning of its turn, up again before the next one goes. */
const scenario: Scenario = defineScenario({
  name: 'crash-carousel',
  about:
    'Every three seconds the next node loses power, twice around the cluster, and every second time its last write is torn. ' +
    'There is always a majority and never the same one, so a cluster that only mends while it is left in peace never mends. ' +
    'Each node has to come back with all it acknowledged, and be vouched for by peers that were themselves just vouched for.',
  nodes: NODES,
  net: { delay: 'exp(1ms,5ms)' },
  workload: [{ put: '6/s', keys: 20 }, { recall: '1/s' }],
  at: Object.fromEntries(
    [...NODES, ...NODES].flatMap((node, turn) => [
      [`${3 + PERIOD_S * turn}s`, `crash ${node} { torn: ${turn % 2 === 0} }`],
      [`${5 + PERIOD_S * turn}s`, `restart ${node}`],
    ]),
  ),
  expect: { converge: '40s after heal', lost: 0, sometimes: ['guard-waited'] },
})

export default scenario
