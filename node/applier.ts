import { equalBytes } from '../base/bytes.ts'
import { type CausalId, causalIdOf, CLUSTER, type LogId, type NodeId, type Stream } from '../base/ids.ts'
import { CHUNK_BYTES } from '../base/limits.ts'
import type { AppliedCut, AppliedRecord, VoidReason } from '../chain/applied.ts'
import type { Chain, Group } from '../chain/chain.ts'
import type { Log } from '../chain/log.ts'
import { decodeHeader, isAsCommitted, leafOf, type LogIdentity, type RecordHeader, type StoredRecord } from '../chain/record.ts'
import type { Written } from '../chain/written.ts'
import type { CutEntry } from '../discovery/operation.ts'
import { covers, type Spans } from '../discovery/spans.ts'
import type { CoreContext } from './context.ts'

/** Takes applied records of one kind of stream: membership, or a space's memory. */
export interface Fold {
  apply(record: AppliedRecord): void
  /** True for an applied record that would make a difference if it were void. */
  counts(id: CausalId): boolean
  /** True for an applied record that is void for want of a grant. */
  isBarred(id: CausalId): boolean
  /** True when keys are held now that were not when records were applied. */
  hasNewKeys(): boolean
  /** Forgets what must not count twice: all records will come again. */
  reset(): void
  /** After a reset: all that can be applied has come again. */
  onWhole(): void
}

/** Whose records count. */
export interface Standing {
  /** Where the logs of a revoked node end; undefined for others. */
  readonly cutOf: (author: NodeId) => readonly CutEntry[] | undefined
  /** Which records of an author's log in a stream count; undefined for all. */
  readonly writesOf: (author: NodeId, stream: Stream) => Spans | undefined
}

/**
 * Carries durable records to the folds in causal order. What is in memory goes straight on; the
 * rest is read from the disk, a chunk per log at a time. Records beyond the cut of a revoked author are
 * void on every replica, whenever it learnt of it: then the streams in which he counted are folded anew, and no others.
 */
export class Applier {
  readonly #context: CoreContext
  readonly #chain: Chain
  readonly #applied: AppliedCut
  readonly #foldOf: (stream: Stream) => Fold | undefined
  readonly #standing: Standing
  readonly #onApplied: (groups: readonly Group[]) => void
  /** Not told of yet, as they were committed. */
  #committed: Group[] = []
  /** By log, the read that is under way; one that was asked for before a reset is of no use after it. */
  readonly #reading: Map<LogId, object> = new Map()
  /** Logs whose records cannot be read back: damaged since the start. */
  readonly #stuck: Set<LogId> = new Set()
  #changed = false
  /** Streams of which something that was applied counts no more, or the other way round. */
  #stale: Set<Stream> = new Set()
  /** Streams that are being folded anew. */
  readonly #refolding: Set<Stream> = new Set()
  /** Grants changed: what was void for want of one may count, or the other way round. */
  #isGrantChanged = false
  #isPumping = false
  #isGoingOn = false

  /** @param onApplied is told of what was committed, of each log in order, when the folds have as much of it as they can have for now */
  constructor(
    context: CoreContext,
    chain: Chain,
    applied: AppliedCut,
    foldOf: (stream: Stream) => Fold | undefined,
    standing: Standing,
    onApplied: (groups: readonly Group[]) => void,
  ) {
    this.#context = context
    this.#chain = chain
    this.#applied = applied
    this.#foldOf = foldOf
    this.#standing = standing
    this.#onApplied = onApplied
  }

  get pending(): number {
    return this.#applied.pending
  }

  /** True while durable records are on their way to the folds. */
  get isBusy(): boolean {
    return this.#reading.size > 0 || this.#applied.hasMore
  }

  get stuck(): ReadonlySet<LogId> {
    return this.#stuck
  }

  /** True when records were applied since this was last asked. */
  takeChanged(): boolean {
    const changed = this.#changed
    this.#changed = false
    return changed
  }

  onCommitted(groups: readonly Group[]): void {
    for (const group of groups) {
      this.#applied.offer(group.log, group.records)
      this.#committed.push(group)
    }
    this.pump()
  }

  /** Applies what is in memory, a part in each step, then has read what is not. */
  pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    const { waits } = this.#applied
    const max = this.#context.buggify('applier.one-record') ? 1 : APPLIED_PER_STEP
    for (const record of this.#applied.take(max)) this.#apply(record)
    if (this.#applied.waits > waits) this.#context.metrics.add('weft_chain_waits_total', this.#applied.waits - waits)
    this.#isPumping = false
    if (this.#stale.size > 0) this.#refold()
    else if (this.#applied.hasMore) this.#goOn()
    else this.#readOn()
    this.#tell()
  }

  #goOn(): void {
    if (this.#isGoingOn) return
    this.#isGoingOn = true
    this.#context.emit({
      kind: 'go-on',
      then: () => {
        this.#isGoingOn = false
        this.pump()
      },
    })
  }

  /** What waits for a parent that has not arrived is told of when nothing else is on its way. */
  #tell(): void {
    const isBusy = this.isBusy
    const told: Group[] = []
    const left: Group[] = []
    for (const group of this.#committed) (isBusy && !this.#isApplied(group) ? left : told).push(group)
    this.#committed = left
    if (told.length > 0) this.#onApplied(told)
  }

  #isApplied({ log, records }: Group): boolean {
    return (records.at(-1)?.seq ?? -1) < this.#applied.size(log.identity.id)
  }

  #readOn(): void {
    // What was decided comes first: with it, records are judged once.
    const missing = [...this.#applied.missing()].filter(({ log }) => !this.#stuck.has(log))
    const decided = missing.filter(({ log }) => this.#chain.log(log)?.identity.stream === CLUSTER)
    for (const { log, from } of decided.length > 0 ? decided : missing) {
      if (this.#reading.size >= READS_MAX) return
      if (!this.#reading.has(log)) this.#read(log, from)
    }
    this.#review()
    this.#finishFolding()
  }

  #apply(record: AppliedRecord): void {
    const { author, stream } = record.log.identity
    if (author !== this.#context.self) this.#chain.observe(record.hlc)
    const code = this.#faultOf(record.log.identity, record.seq) ?? record.void
    const voided: AppliedRecord = code === record.void ? record : { ...record, void: code }
    if (voided.void !== undefined) this.#context.metrics.add('weft_chain_void_total', 1, voided.void)
    this.#foldOf(stream)?.apply(voided)
    this.#changed = true
  }

  /** Why a sound record does not count. */
  #faultOf({ author, stream, id }: LogIdentity, seq: number): VoidReason | undefined {
    if (this.#standing.cutOf(author) !== undefined && seq >= this.#limitOf(author, id)) return 'revoked'
    const writes = seq === 0 ? undefined : this.#standing.writesOf(author, stream)
    return writes === undefined || covers(writes, seq) ? undefined : 'not_granted'
  }

  /** How much of a revoked author's log counts. */
  #limitOf(author: NodeId, log: LogId): number {
    return this.#standing.cutOf(author)?.find(entry => entry.log === log)?.size ?? 0
  }

  #read(log: LogId, from: number): void {
    const read = {}
    this.#reading.set(log, read)
    const left = (this.#chain.log(log)?.durable ?? from) - from
    this.#context.emit({
      kind: 'read',
      log,
      from,
      maxRecords: Math.min(1024, left),
      maxBytes: 4 * CHUNK_BYTES,
      then: records => {
        if (this.#reading.get(log) !== read) return
        this.#reading.delete(log)
        this.#onRead(log, from, records)
      },
    })
  }

  #onRead(id: LogId, from: number, records: readonly StoredRecord[]): void {
    const log = this.#chain.log(id)
    if (log === undefined) return
    const written: Written[] = []
    for (const [i, record] of records.entries()) {
      const header = headerOf(log, from + i, record)
      if (header === undefined) break
      written.push({
        seq: header.seq,
        id: causalIdOf(log.tree.leaf(header.seq)),
        hlc: header.hlc,
        kind: header.kind,
        actor: header.actor,
        parents: header.parents,
        record,
      })
    }
    if (written.length === 0) {
      this.#stuck.add(id)
      this.#context.log('error', 'chain.damaged', { log: id, seq: from })
      return this.pump()
    }
    this.#applied.offer(log, written)
    this.pump()
  }

  /** A revocation arrived, or a narrower one: where anything beyond its cut was applied and counts, all is folded again without it. */
  onRevoked(author: NodeId): void {
    for (const { identity, tree } of this.#chain.logs.values()) {
      if (identity.author !== author) continue
      const fold = this.#foldOf(identity.stream)
      for (let seq = this.#limitOf(author, identity.id); fold !== undefined && seq < this.#applied.size(identity.id); seq++) {
        if (!fold.counts(causalIdOf(tree.leaf(seq)))) continue
        this.#stale.add(identity.stream)
        break
      }
    }
    this.pump()
  }

  /** Who may write where is not what it was: what was applied is judged again, once all that is stored has been. */
  onGrants(): void {
    this.#isGrantChanged = true
    this.pump()
  }

  #review(): void {
    if (!this.#isGrantChanged || this.#reading.size > 0) return
    this.#isGrantChanged = false
    for (const { identity, tree } of this.#chain.logs.values()) {
      const { author, stream } = identity
      const fold = this.#standing.writesOf(author, stream) === undefined ? undefined : this.#foldOf(stream)
      if (fold?.hasNewKeys() === true) this.#stale.add(stream)
      for (let seq = 1; fold !== undefined && !this.#stale.has(stream) && seq < this.#applied.size(identity.id); seq++)
        if (fold.isBarred(causalIdOf(tree.leaf(seq))) !== (this.#faultOf(identity, seq) === 'not_granted')) this.#stale.add(stream)
    }
    if (this.#stale.size > 0) this.#refold()
  }

  /** The end of an own log was given up: what is folded of it, or waits to be, counts no more. */
  onCut(stream: Stream): void {
    if (this.#foldOf(stream) !== undefined) this.#stale.add(stream)
    this.pump()
  }

  #refold(): void {
    const streams = this.#stale
    this.#stale = new Set()
    for (const id of this.#reading.keys()) if (streams.has(this.#streamOf(id))) this.#reading.delete(id)
    this.#applied.reset(streams)
    for (const stream of streams) {
      this.#refolding.add(stream)
      this.#foldOf(stream)?.reset()
      this.#context.metrics.add('weft_memory_refolds_total')
    }
    this.pump()
  }

  /** Nothing that can be applied is left on the disk. Folds may wait for each other: they are whole together. */
  #finishFolding(): void {
    if (this.#refolding.size === 0 || this.#applied.hasMore) return
    for (const id of this.#reading.keys()) if (this.#refolding.has(this.#streamOf(id))) return
    for (const { log } of this.#applied.missing()) if (!this.#stuck.has(log) && this.#refolding.has(this.#streamOf(log))) return
    for (const stream of this.#refolding) this.#foldOf(stream)?.onWhole()
    this.#refolding.clear()
    this.#changed = true
  }

  #streamOf(log: LogId): Stream {
    return (this.#chain.log(log) as Log).identity.stream
  }
}

/** The header of a record that was read back; undefined when it is not the one this log has there, or its body is another. */
export function headerOf(log: Log, seq: number, record: StoredRecord): RecordHeader | undefined {
  if (seq >= log.size || !equalBytes(leafOf(record.header), log.tree.leaf(seq))) return undefined
  const header = decodeHeader(record.header)
  return header !== undefined && isAsCommitted(header, record) ? header : undefined
}

/** 32 records are applied in one step, a millisecond or two: what else is asked comes in between. */
const APPLIED_PER_STEP = 32
/** 8 logs are read at a time: 2 MiB of records in memory. */
const READS_MAX = 8
