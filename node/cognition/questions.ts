import { WeftError } from '../../base/errors.ts'
import { spelt, wordsOf } from '../../ecc/cognition/topics.ts'
import { cosineOf, featuresOf } from '../../ecc/cognition/novelty.ts'
import type { Proposal } from '../../ecc/cognition/proposals.ts'
import type { Work } from '../../ecc/cognition/work.ts'
import { type Answering, atCut } from '../memory/answers.ts'
import type { Memory } from '../memory/memory.ts'
import type { CoherenceReport, CommunityList, ProposalList, ProposalView } from './api.ts'
import type { NodeCognition } from './cognition.ts'
import { decisionOn } from './decisions.ts'

/** What is asked of the whole memory. Each is worked out in slices as of one cut; texts are read in the end. */
export function coherence(
  memory: Memory,
  cognition: NodeCognition,
  options: { readonly plain?: boolean | undefined; readonly asOf?: string | undefined },
  node: CoherenceReport['node'],
  to: Answering<CoherenceReport>,
): void {
  atCut(memory, options.asOf, undefined, to, at => {
    const laplacian = options.plain === true ? 'plain' : 'normalised'
    const frontier = memory.frontier(at)
    thought(cognition, to, memory.fold.cognition(at).coherence(laplacian), ({ split, ...found }, tookMs) => {
      const edges = split?.edges.map(({ ref: _, ...edge }) => edge) ?? []
      to.ok({ ...found, split: split === undefined ? null : { ...split, edges }, frontier, foldVersion: memory.fold.version, node, tookMs })
    })
  })
}

export function communities(
  memory: Memory,
  cognition: NodeCognition,
  options: { readonly asOf?: string | undefined },
  node: CommunityList['node'],
  to: Answering<CommunityList>,
): void {
  atCut(memory, options.asOf, undefined, to, at => {
    const frontier = memory.frontier(at)
    thought(cognition, to, memory.fold.cognition(at).topics(), ({ modularity, count, alone, topics }, tookMs) => {
      memory.texts.read(
        topics.flatMap(({ central }) => central.map(({ ref }) => ref)),
        said => {
          let next = 0
          const rows = topics.map(({ size, terms, central }) => {
            const texts = central.map(({ id }) => ({ id, text: said[next++]?.text ?? '' }))
            const words = wordsOf(
              terms,
              texts.map(({ text }) => text),
            )
            return { size, words, central: texts }
          })
          to.ok({ modularity, count, alone, communities: rows, frontier, foldVersion: memory.fold.version, node, tookMs })
        },
        to.fail,
      )
    })
  })
}

export function proposals(memory: Memory, cognition: NodeCognition, to: Answering<ProposalList>): void {
  const frontier = memory.frontier()
  const work = memory.fold.cognition().proposals(name => cognition.decisions.isDecided(decisionOn(memory, name)))
  thought(cognition, to, work, (found, tookMs) => {
    memory.texts.read(
      found.flatMap(({ pairs }) => [pairs[0]?.cause.ref, pairs[0]?.effect.ref].filter(ref => ref !== undefined)),
      said => {
        const views = found.map((proposal, i) => viewOf(proposal, said[2 * i]?.text ?? '', said[2 * i + 1]?.text ?? ''))
        to.ok({ proposals: views, frontier, tookMs })
      },
      to.fail,
    )
  })
}

function viewOf({ name, type, cause, effect, from, to, score, evidence, pairs }: Proposal, first: string, second: string): ProposalView {
  return {
    proposal: name,
    type,
    cause: spelt(cause, [first]) ?? cause,
    effect: spelt(effect, [second]) ?? effect,
    from: { id: from, text: first },
    to: { id: to, text: second },
    score,
    evidence: { ...evidence, similarity: Math.round(1000 * cosineOf(featuresOf(first), featuresOf(second))) / 1000 },
    pairs: pairs.map(pair => ({ cause: pair.cause.id, effect: pair.effect.id })),
  }
}

function thought<T>(
  cognition: NodeCognition,
  to: { readonly fail: (error: WeftError) => void },
  work: Work<T>,
  then: (value: T, tookMs: number) => void,
): void {
  cognition.thinking.think(work, 1, outcome => {
    if (outcome.ok) then(outcome.value, Math.round(outcome.tookMs * 10) / 10)
    else to.fail(outcome.error)
  })
}
