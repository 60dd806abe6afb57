import type { SimNetwork } from './network.ts'
import type { SimRandom } from './random.ts'

/** 6: the mesh degree of gossipsub; of as many random ones, one place in 400 hears nothing of a message. */
const FANOUT = 6
/** One delivery in a hundred is a second one: whoever had seen the message has forgotten it. */
const AGAIN_PER_MILLE = 10

/**
 * What a gossip library does for a topic, no more: whoever publishes or hears something for the first time
 * passes it on to a few others, so most hear it, in some order, most of them once. Nothing is kept for those who
 * are not there, and nothing is sent again.
 */
export class SimGossip {
  readonly #network: SimNetwork
  readonly #random: SimRandom
  readonly #members: Map<string, (bytes: Uint8Array, from: string) => void> = new Map()

  constructor(network: SimNetwork, random: SimRandom) {
    this.#network = network
    this.#random = random
  }

  /** @param hear gets what others publish, and who published it. @returns what ends it */
  subscribe(place: string, hear: (bytes: Uint8Array, from: string) => void): () => void {
    this.#members.set(place, hear)
    return () => this.#members.delete(place)
  }

  publish(from: string, bytes: Uint8Array): void {
    this.#pass(from, from, bytes, new Set([from]))
  }

  #pass(from: string, author: string, bytes: Uint8Array, seen: Set<string>): void {
    const others = this.#random.shuffle([...this.#members.keys()].filter(place => place !== from && place !== author))
    for (const place of others.slice(0, FANOUT)) {
      this.#network.packet('gossip', from, place, bytes, arrived => {
        const isNew = !seen.has(place)
        seen.add(place)
        if (isNew || this.#random.chance(AGAIN_PER_MILLE)) this.#members.get(place)?.(arrived, author)
        if (isNew) this.#pass(place, author, bytes, seen)
      })
    }
  }
}
