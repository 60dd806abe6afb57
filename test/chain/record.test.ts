import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { concatBytes, EMPTY, equalBytes, fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { type Cbor, decode, encode } from '../../base/codec.ts'
import { hash, tagOf } from '../../base/crypto/hash.ts'
import { suite } from '../../base/crypto/suite.ts'
import { HLC_COUNTER_MAX, HLC_MS_MAX } from '../../base/hlc.ts'
import {
  AUDIT,
  type ClusterId,
  clusterIdOf,
  digestOf,
  keyOf,
  type LogId,
  logIdOf,
  memoryStream,
  nodeIdOf,
  parseStream,
  type Stream,
} from '../../base/ids.ts'
import { ACTOR_MAX_BYTES, BODY_MAX_BYTES, HEADER_MAX_BYTES, PARENTS_MAX } from '../../base/limits.ts'
import { isSignedBy, keyIdOf, parseCheckpoint, signCheckpoint } from '../../chain/checkpoint.ts'
import { decodeCover, decodeCut, encodeCover, encodeCut } from '../../chain/cover.ts'
import { Log } from '../../chain/log.ts'
import {
  bodyCommit,
  decodeGenesis,
  decodeHeader,
  encodeGenesis,
  encodeHeader,
  KIND_MAX,
  type LogIdentity,
  leafOf,
  logIdentity,
  nextKeyCommitOf,
  type RecordHeader,
  ZERO_SALT,
} from '../../chain/record.ts'
import { extendByRun, parseRun } from '../../chain/run.ts'
import fc from '../properties.ts'

const cluster: ClusterId = clusterIdOf(hash('cluster', utf8('ours')))
const elsewhere: ClusterId = clusterIdOf(hash('cluster', utf8('theirs')))
const [signer, stranger] = [1, 2].map(byte => suite.signer(new Uint8Array(32).fill(byte))) as [
  ReturnType<typeof suite.signer>,
  ReturnType<typeof suite.signer>,
]
const author = nodeIdOf(signer.publicKey)
const stream: Stream = memoryStream('main')

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 })
const count = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat(),
  fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
)
const PLAIN_OBJECTS = { noNullPrototype: true } as const
const header: fc.Arbitrary<RecordHeader> = fc.record(
  {
    logId: digest,
    seq: count,
    prev: digest,
    hlc: fc.record({ ms: fc.nat(HLC_MS_MAX), counter: fc.nat(HLC_COUNTER_MAX) }, PLAIN_OBJECTS),
    kind: fc.nat(KIND_MAX),
    actor: fc.string({ unit: 'grapheme', maxLength: 40 }).filter(text => utf8(text).length <= ACTOR_MAX_BYTES),
    parents: fc.array(fc.record({ logId: digest, seq: count, leaf: digest }, PLAIN_OBJECTS), { maxLength: PARENTS_MAX }),
    grant: fc.oneof(fc.constant(EMPTY), digest),
    bodyCommit: digest,
    bodyLength: fc.nat(BODY_MAX_BYTES),
  },
  PLAIN_OBJECTS,
)

/** The header as a value of the general codec, which has its own tests. */
function valueOf(header: RecordHeader): Cbor[] {
  const { logId, seq, prev, hlc, kind, actor, parents, grant, bodyCommit, bodyLength } = header
  return [
    1,
    logId,
    seq,
    prev,
    [hlc.ms, hlc.counter],
    kind,
    actor,
    parents.map(parent => [parent.logId, parent.seq, parent.leaf]),
    grant,
    bodyCommit,
    bodyLength,
  ]
}

const PLAIN: RecordHeader = {
  logId: hash('logid', utf8('x')),
  seq: 7,
  prev: hash('leaf', utf8('x')),
  hlc: { ms: 1_767_225_600_000, counter: 3 },
  kind: 50,
  actor: 'agent',
  parents: [{ logId: hash('logid', utf8('y')), seq: 400, leaf: hash('leaf', utf8('y')) }],
  grant: EMPTY,
  bodyCommit: hash('body', utf8('x')),
  bodyLength: 200,
}

t.test('headers', t => {
  t.test('a header comes back as it went in, and its bytes are those of the general codec', t => {
    fc.assert(
      fc.property(header, original => {
        const bytes = encodeHeader(original)
        return (
          isDeepStrictEqual(decodeHeader(bytes), original) &&
          equalBytes(bytes, encode(valueOf(original))) &&
          bytes.length <= HEADER_MAX_BYTES / 2
        )
      }),
      { numRuns: 2000 },
    )
    t.pass()
    t.end()
  })

  t.test('of spoiled headers only those are accepted that are headers again, byte for byte', t => {
    let accepted = 0
    const spoiled = fc
      .tuple(header, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.constantFrom('set', 'insert', 'remove', 'cut'))
      .map(([original, place, byte, how]) => {
        const bytes = encodeHeader(original)
        const at = place % bytes.length
        if (how === 'cut') return bytes.slice(0, at)
        return concatBytes(
          bytes.subarray(0, at),
          how === 'remove' ? EMPTY : Uint8Array.of(byte),
          bytes.subarray(how === 'insert' ? at : at + 1),
        )
      })
    fc.assert(
      fc.property(fc.oneof(spoiled, fc.uint8Array({ maxLength: 300 })), bytes => {
        const decoded = decodeHeader(bytes)
        if (decoded === undefined) return true
        accepted++
        return equalBytes(encodeHeader(decoded), bytes) && decode(bytes).ok
      }),
      { numRuns: 20_000 },
    )
    t.ok(accepted > 1000, `${accepted} accepted, so acceptance was tested`)
    t.end()
  })

  t.test('each limit holds, and its neighbour does not', t => {
    const many = (length: number): RecordHeader['parents'] =>
      Array.from({ length }, () => PLAIN.parents[0] as RecordHeader['parents'][number])
    const cases: readonly (readonly [what: string, least: Partial<RecordHeader>, beyond: Cbor[]])[] = [
      ['seq', { seq: Number.MAX_SAFE_INTEGER }, []],
      ['clock', { hlc: { ms: HLC_MS_MAX, counter: 0 } }, with_(4, [HLC_MS_MAX + 1, 0])],
      ['counter', { hlc: { ms: 0, counter: HLC_COUNTER_MAX } }, with_(4, [0, HLC_COUNTER_MAX + 1])],
      ['kind', { kind: KIND_MAX }, with_(5, KIND_MAX + 1)],
      ['actor', { actor: 'a'.repeat(ACTOR_MAX_BYTES) }, with_(6, 'a'.repeat(ACTOR_MAX_BYTES + 1))],
      ['actor, in bytes', { actor: '\u00e4'.repeat(ACTOR_MAX_BYTES / 2) }, with_(6, '\u00e4'.repeat(ACTOR_MAX_BYTES / 2 + 1))],
      [
        'parents',
        { parents: many(PARENTS_MAX) },
        with_(
          7,
          many(PARENTS_MAX + 1).map(parent => [parent.logId, parent.seq, parent.leaf]),
        ),
      ],
      ['grant', { grant: new Uint8Array(32) }, with_(8, new Uint8Array(33))],
      ['body', { bodyLength: BODY_MAX_BYTES }, with_(10, BODY_MAX_BYTES + 1)],
    ]
    for (const [what, least, beyond] of cases) {
      const at = { ...PLAIN, ...least }
      t.same(decodeHeader(encodeHeader(at)), at, what)
      if (beyond.length > 0) t.equal(decodeHeader(encode(beyond)), undefined, what)
    }
    t.throws(() => encodeHeader({ ...PLAIN, actor: 'a'.repeat(ACTOR_MAX_BYTES + 1) }), { message: 'an actor with too long a name' })
    t.throws(() => encodeHeader({ ...PLAIN, actor: '\ud800' }), { message: 'cannot encode a lone surrogate' })
    t.throws(() => encodeHeader({ ...PLAIN, parents: many(PARENTS_MAX + 1) }), { message: 'a record with 9 parents' })
    t.throws(() => encodeHeader({ ...PLAIN, bodyLength: BODY_MAX_BYTES + 1 }), { message: 'a body of 49153 bytes' })
    t.throws(() => encodeHeader({ ...PLAIN, seq: 2 ** 53 }), { message: `cannot encode the number ${2 ** 53}` })
    t.throws(() => encodeHeader({ ...PLAIN, seq: -1 }), { message: 'cannot encode the number -1' })
    t.end()
  })

  t.test('what is no header is refused', t => {
    const value = valueOf(PLAIN)
    const cases: Readonly<Record<string, Cbor>> = {
      'another version': with_(0, 2),
      'version 0': with_(0, 0),
      'a field less': value.slice(0, 10),
      'a field more': [...value, 0],
      'no array': 1,
      'a log of 31 bytes': with_(1, new Uint8Array(31)),
      'a log of 33 bytes': with_(1, new Uint8Array(33)),
      'a log in text': with_(1, 'a'.repeat(32)),
      'a seq in bytes': with_(2, Uint8Array.of(7)),
      'a prev of 31 bytes': with_(3, new Uint8Array(31)),
      'no prev': with_(3, EMPTY),
      'a clock of one number': with_(4, [1]),
      'a clock of three numbers': with_(4, [1, 2, 3]),
      'a kind in text': with_(5, 'x'),
      'an actor in bytes': with_(6, utf8('agent')),
      'a parent of two fields': with_(7, [[new Uint8Array(32), 1]]),
      'a parent with a short leaf': with_(7, [[new Uint8Array(32), 1, new Uint8Array(31)]]),
      'parents that are no array': with_(7, 0),
      'a grant of 1 byte': with_(8, Uint8Array.of(1)),
      'a grant of 31 bytes': with_(8, new Uint8Array(31)),
      'a commitment of 16 bytes': with_(9, new Uint8Array(16)),
      'a body length in bytes': with_(10, EMPTY),
    }
    for (const [what, wrong] of Object.entries(cases)) t.equal(decodeHeader(encode(wrong)), undefined, what)
    const bytes = encodeHeader(PLAIN)
    t.same(decodeHeader(bytes), PLAIN)
    t.equal(decodeHeader(concatBytes(bytes, Uint8Array.of(0))), undefined, 'a byte behind it')
    t.equal(decodeHeader(new Uint8Array(HEADER_MAX_BYTES + 1)), undefined)
    const wider: readonly (readonly [what: string, from: string, to: string])[] = [
      ['an array length in two bytes', '8b01', '980b01'],
      ['a version in two bytes', '8b01', '8b1801'],
      ['a log length in three bytes', '0158', '015900'],
      ['a seq in two bytes', '075820', '18075820'],
      ['a kind in three bytes', '1832', '190032'],
      ["a parent's seq in five bytes", '190190', '1a00000190'],
      ['an actor length in two bytes', '656167656e74', '78056167656e74'],
    ]
    for (const [what, from, to] of wider) {
      const hex = toHex(bytes)
      t.ok(hex.includes(from), what)
      t.equal(decodeHeader(fromHex(hex.replace(from, to))), undefined, what)
    }
    t.equal(decodeHeader(fromHex(toHex(bytes).replace('656167656e74', '6561ff656e74'))), undefined, 'an actor that is not UTF-8')
    t.end()
  })

  t.test('every bit of a header counts: none can be turned without turning the leaf', t => {
    const bytes = encodeHeader(PLAIN)
    const leaves = new Set([toHex(leafOf(bytes))])
    for (let bit = 0; bit < 8 * bytes.length; bit++)
      leaves.add(toHex(leafOf(bytes.with(bit >> 3, (bytes[bit >> 3] as number) ^ (1 << (bit & 7))))))
    t.equal(leaves.size, 8 * bytes.length + 1)
    t.end()
  })
  t.end()
})

/** The plain header with one field replaced. */
function with_(field: number, value: Cbor): Cbor[] {
  return valueOf(PLAIN).with(field, value)
}

t.test('a log is bound to its cluster, its first key and its stream', t => {
  const ids = new Set<LogId>()
  for (const ofCluster of [cluster, elsewhere]) {
    for (const key of [signer.publicKey, stranger.publicKey]) {
      for (const ofStream of ['audit', 'cluster', 'memory/main', 'memory/other'].map(text => parseStream(text) as Stream)) {
        const identity = logIdentity(ofCluster, nodeIdOf(key), ofStream)
        ids.add(identity.id)
        const genesis = encodeGenesis(identity, nextKeyCommitOf(stranger.publicKey))
        t.same(decodeGenesis(genesis, ofCluster), identity)
        t.equal(decodeGenesis(genesis, ofCluster === cluster ? elsewhere : cluster), undefined, 'in another cluster')
      }
    }
  }
  t.equal(ids.size, 16)
  t.end()
})

t.test('what is no genesis is refused', t => {
  const key = signer.publicKey
  const next = nextKeyCommitOf(stranger.publicKey)
  const cases: Readonly<Record<string, Cbor>> = {
    'three fields': [digestOf(cluster), key, stream],
    'five fields': [digestOf(cluster), key, stream, next, 0],
    'a stream that is none': [digestOf(cluster), key, 'memory/', next],
    'a stream of another kind': [digestOf(cluster), key, 'mail', next],
    'a stream in capitals': [digestOf(cluster), key, 'memory/Main', next],
    'a key of 31 bytes': [digestOf(cluster), key.subarray(1), stream, next],
    'no commitment': [digestOf(cluster), key, stream, EMPTY],
    'a cluster in text': [cluster, key, stream, next],
    'no array': 'genesis',
  }
  for (const [what, value] of Object.entries(cases)) t.equal(decodeGenesis(encode(value), cluster), undefined, what)
  t.equal(decodeGenesis(EMPTY, cluster), undefined)
  t.equal(
    decodeGenesis(concatBytes(encodeGenesis(logIdentity(cluster, author, stream), next), Uint8Array.of(0)), cluster),
    undefined,
    'a byte behind it',
  )
  t.end()
})

t.test('checkpoints', t => {
  const log = logIdentity(cluster, author, stream)
  const fields = { epoch: 0, size: 40, root: hash('node', utf8('root')), headLeaf: hash('leaf', utf8('head')), timeMs: 1_767_225_600_123 }
  const signed = signCheckpoint(cluster, log.id, fields, signer)

  t.test('what its author signed is parsed and verified by anyone', t => {
    t.same(parseCheckpoint(signed.bytes, signed.signature, cluster, log.id), { ...signed, ...fields, keyId: keyIdOf(signer.publicKey) })
    t.ok(isSignedBy(signed, signer.publicKey))
    t.end()
  })

  t.test('another cluster, log, key or domain is refused', t => {
    const otherLog = logIdentity(cluster, author, AUDIT)
    t.equal(parseCheckpoint(signed.bytes, signed.signature, elsewhere, log.id), undefined)
    t.equal(parseCheckpoint(signed.bytes, signed.signature, cluster, otherLog.id), undefined)
    t.notOk(isSignedBy(signed, stranger.publicKey))
    const byStranger = signCheckpoint(cluster, log.id, fields, stranger)
    t.notOk(isSignedBy(byStranger, signer.publicKey), 'signed by a stranger')
    t.notOk(isSignedBy({ ...byStranger, keyId: signed.keyId }, signer.publicKey), 'and said to be by the author')
    for (const use of ['operation', 'genesis', 'leaf'] as const) {
      const signature = signer.sign(concatBytes(tagOf(use), signed.bytes))
      t.notOk(isSignedBy({ ...signed, signature }, signer.publicKey), `signed as ${use}`)
    }
    t.notOk(isSignedBy({ ...signed, signature: signer.sign(signed.bytes) }, signer.publicKey), 'signed without a domain')
    t.end()
  })

  t.test('no byte of it can be changed', t => {
    const accepted: string[] = []
    for (let at = 0; at < signed.bytes.length; at++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const bytes = signed.bytes.with(at, (signed.bytes[at] as number) ^ mask)
        const parsed = parseCheckpoint(bytes, signed.signature, cluster, log.id)
        if (parsed !== undefined && isSignedBy(parsed, signer.publicKey)) accepted.push(`byte ${at} ^ ${mask}`)
      }
    }
    for (let at = 0; at < 64; at++) {
      const signature = signed.signature.with(at, (signed.signature[at] as number) ^ 1)
      if (isSignedBy({ ...signed, signature }, signer.publicKey)) accepted.push(`signature ${at}`)
    }
    t.same(accepted, [])
    t.end()
  })

  t.test('what is no checkpoint is refused', t => {
    const { keyId, root, headLeaf } = signed
    const base: Cbor[] = [1, 1, digestOf(cluster), digestOf(log.id), 0, keyId, 40, root, headLeaf, 5]
    const parse = (value: Cbor): unknown => parseCheckpoint(encode(value), signed.signature, cluster, log.id)
    t.ok(parse(base))
    const cases: Readonly<Record<string, Cbor>> = {
      'another version': base.with(0, 2),
      'another suite': base.with(1, 2),
      'an empty log': base.with(6, 0),
      'a key id of 32 bytes': base.with(5, root),
      'a root of 31 bytes': base.with(7, root.subarray(1)),
      'a head of 31 bytes': base.with(8, root.subarray(1)),
      'a size in text': base.with(6, '40'),
      'a field less': base.slice(0, 9),
      'a field more': [...base, 0],
    }
    for (const [what, value] of Object.entries(cases)) t.equal(parse(value), undefined, what)
    t.equal(parseCheckpoint(signed.bytes, signed.signature.subarray(1), cluster, log.id), undefined, 'a signature of 63 bytes')
    t.equal(
      parseCheckpoint(signed.bytes, concatBytes(signed.signature, Uint8Array.of(0)), cluster, log.id),
      undefined,
      'a signature of 65 bytes',
    )
    t.end()
  })

  t.test('a cover holds no more than its checkpoint, and a proof only where it holds less', t => {
    const sibling = hash('node', utf8('sibling'))
    const cover = (held: number, proof: readonly Uint8Array[]): unknown =>
      decodeCover(encodeCover({ log: log.id, checkpoint: signed, held, proof }), cluster)
    t.same(cover(40, []), { log: log.id, checkpoint: signed, held: 40, proof: [] })
    t.same(cover(39, [sibling]), { log: log.id, checkpoint: signed, held: 39, proof: [sibling] })
    for (const [held, proof] of [
      [0, [sibling]],
      [41, []],
      [41, [sibling]],
      [40, [sibling]],
      [39, []],
    ] as const)
      t.equal(cover(held, proof), undefined, `${held} with ${proof.length}`)
    t.equal(decodeCover(encodeCover({ log: log.id, checkpoint: signed, held: 40, proof: [] }), elsewhere), undefined)
    t.equal(decodeCover(encode([digestOf(log.id), signed.bytes, signed.signature, 40]), cluster), undefined)
    t.same(decodeCut(encodeCut({ log: log.id, size: 3 })), { log: log.id, size: 3 })
    for (const wrong of [EMPTY, encode([digestOf(log.id)]), encode([digestOf(log.id), -0 + 3, 1])]) t.equal(decodeCut(wrong), undefined)
    t.end()
  })
  t.end()
})

// ---- the vectors others can build on

interface Vectors {
  readonly logs: readonly {
    cluster: ClusterId
    key: string
    author: string
    stream: Stream
    nextKey: string
    logId: string
    genesisBody: string
    genesisCommit: string
  }[]
  readonly headers: readonly {
    name: string
    logId: string
    seq: number
    prev: string
    hlc: [number, number]
    kind: number
    actor: string
    parents: [string, number, string][]
    grant: string
    bodyCommit: string
    bodyLength: number
    header: string
    leaf: string
  }[]
  readonly bodies: readonly { salt: string; body: string; commit: string }[]
  readonly checkpoints: readonly {
    seed: string
    cluster: ClusterId
    logId: LogId
    epoch: number
    size: number
    root: string
    headLeaf: string
    timeMs: number
    keyId: string
    bytes: string
    signature: string
  }[]
  readonly runs: {
    seed: string
    cluster: ClusterId
    logId: LogId
    checkpoint: { bytes: string; signature: string }
    root: string
    leaves: string[]
    frames: { from: number; records: number; cost: number; frame: string }[]
  }
}

t.test('vectors', t => {
  const vectors = JSON.parse(readFileSync(new URL('../../../test/vectors/chain.json', import.meta.url), 'utf8')) as Vectors

  t.test('logs and their first bodies', t => {
    for (const { cluster, key, author, stream, nextKey, logId, genesisBody, genesisCommit } of vectors.logs) {
      const identity: LogIdentity = logIdentity(cluster, nodeIdOf(fromHex(key)), stream)
      t.equal(identity.author, author)
      t.equal(identity.id, logId)
      t.equal(toHex(keyOf(identity.author)), key)
      t.equal(toHex(encodeGenesis(identity, nextKeyCommitOf(fromHex(nextKey)))), genesisBody)
      t.equal(toHex(bodyCommit(ZERO_SALT, fromHex(genesisBody))), genesisCommit)
    }
    t.end()
  })

  t.test('headers and leaves', t => {
    for (const vector of vectors.headers) {
      const [ms, counter] = vector.hlc
      const fields: RecordHeader = {
        logId: fromHex(vector.logId),
        seq: vector.seq,
        prev: fromHex(vector.prev),
        hlc: { ms, counter },
        kind: vector.kind,
        actor: vector.actor,
        parents: vector.parents.map(([log, seq, leaf]) => ({ logId: fromHex(log), seq, leaf: fromHex(leaf) })),
        grant: fromHex(vector.grant),
        bodyCommit: fromHex(vector.bodyCommit),
        bodyLength: vector.bodyLength,
      }
      t.equal(toHex(encodeHeader(fields)), vector.header, vector.name)
      t.same(decodeHeader(fromHex(vector.header)), fields, vector.name)
      t.equal(toHex(leafOf(fromHex(vector.header))), vector.leaf, vector.name)
    }
    t.end()
  })

  t.test('bodies', t => {
    for (const { salt, body, commit } of vectors.bodies) t.equal(toHex(bodyCommit(fromHex(salt), fromHex(body))), commit)
    t.end()
  })

  t.test('checkpoints', t => {
    for (const { seed, cluster, logId, epoch, size, root, headLeaf, timeMs, keyId, bytes, signature } of vectors.checkpoints) {
      const by = suite.signer(fromHex(seed))
      const checkpoint = signCheckpoint(cluster, logId, { epoch, size, root: fromHex(root), headLeaf: fromHex(headLeaf), timeMs }, by)
      t.equal(toHex(checkpoint.bytes), bytes)
      t.equal(toHex(checkpoint.signature), signature)
      t.equal(toHex(checkpoint.keyId), keyId)
      t.ok(isSignedBy(checkpoint, by.publicKey))
    }
    t.end()
  })

  t.test('runs', t => {
    const { seed, cluster, logId, checkpoint, root, leaves, frames } = vectors.runs
    const by = nodeIdOf(suite.publicKeyOf(fromHex(seed)))
    const identity = logIdentity(cluster, by, stream)
    t.equal(identity.id, logId)
    for (const { from, records, frame } of frames) {
      const decoded = decode(fromHex(frame))
      const run = decoded.ok ? parseRun(decoded.value, cluster) : undefined
      t.equal(run?.from, from)
      t.equal(run?.records.length, records)
      t.equal(toHex(run?.checkpoint.bytes ?? EMPTY), checkpoint.bytes)
      t.equal(toHex(run?.checkpoint.signature ?? EMPTY), checkpoint.signature)
    }
    // The second frame is the first two records, the third the rest but one: read one after another they make the log.
    const [whole, begin, end] = frames.map(({ frame }) => {
      const decoded = decode(fromHex(frame))
      return (decoded.ok && parseRun(decoded.value, cluster)) || undefined
    })
    const log = new Log(identity)
    t.match(whole && extendByRun(log, whole, Number.POSITIVE_INFINITY), { records: { length: 5 } })
    t.equal(toHex(log.tree.root()), root)
    t.same(
      leaves.map((_, seq) => toHex(log.tree.leaf(seq))),
      leaves,
    )
    log.truncate(0)
    t.match(begin && extendByRun(log, begin, Number.POSITIVE_INFINITY), { records: { length: 2 } })
    t.same(end && extendByRun(log, end, Number.POSITIVE_INFINITY), { code: 'bad_proof' }, 'one record is missing')
    t.equal(log.size, 2)
    t.equal(logIdOf(log.idBytes), logId)
    t.end()
  })
  t.end()
})
