import { assert } from '../base/assert.ts'

/**
 * The greeting on one connection, without the network: what arrived means what, and what is sent next.
 *
 *     dialler -> greeting
 *             <- 1 reply     accepted; it waits for the confirmation
 *             <- 0 reply     refused; it closes
 *     dialler -> 1           accepted too: both are up
 *             -> 0           it does not want this connection after all; it closes
 *
 * The dialler has the last word: it alone knows whether another connection to the same
 * peer has come up meanwhile.
 */
export class Handshake {
  readonly #isDialler: boolean
  #phase: 'peer' | 'self' | 'confirmation' | 'over' = 'peer'

  constructor(isDialler: boolean) {
    this.#isDialler = isDialler
  }

  /** What the next message of the peer means. */
  receive(message: Uint8Array): HandshakeStep {
    if (this.#phase === 'confirmation' && message.length === 1) {
      this.#phase = 'over'
      if (message[0] === YES) return { step: 'confirmed' }
      if (message[0] === NO) return { step: 'declined' }
    } else if (this.#phase === 'peer' && !this.#isDialler) {
      this.#phase = 'self'
      return { step: 'greeting', greeting: message }
    } else if (this.#phase === 'peer' && (message[0] === YES || message[0] === NO)) {
      const accepted = message[0] === YES
      this.#phase = accepted ? 'self' : 'over'
      return { step: 'reply', accepted, reply: message.subarray(1) }
    }
    this.#phase = 'over'
    return { step: 'violation' }
  }

  /** Our own decision. @returns the message that tells it. */
  decide(accept: boolean, reply: Uint8Array): Uint8Array {
    assert(this.#phase === 'self', 'a decision follows what the peer said, once')
    this.#phase = accept && !this.#isDialler ? 'confirmation' : 'over'
    if (this.#isDialler) return Uint8Array.of(accept ? YES : NO)
    const message = new Uint8Array(1 + reply.length)
    message[0] = accept ? YES : NO
    message.set(reply, 1)
    return message
  }
}

export type HandshakeStep =
  | { readonly step: 'greeting'; readonly greeting: Uint8Array }
  | { readonly step: 'reply'; readonly accepted: boolean; readonly reply: Uint8Array }
  | { readonly step: 'confirmed' }
  | { readonly step: 'declined' }
  | { readonly step: 'violation' }

const NO = 0
const YES = 1
