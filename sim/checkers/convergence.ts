import { hash } from '../../base/crypto/hash.ts'
import { toHex } from '../../base/bytes.ts'
import { DEFAULT_SPACE, spaceOf } from '../../base/ids.ts'
import type { Core } from '../../node/core.ts'
import { sharedFrontier } from '../shared-frontier.ts'
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
  /** Cores that have taken a step since they last ended. */
  readonly #up: Map<string, Core> = new Map()
  /** Steps seen so far decide when to look: time is asked for in one of 64. */
  #steps = 0
  #nextMs = 0
  #looks = 0

  onEnd(node: string): void {
    this.#up.delete(node)
  }

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
      const shared = `${sharedFrontier(core)} ${revocationsOf(core)}`
      for (const memory of core.memories.all) {
        const { space } = memory
        // What it holds without the keys says nothing to it.
        const keys = core.spaces.created.get(space)?.keys.filter(key => core.spaces.has(space, key)) ?? []
        // Answers of two versions of the fold are not compared.
        const state = `${space} ${memory.fold.version} ${keys.join()} ${shared} ${memory.frontier()}`
        const says = JSON.stringify(memory.fold.stats) + (withDigest ? toHex(hash('content', memory.fold.canonical())) : '')
        const other = first.get(state)
        if (other === undefined) first.set(state, { node, says })
        else if (other.says !== says)
          return this.violated(
            [other.node, node],
            `${other.node} and ${node} have applied the same of ${space} (frontier …${state.slice(-12)}): ${other.node} says ${other.says}`,
            `${node} says ${says}`,
          )
      }
    }
  }

  atEnd(ending: Ending): void {
    const [first, ...others] = soundNodes(ending, this.story)
    if (first === undefined) return
    const unsettled = this.#unsettled([first, ...others])
    for (const other of others) {
      const answers = other[1].foldVersion === first[1].foldVersion ? ANSWERS : []
      const parts = unsettled.size === 0 ? [...HELD_PARTS, ...answers] : SETTLED_PARTS
      for (const [what, of] of parts) if (this.#differ(what, of, first, other, unsettled)) return
    }
    this.#compareSpaces([first, ...others], unsettled)
  }

  /** Of private spaces: all know the same of who may do what, and who may hold a space holds all of it. */
  #compareSpaces(nodes: readonly (readonly [string, Testimony])[], unsettled: ReadonlySet<string>): void {
    const names = new Set(nodes.flatMap(([, { spaces }]) => [...spaces.keys()]))
    for (const space of names) {
      const holders = nodes.filter(([, { spaces }]) => (spaces.get(space)?.role ?? 'none') !== 'none')
      const ofSpace: Part[1] = testimony => headsOf(testimony, unsettled, ({ stream }) => spaceOf(stream) === space)
      const [known] = nodes
      for (const other of nodes)
        if (
          known !== undefined &&
          this.#differ(`the roles in ${space}`, ({ spaces }) => spaces.get(space)?.members, known, other, unsettled)
        )
          return
      const [first] = holders
      for (const other of holders) if (first !== undefined && this.#differ(`the logs of ${space}`, ofSpace, first, other, unsettled)) return
    }
  }

  /**
   * Logs on which nodes cannot be asked to agree: each keeps what it had of one that forked, and who was
   * thrown out or is hostile may go on writing while the others are heard.
   */
  #unsettled(nodes: readonly (readonly [string, Testimony])[]): ReadonlySet<string> {
    const unsettled = new Set<string>(nodes.flatMap(([, { conflicts }]) => conflicts.logs.map(({ log }) => log)))
    const ends = new Map<string, string>()
    for (const [, { heads }] of nodes) {
      for (const { logId, author, size, head } of heads) {
        const name = this.story.nameOf(author)
        const end = ends.get(logId) ?? `${size} ${head}`
        ends.set(logId, end)
        if (end !== `${size} ${head}` && (name === undefined || !this.story.isHonest(name) || this.story.has(['revoke'], name)))
          unsettled.add(logId)
      }
    }
    return unsettled
  }

  #differ(
    what: string,
    of: Part[1],
    [a, first]: readonly [string, Testimony],
    [b, other]: readonly [string, Testimony],
    unsettled: ReadonlySet<string>,
  ): boolean {
    const [mine, theirs] = [of(first, unsettled), of(other, unsettled)]
    if (JSON.stringify(mine) === JSON.stringify(theirs)) return false
    const [left, right] = difference(mine, theirs)
    this.violated([a, b], `${what} of ${a} in the end: ${left}`, `${what} of ${b}: ${right}`)
    return true
  }
}

type Part = readonly [string, (testimony: Testimony, unsettled: ReadonlySet<string>) => unknown]

function headsOf(
  { heads }: Testimony,
  unsettled: ReadonlySet<string>,
  which: (head: Testimony['heads'][number]) => boolean,
): readonly (readonly [string, number, string])[] {
  return heads.filter(head => !unsettled.has(head.logId) && which(head)).map(({ logId, size, head }) => [short(logId), size, short(head)])
}

const SETTLED_PARTS: readonly Part[] = [
  [
    'the logs',
    (testimony, unsettled) => headsOf(testimony, unsettled, ({ stream }) => !testimony.spaces.has(spaceOf(stream) ?? DEFAULT_SPACE)),
  ],
]

const HELD_PARTS: readonly Part[] = [
  ...SETTLED_PARTS,
  ['the frontier', ({ frontier }) => frontier],
  // Of private spaces each node holds what is for it.
  ['the frontier of all logs', ({ frontierAll, spaces }) => (spaces.size === 0 ? frontierAll : '')],
]

/** What one version of the fold makes of the same records. */
const ANSWERS: readonly Part[] = [
  ['the memories', ({ memories }) => memories],
  ['the edges', ({ edges }) => edges.map(edge => JSON.stringify(edge)).sort()],
  ['the conflicts', ({ conflicts }) => conflicts.conflicts],
  ['the void records', ({ conflicts }) => conflicts.voids.map(({ id, code }) => `${id} ${code}`).sort()],
  [
    'recall',
    ({ recollections }) => [...recollections].map(([query, { hits }]) => ({ query, hits: hits.map(({ id, score }) => [id, score]) })),
  ],
]

/** Whose records end where. A revocation counts on the node that said it before others can hear of it: while its signing is withheld. */
function revocationsOf({ cluster: { membership } }: Core): string {
  return membership.members
    .flatMap(({ id }) => membership.cutOf(id)?.map(({ log, size }) => `${id} ${log} ${size}`) ?? [])
    .sort()
    .join()
}
