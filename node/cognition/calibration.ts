import { utf8 } from '../../base/bytes.ts'
import { hash } from '../../base/crypto/hash.ts'
import { type CausalId, causalIdOf, type LogId, logIdOf } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import { CALIBRATION_MS, CALIBRATION_TICKS } from '../../base/limits.ts'
import { cosineOf, featuresOf } from '../../ecc/cognition/novelty.ts'
import { MemoryFold } from '../../ecc/memory-fold.ts'
import { encodeLink, encodeRemember } from '../../ecc/records.ts'
import type { CoreContext } from '../context.ts'

/** How fast this node thinks, in microseconds for one synthetic tick. */
export interface Capacity {
  readonly p50Us: number
  readonly p95Us: number
}

/**
 * Measures synthetic ticks on a memory of its own that is thrown away: a record folded and hashed, a link, what is
 * alike, a recall, two texts compared. One tick a slice, so nobody waits for it; it ends after CALIBRATION_MS.
 */
export class Calibration {
  readonly #context: CoreContext
  readonly #done: (capacity: Capacity) => void
  readonly #fold: MemoryFold
  readonly #log: LogId
  readonly #took: number[] = []
  #last: CausalId | undefined
  #seq = 0

  constructor(context: CoreContext, done: (capacity: Capacity) => void) {
    this.#context = context
    this.#done = done
    this.#fold = new MemoryFold(context.self)
    this.#log = logIdOf(hash('logid', utf8('calibration')))
  }

  start(): void {
    this.#context.emit({
      kind: 'work',
      run: () => this.#tick(),
      then: tookMs => {
        this.#took.push(tookMs)
        const spentMs = this.#took.reduce((sum, ms) => sum + ms, 0)
        if (this.#took.length < CALIBRATION_TICKS && spentMs < CALIBRATION_MS) this.start()
        else this.#done(capacityOf(this.#took))
      },
    })
  }

  #tick(): void {
    const text = `service${this.#seq % 7} reported number ${this.#seq} of ${WORDS[this.#seq % WORDS.length]} and ${WORDS[(this.#seq * 5) % WORDS.length]}`
    const id = this.#append(KIND['memory.remember'], encodeRemember({ text }))
    if (this.#last !== undefined) this.#append(KIND['memory.link'], encodeLink({ from: id, type: 'follows', to: this.#last }))
    this.#fold.alike(id, text, 8)
    this.#fold.recall(text, { k: 10 })
    cosineOf(featuresOf(text), featuresOf(text.toUpperCase()))
    this.#last = id
  }

  #append(kind: number, body: Uint8Array): CausalId {
    const id = causalIdOf(hash('leaf', body, utf8(String(this.#seq))))
    this.#fold.apply({
      log: this.#log,
      seq: this.#seq,
      id,
      author: this.#context.self,
      hlc: { ms: this.#seq++, counter: 0 },
      kind,
      parents: [],
      body,
    })
    return id
  }
}

const WORDS = ['pool', 'timeout', 'checkout', 'retry', 'deploy', 'cache', 'index', 'queue', 'latency', 'lock', 'disk']

function capacityOf(tookMs: readonly number[]): Capacity {
  // The first ticks measure the compiler.
  const warm = tookMs.slice(Math.min(3, tookMs.length - 1)).sort((a, b) => a - b)
  const at = (share: number): number => Math.round(1000 * (warm[Math.min(warm.length - 1, Math.floor(warm.length * share))] as number))
  return { p50Us: at(0.5), p95Us: at(0.95) }
}
