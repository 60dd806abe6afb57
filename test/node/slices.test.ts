import t from 'tap'
import type { LogId } from '../../base/ids.ts'
import { TEXT_CACHE_BYTES } from '../../base/limits.ts'
import type { Clock } from '../../base/ports.ts'
import type { Remember } from '../../ecc/records.ts'
import { TextCache } from '../../node/memory/text-cache.ts'
import { Slices } from '../../node/slices.ts'

interface Turns extends Clock {
  ms: number
  /** The next turn of the loop. @returns false when there was nothing to do */
  turn(): boolean
}

function turns(): Turns {
  const soon: (() => void)[] = []
  return {
    ms: 0,
    wallMs: () => 0,
    monotonicMs() {
      return this.ms
    },
    soon: task => void soon.push(task),
    after: () => ({ cancel: () => {} }),
    turn() {
      const tasks = soon.splice(0)
      for (const task of tasks) task()
      return tasks.length > 0
    },
  }
}

t.test('requests run at once until one turn of the loop has had enough, then in order in the next ones', t => {
  const clock = turns()
  const slices = new Slices(clock, 100)
  const done: number[] = []
  const ask = (i: number): boolean =>
    slices.run(() => {
      done.push(i)
      clock.ms += 0.8
    })
  for (let i = 0; i < 10; i++) t.ok(ask(i))
  t.strictSame(done, [0, 1, 2])
  clock.turn()
  t.strictSame(done, [0, 1, 2, 3, 4, 5])
  ask(10)
  t.equal(done.length, 6, 'nobody overtakes')
  while (clock.turn());
  t.strictSame(done, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  clock.ms += 5
  ask(11)
  t.equal(done.at(-1), 11, 'after a pause at once again')
  t.end()
})

t.test('what a request asks for in turn waits behind the others, and no more wait than may', t => {
  const clock = turns()
  const slices = new Slices(clock, 3)
  const done: string[] = []
  const asked: boolean[] = []
  slices.run(() => void (clock.ms += 9))
  for (const name of ['a', 'b', 'c', 'd'])
    asked.push(
      slices.run(() => {
        done.push(name)
        if (name === 'a') asked.push(slices.run(() => done.push('of a')))
      }),
    )
  t.strictSame(asked, [true, true, true, false])
  slices.finish()
  t.strictSame(done.slice(0, 3), ['a', 'b', 'c'], 'a stop finishes what came before it')
  while (clock.turn());
  t.strictSame(done, ['a', 'b', 'c', 'of a'])
  t.end()
})

t.test('what goes on with something begun comes before requests, in the same slice as they', t => {
  const clock = turns()
  const slices = new Slices(clock, 100)
  const done: string[] = []
  const takes = (name: string, ms: number) => () => {
    done.push(name)
    clock.ms += ms
  }
  slices.run(() => {
    takes('a', 0.5)()
    slices.goOn(takes('more of a', 1))
    slices.run(takes('asked by a', 0.1))
    t.strictSame(done, ['a'], 'never within a task')
  })
  t.strictSame(done, ['a', 'more of a', 'asked by a'], 'at once, while the slice lasts')
  slices.run(takes('b', 9))
  slices.run(takes('c', 0.1))
  slices.goOn(takes('more of b', 9))
  t.equal(done.at(-1), 'b')
  clock.turn()
  t.equal(done.at(-1), 'more of b', 'requests wait while it goes on')
  clock.turn()
  t.equal(done.at(-1), 'c')
  slices.run(takes('d', 9))
  slices.goOn(takes('more of d', 9))
  slices.run(takes('e', 9))
  slices.finish()
  t.strictSame(done.slice(-2), ['more of d', 'e'], 'a stop waits for neither')
  t.notOk(clock.turn() && clock.turn(), 'and leaves nothing')
  t.end()
})

t.test('texts that were read last are kept, in a bounded number of bytes, until something is erased', t => {
  const cache = new TextCache()
  const log = 'a'.repeat(64) as LogId
  const said = (text: string): Remember => ({ text, meta: [] }) as unknown as Remember
  const { keep } = cache.reader()
  const [large, count] = [64 * 1024, (2 * TEXT_CACHE_BYTES) / (64 * 1024)]
  for (let seq = 0; seq < count; seq++) {
    keep({ log, seq }, said(`${seq}`), large)
    t.equal(cache.get({ log, seq: 0 })?.text, '0', 'one that is asked for again and again stays')
  }
  const kept = Array.from({ length: count }, (_, seq) => cache.get({ log, seq })).filter(one => one !== undefined).length
  t.ok(kept * large <= TEXT_CACHE_BYTES && kept * large > TEXT_CACHE_BYTES / 4, `${kept} of ${count}`)
  const late = cache.reader()
  cache.clear()
  t.equal(cache.get({ log, seq: 0 }), undefined)
  late.keep({ log, seq: 1 }, said('was being read when it was erased'), 10)
  t.equal(cache.get({ log, seq: 1 }), undefined)
  cache.reader().keep({ log, seq: 1 }, said('read since'), 10)
  t.equal(cache.get({ log, seq: 1 })?.text, 'read since')
  t.end()
})
