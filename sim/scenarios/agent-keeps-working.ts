import type { Behaviour, ProcessContext } from '../../node/process/behaviour.ts'
import { defineScenario } from '../scenario/define.ts'
import type { Scenario } from '../scenario/scenario.ts'

/**
 * An agent as one would write it for a real node: `weft spawn` runs the same function. It notes each piece of work, and what
 * it learnt from the note before, so that its memory is a chain of reasons.
 */
export function bookkeeper(context: ProcessContext): Behaviour {
  let last: string | undefined
  return {
    async onMessage(message) {
      const { tick } = message as { readonly tick: number }
      const note = await context.memory.remember(`piece of work ${tick} was done by ${context.address}`)
      if (last !== undefined) await context.memory.link(last, 'enables', note.id)
      last = note.id
      context.log('noted', { tick })
    },
  }
}

const scenario: Scenario = defineScenario({
  name: 'agent-keeps-working',
  about:
    'An agent written in TypeScript works on three nodes while they are split, paused and crashed under it. ' +
    'It knows nothing of any of that: it gets messages, remembers, and links what it remembers. ' +
    'What it was told is kept has to be kept, on every node, in the end; and it is the very function that would run on a real one.',
  nodes: 5,
  net: { delay: 'exp(2ms,10ms)' },
  agents: { bookkeeper },
  workload: [{ agent: 'bookkeeper', on: ['n1', 'n2', 'n5'], rate: '4/s' }, { put: '1/s' }],
  at: {
    '5s': 'partition [[n1,n3],[n2,n4,n5]]',
    '10s': 'pause n2 { for: 4s }',
    '14s': 'crash n5',
    '18s': 'restart n5',
    '24s': 'heal',
  },
  expect: { converge: '30s after heal', lost: 0 },
})

export default scenario
