import t from 'tap'
import { toHex } from '../../base/bytes.ts'
import { type Cbor, decode, encode } from '../../base/codec.ts'
import { KIND } from '../../base/kinds.ts'
import type { WeftError } from '../../base/errors.ts'
import { AppliedCut } from '../../chain/applied.ts'
import { Log } from '../../chain/log.ts'
import { encodeRun, extendByRun, parseRun, type Run } from '../../chain/run.ts'
import { SimDisk } from '../../sim/disk.ts'
import { SimRandom } from '../../sim/random.ts'
import { Scheduler } from '../../sim/scheduler.ts'
import { Author, CLUSTER, identityOf, Keeper, MAIN, wait, WALL_MS } from './keeper.ts'

const OWN = identityOf(0).id
const SECRET = 'the password is swordfish'

class Machine {
  readonly scheduler: Scheduler = new Scheduler()
  readonly disk: SimDisk
  readonly turn = (): void => void this.scheduler.runWhile(() => true, Number.POSITIVE_INFINITY)

  constructor(seed: number = 1) {
    this.disk = new SimDisk(this.scheduler, new SimRandom(seed, 'disk'), { readUs: 10, writeUs: 50, syncUs: 500 })
  }

  open(index: number = 0): Promise<Keeper> {
    return Keeper.open(index, this.disk, this.turn)
  }

  /** Names of files that hold the text. */
  holding(text: string): readonly string[] {
    return [...this.disk.snapshot()].flatMap(([name, content]) => (Buffer.from(content).includes(text) ? [name] : []))
  }
}

/** A log of its genesis and `count` memories, the one at `at` (from 1) a secret. */
async function keeperWith(machine: Machine, count: number, at: number): Promise<Keeper> {
  const keeper = await machine.open()
  await keeper.write(Array.from({ length: count }, (_, i) => (i + 1 === at ? SECRET : `lesson ${i + 1}`)))
  return keeper
}

function leafAt(author: Author, seq: number): Uint8Array {
  return (author.chain.log(OWN) as Log).tree.leaf(seq)
}

/** Appends the record that erases `seq`. @returns its seq */
function retract(author: Author, seq: number, erase: 0 | 1 = 1): number {
  const [written] = author.append([encode([leafAt(author, seq), erase])], MAIN, { kind: KIND['memory.retract'] })
  return (written as { seq: number }).seq
}

function erase(machine: Machine, keeper: Keeper, seq: number, by: number): Promise<{ error: WeftError | undefined; erased: number }> {
  return wait(machine.turn, done => keeper.journal.erase([{ log: OWN, seq, by }], (error, erased) => done({ error, erased })))
}

for (const [what, at, more] of [
  ['the first memory of the only segment', 1, 0],
  ['one in the middle', 5, 0],
  ['the last one', 10, 0],
  ['one of an earlier segment', 3, 1_200_000],
] as const) {
  t.test(`an erased body is nowhere on the disk, and the chain verifies: ${what}`, async t => {
    const machine = new Machine()
    const keeper = await keeperWith(machine, 10, at)
    for (let left = more; left > 0; left -= 40_000) await keeper.write([new Uint8Array(40_000).fill(7)])
    const by = retract(keeper, at)
    await keeper.commit()
    const root = toHex((keeper.chain.log(OWN) as Log).tree.root())
    t.equal(machine.holding(SECRET).length, 1)
    t.strictSame(await erase(machine, keeper, at, by), { error: undefined, erased: 1 })
    t.strictSame(machine.holding(SECRET), [])
    const verified = await keeper.verify()
    t.match(verified, { valid: true, logs: [{ logId: OWN, root, erased: 1 }] })
    await keeper.write(['written after it'])
    const again = await machine.open()
    const { records } = await again.read(OWN, 0, Infinity)
    t.strictSame(
      records.slice(1, 11).map(({ body, erasedBy }) => (erasedBy === undefined ? Buffer.from(body).toString() : erasedBy)),
      Array.from({ length: 10 }, (_, i) => (i + 1 === at ? by : `lesson ${i + 1}`)),
    )
    t.equal(Buffer.from(records.at(-1)?.body ?? []).toString(), 'written after it')
    t.strictSame(await erase(machine, again, at, by), { error: undefined, erased: 0 }, 'a second time there is nothing to do')
  })
}

t.test('wherever the power fails while a body is erased, nothing else is lost, and once it was gone it stays gone', async t => {
  const wrong: string[] = []
  let kept = 0
  let gone = 0
  for (let seed = 1; seed <= 12; seed++) {
    for (let steps = 0, isOver = false; !isOver; steps++) {
      const machine = new Machine(seed)
      const keeper = await keeperWith(machine, 8, 4)
      const by = retract(keeper, 4)
      await keeper.commit()
      let isDone = false
      keeper.journal.erase([{ log: OWN, seq: 4, by }], error => (isDone = error === undefined))
      // A commit comes in the middle of it: it waits, or is whole.
      if (steps % 2 === 1) {
        keeper.append(['in the middle of it'])
        const staged = keeper.take()
        if (staged !== undefined) keeper.journal.commit(staged.commit, () => {})
      }
      for (let i = 0; i < steps; i++) isOver = !machine.scheduler.step() || isOver
      machine.disk.crash(seed % 3 === 0 ? 'process' : 'power', seed % 2 === 0)
      const again = await machine.open()
      const { records } = await again.read(OWN, 0, Infinity)
      const isGone = records[4]?.erasedBy === by
      if (isGone) gone++
      else kept++
      const said = `seed ${seed}, ${steps} steps`
      if (isDone && !isGone) wrong.push(`${said}: it came back`)
      if (isGone === machine.holding(SECRET).length > 0)
        wrong.push(`${said}: ${isGone ? 'gone' : 'kept'}, held by ${machine.holding(SECRET).join()}`)
      if (records.length < 10 || records.slice(1, 9).some(({ body }, i) => i !== 3 && Buffer.from(body).toString() !== `lesson ${i + 1}`))
        wrong.push(`${said}: something else is lost`)
      const { error } = await erase(machine, again, 4, by)
      const verified = await again.verify()
      if (error !== undefined || machine.holding(SECRET).length > 0 || !verified.valid) wrong.push(`${said}: not erased by a second try`)
    }
  }
  t.strictSame(wrong, [])
  t.ok(kept > 20 && gone > 20, `${kept} times before, ${gone} after`)
})

t.test('a disk that is full keeps everything, and takes the erasure later', async t => {
  const machine = new Machine()
  const keeper = await keeperWith(machine, 6, 2)
  const by = retract(keeper, 2)
  await keeper.commit()
  machine.disk.full(machine.disk.usedBytes + 10)
  t.match(await erase(machine, keeper, 2, by), { error: { code: 'disk_full' } })
  t.equal(machine.disk.files.length, 1, 'nothing is left beside the segment')
  machine.disk.full(Infinity)
  t.match(await keeper.verify(), { valid: true, logs: [{ erased: 0 }] })
  t.strictSame(await erase(machine, keeper, 2, by), { error: undefined, erased: 1 })
  t.strictSame(machine.holding(SECRET), [])
})

t.test('only what its author erased by a later record of the same log is erased', async t => {
  const machine = new Machine()
  const keeper = await keeperWith(machine, 6, 2)
  const plain = retract(keeper, 2, 0)
  const ofAnother = retract(keeper, 3)
  const ofARetract = retract(keeper, plain)
  await keeper.commit()
  for (const [seq, by] of [
    [2, plain],
    [2, ofAnother],
    [plain, ofARetract],
    [0, ofAnother],
    [ofAnother, 3],
    [2, 99],
  ] as const)
    t.strictSame(await erase(machine, keeper, seq, by), { error: undefined, erased: 0 }, `${seq} by ${by}`)
  t.equal(machine.holding(SECRET).length, 1)
})

t.test('a body that was wiped without a ground is damage, and so is one bit of what is left of it', async t => {
  const machine = new Machine()
  const keeper = await keeperWith(machine, 6, 2)
  const by = retract(keeper, 2)
  await keeper.commit()
  await erase(machine, keeper, 2, by)
  const { offset, length } = keeper.journal.place(OWN, 2)
  const [file] = machine.disk.files as readonly [string]
  const undetected: number[] = []
  for (let at = offset; at < offset + length; at++) {
    machine.disk.flip(file, at, at % 8)
    if ((await keeper.verify()).valid) undetected.push(at - offset)
    machine.disk.flip(file, at, at % 8)
  }
  t.strictSame(undetected, [])
  t.match(await keeper.verify(), { valid: true })
})

// ---- between peers

interface Relay {
  readonly log: Log
  readonly records: NonNullable<ReturnType<Author['records']['get']>>
  readonly by: number
}

/** What a relay has of author 0's log: record 2 is erased. */
function relay(): Relay {
  const author = new Author(0)
  author.append(['one', SECRET, 'three'])
  const by = retract(author, 2)
  author.append(['five'])
  author.settle()
  const records = [...(author.records.get(OWN) ?? [])]
  const secret = records[2] as (typeof records)[number]
  records[2] = { header: secret.header, salt: new Uint8Array(16), body: new Uint8Array(0), erasedBy: by }
  return { log: author.chain.log(OWN) as Log, records, by }
}

function received(fields: Cbor): Run | undefined {
  const decoded = decode(encode(fields))
  return decoded.ok ? parseRun(decoded.value, CLUSTER) : undefined
}

function intoNew(run: Run): { readonly log: Log; readonly result: ReturnType<typeof extendByRun> } {
  const log = new Log(identityOf(0))
  return { log, result: extendByRun(log, run, WALL_MS + 1_000_000) }
}

t.test('a peer that never had the body takes the record without it, and has the same log', t => {
  const { log, records, by } = relay()
  const { fields, end } = encodeRun(log, 0, records, new Map([[by, records[by] as (typeof records)[number]]]))
  t.equal(end, records.length)
  t.notOk(Buffer.from(encode(fields)).includes(SECRET))
  const copy = intoNew(received(fields) as Run)
  t.ok('records' in copy.result)
  t.equal(toHex(copy.log.tree.root()), toHex(log.tree.root()))
  if ('records' in copy.result)
    t.strictSame(
      copy.result.records.map(({ record }) => record.erasedBy),
      [undefined, undefined, by, undefined, undefined, undefined],
    )
  t.end()
})

t.test('a frame ends before an erased record where its ground is not at hand, or its receiver knows of none', t => {
  const { log, records } = relay()
  t.equal(encodeRun(log, 0, records).end, 2)
  t.equal(encodeRun(log, 2, records.slice(2)).end, 2, 'nothing can be told')
  t.equal(encodeRun(log, 0, records, new Map([[4, records[3] as (typeof records)[number]]])).end, 2, 'another record is no ground')
  t.end()
})

t.test('nobody passes off as erased what its author did not erase: every bit of a ground counts', t => {
  const { log, records, by } = relay()
  const { fields } = encodeRun(log, 0, records, new Map([[by, records[by] as (typeof records)[number]]]))
  const bytes = encode(fields)
  const taken: number[] = []
  for (let at = 0; at < bytes.length * 8; at += 3) {
    const altered = bytes.slice()
    altered[at >> 3] = (altered[at >> 3] as number) ^ (1 << (at & 7))
    const decoded = decode(altered)
    const run = decoded.ok ? parseRun(decoded.value, CLUSTER) : undefined
    // Checkpoint and signature are checked by whoever takes the frame in.
    if (run === undefined || toHex(run.checkpoint.signature) !== toHex(log.checkpoint?.signature ?? new Uint8Array(0))) continue
    if (toHex(run.checkpoint.bytes) !== toHex(log.checkpoint?.bytes ?? new Uint8Array(0)) || run.log !== OWN || run.from !== 0) continue
    if ('records' in intoNew(run).result) taken.push(at)
  }
  t.strictSame(taken, [])
  t.end()
})

t.test('a record without its body is applied when what erased it is held', t => {
  const { log, records, by } = relay()
  const grounds = new Map([[by, records[by] as (typeof records)[number]]])
  const reader = new Author(1)
  const copy = new Log(identityOf(0))
  reader.chain.logs.set(OWN, copy)
  const applied = new AppliedCut(reader.chain, new Map(), () => true)
  const give = (from: number, end: number): readonly number[] => {
    const result = extendByRun(copy, received(encodeRun(log, from, records.slice(from, end), grounds).fields) as Run, WALL_MS + 1_000_000)
    if (!('records' in result)) throw new Error('not taken')
    copy.durable = copy.size
    applied.offer(copy, result.records)
    return [...applied.take()].map(({ seq }) => seq)
  }
  t.strictSame(give(0, 3), [0, 1])
  t.strictSame(give(3, 4), [])
  t.strictSame(give(4, 6), [2, 3, 4, 5])
  t.equal(toHex(copy.tree.root()), toHex(log.tree.root()))
  t.end()
})
