import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { concatBytes, equalBytes, toHex, utf8, ZERO_32 } from '../../base/bytes.ts'
import { suite } from '../../base/crypto/suite.ts'
import { type LogId, logIdOf } from '../../base/ids.ts'
import { type Cover, decodeCover } from '../../chain/cover.ts'
import { type OpenResult, openJournal } from '../../chain/journal.ts'
import { bodyCommit, decodeHeader, encodeHeader, leafOf, type RecordHeader, type StoredRecord } from '../../chain/record.ts'
import { segmentFile } from '../../chain/scan.ts'
import {
  decodeSegmentHeader,
  encodeCommit,
  encodeSegmentHeader,
  type JournalEntry,
  MARK_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  scanSegment,
} from '../../chain/segment.ts'
import type { Verification } from '../../chain/verify.ts'
import { SimDisk } from '../../sim/disk.ts'
import { SimRandom } from '../../sim/random.ts'
import { Scheduler } from '../../sim/scheduler.ts'
import fc from '../properties.ts'
import { Author, CLUSTER, identityOf, Keeper, nodeOf, verification, wait } from './keeper.ts'

/** An entry as it stands in a file: what it is, and whose. */
interface Entry {
  readonly entry: JournalEntry
  readonly log: LogId
  /** Of a record its place, of a checkpoint how many records it covers. */
  readonly seq: number
  readonly segment: number
  readonly at: number
  readonly end: number
}

interface Segment {
  readonly header: SegmentHeader
  readonly bytes: Uint8Array
  readonly commits: readonly (readonly Entry[])[]
  /** Where each commit ends, behind its mark. */
  readonly ends: readonly number[]
}

interface Name {
  readonly log: LogId | undefined
  readonly seq: number | undefined
}

/** What a verification says of a journal: sound, or the record it names. */
type Found = Name | 'valid'

t.setTimeout(120_000)

const { verifyEquation } = suite
const verdicts = new Map<string, boolean>()
// Thousands of journals differ in a byte: each signature in them is checked once.
Object.assign(suite, {
  verifyEquation: (key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
    const question = toHex(concatBytes(key, signature, message))
    const verdict = verdicts.get(question) ?? verifyEquation(key, message, signature)
    verdicts.set(question, verdict)
    return verdict
  },
})

const scheduler = new Scheduler()
const random = new SimRandom(7, 'tamper')
const disk = new SimDisk(scheduler, random)
const turn = (): void => void scheduler.runWhile(() => true, Number.POSITIVE_INFINITY)
const own = identityOf(0).id

/** Records of each log, and each is attacked by walks over all of them; the long run has 100. With both every commit has a record in it. */
const RECORDS = Number(process.env['WEFT_TAMPER_RECORDS'] ?? 56)

/** Records of an own log and two replicas in four segments; own ones wait a commit or two for their checkpoint. */
async function bigJournal(): Promise<readonly Segment[]> {
  const keeper = await Keeper.open(0, disk, turn, random)
  const others = [new Author(1), new Author(2)]
  const missing = Array.from({ length: 3 }, () => RECORDS - 1)
  for (let round = 0; missing.some(count => count > 0); round++) {
    for (const [i, count] of missing.entries()) {
      const more = Math.min(count, random.below(Math.floor(RECORDS / 7)))
      if (more === 0) continue
      missing[i] = count - more
      const texts = Array.from({ length: more }, (_, k) => `record ${count - k} from the end of author ${i}`)
      const other = others[i - 1]
      if (other === undefined) {
        keeper.append(texts)
        continue
      }
      other.append(texts)
      other.settle()
      // In frames that end before the checkpoint does, now and then.
      keeper.copy(other, identityOf(i).id, 8)
    }
    const isLast = missing.every(count => count === 0)
    await keeper.commit(isLast || random.chance(700))
    if (isLast || round % 5 !== 4) continue
    // A failed sync ends a segment.
    keeper.append(['never acknowledged'])
    disk.failSync()
    await keeper.commit()
  }
  return disk.files.map(file => segmentOf(disk.contentOf(file)))
}

function segmentOf(bytes: Uint8Array): Segment {
  const header = decodeSegmentHeader(bytes) as SegmentHeader
  const commits: Entry[][] = [[]]
  const ends: number[] = []
  for (const item of scanSegment(bytes, header.nonce)) {
    if (item.type === 'mark') {
      ends.push(item.end)
      commits.push([])
    } else if (item.type === 'record') {
      const { logId, seq } = decodeHeader(item.record.header) as RecordHeader
      commits.at(-1)?.push({ entry: item, log: logIdOf(logId), seq, segment: header.number, at: item.at, end: item.end })
    } else if (item.type === 'cover') {
      const { log, held } = decodeCover(item.payload, CLUSTER) as Cover
      commits.at(-1)?.push({ entry: item, log, seq: held, segment: header.number, at: item.at, end: item.end })
    }
  }
  return { header, bytes, commits: commits.slice(0, -1), ends }
}

/** The files of somebody who can write them, and knows how: all checksums, marks and lengths are right. */
function rewritten(segments: readonly (readonly (readonly Pick<Entry, 'entry'>[])[])[]): Uint8Array[] {
  let previousLength = 0
  return segments.map((commits, i) => {
    const nonce = i + 77
    const parts = [encodeSegmentHeader({ number: i + 1, previousLength, nonce })]
    previousLength = SEGMENT_HEADER_BYTES
    for (const entries of commits) {
      const { bytes } = encodeCommit(
        entries.map(({ entry }) => entry),
        previousLength,
        nonce,
      )
      parts.push(bytes)
      previousLength += bytes.length
    }
    return concatBytes(...parts)
  })
}

function put(files: readonly Uint8Array[]): void {
  disk.rollback(new Map(files.map((bytes, i) => [segmentFile(i + 1), bytes])))
}

function judged(files: readonly Uint8Array[]): Promise<Verification> {
  put(files)
  return verification(disk, turn, 0)
}

async function found(files: readonly Uint8Array[]): Promise<Found> {
  const verified = await judged(files)
  return verified.valid ? 'valid' : { log: verified.log, seq: verified.seq }
}

const segments: readonly Segment[] = await bigJournal()
const files: readonly Uint8Array[] = segments.map(({ bytes }) => bytes)
const plan: readonly (readonly (readonly Entry[])[])[] = segments.map(({ commits }) => commits)
const entries: readonly Entry[] = plan.flat(2)
const records: readonly Entry[] = entries.filter(({ entry }) => entry.type === 'record')
const lastSegment = segments.at(-1) as Segment

function nameOf({ log, seq }: Entry): Name {
  return { log, seq }
}

function storedOf({ entry }: Entry): StoredRecord {
  return (entry as Extract<JournalEntry, { type: 'record' }>).record
}

/** Records of a log in what stands before an entry. */
function sizeBefore(log: LogId, before: Entry): number {
  let size = 0
  for (const entry of records) {
    if (entry.segment > before.segment || (entry.segment === before.segment && entry.at >= before.at)) break
    if (entry.log === log) size++
  }
  return size
}

/** How many records the first checkpoint over this one covers. */
function heldOver({ log, seq }: Entry): number {
  return (entries.find(({ entry, log: of, seq: held }) => entry.type === 'cover' && of === log && held > seq) as Entry).seq
}

function nextOf({ log, seq }: Entry): Entry | undefined {
  return records.find(other => other.log === log && other.seq === seq + 1)
}

/** Some record of another log, but not the one that would be its next here. */
function strangerTo(entry: Entry): Entry {
  for (;;) {
    const other = random.pick(records)
    if (other.log !== entry.log && other.seq !== sizeBefore(other.log, entry)) return other
  }
}

/** The files with some bytes of one of them replaced. */
function spliced({ segment }: { readonly segment: number }, from: number, to: number, ...by: readonly Uint8Array[]): Uint8Array[] {
  return files.map((bytes, i) => (i + 1 === segment ? concatBytes(bytes.subarray(0, from), ...by, bytes.subarray(to)) : bytes))
}

function bytesOf({ segment, at, end }: Entry): Uint8Array {
  return (files[segment - 1] as Uint8Array).subarray(at, end)
}

/** The entries with some of them replaced, in files that are right in every other way. */
function replaced(changes: ReadonlyMap<Entry, readonly Pick<Entry, 'entry'>[]>): Uint8Array[] {
  return rewritten(plan.map(commits => commits.map(entries => entries.flatMap(entry => changes.get(entry) ?? [entry]))))
}

function entryOf(record: StoredRecord): Pick<Entry, 'entry'> {
  return { entry: { type: 'record', record } }
}

/** A record with another header. */
function altered(entry: Entry, change: (header: RecordHeader) => Partial<RecordHeader>): Pick<Entry, 'entry'> {
  const record = storedOf(entry)
  const header = decodeHeader(record.header) as RecordHeader
  return entryOf({ ...record, header: encodeHeader({ ...header, ...change(header) }) })
}

/** A record with another body, to which its header commits. */
function forged(entry: Entry, more: Partial<RecordHeader> = {}): StoredRecord {
  const { header, salt } = storedOf(entry)
  const body = utf8('another text')
  const fields = { ...(decodeHeader(header) as RecordHeader), bodyCommit: bodyCommit(salt, body), bodyLength: body.length, ...more }
  return { header: encodeHeader(fields), salt, body }
}

/** `first` in the place of the record `from`, and the log from there on as it would be if that were its history. */
function rechained(from: Entry, first: readonly StoredRecord[]): Uint8Array[] {
  const rest = records.filter(({ log, seq }) => log === from.log && seq > from.seq)
  const changes = new Map<Entry, readonly Pick<Entry, 'entry'>[]>([[from, first.map(entryOf)]])
  let last = first.at(-1) ?? storedOf(records.find(({ log, seq }) => log === from.log && seq === from.seq - 1) as Entry)
  let seq = from.seq + first.length
  for (const entry of rest) {
    const header = decodeHeader(storedOf(entry).header) as RecordHeader
    last = { ...storedOf(entry), header: encodeHeader({ ...header, seq: seq++, prev: leafOf(last.header) }) }
    changes.set(entry, [entryOf(last)])
  }
  return replaced(changes)
}

/** What must be found at each of many records, and what was found elsewhere. */
async function expectEach(
  t: Test,
  each: Iterable<Entry>,
  attack: (entry: Entry) => readonly Uint8Array[] | undefined,
  expected: (entry: Entry) => Found,
): Promise<void> {
  const wrong: string[] = []
  let count = 0
  for (const entry of each) {
    const tampered = attack(entry)
    if (tampered === undefined) continue
    count++
    const got = await found(tampered)
    if (!isDeepStrictEqual(got, expected(entry)))
      wrong.push(`${short(nameOf(entry))}: expected ${short(expected(entry))}, found ${short(got)}`)
  }
  t.same(wrong, [])
  t.ok(count > 0)
}

function short(name: Found): string {
  return name === 'valid' ? name : `${[own, identityOf(1).id, identityOf(2).id].indexOf(name.log as LogId)}/${name.seq}`
}

t.test('as it was written the journal is sound', async t => {
  t.equal(records.length, 3 * RECORDS)
  t.ok(segments.length >= 4, `${segments.length} segments`)
  t.match(await judged(files), {
    valid: true,
    records: 3 * RECORDS,
    logs: Array.from({ length: 3 }, () => ({ size: RECORDS, signed: RECORDS })),
  })
  t.same(await judged(rewritten(plan)), await judged(files), 'and so are files that somebody wrote who knows how')
})

// ---- by somebody who knows nothing of checksums: a failing disk, an editor

const half = ({ at, end }: Entry): number => at + Math.floor((end - at) / 2)

const BLUNT: Readonly<
  Record<string, readonly [attack: (entry: Entry) => readonly Uint8Array[] | undefined, expected: (entry: Entry) => Found]>
> = {
  'a bit is flipped': [
    e => {
      const at = random.below(e.end - e.at)
      return spliced(e, e.at, e.end, bytesOf(e).with(at, (bytesOf(e)[at] as number) ^ (1 << random.below(8))))
    },
    nameOf,
  ],
  'all bytes are zero': [e => spliced(e, e.at, e.end, new Uint8Array(e.end - e.at)), nameOf],
  'it is deleted': [e => spliced(e, e.at, e.end), nameOf],
  'half of it is deleted': [e => spliced(e, half(e), e.end), nameOf],
  'garbage stands in front of it': [e => spliced(e, e.at, e.at, random.bytes(50)), e => before(e)],
  'it is there twice': [e => spliced(e, e.at, e.at, bytesOf(e)), e => ({ log: e.log, seq: e.seq + 1 })],
  'another one of the segment stands in its place': [
    e => {
      const other = random.pick(records.filter(({ segment, log, seq }) => segment === e.segment && (log !== e.log || seq !== e.seq)))
      return other.log !== e.log && other.seq === sizeBefore(other.log, e) ? undefined : spliced(e, e.at, e.end, bytesOf(other))
    },
    nameOf,
  ],
  'one of another segment stands in its place': [
    e => spliced(e, e.at, e.end, bytesOf(random.pick(records.filter(({ segment }) => segment !== e.segment)))),
    nameOf,
  ],
  'the next one of its log stands in front of it': [
    e => {
      const next = nextOf(e)
      if (next?.segment !== e.segment) return undefined
      return spliced(e, e.at, next.end, bytesOf(next), spliced(e, 0, 0)[e.segment - 1]?.subarray(e.end, next.at) as Uint8Array, bytesOf(e))
    },
    nameOf,
  ],
}

/** The record in front of an entry. */
function before(entry: Entry): Name {
  const at = records.indexOf(entry)
  return at === 0 ? { log: undefined, seq: undefined } : nameOf(records[at - 1] as Entry)
}

for (const [what, [attack, expected]] of Object.entries(BLUNT)) {
  t.test(`at every record: ${what}`, t => expectEach(t, records, attack, expected))
}

t.test('at every record: its file ends before it, or in it', async t => {
  const wrong: string[] = []
  const unseen: string[] = []
  for (const entry of records) {
    for (const at of [entry.at, half(entry)]) {
      const got = await found(spliced(entry, at, Infinity))
      if (entry.segment < segments.length) {
        // The next record of any log shows what is lost of it.
        const lost = records
          .filter(({ segment, end }) => segment === entry.segment && end > at)
          .map(({ log }) => ({ log, seq: sizeBefore(log, entry) }))
        if (!lost.some(name => isDeepStrictEqual(name, got))) wrong.push(`${short(nameOf(entry))}: found ${short(got)}`)
      } else {
        const commit = lastSegment.commits.find(entries => entries.includes(entry)) as readonly Entry[]
        if (at === commit[0]?.at) unseen.push(short(got))
        else if (!isDeepStrictEqual(got, nameOf(commit[0] as Entry))) wrong.push(`${short(nameOf(entry))}: found ${short(got)}`)
      }
    }
  }
  t.same(wrong, [])
  t.same(
    unseen,
    lastSegment.commits.map(() => 'valid'),
    'what no journal can show by itself: that its newest commits are gone',
  )
})

t.test('at every record: it stands once more behind the end of its file', t =>
  expectEach(
    t,
    records,
    e => spliced(e, Infinity, Infinity, bytesOf(e)),
    ({ log, segment }) => ({ log, seq: records.filter(other => other.log === log && other.segment <= segment).length }),
  ),
)

// ---- by somebody who can make every checksum right

const FIELDS: readonly ((header: RecordHeader) => Partial<RecordHeader>)[] = [
  ({ hlc }) => ({ hlc: { ...hlc, ms: hlc.ms + 1 } }),
  ({ kind }) => ({ kind: kind + 1 }),
  () => ({ actor: 'somebody else' }),
  () => ({ parents: [{ logId: ZERO_32, seq: 0, leaf: ZERO_32 }] }),
  () => ({ grant: ZERO_32 }),
  () => ({ bodyCommit: ZERO_32 }),
  ({ bodyLength }) => ({ bodyLength: bodyLength + 1 }),
  ({ seq }) => ({ seq: seq + 1 }),
  ({ seq }) => ({ seq: Math.max(0, seq - 1) }),
  ({ prev }) => ({ prev: prev.with(31, (prev[31] as number) ^ 1) }),
  () => ({ logId: ZERO_32 }),
  ({ logId }) => ({
    logId: storedOf(records.find(({ entry, log }) => entry.type === 'record' && log !== logIdOf(logId)) as Entry).header.subarray(4, 36),
  }),
]

const covered = (e: Entry): Found => ({ log: e.log, seq: heldOver(e) - 1 })

const SKILLED: Readonly<
  Record<string, readonly [attack: (entry: Entry) => readonly Uint8Array[] | undefined, expected: (entry: Entry) => Found]>
> = {
  'its body is another': [e => replaced(new Map([[e, [entryOf({ ...storedOf(e), body: storedOf(e).body.with(3, 0) })]]])), nameOf],
  'its salt is another': [e => replaced(new Map([[e, [entryOf({ ...storedOf(e), salt: new Uint8Array(16).fill(1) })]]])), nameOf],
  'its body is another, and its header commits to that': [
    e => (e.seq === 0 ? undefined : replaced(new Map([[e, [entryOf(forged(e))]]]))),
    nameOf,
  ],
  'it is deleted': [e => replaced(new Map([[e, []]])), nameOf],
  'a new one stands in front of it': [e => (e.seq === 0 ? undefined : replaced(new Map([[e, [entryOf(forged(e)), e]]]))), nameOf],
  'it is there twice': [e => replaced(new Map([[e, [e, e]]])), e => ({ log: e.log, seq: e.seq + 1 })],
  'one of another log stands in its place': [e => replaced(new Map([[e, [strangerTo(e)]]])), nameOf],
  'one of a log that is not here stands in its place': [e => replaced(new Map([[e, [entryOf(random.pick(foreign))]]])), nameOf],
  'it and the next one of its log have changed places': [
    e => {
      const next = nextOf(e)
      return (
        next &&
        replaced(
          new Map([
            [e, [next]],
            [next, [e]],
          ]),
        )
      )
    },
    nameOf,
  ],
  'it and a later one of another log have changed places': [
    e => {
      // Behind the next of its own log: what only stands later in the file has lost nothing.
      const next = nextOf(e)
      const later =
        next === undefined
          ? []
          : records.slice(records.indexOf(next)).filter(other => other.log !== e.log && other.seq !== sizeBefore(other.log, e))
      if (later.length === 0) return undefined
      const other = random.pick(later)
      return replaced(
        new Map([
          [e, [other]],
          [other, [e]],
        ]),
      )
    },
    nameOf,
  ],
  // With all that follows made to fit, a checkpoint says that it is not so: of the records it covers, the last is named.
  'its body is another, and the rest of the log follows from that': [e => (e.seq === 0 ? undefined : rechained(e, [forged(e)])), covered],
  'it is deleted, and the rest of the log closes up': [e => (e.seq === 0 ? undefined : rechained(e, [])), covered],
  'a new one stands in front of it, and the rest of the log follows from that': [
    e => {
      if (e.seq === 0) return undefined
      const first = forged(e)
      const { header, ...rest } = storedOf(e)
      return rechained(e, [
        first,
        { ...rest, header: encodeHeader({ ...(decodeHeader(header) as RecordHeader), seq: e.seq + 1, prev: leafOf(first.header) }) },
      ])
    },
    e => ({ log: e.log, seq: heldOver(e) }),
  ],
}

const foreign: readonly StoredRecord[] = (() => {
  const author = new Author(3)
  author.append(Array.from({ length: 50 }, (_, i) => `from elsewhere ${i}`))
  author.settle()
  return author.records.get(identityOf(3).id)?.slice(1) as StoredRecord[]
})()

for (const [what, [attack, expected]] of Object.entries(SKILLED)) {
  t.test(`at every record, with every checksum right: ${what}`, t => expectEach(t, records, attack, expected))
}

t.test('at every record, with every checksum right: a field of its header is another', async t => {
  for (const [i, change] of FIELDS.entries()) {
    const some = records.filter(({ seq }, k) => seq > 0 && k % FIELDS.length === i)
    await expectEach(t, some, e => replaced(new Map([[e, [altered(e, change)]]])), nameOf)
  }
})

// ---- commits and segments

/** The first place of each log where entries that are sound by themselves do not fit. */
function misfits(entries: readonly Entry[]): readonly Name[] {
  const sizes = new Map<LogId, number>()
  const signed = new Map<LogId, number>()
  const misfits = new Map<LogId, Name>()
  for (const { entry, log, seq } of entries) {
    const size = sizes.get(log) ?? 0
    if (misfits.has(log)) continue
    if (entry.type !== 'record' && seq === size) signed.set(log, seq)
    else if (entry.type === 'record' && seq === size) sizes.set(log, size + 1)
    else misfits.set(log, { log, seq: entry.type === 'record' || seq > size ? size : size - 1 })
  }
  for (const [log, size] of sizes) {
    const covered = signed.get(log) ?? 0
    if (log !== own && covered < size && !misfits.has(log)) misfits.set(log, { log, seq: covered })
  }
  return [...misfits.values()]
}

/** Files with other commits, every checksum right: what does not fit in a log is named, and nothing is if all fits. */
async function rearranged(t: Test, what: string, segments: readonly (readonly (readonly Entry[])[])[]): Promise<Found> {
  const expected = misfits(segments.flat(2))
  const got = await found(rewritten(segments))
  const isRight = got === 'valid' ? expected.length === 0 : expected.some(name => isDeepStrictEqual(name, got))
  t.ok(isRight, `${what}: found ${short(got)}, expected ${expected.map(short).join(' or ') || 'valid'}`)
  return got
}

/** All commits with the one at `at` replaced. */
function withCommit(segment: number, at: number, ...by: readonly (readonly Entry[])[]): (readonly (readonly Entry[])[])[] {
  return plan.map((commits, i) => (i === segment ? [...commits.slice(0, at), ...by, ...commits.slice(at + 1)] : commits))
}

t.test('every commit, with every checksum right: deleted, repeated, exchanged with the next, without its checkpoints', async t => {
  const deleted: Found[] = []
  for (const [i, commits] of plan.entries()) {
    for (const [k, commit] of commits.entries()) {
      const what = `commit ${k} of segment ${i + 1}`
      deleted.push(await rearranged(t, `${what} deleted`, withCommit(i, k)))
      await rearranged(t, `${what} repeated`, withCommit(i, k, commit, commit))
      await rearranged(
        t,
        `${what} without checkpoints`,
        withCommit(
          i,
          k,
          commit.filter(({ entry }) => entry.type === 'record'),
        ),
      )
      const next = commits[k + 1]
      if (next !== undefined)
        await rearranged(
          t,
          `${what} exchanged`,
          plan.map((all, j) => (j === i ? [...all.slice(0, k), next, commit, ...all.slice(k + 2)] : all)),
        )
    }
  }
  t.equal(deleted.at(-1), 'valid', 'what no journal can show by itself')
})

t.test('every commit, as bytes: deleted, repeated, or exchanged with the next', async t => {
  for (const [i, { commits, ends }] of segments.entries()) {
    const segment = { segment: i + 1 }
    const bytes = files[i] as Uint8Array
    for (const [k, end] of ends.entries()) {
      const what = `commit ${k} of segment ${i + 1}`
      const start = ends[k - 1] ?? SEGMENT_HEADER_BYTES
      const isLast = i === segments.length - 1 && k === ends.length - 1
      const lost = firstsOf(commits[k] as readonly Entry[])
      const gone = await found(spliced(segment, start, end))
      if (isLast) t.equal(gone, 'valid', what)
      else
        t.ok(
          lost.some(name => isDeepStrictEqual(name, gone)),
          `${what}: found ${short(gone)}, deleted ${lost.map(short).join(', ')}`,
        )
      t.not(await found(spliced(segment, start, start, bytes.subarray(start, end))), 'valid', `${what} repeated`)
      const after = ends[k + 1]
      if (after !== undefined)
        t.not(
          await found(spliced(segment, start, after, bytes.subarray(end, after), bytes.subarray(start, end))),
          'valid',
          `${what} exchanged`,
        )
    }
  }
})

/** The first record of each log among some entries. */
function firstsOf(entries: readonly Entry[]): readonly Name[] {
  return [
    ...new Map(
      entries
        .filter(({ entry }) => entry.type === 'record')
        .reverse()
        .map(entry => [entry.log, nameOf(entry)]),
    ).values(),
  ]
}

t.test('the journal ends behind any of its commits, with every checksum right: only a replica without its checkpoint is seen', async t => {
  for (const [i, commits] of plan.entries()) {
    for (let k = 0; k <= commits.length; k++)
      await rearranged(t, `${k} commits of segment ${i + 1}`, [...plan.slice(0, i), commits.slice(0, k)])
  }
})

t.test('every two segments exchanged, every one deleted, repeated or of another journal, with every checksum right', async t => {
  for (const [i, one] of plan.entries()) {
    await rearranged(
      t,
      `${i + 1} deleted`,
      plan.filter(commits => commits !== one),
    )
    await rearranged(
      t,
      `${i + 1} repeated`,
      plan.flatMap(commits => (commits === one ? [one, one] : [commits])),
    )
    for (const [k, other] of plan.entries()) {
      if (k > i) await rearranged(t, `${i + 1} exchanged with ${k + 1}`, plan.with(i, other).with(k, one))
    }
    const got = await found(rewritten(plan).with(i, files[(i + 1) % files.length] as Uint8Array))
    t.not(got, 'valid', `${i + 1} is the file of another`)
  }
})

// ---- single bytes

const MASKS = [0x01, 0x80, 0xff]

/** Flips every byte from `at` to `end`. @returns where something else was found than expected */
async function flipped(segment: number, at: number, end: number, expected: readonly Name[]): Promise<string[]> {
  const wrong: string[] = []
  const bytes = files[segment - 1] as Uint8Array
  for (let i = at; i < end; i++) {
    for (const mask of MASKS) {
      const got = await found(files.with(segment - 1, bytes.with(i, (bytes[i] as number) ^ mask)))
      if (!expected.some(name => isDeepStrictEqual(name, got)))
        wrong.push(
          `byte ${i - at} of ${end - at} in segment ${segment}, ${mask}: found ${short(got)}, expected ${expected.map(short).join(' or ')}`,
        )
    }
  }
  return wrong
}

const TEN: readonly Entry[] = [0, 1, 5, 14, 16, 20, 24, 28, 60, -1].map(i => records.at(i) as Entry)

t.test('every byte of ten records, of their checkpoints and commit marks, and of the segment headers, under three masks', async t => {
  for (const record of TEN)
    t.same(await flipped(record.segment, record.at, record.end, [nameOf(record)]), [], `record ${short(nameOf(record))}`)
  const covers = TEN.map(
    record => entries.find(({ entry, log, seq }) => entry.type === 'cover' && log === record.log && seq > record.seq) as Entry,
  )
  for (const cover of new Set(covers)) {
    // Of damage in a checkpoint the last record is named that it covers.
    t.same(
      await flipped(cover.segment, cover.at, cover.end, [{ log: cover.log, seq: cover.seq - 1 }]),
      [],
      `checkpoint ${short(nameOf(cover))}`,
    )
    const { commits, ends } = segments[cover.segment - 1] as Segment
    const at = commits.findIndex(entries => entries.includes(cover))
    const commit = (commits[at] as readonly Entry[]).filter(({ entry }) => entry.type === 'record')
    const isLast = cover.segment === segments.length && at === commits.length - 1
    const named = (isLast ? commit[0] : commit.at(-1)) as Entry
    t.same(
      await flipped(cover.segment, (ends[at] as number) - MARK_BYTES, ends[at] as number, [nameOf(named)]),
      [],
      `mark behind ${short(nameOf(cover))}`,
    )
  }
  for (const [i, { commits }] of segments.entries()) {
    const last = records
      .filter(({ segment }) => segment <= i)
      .map(nameOf)
      .slice(-1)
    t.same(await flipped(i + 1, 0, SEGMENT_HEADER_BYTES, [...firstsOf(commits.flat()), ...last]), [], `header of segment ${i + 1}`)
  }
})

// ---- a start

function opened(files: readonly Uint8Array[]): Promise<OpenResult> {
  put(files)
  return wait<OpenResult>(turn, done => openJournal(disk, random, { cluster: CLUSTER, self: nodeOf(0), full: false }, done))
}

t.test('a start refuses damage in the middle and says where it is, and cuts off a last commit that is not whole', async t => {
  const wrong: string[] = []
  const commit = lastSegment.commits.at(-1) as readonly Entry[]
  const start = lastSegment.ends.at(-2) as number
  for (const entry of records) {
    const result = await opened(
      spliced(entry, half(entry), half(entry) + 1, Uint8Array.of((bytesOf(entry)[half(entry) - entry.at] as number) ^ 1)),
    )
    const name = short(nameOf(entry))
    if (commit.includes(entry)) {
      const sizes = result.ok ? [...result.value.replay.logs.values()].map(log => log.size) : []
      const expected = [...(result.ok ? result.value.replay.logs.keys() : [])].map(
        log => records.filter(other => other.log === log && !commit.includes(other)).length,
      )
      const torn = result.ok ? result.value.torn : undefined
      const isRight =
        isDeepStrictEqual(sizes, expected) &&
        torn?.segment === segments.length &&
        torn.offset === start &&
        torn.bytes === lastSegment.bytes.length - start
      if (!isRight || !equalBytes(disk.contentOf(segmentFile(segments.length)), lastSegment.bytes.subarray(0, start)))
        wrong.push(`${name}: not cut off`)
    } else if (result.ok) {
      wrong.push(`${name}: opened`)
    } else {
      const { code, message, details } = result.error
      const place = `(${segmentFile(entry.segment)} at byte ${entry.at})`
      if (
        code !== 'chain_damaged' ||
        !message.startsWith(`record ${entry.seq} of log ${entry.log} is damaged: `) ||
        !message.endsWith(place)
      )
        wrong.push(`${name}: ${message}`)
      if (details?.['seq'] !== entry.seq || details['log'] !== entry.log || details['offset'] !== entry.at)
        wrong.push(`${name}: ${JSON.stringify(details)}`)
    }
  }
  t.same(wrong, [])
})

// ---- anything

type Mutation = readonly [what: 'flip' | 'cut' | 'insert' | 'copy' | 'end', file: number, at: number, length: number, seed: number]

function mutated(files: readonly Uint8Array[], [what, file, at, length, seed]: Mutation): readonly Uint8Array[] {
  const bytes = files[file] as Uint8Array
  const from = at % (bytes.length + 1)
  const to = Math.min(bytes.length, from + length)
  const parts = {
    flip: [bytes.subarray(0, from), bytes.subarray(from, from + 1).map(byte => byte ^ (1 + (seed % 255))), bytes.subarray(from + 1)],
    cut: [bytes.subarray(0, from), bytes.subarray(to)],
    insert: [bytes.subarray(0, from), new SimRandom(seed, 'fuzz').bytes(length), bytes.subarray(from)],
    copy: [bytes.subarray(0, from), bytes.subarray(from, to), bytes.subarray(from)],
    end: [bytes.subarray(0, from)],
  }[what]
  return files.with(file, concatBytes(...parts))
}

/** The journal as it was, or without its newest commits. */
function isBeginning(changed: readonly Uint8Array[]): boolean {
  const last = changed.at(-1) as Uint8Array
  const isCommitted = [SEGMENT_HEADER_BYTES, ...lastSegment.ends].includes(last.length)
  return (
    isCommitted &&
    changed.every(
      (bytes, i) =>
        equalBytes(bytes, (files[i] as Uint8Array).subarray(0, bytes.length)) &&
        (i === files.length - 1 || bytes.length === files[i]?.length),
    )
  )
}

t.test('whatever is done to the files, a walk over them ends, and says valid to nothing but their beginning', async () => {
  const mutation: fc.Arbitrary<Mutation> = fc.tuple(
    fc.constantFrom('flip', 'cut', 'insert', 'copy', 'end'),
    fc.nat(files.length - 1),
    fc.nat(1_000_000),
    fc.integer({ min: 1, max: 3000 }),
    fc.nat(),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async mutations => {
      const changed = mutations.reduce(mutated, files)
      const got = await found(changed)
      await opened(changed)
      return (got === 'valid') === isBeginning(changed)
    }),
    { numRuns: 500 },
  )
})
