import type { WeftError } from '../../base/errors.ts'
import type { CausalId } from '../../base/ids.ts'
import { EMBED_DOCUMENTS, EMBEDDERS_PER_AUTHOR_MAX, EMBED_REFUSED_MAX, EMBED_SCAN } from '../../base/limits.ts'
import type { Embedded, Embedder } from '../../ecc/embedder.ts'
import type { Lacking, LackingOptions } from '../../ecc/lacking.ts'
import type { CoreContext } from '../context.ts'
import type { RecordRef } from '../step.ts'
import { EmbedderHealth, isOfEmbedder } from './embedder-health.ts'
import { QuestionVectors } from './question-vectors.ts'

/** The memory of one space, as far as vectors are concerned. */
export interface EmbeddedMemory {
  /** Another object when everything was folded anew: places in it begin again. */
  readonly fold: object
  readonly space: string
  /** Whether vectors of an embedder count that this node writes: it may have used too many others before. */
  hasRoom(embedder: string, dims: number): boolean
  lacking(options: LackingOptions): Lacking
  /** How many there are from a place on. */
  countLacking(options: Pick<LackingOptions, 'embedder' | 'dims' | 'from' | 'author'>): number
  texts(refs: readonly RecordRef[], then: (texts: readonly string[]) => void, fail: (error: WeftError) => void): void
  /** Writes vectors for good; `done` once all are durable and applied. */
  write(embedder: string, rows: readonly EmbeddedRow[], done: (error: WeftError | undefined) => void): void
}

export interface EmbeddedRow {
  readonly id: CausalId
  readonly vector: Float32Array
}

/** How it stands with the embedder, as far as the node has heard. */
export type EmbedderState = 'idle' | 'working' | 'down' | 'stopped'

export interface EmbeddingStatus {
  readonly embedder: string
  readonly dims: number
  readonly state: EmbedderState
  /** Memories of this node, or of all when all are to be embedded, without a vector. */
  readonly waiting: number
  /** Vectors made since the start. */
  readonly embedded: number
  /** Memories that the embedder refused since the start: they are tried again after the next one. */
  readonly refused: number
  /** Why it is down or stopped. */
  readonly error?: { readonly code: string; readonly message: string; readonly next?: string }
}

/**
 * Memories get vectors after they were acknowledged: nobody who writes waits for a model. Which ones lack a vector is looked up in
 * the fold, so a restart, a reset or another embedder need nothing to be remembered; EMBED_DOCUMENTS are under way at a time.
 * What fails for a passing reason is waited out; what is refused for another one is found by halves, and left out.
 */
export class Embedding {
  readonly id: string
  readonly dims: number
  /** The vectors of what is asked. */
  readonly questions: QuestionVectors
  readonly #context: CoreContext
  readonly #memories: () => readonly EmbeddedMemory[]
  readonly #isReady: () => boolean
  readonly #health: EmbedderHealth
  /** By fold: everything before it has a vector, or was refused. A fold that is made anew begins anew. */
  #from: WeakMap<object, number> = new WeakMap()
  #isBusy = false
  /** There may be something to embed. */
  #isDue = true
  #all = false
  #count = EMBED_DOCUMENTS
  #embedded = 0
  #tries = 0
  #counted: { readonly count: number; readonly atMs: number } = { count: 0, atMs: 0 }
  readonly #refused: Set<CausalId> = new Set()
  /** Spaces in which this node has vectors of too many embedders. */
  readonly #full: Set<string> = new Set()

  /**
   * @param memories those in which vectors of this node count
   * @param isReady everything that was stored is folded, and records can be written
   */
  constructor(
    context: CoreContext,
    { id, dims }: Pick<Embedder, 'id' | 'dims'>,
    memories: () => readonly EmbeddedMemory[],
    isReady: () => boolean,
  ) {
    this.id = id
    this.dims = dims
    this.#context = context
    this.#memories = () => memories().filter(memory => this.#hasRoom(memory))
    this.#isReady = isReady
    this.#health = new EmbedderHealth(context, id)
    this.questions = new QuestionVectors(context, this.#health, dims)
  }

  get status(): EmbeddingStatus {
    const { error } = this.#health
    return {
      embedder: this.id,
      dims: this.dims,
      state: this.#state,
      waiting: this.#countWaiting(),
      embedded: this.#embedded,
      refused: this.#refused.size,
      ...(error === undefined
        ? {}
        : { error: { code: error.code, message: error.message, ...(error.next === undefined ? {} : { next: error.next }) } }),
    }
  }

  /** The embedder had something against this memory: it has no vector of it. */
  isRefused(id: CausalId): boolean {
    return this.#refused.has(id)
  }

  get #state(): EmbedderState {
    if (this.#health.error !== undefined) return this.#health.isStopped ? 'stopped' : 'down'
    return this.#isBusy ? 'working' : 'idle'
  }

  get nextWakeMs(): number {
    return Math.min(this.#canGoOn ? this.#health.retryAtMs : Number.POSITIVE_INFINITY, this.questions.nextWakeMs)
  }

  onWake(): void {
    this.questions.onWake()
  }

  #hasRoom(memory: EmbeddedMemory): boolean {
    const { space } = memory
    if (memory.hasRoom(this.id, this.dims)) return true
    if (!this.#full.has(space)) this.#context.log('warn', 'embedder.no-room', { space, embedder: this.id, limit: EMBEDDERS_PER_AUTHOR_MAX })
    this.#full.add(space)
    return false
  }

  /** Records were applied: some of them may be memories. */
  onApplied(): void {
    this.#isDue = true
  }

  /** Looks at all memories again, at those of others too if `all`, also at those that were refused. */
  again(all: boolean): void {
    this.#all = all
    this.#from = new WeakMap()
    this.#refused.clear()
    this.#isDue = true
    this.#health.retryNow()
  }

  /** At the end of a step: the next memories are on their way. */
  settle(): void {
    if (!this.#canGoOn || this.#health.isResting) return
    let isEnd = true
    for (const memory of this.#memories()) {
      const lacking = this.#lacking(memory, this.#count, EMBED_SCAN)
      if (lacking.found.length > 0) return this.#embed(memory, lacking)
      this.#from.set(memory.fold, lacking.next)
      isEnd &&= lacking.isEnd
    }
    this.#isDue = !isEnd
    if (!isEnd) this.#context.emit({ kind: 'yield' })
  }

  /** There may be something to do, and nothing but time is in the way. */
  get #canGoOn(): boolean {
    return this.#isDue && !this.#isBusy && !this.#health.isStopped && this.#isReady()
  }

  #lacking(memory: EmbeddedMemory, count: number, scan: number): Lacking {
    const { found, next, isEnd } = memory.lacking({ ...this.#wanted(memory), count, scan })
    return { found: found.filter(one => !this.#refused.has(one.id)), next, isEnd }
  }

  /** Whose memories, and from where on. */
  #wanted({ fold }: EmbeddedMemory): Pick<LackingOptions, 'embedder' | 'dims' | 'from' | 'author'> {
    return { embedder: this.id, dims: this.dims, from: this.#from.get(fold) ?? 0, author: this.#all ? undefined : this.#context.self }
  }

  /** Many of them are counted once a second: at 100,000 memories that takes some 50 ms. */
  #countWaiting(): number {
    const { monotonicMs } = this.#context.now
    if (this.#counted.count > EMBED_SCAN && monotonicMs < this.#counted.atMs + 1000) return this.#counted.count
    let count = 0
    for (const memory of this.#memories()) count += memory.countLacking(this.#wanted(memory)) - this.#countRefused(memory)
    this.#counted = { count, atMs: monotonicMs }
    return count
  }

  /** Of the refused, those that still lack a vector and are not passed yet. */
  #countRefused(memory: EmbeddedMemory): number {
    if (this.#refused.size === 0) return 0
    const { found } = memory.lacking({ ...this.#wanted(memory), count: Number.POSITIVE_INFINITY, scan: Number.POSITIVE_INFINITY })
    return found.filter(({ id }) => this.#refused.has(id)).length
  }

  #embed(memory: EmbeddedMemory, { found, next }: Lacking): void {
    this.#isBusy = true
    const { fold } = memory
    const refuse = (error: WeftError): void => this.#onRefused(found, error)
    memory.texts(
      found,
      texts =>
        this.#context.emit({
          kind: 'embed',
          texts,
          purpose: 'document',
          then: result => {
            this.#context.metrics.add('weft_embed_calls_total', 1, result.ok ? 'ok' : result.error.code)
            if (!result.ok) return refuse(result.error)
            this.#health.succeeded()
            // Folded anew, the same memories may have other ids: they are looked for again.
            if (memory.fold !== fold || !this.#isReady()) this.#isBusy = false
            else this.#write(memory, found, result.vectors, next)
          },
        }),
      refuse,
    )
  }

  #write(memory: EmbeddedMemory, found: Lacking['found'], vectors: readonly Float32Array[], next: number): void {
    const { fold } = memory
    const rows = found.map(({ id }, i): EmbeddedRow => ({ id, vector: vectors[i] as Float32Array }))
    memory.write(this.id, rows, error => {
      this.#isBusy = false
      if (error !== undefined) return this.#health.failed(error)
      this.#embedded += rows.length
      this.#context.metrics.add('weft_embed_memories_total', rows.length)
      this.#count = Math.min(EMBED_DOCUMENTS, 2 * this.#count)
      this.#from.set(fold, next)
    })
  }

  /** What may pass is waited out. Anything else is about one of the memories: halves find out about which. */
  #onRefused(found: Lacking['found'], error: WeftError): void {
    this.#isBusy = false
    if (isOfEmbedder(error)) return this.#health.failed(error)
    if (found.length > 1) this.#count = found.length >> 1
    else this.#blame(found[0] as Lacking['found'][number], error)
  }

  /** One memory was refused: is it to blame, or would any other be refused too? */
  #blame({ id }: Lacking['found'][number], error: WeftError): void {
    this.#isBusy = true
    const then = (result: Embedded): void => {
      this.#isBusy = false
      if (!result.ok || this.#refused.size >= EMBED_REFUSED_MAX) return this.#health.failed(error)
      this.#health.succeeded()
      this.#context.log('warn', 'embedder.refused', { id, code: error.code, message: error.message })
      this.#refused.add(id)
      this.#count = EMBED_DOCUMENTS
    }
    this.#context.emit({ kind: 'embed', texts: [this.#harmless()], purpose: 'document', then })
  }

  /** A text that no model can find fault with, and that no cache knows. */
  #harmless(): string {
    return `weft ${++this.#tries}`
  }

  /** One text, however it stands: how a person finds out whether it works. @param then with how long it took */
  probe(then: (error: WeftError | undefined, tookMs: number) => void): void {
    const startMs = this.#context.now.monotonicMs
    this.#context.emit({
      kind: 'embed',
      texts: [this.#harmless()],
      purpose: 'query',
      then: result => {
        if (result.ok) this.#health.succeeded()
        then(result.ok ? undefined : result.error, this.#context.now.monotonicMs - startMs)
      },
    })
  }
}
