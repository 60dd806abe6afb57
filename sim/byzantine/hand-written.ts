import { concatBytes, EMPTY, equalBytes } from '../../base/bytes.ts'
import { type Cbor, decode, encode } from '../../base/codec.ts'
import type { Signer } from '../../base/crypto/crypto-suite.ts'
import { tagOf } from '../../base/crypto/hash.ts'
import type { Hlc } from '../../base/hlc.ts'
import { type ClusterId, digestOf, type LogId, memoryStream, type NodeId } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import { CURRENT } from '../../base/version.ts'
import { keyIdOf, type SignedCheckpoint } from '../../chain/checkpoint.ts'
import { wholeCover } from '../../chain/cover.ts'
import { Log } from '../../chain/log.ts'
import { STREAM_DIGEST_BYTES } from '../../chain/messages.ts'
import {
  encodeGenesis,
  type LogIdentity,
  logIdentity,
  type ParentRef,
  SALT_BYTES,
  type StoredRecord,
  ZERO_SALT,
} from '../../chain/record.ts'
import { encodeRun } from '../../chain/run.ts'
import { appendTo } from '../../chain/written.ts'
import { encodeMessage, WIRE } from '../../node/messages.ts'
import type { SimRandom } from '../random.ts'
import type { Attacker } from './behaviour.ts'

/**
 * A log that the attacker writes itself, past its node: with any time, any parents and any
 * signature, and as many versions as it likes. It begins anew, or where a real one ends.
 */
export class HandWritten {
  readonly log: Log
  readonly #random: SimRandom
  /** Written by hand, from `#from` on. */
  readonly #records: StoredRecord[] = []
  readonly #from: number

  private constructor(log: Log, random: SimRandom, from: number = log.size) {
    this.log = log
    this.#random = random
    this.#from = from
  }

  /** An own log of a space that nobody has heard of. */
  static begin(attacker: Attacker, space: string): HandWritten {
    const written = HandWritten.blank(attacker, space)
    return written.#found(written.log.identity)
  }

  /** The same without its genesis. */
  static blank({ genesis, self, random }: Attacker, space: string): HandWritten {
    return new HandWritten(new Log(logIdentity(genesis.cluster, self, memoryStream(space))), random)
  }

  /** The log that `identity` would be in another cluster, or of another author. */
  static as(identity: LogIdentity, random: SimRandom): HandWritten {
    return new HandWritten(new Log(identity), random).#found(identity)
  }

  /** What others hold of `log`, to go on from. */
  static after(log: Log, random: SimRandom): HandWritten {
    return new HandWritten(copyOf(log, log.published), random)
  }

  /** What `log` would be if its record `seq` were another one: the records behind it are the true ones, and cannot be sent. */
  static altering(log: Log, seq: number, draft: HandDraft, random: SimRandom): HandWritten {
    const written = new HandWritten(copyOf(log, seq), random).append(draft)
    for (let next = seq + 1; next < log.size; next++) written.log.append(log.tree.leaf(next), log.hlcAt(next))
    return written
  }

  get id(): LogId {
    return this.log.identity.id
  }

  #found(identity: LogIdentity): this {
    const body = encodeGenesis(identity, this.#random.bytes(32))
    return this.append({ kind: KIND['log.genesis'], hlc: { ms: 1, counter: 0 }, body, salt: ZERO_SALT })
  }

  append({ kind, body, hlc, parents = [], salt = this.#random.bytes(SALT_BYTES) }: HandDraft): this {
    const last = this.log.headHlc
    const time = hlc ?? { ms: last.ms + 1, counter: 0 }
    this.#records.push(appendTo(this.log, { kind, body, hlc: time, parents, salt, actor: '', grant: EMPTY }).record)
    return this
  }

  /** Another version of the same beginning. */
  fork(): HandWritten {
    const fork = new HandWritten(copyOf(this.log, this.log.size), this.#random, this.#from)
    fork.#records.push(...this.#records)
    return fork
  }

  checkpoint(cluster: ClusterId, signer: Signer, lie: CheckpointLie = {}): SignedCheckpoint {
    const { log } = this
    const fields = {
      epoch: 0,
      keyId: keyIdOf(lie.key ?? signer.publicKey),
      size: log.size,
      root: lie.root ?? log.tree.root(),
      headLeaf: lie.headLeaf ?? log.head,
      timeMs: log.headHlc.ms,
    }
    const { epoch, keyId, size, root, headLeaf, timeMs } = fields
    const bytes = encode([1, 1, digestOf(cluster), lie.log ?? log.idBytes, epoch, keyId, size, root, headLeaf, timeMs])
    return { ...fields, bytes, signature: lie.signature ?? signer.sign(concatBytes(tagOf('checkpoint'), bytes)) }
  }

  /** What a run says of the first records that were written by hand. */
  fields(checkpoint: SignedCheckpoint): readonly Cbor[] {
    this.log.cover = wholeCover(this.id, checkpoint)
    return encodeRun(this.log, this.#from, this.#records).fields as readonly Cbor[]
  }

  /** Frames with all that was written by hand from `from` on, under `checkpoint`. */
  runs(checkpoint: SignedCheckpoint, from: number = this.#from): Uint8Array[] {
    this.log.cover = wholeCover(this.id, checkpoint)
    const frames: Uint8Array[] = []
    for (let next = from; next < this.log.size; ) {
      const { fields, end } = encodeRun(this.log, next, this.#records.slice(next - this.#from))
      frames.push(encodeMessage({ kind: 'sync.run', fields }))
      next = end
    }
    return frames
  }
}

/** The first `size` records of a log, to go on from in another way. */
export function copyOf(log: Log, size: number): Log {
  const copy = new Log(log.identity)
  for (let seq = 0; seq < size; seq++) copy.append(log.tree.leaf(seq), log.hlcAt(seq))
  return copy
}

/** Tells a peer of a hand-written log, and sends all of it. */
export function show(attacker: Attacker, to: NodeId, written: HandWritten, checkpoint: SignedCheckpoint): void {
  announce(attacker, to, written)
  for (const frame of written.runs(checkpoint)) attacker.inject(to, 'sync', frame)
}

/** The space of the log is one that there is: only then is it known whose it is. */
export function announce(attacker: Attacker, to: NodeId, written: HandWritten): void {
  const { stream } = written.log.identity
  const digests = [{ stream, digest: attacker.random.bytes(STREAM_DIGEST_BYTES) }]
  attacker.say(to, { kind: 'sync.hello', foldVersion: CURRENT.fold, digests })
}

/**
 * Its own node would take a log that it finds with others back from them, and stop signing meanwhile: what
 * proves that there is one does not reach it.
 */
export function conceal(attacker: Attacker, written: HandWritten): void {
  const { idBytes } = written.log
  attacker.onHear(({ frame }) => {
    const decoded = decode(frame)
    const [kind, log] = decoded.ok && Array.isArray(decoded.value) ? (decoded.value as readonly Cbor[]) : []
    return kind === WIRE['sync.leaf'].number && log instanceof Uint8Array && equalBytes(log, idBytes) ? [] : [frame]
  })
}

export interface HandDraft {
  readonly kind: number
  readonly body: Uint8Array
  /** A millisecond after the record before it unless said otherwise. */
  readonly hlc?: Hlc
  readonly parents?: readonly ParentRef[]
  readonly salt?: Uint8Array
}

/** What a checkpoint says other than the truth. */
export interface CheckpointLie {
  /** Whose signature it claims to bear. */
  readonly key?: Uint8Array
  /** Of which log it says that it speaks. */
  readonly log?: Uint8Array
  readonly root?: Uint8Array
  readonly headLeaf?: Uint8Array
  readonly signature?: Uint8Array
}
