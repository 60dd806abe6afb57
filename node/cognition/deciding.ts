import { WeftError } from '../../base/errors.ts'
import type { Receipt } from '../api.ts'
import { type Answering, attempt } from '../memory/answers.ts'
import type { Memory } from '../memory/memory.ts'
import type { Confirmed, ProposalView } from './api.ts'
import type { NodeCognition } from './cognition.ts'
import { decisionOn } from './decisions.ts'
import { proposals } from './questions.ts'

/** 8 pairs that speak for an edge become links of the memory that says why. */
const PAIRS_MAX = 8

/** The edge, and a memory that says what it rests on; both carry the name of who confirmed. */
export function confirm(memory: Memory, cognition: NodeCognition, name: string, actor: string, to: Answering<Confirmed>): void {
  find(memory, cognition, name, to, found => {
    const { proposal, type, cause, effect, from, to: target, score, evidence, pairs } = found
    const text = `${effect} ${type === 'causes' ? 'follows' : 'goes with'} ${cause}: ${evidence.followed} times of ${evidence.causes}, by chance ${evidence.expected} would`
    const derived = [...new Set(pairs.slice(0, PAIRS_MAX).flatMap(pair => [pair.cause, pair.effect]))].map(
      id => ({ type: 'derived-from', to: id }) as const,
    )
    const meta = { proposal, sigma: String(evidence.sigma), score: String(score) }
    memory.writer.remember(
      { text, meta, source: 'weft mem confirm' },
      [...derived, { type: 'evidence-for', to: target.id }],
      actor,
      (error, finding) => {
        if (error !== undefined) return to.fail(error)
        const weight = Math.min(1, Math.max(0.01, score))
        const linked = (failed: WeftError | undefined, link: Receipt): void => {
          if (failed !== undefined) return to.fail(failed)
          cognition.decisions.set(decisionOn(memory, proposal), 'confirmed')
          cognition.raise({
            kind: 'edge-confirmed',
            reason: type,
            subject: link.id,
            about: [from.id, target.id],
            strength: weight,
            text,
          })
          cognition.save(() => to.ok({ proposal, link, finding }))
        }
        attempt(to, () => memory.writer.link({ from: from.id, type, to: target.id, weight }, actor, linked))
      },
    )
  })
}

export function reject(memory: Memory, cognition: NodeCognition, name: string, to: Answering<{ readonly rejected: string }>): void {
  find(memory, cognition, name, to, ({ proposal }) => {
    cognition.decisions.set(decisionOn(memory, proposal), 'rejected')
    cognition.save(() => to.ok({ rejected: proposal }))
  })
}

/** What the memory suggests now under this name, or the beginning of it. */
function find(
  memory: Memory,
  cognition: NodeCognition,
  name: string,
  to: { readonly fail: (error: WeftError) => void },
  then: (proposal: ProposalView) => void,
): void {
  proposals(memory, cognition, {
    fail: to.fail,
    ok: list => {
      const found = list.proposals.filter(({ proposal }) => proposal.startsWith(name))
      if (found.length > 1) return to.fail(new WeftError('ambiguous_id', `more than one proposal has a name that begins with ${name}`))
      if (found[0] === undefined)
        return to.fail(
          new WeftError('unknown_id', `nothing is proposed under the name ${name}`, { next: 'weft mem proposals shows what is' }),
        )
      const [proposal] = found
      attempt(to, () => then(proposal))
    },
  })
}
