import { hash } from '../../base/crypto/hash.ts'
import { toHex } from '../../base/bytes.ts'
import { DEFAULT_SPACE } from '../../base/ids.ts'
import type { Core } from '../../node/core.ts'
import { Judge, soundNodes } from './case.ts'
import type { Ending, Testimony } from './checker.ts'
import { difference, short } from './facts.ts'

/** 5 s between two looks at a running cluster, and a whole digest in one look of twelve: it costs a sort of the whole memory. */
const LOOK_MS = 5_000
const LOOKS_PER_DIGEST = 12

/** Whoever has applied the same says the same: strong eventual convergence. */
export class Convergence extends Judge {
  readonly id = 'convergence'
  readonly says = 'nodes that hold the same records say the same, and in the end all do'
  /** Steps seen so far decide when to look: time is asked for in one of 64. */
  #steps = 0
  #nextMs = 0
  #looks = 0

  onEnd(node: string): void {
    this.#up.delete(node)
  }

  readonly #up: Map<string, Core> = new Map()

  onStep(node: string, core: Core): void {
    if (this.#up.get(node) !== core) this.#up.set(node, core)
    if (++this.#steps % 64 !== 0 || this.setup.nowMs() < this.#nextMs) return
    this.#nextMs = this.setup.nowMs() + LOOK_MS
    this.#look(this.#looks++ % LOOKS_PER_DIGEST === 0)
  }

  /** The first node in each state, compared with all others in the same. */
  #look(withDigest: boolean): void {
    const first = new Map<string, { readonly node: string; readonly says: string }>()
    for (const [node, core] of this.#up) {
      if (!this.setup.isCorrect(node) || !core.isFolded || core.pending > 0) continue
      const memory = core.memory(DEFAULT_SPACE)
      // Answers of two versions of the fold are not compared.
      const state = `${memory.fold.version} ${core.frontierAll} ${memory.frontier()}`
      const says = JSON.stringify(memory.fold.stats) + (withDigest ? toHex(hash('content', memory.fold.canonical())) : '')
      const other = first.get(state)
      if (other === undefined) first.set(state, { node, says })
      else if (other.says !== says)
        return this.violated(
          [other.node, node],
          `${other.node} and ${node} have applied the same (frontier …${state.slice(-12)}): ${other.node} says ${other.says}`,
          `${node} says ${says}`,
        )
    }
  }

  atEnd(ending: Ending): void {
    const [first, ...others] = soundNodes(ending, this.story)
    if (first === undefined) return
    const forked = new Set([...ending.nodes.values()].flatMap(({ conflicts }) => conflicts.logs.map(({ log }) => log)))
    for (const other of others) {
      // Each keeps what it had of a forked log: what lies on it, they cannot be asked to agree on.
      const answers = other[1].foldVersion === first[1].foldVersion ? ANSWERS : []
      const parts = forked.size === 0 ? [...HELD_PARTS, ...answers] : FORKED_PARTS
      for (const [what, of] of parts) if (this.#differ(what, of, first, other, forked)) return
    }
  }

  #differ(
    what: string,
    of: (testimony: Testimony, forked: ReadonlySet<string>) => unknown,
    [a, first]: readonly [string, Testimony],
    [b, other]: readonly [string, Testimony],
    forked: ReadonlySet<string>,
  ): boolean {
    const [mine, theirs] = [of(first, forked), of(other, forked)]
    if (JSON.stringify(mine) === JSON.stringify(theirs)) return false
    const [left, right] = difference(mine, theirs)
    this.violated([a, b], `${what} of ${a} in the end: ${left}`, `${what} of ${b}: ${right}`)
    return true
  }
}

type Part = readonly [string, (testimony: Testimony, forked: ReadonlySet<string>) => unknown]

/** What does not depend on which side of a fork a node is on. */
const FORKED_PARTS: readonly Part[] = [
  ['the logs', ({ heads }, forked) => heads.filter(({ logId }) => !forked.has(logId)).map(({ logId, size, head }) => [short(logId), size, short(head)])],
  ['the forks', ({ conflicts }) => conflicts.logs.map(({ log }) => log).sort()],
]

const HELD_PARTS: readonly Part[] = [
  ...FORKED_PARTS,
  ['the frontier', ({ frontier }) => frontier],
  ['the frontier of all logs', ({ frontierAll }) => frontierAll],
]

/** What one version of the fold makes of the same records. */
const ANSWERS: readonly Part[] = [
  ['the memories', ({ memories }) => memories],
  ['the edges', ({ edges }) => edges.map(edge => JSON.stringify(edge)).sort()],
  ['the conflicts', ({ conflicts }) => conflicts.conflicts],
  ['the void records', ({ conflicts }) => conflicts.voids.map(({ id, code }) => `${id} ${code}`).sort()],
  ['recall', ({ recollections }) => [...recollections].map(([query, { hits }]) => ({ query, hits: hits.map(({ id, score }) => [id, score]) }))],
]
