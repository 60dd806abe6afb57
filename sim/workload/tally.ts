import type { ProcessAddress } from '../../base/ids.ts'
import type { Behaviour, Program } from '../../node/process/behaviour.ts'

/**
 * The process that messages between nodes are sent to: it notes what it handled. On real nodes it runs from
 * this module and says what it noted when it is asked; on simulated ones the notes go straight to the history.
 */
export function tallyTo(note: (handled: Handled) => void): Program {
  return (): Behaviour => ({
    onMessage: (message, from) => note({ message, from }),
    onCall: { handle: (message: unknown, from: ProcessAddress) => note({ message, from }) },
  })
}

export function tally(): Behaviour {
  const notes: Handled[] = []
  return {
    onMessage: (message, from) => notes.push({ message, from }),
    onCall: {
      handle: (message: unknown, from: ProcessAddress) => void notes.push({ message, from }),
      report: () => notes,
    },
  }
}

/** A message, and who sent it as the connection proved it. */
export interface Handled {
  readonly message: unknown
  readonly from: ProcessAddress
}

export const TALLY = 'tally'
