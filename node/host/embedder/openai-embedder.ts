import { WeftError } from '../../../base/errors.ts'
import {
  EMBED_BATCH_NUMBERS,
  EMBED_BATCH_TEXTS,
  EMBED_CONCURRENCY,
  EMBED_DOCUMENT_TRIES,
  EMBED_QUERY_TRIES,
  EMBED_QUEUE_MAX,
  EMBED_RETRY_AFTER_MAX_MS,
  EMBED_RETRY_MAX_MS,
  EMBED_RETRY_MIN_MS,
} from '../../../base/limits.ts'
import type { Clock, Logger, Random, Timer } from '../../../base/ports.ts'
import type { Embedded, Purpose } from '../../../ecc/embedder.ts'
import { type Batch, Call } from './call.ts'
import { ask, checkUrl, type Endpoint, type Outcome } from './endpoint.ts'
import { embedderId, type HostEmbedder, type Prefixes } from './host-embedder.ts'
import { Lane } from './lane.ts'
import { SERVED_FILE, type ServedModel } from './served-model.ts'

export interface OpenAiOptions extends Endpoint {
  readonly prefixes: Prefixes
  /** What the server called its model before, by the id of this embedder; only in memory without it. */
  readonly served?: ((id: string) => ServedModel) | undefined
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

const TRIES: Readonly<Record<Purpose, number>> = { document: EMBED_DOCUMENT_TRIES, query: EMBED_QUERY_TRIES }

/**
 * A model behind an OpenAI-compatible endpoint: OpenAI itself, Ollama, LM Studio, vLLM, llama.cpp.
 *
 * - Requests are bounded in size, number and time; what fails for a passing reason is tried again, later each
 *   time, and not before the server said. Queries do not wait behind documents.
 * - A vector of another length, or an answer of another model than before (also before the node was last started), ends it for good with `embedder_changed`: vectors
 *   of two models must not meet.
 *
 * Its id is `openai:<model>:<dims>`, with a mark of the prefixes when there are any, for they change the numbers. The address is
 * not part of it: nodes of a mesh reach the same model in different places.
 *
 * @throws WeftError `config_invalid` for an address that nothing should be sent to
 */
export function openAiEmbedder(options: OpenAiOptions): HostEmbedder {
  checkUrl(options.url)
  return new OpenAiEmbedder(options)
}

class OpenAiEmbedder implements HostEmbedder {
  readonly id: string
  readonly dims: number
  readonly kind = 'semantic'
  readonly deterministic = false
  readonly #options: OpenAiOptions
  readonly #textsMax: number
  readonly #closing: AbortController = new AbortController()
  readonly #pauses: Map<Timer, () => void> = new Map()
  readonly #lanes: Readonly<Record<Purpose, Lane<Batch>>>
  /** The server wants to be left alone until then. */
  #notBeforeMs = 0
  readonly #served: ServedModel
  #fault: WeftError | undefined

  constructor(options: OpenAiOptions) {
    this.#options = options
    this.id = embedderId('openai', options.model, options.dims, [options.prefixes.document, options.prefixes.query])
    this.dims = options.dims
    this.#served = (options.served ?? inMemory)(this.id)
    this.#textsMax = Math.max(1, Math.min(EMBED_BATCH_TEXTS, Math.floor(EMBED_BATCH_NUMBERS / options.dims)))
    const lane = (): Lane<Batch> => new Lane(EMBED_QUEUE_MAX, EMBED_CONCURRENCY, batch => this.#serve(batch))
    this.#lanes = { document: lane(), query: lane() }
  }

  embed(texts: readonly string[], purpose: Purpose, done: (result: Embedded) => void): void {
    if (this.#fault !== undefined) return done({ ok: false, error: this.#fault })
    if (texts.length === 0) return done({ ok: true, vectors: [] })
    const call = new Call(purpose, done)
    if (!this.#lanes[purpose].push(call.cut(texts, this.#options.prefixes[purpose], this.#textsMax)))
      call.fail(new WeftError('full', `${EMBED_QUEUE_MAX} requests wait for the embedder`))
  }

  close(): void {
    this.#fault ??= new WeftError('stopping', 'the embedder was closed')
    this.#closing.abort()
    for (const [timer, resume] of this.#pauses) {
      timer.cancel()
      resume()
    }
  }

  async #serve({ call, from, texts }: Batch): Promise<void> {
    if (call.isOver) return
    const outcome = await this.#perform(call.purpose, texts)
    const result = outcome.ok ? this.#sameModel(outcome) : outcome
    if (result.ok) return call.take(from, result.vectors)
    if (result.error.code === 'embedder_changed') this.#stop(result.error)
    call.fail(result.error)
  }

  async #perform(purpose: Purpose, texts: readonly string[]): Promise<Outcome> {
    const { clock } = this.#options
    for (let tries = 1; ; tries++) {
      const leftMs = this.#notBeforeMs - clock.monotonicMs()
      if (leftMs > 0) {
        if (purpose === 'query' || leftMs > EMBED_RETRY_AFTER_MAX_MS) return asksForRest(leftMs)
        await this.#pause(leftMs)
      }
      if (this.#fault !== undefined) return { ok: false, error: this.#fault, again: false }
      const outcome = await ask(this.#options, texts, this.#closing.signal, () => clock.wallMs())
      if (outcome.ok || !outcome.again) return outcome
      if (outcome.afterMs !== undefined) this.#notBeforeMs = Math.max(this.#notBeforeMs, clock.monotonicMs() + outcome.afterMs)
      if (tries >= TRIES[purpose]) return outcome
      if (outcome.afterMs === undefined) await this.#pause(this.#backoffMs(tries))
    }
  }

  /** Servers may call a model otherwise than it was asked for, but not otherwise from one answer to the next. */
  #sameModel(answer: Extract<Outcome, { ok: true }>): Outcome {
    if (this.#fault?.code === 'embedder_changed') return { ok: false, error: this.#fault, again: false }
    const { model } = answer
    const before = this.#served.get()
    if (model !== undefined && before === undefined) this.#served.set(model)
    if (model === undefined || before === undefined || model === before) return answer
    return {
      ok: false,
      again: false,
      error: new WeftError('embedder_changed', `the server called its model ${before} and calls it ${model} now`, {
        next: `set embedder_model to what it is now, start again, then weft mem reembed; if it is the same model under another name, remove ${SERVED_FILE} from the node's directory and start again`,
      }),
    }
  }

  #stop(error: WeftError): void {
    if (this.#fault !== undefined) return
    this.#fault = error
    this.#options.log('error', 'embedder.stopped', { embedder: this.id, code: error.code, message: error.message })
  }

  #backoffMs(tries: number): number {
    const mostMs = Math.min(EMBED_RETRY_MAX_MS, EMBED_RETRY_MIN_MS * 2 ** (tries - 1))
    return mostMs / 2 + this.#options.random.below(Math.floor(mostMs / 2) + 1)
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = this.#options.clock.after(ms, () => {
        this.#pauses.delete(timer)
        resolve()
      })
      this.#pauses.set(timer, resolve)
    })
  }
}

function inMemory(): ServedModel {
  let served: string | undefined
  return { get: () => served, set: model => void (served = model) }
}

function asksForRest(leftMs: number): Outcome {
  const error = new WeftError('embedder_unavailable', `the server wants no request for ${Math.ceil(leftMs / 1000)} s`)
  return { ok: false, again: false, error }
}
