import { defineScenario } from '../scenario/define.ts'
import type { Scenario } from '../scenario/scenario.ts'

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7']

/** Every node a group of its own. */
const scenario: Scenario = defineScenario({
  name: 'total-silence',
  about:
    'The switch dies: nobody reaches anybody for half a minute, and then everybody reaches everybody at the same instant. ' +
    'Seven nodes dial each other at once, in both directions, each with something that nobody else has. ' +
    'Of two connections between a pair one has to stay, the same on both sides, and a longest wait between dials must not become the time to recover.',
  nodes: NODES,
  net: { delay: 'exp(1ms,5ms)' },
  workload: [
    { put: '4/s', keys: 20 },
    { ipc: '2/s', mode: 'call' },
  ],
  at: {
    '4s': { verb: 'partition', groups: NODES.map(node => [node]) },
    '34s': 'heal',
  },
  expect: { converge: '40s after heal', lost: 0 },
})

export default scenario
