import type { Behaviour, Program } from '../../node/process/behaviour.ts'
import type { MessageRef } from './history.ts'

/**
 * The process that messages between nodes are sent to: it notes what it handled. On real nodes it runs from
 * this module and says what it noted when it is asked; on simulated ones the notes go straight to the history.
 */
export function tallyTo(note: (message: MessageRef) => void): Program {
  return (): Behaviour => ({
    onMessage: message => note(message as MessageRef),
    onCall: { handle: (message: MessageRef) => note(message) },
  })
}

export function tally(): Behaviour {
  const notes: MessageRef[] = []
  return {
    onMessage: message => notes.push(message as MessageRef),
    onCall: { handle: (message: MessageRef) => notes.push(message), report: () => notes },
  }
}

export const TALLY = 'tally'
