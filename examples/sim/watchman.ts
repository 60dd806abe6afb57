/**
 * An agent: it makes its rounds, and links what it finds to what was found before, by whomever. Nothing in it knows
 * whether it runs on a real node (`on-a-node.ts`) or in the simulator (`night-shift.ts`).
 *
 *     weft spawn build/examples/sim/watchman.js --name watchman
 *     weft send watchman '{"tick":1}'
 *
 * In a program of your own: import type { Behaviour, ProcessContext } from 'weftmesh'
 */
import type { Behaviour, ProcessContext } from '../../node/index.ts'

export default function watchman({ memory }: ProcessContext): Behaviour {
  let rounds = 0
  return {
    async onMessage(message) {
      const { tick } = message as { readonly tick: number }
      // The last round that is known here may have been made on any node.
      const { hits } = await memory.recall('round of the doors', { k: 1 })
      const round = await memory.remember(`Round ${tick} of the doors: all shut`)
      const [before] = hits
      if (before !== undefined) await memory.link(round.id, 'follows', before.id)
      rounds++
    },
    onCall: { rounds: () => rounds },
  }
}
