import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { EMPTY, ZERO_32 } from '../../base/bytes.ts'
import { AUDIT, type CausalId, type LogId, logIdOf, memoryStream, type Stream } from '../../base/ids.ts'
import { AppliedCut, type AppliedRecord } from '../../chain/applied.ts'
import type { Conflict } from '../../chain/conflict.ts'
import { Log } from '../../chain/log.ts'
import { leafOf, type ParentRef } from '../../chain/record.ts'
import { appendTo, type Written } from '../../chain/written.ts'
import { SimRandom } from '../../sim/random.ts'
import fc from '../properties.ts'
import { Author, identityOf, MAIN } from './keeper.ts'

/** All records there are, of every author. */
class History {
  readonly logs: Map<LogId, { readonly log: Log; readonly records: Written[] }> = new Map()

  append(index: number, ms: number, parents: readonly ParentRef[] = [], stream: Stream = MAIN): Written {
    const identity = identityOf(index, stream)
    const known = this.logs.get(identity.id) ?? { log: new Log(identity), records: [] }
    this.logs.set(identity.id, known)
    const { log, records } = known
    const written = appendTo(log, { hlc: { ms, counter: 0 }, kind: 50, actor: 'tester', parents, salt: EMPTY, body: EMPTY })
    records.push(written)
    return written
  }

  records(log: LogId): readonly Written[] {
    return this.logs.get(log)?.records ?? []
  }

  head(index: number): ParentRef {
    const { log } = this.logs.get(identityOf(index).id) as { readonly log: Log }
    return { logId: log.idBytes, seq: log.size - 1, leaf: log.head }
  }
}

/** A node that gets records of a history, and applies what it can. */
class Reader {
  readonly applied: AppliedRecord[] = []
  readonly cut: AppliedCut
  readonly #chain = new Author(99).chain
  readonly #history: History

  constructor(history: History, isFolded: (stream: Stream) => boolean = () => true) {
    this.#history = history
    this.cut = new AppliedCut(this.#chain, new Map(), isFolded)
  }

  log(id: LogId): Log {
    let log = this.#chain.logs.get(id)
    if (log === undefined) {
      log = new Log((this.#history.logs.get(id) as { readonly log: Log }).log.identity)
      this.#chain.logs.set(id, log)
    }
    return log
  }

  /** The next records of a log are durable. */
  get(id: LogId, count: number): void {
    const log = this.log(id)
    const records = this.#history.records(id).slice(log.size, log.size + count)
    for (const { record, hlc } of records) log.append(leafOf(record.header), hlc)
    log.durable = log.size
    this.cut.offer(log, records)
  }

  take(onRecord: (record: AppliedRecord) => void = () => {}): void {
    for (const record of this.cut.take()) {
      this.applied.push(record)
      onRecord(record)
    }
  }

  /** Reads from the disk what is not in memory, `count` records at a time, until nothing more can be applied. */
  read(count: number): void {
    for (let before = -1; this.cut.pending !== before; ) {
      before = this.cut.pending
      for (const { log, from } of this.cut.missing())
        this.cut.offer(this.log(log), this.#history.records(log).slice(from, Math.min(from + count, this.log(log).durable)))
      this.take()
    }
  }

  get names(): readonly CausalId[] {
    return this.applied.map(({ id }) => id)
  }
}

/** Whether each record came after all that it builds on, and no place was left out. */
function isCausal(applied: readonly AppliedRecord[]): boolean {
  const sizes = new Map<LogId, number>()
  return applied.every(({ log, seq, parents }) => {
    const { id } = log.identity
    const isNext = seq === (sizes.get(id) ?? 0)
    sizes.set(id, seq + 1)
    return isNext && parents.every(parent => parent.seq < (sizes.get(logIdOf(parent.logId)) ?? 0))
  })
}

t.test('in whatever order records arrive, they are applied in causal order, all of them, and judged alike', t => {
  const step = fc.record({ author: fc.nat(4), cites: fc.array(fc.nat(4), { maxLength: 3 }), ms: fc.nat(50) })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), fc.nat(), (steps, seed) => {
      const history = new History()
      for (const { author, cites, ms } of steps) {
        const parents = [...new Set(cites)]
          .filter(index => index !== author && history.logs.has(identityOf(index).id))
          .map(index => history.head(index))
        history.append(author, ms, parents)
      }
      const verdicts = [1, 2].map(run => {
        const random = new SimRandom(seed + run, 'order')
        const reader = new Reader(history)
        const left = [...history.logs.keys()]
        while (left.length > 0) {
          const id = random.pick(left)
          reader.get(id, 1 + random.below(4))
          if (reader.log(id).size === history.records(id).length) left.splice(left.indexOf(id), 1)
          if (random.chance(500)) reader.take()
        }
        reader.take()
        if (!isCausal(reader.applied) || reader.cut.pending !== 0) throw new Error('not causal, or not all')
        return new Map(reader.applied.map(({ id, void: reason }) => [id, reason]))
      }) as [Map<CausalId, string>, Map<CausalId, string>]
      return verdicts[0].size === steps.length && isDeepStrictEqual(new Map([...verdicts[0]].sort()), new Map([...verdicts[1]].sort()))
    }),
    { numRuns: 300 },
  )
  t.end()
})

t.test('what waits beyond 8,192 records is read again from the disk, and nothing is dropped', t => {
  const history = new History()
  history.append(0, 1)
  history.append(1, 2, [history.head(0)])
  for (let i = 0; i < 9000; i++) history.append(1, 3 + i)
  history.append(2, 10_000, [history.head(1)])
  const [a, b, c] = [0, 1, 2].map(index => identityOf(index).id) as [LogId, LogId, LogId]
  const reader = new Reader(history)
  reader.get(c, 1)
  for (let i = 0; i < 9; i++) reader.get(b, 1000)
  reader.take()
  t.same([reader.applied.length, reader.cut.pending], [0, 9001])
  t.same([...reader.cut.missing()], [], 'what waits for another log needs no reading')
  reader.get(a, 1)
  reader.take()
  t.ok(reader.applied.length < 9002, 'a part was let go')
  t.same([...reader.cut.missing()], [{ log: b, from: reader.cut.size(b) }])
  reader.get(b, 1)
  reader.read(1000)
  t.same([reader.applied.length, reader.cut.pending], [9003, 0])
  t.ok(isCausal(reader.applied))
  t.end()
})

t.test('whoever takes a record may have more offered, even so much that what waits is let go', t => {
  const history = new History()
  for (let i = 0; i < 100; i++) history.append(0, i + 1)
  for (let i = 0; i < 8200; i++) history.append(1, i + 1)
  const [a, b] = [0, 1].map(index => identityOf(index).id) as [LogId, LogId]
  const reader = new Reader(history)
  reader.get(a, 100)
  reader.take(({ log, seq }) => {
    if (log.identity.id === a && seq === 50) reader.get(b, 8200)
  })
  reader.read(1000)
  t.same([reader.applied.length, reader.cut.pending], [8300, 0])
  t.ok(isCausal(reader.applied))
  t.end()
})

t.test('a record that is not later than what it builds on is void, and is a place in its log all the same', t => {
  const history = new History()
  const cases: readonly (readonly [author: number, ms: number, cites: readonly number[], reason: 'clock' | undefined])[] = [
    [0, 100, [], undefined],
    [0, 100, [], 'clock'],
    [0, 99, [], 'clock'],
    [0, 101, [], undefined],
    [1, 101, [0], 'clock'],
    [1, 102, [0], undefined],
    [2, 50, [], undefined],
    [2, 103, [1, 0], undefined],
    [1, 103, [2], 'clock'],
  ]
  const reasons = new Map<CausalId, 'clock' | undefined>()
  for (const [author, ms, cites, reason] of cases)
    reasons.set(
      history.append(
        author,
        ms,
        cites.map(index => history.head(index)),
      ).id,
      reason,
    )
  const reader = new Reader(history)
  for (const id of history.logs.keys()) reader.get(id, 100)
  reader.take()
  t.same(new Map(reader.applied.map(record => [record.id, record.void])), reasons)
  t.end()
})

t.test('a record waits for a parent of another history, but not for one where the log is known to be forked', t => {
  const history = new History()
  history.append(0, 1)
  history.append(0, 2)
  const elsewhere = { ...history.head(0), leaf: ZERO_32 }
  history.append(1, 10, [elsewhere])
  const [a, b] = [0, 1].map(index => identityOf(index).id) as [LogId, LogId]
  const reader = new Reader(history)
  reader.get(b, 1)
  reader.get(a, 2)
  reader.take()
  t.same([reader.cut.size(a), reader.cut.size(b)], [2, 0])
  const log = reader.log(a)
  log.conflict = { log: a, seq: 1 } as Conflict
  reader.cut.offer(log, [])
  reader.take()
  t.same([reader.cut.size(a), reader.cut.size(b)], [2, 1])
  t.end()
})

t.test('a stream that is only kept counts as applied when it is durable', t => {
  const history = new History()
  history.append(0, 1, [], AUDIT)
  history.append(0, 1)
  const kept = identityOf(0, AUDIT).id
  const reader = new Reader(history, stream => stream !== AUDIT)
  t.equal(reader.cut.size(kept), 0)
  for (const id of history.logs.keys()) reader.get(id, 1)
  reader.take()
  t.same([reader.applied.length, reader.cut.size(kept), reader.cut.pending], [1, 1, 0])
  t.same([...reader.cut.missing()], [])
  t.end()
})

t.test('after a reset a stream is applied anew, and whoever was applying stops', t => {
  const history = new History()
  for (let i = 0; i < 20; i++) history.append(i % 2, i + 1, i === 0 ? [] : [history.head((i + 1) % 2)])
  const reader = new Reader(history)
  for (const id of history.logs.keys()) reader.get(id, 100)
  reader.take(() => {
    if (reader.applied.length === 7) reader.cut.reset(new Set([MAIN]))
  })
  t.equal(reader.applied.length, 7)
  t.equal(reader.cut.pending, 20)
  const before = reader.names
  reader.applied.length = 0
  reader.read(3)
  t.equal(reader.applied.length, 20)
  t.same(reader.names.slice(0, 7), before)
  t.ok(isCausal(reader.applied))
  t.end()
})

t.test('a reset of one stream leaves the others as they are, also those that wait and that are being applied', t => {
  const other = memoryStream('other')
  const history = new History()
  for (let i = 0; i < 10; i++) {
    history.append(0, 10 * i + 1)
    history.append(0, 10 * i + 2, [history.head(0)], other)
  }
  const [main, second] = [identityOf(0).id, identityOf(0, other).id]
  for (const [stream, isAnew, isKept] of [
    [MAIN, main, second],
    [other, second, main],
  ] as const) {
    const reader = new Reader(history)
    for (const id of history.logs.keys()) reader.get(id, 100)
    reader.take(() => {
      if (reader.applied.length === 13) reader.cut.reset(new Set([stream]))
    })
    const before = reader.cut.size(isKept)
    t.equal(reader.cut.size(isAnew), 0, stream)
    t.ok(before > 0, `${stream}: what was applied of the other one stays so`)
    reader.read(3)
    t.strictSame([reader.cut.size(main), reader.cut.size(second), reader.cut.pending], [10, 10, 0], stream)
    const seqs = (id: LogId): readonly number[] => reader.applied.filter(({ log }) => log.identity.id === id).map(({ seq }) => seq)
    t.strictSame(seqs(isKept), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], `${stream}: each record of the other one once`)
    t.strictSame(seqs(isAnew).slice(-10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], `${stream}: its own from the beginning`)
  }
  t.end()
})
