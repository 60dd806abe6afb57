import { concatBytes, EMPTY } from '../../base/bytes.ts'
import { type Cbor, decode, encode } from '../../base/codec.ts'
import { keyOf, type NodeId } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import type { SignedCheckpoint } from '../../chain/checkpoint.ts'
import type { Log } from '../../chain/log.ts'
import { encodeRemember } from '../../ecc/records.ts'
import { WIRE } from '../../node/messages.ts'
import type { Attacker, HostileBehaviour, Passing } from './behaviour.ts'
import { type CheckpointLie, conceal, HandWritten, show } from './hand-written.ts'
import { Mutator } from './mutation.ts'

/** What a memory that nobody ought to have says. */
export const FORGED = 'forged by a hostile node'

export const FORGE: HostileBehaviour = {
  name: 'forge',
  says: 'sends real frames with one field changed: every field of every message kind in turn, encoded canonically; runs in front of the honest one',
  demands: 'rejects what cannot be meant, stores nothing of it, and hangs up on whoever goes on',
  attacks: 'shapes of all messages; checkpoint signature, root, head leaf, consistency and inclusion proofs',
  isDefended: true,
  isPunished: true,
  start(attacker) {
    const mutator = new Mutator()
    const newest = new Map<Cbor | undefined, Passing>()
    let turns = 0
    attacker.onSend(passing => {
      const kind = kindOf(passing.frame)
      newest.set(kind, passing)
      const forged = kind === WIRE['sync.run'].number && attacker.random.chance(300) ? mutator.next(passing.frame) : undefined
      return forged === undefined ? [passing.frame] : [forged, passing.frame]
    })
    attacker.every(5, () => {
      const [...kinds] = newest.values()
      const sent = kinds[turns++ % kinds.length]
      const forged = sent === undefined ? undefined : mutator.next(sent.frame)
      if (sent !== undefined && forged !== undefined) attacker.inject(attacker.random.pick(attacker.peers), sent.protocol, forged)
    })
  },
}

/** The number of a message's kind. */
function kindOf(frame: Uint8Array): Cbor | undefined {
  const decoded = decode(frame)
  return decoded.ok && Array.isArray(decoded.value) ? (decoded.value as readonly Cbor[])[0] : undefined
}

export const USURP: HostileBehaviour = {
  name: 'usurp',
  says: 'goes on with the logs of others, memberships too, under its own signature or one of theirs; shows made-up forks of them',
  demands: 'rejects the run, believes in no fork, and never blames the author',
  attacks: 'checkpoint key and signature; evidence of forks and of outrun logs; authors do not take in their own logs',
  isDefended: true,
  isPunished: true,
  start(attacker) {
    attacker.every(4, () => {
      const log = anothersLog(attacker)
      if (log === undefined) return
      const { stream, author } = log.identity
      const written = HandWritten.after(log, attacker.random)
      const isMemory = stream.startsWith('memory/')
      const kind = isMemory ? KIND['memory.remember'] : stream === 'cluster' ? KIND['cluster.invite'] : KIND['audit.boot']
      written.append({ kind, body: isMemory ? encodeRemember({ text: FORGED }) : encode(['forged', 'forged']) })
      const checkpoint = usurped(attacker, written, log)
      const seq = written.log.size - 1
      for (const peer of attacker.peers) {
        attacker.say(peer, { kind: 'sync.heads', entries: [{ log: log.identity.id, size: seq + 1, head: written.log.head }] })
        if (peer !== author) for (const frame of written.runs(checkpoint)) attacker.inject(peer, 'sync', frame)
        const proof = written.log.tree.inclusionProof(seq, checkpoint.size)
        attacker.say(peer, { kind: 'sync.leaf', log: log.identity.id, seq, witnessed: { checkpoint, leaf: written.log.head, proof } })
      }
      falsifyFork(attacker, log)
    })
  },
}

/** Copying a longer log for every forgery would take the simulator's time, and prove nothing more. */
const COPIED_MAX = 2000

function anothersLog({ logs, self, random }: Attacker): Log | undefined {
  const others = [...logs.values()].filter(
    ({ identity, published, conflict }) => identity.author !== self && published > 0 && published < COPIED_MAX && conflict === undefined,
  )
  return others.length === 0 ? undefined : random.pick(others)
}

/** A checkpoint over what the attacker has added, signed in one of the ways it can. */
function usurped({ genesis, signer, random }: Attacker, written: HandWritten, log: Log): SignedCheckpoint {
  const key = keyOf(log.identity.author)
  const lies = [{}, { key }, { key, signature: (log.checkpoint as SignedCheckpoint).signature }]
  return written.checkpoint(genesis.cluster, signer, random.pick(lies))
}

/** The author's last record said to be another one, as evidence against it. */
function falsifyFork(attacker: Attacker, log: Log): void {
  const { genesis, signer, random } = attacker
  const seq = log.published - 1
  const other = HandWritten.as(log.identity, random)
  while (other.log.size <= seq) other.append({ kind: KIND['audit.boot'], body: encode(['forged', 'forged']) })
  const checkpoint = other.checkpoint(genesis.cluster, signer, { key: keyOf(log.identity.author) })
  const witnessed = { checkpoint, leaf: other.log.head, proof: other.log.tree.inclusionProof(seq, checkpoint.size) }
  attacker.say(random.pick(attacker.peers), { kind: 'sync.leaf', log: log.identity.id, seq, witnessed })
}

export const UNSIGNED: HostileBehaviour = {
  name: 'unsigned',
  says: 'goes on with a sound log of its own under a signature that is absent, zero, of small order, malleable, of an older checkpoint, or of bytes without their tag',
  demands: 'rejects them: what no checkpoint vouches for is not stored',
  attacks: 'the signature rule (weft-strict), its domain tag, and the cache of the checkpoint last verified',
  isDefended: true,
  isPunished: true,
  start(attacker) {
    const { genesis, signer, random } = attacker
    const signed = HandWritten.begin(attacker, `unsigned-${random.uint32()}`).append(memoryOf('signed'))
    const older = signed.checkpoint(genesis.cluster, signer)
    const written = signed.fork().append(memoryOf(FORGED))
    conceal(attacker, signed)
    let turns = 0
    attacker.every(2, () => {
      const peer = random.pick(attacker.peers)
      show(attacker, peer, signed, older)
      const { bytes, signature } = written.checkpoint(genesis.cluster, signer)
      const wrong = [EMPTY, new Uint8Array(64), SMALL_ORDER, malleable(signature), older.signature, signer.sign(bytes)]
      const lie = { signature: wrong[turns++ % wrong.length] as Uint8Array }
      show(attacker, peer, written, written.checkpoint(genesis.cluster, signer, lie))
    })
  },
}

/** R is the neutral element, S is 0: an equation that holds for keys of small order. */
const SMALL_ORDER: Uint8Array = concatBytes(Uint8Array.of(1), new Uint8Array(63))

/** Order of the base point, RFC 8032 section 5.1. */
const L: bigint = 2n ** 252n + 27742317777372353535851937790883648493n

/** The same signature once more, with S + L: many libraries take both. */
function malleable(signature: Uint8Array): Uint8Array {
  let value = L
  for (let i = 0; i < 32; i++) value += BigInt(signature[32 + i] as number) << BigInt(8 * i)
  return concatBytes(
    signature.subarray(0, 32),
    Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn)),
  )
}

export const MISROOT: HostileBehaviour = {
  name: 'misroot',
  says: 'signs roots, head leaves and proofs of its own log that are not those of its records, for another log or in the name of another key, and logs that do not begin with their genesis',
  demands: 'stores no record under a checkpoint that does not prove it',
  attacks: 'root, head leaf and consistency of a run; the log and the key that a checkpoint names; the genesis of a log',
  isDefended: true,
  isPunished: true,
  start(attacker) {
    const { genesis, signer, random } = attacker
    const space = `misroot-${random.uint32()}`
    const begin = (): HandWritten => HandWritten.begin(attacker, space).append(memoryOf(FORGED))
    const signed = (written: HandWritten, lie?: CheckpointLie): SignedCheckpoint => written.checkpoint(genesis.cluster, signer, lie)
    const attacks: readonly ((to: NodeId, written: HandWritten) => void)[] = [
      (to, written) => show(attacker, to, written, signed(written, { root: random.bytes(32) })),
      (to, written) => show(attacker, to, written, signed(written, { headLeaf: random.bytes(32) })),
      (to, written) => show(attacker, to, written, signed(written, { key: random.bytes(32) })),
      (to, written) => show(attacker, to, written, signed(written, { log: random.bytes(32) })),
      (to, written) => cutShort(attacker, to, written, signed(written)),
      to => {
        const headless = HandWritten.blank(attacker, space).append(memoryOf(FORGED))
        show(attacker, to, headless, signed(headless))
      },
    ]
    let turns = 0
    attacker.every(2, () => attacks[turns++ % attacks.length]?.(random.pick(attacker.peers), begin()))
  },
}

/** The run without its last record, with a proof that proves something else. */
function cutShort(attacker: Attacker, to: NodeId, written: HandWritten, checkpoint: SignedCheckpoint): void {
  const fields = written.fields(checkpoint)
  const records = fields[5] as readonly Cbor[]
  const cut = [...fields.slice(0, 4), [attacker.random.bytes(32)], records.slice(0, -1)]
  attacker.say(to, { kind: 'sync.run', fields: cut })
}

function memoryOf(text: string): { readonly kind: number; readonly body: Uint8Array } {
  return { kind: KIND['memory.remember'], body: encodeRemember({ text }) }
}
