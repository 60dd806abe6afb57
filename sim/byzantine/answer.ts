import type { NodeId } from '../../base/ids.ts'
import type { IpcMessage } from '../../node/ipc/messages.ts'
import { parseMessage } from '../../node/messages.ts'
import type { HostileBehaviour } from './behaviour.ts'

/** What waits for an answer now has one of the next 8 numbers after the newest that was seen. */
const GUESSES = 8

export const ANSWER: HostileBehaviour = {
  name: 'answer',
  says: 'answers calls that were made to others, and says that processes of others are gone, by guessing the numbers that come after those it sees',
  demands: 'believes nobody but the node that was asked',
  attacks: 'whose answer counts for a call, a send and a monitor',
  isDefended: true,
  isPunished: false,
  start(attacker) {
    const { genesis, random } = attacker
    const newest = new Map<NodeId, number>()
    attacker.onHear(({ peer, protocol, frame }) => {
      const parsed = protocol === 'ipc' ? parseMessage(frame, 'ipc', genesis.cluster) : undefined
      const message = parsed?.ok === true ? (parsed.message as IpcMessage) : undefined
      if (message?.kind === 'ipc.call' || message?.kind === 'ipc.send' || message?.kind === 'ipc.monitor') newest.set(peer, message.number)
      return [frame]
    })
    attacker.every(4, () => {
      const peer = random.pick(attacker.peers)
      const from = newest.get(peer) ?? 0
      for (let number = from + 1; number <= from + GUESSES; number++) {
        attacker.say(peer, { kind: 'ipc.result', number, result: { ok: true, value: '"guessed"' } })
        attacker.say(peer, { kind: 'ipc.down', number, pid: 1, reason: 'killed' })
      }
    })
  },
}
