import type { FrontierEntry } from '../../base/frontier.ts'
import { DEFAULT_SPACE, logIdOf, memoryStream } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import type { SyncMessage } from '../../chain/messages.ts'
import { encodeRemember } from '../../ecc/records.ts'
import { encodeMessage, type OutgoingMessage, parseMessage } from '../../node/messages.ts'
import type { Attacker, HostileBehaviour, Passing } from './behaviour.ts'

export const WITHHOLD: HostileBehaviour = {
  name: 'withhold',
  says: 'claims to have logs that it never sends, its own to one peer only; its records build on some that nobody will ever see',
  demands: 'asks somebody else after a while; lets that one log wait, and nothing else',
  attacks: 'time limits of pulls and whom they go to next; parents that never come; heads told on behalf of others',
  isDefended: true,
  isPunished: false,
  start(attacker) {
    const { random, self } = attacker
    const confidant = random.pick([...attacker.peers, self])
    attacker.onSend(({ peer, protocol, frame }) => {
      const message = protocol === 'sync' ? syncOf(attacker, frame) : undefined
      if (message?.kind !== 'sync.run') return [frame]
      const isOwn = attacker.logs.get(message.run.log)?.identity.author === self
      return isOwn && peer === confidant ? [frame] : []
    })
    attacker.after(2000, () => {
      const unseen = { logId: random.bytes(32), seq: random.below(10), leaf: random.bytes(32) }
      const body = encodeRemember({ text: 'waits for ever' })
      attacker.write(memoryStream(DEFAULT_SPACE), [{ kind: KIND['memory.remember'], actor: '', body, parents: [unseen] }])
    })
  },
}

export const LIE_DIGESTS: HostileBehaviour = {
  name: 'lie-digests',
  says: 'says that all is equal when it is not, and the other way round; entries with other sizes and heads, far ahead, of logs that are not, and of the own logs of the peer',
  demands:
    'believes what is proved: asks others, takes back no log of its own for a mere word; hangs up on whoever speaks of more logs than there can be',
  attacks: 'comparison of frontiers, fork search, pulls that lead nowhere, outrun logs, the bound on the logs of a peer',
  isDefended: true,
  isPunished: true,
  start(attacker) {
    const { random } = attacker
    attacker.onSend(({ protocol, frame }) => {
      const message = protocol === 'sync' ? syncOf(attacker, frame) : undefined
      const lie = message === undefined || random.chance(500) ? undefined : lieFor(attacker, message)
      return [lie === undefined ? frame : encodeMessage(lie)]
    })
    attacker.every(4, () => {
      const entries = entriesOf(attacker).map(entry => falsified(attacker, entry))
      attacker.say(random.pick(attacker.peers), { kind: 'sync.heads', entries })
    })
    attacker.every(1, () => attacker.say(random.pick(attacker.peers), { kind: 'sync.equal' }))
    attacker.every(4, () => {
      const entries = Array.from({ length: 256 }, () => ({
        log: logIdOf(random.bytes(32)),
        size: 1 + random.below(1000),
        head: random.bytes(32),
      }))
      attacker.say(random.pick(attacker.peers), { kind: 'sync.heads', entries })
    })
  },
}

function lieFor(attacker: Attacker, message: SyncMessage): OutgoingMessage | undefined {
  const { random } = attacker
  switch (message.kind) {
    case 'sync.hello':
      return { ...message, digests: message.digests.map(({ stream, digest }) => ({ stream, digest: random.bytes(digest.length) })) }
    case 'sync.ask':
      return random.chance(300) ? { kind: 'sync.equal' } : { ...message, entries: message.entries.map(entry => falsified(attacker, entry)) }
    case 'sync.answer':
      return { ...message, entries: random.chance(300) ? [] : message.entries.map(entry => falsified(attacker, entry)) }
    default:
      return undefined
  }
}

function entriesOf({ logs }: Attacker): readonly FrontierEntry[] {
  return [...logs.values()]
    .filter(({ published }) => published > 0)
    .map(({ identity, published, tree }) => ({ log: identity.id, size: published, head: tree.leaf(published - 1) }))
}

/** Further, less far, or somewhere else. */
function falsified({ random }: Attacker, entry: FrontierEntry): FrontierEntry {
  switch (random.below(4)) {
    case 0:
      return { ...entry, size: entry.size + 1 + random.below(1_000_000), head: random.bytes(32) }
    case 1:
      return { ...entry, size: 1 + random.below(entry.size) }
    case 2:
      return { ...entry, head: random.bytes(32) }
    default:
      return entry
  }
}

function syncOf({ genesis }: Attacker, frame: Passing['frame']): SyncMessage | undefined {
  const parsed = parseMessage(frame, 'sync', genesis.cluster)
  return parsed.ok ? (parsed.message as SyncMessage) : undefined
}
