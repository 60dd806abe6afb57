import type { CausalId } from '../../base/ids.ts'
import { IMPULSE_TEXT_MAX, TICK_RECORDS } from '../../base/limits.ts'
import { contradict } from '../../ecc/cognition/contradiction.ts'
import type { ImpulseInput } from '../../ecc/cognition/impulses.ts'
import type { News } from '../../ecc/cognition/news.ts'
import { type AlikeMemory, cosineOf, featuresOf, noveltyOf } from '../../ecc/cognition/novelty.ts'
import type { Work } from '../../ecc/cognition/work.ts'
import type { MemoryFold } from '../../ecc/memory-fold.ts'
import type { Cut, Ref } from '../../ecc/record-table.ts'
import type { SparseVector } from '../../ecc/vector-index.ts'
import type { Memory } from '../memory/memory.ts'
import type { Thinking } from './thinking.ts'

/** What one tick did, phase by phase, in milliseconds of the loop. */
export interface Ticked {
  readonly sensed: number
  readonly impulses: readonly ImpulseInput[]
  /** What changes the graph among them. */
  readonly changes: number
  readonly next: Cut
  readonly more: boolean
  readonly tookMs: { readonly sense: number; readonly search: number; readonly embed: number }
}

/** 8 memories that share words are compared with a new one. */
const ALIKE = 8
/** The three most alike by words are compared by vectors: what is further down is not the nearest. */
const EMBEDDED = 3
/** Less than a fifth alike to anything is new: two in a hundred of this project's commits were. */
const NOVEL_MIN = 0.8
/** Among a dozen memories everything is new. */
const NOVEL_AMONG = 16
/** Of a memory with more links than that some neighbours are taken for strangers. */
const LINKS_MAX = 256
/** A search costs as much as so many steps, or more. */
const SEARCH_STEPS = 20_000
const EMBED_STEPS = 10_000

interface Sensed {
  readonly id: CausalId
  readonly text: string
  readonly alike: readonly AlikeMemory[]
  readonly sameKey: readonly AlikeMemory[]
}

/**
 * One tick: what is new (sense), what it is like (search), how alike by vectors and whether it says otherwise (embed). What follows
 * from it, the impulses, is for the caller to keep (update) and to save (commit). Writes no record: a memory that
 * thinks about itself says nothing in anybody's name.
 */
export function tick(memory: Memory, thinking: Thinking, after: Cut, done: (ticked: Ticked | undefined) => void): void {
  const { fold } = memory
  thinking.think(sense(fold, after), 1, sensed => {
    if (!sensed.ok) return done(undefined)
    const news = sensed.value
    memory.texts.readable(
      news.memories.map(({ ref }) => ref),
      texts => {
        thinking.think(search(fold, news, texts), 1, searched => {
          if (!searched.ok) return done(undefined)
          const others = refsOf(searched.value)
          memory.texts.readable([...others.values()], read => {
            const said = new Map([...others.keys()].map((id, i) => [id, read[i]]))
            likenesses(
              memory,
              searched.value.map(({ id }) => id),
              byVectors =>
                thinking.think(compare(fold, searched.value, said, byVectors), 1, compared => {
                  if (!compared.ok) return done(undefined)
                  done({
                    sensed: news.memories.length,
                    impulses: once([...ofNews(news), ...compared.value]),
                    changes: news.changes,
                    next: news.next,
                    more: news.more,
                    tookMs: { sense: sensed.tookMs, search: searched.tookMs, embed: compared.tookMs },
                  })
                }),
            )
          })
        })
      },
    )
  })
}

function* sense(fold: MemoryFold, after: Cut): Work<News> {
  yield 1
  return fold.news(after, TICK_RECORDS)
}

function* search(fold: MemoryFold, { memories }: News, texts: readonly (string | undefined)[]): Work<Sensed[]> {
  const out: Sensed[] = []
  for (const [i, { id }] of memories.entries()) {
    const text = texts[i]
    // What cannot be read back is reported where it is read; here it is only passed over.
    if (text === undefined) continue
    out.push({ id, text, alike: fold.alike(id, text, ALIKE), sameKey: fold.sameKey(id) })
    yield SEARCH_STEPS
  }
  return out
}

function refsOf(sensed: readonly Sensed[]): ReadonlyMap<CausalId, Ref> {
  return new Map(sensed.flatMap(({ alike, sameKey }) => [...alike, ...sameKey].map(({ id, ref }) => [id, ref] as const)))
}

/** How alike the nearest other is by vectors, of those that have one. */
function likenesses(memory: Memory, ids: readonly CausalId[], then: (byVectors: ReadonlyMap<CausalId, number>) => void): void {
  const found = new Map<CausalId, number>()
  let left = ids.length
  if (left === 0) return then(found)
  for (const id of ids) {
    memory.vectors.likeness(id, similarity => {
      if (similarity !== undefined) found.set(id, similarity)
      if (--left === 0) then(found)
    })
  }
}

function* compare(
  fold: MemoryFold,
  sensed: readonly Sensed[],
  said: ReadonlyMap<CausalId, string | undefined>,
  byVectors: ReadonlyMap<CausalId, number>,
): Work<ImpulseInput[]> {
  const out: ImpulseInput[] = []
  const known = new Map<string, SparseVector>()
  const embed = (text: string): SparseVector => {
    const features = known.get(text) ?? featuresOf(text)
    known.set(text, features)
    return features
  }
  for (const { id, text, alike, sameKey } of sensed) {
    const nearest: number[] = [byVectors.get(id) ?? 0]
    for (const [i, other] of alike.entries()) {
      nearest.push(other.similarity)
      const otherText = said.get(other.id)
      if (i >= EMBEDDED || otherText === undefined) continue
      nearest.push(cosineOf(embed(text), embed(otherText)))
      yield EMBED_STEPS
    }
    const novelty = noveltyOf(nearest)
    if (novelty >= NOVEL_MIN && fold.stats.nodes > NOVEL_AMONG)
      out.push({ kind: 'novelty-detected', reason: 'new', subject: id, about: [id], strength: novelty, text: shortened(text) })
    const keyed = sameKey.filter(other => said.get(other.id) !== undefined && said.get(other.id) !== text)
    for (const other of keyed) out.push(disagreement('same-key', id, other.id, text))
    if (alike.length > 0 && fold.node(id)?.state === 'current') {
      const linked = new Set(fold.linksOf(id, LINKS_MAX).edges.flatMap(({ from, to, live }) => (live ? [from, to] : [])))
      for (const other of alike) {
        const otherText = said.get(other.id)
        if (otherText === undefined || linked.has(other.id) || keyed.some(row => row.id === other.id)) continue
        if (contradict(text, otherText) && fold.node(other.id)?.state === 'current')
          out.push(disagreement('same-subject', id, other.id, text))
      }
    }
    yield SEARCH_STEPS
  }
  return out
}

/** Two that are new at once are found from both sides. */
function once(impulses: readonly ImpulseInput[]): ImpulseInput[] {
  return [...new Map(impulses.map(impulse => [`${impulse.kind} ${impulse.reason} ${impulse.subject}`, impulse])).values()]
}

/** The two in one order, so that whichever came later makes the same alert. */
function disagreement(reason: string, a: CausalId, b: CausalId, text: string): ImpulseInput {
  const about = [a, b].sort()
  return { kind: 'coherence-alert', reason, subject: about.join('+'), about, strength: 1, text: shortened(text) }
}

function ofNews({ contradictions, replaced, refined }: News): ImpulseInput[] {
  return [
    ...contradictions.map(
      ({ link, from, to }): ImpulseInput => ({
        kind: 'coherence-alert',
        reason: 'contradicts',
        subject: link,
        about: [from, to],
        strength: 1,
        text: 'a memory contradicts another, and both are current',
      }),
    ),
    ...replaced.map(
      ({ by, of }): ImpulseInput => ({
        kind: 'belief-update',
        reason: 'superseded',
        subject: by,
        about: [by, of],
        strength: 1,
        text: 'a memory took the place of another',
      }),
    ),
    ...refined.map(
      ({ node, embedder }): ImpulseInput => ({
        kind: 'embedding-refined',
        reason: 'replaced',
        subject: node,
        about: [node],
        strength: 1,
        text: `a new vector of ${embedder}`,
      }),
    ),
  ]
}

function shortened(text: string): string {
  return text.length <= IMPULSE_TEXT_MAX ? text : `${text.slice(0, IMPULSE_TEXT_MAX - 3)}...`
}
