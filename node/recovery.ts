import { encode } from '../base/codec.ts'
import { type CausalId, causalIdOf, digestOf, type LogId, type Stream } from '../base/ids.ts'
import { KIND } from '../base/kinds.ts'
import { CHUNK_BYTES } from '../base/limits.ts'
import type { Chain, Draft, StagedCommit } from '../chain/chain.ts'
import { decodeHeader, leafOf, type ParentRef, type StoredRecord } from '../chain/record.ts'
import type { Displaced as DisplacedPlace } from '../chain/replay.ts'
import type { ChainSync, SyncEffect } from '../chain/sync.ts'
import type { CoreContext } from './context.ts'
import { renamed } from './memory/renamed.ts'
import type { Writer } from './writer.ts'

/**
 * What an honest node does when a peer knows more of its log than it does (a restored backup, a
 * disk that lost its end): it gives up the records it had not signed yet, takes its log back from the
 * peer, and appends what it gave up again, under new ids, with a record that tells the old ids from the new.
 * Nothing acknowledged is lost, at no crash: the given-up records stay in the journal, listed as displaced,
 * until that record is durable.
 */
interface Recovering {
  readonly stream: Stream
  /** Published size to reach before anything is appended again; 0 until a peer has vouched after a restart. */
  target: number
  phase: 'draining' | 'cutting' | 'pulling' | 'appending'
  displaced: Displaced[]
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
  /** Records were taken back that the folds had applied. */
  readonly onCut: () => void
  /** As the journal was replayed: cut in an earlier life and not appended again. */
  readonly displaced: ReadonlyMap<LogId, readonly DisplacedPlace[]>
}

/** 512 records are appended again at a time, with one map of their ids. */
const CHUNK_RECORDS = 512

export class Recovery {
  readonly #context: CoreContext
  readonly #init: RecoveryInit
  readonly #logs: Map<LogId, Recovering> = new Map()

  constructor(context: CoreContext, init: RecoveryInit) {
    this.#context = context
    this.#init = init
  }

  get isActive(): boolean {
    return this.#logs.size > 0
  }

  /** After a start: what was displaced before it is read, and waits for a peer to vouch. */
  resume(): void {
    for (const [id, places] of this.#init.displaced) {
      const log = this.#init.chain.log(id)
      if (log === undefined) continue
      const recovering: Recovering = { stream: log.identity.stream, target: Infinity, phase: 'pulling', displaced: [] }
      this.#logs.set(id, recovering)
      this.#init.writer.hold(recovering.stream)
      this.#context.emit({
        kind: 'read-places', places: places.map(({ place }) => place),
        then: records => {
          recovering.displaced.push(...records.map(displacedOf))
          recovering.target = 0
          this.#init.perform(this.#init.sync.recover(id, this.#context.now.monotonicMs))
        },
      })
    }
  }

  /** A peer holds `size` records of an own log: more than we have published. */
  onOutrun(id: LogId, size: number): void {
    const known = this.#logs.get(id)
    if (known !== undefined) {
      if (known.phase !== 'appending') known.target = Math.max(known.target, size)
      return
    }
    const stream = this.#init.chain.log(id)?.identity.stream ?? this.#init.sync.streamOf(id)
    if (stream === undefined) return
    this.#context.log('warn', 'chain.outrun', { log: id, size })
    this.#logs.set(id, { stream, target: size, phase: 'draining', displaced: [] })
    this.#init.writer.hold(stream)
    this.#drained()
  }

  /** Goes on with logs of which nothing is on its way to the disk any more. */
  #drained(): void {
    for (const [id, recovering] of this.#logs) {
      if (recovering.phase !== 'draining' || this.#init.chain.isOnItsWay(id)) continue
      const log = this.#init.chain.log(id)
      recovering.phase = 'cutting'
      if (log === undefined || log.size === log.published) this.#pull(id, recovering)
      else this.#readTail(id, recovering, log.published)
    }
  }

  #readTail(id: LogId, recovering: Recovering, from: number): void {
    const { chain } = this.#init
    const log = chain.log(id)
    if (log === undefined) return
    if (from >= log.size) {
      chain.stageCut(log, log.published)
      return
    }
    this.#context.emit({
      kind: 'read', log: id, from, maxRecords: CHUNK_RECORDS, maxBytes: 4 * CHUNK_BYTES,
      then: records => {
        if (records.length === 0) return this.#context.log('error', 'chain.damaged', { log: id, seq: from })
        recovering.displaced.push(...records.map(displacedOf))
        this.#readTail(id, recovering, from + records.length)
      },
    })
  }

  #pull(id: LogId, recovering: Recovering): void {
    recovering.phase = 'pulling'
    this.#init.perform(this.#init.sync.recover(id, this.#context.now.monotonicMs))
  }

  onCommitted(staged: StagedCommit): void {
    if (this.#logs.size === 0) return
    this.#drained()
    for (const group of staged.groups) {
      const id = group.log.identity.id
      const recovering = this.#logs.get(id)
      if (recovering === undefined) continue
      if (recovering.phase === 'cutting' && group.notes.some(note => note.type === 'cut')) {
        this.#context.emit({ kind: 'forget-places', log: id, size: group.log.size })
        this.#init.onCut()
        this.#pull(id, recovering)
      } else if (recovering.phase === 'pulling' && recovering.target > 0 && group.log.published >= recovering.target) {
        this.#finish(id, recovering)
      }
    }
  }

  /** A peer knows no more of any own log than we do: what was displaced in an earlier life can be appended. */
  onVouched(): void {
    for (const [id, recovering] of this.#logs) if (recovering.phase === 'pulling' && recovering.target === 0) this.#finish(id, recovering)
  }

  #finish(id: LogId, recovering: Recovering): void {
    recovering.phase = 'appending'
    const { writer, sync } = this.#init
    const now = new Map<CausalId, CausalId>()
    const chunks: (readonly Displaced[])[] = []
    const displaced = recovering.displaced.filter(({ kind }) => kind !== KIND['log.genesis'])
    for (let at = 0; at < displaced.length; at += CHUNK_RECORDS) chunks.push(displaced.slice(at, at + CHUNK_RECORDS))
    let left = chunks.length
    const done = (): void => {
      this.#logs.delete(id)
      this.#context.log('info', 'chain.recovered', { log: id, again: displaced.length })
    }
    writer.release(recovering.stream)
    for (const chunk of chunks) {
      const written = writer.write(recovering.stream, this.#drafts(chunk, now), error => {
        if (error !== undefined) this.#context.log('error', 'chain.recovery-failed', { log: id, code: error.code })
        else if (--left === 0) done()
      })
      chunk.forEach(({ id: old }, i) => now.set(old, (written[i] as { id: CausalId }).id))
    }
    if (chunks.length === 0) done()
    this.#init.perform(sync.recovered(id))
  }

  #drafts(chunk: readonly Displaced[], before: ReadonlyMap<CausalId, CausalId>): Draft[] {
    const names = (ids: readonly CausalId[]): Map<CausalId, CausalId> => new Map([...before, ...ids.map((id, i): [CausalId, CausalId] => [(chunk[i] as Displaced).id, id])])
    const again = chunk.map(({ kind, actor, parents, body }): Draft => ({ kind, actor, parents, body: ids => renamed(kind, body, names(ids)) }))
    const map = (ids: readonly CausalId[]): Uint8Array => encode(chunk.map(({ id }, i) => [digestOf(id), digestOf(ids[i] as CausalId)]))
    return [...again, { kind: KIND['log.rebase'], actor: 'kernel', parents: [], body: map }]
  }
}

function displacedOf(record: StoredRecord): Displaced {
  const header = decodeHeader(record.header) as NonNullable<ReturnType<typeof decodeHeader>>
  return { id: causalIdOf(leafOf(record.header)), kind: header.kind, actor: header.actor, parents: header.parents, body: record.body }
}
