import { toHex, utf8 } from '../../base/bytes.ts'
import { hash } from '../../base/crypto/hash.ts'
import type { CausalId } from '../../base/ids.ts'
import { PROPOSAL_EVIDENCE_MAX, PROPOSALS_MAX, PROPOSE_MEMORIES_MAX, PROPOSE_SUBJECTS_MAX } from '../../base/limits.ts'
import { NONE } from '../column.ts'
import type { EdgeType } from '../edge-types.ts'
import type { Ref } from '../record-table.ts'
import type { View } from '../view.ts'
import { memoriesOf } from './causal-net.ts'
import { PAUSE_STEPS, type Work } from './work.ts'

/**
 * A causal edge that the memory itself suggests, with what speaks for it. Nothing of it is a fact before somebody
 * confirms it.
 *
 * What is counted: how often a memory about `effect` comes soon after one about `cause`, beside how
 * often that would be by chance, and how often it is the other way round. It says what comes before what, and no more:
 * a third thing may cause both.
 */
export interface Proposal {
  /** 16 hex digits: of the subjects and the type, so it stays the same while more comes to speak for it. */
  readonly name: string
  readonly type: Extract<EdgeType, 'causes' | 'correlates'>
  /** Terms as they are indexed. */
  readonly cause: string
  readonly effect: string
  /** The newest pair: what is to be linked. */
  readonly from: CausalId
  readonly to: CausalId
  /** 0 to 1: how much more often the effect follows than by chance, less where it also goes the other way. */
  readonly score: number
  readonly evidence: ProposalEvidence
  /** The newest pairs that speak for it, newest first. */
  readonly pairs: readonly { readonly cause: Named; readonly effect: Named }[]
}

interface Named {
  readonly id: CausalId
  readonly ref: Ref
}

export interface ProposalEvidence {
  /** Memories about each, and those about the cause that one about the effect followed. */
  readonly causes: number
  readonly effects: number
  readonly followed: number
  /** How many that would be by chance. */
  readonly expected: number
  /** Those about the effect that one about the cause followed. */
  readonly reversed: number
  /** Standard deviations above chance. */
  readonly sigma: number
}

/** Soon is within the next 8 memories: with several agents writing at once, what belongs together is rarely further apart. */
const WINDOW = 8
/** Three times is no accident, if it is 4.5 standard deviations above chance: of 262,144 pairs one or two are so by chance. */
const FOLLOWED_MIN = 3
const SIGMA_MIN = 4.5
/** A third of what is about the cause, or it is no cause to speak of. */
const SHARE_MIN = 1 / 3
/** Twice as often as the other way round gives it a direction. */
const DIRECTION_MIN = 2
/** Numbers and points in time, also without what separates their parts: nothing is about them. */
const NO_SUBJECT = /^[^\p{L}]*$|^\d[\d:.+-]*t[\d:.+-]*z?$/u
/** What is in a quarter of all memories is what all is about. */
const COMMON_SHARE = 0.25

/**
 * What to propose, best first, without what is linked already. A function of the records within the cut.
 *
 * @param isDecided names that are not to be proposed again
 */
export function* proposalsOf(view: View, isDecided: (name: string) => boolean): Work<Proposal[]> {
  const events = yield* eventsOf(view)
  const { terms, of } = yield* subjectsOf(view, events)
  const counts = yield* countsOf(of, terms.length)
  const found: Found[] = []
  for (const [key, followed] of counts.followed) {
    const [cause, effect] = [Math.floor(key / terms.length), key % terms.length]
    if (followed < FOLLOWED_MIN || followed < SHARE_MIN * (counts.events[cause] as number)) continue
    const judged = judge(counts, cause, effect, events.length, terms.length)
    if (judged !== undefined) found.push({ ...judged, cause, effect })
  }
  yield counts.followed.size
  found.sort((a, b) => b.score - a.score || a.cause - b.cause || a.effect - b.effect)
  return yield* shown(view, withoutDetours(found, terms.length), { events, terms, of }, isDecided)
}

interface Found {
  readonly cause: number
  readonly effect: number
  readonly type: Proposal['type']
  readonly score: number
  readonly evidence: ProposalEvidence
}

function judge(
  counts: Counts,
  cause: number,
  effect: number,
  total: number,
  subjects: number,
): Omit<Found, 'cause' | 'effect'> | undefined {
  const [causes, effects] = [counts.events[cause] as number, counts.events[effect] as number]
  const followed = counts.followed.get(cause * subjects + effect) ?? 0
  const reversed = counts.followed.get(effect * subjects + cause) ?? 0
  // That none of the next WINDOW memories is about the effect, if they came in any order.
  let none = 1
  for (let i = 0; i < WINDOW; i++) none *= 1 - effects / total
  const expected = causes * (1 - none)
  const sigma = (followed - expected) / Math.sqrt(Math.max(expected * none, 1e-9))
  if (sigma < SIGMA_MIN) return undefined
  const isDirected = followed >= DIRECTION_MIN * reversed
  // Of two that go either way, one is enough.
  if (!isDirected && (reversed > followed || (reversed === followed && effect < cause))) return undefined
  const direction = isDirected ? 1 - reversed / followed : 0.5
  const score = Math.round((1e6 * (followed - expected) * direction) / causes) / 1e6
  return {
    type: isDirected ? 'causes' : 'correlates',
    score,
    evidence: { causes, effects, followed, expected: rounded(expected), reversed, sigma: rounded(sigma) },
  }
}

/** Without what is better explained by a step in between: of A, B and C in a row also C comes after A. */
function withoutDetours(found: readonly Found[], subjects: number): Found[] {
  const scores = new Map(found.map(({ cause, effect, score }) => [cause * subjects + effect, score]))
  const effectsOf = new Map<number, number[]>()
  for (const { cause, effect } of found) effectsOf.set(cause, [...(effectsOf.get(cause) ?? []), effect])
  return found.filter(
    ({ cause, effect, score }) =>
      !(effectsOf.get(cause) ?? []).some(
        between =>
          between !== effect &&
          (scores.get(cause * subjects + between) as number) > score &&
          (scores.get(between * subjects + effect) ?? 0) > score,
      ),
  )
}

interface Sequence {
  /** Records by time. */
  readonly events: Uint32Array
  readonly terms: readonly string[]
  /** Subjects of each event, ascending. */
  readonly of: readonly (readonly number[])[]
}

function* shown(view: View, found: readonly Found[], sequence: Sequence, isDecided: (name: string) => boolean): Work<Proposal[]> {
  const { records } = view.tables
  const { events, terms, of } = sequence
  const named = (record: number): Named => ({ id: records.idOf(record), ref: records.refOf(record) })
  const out: Proposal[] = []
  const taken = new Set<string>()
  for (const { cause, effect, type, score, evidence } of found) {
    if (out.length === PROPOSALS_MAX) break
    const [first, second] = [terms[cause] as string, terms[effect] as string]
    const name = nameOf(type, first, second)
    yield events.length
    const pairs = pairsOf(of, cause, effect).map(([a, b]) => [events[a] as number, events[b] as number] as const)
    const newest = pairs.at(-1)
    if (newest === undefined || isDecided(name) || taken.has(newest.join())) continue
    // Somebody has linked such a pair: it is known.
    if (pairs.some(([a, b]) => [...view.edges(a)].some(({ other }) => other === b))) continue
    taken.add(newest.join())
    const [from, to] = newest
    out.push({
      name,
      type,
      cause: first,
      effect: second,
      from: records.idOf(from),
      to: records.idOf(to),
      score,
      evidence,
      pairs: pairs
        .slice(-PROPOSAL_EVIDENCE_MAX)
        .reverse()
        .map(([a, b]) => ({ cause: named(a), effect: named(b) })),
    })
  }
  return out
}

export function nameOf(type: string, cause: string, effect: string): string {
  return toHex(hash('proposal', utf8(JSON.stringify([type, cause, effect])))).slice(0, 16)
}

/** Each event about the cause with the first about the effect that follows it soon. */
function pairsOf(of: readonly (readonly number[])[], cause: number, effect: number): (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = []
  for (const [i, subjects] of of.entries()) {
    if (!subjects.includes(cause) || subjects.includes(effect)) continue
    for (let j = i + 1; j <= i + WINDOW && j < of.length; j++) {
      const later = of[j] as readonly number[]
      if (!later.includes(effect) || later.includes(cause)) continue
      pairs.push([i, j])
      break
    }
  }
  return pairs
}

/** The newest memories that were not taken back, by when they became true, or were written. */
function* eventsOf(view: View): Work<Uint32Array> {
  const { nodes, records } = view.tables
  const all = yield* memoriesOf(view)
  const timeOf = (record: number): number => {
    const validFrom = nodes.validFrom.at(records.detail.at(record))
    return Number.isNaN(validFrom) ? records.hlcMs.at(record) : validFrom
  }
  const times = Float64Array.from(all, timeOf)
  yield all.length
  const order = Uint32Array.from(all.keys()).sort((a, b) => (times[a] as number) - (times[b] as number) || a - b)
  yield all.length * 16
  return order.slice(-PROPOSE_MEMORIES_MAX).map(i => all[i] as number)
}

/** What the events are about: subjects that are neither rare nor everywhere, numbered in the order of their text. */
function* subjectsOf(
  view: View,
  events: Uint32Array,
): Work<{ readonly terms: readonly string[]; readonly of: readonly (readonly number[])[] }> {
  const { records, nodes, text } = view.tables
  const place = new Uint32Array(nodes.size).fill(NONE)
  events.forEach((record, i) => (place[records.detail.at(record)] = i))
  const rows: { readonly text: string; readonly at: readonly number[] }[] = []
  let steps = 0
  for (let term = 0; term < text.postings.size; term++) {
    const name = text.vocabulary.text(term)
    steps += 8 + 4 * text.postings.lengthOf(term)
    if (text.postings.lengthOf(term) >= FOLLOWED_MIN && !NO_SUBJECT.test(name)) {
      const at = [...text.subjectsOf(term)].map(node => place[node] ?? NONE).filter(i => i !== NONE)
      if (at.length >= FOLLOWED_MIN && at.length <= COMMON_SHARE * events.length) rows.push({ text: name, at })
    }
    if (steps < PAUSE_STEPS) continue
    yield steps
    steps = 0
  }
  const kept = rows.sort((a, b) => b.at.length - a.at.length || (a.text < b.text ? -1 : 1)).slice(0, PROPOSE_SUBJECTS_MAX)
  kept.sort((a, b) => (a.text < b.text ? -1 : 1))
  const of: number[][] = Array.from(events, () => [])
  for (const [subject, { at }] of kept.entries()) for (const i of at) (of[i] as number[]).push(subject)
  yield events.length
  return { terms: kept.map(row => row.text), of }
}

interface Counts {
  /** By subject: events about it. */
  readonly events: Float64Array
  /** By cause * subjects + effect: events about the cause that one about the effect, and not the cause, follows. */
  readonly followed: ReadonlyMap<number, number>
}

function* countsOf(of: readonly (readonly number[])[], subjects: number): Work<Counts> {
  const events = new Float64Array(subjects)
  const followed = new Map<number, number>()
  let steps = 0
  for (const [i, causes] of of.entries()) {
    for (const cause of causes) {
      events[cause] = (events[cause] as number) + 1
      const seen = new Set<number>()
      for (let j = i + 1; j <= i + WINDOW && j < of.length; j++) {
        const later = of[j] as readonly number[]
        if (later.includes(cause)) continue
        for (const effect of later) if (!causes.includes(effect)) seen.add(effect)
      }
      for (const effect of seen) followed.set(cause * subjects + effect, (followed.get(cause * subjects + effect) ?? 0) + 1)
      steps += 10 * WINDOW
    }
    if (steps < PAUSE_STEPS) continue
    yield steps
    steps = 0
  }
  return { events, followed }
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
