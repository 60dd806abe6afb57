import type { WeftError } from '../../base/errors.ts'
import type { CausalId } from '../../base/ids.ts'
import {
  EMBED_DOCUMENTS,
  EMBED_PAUSE_MAX_MS,
  EMBED_PAUSE_MIN_MS,
  EMBED_SCAN,
  EMBED_REFUSED_MAX,
  PENDING_CALLS_MAX,
  RECALL_EMBED_MS,
} from '../../base/limits.ts'
import type { Embedded, Embedder } from '../../ecc/embedder.ts'
import type { Lacking, LackingOptions } from '../../ecc/lacking.ts'
import type { CoreContext } from '../context.ts'
import { Deadlines } from '../ipc/deadlines.ts'
import type { RecordRef } from '../step.ts'

/** The memories of this node, as far as vectors are concerned. */
export interface EmbeddedMemory {
  /** Another object when everything was folded anew: places in it begin again. */
  readonly fold: object
  lacking(options: LackingOptions): Lacking
  /** There are memories with a vector of that embedder. */
  has(embedder: string, dims: number): boolean
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

/** What became of the vector of a question. */
export type QueryVector =
  | { readonly how: 'used'; readonly vector: Float32Array }
  | { readonly how: 'late' | 'down'; readonly vector?: undefined }

/**
 * Makes vectors, and waits for them where nobody else should. Own memories are embedded after they were acknowledged: nobody who
 * writes waits for a model. Which ones lack a vector is looked up in the fold, so a restart, a reset or a new embedder need
 * nothing to be remembered; `EMBED_DOCUMENTS` are under way at a time. A failure that may pass is waited out, longer each time;
 * what the embedder refuses is found by halves and left out.
 */
export class Embedding {
  readonly #context: CoreContext
  readonly #embedder: Pick<Embedder, 'id' | 'dims'>
  readonly #memory: EmbeddedMemory
  readonly #isReady: () => boolean
  readonly #queries: Deadlines<Query> = new Deadlines()
  #waitingQueries = 0
  #fold: object | undefined
  /** Everything before it has a vector, or was refused. */
  #from = 0
  #isBusy = false
  /** There may be something to embed. */
  #isDue = true
  #all = false
  #count = EMBED_DOCUMENTS
  #failures = 0
  #retryAtMs = Number.POSITIVE_INFINITY
  #error: WeftError | undefined
  #embedded = 0
  #tries = 0
  readonly #refused: Set<CausalId> = new Set()

  /** @param isReady everything that was stored is folded, and records can be written */
  constructor(context: CoreContext, embedder: Pick<Embedder, 'id' | 'dims'>, memory: EmbeddedMemory, isReady: () => boolean) {
    this.#context = context
    this.#embedder = embedder
    this.#memory = memory
    this.#isReady = isReady
  }

  get id(): string {
    return this.#embedder.id
  }

  /** There are memories to be found by a vector. */
  get hasVectors(): boolean {
    return this.#memory.has(this.#embedder.id, this.#embedder.dims)
  }

  get status(): EmbeddingStatus {
    const { id, dims } = this.#embedder
    const error = this.#error
    return {
      embedder: id,
      dims,
      state: this.#state,
      waiting: this.#lacking(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY).found.length,
      embedded: this.#embedded,
      refused: this.#refused.size,
      ...(error === undefined
        ? {}
        : { error: { code: error.code, message: error.message, ...(error.next === undefined ? {} : { next: error.next }) } }),
    }
  }

  get #state(): EmbedderState {
    if (this.#isStopped) return 'stopped'
    if (this.#error !== undefined) return 'down'
    return this.#isBusy ? 'working' : 'idle'
  }

  get #isStopped(): boolean {
    return this.#error?.code === 'embedder_changed'
  }

  get nextWakeMs(): number {
    return Math.min(this.#canGoOn ? this.#retryAtMs : Number.POSITIVE_INFINITY, this.#queries.nextMs)
  }

  // ---- memories

  /** Records were applied: some of them may be memories. */
  onApplied(): void {
    this.#isDue = true
  }

  /** Looks at all memories again, at those of others too if `all`, also at those that were refused. */
  again(all: boolean): void {
    this.#all = all
    this.#from = 0
    this.#refused.clear()
    this.#isDue = true
    this.#retryAtMs = Math.min(this.#retryAtMs, this.#context.now.monotonicMs)
  }

  onWake(): void {
    for (const query of this.#queries.expire(this.#context.now.monotonicMs)) this.#answer(query, { how: 'late' })
  }

  /** At the end of a step: the next memories are on their way. */
  settle(): void {
    if (!this.#canGoOn) return
    if (this.#error !== undefined && this.#context.now.monotonicMs < this.#retryAtMs) return
    const { found, next, isEnd } = this.#lacking(this.#count, EMBED_SCAN)
    if (found.length > 0) return this.#embed(found, next)
    this.#from = next
    this.#isDue = !isEnd
    if (!isEnd) this.#context.emit({ kind: 'yield' })
  }

  /** There may be something to do, and nothing but time is in the way. */
  get #canGoOn(): boolean {
    return this.#isDue && !this.#isBusy && !this.#isStopped && this.#isReady()
  }

  #lacking(count: number, scan: number): Lacking {
    if (this.#fold !== this.#memory.fold) {
      this.#fold = this.#memory.fold
      this.#from = 0
    }
    const { id: embedder, dims } = this.#embedder
    const author = this.#all ? undefined : this.#context.self
    const { found, next, isEnd } = this.#memory.lacking({ embedder, dims, from: this.#from, count, scan, author })
    return { found: found.filter(one => !this.#refused.has(one.id)), next, isEnd }
  }

  #embed(found: Lacking['found'], next: number): void {
    this.#isBusy = true
    const { fold } = this.#memory
    const refuse = (error: WeftError): void => this.#onRefused(found, error)
    this.#memory.texts(
      found,
      texts =>
        this.#context.emit({
          kind: 'embed',
          texts,
          purpose: 'document',
          then: result => {
            this.#context.metrics.add('weft_embed_calls_total', 1, result.ok ? 'ok' : result.error.code)
            if (!result.ok) return refuse(result.error)
            this.#succeeded()
            this.#write(found, result.vectors, () => {
              if (this.#fold === fold) this.#from = next
            })
          },
        }),
      refuse,
    )
  }

  #write(found: Lacking['found'], vectors: readonly Float32Array[], then: () => void): void {
    if (!this.#isReady()) return void (this.#isBusy = false)
    const rows = found.map(({ id }, i): EmbeddedRow => ({ id, vector: vectors[i] as Float32Array }))
    this.#memory.write(this.#embedder.id, rows, error => {
      this.#isBusy = false
      if (error !== undefined) return this.#failed(error)
      this.#embedded += rows.length
      this.#context.metrics.add('weft_embed_memories_total', rows.length)
      this.#count = Math.min(EMBED_DOCUMENTS, 2 * this.#count)
      then()
    })
  }

  /** What may pass is waited out. Anything else is about one of the memories: halves find out about which. */
  #onRefused(found: Lacking['found'], error: WeftError): void {
    this.#isBusy = false
    if (isOfEmbedder(error)) return this.#failed(error)
    if (found.length > 1) this.#count = found.length >> 1
    else this.#blame(found[0] as Lacking['found'][number], error)
  }

  /** One memory was refused: is it to blame, or would any other be refused too? */
  #blame({ id }: Lacking['found'][number], error: WeftError): void {
    this.#isBusy = true
    const then = (result: Embedded): void => {
      this.#isBusy = false
      if (!result.ok || this.#refused.size >= EMBED_REFUSED_MAX) return this.#failed(error)
      this.#succeeded()
      this.#context.log('warn', 'embedder.refused', { id, code: error.code, message: error.message })
      this.#refused.add(id)
      this.#count = EMBED_DOCUMENTS
    }
    this.#context.emit({ kind: 'embed', texts: [this.#harmless()], purpose: 'document', then })
  }

  #succeeded(): void {
    if (this.#error !== undefined) this.#context.log('info', 'embedder.up', { embedder: this.id })
    this.#error = undefined
    this.#failures = 0
    this.#retryAtMs = Number.POSITIVE_INFINITY
  }

  #failed(error: WeftError): void {
    const { code, message } = error
    if (code === 'stopping' || this.#isStopped) return
    if (this.#error?.code !== code)
      this.#context.log(code === 'embedder_changed' ? 'error' : 'warn', 'embedder.down', { embedder: this.id, code, message })
    this.#error = error
    const mostMs = Math.min(EMBED_PAUSE_MAX_MS, EMBED_PAUSE_MIN_MS * 2 ** this.#failures)
    this.#failures = Math.min(this.#failures + 1, 30)
    const pauseMs = mostMs / 2 + this.#context.random.below(mostMs / 2 + 1)
    this.#retryAtMs = this.#isStopped ? Number.POSITIVE_INFINITY : this.#context.now.monotonicMs + pauseMs
  }

  // ---- questions

  /** The vector of a question, if it comes within RECALL_EMBED_MS; when the embedder is known to be down nobody waits. */
  query(text: string, then: (answer: QueryVector) => void): void {
    const { monotonicMs } = this.#context.now
    const isResting = this.#error !== undefined && (this.#isStopped || this.#isBusy || monotonicMs < this.#retryAtMs)
    if (isResting || this.#waitingQueries >= PENDING_CALLS_MAX) return this.#tell({ how: 'down' }, then)
    const query: Query = { then, slot: 0, isAnswered: false }
    this.#waitingQueries++
    query.slot = this.#queries.add(query, monotonicMs + RECALL_EMBED_MS)
    this.#context.emit({
      kind: 'embed',
      texts: [text],
      purpose: 'query',
      then: result => {
        this.#queries.remove(query, query.slot)
        if (result.ok) this.#succeeded()
        else if (result.error.code !== 'full' && isOfEmbedder(result.error)) this.#failed(result.error)
        this.#answer(query, result.ok ? { how: 'used', vector: result.vectors[0] as Float32Array } : { how: 'down' })
      },
    })
  }

  /** A text that no model can find fault with, and that no cache knows. */
  #harmless(): string {
    return `weft ${++this.#tries}`
  }

  #answer(query: Query, answer: QueryVector): void {
    if (query.isAnswered) return
    query.isAnswered = true
    this.#waitingQueries--
    this.#tell(answer, query.then)
  }

  #tell(answer: QueryVector, then: (answer: QueryVector) => void): void {
    this.#context.metrics.add('weft_recall_vectors_total', 1, answer.how)
    then(answer)
  }

  /** One text, however it stands: how a person finds out whether it works. @param then with how long it took */
  probe(then: (error: WeftError | undefined, tookMs: number) => void): void {
    const startMs = this.#context.now.monotonicMs
    this.#context.emit({
      kind: 'embed',
      texts: [this.#harmless()],
      purpose: 'query',
      then: result => {
        if (result.ok) this.#succeeded()
        then(result.ok ? undefined : result.error, this.#context.now.monotonicMs - startMs)
      },
    })
  }
}

interface Query {
  readonly then: (answer: QueryVector) => void
  slot: number
  isAnswered: boolean
}

/** It would have happened with any other text too. */
function isOfEmbedder(error: WeftError): boolean {
  return (error.retryable && error.code !== 'embedder_failed') || OF_EMBEDDER.has(error.code)
}

const OF_EMBEDDER: ReadonlySet<string> = new Set(['stopping', 'embedder_changed', 'embedder_missing'])
