import { BODY_MAX_BYTES, CALL_DEADLINE_MAX_MS, PEER_ADDRESSES_MAX, PEER_EXCHANGE_MAX } from '../../base/limits.ts'
import { logIdOf, memoryStream, type NodeId, nodeIdOf, type Pid } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import { CURRENT } from '../../base/version.ts'
import { STREAM_DIGEST_BYTES } from '../../chain/messages.ts'
import { encodeRemember } from '../../ecc/records.ts'
import { encodeMessage, type OutgoingMessage } from '../../node/messages.ts'
import type { Protocol } from '../../transport/protocols.ts'
import type { Attacker, HostileBehaviour } from './behaviour.ts'
import { announce, conceal, HandWritten } from './hand-written.ts'

export const FLOOD: HostileBehaviour = {
  name: 'flood',
  says: '200 frames a second: pings, messages to one process, calls that nobody waits for, monitors without end, addresses of strangers, logs that are not, questions and wants over and over',
  demands: 'goes on serving its own processes and other peers within bounded queues, tables and files',
  attacks: 'inboxes, calls, monitors, the peer book, the logs told by one peer, reads for one peer at a time',
  isDefended: true,
  isPunished: false,
  start(attacker) {
    let number = 1_000_000
    attacker.every(20, () => {
      const to = attacker.random.pick(attacker.peers)
      for (let i = 0; i < 10; i++) attacker.say(to, nuisance(attacker, number++))
    })
    attacker.every(2, () => {
      const peers = Array.from({ length: PEER_EXCHANGE_MAX }, () => stranger(attacker))
      attacker.say(attacker.random.pick(attacker.peers), { kind: 'peer.known', peers })
    })
  },
}

function nuisance({ random, logs }: Attacker, number: number): OutgoingMessage {
  const target = random.chance(500) ? ((1 + random.below(8)) as Pid) : 'agent'
  const from = random.below(1000) as Pid
  switch (random.below(8)) {
    case 0:
      return { kind: 'peer.ping', number }
    case 1:
      return { kind: 'ipc.send', number, from, target, value: '"flood"' }
    case 2:
      return { kind: 'ipc.call', number, from, target, method: 'flood', value: '', remainingMs: CALL_DEADLINE_MAX_MS }
    case 3:
      return { kind: 'ipc.monitor', number, target }
    case 4:
      return { kind: 'ipc.result', number: random.below(1000), result: { ok: true, value: '"flood"' } }
    case 5:
      return { kind: 'sync.ask', scope: [{ stream: memoryStream('main'), buckets: new Uint8Array(0) }], entries: [], buckets: [] }
    case 6: {
      const log = random.pick([...logs.values()])
      return { kind: 'sync.want', log: log.identity.id, from: 0, head: new Uint8Array(32) }
    }
    default:
      return { kind: 'sync.heads', entries: [{ log: logIdOf(random.bytes(32)), size: 1, head: random.bytes(32) }] }
  }
}

function stranger({ random }: Attacker): { readonly id: NodeId; readonly addresses: readonly string[] } {
  const addresses = Array.from({ length: PEER_ADDRESSES_MAX }, () => `/sim/${random.uint32()}/${'x'.repeat(40)}`)
  return { id: nodeIdOf(random.bytes(32)), addresses }
}

export const OVERRUN: HostileBehaviour = {
  name: 'overrun',
  says: 'sends sound runs of its own much faster than the receiver grants credit',
  demands: 'takes in what it granted, rejects the rest, and hangs up',
  attacks: 'credit',
  isDefended: true,
  isPunished: true,
  start(attacker) {
    let turns = 0
    attacker.every(0.2, () => {
      if (turns++ >= OVERRUNS_MAX) return
      const to = attacker.random.pick(attacker.peers)
      const written = HandWritten.begin(attacker, `overrun-${attacker.random.uint32()}`)
      conceal(attacker, written)
      announce(attacker, to, written)
      for (const frame of many(attacker, written)) attacker.inject(to, 'sync', frame)
    })
  },
}

/** Each record under a checkpoint of its own: however many are taken in, others can have them from there. */
function many({ genesis, signer }: Attacker, written: HandWritten): readonly Uint8Array[] {
  const body = encodeRemember({ text: 'x'.repeat(BODY_MAX_BYTES - 1024) })
  return Array.from({ length: OVERRUN_RECORDS }, (_, i) => {
    const from = i === 0 ? 0 : written.log.size
    written.append({ kind: KIND['memory.remember'], body })
    return written.runs(written.checkpoint(genesis.cluster, signer), from)
  }).flat()
}

/** 48 records of 47 KiB: more than two credits at once. */
const OVERRUN_RECORDS = 48
/** 3 logs of 2 MiB: they stay on the disks of the others. */
const OVERRUNS_MAX = 3

export const SLOW_LORIS: HostileBehaviour = {
  name: 'slow-loris',
  says: 'answers everything at the last moment, and grants credit byte by byte',
  demands: 'waits for nobody: other peers and other logs go on meanwhile',
  attacks: 'time limits of pulls, calls and pings, which are for each peer alone',
  isDefended: true,
  isPunished: false,
  start(attacker) {
    /** When the last frame to each peer leaves: none overtakes it. */
    const leaving = new Map<NodeId, number>()
    attacker.onSend(({ peer, protocol, frame }) => {
      const dueMs = Math.max(attacker.wallMs + LATE_MS[protocol], leaving.get(peer) ?? 0)
      leaving.set(peer, dueMs)
      attacker.after(dueMs - attacker.wallMs, () => attacker.inject(peer, protocol, stingy(frame)))
      return []
    })
  },
}

/** Just before a pull (5 s), a call (5 s) or a silent peer (10 s, two pings) is given up. */
const LATE_MS: Readonly<Record<Protocol, number>> = { control: 4500, sync: 4500, ipc: 4500 }
const ONE_BYTE: Uint8Array = encodeMessage({ kind: 'sync.credit', bytes: 1 })

/** Credit for one byte instead of a quarter of a mebibyte. */
function stingy(frame: Uint8Array): Uint8Array {
  return frame[0] === ONE_BYTE[0] && frame[1] === ONE_BYTE[1] && frame[2] === ONE_BYTE[2] ? ONE_BYTE : frame
}

export const CROWD: HostileBehaviour = {
  name: 'crowd',
  says: 'speaks of 64 spaces a second that nobody has ever written to',
  demands: 'has room for the spaces of every member, however many one of them names',
  attacks: 'the names of spaces that a node learns from one peer',
  isDefended: true,
  isPunished: false,
  start(attacker) {
    const { random } = attacker
    attacker.every(1, () => {
      const digests = Array.from({ length: 64 }, () => ({
        stream: memoryStream(`crowd-${random.uint32()}`),
        digest: random.bytes(STREAM_DIGEST_BYTES),
      }))
      for (const peer of attacker.peers) attacker.say(peer, { kind: 'sync.hello', foldVersion: CURRENT.fold, digests })
    })
  },
}
