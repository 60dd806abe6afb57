import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { concatBytes, equalBytes, fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { encode } from '../../base/codec.ts'
import { suite } from '../../base/crypto/suite.ts'
import { WeftError } from '../../base/errors.ts'
import { AUDIT, type LogId, memoryStream } from '../../base/ids.ts'
import { KIND } from '../../base/kinds.ts'
import { BODY_MAX_BYTES, COMMIT_RECORDS_MAX, LOGS_MAX, SEGMENT_BYTES } from '../../base/limits.ts'
import type { Disk } from '../../base/ports.ts'
import type { SignedCheckpoint } from '../../chain/checkpoint.ts'
import { Journal } from '../../chain/journal.ts'
import type { Log } from '../../chain/log.ts'
import { Places } from '../../chain/places.ts'
import { segmentFile } from '../../chain/scan.ts'
import { MARK_BYTES, SEGMENT_HEADER_BYTES } from '../../chain/segment.ts'
import { verifyConsistency } from '../../chain/tree.ts'
import { openDisk } from '../../node/host/disk.ts'
import { SimDisk } from '../../sim/disk.ts'
import { SimRandom } from '../../sim/random.ts'
import { Scheduler } from '../../sim/scheduler.ts'
import { Author, identityOf, Keeper, MAIN, verification, wait } from './keeper.ts'

const scratch: string = realpathSync(mkdtempSync(join(tmpdir(), 'weft-journal-')))
t.teardown(() => rmSync(scratch, { recursive: true }))

/** A simulated disk, and the turn that lets it work until nothing is left to do. */
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

  /** The content of a file is replaced, on the media too. */
  rewrite(changes: Readonly<Record<string, Uint8Array | undefined>>): void {
    const files = new Map(this.disk.snapshot())
    for (const [file, content] of Object.entries(changes)) {
      if (content === undefined) files.delete(file)
      else files.set(file, content)
    }
    this.disk.rollback(files)
  }
}

function bodies(count: number, bytes: number = 40): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => new Uint8Array(bytes).fill(i))
}

/** Sizes and heads of all logs: what must be the same after a restart. */
function stateOf(keeper: Author): Readonly<Record<string, readonly [durable: number, published: number, head: string, root: string]>> {
  const logs = [...keeper.chain.logs.values()].filter(log => log.durable > 0)
  return Object.fromEntries(
    logs.map(log => [
      log.identity.id,
      [log.durable, log.published, toHex(log.tree.leaf(log.durable - 1)), toHex(log.tree.root(log.durable))],
    ]),
  )
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt
    return 'ok'
  } catch (error) {
    return error instanceof WeftError ? error.code : String(error)
  }
}

// ---- what was committed is there

interface Place {
  readonly name: string
  readonly runs: number
  readonly make: () => { readonly disk: Disk; readonly turn: () => void; readonly close: () => Promise<void> }
}

const SIMULATED: Place = { name: 'simulated disk', runs: 40, make: () => ({ ...new Machine(), close: async () => {} }) }
const REAL: Place = {
  name: 'real disk',
  runs: 4,
  make: () => {
    const disk = openDisk(mkdtempSync(join(scratch, 'real-')))
    return { disk, turn: () => {}, close: () => new Promise(resolve => disk.close(resolve)) }
  },
}

for (const { name, runs, make } of [SIMULATED, REAL]) {
  t.test(`${name}: after every restart the journal gives back what was committed, and nothing else`, async t => {
    const wrong: string[] = []
    for (let seed = 1; seed <= runs; seed++) {
      const random = new SimRandom(seed, 'model')
      const { disk, turn, close } = make()
      const other = new Author(1)
      let keeper = await Keeper.open(0, disk, turn, random)
      for (let step = 0; step < 60; step++) {
        const stream = random.pick([MAIN, AUDIT, memoryStream('side')])
        switch (random.below(5)) {
          case 0:
            keeper.append(bodies(1 + random.below(5), random.below(2000)), stream)
            break
          case 1:
            other.append(bodies(1 + random.below(30), random.below(300)), stream)
            other.settle()
            break
          case 2:
            for (const log of other.chain.logs.keys()) keeper.copy(other, log, 1 + random.below(7), random.below(5))
            break
          case 3: {
            const error = await keeper.commit(random.chance(700))
            if (error !== undefined) wrong.push(`seed ${seed}: ${error.message}`)
            break
          }
          default: {
            while (keeper.chain.backlogBytes > 0) await keeper.commit()
            const before = stateOf(keeper)
            const records = keeper.records
            keeper = await Keeper.open(0, disk, turn, random)
            if (!isDeepStrictEqual(stateOf(keeper), before)) wrong.push(`seed ${seed}: another state`)
            if (!isDeepStrictEqual(keeper.records, records)) wrong.push(`seed ${seed}: other records`)
            if (keeper.torn !== undefined) wrong.push(`seed ${seed}: torn`)
            const [id, list] = random.pick(records.size > 0 ? [...records] : [[identityOf(0).id, []] as const])
            const [from, count] = [random.below(list.length + 1), 1 + random.below(20)]
            const { records: read } = await keeper.read(id, from, count)
            if (!isDeepStrictEqual(read, list.slice(from, from + count))) wrong.push(`seed ${seed}: ${count} records from ${from}`)
          }
        }
      }
      const verified = await keeper.verify()
      if (!verified.valid) wrong.push(`seed ${seed}: ${JSON.stringify(verified)}`)
      await close()
    }
    t.same(wrong, [])
  })
}

t.test('an empty journal is an empty chain, and the first commit makes the first segment', async t => {
  const machine = new Machine()
  const keeper = await machine.open()
  t.same(machine.disk.files, [])
  t.same(keeper.journal.end, { segment: 0, offset: 0 })
  t.same(await keeper.verify(), { valid: true, logs: [], records: 0 })
  await keeper.write(['x'])
  t.same(machine.disk.files, ['journal/00000001.seg'])
  t.same(keeper.journal.end, { segment: 1, offset: machine.disk.usedBytes })
  const log = keeper.chain.ownLog(MAIN)
  t.match(await keeper.verify(), { valid: true, records: 2, logs: [{ logId: log?.identity.id, size: 2, signed: 2 }] })
})

t.test('a commit that does not fit begins a new segment, and reads go on across the border', async t => {
  const machine = new Machine()
  const keeper = await machine.open()
  const log = identityOf(0).id
  while (keeper.journal.end.segment < 2) await keeper.write(bodies(21, BODY_MAX_BYTES))
  const first = machine.disk.contentOf(segmentFile(1)).length
  const second = machine.disk.contentOf(segmentFile(2)).length
  t.ok(first <= SEGMENT_BYTES && first + second - SEGMENT_HEADER_BYTES > SEGMENT_BYTES, `${first} + ${second} bytes`)
  const size = keeper.chain.log(log)?.durable as number
  const across = await keeper.read(log, size - 22, 3)
  t.same(across.records, keeper.records.get(log)?.slice(size - 22, size - 19))
  const before = stateOf(keeper)
  const again = await machine.open()
  t.same(stateOf(again), before)
  t.same((await again.read(log, size - 22, 3)).records, across.records)
  await again.write(['more'])
  t.same(machine.disk.files, [segmentFile(1), segmentFile(2)])
  t.equal((await again.verify()).valid, true)
})

t.test('a read takes as many records and bytes as it may, one at least, and tells a record that has gone bad', async t => {
  const machine = new Machine()
  const keeper = await machine.open()
  const log = identityOf(0).id
  const random = new Author(0).random
  await keeper.write(Array.from({ length: 10 }, () => random.bytes(1000)))
  const all = keeper.records.get(log) ?? []
  t.same((await keeper.read(log, 3, 4)).records, all.slice(3, 7))
  t.same((await keeper.read(log, 3, 4, 1)).records, all.slice(3, 4), 'one at least')
  t.same((await keeper.read(log, 3, 100, 4000)).records, all.slice(3, 6), '4,000 bytes')
  t.same((await keeper.read(log, 11, 5)).records, [], 'behind the end')
  t.same((await keeper.read(identityOf(5).id, 0, 5)).records, [], 'of a log that is not here')
  const places = [7, 2, 3, 9].map(seq => keeper.journal.place(log, seq))
  const scattered = await wait<readonly unknown[]>(machine.turn, done => keeper.journal.readPlaces(places, (_, records) => done(records)))
  t.same(
    scattered,
    [7, 2, 3, 9].map(seq => all[seq]),
  )

  const place = keeper.journal.place(log, 6)
  machine.disk.flip(segmentFile(1), place.offset + place.length - 1)
  const before = await keeper.read(log, 3, 10)
  t.same([before.error, before.records], [undefined, all.slice(3, 6)], 'the records before it')
  const damaged = await keeper.read(log, 6, 10)
  t.equal(damaged.error?.code, 'chain_damaged')
  t.match(damaged.error?.message, `${segmentFile(1)} at byte ${place.offset}`)
  t.same((await keeper.read(log, 7, 10)).records, all.slice(7), 'the records behind it')
  machine.turn()
})

t.test('bugs of callers are stopped at the door', async t => {
  const machine = new Machine()
  const keeper = await machine.open()
  keeper.append(['x'])
  const staged = keeper.take() as NonNullable<ReturnType<Keeper['take']>>
  keeper.journal.commit(staged.commit, () => {})
  t.throws(() => keeper.journal.commit(staged.commit, () => {}), { message: 'one commit at a time' })
  machine.turn()
  const many = Array.from({ length: COMMIT_RECORDS_MAX + 1 }, (_, seq) => ({ log: identityOf(0).id, seq }))
  t.throws(() => keeper.journal.commit({ entries: [], records: many }, () => {}), { message: 'a commit of 1025 records' })
  const places = new Places()
  t.throws(() => places.at(identityOf(0).id, 0), { message: /no place for record 0/ })
  t.ok(new Journal(machine.disk, keeper.random, places, [], { segment: 0, offset: 0, nonce: 0 }))
})

// ---- what was not committed is not

/** Three commits; the last has records of two logs and both their checkpoints. */
async function threeCommits(): Promise<{
  readonly machine: Machine
  readonly before: ReturnType<typeof stateOf>
  readonly after: ReturnType<typeof stateOf>
  readonly start: number
  readonly content: Uint8Array
}> {
  const machine = new Machine()
  const keeper = await machine.open()
  const other = new Author(1)
  other.append(['o1', 'o2', 'o3'])
  other.settle()
  const log = identityOf(1).id
  await keeper.write(['a', 'b'])
  keeper.copy(other, log)
  await keeper.write(['c'])
  const before = stateOf(keeper)
  const start = keeper.journal.end.offset
  other.append(['o4', 'o5'])
  other.settle()
  keeper.copy(other, log)
  await keeper.write(['d', 'e'])
  return { machine, before, after: stateOf(keeper), start, content: machine.disk.contentOf(segmentFile(1)) }
}

/** Opens what is left, and shows that it goes on from there. */
async function reopened(
  machine: Machine,
  content: Uint8Array,
): Promise<{ readonly state: ReturnType<typeof stateOf>; readonly torn: readonly number[] | undefined; readonly goesOn: boolean }> {
  machine.rewrite({ [segmentFile(1)]: content })
  const keeper = await machine.open()
  const state = stateOf(keeper)
  const cut = machine.disk.contentOf(segmentFile(1)).length === keeper.journal.end.offset
  const torn = keeper.torn && [keeper.torn.segment, keeper.torn.offset, keeper.torn.bytes]
  await keeper.write(['more'])
  const verified = await keeper.verify()
  const again = await machine.open()
  return { state, torn, goesOn: cut && verified.valid && isDeepStrictEqual(stateOf(again), stateOf(keeper)) }
}

t.test('a commit that was cut short at any byte is given up whole, and nothing before it', async t => {
  const { machine, before, after, start, content } = await threeCommits()
  t.same((await reopened(machine, content)).state, after)
  const wrong: number[] = []
  for (let cut = start; cut < content.length; cut++) {
    const { state, torn, goesOn } = await reopened(machine, content.slice(0, cut))
    const expected = cut === start ? undefined : [1, start, cut - start]
    if (!goesOn || !isDeepStrictEqual(state, before) || !isDeepStrictEqual(torn, expected)) wrong.push(cut)
  }
  t.same(wrong, [])
  t.ok(content.length - start > 1200, `${content.length - start} places`)
})

t.test('pages of the last write that never reached the disk are a write cut short, with its mark or without', async t => {
  const { machine, before, start, content } = await threeCommits()
  const wrong: string[] = []
  for (let from = start; from < content.length; from += 7) {
    for (const to of [from + 1, from + 60, content.length]) {
      // What reads as zero may have been zero, as the first byte of a length is: then nothing is missing.
      const torn = content.slice().fill(0, from, to)
      if (equalBytes(torn, content)) continue
      const result = await reopened(machine, torn)
      if (!result.goesOn || !isDeepStrictEqual(result.state, before) || result.torn?.[1] !== start) wrong.push(`${from} to ${to}`)
    }
  }
  t.same(wrong, [])
})

t.test('whatever stands behind the last commit is cut off', async t => {
  const { machine, after, content } = await threeCommits()
  const random = new SimRandom(1, 'garbage')
  const last = content.slice(content.length - 400)
  const tails: Readonly<Record<string, Uint8Array>> = {
    'a zero': new Uint8Array(1),
    zeros: new Uint8Array(4096),
    'a byte': Uint8Array.of(0x52),
    garbage: random.bytes(5000),
    'the end of the last commit again': last,
    'the last mark again': content.slice(content.length - MARK_BYTES),
    'half a record': content.slice(SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES + 100),
  }
  for (const [what, tail] of Object.entries(tails)) {
    const { state, torn, goesOn } = await reopened(machine, concatBytes(content, tail))
    t.same(state, after, what)
    t.same(torn, [1, content.length, tail.length], what)
    t.ok(goesOn, what)
  }
  // Commits that were written whole are no torn tail, even where they cannot belong.
  machine.rewrite({ [segmentFile(1)]: concatBytes(content, content) })
  t.equal(await codeOf(machine.open()), 'chain_damaged', 'the whole segment again')
})

// ---- crashes

/** A start; when the disk fails, the machine is turned off and on: only then what is read is what is on the disk. */
async function start(machine: Machine, random: SimRandom): Promise<Keeper | WeftError> {
  for (;;) {
    try {
      return await Keeper.open(0, machine.disk, machine.turn, random)
    } catch (error) {
      if (!(error instanceof WeftError) || error.code !== 'disk_failed') return error as WeftError
      machine.disk.crash('power')
    }
  }
}

/**
 * One machine through several lives, with crashes, full disks and failed syncs at random moments. After each
 * crash: nothing acknowledged is missing, nothing stands twice or with a gap, every checkpoint that peers may have seen is
 * true of what is there, and what failed is not back once a later commit had succeeded.
 */
async function lives(seed: number): Promise<{
  readonly wrong: readonly string[]
  readonly crashes: number
  readonly failures: number
  readonly torn: number
  readonly leftovers: number
}> {
  const random = new SimRandom(seed, 'lives')
  const machine = new Machine(seed)
  const { scheduler, disk } = machine
  const other = new Author(1)
  other.append(['first'])
  other.settle()
  const wrong: string[] = []
  const acknowledged = new Map<LogId, number>()
  const written = new Map<LogId, Uint8Array[]>()
  const published: { readonly log: LogId; readonly checkpoint: SignedCheckpoint }[] = []
  const gone = new Set<string>()
  let [crashes, failures, torn, leftovers] = [0, 0, 0, 0]

  for (let life = 0; life < 6; life++) {
    const keeper = await start(machine, new SimRandom(seed, `life ${life}`))
    if (keeper instanceof Error) return { wrong: [...wrong, `life ${life}: ${keeper.message}`], crashes, failures, torn, leftovers }
    if (keeper.torn !== undefined) torn++
    if ((keeper.torn?.segment ?? Infinity) < keeper.journal.end.segment) leftovers++
    for (const [id, size] of acknowledged) {
      const log = keeper.chain.log(id)
      if (log === undefined || log.durable < size) wrong.push(`life ${life}: ${log?.durable ?? 0} records where ${size} were acknowledged`)
    }
    for (const [id, list] of keeper.records) {
      const known = written.get(id) ?? []
      for (const [seq, { header }] of list.entries()) {
        if (seq < (acknowledged.get(id) ?? 0) && !equalBytes(header, known[seq] as Uint8Array))
          wrong.push(`life ${life}: another record ${seq}`)
        if (gone.has(toHex(header))) wrong.push(`life ${life}: record ${seq} is back after it had failed`)
      }
      acknowledged.set(id, list.length)
      written.set(
        id,
        list.map(({ header }) => header),
      )
    }
    for (const { log: id, checkpoint } of published) {
      const tree = keeper.chain.log(id)?.tree
      if (tree === undefined || tree.size < checkpoint.size || !equalBytes(tree.root(checkpoint.size), checkpoint.root))
        wrong.push(`life ${life}: a fork at ${checkpoint.size}`)
    }
    const verified = await keeper.verify()
    if (!verified.valid) wrong.push(`life ${life}: ${JSON.stringify(verified)}`)

    // It writes until the power goes, or the process is killed. A sync that fails while nobody is there to see it is beyond
    // any program: to who comes after, everything looks written.
    const end = random.chance(800) ? 'power' : 'process'
    let isDead = false
    const failed: Uint8Array[] = []
    const commit = (): void => {
      if (end === 'power' && random.chance(100)) disk.failSync()
      disk.full(random.chance(80) ? disk.usedBytes + random.below(2000) : Infinity)
      if (random.chance(300)) {
        other.append(bodies(1 + random.below(4), random.below(200)))
        other.settle()
      }
      keeper.append(bodies(1 + random.below(6), random.below(400)), random.pick([MAIN, AUDIT]))
      keeper.copy(other, identityOf(1).id, 1 + random.below(3))
      const staged = keeper.take(random.chance(700))
      if (staged === undefined) return
      keeper.journal.commit(staged.commit, error => {
        if (isDead) return
        if (error !== undefined) {
          failures++
          for (const { records } of keeper.failed(staged)) failed.push(...records.map(({ record }) => record.header))
        } else {
          keeper.committed(staged)
          for (const header of failed.splice(0)) gone.add(toHex(header))
          for (const { log, records } of staged.groups) {
            const list = written.get(log.identity.id) ?? []
            for (const { seq, record } of records) {
              list[seq] = record.header
              gone.delete(toHex(record.header))
            }
            written.set(log.identity.id, list)
            acknowledged.set(log.identity.id, log.durable)
          }
          for (const [log, checkpoint] of staged.checkpoints) published.push({ log: log.identity.id, checkpoint })
        }
        commit()
      })
    }
    commit()
    scheduler.runUntil(scheduler.nowUs + random.below(30_000))
    isDead = true
    disk.full(Infinity)
    disk.crash(end)
    crashes++
  }
  return { wrong, crashes, failures, torn, leftovers }
}

t.test('240 lives that ended in the middle of it lost nothing, forked nothing and brought nothing back', async t => {
  const wrong: string[] = []
  const sum = { crashes: 0, failures: 0, torn: 0, leftovers: 0 }
  for (let seed = 1; seed <= 40; seed++) {
    const run = await lives(seed)
    wrong.push(...run.wrong.map(what => `seed ${seed}, ${what}`))
    sum.crashes += run.crashes
    sum.failures += run.failures
    sum.torn += run.torn
    sum.leftovers += run.leftovers
  }
  t.same(wrong, [])
  t.comment(JSON.stringify(sum))
  t.equal(sum.crashes, 240)
  t.ok(sum.failures > 100 && sum.torn > 50 && sum.leftovers > 0, 'what was to be tried has happened')
})

// ---- disks that fail

t.test('a part of a run vouches for itself after a restart, and a torn tail takes it back to the part before', async t => {
  const author = new Author(1)
  author.append(bodies(40))
  author.settle()
  const { id } = identityOf(1)
  const machine = new Machine()
  const keeper = await machine.open()
  await keeper.write(['own'])
  keeper.copy(author, id, 7, 1)
  await keeper.commit()
  const seven = { state: stateOf(keeper), end: keeper.journal.end }
  keeper.copy(author, id, 13, 1)
  await keeper.commit()
  t.equal(keeper.chain.log(id)?.published, 20)
  t.equal(keeper.chain.log(id)?.missing, 21)
  const whole = machine.disk.contentOf(segmentFile(1))
  for (let length = seven.end.offset; length <= whole.length; length += length + 25 > whole.length ? 1 : 25) {
    machine.rewrite({ [segmentFile(1)]: whole.slice(0, length) })
    const again = await machine.open()
    const isTorn = length < whole.length
    t.same(stateOf(again), isTorn ? seven.state : stateOf(keeper), `${length} of ${whole.length} bytes`)
    const held = isTorn ? 7 : 20
    for (const size of [1, held - 1]) {
      const log = again.chain.log(id) as Log
      const run = again.frame(id, 0, size)
      t.ok(verifyConsistency(size, log.tree.root(size), 41, run.checkpoint.root, run.proof), `and proves the first ${size}`)
    }
    const verified = await again.verify()
    t.equal(verified.valid && verified.logs.find(({ logId }) => logId === id)?.signed, held)
  }
  const relay = await machine.open()
  const next = new Author(2)
  next.copy(relay, id, 3)
  next.settle()
  t.equal(next.chain.log(id)?.published, 20, 'others get it from there')
  author.append(['more'])
  author.settle()
  relay.copy(author, id, 5)
  await relay.commit()
  t.same((await machine.open()).chain.log(id)?.published, 42, 'and it goes on with what the author signs later')
  t.equal((await relay.verify()).valid, true)
})

t.test('a full disk is an error of the commit alone; when there is room again, writing goes on', async t => {
  const machine = new Machine(3)
  const keeper = await machine.open()
  await keeper.write(['a', 'b'])
  const before = stateOf(keeper)
  const end = keeper.journal.end
  machine.disk.full(machine.disk.usedBytes + 100)
  for (let i = 0; i < 5; i++) t.equal(await codeOf(keeper.write(bodies(3, 500))), 'disk_full')
  t.same(stateOf(keeper), before)
  t.same(keeper.journal.end, end)
  t.same((await keeper.read(identityOf(0).id, 0, 10)).records, keeper.records.get(identityOf(0).id))
  machine.disk.full(Infinity)
  await keeper.write(['c'])
  t.same(machine.disk.contentOf(segmentFile(1)).length, keeper.journal.end.offset, 'nothing of the failed ones is left')
  machine.disk.crash('power')
  const again = await machine.open()
  t.equal(again.torn, undefined)
  t.same(stateOf(again), stateOf(keeper))
  t.equal(again.chain.log(identityOf(0).id)?.durable, 4)
  t.equal((await again.verify()).valid, true)
})

t.test('a disk that is full from the start takes the first commit later', async t => {
  const machine = new Machine(4)
  const keeper = await machine.open()
  machine.disk.full(10)
  t.equal(await codeOf(keeper.write(['a'])), 'disk_full')
  t.equal(keeper.chain.logs.size, 0, 'the log is gone with its first record')
  machine.disk.full(100)
  t.equal(await codeOf(keeper.write(['a'])), 'disk_full', 'room for a header only')
  machine.disk.full(Infinity)
  await keeper.write(['a'])
  t.equal((await machine.open()).chain.log(identityOf(0).id)?.durable, 2)
})

t.test('after a failed sync the next commit goes into a new segment, and what failed never comes back', async t => {
  for (let seed = 1; seed <= 30; seed++) {
    const machine = new Machine(seed)
    const keeper = await machine.open()
    await keeper.write(['a'])
    const { offset } = keeper.journal.end
    machine.disk.failSync()
    t.equal(await codeOf(keeper.write(['failed'])), 'disk_failed')
    await keeper.write(['b'])
    t.same(machine.disk.files, [segmentFile(1), segmentFile(2)])
    t.equal(machine.disk.contentOf(segmentFile(1)).length, offset)
    machine.disk.crash('power')
    const again = await machine.open()
    t.same(stateOf(again), stateOf(keeper), `seed ${seed}`)
    const texts = again.records
      .get(identityOf(0).id)
      ?.slice(1)
      .map(({ body }) => String.fromCharCode(...body))
    t.same(texts, ['a', 'b'])
    t.equal(machine.disk.contentOf(segmentFile(1)).length, offset, 'what a crash brought back is cut off again')
    t.equal((await again.verify()).valid, true)
  }
})

t.test('what was acknowledged is read again after a failed sync; if it has gone bad, nothing more is written', async t => {
  const machine = new Machine()
  const keeper = await machine.open()
  await keeper.write(['a'])
  const place = keeper.journal.place(identityOf(0).id, 1)
  await keeper.write(['b'])
  machine.disk.failSync()
  t.equal(await codeOf(keeper.write(['c'])), 'disk_failed')
  machine.disk.flip(segmentFile(1), place.offset + 20)
  for (let i = 0; i < 2; i++) t.equal(await codeOf(keeper.write(['d'])), 'chain_damaged')
  t.same(machine.disk.files, [segmentFile(1)])
})

t.test('a new segment that a crash left without its header is removed, one with its header used', async t => {
  for (let seed = 1; seed <= 60; seed++) {
    const machine = new Machine(seed)
    const keeper = await machine.open()
    await keeper.write(['a'])
    machine.disk.failSync()
    await codeOf(keeper.write(['failed']))
    const before = stateOf(keeper)
    // The power goes while the new segment is being made.
    keeper.append(['b'])
    const staged = keeper.take() as NonNullable<ReturnType<Keeper['take']>>
    keeper.journal.commit(staged.commit, () => {})
    machine.scheduler.runUntil(machine.scheduler.nowUs + 30 * seed)
    machine.disk.crash('power')
    const again = await machine.open()
    const known = again.records.get(identityOf(0).id)?.length ?? 0
    if (known === 2) t.same(stateOf(again), before, `seed ${seed}`)
    else t.equal(known, 3, `seed ${seed}: one of the two unfinished commits was written whole`)
    await again.write(['c'])
    t.equal((await again.verify()).valid, true, `seed ${seed}`)
    t.equal((await machine.open()).chain.log(identityOf(0).id)?.durable, known + 1)
  }
})

// ---- what cannot be opened

/** Three segments: a failed sync ends one. */
async function threeSegments(): Promise<{ readonly machine: Machine; readonly keeper: Keeper }> {
  const machine = new Machine()
  const keeper = await machine.open()
  for (let i = 0; i < 3; i++) {
    await keeper.write(bodies(4))
    if (i === 2) break
    machine.disk.failSync()
    await codeOf(keeper.write(['failed']))
  }
  machine.rewrite({})
  t.same(machine.disk.files, [1, 2, 3].map(segmentFile))
  return { machine, keeper }
}

t.test('a journal of a newer version is left alone', async t => {
  const { machine } = await threeSegments()
  for (const number of [1, 2, 3]) {
    const file = segmentFile(number)
    const content = machine.disk.contentOf(file)
    const newer = content.slice()
    newer[7] = 3
    new DataView(newer.buffer).setUint32(20, suite.crc32(newer.subarray(0, 20)))
    machine.rewrite({ [file]: newer })
    t.equal(await codeOf(machine.open()), 'format_newer')
    t.equal(await codeOf(verification(machine.disk, machine.turn, 0)), 'format_newer')
    t.same(machine.disk.contentOf(file), newer)
    machine.rewrite({ [file]: content })
  }
  t.equal(await codeOf(machine.open()), 'ok')
})

t.test('segments that are missing, exchanged, cut, prolonged or made up are found, with the record they cost', async t => {
  const { machine } = await threeSegments()
  const log = identityOf(0).id
  const files = new Map(machine.disk.snapshot())
  const [one, two, three] = [1, 2, 3].map(number => files.get(segmentFile(number)) as Uint8Array) as [Uint8Array, Uint8Array, Uint8Array]
  const damage = (content: Uint8Array, at: number): Uint8Array => content.with(at, (content[at] as number) ^ 1)
  // Five records in the first segment with the genesis, four in each of the others.
  const cases: readonly (readonly [
    what: string,
    content: readonly (Uint8Array | undefined)[],
    found: readonly [seq: number, reason: string, segment: number] | undefined,
  ])[] = [
    ['the first is missing', [undefined, two, three], [0, 'segment missing', 1]],
    ['the middle is missing', [one, undefined, three], [5, 'segment missing', 2]],
    ['the first two are missing', [undefined, undefined, three], [0, 'segment missing', 1]],
    ['the first two are exchanged', [two, one, three], [0, 'segment out of place', 1]],
    ['the last two are exchanged', [one, three, two], [5, 'segment out of place', 2]],
    ['the first stands in for the second', [one, one, three], [5, 'segment out of place', 2]],
    ['the middle has no content', [one, two.slice(0, SEGMENT_HEADER_BYTES), three], [5, 'segment cut short', 2]],
    ['the middle has no header', [one, new Uint8Array(0), three], [5, 'segment header damaged', 2]],
    ['the header of the first is damaged', [damage(one, 8), two, three], [0, 'segment header damaged', 1]],
    ['the header of the middle is damaged', [one, damage(two, 15), three], [5, 'segment header damaged', 2]],
    ['the header of the last is damaged', [one, two, damage(three, 0)], [8, 'segment header damaged', 3]],
    ['a fourth is a copy of the third', [one, two, three, three], [13, 'segment out of place', 4]],
    ['a fourth is missing before a fifth', [one, two, three, undefined, three], [13, 'segment missing', 4]],
    ['the last is missing', [one, two], undefined],
  ]
  for (const [what, content, found] of cases) {
    machine.rewrite(Object.fromEntries([1, 2, 3, 4, 5].map(number => [segmentFile(number), content[number - 1]])))
    const verified = await verification(machine.disk, machine.turn, 0)
    if (found === undefined) {
      t.equal(verified.valid, true, what)
      continue
    }
    const [seq, reason, segment] = found
    t.same(verified, { valid: false, log, seq, reason, file: segmentFile(segment), offset: (verified as { offset: number }).offset }, what)
    t.equal(await codeOf(machine.open()), 'chain_damaged', what)
    try {
      await machine.open()
    } catch (error) {
      t.match((error as WeftError).message, `record ${seq} of log ${log} is damaged: ${reason} (${segmentFile(segment)} at byte`, what)
      t.match((error as WeftError).details, { log, seq, reason, file: segmentFile(segment) }, what)
    }
  }
  // Behind the end of a segment that others follow, nothing counts: a start cuts it off, a verification says it is there.
  machine.rewrite({
    [segmentFile(1)]: concatBytes(one, utf8('more')),
    [segmentFile(2)]: two,
    [segmentFile(3)]: three,
    [segmentFile(4)]: undefined,
    [segmentFile(5)]: undefined,
  })
  t.match(await verification(machine.disk, machine.turn, 0), {
    valid: false,
    reason: 'torn: 4 bytes that no commit counts',
    file: segmentFile(1),
    offset: one.length,
  })
  const opened = await machine.open()
  t.match(opened.torn, { segment: 1, offset: one.length, bytes: 4 })
  t.same(machine.disk.contentOf(segmentFile(1)), one)
  t.equal((await opened.verify()).valid, true)
})

t.test('files of other names are none of its business', async t => {
  const { machine, keeper } = await threeSegments()
  machine.rewrite({
    'journal/notes.txt': utf8('x'),
    'journal/00000004.seg.bak': utf8('x'),
    'journal/0000000a.seg': utf8('x'),
    '00000009.seg': utf8('x'),
  })
  t.same(stateOf(await machine.open()), stateOf(keeper))
})

// ---- the chain above it

t.test('a group is appended whole or not at all', async t => {
  const machine = new Machine()
  const keeper = await machine.open()
  const { chain } = keeper
  const refused = (bodies: readonly (Uint8Array | (() => Uint8Array))[]): void => {
    chain.append(
      MAIN,
      bodies.map(body => ({ kind: 50, actor: 'tester', body, parents: [] })),
      1,
    )
  }
  const long = new Uint8Array(BODY_MAX_BYTES + 1)
  t.throws(() => refused([utf8('a'), long]), { code: 'body_too_large', message: 'a body of 49153 bytes, at most 49152' })
  t.equal(chain.logs.size, 0, 'a log that would have begun with it does not exist')
  await keeper.write(['a'])
  const before = stateOf(keeper)
  const head = chain.ownLog(MAIN)?.head
  t.throws(() => refused([utf8('b'), () => long]), { code: 'body_too_large' })
  t.throws(
    () =>
      refused([
        utf8('b'),
        () => {
          throw new RangeError('of a body')
        },
      ]),
    { message: 'of a body' },
  )
  t.same(chain.ownLog(MAIN)?.head, head)
  t.equal(chain.backlogBytes, 0)
  t.same(stateOf(keeper), before)
  t.throws(() => refused([]), { message: 'a group of 0 records' })
  t.throws(() => refused(Array.from({ length: COMMIT_RECORDS_MAX }, () => utf8('x'))), { message: 'a group of 1024 records' })
  refused(Array.from({ length: COMMIT_RECORDS_MAX - 1 }, () => utf8('x')))
  t.equal(await keeper.commit(), undefined)
  t.equal((await keeper.verify()).valid, true)
})

t.test('a body can name the records before it in its group', async t => {
  const author = new Author(0)
  const written = author.chain.append(
    MAIN,
    [
      { kind: 50, actor: 'tester', body: utf8('first'), parents: [] },
      { kind: 51, actor: 'tester', body: ids => fromHex(ids[0] as string), parents: [] },
    ],
    1,
  )
  t.same(written[1]?.record.body, fromHex(written[0]?.id as string))
  t.end()
})

t.test('there are no more logs than peers can speak of', t => {
  const author = new Author(0)
  for (let i = 0; i < LOGS_MAX; i++) author.append(['x'], memoryStream(`space-${i}`))
  t.throws(() => author.append(['x'], memoryStream('one-more')), { code: 'table_full' })
  t.equal(author.chain.logs.size, LOGS_MAX)
  author.append(['y'], memoryStream('space-7'))
  t.end()
})

t.test('groups leave in commits of 1,024 records or 1 MiB, the oldest first, and one is never parted', t => {
  const author = new Author(0)
  for (let i = 0; i < 5; i++) author.append(bodies(400, 10))
  author.append(bodies(30, 40_000))
  author.append(bodies(30, 40_000))
  const counts: number[] = []
  for (let staged = author.take(false); staged !== undefined; staged = author.take(false)) {
    t.equal(author.take(false), undefined, 'one at a time')
    counts.push(staged.commit.records.length)
    author.committed(staged)
  }
  t.same(counts, [801, 800, 400, 30, 30])
  t.equal(author.chain.backlogBytes, 0)
  t.end()
})

t.test('a cut stands in the journal until a rebase has named what it took, through failed commits and restarts', async t => {
  const machine = new Machine()
  let keeper = await machine.open()
  await keeper.write(['signed'])
  const lost = await keeper.write(['one', 'two', 'three'], MAIN, false)
  const log = keeper.chain.ownLog(MAIN) as NonNullable<ReturnType<typeof keeper.chain.ownLog>>
  keeper.chain.stageCut(log, log.published)
  machine.disk.full(machine.disk.usedBytes)
  t.equal((await keeper.commit())?.code, 'disk_full')
  machine.disk.full(Infinity)
  t.ok(keeper.chain.isOnItsWay(log.identity.id), 'what was decided is not given up')
  t.equal(log.size, 2)
  t.equal(keeper.take(), undefined, 'nor tried again for its own sake')
  await keeper.write(['elsewhere'], AUDIT)
  keeper.journal.truncate(log.identity.id, 2)

  keeper = await machine.open()
  t.equal(keeper.chain.ownLog(MAIN)?.size, 2)
  const displaced = keeper.replay.displaced.get(log.identity.id)
  t.same(
    displaced?.map(({ id }) => id),
    lost.map(({ id }) => id),
  )
  const records = await wait<readonly { readonly body: Uint8Array }[]>(machine.turn, done =>
    keeper.journal.readPlaces(
      (displaced ?? []).map(({ place }) => place),
      (_, found) => done(found),
    ),
  )
  t.same(
    records.map(({ body }) => body),
    ['one', 'two', 'three'].map(utf8),
  )

  const moved = (ids: readonly string[], old: readonly string[]): Uint8Array =>
    encode(old.map((id, i) => [fromHex(id), fromHex(ids[i] as string)]))
  keeper.chain.append(
    MAIN,
    [
      { kind: 50, actor: 'tester', body: utf8('one'), parents: [] },
      { kind: 50, actor: 'tester', body: utf8('two'), parents: [] },
      {
        kind: KIND['log.rebase'],
        actor: 'kernel',
        body: ids =>
          moved(
            ids,
            lost.slice(0, 2).map(({ id }) => id),
          ),
        parents: [],
      },
    ],
    1,
  )
  t.equal(await keeper.commit(), undefined)
  t.same(
    (await machine.open()).replay.displaced.get(log.identity.id)?.map(({ id }) => id),
    [lost[2]?.id],
    'one is not appended again yet',
  )
  keeper.chain.append(
    MAIN,
    [
      { kind: 50, actor: 'tester', body: utf8('three'), parents: [] },
      {
        kind: KIND['log.rebase'],
        actor: 'kernel',
        body: ids =>
          moved(
            ids,
            lost.slice(2).map(({ id }) => id),
          ),
        parents: [],
      },
    ],
    1,
  )
  t.equal(await keeper.commit(), undefined)
  const last = await machine.open()
  t.equal(last.replay.displaced.size, 0)
  t.equal((await last.verify()).valid, true)
})
