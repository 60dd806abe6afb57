import { toHex } from '../../base/bytes.ts'
import { WeftError } from '../../base/errors.ts'
import { type CausalId, type ClusterId, digestOf, type LogId, spaceOf, type Stream } from '../../base/ids.ts'
import { isFolded, KIND } from '../../base/kinds.ts'
import { EMBEDDERS_PER_AUTHOR_MAX, PARENTS_MAX } from '../../base/limits.ts'
import type { Draft } from '../../chain/chain.ts'
import { logIdentity, type ParentRef } from '../../chain/record.ts'
import type { Written } from '../../chain/written.ts'
import type { EdgeType } from '../../ecc/edge-types.ts'
import type { Parent } from '../../ecc/heads.ts'
import type { MemoryFold } from '../../ecc/memory-fold.ts'
import { contentHash } from '../../ecc/own-memories.ts'
import {
  encodeJoin,
  encodeLink,
  encodeRemember,
  encodeRetract,
  encodeSupersede,
  type LinkInput,
  type RememberInput,
  type SupersedeInput,
} from '../../ecc/records.ts'
import { ofNode, type VectorInput, writtenVector, type WrittenVector } from '../../ecc/vector-record.ts'
import type { Receipt } from '../api.ts'
import type { CoreContext } from '../context.ts'
import type { Writer } from '../writer.ts'
import type { BodySeal } from './memory.ts'

/** Called once: the write is durable and applied here, or is known not to be durable. Then the receipt is of what will never be. */
export type ReceiptDone = (error: WeftError | undefined, receipt: Receipt) => void

export interface OutgoingEdge {
  readonly type: EdgeType
  readonly to: CausalId
  readonly weight?: number | undefined
}

/** A write on its way to the disk. Saying the same again meanwhile waits for it. */
interface InFlight {
  readonly receipt: Receipt
  /** Undefined once it is applied. */
  readonly waiting: ReceiptDone[] | undefined
}

/**
 * Writes memory records of one space. Saying a thing twice records it once, also while the
 * first time is still on its way to the disk; and every record names what it builds on.
 */
export class MemoryWriter {
  readonly #context: CoreContext
  readonly #writer: Writer
  readonly #stream: Stream
  readonly #log: LogId
  readonly #fold: () => MemoryFold
  readonly #seal: (kind: number, body: Uint8Array) => Uint8Array
  /** By what is said: a memory's content, a link's ends. */
  readonly #inFlight: Map<string, InFlight> = new Map()
  /** Content under each key, of memories in flight: the newest decides. */
  readonly #keys: Map<string, string> = new Map()
  /** The same by memory and embedder, of vectors. */
  readonly #places: Map<string, string> = new Map()
  /** Records that a write on its way supersedes or retracts: saying them again is saying something new. */
  readonly #ending: Set<CausalId> = new Set()
  /** Parents named by records that are not applied yet: naming them once is enough. */
  readonly #cited: Map<LogId, number> = new Map()
  #unapplied = 0

  constructor(context: CoreContext, writer: Writer, cluster: ClusterId, stream: Stream, seal: BodySeal, fold: () => MemoryFold) {
    this.#context = context
    this.#writer = writer
    this.#stream = stream
    this.#log = logIdentity(cluster, context.self, stream).id
    this.#fold = fold
    this.#seal = (kind, body) => seal.seal(spaceOf(stream) as string, this.#log, kind, body)
  }

  /**
   * A memory, and where it stands in the space of an embedder: staged in one step, so that they are durable together.
   *
   * @param done gets the receipt of both @returns true when the memory was not known before
   */
  rememberAt(input: RememberInput, edges: readonly OutgoingEdge[], vector: VectorInput, actor: string, done: ReceiptDone): boolean {
    this.#requireVectors(vector)
    const written = writtenVector(vector)
    let isNew = false
    let memory: Receipt | undefined
    this.#afterAll(
      [
        wait => {
          ;({ isNew, receipt: memory } = this.#remember(input, edges, actor, wait))
        },
        wait => this.#vector((memory as Receipt).id, written, vector.vector.length, actor, wait),
      ],
      (error, [, at]) => done(error, { ...(memory as Receipt), vector: at as Receipt }),
    )
    return isNew
  }

  /** Adds a vector to a memory that is there, whoever wrote it. @throws WeftError `incompatible`, `embedder_invalid`, `vector_invalid`, `table_full` */
  vectorFor(node: CausalId, vector: VectorInput, actor: string, done: ReceiptDone): void {
    this.#requireVectors(vector)
    this.#vector(node, writtenVector(vector), vector.vector.length, actor, done)
  }

  /** @returns true when it was not known before */
  remember(input: RememberInput, edges: readonly OutgoingEdge[], actor: string, done: ReceiptDone): boolean {
    return this.#remember(input, edges, actor, done).isNew
  }

  #remember(
    input: RememberInput,
    edges: readonly OutgoingEdge[],
    actor: string,
    done: ReceiptDone,
  ): { readonly receipt: Receipt; readonly isNew: boolean } {
    const body = encodeRemember(input)
    // An edge that cannot be must be found out before anything is written.
    for (const edge of edges) encodeLink({ ...edge, from: edge.to })
    const digest = contentHash(body)
    const content = toHex(digest)
    const newest = input.key === undefined ? undefined : this.#keys.get(input.key)
    const known =
      newest === undefined || newest === content
        ? this.#known(content, () => this.#fold().findDuplicate(this.#context.self, digest))
        : undefined
    if (known !== undefined) {
      this.#context.metrics.add('weft_memory_duplicates_total')
      this.#afterAll(
        [
          wait => this.#join(known, wait),
          ...edges.map(edge => (wait: ReceiptDone) => this.link({ ...edge, from: known.receipt.id }, actor, wait)),
        ],
        error => done(error, known.receipt),
      )
      return { receipt: known.receipt, isNew: false }
    }
    const links = edges.map((edge): Saying => {
      const link = (ids: readonly CausalId[]): LinkInput => ({ ...edge, from: ids[0] as CausalId })
      return { kind: KIND['memory.link'], body: ids => encodeLink(link(ids)), content: ids => contentOfLink(encodeLink(link(ids))) }
    })
    const finish: ReceiptDone = (error, receipt) => {
      if (input.key !== undefined && this.#keys.get(input.key) === content) this.#keys.delete(input.key)
      done(error, receipt)
    }
    const receipt = this.#write([{ kind: KIND['memory.remember'], body: () => body, content: () => content }, ...links], [], actor, finish)
    if (input.key !== undefined) this.#keys.set(input.key, content)
    return { receipt, isNew: true }
  }

  /** What this node said before in just these words, and why it does not hold any more; undefined when it holds, is on its way, or was never said. */
  endedOf(input: RememberInput): ReturnType<MemoryFold['findEnded']> {
    const digest = contentHash(encodeRemember(input))
    if (this.#inFlight.has(toHex(digest))) return undefined
    const current = this.#fold().findDuplicate(this.#context.self, digest)
    if (current !== undefined) return this.#ending.has(current) ? { id: current, how: 'retracted' } : undefined
    return this.#fold().findEnded(this.#context.self, digest)
  }

  /** Whether vectors of an embedder count that are written here. */
  hasRoom(embedder: string, dims: number): boolean {
    return this.#fold().vectors.hasRoom(this.#log, embedder, dims)
  }

  #requireVectors({ embedder, vector }: VectorInput): void {
    if (!isFolded(KIND['memory.vector'], this.#context.speaks.fold))
      throw new WeftError('incompatible', 'this node speaks a version that knows no vectors', { next: 'upgrade it' })
    if (!this.hasRoom(embedder, vector.length))
      throw new WeftError(
        'table_full',
        `this node has vectors of ${EMBEDDERS_PER_AUTHOR_MAX} embedders in this space: those of ${embedder} would not count`,
      )
  }

  /** Unless it is this node's newest vector of that embedder for the memory, or about to be. */
  #vector(node: CausalId, vector: WrittenVector, dims: number, actor: string, done: ReceiptDone): void {
    const body = ofNode(vector, node)
    const digest = contentHash(body)
    const content = `vector ${toHex(digest)}`
    const place = `${node} ${dims} ${vector.embedder}`
    const newest = this.#places.get(place)
    const known =
      newest === undefined || newest === content
        ? this.#known(content, () => this.#fold().findVector(this.#context.self, digest))
        : undefined
    if (known !== undefined) return this.#join(known, done)
    this.#write([{ kind: KIND['memory.vector'], body: () => body, content: () => content }], [], actor, (error, receipt) => {
      if (this.#places.get(place) === content) this.#places.delete(place)
      done(error, receipt)
    })
    this.#places.set(place, content)
  }

  /** This node's memory under a key, current or about to be. */
  idOfKey(key: string): CausalId | undefined {
    const content = this.#keys.get(key)
    const inFlight = content === undefined ? undefined : this.#inFlight.get(content)
    return inFlight?.receipt.id ?? this.#fold().findByKey(this.#context.self, key)
  }

  link(link: LinkInput, actor: string, done: ReceiptDone): void {
    const body = encodeLink(link)
    const content = contentOfLink(body)
    const known = this.#known(content, () => this.#fold().findLink(this.#context.self, link))
    if (known !== undefined) this.#join(known, done)
    else this.#write([{ kind: KIND['memory.link'], body: () => body, content: () => content }], [], actor, done)
  }

  /** Unless this node has said so already, and it holds; a reason that is another one makes no difference. */
  supersede(input: SupersedeInput, actor: string, done: ReceiptDone): void {
    const body = encodeSupersede(input)
    const { by, targets } = input
    const content = `supersede ${by} ${[...targets].sort().join(' ')}`
    const known = this.#ending.has(by) ? undefined : this.#known(content, () => this.#saidOfAll(targets, by))
    if (known !== undefined) return this.#join(known, asKnown(done))
    this.#write([{ kind: KIND['memory.supersede'], body: () => body, content: () => content }], targets, actor, done)
  }

  /** The record that says it of the first, where each of them is replaced so. */
  #saidOfAll(targets: readonly CausalId[], by: CausalId): CausalId | undefined {
    const said = targets.map(target => this.#fold().findSupersede(this.#context.self, target, by))
    return said.some(id => id === undefined || this.#ending.has(id)) ? undefined : said[0]
  }

  /** Unless it is taken back, or erased, already or about to be. @throws WeftError `incompatible` when this node speaks a version that cannot */
  retract(target: CausalId, erase: boolean, actor: string, done: ReceiptDone): void {
    if (!isFolded(KIND['memory.retract'], this.#context.speaks.fold))
      throw new WeftError('incompatible', 'this node speaks a version that cannot forget', { next: 'upgrade it' })
    const body = encodeRetract(target, erase)
    const content = `${erase ? 'erase' : 'retract'} ${target}`
    const fold = this.#fold()
    const known =
      (erase ? undefined : this.#inFlight.get(`erase ${target}`)) ??
      this.#known(content, () => (erase ? fold.eraserOf(target) : fold.findRetract(target)))
    if (known !== undefined) return this.#join(known, asKnown(done))
    this.#write([{ kind: KIND['memory.retract'], body: () => body, content: () => content }], [target], actor, done)
  }

  #known(content: string, find: () => CausalId | undefined): InFlight | undefined {
    const inFlight = this.#inFlight.get(content)
    if (inFlight !== undefined) return inFlight
    const id = find()
    const ref = id === undefined || this.#ending.has(id) ? undefined : this.#fold().refOf(id)
    return id === undefined || ref === undefined ? undefined : { receipt: { id, log: ref.log, seq: ref.seq }, waiting: undefined }
  }

  /** Waits for a write under way; what is applied already is good. */
  #join(known: InFlight, done: ReceiptDone): void {
    if (known.waiting === undefined) done(undefined, known.receipt)
    else known.waiting.push(done)
  }

  #afterAll(
    parts: readonly ((wait: ReceiptDone) => void)[],
    done: (error: WeftError | undefined, receipts: readonly (Receipt | undefined)[]) => void,
  ): void {
    const receipts: (Receipt | undefined)[] = []
    let left = parts.length
    let failed: WeftError | undefined
    for (const [i, part] of parts.entries()) {
      part((error, receipt) => {
        failed ??= error
        receipts[i] = receipt
        if (--left === 0) done(failed, receipts)
      })
    }
  }

  /** @param ends records that count no more once this is applied @returns the receipt of the first record */
  #write(records: readonly Saying[], ends: readonly CausalId[], actor: string, done: ReceiptDone): Receipt {
    const parents = this.#fold()
      .parentsFor(this.#log)
      .filter(parent => parent.seq > (this.#cited.get(parent.log) ?? -1))
    const drafts = draftsOf(records, parents, actor, this.#seal)
    const written = this.#writer.write(this.#stream, drafts, error => {
      if (--this.#unapplied === 0) this.#cited.clear()
      for (const [content, inFlight] of underWay) if (this.#inFlight.get(content) === inFlight) this.#inFlight.delete(content)
      for (const id of ends) this.#ending.delete(id)
      done(error, receipt)
      for (const [, { receipt: one, waiting }] of underWay) for (const wait of waiting ?? []) wait(error, one)
    })
    this.#unapplied++
    for (const { log, seq } of parents) this.#cited.set(log, seq)
    for (const id of ends) this.#ending.add(id)
    const own = written.slice(-records.length)
    const ids = own.map(({ id }) => id)
    const underWay = records.flatMap(({ content }, i): [content: string, InFlight][] => {
      const { id, seq } = own[i] as Written
      return content === undefined ? [] : [[content(ids), { receipt: { id, log: this.#log, seq }, waiting: [] }]]
    })
    for (const [content, inFlight] of underWay) this.#inFlight.set(content, inFlight)
    const { id, seq } = own[0] as Written
    const receipt: Receipt = { id, log: this.#log, seq }
    return receipt
  }
}

/** Tells that nothing was written. */
function asKnown(done: ReceiptDone): ReceiptDone {
  return (error, receipt) => done(error, { ...receipt, known: true })
}

function contentOfLink(body: Uint8Array): string {
  return `link ${toHex(body)}`
}

/** A record to write; its body may name those before it. */
interface Saying {
  readonly kind: number
  readonly body: (ids: readonly CausalId[]) => Uint8Array
  /** What it says, for whoever says the same while it is on its way; `ids` are those of all records, its own included. */
  readonly content?: (ids: readonly CausalId[]) => string
}

/** The first record names what it builds on; more parents than one record holds are joined in front of it. */
function draftsOf(
  records: readonly Saying[],
  parents: readonly Parent[],
  actor: string,
  seal: (kind: number, body: Uint8Array) => Uint8Array,
): Draft[] {
  const refs: ParentRef[] = parents.map(({ log, seq, id }) => ({ logId: digestOf(log), seq, leaf: digestOf(id) }))
  const joins: Draft[] = []
  while (refs.length > PARENTS_MAX)
    joins.push({ kind: KIND['memory.join'], actor: 'kernel', body: encodeJoin(), parents: refs.splice(0, PARENTS_MAX) })
  // What is taken back, and erased, is for relays to know as well; it names a record, and says nothing of it.
  const closed = (kind: number, body: Uint8Array): Uint8Array => (kind === KIND['memory.retract'] ? body : seal(kind, body))
  const own = records.map(
    ({ kind, body }, i): Draft => ({ kind, actor, body: ids => closed(kind, body(ids.slice(joins.length))), parents: i === 0 ? refs : [] }),
  )
  return [...joins, ...own]
}
