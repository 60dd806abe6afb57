import type { NodeId } from '../../base/ids.ts'
import type { IpcMessage } from '../../node/ipc/messages.ts'
import { parseMessage } from '../../node/messages.ts'
import type { HostileBehaviour } from './behaviour.ts'

/** What waits for an answer has one of the 4 numbers before the newest that was seen, or of the 8 after it. */
const BEFORE = 4
const AFTER = 8
/** What is asked in the same instant comes right behind, and is not answered before this. */
const SOON_MS = 2

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
      if (message?.kind === 'ipc.call' || message?.kind === 'ipc.send' || message?.kind === 'ipc.monitor') {
        newest.set(peer, message.number)
        attacker.after(SOON_MS, () => guess(peer))
      }
      return [frame]
    })
    const guess = (peer: NodeId): void => {
      const last = newest.get(peer) ?? 0
      for (let number = Math.max(1, last - BEFORE); number <= last + AFTER; number++) {
        attacker.say(peer, { kind: 'ipc.result', number, result: { ok: true, value: '"guessed"' } })
        attacker.say(peer, { kind: 'ipc.down', number, pid: 1, reason: 'killed' })
      }
    }
    attacker.every(4, () => guess(random.pick(attacker.peers)))
  },
}
