/**
 * A process: it counts. One message at a time reaches it, so its state needs no lock.
 *
 *     weft spawn build/examples/counter.js --name counter
 *     weft call counter add 2
 *
 * In a program of your own: import type { Behaviour, ProcessContext } from 'weftmesh'
 */
import type { Behaviour, ProcessContext } from '../node/index.ts'

export default function counter(context: ProcessContext): Behaviour {
  let total = 0
  return {
    onCall: {
      add: (amount: number) => (total += amount),
      total: () => total,
    },
    onMessage: message => context.log('said', { message: JSON.stringify(message) }),
  }
}
