import { WeftError } from '../base/errors.ts'
import type { Embedded, Embedder, Purpose } from '../ecc/embedder.ts'
import { hashEmbedder768 } from '../ecc/hash-embedder.ts'
import type { Timeline } from './scheduler.ts'

/** 20 ms for a request and 2 ms a text: a small model on this machine. */
const REQUEST_US = 20_000
const TEXT_US = 2_000

/**
 * An embedder in virtual time, as nodes see one: somewhere else, slow, at times down, and one day another model. It
 * outlives the nodes that ask it. Its vectors are those of spelling, so that what is alike is known.
 */
export class SimEmbedder {
  readonly #id: string
  /** Requests that were answered with vectors, and the texts in them. */
  readonly embedded: string[] = []
  asked = 0
  isDown = false
  /** Requests and texts take so many times as long. */
  slowness = 1
  /** No text at all is taken, as by a server that does not know the model. */
  refusesAll = false
  /** Texts that the model does not take. */
  readonly refused: Set<string> = new Set()
  /** It gives another number of numbers from now on. */
  isChanged = false

  /** @param id of the embedder that it stands for */
  constructor(model: string = 'sim', id: string = `sim:${model}:768`) {
    this.#id = id
  }

  /** As the node on a machine reaches it. */
  at(timeline: Timeline): Embedder {
    return {
      ...hashEmbedder768,
      id: this.#id,
      kind: 'semantic',
      deterministic: false,
      embed: (texts, purpose, done) => {
        this.asked++
        timeline.after((REQUEST_US + texts.length * TEXT_US) * this.slowness, () => this.#answer(texts, purpose, done))
      },
    }
  }

  #answer(texts: readonly string[], purpose: Purpose, done: (result: Embedded) => void): void {
    const fault = this.#faultFor(texts)
    if (fault !== undefined) return done({ ok: false, error: fault })
    this.embedded.push(...texts)
    hashEmbedder768.embed(texts, purpose, done)
  }

  #faultFor(texts: readonly string[]): WeftError | undefined {
    if (this.isDown) return new WeftError('embedder_unavailable', 'the embedder is down')
    if (this.isChanged) return new WeftError('embedder_changed', 'the model gives 767 numbers, not 768')
    return this.refusesAll || texts.some(text => this.refused.has(text))
      ? new WeftError('embedder_refused', 'the model does not take that text')
      : undefined
  }
}
