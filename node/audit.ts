import { encode } from '../base/codec.ts'
import { asWeftError, WeftError } from '../base/errors.ts'
import { AUDIT } from '../base/ids.ts'
import { KIND } from '../base/kinds.ts'
import { UNAUDITED_MAX } from '../base/limits.ts'
import type { Draft } from '../chain/chain.ts'
import type { CoreContext } from './context.ts'
import type { WriteDone, Writer } from './writer.ts'

export type AuditKind = 'audit.boot' | 'audit.shutdown' | 'audit.spawn' | 'audit.exit'

/**
 * Kernel events become records, each in its turn: what a disk refused is written again before anything
 * later is. So a spawn never stands earlier in the log than its pid says, and the length of the log is above every pid
 * that was ever recorded.
 */
export class Audit {
  readonly #context: CoreContext
  readonly #writer: Writer
  /** Refused by the disk, oldest first. */
  #unwritten: Draft[] = []

  constructor(context: CoreContext, writer: Writer) {
    this.#context = context
    this.#writer = writer
  }

  /** Throws when so much is unwritten that nothing more that needs a record may begin. */
  assertRoom(): void {
    if (this.#unwritten.length >= UNAUDITED_MAX)
      throw new WeftError('disk_failed', `${UNAUDITED_MAX} kernel events could not be written to the chain`)
  }

  /** `done` when the record is durable, or is known not to be so far. */
  write(kind: AuditKind, fields: readonly (string | number)[], done: WriteDone = () => {}): void {
    const drafts = [...this.#unwritten, { kind: KIND[kind], actor: 'kernel', body: encode(fields), parents: [] }]
    this.#unwritten = []
    const settle: WriteDone = error => {
      if (error !== undefined) this.#keep(drafts)
      done(error)
    }
    try {
      this.#writer.write(AUDIT, drafts, settle)
    } catch (thrown) {
      const error = asWeftError(thrown)
      this.#context.log('error', 'audit.failed', { kind, code: error.code })
      settle(error)
    }
  }

  #keep(drafts: readonly Draft[]): void {
    this.#unwritten.push(...drafts)
    // Exits beyond the bound: a spawn is refused before it comes to that.
    this.#unwritten.length = Math.min(this.#unwritten.length, 2 * UNAUDITED_MAX)
  }
}
