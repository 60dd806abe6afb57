/**
 * How long a recall takes among 10,000 and 100,000 memories of twenty words, most of which follow another, and each of which
 * names a file that three others name:
 * the fold alone, without the texts of the hits. Beside it words alone, which no recall can do without; a filter that one
 * in a thousand fits; hits unlike each other; and a budget of 2,000 memories.
 *
 *     node build/bench/recall.js
 */
import { utf8 } from '../base/bytes.ts'
import { hash } from '../base/crypto/hash.ts'
import { type CausalId, causalIdOf, logIdOf, nodeIdOf } from '../base/ids.ts'
import { KIND } from '../base/kinds.ts'
import { MemoryFold } from '../ecc/memory-fold.ts'
import { encodeLink, encodeRemember } from '../ecc/records.ts'
import { SimRandom } from '../sim/random.ts'
import { percentile, print, round } from './measure.ts'

const WORDS = 20_000
const QUERIES = 300
const WARM_UP = 50
/** One in twenty begins something new. */
const THREAD = 20
/** One in a thousand has the label that is asked for. */
const SHARDS = 1000

for (const memories of [10_000, 100_000]) {
  const random = new SimRandom(1, `recall of ${memories}`)
  // Words as in language: the n-th is as likely as one in n.
  const text = (words: number): string =>
    Array.from({ length: words }, () => letters(Math.floor(WORDS ** (random.below(1e6) / 1e6)))).join(' ')
  const fold = foldOf(memories, () => `${text(19)} src/${letters(random.below(memories / 4))}.ts`)
  const queries = Array.from({ length: QUERIES + WARM_UP }, () => text(5))
  const ways = [{}, { spread: false }, { meta: { shard: '7' } }, { diversity: 0.3 }, { budgetNodes: 2000 }]
  const [all, words, labelled, diverse, bounded] = ways.map(options =>
    queries
      .map(query => {
        const startMs = performance.now()
        fold.recall(query, { k: 10, ...options })
        return performance.now() - startMs
      })
      .slice(WARM_UP),
  ) as [number[], number[], number[], number[], number[]]
  print({
    bench: 'recall',
    memories,
    p50Ms: round(percentile(all, 0.5)),
    p95Ms: round(percentile(all, 0.95)),
    wordsAloneP50Ms: round(percentile(words, 0.5)),
    ratio: round(percentile(all, 0.5) / percentile(words, 0.5)),
    labelledP50Ms: round(percentile(labelled, 0.5)),
    diverseP50Ms: round(percentile(diverse, 0.5)),
    boundedP95Ms: round(percentile(bounded, 0.95)),
    snapshotBytesPerMemory: round(fold.snapshot().length / memories),
  })
}

/** A number as a word: one with digits would name something. */
function letters(number: number): string {
  return `w${[...number.toString(26)].map(digit => String.fromCharCode(97 + Number.parseInt(digit, 26))).join('')}x`
}

function foldOf(memories: number, textOf: () => string): MemoryFold {
  const author = nodeIdOf(hash('content', utf8('author')))
  const log = logIdOf(hash('content', utf8('log')))
  const fold = new MemoryFold(author)
  let seq = 0
  const append = (kind: number, body: Uint8Array): CausalId => {
    const id = causalIdOf(hash('leaf', utf8(`${seq}`)))
    fold.apply({ log, seq, id, author, hlc: { ms: seq, counter: 0 }, kind, parents: [], body })
    seq++
    return id
  }
  let before: CausalId | undefined
  for (let i = 0; i < memories; i++) {
    const id = append(KIND['memory.remember'], encodeRemember({ text: textOf(), meta: { shard: `${i % SHARDS}` } }))
    if (before !== undefined && i % THREAD > 0) append(KIND['memory.link'], encodeLink({ from: id, to: before, type: 'follows' }))
    before = id
  }
  return fold
}
