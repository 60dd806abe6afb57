import { RECALL_SEEDS } from '../../base/limits.ts'
import { entitiesOf } from '../../ecc/entities.ts'
import type { MemoryRecord, RecallOptions, Recollection } from '../../node/api.ts'
import type { Core } from '../../node/core.ts'
import type { CoreEvent, Effect } from '../../node/step.ts'
import type { Operation } from '../workload/history.ts'
import { isOfMain } from '../workload/workload.ts'
import { Judge, soundNodes } from './case.ts'
import { type Ending, RECALLED, type Testimony } from './checker.ts'
import { ErasuresKnown } from './erasures-known.ts'
import { seconds, short } from './facts.ts'
import type { MemoryModel } from './memory-model.ts'
import { Oracle } from './oracle.ts'

/** Scores are given to nine decimals, and rounding may fall either way. */
const TOLERANCE = 1.5e-9

/** Recall finds what an exact search finds, in its order, with its scores, and nothing that holds no more. */
export class RecallChecker extends Judge {
  readonly id = 'recall'
  readonly says = 'recall gives what an exact search gives, the same on every node, and nothing that was replaced or taken back'

  readonly #erasures: ErasuresKnown = new ErasuresKnown()

  onStep(node: string, core: Core, event: CoreEvent, effects: readonly Effect[]): void {
    this.ledger.onStep(node, core, event, effects)
    this.#erasures.onStep(node, core, this.setup.nowMs())
  }

  atEnd(ending: Ending): void {
    if (!this.#isRepeatable()) return
    const said = new Map<string, readonly [name: string, answer: string]>()
    const oracles = new Map<string, Oracle>()
    for (const [name, testimony] of soundNodes(ending, this.story)) {
      const state = `${testimony.foldVersion} ${testimony.frontier} ${testimony.frontierAll}`
      const oracle = oracles.get(state) ?? new Oracle(testimony.memories)
      oracles.set(state, oracle)
      for (const [kind, answers] of [
        ['recall', testimony.recollections],
        ['recall by words', testimony.matches],
      ] as const)
        for (const [query, answer] of answers) {
          const what = `${kind} ${JSON.stringify(query)} on ${name}`
          if (!this.#isLikeOthers(`${kind} ${query} ${state}`, what, name, answer, said)) return
          const scores = oracle.scores(query)
          if (!this.#isOfCurrent(what, name, answer, testimony, scores)) return
          if (kind === 'recall' && !this.#countsSubjects(what, name, answer, testimony, scores, oracle.about(query))) return
          if (!this.#sharesWhatItSays(what, name, answer, testimony)) return
          if (kind === 'recall by words' && !this.#isExact(what, name, answer, testimony, scores)) return
        }
    }
  }

  /** What was answered at a frontier is answered again, later and elsewhere, by whoever asks for that frontier. */
  #isRepeatable(): boolean {
    // What is void, or was taken from a log, is so from its first moment on, whenever that is found out.
    if (this.story.has(['revoke', 'turn', 'twin', 'restore-backup', 'reformat', 'disk-rot'])) return true
    const first = new Map<string, readonly [operation: Operation, hits: string]>()
    for (const operation of this.setup.history.operations) {
      // In a private space the same frontier means something else with other keys and rights.
      if (operation.command !== 'memory.recall' || operation.outcome !== 'ok' || !isOfMain(operation)) continue
      const { query, k } = operation.input as RecallOptions & { readonly query: string }
      const { hits, frontier, foldVersion } = operation.result as Recollection
      const answer = hits.map(({ id, score }) => `${short(id)} (${score})`).join(', ')
      const erased = this.#erasures.during(operation, this.setup.history)
      if (erased === undefined) continue
      const key = `${foldVersion} ${k} ${query} ${frontier} ${erased}`
      const [other, theirs] = first.get(key) ?? [operation, answer]
      first.set(key, [other, theirs])
      if (theirs === answer) continue
      this.violated(
        [other.node, operation.node],
        `${other.node} was asked ${JSON.stringify(query)} at ${seconds(other.atMs)}, and answered: ${theirs}`,
        `at the same frontier ${operation.node} answers at ${seconds(operation.atMs)}: ${answer}`,
      )
      return false
    }
    return true
  }

  /** Two nodes that have applied the same give the same answer. */
  #isLikeOthers(key: string, what: string, name: string, { hits }: Recollection, said: Map<string, readonly [string, string]>): boolean {
    const answer = hits.map(({ id, score }) => `${short(id)} (${score})`).join(', ')
    const [other, theirs] = said.get(key) ?? [name, answer]
    said.set(key, [other, theirs])
    if (theirs === answer) return true
    this.violated([name, other], `${what}: ${answer}`, `on ${other}, which has applied the same: ${theirs}`)
    return false
  }

  #isOfCurrent(what: string, name: string, { hits }: Recollection, { memories }: Testimony, scores: ReadonlyMap<string, number>): boolean {
    const states = new Map<string, MemoryRecord['state']>(memories.map(({ id, state }) => [id, state]))
    const seen = new Set<string>()
    for (const [i, { id, score, parts }] of hits.entries()) {
      const before = hits[i - 1]
      const own = scores.get(id) ?? 0
      const fault =
        states.get(id) !== 'current'
          ? `${name} knows that memory as ${states.get(id) ?? 'retracted, or not at all'}`
          : seen.has(id)
            ? 'it was there before'
            : before !== undefined && before.score < score
              ? `the one before has ${before.score}`
              : Math.abs(parts.bm25 - own) > TOLERANCE
                ? `by its words it has ${own}, and the answer says ${parts.bm25}`
                : undefined
      seen.add(id)
      if (fault === undefined) continue
      this.violated([name], `${what}: hit ${i + 1} is ${short(id)} with score ${score}`, fault)
      return false
    }
    return true
  }

  /** What is about something that the query names counts twice, and so does what stands in for it; nothing else does. */
  #countsSubjects(
    what: string,
    name: string,
    { hits }: Recollection,
    testimony: Testimony,
    scores: ReadonlyMap<string, number>,
    about: ReadonlySet<string>,
  ): boolean {
    const model = this.modelOf(name, testimony)
    // Without the records nobody knows who stands in for whom.
    const mayStandIn = model === undefined && testimony.memories.some(({ id, state }) => state === 'superseded' && about.has(id))
    const twice = new Set(about)
    if (model !== undefined)
      for (const seed of seedsOf(scores, model)) if (about.has(seed)) for (const end of model.endsOf(seed)) twice.add(end)
    for (const { id, score, parts } of hits) {
      const once = parts.bm25 + parts.vector + parts.spread
      const subject = parts.subject ?? 0
      const shared = parts.shared ?? 0
      const isRight = (wanted: number): boolean => Math.abs(subject - wanted) <= 2 * TOLERANCE
      if (
        Math.abs(score - once - subject - shared) <= 2 * TOLERANCE &&
        (isRight(twice.has(id) ? once : 0) || (mayStandIn && isRight(once)))
      )
        continue
      this.violated(
        [name],
        `${what}: ${short(id)} has score ${score}, ${subject} of it for what it is about`,
        `the other parts make ${once}, and the query ${twice.has(id) ? 'names' : 'does not name'} what it is about`,
      )
      return false
    }
    return true
  }

  /** What leads from one memory to another because both name it is named by both, by its text. */
  #sharesWhatItSays(what: string, name: string, { hits }: Recollection, { memories }: Testimony): boolean {
    const texts = new Map<string, string>(memories.map(({ id, text }) => [id, text]))
    const names = (id: string | undefined, thing: string | undefined): boolean =>
      entitiesOf(texts.get(id ?? '') ?? '').some(entity => entity.name === thing)
    for (const { id, path } of hits) {
      const wrong = path.find(({ edge, entity }, i) => edge === 'shares' && !(names(path[i]?.id, entity) && names(path[i - 1]?.id, entity)))
      if (wrong === undefined) continue
      this.violated([name], `${what}: ${short(id)} was reached by ${wrong.entity}`, 'not both of the memories at that step name it')
      return false
    }
    return true
  }

  /** By words alone a memory has its own score, or that of the best match in whose place it stands. */
  #isExact(what: string, name: string, { hits }: Recollection, testimony: Testimony, scores: ReadonlyMap<string, number>): boolean {
    const model = this.modelOf(name, testimony)
    const current = testimony.memories.filter(({ state }) => state === 'current')
    const wanted = model === undefined ? undefined : standIns(scores, model)
    // Without the records nobody knows who stands in for whom.
    const replaced = testimony.memories.filter(({ state }) => state === 'superseded').map(({ id }) => scores.get(id) ?? 0)
    const isScore = (id: string, score: number): boolean => {
      const own = wanted?.get(id) ?? scores.get(id) ?? 0
      return (
        Math.abs(score - own) <= TOLERANCE ||
        (wanted === undefined && score > own && replaced.some(other => Math.abs(score - other) <= TOLERANCE))
      )
    }
    const wrong = hits.find(({ id, score }) => !isScore(id, score))
    if (wrong !== undefined) {
      this.violated(
        [name],
        `${what}: ${short(wrong.id)} has score ${wrong.score}`,
        `an exact search gives it ${wanted?.get(wrong.id) ?? scores.get(wrong.id) ?? 0}`,
      )
      return false
    }
    const given = new Set<string>(hits.map(({ id }) => id))
    const least = hits.length < RECALLED ? 0 : (hits.at(-1)?.score ?? 0)
    const missed = current.find(({ id }) => !given.has(id) && ((wanted ?? scores).get(id) ?? 0) > least + TOLERANCE)
    if (missed === undefined) return true
    this.violated(
      [name],
      `${what} gives ${hits.length} memories, the last with score ${hits.at(-1)?.score ?? 0}`,
      `an exact search finds ${short(missed.id)} with ${(wanted ?? scores).get(missed.id) ?? 0}`,
    )
    return false
  }
}

/** Scores, with what took the place of one of the best matches as good as that match. */
function standIns(scores: ReadonlyMap<string, number>, model: MemoryModel): ReadonlyMap<string, number> {
  const wanted = new Map(scores)
  for (const seed of seedsOf(scores, model))
    for (const end of model.endsOf(seed)) wanted.set(end, Math.max(scores.get(seed) ?? 0, wanted.get(end) ?? 0))
  return wanted
}

function seedsOf(scores: ReadonlyMap<string, number>, model: MemoryModel): readonly string[] {
  const rounded = (score: number): number => Math.round(score * 1e12)
  const best = [...scores].sort(([a, x], [b, y]) => rounded(y) - rounded(x) || model.compareNewest(a, b))
  return best.slice(0, RECALL_SEEDS).map(([id]) => id)
}
