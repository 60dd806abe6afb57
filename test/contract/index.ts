import type { Test } from 'tap'
import { EMPTY, utf8 } from '../../base/bytes.ts'
import type { DiskResult, Index, IndexWrite } from '../../base/ports.ts'
import fc from '../properties.ts'
import { type Bench, started, valueOf } from './answer.ts'

type Entries = readonly (readonly [key: string, value: Uint8Array])[]

/** What every `Index` does. */
export function indexContract(t: Test, name: string, runs: number, make: () => Promise<Bench<Index>>): void {
  const test = (sentence: string, body: (t: Test, bench: Bench<Index>, index: Index) => Promise<void>): void => {
    t.test(`${name}: ${sentence}`, async t => {
      const bench = await make()
      await body(t, bench, bench.port)
      await bench.close()
    })
  }
  const scanned = async (bench: Bench<Index>, from: string, to: string, limit: number): Promise<string[]> =>
    (await valueOf<Entries>(bench, done => bench.port.scan(from, to, limit, done))).map(([key]) => key)

  test('a key has the value it was given last, or none', async (t, bench, index) => {
    t.equal(await valueOf(bench, done => index.get('a', done)), null)
    await valueOf(bench, done =>
      index.batch(
        [
          { key: 'a', value: utf8('1') },
          { key: 'b', value: EMPTY },
        ],
        done,
      ),
    )
    t.same(await valueOf(bench, done => index.get('a', done)), utf8('1'))
    t.same(await valueOf(bench, done => index.get('b', done)), EMPTY, 'an empty value is a value')
    await valueOf(bench, done => index.batch([{ key: 'a', value: utf8('2') }], done))
    t.same(await valueOf(bench, done => index.get('a', done)), utf8('2'))
    await valueOf(bench, done =>
      index.batch(
        [
          { key: 'a', value: null },
          { key: 'never', value: null },
        ],
        done,
      ),
    )
    t.equal(await valueOf(bench, done => index.get('a', done)), null)
    t.same(await scanned(bench, '', '\x7f', 10), ['b'])
    await valueOf(bench, done => index.batch([], done))
    await valueOf(bench, done =>
      index.batch(
        [
          { key: 'c', value: utf8('1') },
          { key: 'c', value: null },
          { key: 'c', value: utf8('3') },
        ],
        done,
      ),
    )
    t.same(await valueOf(bench, done => index.get('c', done)), utf8('3'), 'the last write of a batch wins')
  })

  test("values are plain bytes, the reader's own", async (t, bench, index) => {
    const value = utf8('value')
    await valueOf(bench, done => index.batch([{ key: 'a', value }], done))
    value.fill(0)
    const read = (await valueOf<Uint8Array | null>(bench, done => index.get('a', done))) as Uint8Array
    t.equal(read.constructor, Uint8Array)
    t.same(read, utf8('value'))
    read.fill(0)
    const [entry] = await valueOf<Entries>(bench, done => index.scan('a', 'b', 1, done))
    t.equal(entry?.[1].constructor, Uint8Array)
    t.same(entry?.[1], utf8('value'))
  })

  test('a scan keeps to its bounds and its limit, in the order of bytes', async (t, bench, index) => {
    const keys = ['a', 'a/1', 'a/10', 'a/2', 'a0', 'B', 'b', '~', ' ', '\x01', 'b\x00', 'b\x00c']
    await valueOf(bench, done =>
      index.batch(
        keys.map(key => ({ key, value: utf8(key) })),
        done,
      ),
    )
    t.same(await scanned(bench, '', '\x7f', 100), [...keys].sort())
    t.same(await scanned(bench, 'a/', 'a0', 100), ['a/1', 'a/10', 'a/2'], 'the upper bound is not in it')
    t.same(await scanned(bench, 'a', 'a/1', 100), ['a'], 'the lower bound is')
    t.same(await scanned(bench, 'a', 'b', 2), ['a', 'a/1'])
    t.same(await scanned(bench, 'a', 'b', 0), [])
    t.same(await scanned(bench, 'b', 'a', 100), [], 'bounds the wrong way round')
    t.same(await scanned(bench, 'a', 'a', 100), [])
    t.same(await scanned(bench, 'x', 'z', 100), [])
  })

  test('keys of 64 hex digits and more are found', async (t, bench, index) => {
    const keys = Array.from({ length: 100 }, (_, i) => (i * 2654435761).toString(16).padStart(64, '0123456789abcdef'))
    await valueOf(bench, done =>
      index.batch(
        keys.map(key => ({ key: `leaf/${key}/${key}`, value: utf8(key) })),
        done,
      ),
    )
    for (const key of keys.slice(0, 10)) t.same(await valueOf(bench, done => index.get(`leaf/${key}/${key}`, done)), utf8(key))
    t.same(await scanned(bench, 'leaf/', 'leaf0', 1000), keys.map(key => `leaf/${key}/${key}`).sort())
  })

  test('a key outside ASCII is a bug', async (t, _bench, index) => {
    for (const key of ['', 'ä', 'a\u{1f600}', '\x80']) {
      t.throws(() => index.get(key, () => t.fail('answered')), { name: 'AssertionError' }, JSON.stringify(key))
      t.throws(() => index.batch([{ key, value: null }], () => t.fail('answered')), { name: 'AssertionError' })
    }
  })

  test('10,000 entries come back whole and in order', async (t, bench, index) => {
    const key = (i: number): string => `entry/${((i * 7919) % 10_000).toString().padStart(5, '0')}`
    for (let from = 0; from < 10_000; from += 1000) {
      const writes = Array.from({ length: 1000 }, (_, i) => ({ key: key(from + i), value: utf8(`${key(from + i)} `.repeat(10)) }))
      await valueOf(bench, done => index.batch(writes, done))
    }
    const entries = await valueOf<Entries>(bench, done => index.scan('entry/', 'entry0', 20_000, done))
    t.equal(entries.length, 10_000)
    t.ok(
      entries.every(
        ([found, value], i) =>
          found === `entry/${i.toString().padStart(5, '0')}` && Buffer.from(value).toString() === `${found} `.repeat(10),
      ),
    )
    t.same(await scanned(bench, 'entry/05000', 'entry0', 3), ['entry/05000', 'entry/05001', 'entry/05002'])
  })

  test('a read sees the batches called before it, and none called after', async (t, bench, index) => {
    const answers: Promise<DiskResult<Uint8Array | null>>[] = []
    for (let i = 0; i < 500; i++) {
      void started<void>(done => index.batch([{ key: 'counter', value: Uint8Array.of(i >> 8, i & 255) }], done))
      answers.push(started(done => index.get('counter', done)))
    }
    const last = started<Entries>(done => index.scan('counter', 'd', 1, done))
    bench.turn()
    const seen = (await Promise.all(answers)).map(answer =>
      answer.ok && answer.value !== null ? ((answer.value[0] as number) << 8) + (answer.value[1] as number) : -1,
    )
    t.same(
      seen,
      Array.from({ length: 500 }, (_, i) => i),
    )
    t.same(await last, { ok: true, value: [['counter', Uint8Array.of(499 >> 8, 499 & 255)]] })
  })

  t.test(`${name}: 300 operations at once give what they give one after the other`, async t => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 300, maxLength: 300 }), async steps => {
        const bench = await make()
        const answers = steps.map(each => started<unknown>(done => perform(bench.port, each, done)))
        bench.turn()
        const results = (await Promise.all(answers)).map(outcome)
        const model = new Map<string, string>()
        for (const [i, each] of steps.entries()) {
          const expected = predict(model, each)
          if (results[i] !== expected) throw new Error(`operation ${i} ${JSON.stringify(each)}: expected ${expected}, got ${results[i]}`)
        }
        await bench.close()
      }),
      { numRuns: runs },
    )
    t.pass(`${runs} sequences`)
  })
}

type Step =
  | { readonly kind: 'batch'; readonly writes: readonly IndexWrite[] }
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'scan'; readonly from: string; readonly to: string; readonly limit: number }

const key: fc.Arbitrary<string> = fc.string({ unit: fc.constantFrom('a', 'b', '/', '~'), minLength: 1, maxLength: 3 })
const value: fc.Arbitrary<Uint8Array | null> = fc.option(fc.uint8Array({ maxLength: 8 }))
const write: fc.Arbitrary<IndexWrite> = fc.tuple(key, value).map(([key, value]) => ({ key, value }))
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('batch' as const), writes: fc.array(write, { maxLength: 6 }) }),
  fc.record({ kind: fc.constant('get' as const), key }),
  fc.record({ kind: fc.constant('scan' as const), from: key, to: key, limit: fc.nat(20) }),
)

function perform(index: Index, step: Step, done: (result: DiskResult<unknown>) => void): void {
  if (step.kind === 'batch') index.batch(step.writes, done)
  else if (step.kind === 'get') index.get(step.key, done)
  else index.scan(step.from, step.to, step.limit, done)
}

function predict(model: Map<string, string>, step: Step): string {
  if (step.kind === 'get') return model.get(step.key) ?? 'null'
  if (step.kind === 'batch') {
    for (const { key, value } of step.writes) {
      if (value === null) model.delete(key)
      else model.set(key, text(value))
    }
    return 'ok'
  }
  const keys = [...model.keys()].filter(each => each >= step.from && each < step.to).sort()
  return keys
    .slice(0, step.limit)
    .map(each => `${each}=${model.get(each)}`)
    .join()
}

function outcome(result: DiskResult<unknown>): string {
  if (!result.ok) return result.error.code
  if (result.value === null) return 'null'
  if (result.value === undefined) return 'ok'
  if (result.value instanceof Uint8Array) return text(result.value)
  return (result.value as Entries).map(([key, value]) => `${key}=${text(value)}`).join()
}

function text(bytes: Uint8Array): string {
  return `<${[...bytes].join(' ')}>`
}
