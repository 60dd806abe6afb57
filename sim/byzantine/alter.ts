import { KIND } from '../../base/kinds.ts'
import type { SyncMessage } from '../../chain/messages.ts'
import { extendByRun, type Run } from '../../chain/run.ts'
import { encodeRemember } from '../../ecc/records.ts'
import { encodeMessage, parseMessage } from '../../node/messages.ts'
import type { Attacker, HostileBehaviour, Passing } from './behaviour.ts'
import { FORGED } from './forge.ts'
import { copyOf, HandWritten } from './hand-written.ts'

/** Copying a longer log for every forgery would take the simulator's time, and prove nothing more. */
const COPIED_MAX = 500

export const ALTER: HostileBehaviour = {
  name: 'alter',
  says: 'relays records of others with one of them changed, under a true checkpoint that reaches further, and with a proof that fits what it has made of them; runs in front of the true ones',
  demands: 'stores only what the checkpoint proves; asks somebody else',
  attacks: 'both ends of a consistency proof; verified beginnings of a log that others pass on',
  isDefended: true,
  isPunished: false,
  start(attacker) {
    attacker.onSend(passing => {
      const altered = alter(attacker, passing)
      return altered === undefined ? [passing.frame] : [altered, passing.frame]
    })
    attacker.onHear(passing => {
      const altered = alter(attacker, passing)
      if (altered !== undefined) for (const peer of attacker.peers) if (peer !== passing.peer) attacker.inject(peer, 'sync', altered)
      return [passing.frame]
    })
  },
}

/** For a run of somebody else's log, the same with one record that its author has not written; the last one it cannot make. */
function alter(attacker: Attacker, passing: Passing): Uint8Array | undefined {
  const run = runOf(attacker, passing)
  const log = run === undefined ? undefined : attacker.logs.get(run.log)
  if (run === undefined || log === undefined || run.from < 1 || run.from > Math.min(log.size, COPIED_MAX)) return undefined
  const whole = copyOf(log, run.from)
  const isWhole = !('code' in extendByRun(whole, run, Infinity)) && whole.size === run.checkpoint.size
  if (!isWhole || run.records.length < 2) return undefined
  const body = encodeRemember({ text: FORGED })
  const written = HandWritten.altering(whole, run.from, { kind: KIND['memory.remember'], body }, attacker.random)
  return encodeMessage({ kind: 'sync.run', fields: written.fields(run.checkpoint) })
}

/** A run of somebody else's log that passes. */
function runOf({ genesis, logs, self }: Attacker, { protocol, frame }: Passing): Run | undefined {
  if (protocol !== 'sync') return undefined
  const parsed = parseMessage(frame, 'sync', genesis.cluster)
  const message = parsed.ok ? (parsed.message as SyncMessage) : undefined
  return message?.kind === 'sync.run' && logs.get(message.run.log)?.identity.author !== self ? message.run : undefined
}
