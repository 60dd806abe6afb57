import { EMPTY, equalBytes } from '../../base/bytes.ts'
import { decode, encode } from '../../base/codec.ts'
import { WeftError } from '../../base/errors.ts'
import { formatFrontier, type FrontierEntry, parseFrontier } from '../../base/frontier.ts'
import {
  type CausalId,
  causalIdOf,
  digestOf,
  isSpace,
  type LogId,
  logIdOf,
  memoryStream,
  type NodeId,
  parseCausalId,
} from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import { SNAPSHOT_LATE_MS, SNAPSHOT_LATE_RECORDS, SNAPSHOT_RECORDS, SNAPSHOT_SOON_MS } from '../../base/limits.ts'
import { bytes, list, text, tuple, uint } from '../../base/shape.ts'
import type { AppliedRecord, VoidReason } from '../../chain/applied.ts'
import type { Chain } from '../../chain/chain.ts'
import { erasedLeaf } from '../../chain/erasure.ts'
import type { ParentRef } from '../../chain/record.ts'
import { MemoryFold } from '../../ecc/memory-fold.ts'
import type { Cut, Ref } from '../../ecc/record-table.ts'
import type { Fold } from '../applier.ts'
import type { CoreContext } from '../context.ts'
import type { Opened } from '../keyring.ts'
import { Waiters } from '../waiters.ts'
import type { Writer } from '../writer.ts'
import { FrontierWait } from './frontier-wait.ts'
import { MemoryWriter } from './memory-writer.ts'
import { savedSealedShape, SealedRecords } from './sealed-records.ts'
import type { TextCache } from './text-cache.ts'
import { Texts } from './texts.ts'
import { MemoryVectors } from './vectors.ts'
import { NotWhole } from './whole.ts'

/**
 * The memory of one space on this node: the fold of everybody's records, the writer of its
 * own, and the ways to the texts, which stay in the journal.
 */
export class Memory implements Fold {
  readonly space: string
  readonly writer: MemoryWriter
  readonly waits: FrontierWait
  readonly vectors: MemoryVectors
  readonly texts: Texts
  /** Who waits for anything new at all. */
  readonly changes: Waiters
  /** Who waits until it is whole. */
  readonly #whole: Waiters
  #isWhole = true
  readonly #context: CoreContext
  readonly #chain: Chain
  /** Records that the chain knows to be void: their place in the log counts, their content does not. */
  readonly #voids: Map<CausalId, VoidRecord>
  readonly #seal: BodySeal
  readonly #sealed: SealedRecords
  #fold: MemoryFold
  /** As it was last asked for, of which fold, at which size. */
  #frontier: { readonly fold: MemoryFold; readonly size: number; readonly text: string } | undefined
  /** How many of the fold's erasures were taken, and how many the saved fold knows. */
  #erasuresTaken = 0
  #erasuresSaved = 0
  #unsaved = 0
  /** When what is unsaved by then is saved, few as it may be. */
  #saveAtMs = Number.POSITIVE_INFINITY

  constructor(
    context: CoreContext,
    chain: Chain,
    writer: Writer,
    space: string,
    seal: BodySeal,
    cache: TextCache,
    saved: SavedMemory | undefined,
  ) {
    this.#seal = seal
    this.#sealed = saved?.sealed ?? new SealedRecords()
    this.#context = context
    this.#chain = chain
    this.space = space
    this.#fold = saved?.fold ?? this.#emptyFold()
    this.#erasuresSaved = this.#fold.erasures
    this.#voids = new Map(saved?.voids)
    this.writer = new MemoryWriter(context, writer, chain.cluster, memoryStream(space), seal, () => this.#fold)
    this.changes = new Waiters(context)
    this.#whole = new Waiters(context)
    this.waits = new FrontierWait(
      context,
      chain,
      () => this.#fold,
      () => this.#isWhole,
    )
    this.texts = new Texts(context, chain, space, seal, cache, () => new NotWhole(this))
    this.vectors = new MemoryVectors(
      context,
      chain,
      space,
      () => this.#fold,
      (log, kind, body) => this.#seal.open(space, log, kind, body).body,
      ref => this.texts.note(ref, false),
    )
  }

  #emptyFold(): MemoryFold {
    return new MemoryFold(this.#context.self, undefined, this.#context.speaks.fold)
  }

  get fold(): MemoryFold {
    return this.#fold
  }

  get voids(): readonly { readonly id: CausalId; readonly ref: Ref; readonly code: string }[] {
    const here = [...this.#voids].map(([id, { ref, reason }]) => ({ id, ref, code: reason }))
    return [...here, ...this.#fold.voids]
  }

  // ---- the fold

  apply(record: AppliedRecord): void {
    const { seq, id, hlc, kind, parents } = record
    const { id: log, author } = record.log.identity
    if (record.void !== undefined) this.#voids.set(id, { ref: { log, seq }, reason: record.void })
    const isSaid = record.record.erasedBy === undefined && (record.void === undefined || isLastWord(record))
    const body = isSaid ? this.#opened({ log, seq }, kind, record.record.body) : null
    const { erasures } = this.#fold
    this.#fold.apply({ log, seq, id, author, hlc, kind, body, parents: parents.flatMap(parent => this.#inFold(parent)) })
    if (this.#fold.erasures > erasures) this.#onErased(erasures)
    if (kind === KIND['memory.vector']) this.vectors.keep()
    this.#unsaved++
  }

  /** Null while the key is not held: its place counts, and what it says will when everything is folded again with the key. */
  #opened(ref: Ref, kind: number, body: Uint8Array): Uint8Array | null {
    const { body: said, missing } = this.#seal.open(this.space, ref.log, kind, body)
    if (missing !== undefined) this.#sealed.add(missing, ref)
    return said ?? null
  }

  #onErased(from: number): void {
    for (const { ref } of this.#fold.erased(from)) this.#sealed.remove(ref)
    this.texts.onErased()
  }

  /** Records that nobody here can read yet. */
  get sealed(): number {
    return this.#sealed.count
  }

  hasNewKeys(): boolean {
    return this.#sealed.keys.some(key => this.#seal.has(this.space, key))
  }

  /** A parent of another stream, or of a history that is not the one held here, orders nothing in this memory. */
  #inFold({ logId, seq, leaf }: ParentRef): readonly { readonly log: LogId; readonly seq: number }[] {
    const log = logIdOf(logId)
    const isHeld = seq < this.#fold.sizeOf(log) && equalBytes(this.#chain.log(log)?.tree.leaf(seq) ?? EMPTY, leaf)
    return isHeld ? [{ log, seq }] : []
  }

  counts(id: CausalId): boolean {
    return !this.#voids.has(id)
  }

  isBarred(id: CausalId): boolean {
    return this.#voids.get(id)?.reason === 'not_granted'
  }

  /** False while it is folded anew: what it says then is of a part. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  get nowMs(): number {
    return this.#context.now.monotonicMs
  }

  /** Calls `then` once: when it is whole, or the time is up. @returns false, and never calls it, when that is so already or too many wait */
  whenWhole(untilMs: number, then: () => void): boolean {
    return this.#whole.add(untilMs, then)
  }

  onWhole(): void {
    this.#isWhole = true
  }

  reset(): void {
    this.#isWhole = false
    this.#fold = this.#emptyFold()
    this.#voids.clear()
    this.#sealed.clear()
    this.vectors.reset()
    this.texts.reset()
    this.#erasuresTaken = 0
    this.#erasuresSaved = 0
    this.#unsaved = 0
    this.#saveAtMs = Number.POSITIVE_INFINITY
  }

  /** After a step that applied records: whoever waits for them is told, and the fold is saved now and then. */
  settle(): void {
    if (this.#isWhole) {
      this.waits.onApplied()
      this.#whole.wake()
      this.changes.wake()
    }
    if (this.#unsaved >= SNAPSHOT_RECORDS || (this.#unsaved > 0 && this.#context.buggify('memory.save-now'))) this.save()
    else if (this.#unsaved >= SNAPSHOT_LATE_RECORDS)
      this.#saveAtMs = Math.min(this.#saveAtMs, this.#context.now.monotonicMs + SNAPSHOT_LATE_MS)
  }

  /** After a start: what had to be folded again is saved soon, so that it need not be once more. */
  onFolded(): void {
    if (this.#unsaved >= SNAPSHOT_LATE_RECORDS) this.#saveAtMs = this.#context.now.monotonicMs + SNAPSHOT_SOON_MS
  }

  save(): void {
    if (this.#unsaved === 0) return
    this.#unsaved = 0
    this.#saveAtMs = Number.POSITIVE_INFINITY
    if (this.#context.buggify('memory.save-not')) return
    this.#context.emit({ kind: 'save', file: snapshotFile(this.space), content: () => this.#saved() })
  }

  /** What authors had erased, as far as it has not been taken yet. */
  takeErased(): ReturnType<MemoryFold['erased']> {
    if (this.#erasuresTaken === this.#fold.erasures) return []
    const erased = this.#fold.erased(this.#erasuresTaken)
    this.#erasuresTaken = this.#fold.erasures
    return erased
  }

  /** The saved fold may have words of what is erased. */
  get hasUnsavedErasures(): boolean {
    return this.#fold.erasures > this.#erasuresSaved
  }

  saveErasures(then: (ok: boolean) => void): void {
    let erasures = 0
    this.#unsaved = 0
    this.#saveAtMs = Number.POSITIVE_INFINITY
    this.#context.emit({
      kind: 'save',
      file: snapshotFile(this.space),
      content: () => {
        erasures = this.#fold.erasures
        return this.#saved()
      },
      then: ok => {
        if (ok) this.#erasuresSaved = Math.max(this.#erasuresSaved, erasures)
        then(ok)
      },
    })
  }

  #saved(): Uint8Array {
    const voids = [...this.#voids].map(([id, { ref, reason }]) => [digestOf(id), digestOf(ref.log), ref.seq, reason])
    return encode([this.#fold.version, this.#fold.snapshot(), voids, this.#sealed.saved()])
  }

  get nextWakeMs(): number {
    return Math.min(this.waits.nextWakeMs, this.changes.nextWakeMs, this.#whole.nextWakeMs, this.#saveAtMs)
  }

  onWake(): void {
    this.waits.onWake()
    this.changes.onWake()
    this.#whole.onWake()
    if (this.#context.now.monotonicMs >= this.#saveAtMs) this.save()
  }

  // ---- names

  frontier(at?: Cut): string {
    if (at !== undefined) return formatFrontier(this.#fold.frontier(at))
    const { size } = this.#fold
    // Each answer says it, and most answers come between two writes.
    if (this.#frontier?.fold !== this.#fold || this.#frontier.size !== size)
      this.#frontier = { fold: this.#fold, size, text: formatFrontier(this.#fold.frontier()) }
    return this.#frontier.text
  }

  /** The id that `text` means: 64 hex, or a prefix of 8 or more that only one record has. */
  resolve(text: string, then: (id: CausalId) => void, fail: (error: WeftError) => void): void {
    const id = parseCausalId(text)
    if (id !== undefined) return then(id)
    if (!/^[0-9a-f]{8,63}$/.test(text))
      return fail(new WeftError('unknown_id', `${JSON.stringify(text)} is no id: 64 hex digits, or 8 or more of their beginning`))
    this.#context.emit({
      kind: 'find',
      prefix: text,
      then: found => {
        if (found.length === 0) return fail(new WeftError('unknown_id', `no record has an id that begins with ${text}`))
        if (found.length > 1)
          return fail(
            new WeftError('ambiguous_id', `more than one id begins with ${text}`, { details: { candidates: found.map(row => row.id) } }),
          )
        then((found[0] as { id: CausalId }).id)
      },
    })
  }

  /** A record that this node wrote. */
  isOwn(id: CausalId): boolean {
    const ref = this.#fold.refOf(id)
    return ref !== undefined && this.#chain.log(ref.log)?.identity.author === this.#context.self
  }

  /** Somebody said again what is known. */
  countKnown(): void {
    this.#context.metrics.add('weft_memory_duplicates_total')
  }
}

/**
 * Who was thrown out, or may not write any more, may still have erased what he said before: bodies that some nodes dropped before
 * they heard of that must not stay with others.
 */
function isLastWord(record: AppliedRecord): boolean {
  return record.void !== 'clock' && erasedLeaf(record.kind, record.record.body) !== undefined
}

/** A record that the chain knows to be void. */
interface VoidRecord {
  readonly ref: Ref
  readonly reason: VoidReason
}

/** What a snapshot keeps: the fold, and which of its records are void for a reason that only the chain knows. */
export interface SavedMemory {
  readonly fold: MemoryFold
  readonly voids: ReadonlyMap<CausalId, VoidRecord>
  readonly sealed: SealedRecords
}

/** Closes and opens bodies, where the space is encrypted. */
export interface BodySeal {
  seal(space: string, log: LogId, kind: number, body: Uint8Array): Uint8Array
  open(space: string, log: LogId, kind: number, body: Uint8Array): Opened
  has(space: string, key: string): boolean
}

const savedShape = tuple(
  uint(),
  bytes(0, Infinity),
  list(tuple(bytes(32), bytes(32), uint(), text(16)), Infinity),
  list(savedSealedShape, Infinity),
)

/**
 * Why a snapshot is of no use: then everything is folded again. `older` is one of another version of the fold,
 * which may have passed over records that this one understands.
 */
export type Unusable = 'damaged' | 'older'

/** @param version of the fold that is to go on from it */
export function restoreMemory(saved: Uint8Array, self: NodeId, version: number): SavedMemory | Unusable {
  const decoded = decode(saved)
  const row = decoded.ok ? savedShape.parse(decoded.value) : undefined
  if (row === undefined) return 'damaged'
  if (row[0] !== version) return 'older'
  const fold = MemoryFold.restore(row[1], self, version)
  if (fold === undefined) return 'damaged'
  const voids = row[2].map(([id, log, seq, reason]): [CausalId, VoidRecord] => [
    causalIdOf(id),
    { ref: { log: logIdOf(log), seq }, reason: reason as VoidReason },
  ])
  return { fold, voids: new Map(voids), sealed: new SealedRecords(row[3]) }
}

/** A frontier as text becomes a cut of this fold. */
export function cutOf(text: string): { readonly entries: readonly FrontierEntry[]; readonly cut: Cut } | undefined {
  const entries = parseFrontier(text)
  return entries && { entries, cut: new Map(entries.map(({ log, size }) => [log, size])) }
}

export const SNAPSHOT_FOLDER = 'memory'

export function snapshotFile(space: string): string {
  return `${SNAPSHOT_FOLDER}/${space}.fold`
}

/** The space whose snapshot a file of that folder is; undefined for other files. */
export function spaceOfSnapshot(name: string): string | undefined {
  const space = name.endsWith('.fold') ? name.slice(0, -'.fold'.length) : ''
  return isSpace(space) ? space : undefined
}
