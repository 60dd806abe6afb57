import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { equalBytes, utf8, ZERO_32 } from '../../base/bytes.ts'
import { type Cbor, decode, encode } from '../../base/codec.ts'
import { AUDIT, clusterIdOf, type LogId, memoryStream } from '../../base/ids.ts'
import {
  ANTI_ENTROPY_INTERVAL_MS,
  CLOCK_AHEAD_MAX_MS,
  CREDIT_BYTES,
  HEADS_INTERVAL_MS,
  LOGS_MAX,
  PROOF_MAX_HASHES,
  PULL_TIMEOUT_MS,
} from '../../base/limits.ts'
import { type Conflict, decodeConflict, encodeConflict, isConflict, isWitnessed } from '../../chain/conflict.ts'
import type { Log } from '../../chain/log.ts'
import type { SyncMessage } from '../../chain/messages.ts'
import { encodeRun, parseRun } from '../../chain/run.ts'
import { StartGuard } from '../../chain/start-guard.ts'
import { verifyConsistency } from '../../chain/tree.ts'
import { encodeMessage, parseMessage, WIRE } from '../../node/messages.ts'
import { SimRandom } from '../../sim/random.ts'
import fc from '../properties.ts'
import { Author, CLUSTER, identityOf, MAIN, signerOf, WALL_MS } from './keeper.ts'
import { type Member, Mesh } from './mesh.ts'

function bodies(count: number, bytes: number = 200, seed: number = 1): Uint8Array[] {
  const random = new SimRandom(seed, 'bodies')
  return Array.from({ length: count }, () => random.bytes(bytes))
}

/** Sizes and roots of all logs, as far as they may be told to others. */
function published(member: Member): Readonly<Record<string, readonly [number, string]>> {
  const logs = [...member.author.chain.logs.values()].filter(log => log.published > 0)
  return Object.fromEntries(logs.map(log => [log.identity.id, [log.published, String(log.tree.root(log.published))]]))
}

function written(index: number, records: number, streams: readonly (typeof MAIN)[] = [MAIN]): Author {
  const author = new Author(index)
  for (const stream of streams) for (const body of bodies(records, 200, index)) author.append([body], stream)
  author.settle()
  return author
}

const own = (index: number): LogId => identityOf(index).id

// ---- comparing

t.test('two that have the same know it after one round trip of less than 200 bytes', t => {
  const author = written(0, 5, [MAIN, AUDIT, memoryStream('side')])
  const mesh = new Mesh()
  const [a, b] = [mesh.join(author), mesh.holding(1, author)]
  mesh.connect(a, b)
  mesh.run()
  t.same(
    mesh.sent.map(({ message }) => message.kind),
    ['sync.hello', 'sync.equal'],
  )
  t.ok(mesh.bytes() < 200, `${mesh.bytes()} bytes`)
  t.same(
    [a, b].map(({ told }) => told.map(({ kind }) => kind)),
    [['vouched'], ['vouched']],
  )
  // And so they stay, without a word until the next comparison.
  mesh.pass(ANTI_ENTROPY_INTERVAL_MS / 2 - 1)
  t.equal(mesh.sent.length, 2)
  mesh.pass(ANTI_ENTROPY_INTERVAL_MS)
  t.same(mesh.sent.map(({ message }) => message.kind).slice(2), ['sync.hello', 'sync.equal'])
  t.end()
})

t.test('an empty one catches up, in frames of 64 KiB, each record once', t => {
  const author = written(0, 5000)
  const mesh = new Mesh()
  const [a, b] = [mesh.join(author), mesh.holding(1)]
  mesh.connect(a, b)
  mesh.run()
  t.same(published(b), published(a))
  t.ok(isDeepStrictEqual(b.author.records.get(own(0)), a.author.records.get(own(0))))
  t.equal(
    mesh.runs().reduce((sum, run) => sum + run.records.length, 0),
    5001,
  )
  t.ok(mesh.sent.every(({ frame }) => frame.length < 72 * 1024))
  t.same(mesh.sent.filter(({ message }) => message.kind === 'sync.want').length, 1, 'asked for once')
  t.ok(mesh.bytes() <= 250 * 5001, `${mesh.bytes() / 5001} bytes a record`)
  t.same([...a.codes, ...b.codes], [])
  t.end()
})

t.test('after a partition with 100 records of 200 bytes on either side, each gets what it lacks and no more', t => {
  const [one, two] = [written(0, 50), written(1, 50)]
  one.copy(two, own(1))
  two.copy(one, own(0))
  one.settle()
  two.settle()
  const mesh = new Mesh()
  const [a, b] = [mesh.join(one), mesh.join(two)]
  for (const member of [a, b]) for (const body of bodies(100, 200, member.author.index)) mesh.append(member, [body])
  mesh.connect(a, b)
  mesh.run()
  t.same(published(a), published(b))
  t.same(
    Object.values(published(a)).map(([size]) => size),
    [151, 151],
  )
  t.same(
    mesh.runs().map(run => [run.from, run.records.length]),
    [
      [51, 100],
      [51, 100],
    ],
  )
  t.ok(mesh.bytes() <= 320 * 200, `${mesh.bytes() / 200} bytes a record`)
  t.end()
})

t.test('of a stream with 200 logs only buckets are told, and the entries of those that differ', t => {
  const authors = Array.from({ length: 200 }, (_, i) => written(i + 10, 1))
  const mesh = new Mesh()
  const [a, b] = [mesh.holding(0, ...authors), mesh.holding(1, ...authors)]
  for (const author of authors.slice(0, 3)) {
    author.append(['more'])
    author.settle()
    a.author.copy(author, own(author.index))
  }
  a.author.settle()
  mesh.connect(a, b)
  mesh.run()
  t.same(published(a), published(b))
  t.equal(
    mesh.runs().reduce((sum, run) => sum + run.records.length, 0),
    3,
  )
  const entries = mesh.sent.flatMap(({ message }) => (message.kind === 'sync.ask' || message.kind === 'sync.answer' ? message.entries : []))
  t.ok(entries.length < 24, `${entries.length} entries of 200`)
  t.ok(mesh.bytes(({ message }) => message.kind !== 'sync.run') < 5000, `${mesh.bytes(({ message }) => message.kind !== 'sync.run')} bytes`)
  t.end()
})

t.test('any two sets of logs become equal, whatever each held, and only missing records travel', t => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(30), fc.nat(30), fc.nat(30)), { minLength: 1, maxLength: 12 }), sizes => {
      const mesh = new Mesh()
      const holders = [new Author(0), new Author(1)]
      let missing = 0
      for (const [i, [before, forA, forB]] of sizes.entries()) {
        const author = new Author(i + 10)
        author.append(bodies(before + 1))
        author.settle()
        for (const [k, more] of [forA, forB].entries()) {
          // One of the two has gone on with the log; a holder of nothing gets all of it.
          if (more > 20) continue
          const ahead = k === 0 ? 0 : more
          if (ahead > 0) author.append(bodies(ahead, 50, k))
          author.settle()
          ;(holders[k] as Author).copy(author, own(i + 10), 7)
          ;(holders[k] as Author).settle()
        }
        mesh.admit(identityOf(i + 10))
        const held = holders.map(holder => holder.chain.log(own(i + 10))?.durable ?? 0) as [number, number]
        missing += Math.abs(held[0] - held[1])
      }
      const [a, b] = holders.map(holder => mesh.join(holder)) as [Member, Member]
      mesh.connect(a, b)
      mesh.run()
      const travelled = mesh.runs().reduce((sum, run) => sum + run.records.length, 0)
      return isDeepStrictEqual(published(a), published(b)) && travelled === missing && a.codes.length + b.codes.length === 0
    }),
    { numRuns: 60 },
  )
  t.end()
})

// ---- credit

t.test('a peer that takes nothing in gets no more than its credit, and holds up nobody else', t => {
  const mesh = new Mesh()
  const a = mesh.join(written(0, 1))
  const [slow, quick] = [mesh.holding(1, a.author), mesh.holding(2, a.author)]
  for (const peer of [slow, quick]) mesh.connect(a, peer)
  mesh.run()
  mesh.deaf.add(slow.id)
  let most = 0
  mesh.onDeliver = () => {
    most = Math.max(most, mesh.inFlight(a, slow))
  }
  for (let i = 0; i < 100; i++) {
    mesh.append(a, bodies(40, 1000, i))
    if (i % 10 === 9) mesh.run()
  }
  t.ok(most <= CREDIT_BYTES && most > CREDIT_BYTES - 100_000, `${most} bytes in flight`)
  t.equal(quick.size(own(0)), 4002)
  t.equal(slow.size(own(0)), 2)
  mesh.deaf.clear()
  mesh.run()
  t.equal(slow.size(own(0)), 4002)
  t.same(
    mesh.runs(slow).reduce((sum, run) => sum + run.records.length, 0),
    4000,
  )
  t.same([...slow.codes, ...quick.codes], [])
  t.end()
})

t.test('whoever sends more than was granted is refused', t => {
  const mesh = new Mesh()
  const author = new Author(0)
  for (let i = 0; i < 40; i++) author.append([new Uint8Array(40_000)])
  author.settle()
  const [a, b] = [mesh.join(author), mesh.holding(1)]
  mesh.connect(a, b)
  b.author.take = () => undefined // its disk takes its time: nothing is dealt with
  const codes: string[] = []
  for (let from = 0; from < 41; from++) {
    const verdict = mesh.deliver({ from: a.id, to: b.id, message: { kind: 'sync.run', run: author.frame(own(0), from, 1) } })
    codes.push(verdict.verdict === 'accept' ? 'accept' : verdict.code)
  }
  const accepted = codes.indexOf('rate_limited')
  t.equal(accepted, 26, '26 of 40 KB in 1 MiB')
  t.same(new Set(codes.slice(accepted)), new Set(['rate_limited']))
  t.end()
})

// ---- sources

t.test('when a peer is lost in the middle of a run, another one goes on where it was', t => {
  const author = written(0, 3000)
  const mesh = new Mesh()
  const [a, b, late] = [mesh.holding(1, author), mesh.holding(2, author), mesh.holding(3)]
  mesh.connect(a, late)
  mesh.connect(b, late)
  const sources: string[] = []
  mesh.onDeliver = ({ from, to, message }) => {
    if (to !== late.id || message.kind !== 'sync.run') return
    sources.push(from)
    if (sources.length === 4) mesh.disconnect(from === a.id ? a : b, late)
  }
  mesh.run()
  t.equal(late.size(own(0)), 3001)
  t.equal(new Set(sources).size, 2)
  const stored = mesh.sent.filter(({ from, to, message }) => to === late.id && message.kind === 'sync.run' && from === sources.at(-1))
  const again = stored.flatMap(({ message }) => (message.kind === 'sync.run' ? [message.run.from] : []))[0] as number
  const before = mesh
    .runs(late)
    .slice(0, 3)
    .reduce((sum, run) => sum + run.records.length, 0)
  t.ok(again >= before, `goes on at ${again}, ${before} were stored`)
  t.end()
})

t.test('a peer that does not answer is asked no more while another one can be', t => {
  const author = written(0, 10)
  const mesh = new Mesh()
  const [a, b, late] = [mesh.holding(1, author), mesh.holding(2, author), mesh.holding(3)]
  mesh.connect(a, late)
  mesh.connect(b, late)
  const asked: string[] = []
  mesh.onDeliver = ({ to, message }) => {
    if (message.kind !== 'sync.want') return
    asked.push(to)
    if (asked.length === 1) mesh.deaf.add(late.id)
  }
  mesh.run()
  const [first] = asked
  mesh.disconnect(first === a.id ? a : b, late) // what it sent is lost; it comes back and says it has everything
  mesh.deaf.clear()
  mesh.connect(first === a.id ? a : b, late)
  mesh.run()
  mesh.pass(PULL_TIMEOUT_MS + 1)
  t.equal(late.size(own(0)), 11)
  t.end()
})

t.test('what an author commits reaches those who are connected at once, the rest through heads', t => {
  const mesh = new Mesh()
  const a = mesh.join(written(0, 1))
  const [bridge, far] = [mesh.holding(1, a.author), mesh.holding(2, a.author)]
  mesh.connect(a, bridge)
  mesh.connect(bridge, far)
  mesh.run()
  const before = mesh.sent.length
  mesh.append(a, ['new'])
  mesh.run()
  t.same(
    mesh.sent.slice(before).map(({ to, message }) => [to, message.kind]),
    [[bridge.id, 'sync.run']],
  )
  t.same(
    [bridge, far].map(member => member.size(own(0))),
    [3, 2],
  )
  mesh.pass(HEADS_INTERVAL_MS)
  t.equal(far.size(own(0)), 3)
  const kinds = mesh.sent
    .slice(before + 1)
    .filter(({ from, to }) => from === far.id || to === far.id)
    .map(({ message }) => message.kind)
  t.same(kinds.slice(0, 3), ['sync.heads', 'sync.want', 'sync.run'])
  t.end()
})

t.test('a new log is pushed from its genesis on', t => {
  const mesh = new Mesh()
  const [a, b] = [mesh.holding(0), mesh.holding(1)]
  mesh.connect(a, b)
  mesh.run()
  mesh.append(a, ['first'])
  mesh.run()
  t.equal(b.size(own(0)), 2)
  t.same(
    mesh.sent.slice(-1).map(({ message }) => message.kind),
    ['sync.run'],
  )
  t.end()
})

t.test('an author hears of a log that was on its way to the disk while two compared', t => {
  for (const [author, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const mesh = new Mesh()
    const [a, b] = [mesh.holding(author), mesh.holding(other)]
    mesh.connect(a, b)
    mesh.run()
    b.diskWaits = true
    mesh.append(a, ['first'])
    mesh.run()
    mesh.pass(2 * ANTI_ENTROPY_INTERVAL_MS)
    t.equal(b.size(own(author)), 0)
    const before = mesh.sent.length
    b.diskWaits = false
    mesh.commit(b)
    mesh.pass(HEADS_INTERVAL_MS)
    t.equal(b.size(own(author)), 2)
    const heads = mesh.sent
      .slice(before)
      .flatMap(({ to, message }) => (to === a.id && message.kind === 'sync.heads' ? message.entries : []))
    t.match(heads, [{ log: own(author), size: 2 }], 'who said that it lacks it says that it has it')
  }
  t.end()
})

t.test('what is signed while two compare follows when they have, without a wait for heads', t => {
  for (const kind of ['sync.hello', 'sync.ask', 'sync.answer']) {
    const mesh = new Mesh()
    const [one, two] = [written(0, 3), written(1, 3)]
    one.copy(two, own(1))
    two.copy(one, own(0))
    for (const author of [one, two]) author.settle()
    const [a, b] = [mesh.join(one), mesh.join(two)]
    mesh.append(a, ['while they were apart'])
    let isWritten = false
    mesh.onDeliver = ({ message }) => {
      if (isWritten || message.kind !== kind) return
      isWritten = true
      for (const member of [a, b]) mesh.append(member, ['while they compare'])
    }
    mesh.connect(a, b)
    mesh.run()
    for (const [other, missing] of [
      [b, [4, 5]],
      [a, [4]],
    ] as const) {
      const records = mesh.runs(other).flatMap(run => run.records.map((_, i) => run.from + i))
      t.same(records, missing, `${kind}: each once`)
    }
  }
  t.end()
})

t.test('where one stream differs, nothing is sent again of the others', t => {
  for (const writer of [0, 1]) {
    const mesh = new Mesh()
    const authors = [0, 1].map(index => written(index, 5, [MAIN, AUDIT, memoryStream('side')])) as [Author, Author]
    for (const [author, other] of [authors, authors.toReversed()] as [Author, Author][])
      for (const log of [...other.chain.logs.values()].filter(({ identity }) => identity.author === other.self))
        author.copy(other, log.identity.id)
    for (const author of authors) author.settle()
    const [a, b] = authors.map(author => mesh.join(author)) as [Member, Member]
    mesh.append(writer === 0 ? a : b, ['new'])
    mesh.connect(a, b)
    mesh.run()
    mesh.pass(HEADS_INTERVAL_MS)
    t.same(
      mesh.runs().map(run => [run.log, run.from, run.records.length]),
      [[own(writer), 6, 1]],
    )
    const told = mesh.sent.flatMap(({ message }) => (message.kind === 'sync.heads' ? message.entries.map(({ log }) => log) : []))
    t.same(
      told.filter(log => log !== own(writer)),
      [],
      'and only of that one anything is told',
    )
  }
  t.end()
})

t.test('a log that is pushed before its author is known as a member is asked for once that is so', t => {
  const [mesh, elsewhere] = [new Mesh(), new Mesh()]
  const [a, b] = [mesh.holding(0), elsewhere.holding(1)]
  mesh.members.set(b.id, b)
  mesh.connect(a, b)
  mesh.run()
  mesh.append(a, ['first'])
  mesh.run()
  t.same(b.codes, ['unknown_author'])
  elsewhere.admit(identityOf(0))
  mesh.perform(b, b.sync.onMembers(mesh.nowMs))
  t.equal(b.size(own(0)), 2)
  t.end()
})

// ---- a part of a run

/** What the member cannot prove of what it tells others that it holds. */
function unproved(member: Member, id: LogId): readonly string[] {
  const log = member.author.chain.log(id) as Log
  const checkpoint = log.checkpoint as NonNullable<Log['checkpoint']>
  const wrong: string[] = []
  for (let seq = 0; seq < log.published; seq++) {
    if (!isWitnessed({ checkpoint, leaf: log.tree.leaf(seq), proof: log.proveRecord(seq) }, seq, log.key)) wrong.push(`record ${seq}`)
    const size = seq + 1
    if (!verifyConsistency(size, log.tree.root(size), checkpoint.size, checkpoint.root, log.provePrefix(size)))
      wrong.push(`the first ${size}`)
  }
  return wrong
}

const sizes = (members: readonly Member[]): readonly number[] => members.map(member => member.author.chain.log(own(0))?.published ?? 0)
const travelled = (mesh: Mesh): number => mesh.runs().reduce((sum, run) => sum + run.records.length, 0)

t.test('what was got of a run whose author is gone passes from each to each, who can prove it as well as the author', t => {
  const author = written(0, 200)
  const mesh = new Mesh()
  const [b, c, d] = [mesh.holdingPart(1, author, 120), mesh.holdingPart(2, author, 50), mesh.holdingPart(3, author, 0)]
  const members = [b, c, d]
  mesh.readRecords = 7
  mesh.connect(b, c)
  mesh.connect(c, d)
  mesh.run()
  mesh.pass(ANTI_ENTROPY_INTERVAL_MS)
  t.same(sizes(members), [120, 120, 120])
  t.same(published(d), published(b))
  for (const member of members) t.same(unproved(member, own(0)), [])
  t.equal(travelled(mesh), 70 + 120, 'each record once')
  t.same(
    members.flatMap(({ codes }) => codes),
    [],
  )
  const quiet = mesh.sent.length
  mesh.pass(10 * ANTI_ENTROPY_INTERVAL_MS)
  t.same(new Set(mesh.sent.slice(quiet).map(({ message }) => message.kind)), new Set(['sync.hello', 'sync.equal']), 'and all is quiet')

  // It is back, and goes on: from where they are, with one signature over all of it.
  const a = mesh.join(author)
  mesh.connect(a, d)
  mesh.append(a, ['after all'])
  mesh.run()
  mesh.pass(ANTI_ENTROPY_INTERVAL_MS)
  t.same(sizes([a, ...members]), [202, 202, 202, 202])
  t.equal(travelled(mesh), 70 + 120 + 3 * 82)
  t.same(
    [...a.told, ...b.told, ...c.told, ...d.told].filter(({ kind }) => kind !== 'vouched'),
    [],
  )
  t.end()
})

t.test('whoever got how far, along any chain of relays and in frames of any size, all end with what one of them had', t => {
  const part = fc.record({ held: fc.nat(60), of: fc.nat(2) })
  fc.assert(
    fc.property(fc.array(part, { minLength: 2, maxLength: 6 }), fc.integer({ min: 1, max: 20 }), fc.boolean(), (parts, frame, returns) => {
      // One log at three sizes, each signed: parts of different runs.
      const author = new Author(0)
      const mesh = new Mesh()
      mesh.readRecords = frame
      const relays: Member[] = []
      for (const of of [0, 1, 2]) {
        author.append(bodies(20, 20, of))
        author.settle()
        for (const [i, { held }] of parts.entries())
          if (parts[i]?.of === of) relays.push(mesh.holdingPart(i + 1, author, Math.min(held, author.chain.log(own(0))?.size ?? 0)))
      }
      const most = Math.max(...sizes(relays))
      const missing = relays.reduce((sum, relay) => sum + most - relay.size(own(0)), 0)
      for (const [i, relay] of relays.slice(1).entries()) mesh.connect(relays[i] as Member, relay)
      mesh.run()
      mesh.pass(2 * ANTI_ENTROPY_INTERVAL_MS)
      const isEqual = sizes(relays).every(size => size === most) && travelled(mesh) === missing
      const isProved = most === 0 || relays.every(relay => unproved(relay, own(0)).length === 0)
      if (returns) {
        mesh.connect(mesh.join(author), relays[0] as Member)
        mesh.run()
        mesh.pass(2 * ANTI_ENTROPY_INTERVAL_MS)
      }
      const all = returns ? 61 : most
      return isEqual && isProved && sizes(relays).every(size => size === all) && relays.every(({ codes }) => codes.length === 0)
    }),
    { numRuns: 150 },
  )
  t.end()
})

t.test('a part of a run is extended only by what continues it under a signature, and stays as it was otherwise', t => {
  const author = written(0, 40)
  const mesh = new Mesh()
  const [relay, victim] = [mesh.holdingPart(1, author, 30), mesh.holdingPart(2, author, 9)]
  mesh.connect(relay, victim)
  const log = relay.author.chain.log(own(0)) as Log
  const list = relay.author.records.get(own(0)) ?? []
  const fields = (from: number, end: number): Cbor[] => encodeRun(log, from, list.slice(from, end)).fields as Cbor[]
  const other = written(3, 40)
  const [otherBytes, otherSignature] = [other.chain.log(own(3))?.checkpoint?.bytes, other.chain.log(own(3))?.checkpoint?.signature] as [
    Uint8Array,
    Uint8Array,
  ]
  const otherProof = (other.chain.log(own(3)) as Log).provePrefix(20)
  // The same author, in a life of which nobody else knows: as long, and signed.
  const twin = new Author(0, new Map(), new SimRandom(99, 'twin'))
  twin.append(bodies(40))
  twin.settle()
  const twinLog = twin.chain.log(own(0)) as Log
  const [twinBytes, twinSignature] = [twinLog.checkpoint?.bytes, twinLog.checkpoint?.signature] as [Uint8Array, Uint8Array]
  const proof = log.provePrefix(20)
  const sound = (): Cbor[] => fields(9, 20)
  const before = JSON.stringify(victim.author.chain.log(own(0))?.cover)
  const rows: readonly (readonly [what: string, fields: readonly Cbor[], code: string])[] = [
    ['no proof', sound().with(4, []), 'bad_proof'],
    ['the proof of one record less', sound().with(4, log.provePrefix(19)), 'bad_proof'],
    ['the proof of all that the relay holds', sound().with(4, log.provePrefix(30)), 'bad_proof'],
    ['the proof from another log', sound().with(4, otherProof), 'bad_proof'],
    ['a hash too many', sound().with(4, [...proof, ZERO_32]), 'bad_proof'],
    ['a hash too few', sound().with(4, proof.slice(1)), 'bad_proof'],
    ['its hashes in another order', sound().with(4, proof.toReversed()), 'bad_proof'],
    [
      'more hashes than there can be',
      sound().with(
        4,
        Array.from({ length: PROOF_MAX_HASHES + 1 }, () => ZERO_32),
      ),
      'not canonical',
    ],
    ['a record left out', sound().with(5, (sound()[5] as readonly Cbor[]).toSpliced(3, 1)), 'bad_proof'],
    ['the checkpoint of another log', sound().with(2, otherBytes).with(3, otherSignature), 'not canonical'],
    ['the signature of another log', sound().with(3, otherSignature), 'bad_signature'],
    ['the checkpoint of another history', sound().with(2, twinBytes).with(3, twinSignature), 'bad_proof'],
    ['that one, with its proof', sound().with(2, twinBytes).with(3, twinSignature).with(4, twinLog.provePrefix(20)), 'bad_proof'],
    ['more records than were signed', fields(9, 30).with(1, 25), 'not canonical'],
    ['records of which some are missing in between', fields(12, 20), 'gap'],
  ]
  for (const [what, run, code] of rows) {
    const parsed = parseRun(run, CLUSTER)
    if (parsed === undefined) {
      t.equal(code, 'not canonical', what)
      continue
    }
    const verdict = mesh.deliver({ from: relay.id, to: victim.id, message: { kind: 'sync.run', run: parsed } })
    t.match(verdict, { code }, what)
    t.equal(JSON.stringify(victim.author.chain.log(own(0))?.cover), before, `${what}: nothing is stored`)
    t.equal(victim.author.chain.log(own(0))?.size, 9)
  }
  const stale = parseRun(fields(0, 9), CLUSTER) as NonNullable<ReturnType<typeof parseRun>>
  t.match(mesh.deliver({ from: relay.id, to: victim.id, message: { kind: 'sync.run', run: stale } }), { code: 'duplicate' })
  mesh.run()
  t.equal(victim.size(own(0)), 30, 'what is sound still comes')
  t.same(unproved(victim, own(0)), [])
  t.notOk(victim.author.chain.log(own(0))?.conflict)
  t.end()
})

t.test('who says that it has more of a run than it sends holds nobody up for long', t => {
  const author = written(0, 40)
  const mesh = new Mesh()
  const [boaster, honest, late] = [mesh.holdingPart(1, author, 20), mesh.holdingPart(2, author, 30), mesh.holdingPart(3, author, 0)]
  mesh.connect(boaster, late)
  mesh.run()
  const entries = [{ log: own(0), size: 41, head: author.chain.log(own(0))?.head as Uint8Array }]
  mesh.deliver({ from: boaster.id, to: late.id, message: { kind: 'sync.heads', entries } })
  mesh.connect(honest, late)
  mesh.run()
  mesh.pass(PULL_TIMEOUT_MS + 1)
  t.equal(late.size(own(0)), 30)
  t.end()
})

t.test('parts of two histories of one log are told apart by proof, and parts of one under different checkpoints are not', t => {
  const [one, two] = [7, 8].map(seed => {
    const author = new Author(0, new Map(), new SimRandom(1, 'twins'))
    author.append(bodies(10))
    author.settle()
    author.append(bodies(30, 20, seed))
    author.settle()
    return author
  }) as [Author, Author]
  for (const [a, b, seq] of [
    [25, 31, 11],
    [12, 12, 11],
    [25, 11, undefined],
  ] as const) {
    const mesh = new Mesh()
    const [x, y] = [mesh.holdingPart(1, one, a), mesh.holdingPart(2, two, b)]
    mesh.connect(x, y)
    mesh.run()
    mesh.pass(ANTI_ENTROPY_INTERVAL_MS)
    for (const member of [x, y]) {
      const conflict = member.author.chain.log(own(0))?.conflict
      t.equal(conflict?.seq, seq, `${a} and ${b}`)
      if (conflict !== undefined) t.ok(isConflict(conflict, signerOf(0).publicKey))
    }
    if (seq === undefined) t.same(sizes([x, y]), [25, 25])
  }
  t.end()
})

// ---- what is not stored, and when it is

t.test('records of a clock that is ahead are deferred, and taken in once this one has caught up', t => {
  const mesh = new Mesh()
  const author = new Author(0)
  author.chain.append(
    MAIN,
    [{ kind: 50, actor: 'tester', body: utf8('from tomorrow'), parents: [] }],
    WALL_MS + CLOCK_AHEAD_MAX_MS + 20_000,
  )
  author.settle()
  const [a, b] = [mesh.join(author), mesh.holding(1)]
  mesh.connect(a, b)
  mesh.run()
  t.same(b.codes, ['clock_ahead'])
  t.equal(b.author.chain.logs.size, 0)
  mesh.append(a, ['and one more'])
  mesh.pass(HEADS_INTERVAL_MS)
  t.same(new Set(b.codes), new Set(['clock_ahead']), 'nobody is blamed')
  b.wallMs += 20_000
  mesh.pass(2 * ANTI_ENTROPY_INTERVAL_MS)
  t.same(published(b), published(a))
  t.end()
})

t.test('a log of nobody who is a member is not asked for until its author is one', t => {
  const author = written(0, 5)
  const mesh = new Mesh()
  const a = mesh.join(author)
  const stranger = new Mesh().holding(1)
  mesh.members.set(stranger.id, stranger)
  mesh.connect(a, stranger)
  mesh.run()
  t.equal(stranger.author.chain.logs.size, 0)
  t.equal(mesh.sent.filter(({ message }) => message.kind === 'sync.want').length, 0)
  mesh.deliver({ from: a.id, to: stranger.id, message: { kind: 'sync.run', run: author.frame(own(0), 0) } })
  t.same(stranger.codes, ['unknown_author'])
  t.equal(stranger.author.chain.logs.size, 0)
  t.end()
})

t.test('frames that come twice, overlap or leave a gap cost nothing but their bytes', t => {
  const author = written(0, 20)
  const mesh = new Mesh()
  const [a, b] = [mesh.join(author), mesh.holding(1)]
  mesh.connect(a, b)
  const take = (from: number, records: number): string => {
    const verdict = mesh.deliver({ from: a.id, to: b.id, message: { kind: 'sync.run', run: author.frame(own(0), from, records) } })
    return `${verdict.verdict === 'accept' ? 'accept' : verdict.code} ${b.author.chain.log(own(0))?.durable ?? 0}`
  }
  t.equal(take(4, 4), 'gap 0')
  t.equal(take(0, 5), 'accept 5')
  t.equal(take(0, 5), 'duplicate 5')
  t.equal(take(1, 2), 'duplicate 5')
  t.equal(take(3, 6), 'accept 9', 'the part that is new')
  t.equal(take(12, 3), 'gap 9')
  t.equal(take(0, 21), 'accept 21')
  t.same(published(b), published(a))
  t.end()
})

t.test('what a failing disk has lost is asked for again when it works', t => {
  const mesh = new Mesh()
  const [a, b] = [mesh.join(written(0, 500)), mesh.holding(1)]
  b.diskFails = true
  mesh.connect(a, b)
  mesh.run()
  t.equal(b.size(own(0)), 0)
  b.diskFails = false
  mesh.pass(2 * PULL_TIMEOUT_MS)
  t.same(published(b), published(a))
  t.end()
})

// ---- hostile

/** A conversation in which every kind of message occurs, and those who had it. */
function conversation(): {
  readonly mesh: Mesh
  readonly messages: readonly Uint8Array[]
  readonly a: Member
  readonly b: Member
  readonly truth: Author
} {
  const truth = written(0, 60)
  const many = Array.from({ length: 40 }, (_, i) => written(i + 10, 1))
  const mesh = new Mesh()
  const [a, b] = [mesh.join(truth), mesh.holding(1, ...many)]
  mesh.connect(a, b)
  mesh.run()
  mesh.append(a, bodies(700, 400))
  mesh.append(b, ['x'])
  mesh.run()
  mesh.pass(HEADS_INTERVAL_MS + 2 * ANTI_ENTROPY_INTERVAL_MS)
  const log = truth.chain.log(own(0)) as Log
  const leaf = encodeMessage({
    kind: 'sync.leaf',
    log: own(0),
    seq: 7,
    witnessed: {
      checkpoint: log.checkpoint as NonNullable<Log['checkpoint']>,
      leaf: log.tree.leaf(7),
      proof: log.tree.inclusionProof(7, log.published),
    },
  })
  const small = encodeMessage({
    kind: 'sync.run',
    fields: encodeRun(log, log.size - 2, (truth.records.get(own(0)) ?? []).slice(-2)).fields,
  })
  const rest = [
    { kind: 'sync.takes', isExcept: true, streams: new Set([memoryStream('plans')]) },
    { kind: 'sync.probe', log: own(0), seq: 7 },
    { kind: 'sync.heads', entries: [{ log: own(0), size: 9, head: log.tree.leaf(8) }] },
  ] as const
  return { mesh, messages: [...mesh.sent.map(({ frame }) => frame), leaf, small, ...rest.map(encodeMessage)], a, b, truth }
}

/** What is stored of author 0 is the beginning of what it wrote. */
function isTrue(member: Member, truth: Author): boolean {
  const [held, real] = [member.author.chain.log(own(0)), truth.chain.log(own(0)) as Log]
  return held === undefined || (held.size <= real.size && (held.size === 0 || equalBytes(held.tree.root(), real.tree.root(held.size))))
}

t.test('every message with any byte changed: no exception, and nothing is stored that its author did not sign', t => {
  const { messages, truth } = conversation()
  const shortest = new Map<string, Uint8Array>()
  for (const frame of messages) {
    const parsed = parseMessage(frame, 'sync', CLUSTER)
    const kind = parsed.ok ? parsed.message.kind : ''
    if ((shortest.get(kind)?.length ?? Infinity) > frame.length) shortest.set(kind, frame)
  }
  t.same(
    [...shortest.keys()].sort(),
    Object.keys(WIRE)
      .filter(kind => kind.startsWith('sync.'))
      .sort(),
  )
  const mesh = new Mesh()
  const [a, victim] = [mesh.join(new Author(2)), mesh.holding(1)]
  mesh.admit(identityOf(0))
  victim.author.copy(truth, own(0), 100, 2)
  victim.author.settle()
  mesh.connect(a, victim)
  let understood = 0
  for (const [kind, frame] of shortest) {
    for (let at = 0; at < frame.length; at++) {
      for (const mask of [0x01, 0xff]) {
        const parsed = parseMessage(frame.with(at, (frame[at] as number) ^ mask), 'sync', CLUSTER)
        if (!parsed.ok) continue
        understood++
        mesh.deliver({ from: a.id, to: victim.id, message: parsed.message as SyncMessage })
        mesh.run()
        if (!isTrue(victim, truth)) t.fail(`${kind} with byte ${at} changed`)
      }
    }
  }
  t.ok(understood > 1000, `${understood} were messages`)
  t.same([...victim.author.chain.logs.keys()], [own(0)])
  t.notOk(victim.author.chain.log(own(0))?.conflict)
  t.end()
})

/** Replaces one part of a value, somewhere in it. */
function altered(value: Cbor, path: number, by: Cbor): { readonly value: Cbor; readonly left: number } {
  if (path === 0) return { value: by, left: -1 }
  let left = path - 1
  if (!Array.isArray(value)) return { value, left }
  const items = (value as readonly Cbor[]).map(item => {
    if (left < 0) return item
    const change = altered(item, left, by)
    left = change.left
    return change.value
  })
  return { value: items, left }
}

t.test('every field of every message replaced by something else: no exception, and nothing is stored that is not signed', t => {
  const { messages, truth } = conversation()
  const mesh = new Mesh()
  const [a, victim] = [mesh.join(new Author(2)), mesh.holding(1)]
  mesh.admit(identityOf(0))
  mesh.connect(a, victim)
  const something: fc.Arbitrary<Cbor> = fc.oneof(
    fc.constantFrom<Cbor>(
      0,
      1,
      2 ** 32,
      Number.MAX_SAFE_INTEGER,
      '',
      'memory/main',
      [],
      [[]],
      new Uint8Array(0),
      ZERO_32,
      new Uint8Array(64),
      new Uint8Array(2048),
    ),
    fc.uint8Array({ maxLength: 70 }),
    fc.nat(),
  )
  fc.assert(
    fc.property(fc.nat(messages.length - 1), fc.nat(60), something, (which, path, by) => {
      const decoded = decode(messages[which] as Uint8Array)
      const frame = encode(altered(decoded.ok ? decoded.value : [], path + 1, by).value)
      const parsed = parseMessage(frame, 'sync', CLUSTER)
      if (parsed.ok) mesh.deliver({ from: a.id, to: victim.id, message: parsed.message as SyncMessage })
      mesh.run()
      return isTrue(victim, truth)
    }),
    { numRuns: 3000 },
  )
  t.end()
})

t.test('a whole conversation again, in any order, changes nothing', t => {
  const { mesh, messages, a, b, truth } = conversation()
  const before = [published(a), published(b)]
  const random = new SimRandom(3, 'replay')
  for (let i = 0; i < 2 * messages.length; i++) {
    const parsed = parseMessage(random.pick(messages), 'sync', CLUSTER)
    const [from, to] = random.chance(500) ? [a, b] : [b, a]
    if (parsed.ok) mesh.deliver({ from: from.id, to: to.id, message: parsed.message as SyncMessage })
    mesh.run()
  }
  mesh.pass(2 * ANTI_ENTROPY_INTERVAL_MS)
  t.same([published(a), published(b)], before)
  t.ok(isTrue(b, truth))
  t.same(
    [a, b].flatMap(({ told }) => told).filter(({ kind }) => kind === 'conflict'),
    [],
  )
  t.end()
})

t.test('runs that are not what their author signed are refused whole', t => {
  const author = written(0, 20)
  const log = author.chain.log(own(0)) as Log
  const list = author.records.get(own(0)) ?? []
  const fields = (from: number, count: number): Cbor[] => encodeRun(log, from, list.slice(from, from + count)).fields as Cbor[]
  const other = new Author(3)
  other.append(['x'])
  other.settle()
  const otherCheckpoint = other.chain.log(own(3))?.checkpoint as NonNullable<Log['checkpoint']>
  const rows = (from: number, count: number, change: (rows: readonly Cbor[]) => readonly Cbor[]): Cbor[] => {
    const all = fields(from, count)
    return [...all.slice(0, 5), change(all[5] as readonly Cbor[])]
  }
  const cases: Readonly<Record<string, readonly [fields: readonly Cbor[], code: string]>> = {
    'another signature': [fields(0, 21).with(3, new Uint8Array(64).fill(1)), 'bad_signature'],
    "another author's checkpoint": [fields(0, 2).with(2, otherCheckpoint.bytes).with(3, otherCheckpoint.signature), 'not a run'],
    'no genesis': [rows(0, 21, all => [[50, ...(all[0] as readonly Cbor[]).slice(1)], ...all.slice(1)]), 'bad_record'],
    'another body': [rows(0, 21, all => [...all.slice(0, -1), (all.at(-1) as readonly Cbor[]).with(6, new Uint8Array(50))]), 'bad_proof'],
    'a record left out': [rows(0, 20, all => [...all.slice(0, 4), ...all.slice(5)]), 'bad_proof'],
    'two records exchanged': [rows(0, 21, all => all.with(3, all[4] as Cbor).with(4, all[3] as Cbor)), 'bad_proof'],
    'a record too many': [rows(0, 21, all => [...all, all[2] as Cbor]), 'not a run'],
    'no proof': [fields(0, 5).with(4, []), 'bad_proof'],
    'a proof too many': [fields(0, 21).with(4, [ZERO_32]), 'bad_proof'],
    'no records': [fields(0, 5).with(5, []), 'not a run'],
  }
  for (const [what, [run, code]] of Object.entries(cases)) {
    const mesh = new Mesh()
    const [a, b] = [mesh.join(author), mesh.holding(1)]
    mesh.connect(a, b)
    const parsed = parseRun(run, CLUSTER)
    const verdict = parsed && mesh.deliver({ from: a.id, to: b.id, message: { kind: 'sync.run', run: parsed } })
    t.same(verdict === undefined ? 'not a run' : verdict.verdict === 'accept' ? 'accept' : verdict.code, code, what)
    t.equal(b.author.chain.logs.size, 0, what)
    if (verdict !== undefined) t.equal(verdict.verdict, 'reject', what)
  }
  t.equal(parseRun(fields(0, 21), clusterIdOf(ZERO_32)), undefined, 'of another cluster')
  t.end()
})

t.test('nobody is believed to have more logs than a cluster has', t => {
  const mesh = new Mesh()
  const [a, b] = [mesh.holding(1), mesh.holding(2)]
  mesh.connect(a, b)
  mesh.run()
  const entry = (i: number) => ({ log: identityOf(0, memoryStream(`s${i}`)).id, size: 1, head: ZERO_32 })
  const entries = Array.from({ length: LOGS_MAX + 1 }, (_, i) => entry(i))
  t.notOk(parseMessage(encodeMessage({ kind: 'sync.heads', entries }), 'sync', CLUSTER).ok)
  t.equal(mesh.deliver({ from: a.id, to: b.id, message: { kind: 'sync.heads', entries: entries.slice(0, LOGS_MAX) } }).verdict, 'accept')
  t.equal(mesh.deliver({ from: a.id, to: b.id, message: { kind: 'sync.heads', entries: entries.slice(LOGS_MAX) } }).verdict, 'reject')
  t.end()
})

t.test('who is not connected is not heard', t => {
  const mesh = new Mesh()
  const [a, b] = [mesh.join(written(0, 1)), mesh.holding(1)]
  const verdict = mesh.deliver({ from: a.id, to: b.id, message: { kind: 'sync.run', run: a.author.frame(own(0), 0) } })
  t.same(verdict, { verdict: 'ignore', code: 'unexpected' })
  t.equal(b.author.chain.logs.size, 0)
  t.end()
})

// ---- forks

/** The same author twice: both have the first `common` records, and go on differently. */
function forked(common: number, one: number, two: number): readonly [Author, Author] {
  const first = written(0, common)
  const second = new Author(0, new Map(), new SimRandom(99, 'fork'))
  second.copy(first, own(0))
  second.settle()
  first.append(bodies(one, 100, 21))
  second.append(bodies(two, 100, 22))
  first.settle()
  second.settle()
  return [first, second]
}

for (const [common, one, two] of [
  [10, 5, 5],
  [10, 1, 40],
  [1, 40, 1],
  [63, 1, 1],
] as const) {
  t.test(
    `a log that was continued in two ways after ${common} records, by ${one} and ${two}: both holders find the place, and keep the rest`,
    t => {
      const [first, second] = forked(common, one, two)
      const mesh = new Mesh()
      const [a, b] = [mesh.holding(1, first), mesh.holding(2, second)]
      mesh.append(a, ['of another log'])
      mesh.connect(a, b)
      mesh.run()
      mesh.pass(2 * PULL_TIMEOUT_MS + 2 * ANTI_ENTROPY_INTERVAL_MS)
      for (const member of [a, b]) {
        const conflict = member.author.chain.log(own(0))?.conflict as Conflict
        t.equal(conflict?.seq, common + 1)
        t.ok(isConflict(conflict, signerOf(0).publicKey))
        t.equal(member.told.filter(({ kind }) => kind === 'conflict').length, 1)
        t.equal(member.size(own(0)), common + 1 + (member === a ? one : two), 'nothing of the log is thrown away')
      }
      t.equal(b.size(own(1)), 2, 'other logs go on')
      // Nothing more of it is taken in.
      first.append(['later'])
      first.settle()
      const verdict = mesh.deliver({ from: b.id, to: a.id, message: { kind: 'sync.run', run: first.frame(own(0), common + 1 + one) } })
      t.same(verdict, { verdict: 'ignore', code: 'log_conflicted' })
      t.end()
    },
  )
}

t.test('evidence of a fork convinces from its bytes alone, and no other bytes do', t => {
  const [first, second] = forked(10, 5, 7)
  const mesh = new Mesh()
  const [a, b] = [mesh.holding(1, first), mesh.holding(2, second)]
  mesh.connect(a, b)
  mesh.run()
  const bytes = encodeConflict(a.author.chain.log(own(0))?.conflict as Conflict)
  const key = signerOf(0).publicKey
  const convinces = (input: Uint8Array): boolean => {
    const conflict = decodeConflict(input, CLUSTER)
    return conflict !== undefined && isConflict(conflict, key)
  }
  t.ok(bytes.length <= 2048, `${bytes.length} bytes`)
  t.ok(convinces(bytes))
  t.notOk(isConflict(decodeConflict(bytes, CLUSTER) as Conflict, signerOf(1).publicKey), 'against somebody else')
  t.equal(decodeConflict(bytes, clusterIdOf(ZERO_32)), undefined)
  const accepted: number[] = []
  for (let at = 0; at < bytes.length; at++)
    for (const mask of [0x01, 0x80]) if (convinces(bytes.with(at, (bytes[at] as number) ^ mask))) accepted.push(at)
  t.same(accepted, [])
  // The same record twice is no fork, however it is shown.
  const conflict = decodeConflict(bytes, CLUSTER) as Conflict
  t.notOk(isConflict({ ...conflict, theirs: conflict.mine }, key))
  t.end()
})

t.test('an honest log that is only longer is never taken for a fork', t => {
  const author = written(0, 30)
  const mesh = new Mesh()
  const [a, b] = [mesh.holding(1, author), mesh.holding(2)]
  b.author.copy(author, own(0), 5, 3)
  b.author.settle()
  mesh.connect(a, b)
  mesh.run()
  t.equal(b.size(own(0)), 31)
  t.same(
    [...a.told, ...b.told].filter(({ kind }) => kind === 'conflict'),
    [],
  )
  t.end()
})

// ---- own logs after a start

t.test('the guard opens for a cluster of one, for one voucher, or for a majority where that is asked', t => {
  const peers = [1, 2, 3, 4].map(index => new Author(index).self)
  const cases: readonly (readonly [strict: boolean, others: number, vouchers: number, open: boolean])[] = [
    [false, 0, 0, true],
    [false, 1, 0, false],
    [false, 4, 1, true],
    [true, 0, 0, true],
    [true, 1, 0, false],
    [true, 1, 1, true],
    [true, 4, 1, false],
    [true, 4, 2, true],
    [true, 3, 1, false],
    [true, 3, 2, true],
  ]
  for (const others of [1, 2, 4]) {
    const guard = new StartGuard(others === 2)
    for (const peer of peers.slice(0, others)) {
      t.equal(guard.update(others, true), false, 'where something signed is lost, all must vouch')
      guard.vouched(peer)
    }
    t.equal(guard.update(others, true), true)
  }
  for (const [strict, others, vouchers, open] of cases) {
    const guard = new StartGuard(strict)
    for (const peer of peers.slice(0, vouchers)) {
      guard.vouched(peer)
      guard.vouched(peer)
    }
    t.equal(guard.update(others), open, `${strict ? 'strict' : 'not strict'}, ${others} others, ${vouchers} vouch`)
    t.equal(guard.isOpen, open)
    t.equal(guard.update(others), false, 'opens once')
    guard.close()
    t.equal(guard.isOpen, false)
    t.equal(guard.update(others), others === 0, 'who vouched before vouches for nothing now')
  }
  t.end()
})

t.test('an author whose backup is older than what it has published hears so, with proof, and takes its log back', t => {
  const author = written(0, 20)
  const mesh = new Mesh()
  const b = mesh.holding(1, author)
  const restored = new Author(0)
  restored.copy(author, own(0), 8, 1)
  restored.settle()
  const a = mesh.join(restored)
  a.signs = false
  mesh.append(a, ['written before anybody could say'])
  const log = restored.chain.log(own(0)) as Log
  mesh.connect(a, b)
  mesh.run()
  t.same(a.told, [{ kind: 'outrun', peer: b.id, log: own(0), size: 21 }], 'and it vouches for nothing')
  t.equal(a.size(own(0)), 9)
  t.same(
    b.told.map(({ kind }) => kind),
    ['vouched'],
  )

  restored.chain.stageCut(log, 8)
  mesh.commit(a)
  restored.records.set(own(0), (restored.records.get(own(0)) ?? []).slice(0, 8))
  mesh.perform(a, a.sync.recover(own(0), mesh.nowMs))
  t.same(published(a), published(b))
  t.same(restored.records.get(own(0)), author.records.get(own(0)))
  mesh.perform(a, a.sync.recovered(own(0)))
  t.same(a.told.slice(1), [{ kind: 'vouched', peer: b.id }])
  a.signs = true
  mesh.append(a, ['again'])
  mesh.run()
  t.equal(b.size(own(0)), 22)
  t.end()
})

t.test('an author that has lost everything takes back what is left of its log, and what it signs then continues that', t => {
  const author = written(0, 40)
  const mesh = new Mesh()
  const [b, c] = [mesh.holdingPart(1, author, 30), mesh.holdingPart(2, author, 12)]
  const empty = new Author(0)
  const a = mesh.join(empty)
  a.signs = false
  mesh.connect(a, b)
  mesh.run()
  t.same(a.told, [{ kind: 'outrun', peer: b.id, log: own(0), size: 30 }], 'a part is proof enough that there is more')
  mesh.perform(a, a.sync.recover(own(0), mesh.nowMs))
  t.same(sizes([a]), [30])
  t.same(unproved(a, own(0)), [])
  t.equal(empty.chain.hasLostSigned, true, '11 records that it knows it has signed')
  mesh.perform(a, a.sync.recovered(own(0)))
  t.same(a.told.slice(1), [{ kind: 'vouched', peer: b.id }])
  mesh.connect(a, c)
  mesh.run()
  t.same(a.told.slice(2), [{ kind: 'vouched', peer: c.id }])
  t.same(sizes([c]), [30], 'and passes it on itself')

  a.signs = true
  mesh.append(a, ['another 31st'])
  mesh.run()
  t.same(sizes([a, b, c]), [31, 31, 31])
  t.equal(empty.chain.hasLostSigned, false)
  for (const member of [a, b, c]) {
    t.same(unproved(member, own(0)), [])
    t.notOk(member.author.chain.log(own(0))?.conflict)
  }
  t.end()
})

t.test('who says that it knows more of a log than its author must show it', t => {
  const mesh = new Mesh()
  const [a, liar] = [mesh.join(written(0, 3)), mesh.holding(1)]
  mesh.connect(a, liar)
  mesh.run()
  a.told.length = 0
  const { sent } = mesh
  const heads: SyncMessage = { kind: 'sync.heads', entries: [{ log: own(0), size: 99, head: ZERO_32 }] }
  mesh.deliver({ from: liar.id, to: a.id, message: heads })
  t.same(sent.at(-1)?.message, { kind: 'sync.probe', log: own(0), seq: 98 })
  const log = a.author.chain.log(own(0)) as Log
  const witnessed = {
    checkpoint: log.checkpoint as NonNullable<Log['checkpoint']>,
    leaf: log.tree.leaf(2),
    proof: log.tree.inclusionProof(2, 4),
  }
  const verdict = mesh.deliver({ from: liar.id, to: a.id, message: { kind: 'sync.leaf', log: own(0), seq: 98, witnessed } })
  t.match(verdict, { verdict: 'reject', code: 'bad_proof' })
  t.same(a.told, [])
  t.equal(
    mesh.deliver({ from: liar.id, to: a.id, message: { kind: 'sync.run', run: a.author.frame(own(0), 0) } }).verdict,
    'ignore',
    'its own log is pushed to it by nobody',
  )
  t.end()
})
