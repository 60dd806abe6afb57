import { WeftError } from '../../base/errors.ts'
import { DAMAGED_MAX } from '../../base/limits.ts'
import type { Chain } from '../../chain/chain.ts'
import type { StoredRecord } from '../../chain/record.ts'
import { decodeRemember, type Remember } from '../../ecc/records.ts'
import { headerOf } from '../applier.ts'
import type { CoreContext } from '../context.ts'
import type { RecordRef } from '../step.ts'
import type { BodySeal } from './memory.ts'
import type { TextCache } from './text-cache.ts'

/** What the memories of one space say. Their texts stay in the journal; those that were read last are kept beside. */
export class Texts {
  readonly #context: CoreContext
  readonly #chain: Chain
  readonly #space: string
  readonly #seal: BodySeal
  readonly #cache: TextCache
  readonly #foldedAnew: () => WeftError
  /** Folded records that could not be read back when an answer last needed them, by place. */
  readonly #damaged: Map<string, RecordRef> = new Map()
  /** Counts folds: what is read for an earlier one may stand elsewhere now. */
  #era = 0

  /** @param foldedAnew why what was asked of an earlier fold has no answer */
  constructor(context: CoreContext, chain: Chain, space: string, seal: BodySeal, cache: TextCache, foldedAnew: () => WeftError) {
    this.#context = context
    this.#chain = chain
    this.#space = space
    this.#seal = seal
    this.#cache = cache
    this.#foldedAnew = foldedAnew
  }

  get damaged(): readonly RecordRef[] {
    return [...this.#damaged.values()]
  }

  /** The fold begins anew. Everything is read back for it: what is still damaged is noticed there. */
  reset(): void {
    this.#era++
    this.#cache.clear()
    this.#damaged.clear()
  }

  /** Something is erased: no word of it stays here. */
  onErased(): void {
    this.#cache.clear()
  }

  /** All of them. An answer with a text that the journal cannot give is no answer: it fails, and names the record. */
  read(refs: readonly RecordRef[], then: (said: readonly Remember[]) => void, fail: (error: WeftError) => void): void {
    const era = this.#era
    this.#each(refs, (said, records) => {
      // A log may have been cut meanwhile: other records stand there now, or none.
      if (era !== this.#era) return fail(this.#foldedAnew())
      refs.forEach((ref, i) => this.note(ref, said[i] !== undefined || records[i]?.erasedBy !== undefined))
      const missing = said.indexOf(undefined)
      if (missing < 0) return then(said as readonly Remember[])
      const { log, seq } = refs[missing] as RecordRef
      if (records[missing]?.erasedBy !== undefined)
        return fail(new WeftError('recovering', `record ${seq} of log ${log} was erased while it was read`))
      fail(new WeftError('chain_damaged', `record ${seq} of log ${log} cannot be read back`, { details: { log, seq } }))
    })
  }

  /** Undefined for what cannot be read: for what may do without some. */
  readable(refs: readonly RecordRef[], then: (texts: readonly (string | undefined)[]) => void): void {
    this.#each(refs, said => {
      refs.forEach((ref, i) => this.note(ref, said[i] !== undefined))
      then(said.map(one => one?.text))
    })
  }

  note({ log, seq }: RecordRef, isReadable: boolean): void {
    if (isReadable && this.#damaged.size === 0) return
    const place = `${log}/${seq}`
    if (isReadable) this.#damaged.delete(place)
    else if (!this.#damaged.has(place) && this.#damaged.size < DAMAGED_MAX) {
      this.#damaged.set(place, { log, seq })
      this.#context.log('error', 'chain.damaged', { log, seq })
    }
  }

  /** @param then gets also the records that had to be read, each at the place of its reference */
  #each(
    refs: readonly RecordRef[],
    then: (said: readonly (Remember | undefined)[], records: readonly (StoredRecord | undefined)[]) => void,
  ): void {
    const said = refs.map(ref => this.#cache.get(ref))
    const places = [...said.keys()].filter(i => said[i] === undefined)
    if (places.length === 0) return then(said, [])
    const { keep } = this.#cache.reader()
    this.#context.metrics.add('weft_memory_texts_read_total', places.length)
    this.#context.emit({
      kind: 'read-each',
      refs: places.map(i => refs[i] as RecordRef),
      then: found => {
        const records: (StoredRecord | undefined)[] = []
        for (const [n, i] of places.entries()) {
          const ref = refs[i] as RecordRef
          const record = found[n]
          records[i] = record
          said[i] = this.#saidBy(ref, record)
          if (said[i] !== undefined) keep(ref, said[i], (record as StoredRecord).body.length)
        }
        then(said, records)
      },
    })
  }

  #saidBy(ref: RecordRef, record: StoredRecord | undefined): Remember | undefined {
    const log = this.#chain.log(ref.log)
    const header = log === undefined || record === undefined ? undefined : headerOf(log, ref.seq, record)
    if (record === undefined || header === undefined) return undefined
    const { body } = this.#seal.open(this.#space, ref.log, header.kind, record.body)
    return body && decodeRemember(body)
  }
}
