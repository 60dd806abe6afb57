/**
 * Evidence recall on LoCoMo: how much of what answers a question is among the first 10 and 20
 * hits, for words alone (BM25) and for the default recall. No model takes part.
 *
 *     node build/bench/locomo.js
 *
 * Reads `locomo-dev4.json` (snap-research/LoCoMo, CC BY-NC 4.0: measured with, never copied here) from
 * the folder WEFT_DATA, else from `../shared/data`.
 */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { utf8 } from '../base/bytes.ts'
import { hash } from '../base/crypto/hash.ts'
import { type CausalId, causalIdOf, logIdOf, nodeIdOf } from '../base/ids.ts'
import { KIND } from '../base/kinds.ts'
import { MemoryFold } from '../ecc/memory-fold.ts'
import { encodeLink, encodeRemember } from '../ecc/records.ts'
import { print, round } from './measure.ts'

interface Turn {
  readonly speaker: string
  readonly dia_id: string
  readonly text: string
}

interface Conversation {
  readonly conversation: Readonly<Record<string, unknown>>
  readonly qa: readonly { readonly question: string; readonly evidence?: readonly string[]; readonly category: number }[]
}

const AUTHOR = nodeIdOf(hash('content', utf8('author')))
const LOG = logIdOf(hash('content', utf8('log')))

/** One memory a turn, `follows` between consecutive turns. */
function foldOf(conversation: Conversation): { readonly fold: MemoryFold; readonly turns: ReadonlyMap<string, CausalId> } {
  const fold = new MemoryFold(AUTHOR)
  const turns = new Map<string, CausalId>()
  let seq = 0
  const append = (kind: number, body: Uint8Array): CausalId => {
    const id = causalIdOf(hash('leaf', utf8(`${seq}`), body))
    fold.apply({ log: LOG, seq, id, author: AUTHOR, hlc: { ms: seq, counter: 0 }, kind, parents: [], body })
    seq++
    return id
  }
  for (let session = 1; ; session++) {
    const said = conversation.conversation[`session_${session}`] as readonly Turn[] | undefined
    if (said === undefined) break
    let before: CausalId | undefined
    for (const turn of said) {
      const id = append(KIND['memory.remember'], encodeRemember({ text: `${turn.speaker}: ${turn.text}` }))
      if (before !== undefined) append(KIND['memory.link'], encodeLink({ from: id, to: before, type: 'follows' }))
      turns.set(turn.dia_id, id)
      before = id
    }
  }
  return { fold, turns }
}

const SETTINGS = [
  ['words alone', false],
  ['default', true],
] as const

const file = path.join(process.env['WEFT_DATA'] ?? path.resolve('../shared/data'), 'locomo-dev4.json')
if (!existsSync(file)) {
  console.error(`skipped: ${file} is not there; WEFT_DATA names the folder it is in`)
  process.exit(0)
}
const conversations = JSON.parse(readFileSync(file, 'utf8')) as readonly Conversation[]
const found = SETTINGS.map(() => ({ at10: 0, at20: 0 }))
let questions = 0
for (const conversation of conversations) {
  const { fold, turns } = foldOf(conversation)
  for (const { question, evidence, category } of conversation.qa) {
    // Category 5 asks for what was never said.
    const wanted = new Set((evidence ?? []).flatMap(ids => ids.split(/[;\s]+/)).flatMap(id => turns.get(id) ?? []))
    if (category === 5 || wanted.size === 0) continue
    questions++
    for (const [i, [, spread]] of SETTINGS.entries()) {
      const ids = fold.recall(question, { k: 20, spread }).hits.map(hit => hit.id)
      const share = (k: number): number => ids.slice(0, k).filter(id => wanted.has(id)).length / wanted.size
      const sums = found[i] as { at10: number; at20: number }
      sums.at10 += share(10)
      sums.at20 += share(20)
    }
  }
}
const percent = (sum: number): number => round((100 * sum) / questions, 1)
for (const [i, [name]] of SETTINGS.entries()) {
  const { at10, at20 } = found[i] as { at10: number; at20: number }
  print({
    bench: 'locomo',
    recall: name,
    conversations: conversations.length,
    questions,
    percentAt10: percent(at10),
    percentAt20: percent(at20),
  })
}
