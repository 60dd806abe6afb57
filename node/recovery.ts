import { encode } from '../base/codec.ts'
import { asWeftError, type WeftError } from '../base/errors.ts'
import { type CausalId, causalIdOf, digestOf, type LogId, type Stream } from '../base/ids.ts'
import { KIND } from '../base/kinds.ts'
import { CHUNK_BYTES } from '../base/limits.ts'
import type { Chain, Draft, StagedCommit } from '../chain/chain.ts'
import { decodeHeader, leafOf, type ParentRef, type StoredRecord } from '../chain/record.ts'
import type { Displaced as DisplacedPlace } from '../chain/replay.ts'
import type { ChainSync, SyncEffect } from '../chain/sync.ts'
import type { Written } from '../chain/written.ts'
import type { CoreContext } from './context.ts'
import { renamed } from './memory/renamed.ts'
import type { Writer } from './writer.ts'

/**
 * What an honest node does when a peer knows more of its log than it does (a restored backup, a
 * disk that lost its end). For each such log:
 *
 *  1. drain: nothing new is written to it, and what is on its way to the disk gets there.
 *  2. cut: the records it had not signed yet are read, and given up.
 *  3. pull: peers send the log as they know it.
 *  4. append: what was given up is written again, under new ids, with a record that tells the old from the new.
 *
 * Nothing acknowledged is lost, at no crash: the given-up records stay in the journal, listed as displaced,
 * until that record is durable, and whoever starts and finds some appends them first of all.
 */
interface Recovering {
  readonly id: LogId
  readonly stream: Stream
  phase: 'draining' | 'cutting' | 'pulling' | 'appending'
  /** Published size to reach before anything is appended again. */
  target: number
  /** Not appended again yet. */
  displaced: readonly Displaced[]
  /** Old ids and new ones, of those that are. */
  readonly names: Map<CausalId, CausalId>
  /** Writes of them that have no answer yet. */
  writing: number
  /** When to try again what the disk refused. */
  retryAtMs: number
}

interface Displaced {
  readonly id: CausalId
  readonly kind: number
  readonly actor: string
  readonly parents: readonly ParentRef[]
  readonly body: Uint8Array
}

export interface RecoveryInit {
  readonly chain: Chain
  readonly sync: ChainSync
  readonly writer: Writer
  readonly perform: (effects: readonly SyncEffect[]) => void
  /** The end of an own log was given up. */
  readonly onCut: (stream: Stream) => void
  /** As the journal was replayed: given up in an earlier life and not appended again. */
  readonly displaced: ReadonlyMap<LogId, readonly DisplacedPlace[]>
}

/** 512 records are appended again at a time, with one map of their ids. */
const CHUNK_RECORDS = 512
/** 1 s: a disk that failed is not asked again before that. */
const RETRY_MS = 1000

export class Recovery {
  readonly #context: CoreContext
  readonly #init: RecoveryInit
  readonly #logs: Map<LogId, Recovering> = new Map()

  constructor(context: CoreContext, init: RecoveryInit) {
    this.#context = context
    this.#init = init
  }

  /** Logs on their way from the first step to the last. */
  get isActive(): boolean {
    return this.#logs.size > 0
  }

  get nextWakeMs(): number {
    let next = Infinity
    for (const { retryAtMs } of this.#logs.values()) next = Math.min(next, retryAtMs)
    return next
  }

  onWake(): void {
    for (const log of this.#logs.values()) if (log.retryAtMs <= this.#context.now.monotonicMs) this.#append(log)
  }

  /** After a start: what was given up before it is appended. */
  resume(): void {
    for (const [id, places] of this.#init.displaced) {
      const log = this.#init.chain.log(id)
      if (log === undefined) continue
      const recovering = this.#begin(id, log.identity.stream, 'appending')
      this.#context.emit({
        kind: 'read-places',
        places: places.map(({ place }) => place),
        then: records => {
          if (records.length < places.length) this.#context.log('error', 'chain.damaged', { log: id, lost: places.length - records.length })
          recovering.displaced = records.filter(isLive).map(displacedOf).filter(isNoGenesis)
          this.#append(recovering)
        },
      })
    }
  }

  /**
   * A peer has shown that it holds `size` records of an own log: more than we have published.
   *
   * @returns true when that was news: whoever has vouched for our logs knew less of them than there is
   */
  onOutrun(id: LogId, size: number): boolean {
    const known = this.#logs.get(id)
    if (known !== undefined) {
      if (known.phase !== 'appending') known.target = Math.max(known.target, size)
      return false
    }
    const stream = this.#init.chain.log(id)?.identity.stream ?? this.#init.sync.streamOf(id)
    if (stream === undefined || size <= this.#published(id)) return false
    this.#context.log('warn', 'chain.outrun', { log: id, size })
    this.#begin(id, stream, 'draining').target = size
    this.#drained()
    return true
  }

  onCommitted(staged: StagedCommit): void {
    if (this.#logs.size === 0) return
    this.#drained()
    for (const { log } of staged.groups) this.#pulled(log.identity.id)
  }

  #begin(id: LogId, stream: Stream, phase: Recovering['phase']): Recovering {
    const recovering: Recovering = { id, stream, phase, target: 0, displaced: [], names: new Map(), writing: 0, retryAtMs: Infinity }
    this.#logs.set(id, recovering)
    this.#init.writer.hold(stream)
    return recovering
  }

  /** Goes on with logs of which nothing is on its way to the disk any more, no signature either. */
  #drained(): void {
    const { chain } = this.#init
    for (const recovering of this.#logs.values()) {
      if (recovering.phase !== 'draining' || chain.isCommitting || chain.isOnItsWay(recovering.id)) continue
      recovering.phase = 'cutting'
      this.#cut(recovering, this.#published(recovering.id), [])
    }
  }

  /** Reads on from `from` to the end of the log, of which `tail` is known; then the log is as it was published. */
  #cut(recovering: Recovering, from: number, tail: readonly Displaced[]): void {
    const { chain, onCut, sync, perform } = this.#init
    const { id } = recovering
    const log = chain.log(id)
    if (log !== undefined && from < log.size) {
      return this.#context.emit({
        kind: 'read',
        log: id,
        from,
        maxRecords: CHUNK_RECORDS,
        maxBytes: 4 * CHUNK_BYTES,
        then: records => {
          // A record that cannot be read stays in the journal, as displaced: the next start tries again.
          if (records.length === 0) this.#context.log('error', 'chain.damaged', { log: id, seq: from })
          this.#cut(recovering, from + Math.max(1, records.length), [
            ...tail,
            ...records.filter(isLive).map(displacedOf).filter(isNoGenesis),
          ])
        },
      })
    }
    const size = this.#published(id)
    if (log !== undefined && size < log.size) {
      chain.stageCut(log, size)
      this.#context.emit({ kind: 'forget-places', log: id, size })
      onCut(recovering.stream)
    }
    recovering.displaced = tail
    recovering.phase = 'pulling'
    perform(sync.recover(id, this.#context.now.monotonicMs))
    this.#pulled(id)
  }

  #published(id: LogId): number {
    return this.#init.chain.log(id)?.published ?? 0
  }

  #pulled(id: LogId): void {
    const recovering = this.#logs.get(id)
    if (recovering?.phase !== 'pulling' || this.#published(id) < recovering.target) return
    recovering.phase = 'appending'
    const missing = this.#init.chain.log(id)?.missing ?? 0
    // Until all members have said that they have no more of it either, nothing is signed in its place.
    if (missing > 0) this.#context.log('warn', 'chain.lost', { log: id, records: missing })
    this.#init.perform(this.#init.sync.recovered(id))
    this.#append(recovering)
  }

  /** Writes what is displaced, all of it in this step: whatever is written next comes after it. */
  #append(recovering: Recovering): void {
    const { id, stream, displaced } = recovering
    if (recovering.writing > 0) return this.#retryLater(recovering)
    recovering.retryAtMs = Infinity
    if (displaced.length === 0) return this.#finish(recovering)
    this.#context.log('info', 'chain.appending-again', { log: id, records: displaced.length })
    const { writer } = this.#init
    const staged = new Map(recovering.names)
    writer.release(stream)
    try {
      for (let at = 0; at < displaced.length; at += CHUNK_RECORDS)
        this.#appendChunk(recovering, displaced.slice(at, at + CHUNK_RECORDS), staged)
    } catch (thrown) {
      this.#onRefused(recovering, asWeftError(thrown))
    }
  }

  /** @param staged old ids and new ones of what is written already, durable or not */
  #appendChunk(recovering: Recovering, chunk: readonly Displaced[], staged: Map<CausalId, CausalId>): void {
    const written = this.#init.writer.write(recovering.stream, draftsOf(chunk, staged), error => {
      recovering.writing--
      if (error !== undefined) return this.#onRefused(recovering, error)
      chunk.forEach(({ id }, i) => recovering.names.set(id, (written[i] as Written).id))
      recovering.displaced = recovering.displaced.filter(({ id }) => !recovering.names.has(id))
      if (recovering.displaced.length === 0) this.#finish(recovering)
    })
    recovering.writing++
    chunk.forEach(({ id }, i) => staged.set(id, (written[i] as Written).id))
  }

  #onRefused(recovering: Recovering, error: WeftError): void {
    if (recovering.retryAtMs < Infinity) return
    this.#context.log('error', 'chain.recovery-failed', { log: recovering.id, code: error.code })
    // Nobody can append to a log that has forked: what is displaced stays where it is.
    if (error.code === 'log_conflicted') this.#end(recovering)
    else this.#retryLater(recovering)
  }

  #retryLater(recovering: Recovering): void {
    recovering.retryAtMs = this.#context.now.monotonicMs + RETRY_MS
    this.#init.writer.hold(recovering.stream)
  }

  #finish(recovering: Recovering): void {
    this.#end(recovering)
    this.#context.log('info', 'chain.recovered', { log: recovering.id, again: recovering.names.size })
  }

  #end({ id, stream }: Recovering): void {
    this.#logs.delete(id)
    this.#init.writer.release(stream)
  }
}

/** The records of `chunk`, naming each other and those before them by their new ids, and what tells old ids from new. */
function draftsOf(chunk: readonly Displaced[], before: ReadonlyMap<CausalId, CausalId>): Draft[] {
  const places = new Map(chunk.map(({ id }, i) => [id, i]))
  const named = (id: CausalId, ids: readonly CausalId[]): CausalId => ids[places.get(id) ?? -1] ?? before.get(id) ?? id
  const again = chunk.map(
    ({ kind, actor, parents, body }): Draft => ({ kind, actor, parents, body: ids => renamed(kind, body, id => named(id, ids)) }),
  )
  const map = (ids: readonly CausalId[]): Uint8Array => encode(chunk.map(({ id }, i) => [digestOf(id), digestOf(ids[i] as CausalId)]))
  return [...again, { kind: KIND['log.rebase'], actor: 'kernel', parents: [], body: map }]
}

/** What was erased since has nothing to say again. */
function isLive({ erasedBy }: StoredRecord): boolean {
  return erasedBy === undefined
}

/** The genesis comes back with the log. */
function isNoGenesis({ kind }: Displaced): boolean {
  return kind !== KIND['log.genesis']
}

function displacedOf(record: StoredRecord): Displaced {
  const header = decodeHeader(record.header) as NonNullable<ReturnType<typeof decodeHeader>>
  return { id: causalIdOf(leafOf(record.header)), kind: header.kind, actor: header.actor, parents: header.parents, body: record.body }
}
