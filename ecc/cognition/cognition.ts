import type { View } from '../view.ts'
import { type Coherence, coherenceOf } from './coherence.ts'
import type { Laplacian } from './connectivity.ts'
import { type Proposal, proposalsOf } from './proposals.ts'
import { type Topics, topicsOf } from './topics.ts'
import type { Work } from './work.ts'

/**
 * What a memory can be asked about itself as a whole, as of one cut. Each answer is work that somebody does in
 * slices; whatever is applied in between is beyond the cut, so it changes nothing. Every answer is a
 * function of the records within the cut, the same on every node.
 */
export class Cognition {
  readonly #view: View

  /** @param view of a fixed cut */
  constructor(view: View) {
    this.#view = view
  }

  coherence(laplacian: Laplacian): Work<Coherence> {
    return coherenceOf(this.#view, laplacian)
  }

  topics(): Work<Topics> {
    return topicsOf(this.#view)
  }

  /** @param isDecided names of proposals that are not to come again */
  proposals(isDecided: (name: string) => boolean): Work<Proposal[]> {
    return proposalsOf(this.#view, isDecided)
  }
}
