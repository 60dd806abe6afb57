import { defineScenario } from '../scenario/define.ts'
import type { Scenario } from '../scenario/scenario.ts'

/** Three swizzles, each over more nodes than the one before. */
const scenario: Scenario = defineScenario({
  name: 'swizzle-clog',
  about:
    'Links are stopped one after another and let go in another order, three times, each time over more of the cluster. ' +
    'Nothing is lost, everything waits and then comes at once. FoundationDB found this to bring out more errors than any clean split: ' +
    'what arrives late, in bursts, and after what was sent later on another link has to be as good as what arrives at once.',
  nodes: 6,
  net: { delay: 'exp(1ms,10ms)' },
  workload: [{ put: '4/s', keys: 10 }, { supersede: '1/s' }, { ipc: '3/s', mode: 'at-least-once' }],
  at: Object.fromEntries([3, 4, 6].map((nodes, i) => [`${4 + 11 * i}s`, `swizzle [n1..n${nodes}] { for: 8s }`])),
  expect: { converge: '40s after heal', lost: 0 },
})

export default scenario
