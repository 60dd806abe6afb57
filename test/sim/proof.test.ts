import t from 'tap'
import { fromBase64, toBase64 } from '../../base/base64.ts'
import { textOf, utf8 } from '../../base/bytes.ts'
import type { ClusterId } from '../../base/ids.ts'
import { type Proof, proofText, type ProvenLog, type ProvenPath, type ProvenStep } from '../../node/proof/proof.ts'
import { type ProofVerdict, verifyProof } from '../../node/proof/verify-proof.ts'
import { World } from '../../sim/world.ts'
import { codeOf, coreOf, settle, untilEqual } from './helpers.ts'
import { seedOf } from './seeds.ts'

const NAMES = ['a', 'b', 'c']

/** Three nodes that agree why checkout failed: a link of each kind that `why` follows, and something that was replaced twice. */
interface Told {
  readonly world: World
  /** What failed: it rests on all that follows. */
  readonly failure: string
  /** Replaced under its key, by the same author. */
  readonly count: string
  readonly idle: string
}

function told(seed: number = 11): Told {
  const world = new World({ seed: seedOf(seed) })
  settle(world, NAMES)
  const said = (node: string, text: string, key?: string): string => world.ask(node, 'memory.remember', { text, key }).id
  const failure = said('a', 'checkout fails at noon')
  const pool = said('b', 'the pool of connections is exhausted')
  const before = said('c', 'the pool has 10 connections', 'pool size')
  const count = said('c', 'the pool has 5 connections', 'pool size')
  const guess = said('b', 'the disk is slow')
  const alarm = said('c', 'an alarm rang at noon')
  untilEqual(world, NAMES)
  world.ask('a', 'memory.link', { from: pool, type: 'causes', to: failure, weight: 0.9 })
  world.ask('b', 'memory.link', { from: count, type: 'evidence-for', to: pool })
  world.ask('c', 'memory.link', { from: failure, type: 'triggered-by', to: alarm, weight: 0.25 })
  world.ask('c', 'memory.supersede', { old: guess, by: count, reason: 'measured' })
  const idle = said('a', 'nothing leads here')
  untilEqual(world, NAMES)
  t.not(before, count)
  return { world, failure, count, idle }
}

function judge(proof: Proof, cluster: ClusterId = proof.cluster): ProofVerdict {
  return verifyProof(utf8(proofText(proof)), cluster)
}

t.test('a proof says what why says, on every node, and needs nothing but the hash of the genesis', t => {
  const { world, failure, count, idle } = told()
  for (const node of NAMES) {
    for (const id of [failure, count, idle]) {
      const proof = world.ask(node, 'memory.prove', { id })
      const why = world.ask(node, 'memory.why', { id })
      const verdict = judge(proof)
      t.equal(verdict.verdict, 'valid', JSON.stringify(verdict))
      if (verdict.verdict !== 'valid') continue
      t.same(
        verdict.paths.map(({ weight, steps }) => ({
          weight,
          steps: steps.map(({ id: step, edge, text, author }) => ({ id: step, edge, text, author })),
        })),
        why.paths.map(({ weight, steps }) => ({
          weight,
          steps: steps.map(({ id: step, edge, text, author }) => ({ id: step, edge, text, author })),
        })),
      )
      t.equal(verdict.memory.text, world.ask(node, 'memory.get', { id }).text)
      t.equal(verdict.name, 'sim')
    }
  }
  const proof = world.ask('a', 'memory.prove', { id: failure })
  t.equal(proof.paths.length > 1, true)
  t.same(
    [...new Set(proof.logs.map(({ author }) => author))].sort(),
    NAMES.map(name => world.nodeId(name)).sort(),
    'all three have said something',
  )
  const edges = new Set(proof.paths.flatMap(({ steps }) => steps.map(({ edge }) => edge)))
  for (const edge of ['causes', 'evidence-for', 'triggered-by', 'supersedes'] as const) t.ok(edges.has(edge), edge)
  const byKey = proof.paths.flatMap(({ steps }) => steps).filter(({ edge, link }) => edge === 'supersedes' && link === undefined)
  t.ok(byKey.length > 0, 'what a key replaced is shown without a record that says so')
  t.same(world.ask('a', 'memory.prove', { id: idle }).paths, [], 'what rests on nothing is proven by itself')
  t.end()
})

t.test('a proof in which any byte is changed is refused, or not judged where it says that it is of another version', t => {
  const { world, failure } = told()
  const proof = world.ask('a', 'memory.prove', { id: failure })
  const bytes = utf8(proofText(proof))
  t.equal(verifyProof(bytes, proof.cluster).verdict, 'valid')
  const version = proofText(proof).indexOf('weft-proof/1') + 'weft-proof/'.length
  const passed: string[] = []
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice()
    changed[at] = (changed[at] as number) ^ (1 << (at % 7))
    const { verdict } = verifyProof(changed, proof.cluster)
    if (verdict !== 'refused' && !(verdict === 'unknown' && at === version)) passed.push(`byte ${at}`)
  }
  for (let byte = 0; byte < 256; byte++) {
    const { verdict } = verifyProof(bytes.with(version, byte), proof.cluster)
    const isDigit = byte >= 0x30 && byte <= 0x39
    if (byte !== bytes[version] && verdict !== (isDigit ? 'unknown' : 'refused')) passed.push(`version ${byte}`)
  }
  for (let at = 0; at < bytes.length; at += 97)
    if (verifyProof(bytes.slice(0, at), proof.cluster).verdict === 'valid') passed.push(`the first ${at}`)
  if (verifyProof(utf8(`${textOf(bytes)} `), proof.cluster).verdict === 'valid') passed.push('a space more')
  t.same(passed, [], `of ${bytes.length} changes`)
  t.end()
})

type Writable<T> = T extends string
  ? T
  : T extends readonly (infer U)[]
    ? Writable<U>[]
    : T extends object
      ? { -readonly [K in keyof T]: Writable<T[K]> }
      : T

/** A proof to be forged, with parts of it at hand; `other` is of the same cluster, `foreign` of another. */
interface Forgery {
  readonly proof: Writable<Proof>
  readonly path: Writable<ProvenPath>
  /** The second of the path: the first that an edge leads to. */
  readonly step: Writable<ProvenStep>
  readonly log: Writable<ProvenLog>
  readonly record: Writable<ProvenLog>['records'][number]
  readonly next: Writable<ProvenLog>
  readonly other: Writable<Proof>
  readonly foreign: Writable<Proof>
}

/** What somebody changes who writes the document anew. */
const FORGERIES: readonly { readonly what: string; readonly forge: (forgery: Forgery) => unknown; readonly says: RegExp }[] = [
  { what: 'another text', forge: ({ proof }) => (proof.memory.text = 'all is well'), says: /not what was signed/ },
  { what: 'another author', forge: ({ proof, next }) => (proof.memory.author = next.author), says: /not what was signed/ },
  { what: 'a heavier way', forge: ({ path }) => (path.weight = 1), says: /not what was signed/ },
  { what: 'ways in another order', forge: ({ proof }) => proof.paths.reverse(), says: /order of their weights/ },
  { what: 'a step left out', forge: ({ path }) => path.steps.splice(1, 1), says: /no record says|does not say/ },
  { what: 'a way that begins elsewhere', forge: ({ path }) => path.steps.shift(), says: /a way begins at/ },
  { what: 'another kind of edge', forge: ({ step }) => (step.edge = 'enables'), says: /does not say that/ },
  { what: 'a kind of edge that there is not', forge: ({ step }) => (step.edge = 'proves' as never), says: /no such edges/ },
  { what: 'an edge without its record', forge: ({ step }) => delete step.link, says: /no record says that/ },
  {
    what: 'a record that nobody asked for',
    forge: ({
      proof,
      other: {
        logs: [theirs],
      },
    }) => {
      if (theirs !== undefined) proof.logs.find(({ author }) => author === theirs.author)?.records.push(...theirs.records)
    },
    says: /of no use/,
  },
  { what: 'a record missing', forge: ({ log }) => log.records.pop(), says: /is not in it/ },
  { what: 'a record twice', forge: ({ log, record }) => log.records.push(record), says: /out of place/ },
  { what: 'a record at another place', forge: ({ record }) => (record.seq += 1), says: /not in the log that was signed|out of place/ },
  {
    what: 'a body of somebody else',
    forge: ({ record, next }) => (record.body = next.records[0]?.body as string),
    says: /says is not what was signed/,
  },
  { what: 'a hash left out of a way to the root', forge: ({ record }) => record.inclusion.pop(), says: /not in the log that was signed/ },
  { what: 'the signature of somebody else', forge: ({ log, next }) => (log.signature = next.signature), says: /has not signed/ },
  { what: 'a checkpoint of another log', forge: ({ log, next }) => (log.checkpoint = next.checkpoint), says: /has not signed/ },
  { what: 'a stream that holds no memories', forge: ({ log }) => (log.stream = 'audit' as never), says: /holds no memories/ },
  {
    what: 'authors whom nothing shows to be members',
    forge: ({ proof }) => (proof.evidence = toBase64(Uint8Array.of(0x80))),
    says: /nothing shows that/,
  },
  { what: 'members of another cluster', forge: ({ proof, foreign }) => (proof.evidence = foreign.evidence), says: /nothing shows that/ },
  {
    what: 'the genesis of another cluster',
    forge: ({ proof, foreign }) => (proof.genesis = foreign.genesis),
    says: /whose genesis has another hash/,
  },
  { what: 'no genesis', forge: ({ proof }) => (proof.genesis = ''), says: /genesis/ },
  { what: 'base64 with a bit too many', forge: ({ log }) => (log.signature = log.signature.replace(/.==$/, 'x==')), says: /not base64/ },
  { what: 'logs in another order', forge: ({ proof }) => proof.logs.reverse(), says: /not what was signed/ },
  { what: 'a field more', forge: ({ proof }) => Object.assign(proof, { remark: 'trust me' }), says: /it is no proof/ },
  { what: 'a field less', forge: ({ proof }) => Reflect.deleteProperty(proof, 'memory'), says: /it is no proof: memory/ },
  { what: 'a number that is too large', forge: ({ record }) => (record.seq = 2 ** 60), says: /it is no proof/ },
]

function forgeryOf(...proofs: readonly Proof[]): Forgery {
  const [proof, other, foreign] = structuredClone(proofs) as unknown as readonly [Writable<Proof>, Writable<Proof>, Writable<Proof>]
  const path = proof.paths[0] as Forgery['path']
  const [log, next] = proof.logs as [Forgery['log'], Forgery['next']]
  return { proof, path, step: path.steps[1] as Forgery['step'], log, record: log.records[0] as Forgery['record'], next, other, foreign }
}

t.test('whoever writes a proof anew is found out', t => {
  const { world, failure, idle } = told()
  const proof = world.ask('a', 'memory.prove', { id: failure })
  const other = world.ask('a', 'memory.prove', { id: idle })
  const foreign = told(12)
  const theirs = foreign.world.ask('a', 'memory.prove', { id: foreign.failure })
  for (const { what, forge, says } of FORGERIES) {
    const forgery = forgeryOf(proof, other, theirs)
    forge(forgery)
    const verdict = judge(forgery.proof, proof.cluster)
    t.match(verdict, { verdict: 'refused', reason: says }, what)
  }
  t.match(judge(theirs, proof.cluster), { verdict: 'refused', reason: /is of cluster/ }, 'a proof of another cluster is none here')
  t.match(judge({ ...proof, format: 'weft-proof/2' as never }), { verdict: 'unknown', reason: /reads weft-proof\/1/ })
  for (const bytes of [
    new Uint8Array(0),
    utf8('{}'),
    utf8('null'),
    utf8('[1]'),
    Uint8Array.of(0xff, 0xfe),
    utf8('{"format":7}'),
    utf8('['.repeat(100_000)),
  ])
    t.equal(verifyProof(bytes, proof.cluster).verdict, 'refused', `${bytes.length} bytes`)
  t.end()
})

t.test('what a revoked member wrote beyond its cut is not proven, what it wrote before is', t => {
  const { world, failure } = told()
  const before = world.ask('a', 'memory.prove', { id: failure })
  world.partition([['a', 'b'], ['c']])
  world.ask('a', 'member.revoke', { nodeId: world.nodeId('c'), reason: 'stolen' })
  const late = world.ask('c', 'memory.remember', { text: 'written after it was thrown out' }).id
  world.run(2_000)
  const mine = world.ask('c', 'memory.prove', { id: late })
  t.equal(judge(mine).verdict, 'valid', 'as long as nobody shows that its author was revoked')
  const after = world.ask('a', 'memory.prove', { id: failure })
  t.equal(judge(after).verdict, 'valid')
  t.not(after.evidence, before.evidence, 'the revocation is shown')
  t.match(judge({ ...mine, evidence: after.evidence }), { verdict: 'refused', reason: /written after its author was revoked/ })
  t.end()
})

t.test('what cannot be proven is said to be so', t => {
  const { world, failure } = told()
  t.equal(
    codeOf(() => world.ask('a', 'memory.prove', { id: 'ab'.repeat(32) })),
    'unknown_id',
  )
  t.equal(
    codeOf(() => world.ask('a', 'memory.prove', { id: failure, asOf: 'no frontier' })),
    'frontier_invalid',
  )
  // Alone after a start it signs nothing until somebody has vouched for its logs.
  world.crash('c')
  world.partition([['a', 'b'], ['c']])
  world.start('c')
  world.until('c to have folded what it holds', () => coreOf(world, 'c').pending === 0)
  const { id } = world.ask('c', 'memory.remember', { text: 'nobody has seen this' })
  t.equal(
    codeOf(() => world.ask('c', 'memory.prove', { id })),
    'not_signed',
  )
  t.end()
})

t.test('bytes in a proof are written in one way', t => {
  for (const bytes of [new Uint8Array(0), Uint8Array.of(1), Uint8Array.of(1, 2), Uint8Array.of(1, 2, 3)])
    t.same(fromBase64(toBase64(bytes)), bytes)
  for (const text of ['AR==', 'A', 'AQ', 'A===', 'AQ= ', '====', 'ü'] as const) t.equal(fromBase64(text), undefined, text)
  t.end()
})
