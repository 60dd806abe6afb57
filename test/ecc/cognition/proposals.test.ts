import t from 'tap'
import type { Proposal } from '../../../ecc/cognition/proposals.ts'
import { finish } from '../../../ecc/cognition/work.ts'
import type { MemoryFold } from '../../../ecc/memory-fold.ts'
import { termsOfRun } from '../../../ecc/words.ts'
import { foldOf, shuffled, World } from '../world.ts'
import { plantedHistory } from './history.ts'

function proposalsOf(fold: MemoryFold, decided: readonly string[] = []): readonly Proposal[] {
  return finish(fold.cognition().proposals(name => decided.includes(name)))
}

t.test('causes that were planted are proposed, and hardly anything else', t => {
  let [right, wrong, missed] = [0, 0, 0]
  for (let seed = 0; seed < 12; seed++) {
    const { world, causes } = plantedHistory(seed, 700, 80)
    const planted = new Set(causes.map(pair => pair.map(word => termsOfRun(word)[0]).join('>')))
    const found = proposalsOf(world.author(0).fold)
    const good = found.filter(({ type, cause, effect }) => type === 'causes' && planted.has(`${cause}>${effect}`)).length
    right += good
    wrong += found.length - good
    missed += planted.size - good
  }
  t.comment(`${right} right, ${wrong} wrong, ${missed} missed`)
  t.ok(right / (right + wrong) >= 0.95, `precision ${(right / (right + wrong)).toFixed(3)}`)
  t.ok(right / (right + missed) >= 0.9, `recall ${(right / (right + missed)).toFixed(3)}`)
  t.end()
})

t.test('where nothing causes anything, nothing is proposed', t => {
  let proposed = 0
  for (let seed = 100; seed < 110; seed++) proposed += proposalsOf(plantedHistory(seed, 700, 0).world.author(0).fold).length
  t.ok(proposed <= 1, `${proposed} in ten histories`)
  t.end()
})

t.test('nothing is about a number or a point in time', t => {
  const world = new World(1)
  const author = world.author(0)
  // Each is followed by the next, again and again, with others in between.
  for (let i = 0; i < 400; i++) author.remember(`${i % 20 < 2 ? `2026-11-21T16:2${i % 20}:03Z` : `other${i % 20}x${i}`}: memory ${i}`)
  t.same(proposalsOf(author.fold), [])
  t.end()
})

t.test('a proposal names what speaks for it, is the same on every node, and does not come again once decided or linked', t => {
  const { world } = plantedHistory(3, 700, 90)
  const author = world.author(0)
  const found = proposalsOf(author.fold)
  const [first] = found as [Proposal]
  t.match(first, { name: /^[0-9a-f]{16}$/, type: 'causes', from: /^[0-9a-f]{64}$/, to: /^[0-9a-f]{64}$/ })
  t.ok(first.evidence.followed > first.evidence.expected * 2 && first.evidence.sigma > 4.5 && first.score > 0.3 && first.score <= 1)
  t.same([first.pairs[0]?.cause.id, first.pairs[0]?.effect.id], [first.from, first.to], 'the newest pair first')
  t.same(
    found,
    [...found].sort((a, b) => b.score - a.score),
    'best first',
  )
  t.same(proposalsOf(foldOf(shuffled(world.records, 9), author.node)), found, 'whatever the order of arrival')
  t.notOk(
    proposalsOf(author.fold, [first.name]).some(({ name }) => name === first.name),
    'decided',
  )
  const [, second] = found as [Proposal, Proposal]
  author.link(second.from, 'causes', second.to)
  t.notOk(
    proposalsOf(author.fold).some(({ name }) => name === second.name),
    'linked',
  )
  t.end()
})
