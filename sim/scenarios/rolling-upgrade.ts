import { defineScenario } from '../scenario/define.ts'
import type { Scenario } from '../scenario/scenario.ts'

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5']
const EVERY_S = 4

/** One node after the other, as an operator would; the split comes when two of five are done. */
const scenario: Scenario = defineScenario({
  name: 'rolling-upgrade',
  about:
    'All nodes run the version before and are upgraded one by one, and half way the network splits so that both versions are on both sides. ' +
    'Old nodes meet messages and records that they have no word for, which they must neither refuse nor lose: they keep and pass on what they cannot read. ' +
    'When the last one is upgraded, all must give the same answers from the same records.',
  nodes: [{ count: NODES.length, version: 'previous' }],
  net: { delay: 'exp(1ms,5ms)' },
  workload: [{ put: '4/s', keys: 20 }, { link: '1/s' }, { ipc: '2/s', mode: 'at-least-once' }],
  at: {
    ...Object.fromEntries(NODES.map((node, i) => [`${4 + EVERY_S * i}s`, `upgrade ${node}`])),
    '10s': 'partition [[n1,n3],[n2,n4,n5]]',
    '26s': 'heal',
  },
  expect: { converge: '40s after heal', lost: 0 },
})

export default scenario
