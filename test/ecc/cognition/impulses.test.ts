import t from 'tap'
import { IMPULSES_MAX } from '../../../base/limits.ts'
import { IMPULSE_KINDS, type ImpulseInput, Impulses, OLDER } from '../../../ecc/cognition/impulses.ts'
import { Pace } from '../../../ecc/cognition/pace.ts'
import { compareHlc } from '../../../base/hlc.ts'
import { SimRandom } from '../../../sim/random.ts'

function about(subject: string, more: Partial<ImpulseInput> = {}): ImpulseInput {
  return { kind: 'novelty-detected', reason: 'new', subject, about: [subject], strength: 0.5, text: subject, ...more }
}

t.test('impulses come in the order of their time, also when the clock goes back, and are gone once acknowledged', t => {
  const impulses = new Impulses()
  for (const [i, wallMs] of [100, 50, 50, 200].entries()) impulses.raise(about(`m${i}`), wallMs)
  const all = impulses.after(0, 10)
  t.same(
    all.map(({ number }) => number),
    [1, 2, 3, 4],
  )
  for (const [i, impulse] of all.slice(1).entries()) t.ok(compareHlc(all[i]?.hlc ?? impulse.hlc, impulse.hlc) < 0)
  t.same(
    impulses.after(2, 1).map(({ subject }) => subject),
    ['m2'],
  )
  t.equal(
    impulses.acknowledge(({ number }) => number <= 2),
    2,
  )
  t.equal(
    impulses.acknowledge(({ number }) => number <= 2),
    0,
  )
  t.equal(impulses.size, 2)
  t.end()
})

t.test('the same once more joins what waits, as news', t => {
  const impulses = new Impulses()
  impulses.raise(about('a'), 1)
  impulses.raise(about('b'), 1)
  impulses.raise(about('a', { strength: 0.9, about: ['c'] }), 1)
  t.match(impulses.after(0, 10), [
    { subject: 'b', count: 1 },
    { subject: 'a', count: 2, number: 3, strength: 0.9, about: ['c', 'a'] },
  ])
  t.end()
})

t.test('however many come, none is lost without a count, and order holds', t => {
  const random = new SimRandom(5, 'impulses')
  const impulses = new Impulses()
  let [raised, known] = [0, 0]
  for (let i = 0; i < 4 * IMPULSES_MAX; i++) {
    impulses.raise(about(`m${random.below(3000)}`, { kind: random.pick(IMPULSE_KINDS) }), i)
    raised++
    if (random.below(400) === 0) {
      const upTo = random.below(impulses.newest)
      known += impulses.acknowledge(({ number }) => number <= upTo)
    }
  }
  const waiting = impulses.after(0, Infinity)
  t.ok(waiting.length <= IMPULSES_MAX + IMPULSE_KINDS.length)
  t.equal(known + waiting.reduce((sum, { count }) => sum + count, 0), raised)
  t.same(
    waiting.map(({ number }) => number),
    waiting.map(({ number }) => number).sort((a, b) => a - b),
  )
  t.ok(waiting.some(({ reason }) => reason === OLDER))
  const restored = new Impulses(JSON.parse(JSON.stringify(impulses)))
  t.same(restored.after(0, Infinity), waiting, 'they survive a restart')
  t.equal(restored.raise(about('later'), 0).number, raised + 1, 'and so do the numbers')
  for (const damaged of [undefined, null, 7, [], { waiting: [{}] }, { number: 'x', waiting: 3 }]) t.equal(new Impulses(damaged).size, 0)
  t.end()
})

t.test('ticks keep their share of the loop', t => {
  const slow = new Pace(0.3)
  for (let i = 0; i < 100; i++) slow.took(60)
  t.ok(slow.intervalMs * 0.3 * 1.1 >= 60 && slow.intervalMs <= 240, `60 ms of work: every ${slow.intervalMs.toFixed(0)} ms`)
  for (let i = 0; i < 200; i++) slow.took(0)
  t.equal(slow.intervalMs, 10, 'nothing to do: as often as it may')
  const once = new Pace(0.3)
  once.took(3000)
  t.ok(once.intervalMs >= 10_000, 'one very long tick is enough to keep away')
  for (let i = 0; i < 100; i++) once.took(1e9)
  t.equal(once.intervalMs, 60_000)
  t.end()
})
