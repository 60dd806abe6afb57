import { BUGGIFY_SITES } from '../../base/buggify.ts'
import { defineScenario } from '../scenario/define.ts'
import type { Scenario } from '../scenario/scenario.ts'

/** Two that no cluster can be founded with when all the others are on as well: its first nodes have to be connected at one moment. */
const NOT_HERE: readonly string[] = ['peers.close-early', 'redial.late']

const scenario: Scenario = defineScenario({
  name: 'rare-branches',
  about:
    'Nearly every branch that a node takes once in a thousand runs is taken a quarter of the time: full segments, no credit, missed pings, inboxes with room for two. ' +
    'Each of them is allowed at any time, so all of them together are, though no machine ever met them together. ' +
    'A split and a crash are added, and everything has to hold that holds on a good day.',
  nodes: 4,
  net: { delay: 'exp(2ms,10ms)' },
  workload: [{ put: '4/s', keys: 20 }, { link: '1/s' }, { supersede: '1/s' }, { ipc: '3/s', mode: 'at-least-once' }],
  at: {
    '6s': 'partition [[n1,n2],[n3,n4]]',
    '12s': 'crash n3 { torn: true }',
    '16s': 'restart n3',
    '22s': 'heal',
  },
  buggify: Object.keys(BUGGIFY_SITES).filter(site => !NOT_HERE.includes(site)),
  expect: { converge: '60s after heal', lost: 0 },
})

export default scenario
