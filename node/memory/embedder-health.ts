import type { WeftError } from '../../base/errors.ts'
import { EMBED_PAUSE_MAX_MS, EMBED_PAUSE_MIN_MS } from '../../base/limits.ts'
import type { CoreContext } from '../context.ts'

/**
 * How an embedder is, as far as the node has heard. One that fails is left alone for a while, longer each time; one whose model
 * has changed is not asked again before the next start.
 */
export class EmbedderHealth {
  readonly #context: CoreContext
  readonly #id: string
  #error: WeftError | undefined
  #failures = 0
  #retryAtMs = Number.POSITIVE_INFINITY

  constructor(context: CoreContext, id: string) {
    this.#context = context
    this.#id = id
  }

  /** Why it does not work; undefined while it does. */
  get error(): WeftError | undefined {
    return this.#error
  }

  get isStopped(): boolean {
    return this.#error?.code === 'embedder_changed'
  }

  /** It is not to be asked now. */
  get isResting(): boolean {
    return this.#error !== undefined && this.#context.now.monotonicMs < this.#retryAtMs
  }

  /** When it may be asked again, in monotonic ms; Infinity while it works, and when it has stopped. */
  get retryAtMs(): number {
    return this.#retryAtMs
  }

  /** Whoever has repaired it need not wait. */
  retryNow(): void {
    if (this.#error !== undefined && !this.isStopped) this.#retryAtMs = this.#context.now.monotonicMs
  }

  succeeded(): void {
    if (this.#error !== undefined) this.#context.log('info', 'embedder.up', { embedder: this.#id })
    this.#error = undefined
    this.#failures = 0
    this.#retryAtMs = Number.POSITIVE_INFINITY
  }

  failed(error: WeftError): void {
    const { code, message } = error
    if (this.isStopped) return
    const isNews = this.#error?.code !== code
    this.#error = error
    if (isNews) this.#context.log(this.isStopped ? 'error' : 'warn', 'embedder.down', { embedder: this.#id, code, message })
    const mostMs = Math.min(EMBED_PAUSE_MAX_MS, EMBED_PAUSE_MIN_MS * 2 ** this.#failures)
    this.#failures = Math.min(this.#failures + 1, 30)
    const pauseMs = mostMs / 2 + this.#context.random.below(mostMs / 2 + 1)
    this.#retryAtMs = this.isStopped ? Number.POSITIVE_INFINITY : this.#context.now.monotonicMs + pauseMs
  }
}

/** It would have happened with any other text too. */
export function isOfEmbedder({ code, retryable }: WeftError): boolean {
  return (retryable && code !== 'embedder_failed') || code === 'embedder_changed' || code === 'embedder_missing'
}
