import { PENDING_CALLS_MAX, RECALL_EMBED_MS } from '../../base/limits.ts'
import type { Embedded } from '../../ecc/embedder.ts'
import { VectorCache } from '../../ecc/vector-cache.ts'
import type { CoreContext } from '../context.ts'
import { Deadlines } from '../ipc/deadlines.ts'
import { type EmbedderHealth, isOfEmbedder } from './embedder-health.ts'

/** What became of the vector of a question. */
export type QuestionVector =
  | { readonly how: 'used'; readonly vector: Float32Array }
  | { readonly how: 'late' | 'down'; readonly vector?: undefined }

interface Question {
  readonly then: (answer: QuestionVector) => void
  slot: number
  isAnswered: boolean
}

/**
 * The vectors of what is asked. Nobody waits longer than RECALL_EMBED_MS for one, nor at all when it is known, or the embedder is
 * known to be down. What comes too late is remembered for whoever asks the same again; what several ask at a time is embedded once.
 */
export class QuestionVectors {
  readonly #context: CoreContext
  readonly #health: EmbedderHealth
  readonly #known: VectorCache
  /** Questions that are being embedded, and who waits. */
  readonly #coming: Map<string, Question[]> = new Map()
  readonly #deadlines: Deadlines<Question> = new Deadlines()
  #waiting = 0

  constructor(context: CoreContext, health: EmbedderHealth, dims: number) {
    this.#context = context
    this.#health = health
    this.#known = new VectorCache(dims)
  }

  get nextWakeMs(): number {
    return this.#deadlines.nextMs
  }

  of(text: string, then: (answer: QuestionVector) => void): void {
    const vector = this.#known.get(text)
    if (vector !== undefined) return this.#tell({ how: 'used', vector }, then)
    const coming = this.#coming.get(text)
    if ((coming === undefined && this.#health.isResting) || this.#waiting >= PENDING_CALLS_MAX) return this.#tell({ how: 'down' }, then)
    const question: Question = { then, slot: 0, isAnswered: false }
    this.#waiting++
    question.slot = this.#deadlines.add(question, this.#context.now.monotonicMs + RECALL_EMBED_MS)
    if (coming !== undefined) return void coming.push(question)
    this.#coming.set(text, [question])
    this.#context.emit({ kind: 'embed', texts: [text], purpose: 'query', then: result => this.#onEmbedded(text, result) })
  }

  onWake(): void {
    for (const question of this.#deadlines.expire(this.#context.now.monotonicMs)) this.#answer(question, { how: 'late' })
  }

  #onEmbedded(text: string, result: Embedded): void {
    const questions = this.#coming.get(text) ?? []
    this.#coming.delete(text)
    const vector = result.ok ? (result.vectors[0] as Float32Array) : undefined
    if (vector !== undefined) {
      this.#health.succeeded()
      this.#known.set(text, vector)
    }
    // A full queue says nothing about the embedder.
    if (!result.ok && result.error.code !== 'full' && isOfEmbedder(result.error)) this.#health.failed(result.error)
    for (const question of questions) {
      this.#deadlines.remove(question, question.slot)
      this.#answer(question, vector === undefined ? { how: 'down' } : { how: 'used', vector })
    }
  }

  #answer(question: Question, answer: QuestionVector): void {
    if (question.isAnswered) return
    question.isAnswered = true
    this.#waiting--
    this.#tell(answer, question.then)
  }

  #tell(answer: QuestionVector, then: (answer: QuestionVector) => void): void {
    this.#context.metrics.add('weft_recall_vectors_total', 1, answer.how)
    then(answer)
  }
}
