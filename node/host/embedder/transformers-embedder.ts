import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { BoundedQueue } from '../../../base/bounded-queue.ts'
import { WeftError } from '../../../base/errors.ts'
import { EMBED_LOCAL_BATCH_TEXTS, EMBED_QUEUE_MAX, MODEL_LOAD_MS } from '../../../base/limits.ts'
import type { Logger } from '../../../base/ports.ts'
import type { Embedded, Purpose } from '../../../ecc/embedder.ts'
import { checked } from './answer.ts'
import { type Batch, Call } from './call.ts'
import { embedderId, type HostEmbedder, type Prefixes } from './host-embedder.ts'
import type { FromChild, ToEmbed, ToLoad } from './transformers-child.ts'

export interface TransformersOptions extends Omit<ToLoad, 'kind'> {
  readonly dims: number
  /** For one request to a loaded model; a model that takes longer is ended and loaded anew. */
  readonly timeoutMs: number
  readonly prefixes: Prefixes
  readonly log: Logger
}

const CHILD = fileURLToPath(new URL('./transformers-child.js', import.meta.url))

/**
 * A model of this machine, run by transformers.js in a process of its own, which is started when something is to
 * be embedded. The package is not one of weft's: whoever wants this installs it, and fetches a model.
 *
 * - One request at a time, queries before documents; what waits is bounded.
 * - A child that dies or hangs fails the request it had; the next one starts another child.
 * - Vectors of another length end it for good with `embedder_changed`. An absent package or model is `embedder_missing`,
 *   asked for again with every call.
 */
export function transformersEmbedder(options: TransformersOptions): HostEmbedder {
  return new TransformersEmbedder(options)
}

class TransformersEmbedder implements HostEmbedder {
  readonly id: string
  readonly dims: number
  readonly kind = 'semantic'
  readonly deterministic = false
  readonly #options: TransformersOptions
  readonly #waiting: Readonly<Record<Purpose, BoundedQueue<Batch>>> = {
    query: new BoundedQueue(EMBED_QUEUE_MAX),
    document: new BoundedQueue(EMBED_QUEUE_MAX),
  }
  #child: ChildProcess | undefined
  #serving: Batch | undefined
  #deadline: NodeJS.Timeout | undefined
  #fault: WeftError | undefined

  constructor(options: TransformersOptions) {
    const { model, dims, prefixes, pooling, dtype } = options
    this.#options = options
    this.id = embedderId('transformers', model, dims, [prefixes.document, prefixes.query, pooling === 'mean' ? '' : pooling, dtype])
    this.dims = dims
  }

  embed(texts: readonly string[], purpose: Purpose, done: (result: Embedded) => void): void {
    if (this.#fault !== undefined) return done({ ok: false, error: this.#fault })
    if (texts.length === 0) return done({ ok: true, vectors: [] })
    const call = new Call(purpose, done)
    const waiting = this.#waiting[purpose]
    const batches = call.cut(texts, this.#options.prefixes[purpose], EMBED_LOCAL_BATCH_TEXTS)
    if (waiting.size + batches.length > waiting.capacity)
      return call.fail(new WeftError('full', `${EMBED_QUEUE_MAX} requests wait for the embedder`))
    for (const batch of batches) waiting.push(batch)
    this.#advance()
  }

  close(): void {
    this.#end(new WeftError('stopping', 'the embedder was closed'))
  }

  #advance(): void {
    if (this.#serving !== undefined) return
    const next = this.#waiting.query.shift() ?? this.#waiting.document.shift()
    if (next === undefined) return
    if (next.call.isOver) return this.#advance()
    this.#serving = next
    if (this.#child === undefined) this.#load()
    else this.#ask(this.#child)
  }

  #load(): void {
    const { path, model, pooling, dtype, near } = this.#options
    const child = fork(CHILD, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'], execArgv: [] })
    this.#child = child
    child.on('message', (message: FromChild) => this.#on(child, message))
    child.on('error', error => this.#lost(child, error.message))
    child.on('exit', (code, signal) => this.#lost(child, `it ended with ${signal ?? code}`))
    this.#send(child, { kind: 'load', path, model, pooling, dtype, near }, MODEL_LOAD_MS)
  }

  #ask(child: ChildProcess): void {
    this.#send(child, { kind: 'embed', texts: this.#serving?.texts ?? [] }, this.#options.timeoutMs)
  }

  #send(child: ChildProcess, message: ToLoad | ToEmbed, withinMs: number): void {
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.#lost(child, `no answer within ${withinMs} ms`), withinMs)
    // A child that is gone says so itself.
    child.send(message, () => {})
  }

  #on(child: ChildProcess, message: FromChild): void {
    if (child !== this.#child) return
    clearTimeout(this.#deadline)
    if (message.kind === 'loaded') return this.#ask(child)
    if (message.kind === 'embedded') return this.#take(message.vectors)
    const { missing, message: said, next } = message
    // Whoever installs what is missing needs no restart of the node.
    if (missing) this.#drop()
    this.#fail(new WeftError(missing ? 'embedder_missing' : 'embedder_failed', said, next === undefined ? {} : { next }))
  }

  #take(vectors: readonly Float32Array[]): void {
    const batch = this.#serving as Batch
    const answer = checked(vectors, batch.texts.length, this.dims)
    if (!answer.ok && answer.error.code === 'embedder_changed') {
      this.#options.log('error', 'embedder.stopped', { embedder: this.id, code: answer.error.code, message: answer.error.message })
      return this.#end(answer.error)
    }
    if (!answer.ok) return this.#fail(answer.error)
    this.#serving = undefined
    batch.call.take(batch.from, answer.vectors)
    this.#advance()
  }

  #lost(child: ChildProcess, reason: string): void {
    if (child !== this.#child) return
    this.#drop()
    this.#options.log('warn', 'embedder.child-lost', { embedder: this.id, reason })
    this.#fail(new WeftError('embedder_unavailable', `the process of the model was lost: ${reason}`))
  }

  #fail(error: WeftError): void {
    const batch = this.#serving
    this.#serving = undefined
    batch?.call.fail(error)
    this.#advance()
  }

  #drop(): void {
    clearTimeout(this.#deadline)
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }

  #end(error: WeftError): void {
    this.#fault ??= error
    this.#drop()
    const left = [this.#serving, ...this.#waiting.query, ...this.#waiting.document]
    this.#serving = undefined
    for (const batch of left) batch?.call.fail(error)
  }
}
