import type { ProcessAddress } from '../../base/ids.ts'
import type { Behaviour, ProcessContext, Program } from '../../node/process/behaviour.ts'

/**
 * The process that messages between nodes are sent to: it notes what it handled, and answers a call with what it
 * was given. On real nodes it runs from this module and says what it noted when it is asked; on simulated ones the
 * notes go straight to the history.
 */
export function tallyTo(note: (handled: Handled) => void): Program {
  return context => behaviourOf(context, note)
}

export function tally(context: ProcessContext): Behaviour {
  const notes: Handled[] = []
  const { onMessage, onCall } = behaviourOf(context, handled => notes.push(handled))
  return { onMessage, onCall: { ...onCall, report: () => notes } }
}

function behaviourOf(context: ProcessContext, note: (handled: Handled) => void): Pick<Required<Behaviour>, 'onMessage' | 'onCall'> {
  return {
    onMessage: (message, from) => note({ message, from }),
    onCall: {
      handle(message: { readonly via?: string } | null | undefined, from: ProcessAddress) {
        note({ message, from })
        // Until the third one has answered, everything else waits in the inbox.
        return message?.via === undefined ? message : context.call(message.via, 'echo', message, { deadlineMs: VIA_MS })
      },
      echo: (message: unknown) => message,
    },
  }
}

const VIA_MS = 1_000

/** A message, and who sent it as the connection proved it. */
export interface Handled {
  readonly message: unknown
  readonly from: ProcessAddress
}

export const TALLY = 'tally'
