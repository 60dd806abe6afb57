import { WeftError } from '../../base/errors.ts'
import type { CausalId } from '../../base/ids.ts'
import type { RememberInput } from '../../ecc/records.ts'
import type { Settled } from '../api.ts'
import { type Answering, attempt } from './answers.ts'
import type { Memory } from './memory.ts'
import { remember, type Remembering } from './remember.ts'

/** What shall hold: one of the rivals, or something new. */
export type Verdict = { readonly keep: CausalId } | { readonly say: RememberInput }

/**
 * Settles a conflict: what holds now takes the place of all its rivals, in one record.
 *
 * @param about the memory they all replaced, or one of the rivals
 */
export function resolve(
  memory: Memory,
  about: CausalId,
  verdict: Verdict,
  reason: string | undefined,
  actor: string,
  to: Answering<Settled>,
): void {
  const disputes = memory.fold.conflicts().filter(({ target, current }) => target === about || current.includes(about))
  if (disputes.length === 0)
    return to.fail(new WeftError('unknown_id', `there is no conflict about ${about}`, { next: 'weft mem conflicts lists them' }))
  const rivals = [...new Set(disputes.flatMap(({ current }) => current))]
  const settle = (kept: CausalId): void => {
    const targets = rivals.filter(rival => rival !== kept)
    memory.writer.supersede({ targets, by: kept, reason }, actor, (error, receipt) => {
      if (error === undefined) to.ok({ ...receipt, kept, replaced: targets })
      else to.fail(error)
    })
  }
  if ('keep' in verdict) {
    if (!rivals.includes(verdict.keep))
      return to.fail(
        new WeftError('invalid_argument', `${verdict.keep} is none of the rivals`, {
          next: `keep one of ${rivals.map(rival => rival.slice(0, 8)).join(', ')}, or say something new`,
        }),
      )
    return settle(verdict.keep)
  }
  // Words that are there already, also as one of the rivals, are that memory.
  const { say } = verdict
  const how: Remembering = { edges: [], write: (edges, done) => memory.writer.remember(say, edges, actor, done) }
  remember(memory, say, how, { actor, ok: ({ id }) => attempt(to, () => settle(id)), fail: to.fail })
}
