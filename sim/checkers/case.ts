import type { Core } from '../../node/core.ts'
import type { Fault } from '../faults/fault.ts'
import type { Checker, Ending, InvariantId, Setup, Testimony } from './checker.ts'
import { Ledger } from './ledger.ts'
import { type MemoryModel, modelOf } from './memory-model.ts'
import { Story } from './story.ts'

/** What all judges of one run share: what they were given, what went wrong, and who wrote and held what. */
export interface Case {
  readonly setup: Setup
  readonly story: Story
  readonly ledger: Ledger
  /** What the records mean, by how far they are applied. */
  readonly models: Map<string, MemoryModel | undefined>
}

export function caseOf(setup: Setup): Case {
  const story = new Story(setup)
  return { setup, story, ledger: new Ledger(story), models: new Map() }
}

/** What every judge does alike. */
export abstract class Judge implements Checker {
  abstract readonly id: InvariantId
  abstract readonly says: string
  readonly setup: Setup
  readonly story: Story
  readonly ledger: Ledger
  readonly #models: Case['models']

  constructor({ setup, story, ledger, models }: Case) {
    this.#models = models
    this.setup = setup
    this.story = story
    this.ledger = ledger
  }

  onFault(fault: Fault): void {
    this.story.onFault(fault)
  }

  onBoot(node: string, core: Core): void {
    this.ledger.onBoot(node, core)
  }

  /** What the records that a node holds mean, where they were seen to be stored. */
  modelOf(name: string, { frontier, frontierAll, foldVersion }: Testimony): MemoryModel | undefined {
    if (!this.ledger.isFed) return undefined
    const key = `${foldVersion} ${frontier} ${frontierAll}`
    if (!this.#models.has(key)) this.#models.set(key, modelOf(this.ledger, name, foldVersion))
    return this.#models.get(key)
  }

  violated(nodes: readonly string[], promised: string, seen: string): void {
    this.setup.violated({ invariant: this.id, nodes, facts: [promised, seen] })
  }
}

/**
 * Testimonies that count: of nodes whose disk nobody flipped bits of, or on whom that left no trace. A
 * node that says itself that its journal is damaged is believed, and nothing more is expected of it.
 */
export function soundNodes(ending: Ending, story: Story): readonly (readonly [name: string, Testimony])[] {
  return [...ending.nodes].filter(([name, { verification }]) => verification.valid || !story.has(['disk-rot'], name))
}
