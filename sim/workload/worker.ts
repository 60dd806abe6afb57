import type { Behaviour, ProcessContext } from '../../node/process/behaviour.ts'

/** Names of processes that come and go, on any node. */
export const WORKERS: readonly string[] = ['worker-a', 'worker-b', 'worker-c']

/** A process that ends when it is told to, in good order or by throwing. */
export function worker(context: ProcessContext): Behaviour {
  const fail = (): never => {
    throw new Error('told to fail')
  }
  return {
    onMessage(message) {
      if (message === 'end') context.exit(0)
      if (message === 'fail') fail()
    },
    onCall: { end: () => context.exit(0), fail },
  }
}
