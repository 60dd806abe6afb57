import { utf8 } from '../../base/bytes.ts'
import { decode, encode } from '../../base/codec.ts'
import type { Signer } from '../../base/crypto/crypto-suite.ts'
import { hash } from '../../base/crypto/hash.ts'
import { suite } from '../../base/crypto/suite.ts'
import type { WeftError } from '../../base/errors.ts'
import { type ClusterId, clusterIdOf, type LogId, memoryStream, type NodeId, nodeIdOf, type Stream } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import type { Disk, Random } from '../../base/ports.ts'
import { Chain, type Draft, type Group, type StagedCommit } from '../../chain/chain.ts'
import { type Journal, openJournal, type OpenResult } from '../../chain/journal.ts'
import type { Log } from '../../chain/log.ts'
import { type LogIdentity, logIdentity, nextKeyCommitOf, type StoredRecord } from '../../chain/record.ts'
import type { Replay } from '../../chain/replay.ts'
import { encodeRun, parseRun, type Run } from '../../chain/run.ts'
import { RunIntake } from '../../chain/run-intake.ts'
import type { Leftover } from '../../chain/scan.ts'
import { SyncPeer } from '../../chain/sync-peer.ts'
import { type Verification, verifyJournal } from '../../chain/verify.ts'
import type { Written } from '../../chain/written.ts'
import { SimRandom } from '../../sim/random.ts'

export const CLUSTER: ClusterId = clusterIdOf(hash('cluster', utf8('tests of the chain')))
export const MAIN: Stream = memoryStream('main')
export const WALL_MS = 1_767_225_600_000

const signers: Map<number, Signer> = new Map()

/** The key of author 0, 1, 2 and so on. */
export function signerOf(index: number): Signer {
  let signer = signers.get(index)
  if (signer === undefined) {
    signer = suite.signer(hash('content', utf8(`author ${index}`)))
    signers.set(index, signer)
  }
  return signer
}

export function nodeOf(index: number): NodeId {
  return nodeIdOf(signerOf(index).publicKey)
}

export function identityOf(index: number, stream: Stream = MAIN): LogIdentity {
  return logIdentity(CLUSTER, nodeOf(index), stream)
}

/** A chain in memory: its author's key, and everything that was ever appended to it or taken in. */
export class Author {
  readonly index: number
  readonly self: NodeId
  readonly chain: Chain
  readonly random: Random
  /** Per log the records that stand in it, durable or not. */
  readonly records: Map<LogId, StoredRecord[]> = new Map()
  readonly #intake: RunIntake
  #identities: Map<LogId, LogIdentity> = new Map()

  constructor(index: number, logs: Map<LogId, Log> = new Map(), random: Random = new SimRandom(index, 'author')) {
    this.index = index
    this.self = nodeOf(index)
    this.random = random
    this.chain = new Chain({
      cluster: CLUSTER,
      self: this.self,
      logs,
      signer: signerOf(index),
      nextKeyCommit: nextKeyCommitOf(signerOf(index + 1000).publicKey),
      random,
    })
    this.#intake = new RunIntake(this.chain, log => this.#identities.get(log))
  }

  /** Appends a record for each body. */
  append(bodies: readonly (Uint8Array | string)[], stream: Stream = MAIN, more: Partial<Draft> = {}): readonly Written[] {
    const drafts = bodies.map(
      (body): Draft => ({
        kind: KIND['memory.remember'],
        actor: 'tester',
        body: typeof body === 'string' ? utf8(body) : body,
        parents: [],
        ...more,
      }),
    )
    return this.chain.append(stream, drafts, WALL_MS)
  }

  /** Takes what is staged; it is for the caller to say how it ended. */
  take(sign: boolean = true): StagedCommit | undefined {
    const staged = this.chain.takeCommit(sign, WALL_MS)
    for (const { log, records } of staged?.groups ?? []) for (const { seq, record } of records) this.#list(log.identity.id)[seq] = record
    return staged
  }

  committed(staged: StagedCommit): void {
    this.chain.committed(staged)
  }

  /** @returns what is lost */
  failed(staged: StagedCommit): readonly Group[] {
    const lost = this.chain.failed(staged)
    for (const [id, records] of this.records) records.length = Math.min(records.length, this.chain.log(id)?.size ?? 0)
    return lost
  }

  /** Everything staged, without a disk. */
  settle(sign: boolean = true): void {
    for (let staged = this.take(sign); staged !== undefined; staged = this.take(sign)) this.committed(staged)
  }

  /** Stages what this one lacks of a log that another has published, in frames of at most so many records. */
  copy(from: Author, id: LogId, frameRecords: number = 1024, frames: number = Infinity): void {
    const source = from.chain.log(id) as Log
    this.#identities.set(id, source.identity)
    for (let size = this.chain.log(id)?.size ?? 0, left = frames; size < source.published && left > 0; left--) {
      const run = from.frame(id, size, frameRecords)
      const intake = this.#intake.take(new SyncPeer(from.self), run, 0, WALL_MS)
      if (intake.result !== 'staged') throw new Error(`a run from ${size}: ${JSON.stringify(intake)}`)
      size += run.records.length
    }
  }

  /** A frame of a log as a peer would get it. */
  frame(id: LogId, from: number, records: number = 1024): Run {
    const encoded = encodeRun(this.chain.log(id) as Log, from, this.#list(id).slice(from, from + records))
    const decoded = decode(encode(encoded.fields))
    return (decoded.ok && parseRun(decoded.value, CLUSTER)) as Run
  }

  #list(id: LogId): StoredRecord[] {
    let list = this.records.get(id)
    if (list === undefined) {
      list = []
      this.records.set(id, list)
    }
    return list
  }
}

/** An author with a journal on some disk; `turn` lets everything that was started complete. */
export class Keeper extends Author {
  readonly journal: Journal
  readonly replay: Replay
  readonly torn: Leftover | undefined
  readonly #disk: Disk
  readonly #turn: () => void

  private constructor(
    index: number,
    disk: Disk,
    turn: () => void,
    random: Random,
    journal: Journal,
    replay: Replay,
    torn: Leftover | undefined,
  ) {
    super(index, replay.logs, random)
    this.#disk = disk
    this.#turn = turn
    this.journal = journal
    this.replay = replay
    this.torn = torn
  }

  /** @throws the WeftError of an open that failed */
  static async open(index: number, disk: Disk, turn: () => void, random: Random = new SimRandom(index, 'keeper')): Promise<Keeper> {
    const result = await wait<OpenResult>(turn, done =>
      openJournal(disk, random, { cluster: CLUSTER, self: nodeOf(index), full: false }, done),
    )
    if (!result.ok) throw result.error
    const { journal, replay, torn } = result.value
    const keeper = new Keeper(index, disk, turn, random, journal, replay, torn)
    for (const log of replay.logs.values()) {
      const { error, records } = await keeper.read(log.identity.id, 0, Infinity)
      if (error !== undefined) throw error
      keeper.records.set(log.identity.id, [...records])
    }
    return keeper
  }

  /** One commit of what is staged. @returns why it failed */
  async commit(sign: boolean = true): Promise<WeftError | undefined> {
    const staged = this.take(sign)
    if (staged === undefined) return undefined
    const error = await wait<WeftError | undefined>(this.#turn, done => this.journal.commit(staged.commit, done))
    if (error === undefined) this.committed(staged)
    else this.failed(staged)
    return error
  }

  /** Appends and commits. @throws the WeftError of a commit that failed */
  async write(bodies: readonly (Uint8Array | string)[], stream: Stream = MAIN, sign: boolean = true): Promise<readonly Written[]> {
    const written = this.append(bodies, stream)
    const error = await this.commit(sign)
    if (error !== undefined) throw error
    return written
  }

  read(
    id: LogId,
    from: number,
    maxRecords: number,
    maxBytes: number = Infinity,
  ): Promise<{ readonly error: WeftError | undefined; readonly records: readonly StoredRecord[] }> {
    return wait(this.#turn, done => this.journal.read(id, from, maxRecords, maxBytes, (error, records) => done({ error, records })))
  }

  verify(): Promise<Verification> {
    return verification(this.#disk, this.#turn, this.index)
  }
}

/** @throws the WeftError of a journal that cannot be read */
export async function verification(disk: Disk, turn: () => void, index: number): Promise<Verification> {
  const result = await wait<Parameters<Parameters<typeof verifyJournal>[2]>[0]>(turn, done =>
    verifyJournal(disk, { cluster: CLUSTER, self: nodeOf(index) }, done),
  )
  if (!result.ok) throw result.error
  return result.value
}

export function wait<T>(turn: () => void, start: (done: (value: T) => void) => void): Promise<T> {
  const answer = new Promise<T>(resolve => start(resolve))
  turn()
  return answer
}
