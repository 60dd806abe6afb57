import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { decode, encode } from '../../base/codec.ts'
import type { Signer } from '../../base/crypto/crypto-suite.ts'
import { suite } from '../../base/crypto/suite.ts'
import { type ClusterId, clusterIdOf, logIdOf, type NodeId, nodeIdOf } from '../../base/ids.ts'
import { ADMINS_MAX, GREETING_MAX_BYTES, INVITES_MAX, PEER_ADDRESSES_MAX } from '../../base/limits.ts'
import { CURRENT } from '../../base/version.ts'
import { createGenesis, encodeGenesisFile, type Genesis, NO_RULES, parseGenesis } from '../../discovery/genesis.ts'
import {
  encodeGreeting,
  encodeGreetingReply,
  type Greeting,
  type GreetingReply,
  parseGreeting,
  parseGreetingReply,
} from '../../discovery/greeting.ts'
import { decodeInvite, encodeInvite, formatToken, hashOfSecret, type Invite, InviteBook, parseToken } from '../../discovery/invite.ts'
import { Membership } from '../../discovery/membership.ts'
import { encodeControlMessage, parseControlMessage } from '../../discovery/messages.ts'
import {
  encodeEvidence,
  encodeSignedOperation,
  evidenceShape,
  isSignedByAdmin,
  type Op,
  operationOf,
  parseOperation,
  parseSignedOperation,
  type SignedOperation,
  signOperation,
} from '../../discovery/operation.ts'
import fc from '../properties.ts'

const signers: readonly Signer[] = Array.from({ length: ADMINS_MAX + 1 }, (_, i) => suite.signer(new Uint8Array(32).fill(i + 1)))
const idOf = (i: number): NodeId => nodeIdOf((signers[i] as Signer).publicKey)
const signerOf = (i: number): Signer => signers[i] as Signer
const sorted = (...who: readonly number[]): NodeId[] => who.map(idOf).sort()
const NONCE = new Uint8Array(16)
const genesis = createGenesis('test', [signerOf(0), signerOf(1), signerOf(2)], 2, NONCE)
const { cluster } = genesis
const EMPTY = new Uint8Array(0)
const admit = (i: number, invite: Uint8Array = EMPTY): Op => ({ op: 'admit', node: idOf(i), role: 'member', invite })
const policyOp = (threshold: number, ...who: readonly number[]): Op => ({
  op: 'policy',
  admins: sorted(...who),
  threshold,
  rules: NO_RULES,
})
const cutOf = (size: number, log: number = 1): Op => ({
  op: 'revoke',
  node: idOf(4),
  cut: [{ log: logIdOf(new Uint8Array(32).fill(log)), size, head: new Uint8Array(32) }],
  reason: 'lost',
})
const signed = (op: Op, by: number, version: string = cluster): SignedOperation =>
  signOperation(operationOf(cluster, version, op), signerOf(by))
const versionOf = (op: Op, before: string = cluster): string => operationOf(cluster, before, op).id

t.test('a genesis names its admins, and stands only with the signature of each', t => {
  t.strictSame(parseGenesis(encodeGenesisFile(genesis)), genesis)
  t.strictSame(genesis.admins, sorted(0, 1, 2))
  t.not(
    createGenesis('test', [signerOf(0), signerOf(1), signerOf(2)], 2, NONCE.slice().fill(1)).cluster,
    cluster,
    'two clusters of one name are two',
  )
  for (const [name, who, threshold] of [
    ['', [0], 1],
    ['x'.repeat(65), [0], 1],
    ['x', [0], 0],
    ['x', [0], 2],
    ['x', [], 1],
    ['x', signers.map((_, i) => i), 1],
  ] as const) {
    t.throws(() => createGenesis(name, who.map(signerOf), threshold, NONCE), RangeError)
  }
  const { bytes, signatures } = genesis
  const decoded = decode(bytes)
  const row = (decoded.ok ? decoded.value : []) as readonly never[]
  const with_ = (at: number, value: unknown): Uint8Array => encode(row.map((field, i) => (i === at ? value : field)) as never)
  const keys = row[1] as unknown as readonly Uint8Array[]
  const signedAnew = (changed: Uint8Array): unknown =>
    parseGenesis([
      changed,
      genesis.admins.map(admin => signers.find(({ publicKey }) => nodeIdOf(publicKey) === admin)?.sign(changed) as Uint8Array),
    ])
  const bad: readonly (readonly [what: string, file: unknown])[] = [
    ['nothing', null],
    ['an empty list', []],
    ['text', 'genesis'],
    ['a signature short', [bytes, signatures.slice(1)]],
    ['signatures of others', [bytes, [...signatures].reverse()]],
    ['a signature twice', [bytes, [signatures[0], signatures[0], signatures[2]]]],
    ['another name', [with_(0, 'other'), signatures]],
    ['no name', [with_(0, ''), signatures]],
    ['another threshold', [with_(2, 1), signatures]],
    ['no threshold', [with_(2, 0), signatures]],
    ['a threshold above all', [with_(2, 4), signatures]],
    ['another suite', [with_(4, 2), signatures]],
    ['admins out of order', [with_(1, [...keys].reverse()), [...signatures].reverse()]],
    ['an admin twice', [with_(1, [keys[0], keys[0], keys[2]]), signatures]],
    ['a key of small order', [with_(1, [new Uint8Array(32), keys[1], keys[2]]), signatures]],
    ['more fields', [encode([...row, 1]), signatures]],
    ['bytes behind it', [Uint8Array.of(...bytes, 0), signatures]],
  ]
  for (const [what, file] of bad) t.equal(parseGenesis(file as never), undefined, what)
  t.equal(signedAnew(with_(0, 'other')), undefined, 'a signature is over what it is for as well')
  t.end()
})

t.test('an operation is read only from its one encoding, of its cluster, with a role, a key and a policy that can be', t => {
  const ops: readonly Op[] = [
    admit(3),
    admit(3, new Uint8Array(32)),
    { op: 'retire', node: idOf(3) },
    cutOf(7),
    policyOp(1, 0),
    policyOp(16, ...signers.slice(0, 16).map((_, i) => i)),
  ]
  for (const op of ops) {
    const operation = operationOf(cluster, cluster, op)
    t.strictSame(parseOperation(operation.bytes, cluster), operation, op.op)
    t.equal(parseOperation(operation.bytes, clusterIdOf(new Uint8Array(32))), undefined, 'of another cluster')
    t.equal(parseOperation(Uint8Array.of(...operation.bytes, 0), cluster), undefined, 'with a byte behind it')
    const row = signed(op, 0)
    t.equal(isSignedByAdmin(row), true)
    t.equal(isSignedByAdmin({ ...row, admin: idOf(1) }), false)
    t.strictSame(parseSignedOperation(encodeSignedOperation(row), cluster), row)
  }
  const bad: readonly (readonly [what: string, op: Op])[] = [
    ['a role in capitals', { op: 'admit', node: idOf(3), role: 'Member', invite: EMPTY }],
    ['no role', { op: 'admit', node: idOf(3), role: '', invite: EMPTY }],
    ['half a hash', { op: 'admit', node: idOf(3), role: 'member', invite: new Uint8Array(16) }],
    ['nobody decides', { op: 'policy', admins: [], threshold: 0, rules: NO_RULES }],
    ['more than all must', policyOp(3, 0, 1)],
    ['none must', policyOp(0, 0, 1)],
    ['admins out of order', { op: 'policy', admins: sorted(0, 1).reverse(), threshold: 1, rules: NO_RULES }],
    ['an admin twice', { op: 'policy', admins: [idOf(0), idOf(0)], threshold: 1, rules: NO_RULES }],
    ['17 admins', policyOp(1, ...signers.map((_, i) => i))],
    ['a key of small order', { op: 'retire', node: nodeIdOf(new Uint8Array(32)) }],
    ['a reason without end', { op: 'revoke', node: idOf(3), cut: [], reason: 'x'.repeat(257) }],
  ]
  for (const [what, op] of bad) t.equal(parseOperation(operationOf(cluster, cluster, op).bytes, cluster), undefined, what)
  for (const fields of [[], [9, idOf(3)], [2], [2, 'key'], 'x'])
    t.equal(parseOperation(encode([new Uint8Array(32), new Uint8Array(32), fields] as never), clusterIdOf(new Uint8Array(32))), undefined)
  const evidence = [signed(policyOp(1, 0), 0), signed(policyOp(1, 0), 1), signed(admit(3), 2)]
  t.strictSame(evidenceShape(cluster).parse(encodeEvidence(evidence)), evidence)
  t.end()
})

t.test('a token says where to go and with what; anything else is none', t => {
  const token = {
    cluster,
    issuer: idOf(0),
    addresses: ['/ip4/127.0.0.1/tcp/4001'],
    secret: new Uint8Array(32).fill(7),
    expiresMs: 1_767_225_600_000,
  }
  const text = formatToken(token)
  t.strictSame(parseToken(text), token)
  t.match(text, /^weft1-[A-Za-z0-9_-]+$/)
  const bad = [
    '',
    'weft1-',
    text.slice(0, -1),
    text.slice(1),
    `${text}A`,
    ` ${text}`,
    `${text}\n`,
    text.replace('weft1', 'weft2'),
    text.replace('-', '_'),
    `${text.slice(0, 20)}+${text.slice(21)}`,
    formatToken({ ...token, secret: new Uint8Array(31) }),
    formatToken({ ...token, addresses: Array.from({ length: PEER_ADDRESSES_MAX + 1 }, () => '/x') }),
    formatToken({ ...token, addresses: ['x'.repeat(257)] }),
  ]
  for (const candidate of bad) t.equal(parseToken(candidate), undefined, candidate.slice(0, 30))
  fc.assert(
    fc.property(fc.nat(text.length - 7), fc.constantFrom(...'AZaz09_-'), (at, char) => {
      const changed = text.slice(0, 6 + at) + char + text.slice(7 + at)
      const parsed = parseToken(changed)
      // Whatever can be read is written the same again: there is one text for each token.
      return parsed === undefined || formatToken(parsed) === changed
    }),
  )
  t.end()
})

t.test('an invite book knows what it issued: one node each, in time, the newest so many', t => {
  const secret = new Uint8Array(32).fill(3)
  const book = new InviteBook()
  const invite: Invite = { hash: hashOfSecret(secret), expiresMs: 1000, role: 'observer', node: idOf(3) }
  t.strictSame(decodeInvite(encodeInvite(secret, invite)), invite)
  for (const role of ['', 'Observer', 'x'.repeat(33), '1st'])
    t.equal(decodeInvite(encodeInvite(secret, { ...invite, role })), undefined, `role ${role}`)
  for (const body of [EMPTY, encode([]), encode([new Uint8Array(31), 1, 'member', []])]) t.equal(decodeInvite(body), undefined)
  book.add(invite)
  const cases: readonly (readonly [what: string, result: ReturnType<InviteBook['check']>, expected: unknown])[] = [
    ['in time', book.check(secret, idOf(3), undefined, 1000), { invite }],
    ['late', book.check(secret, idOf(3), undefined, 1001), { code: 'invite_expired' }],
    ['late, for the answer', book.check(secret, idOf(3), idOf(3), 9999), { invite }],
    ['used by another', book.check(secret, idOf(3), idOf(5), 0), { code: 'invite_used' }],
    ['for another', book.check(secret, idOf(5), undefined, 0), { code: 'invite_wrong_node' }],
    ['unknown', book.check(new Uint8Array(32), idOf(3), undefined, 0), { code: 'invite_unknown' }],
  ]
  for (const [what, result, expected] of cases) t.strictSame(result, expected, what)
  for (let i = 0; i < INVITES_MAX - 1; i++) book.add({ ...invite, hash: `other ${i}` })
  t.strictSame(book.check(secret, idOf(3), undefined, 0), { invite })
  book.add({ ...invite, hash: 'one too many' })
  t.strictSame(book.check(secret, idOf(3), undefined, 0), { code: 'invite_unknown' }, 'the oldest gives way')
  t.end()
})

t.test('greetings and what answers them fit their frame and are read back; what is not one is nothing', t => {
  const evidence = [signed(admit(3), 0), signed(admit(3), 1)]
  const member = { kind: 'member', protocol: CURRENT.protocol, cluster, evidence } as const
  const greetings: readonly Greeting[] = [
    member,
    { kind: 'redeem', protocol: CURRENT.protocol, cluster, secret: new Uint8Array(32).fill(1) },
  ]
  for (const greeting of greetings) t.strictSame(parseGreeting(encodeGreeting(greeting), cluster), greeting)
  const other = clusterIdOf(new Uint8Array(32))
  for (const greeting of greetings)
    t.match(parseGreeting(encodeGreeting(greeting), other), { cluster, protocol: CURRENT.protocol }, 'of another cluster: enough to say so')
  t.match(parseGreeting(encode([1, 77, new Uint8Array(32), 'from the future']), cluster), { protocol: 77, cluster: other })
  const replies: readonly GreetingReply[] = [
    member,
    { kind: 'refused', code: 'revoked', detail: 'why' },
    { kind: 'admitted', genesis, evidence, peers: [{ id: idOf(1), addresses: ['/ip4/127.0.0.1/tcp/1'] }] },
  ]
  for (const reply of replies) t.strictSame(parseGreetingReply(encodeGreetingReply(reply), cluster), reply, reply.kind)
  const many = Array.from({ length: 64 }, (_, i) => ({
    id: idOf(i % 16),
    addresses: Array.from({ length: 8 }, () => `/dns/${'x'.repeat(200)}/tcp/${i}`),
  }))
  const large = encodeGreetingReply({ kind: 'admitted', genesis, evidence, peers: many })
  t.ok(large.length <= GREETING_MAX_BYTES, 'with as many peers as fit')
  const parsed = parseGreetingReply(large, cluster)
  t.ok(parsed?.kind === 'admitted' && parsed.peers.length > 0 && parsed.peers.length < 64)
  const bad: readonly Uint8Array[] = [
    EMPTY,
    encode([]),
    encode('hello'),
    encode([1]),
    encode([9, 1, new Uint8Array(32), []]),
    encode([1, CURRENT.protocol, encodeId(cluster), 'x']),
    encode([2, CURRENT.protocol, encodeId(cluster), new Uint8Array(31)]),
  ]
  for (const bytes of bad) t.equal(parseGreeting(bytes, cluster), undefined)
  for (const bytes of [...bad, encode([4, 'no_such_code', '']), encode([4, 'revoked']), encode([3, [], [], []]), encode([3])])
    t.equal(parseGreetingReply(bytes, cluster), undefined)
  for (const message of [
    { kind: 'peer.ping', number: 7 },
    { kind: 'peer.pong', number: 7, wallMs: 8 },
    { kind: 'peer.known', peers: [{ id: idOf(1), addresses: ['/x'] }] },
  ] as const) {
    t.strictSame(parseControlMessage(message.kind, encodeControlMessage(message)), message)
    for (const fields of [[], ['x'], [1, 2, 3], [[[EMPTY, []]]]]) t.equal(parseControlMessage(message.kind, fields), undefined)
  }
  t.end()
})

function encodeId(id: ClusterId): Uint8Array {
  return operationOf(id, id, { op: 'retire', node: idOf(0) }).bytes.slice(3, 35)
}

t.test('k admins make an operation count, a majority a policy; nobody else adds anything', t => {
  const membership = new Membership(genesis)
  t.strictSame(
    membership.members.map(({ id, role, status, isAdmin }) => [id, role, status, isAdmin]),
    sorted(0, 1, 2).map(id => [id, 'admin', 'member', true]),
  )
  t.equal(membership.add(signed(admit(3), 0)), true)
  t.equal(membership.add(signed(admit(3), 0)), false, 'once')
  t.equal(membership.isMember(idOf(3)), false)
  t.strictSame(
    membership.pending.map(({ admins, needed }) => ({ admins, needed })),
    [{ admins: [idOf(0)], needed: 2 }],
  )
  t.equal(membership.add({ ...signed(admit(3), 3), admin: idOf(1) }), false, 'a signature of another key is none')
  membership.add(signed(admit(3), 3))
  t.equal(membership.isMember(idOf(3)), false, 'who is no admin has no voice')
  membership.add(signed(admit(3), 1))
  t.equal(membership.isMember(idOf(3)), true)
  t.strictSame(membership.pending, [])
  const shown = membership.evidence(idOf(3))
  t.equal(shown.length, 2)
  const stranger = new Membership(genesis)
  t.equal(stranger.addEvidence([signed(admit(5), 5), ...shown]), false, 'what a stranger says first is not looked behind')
  t.equal(stranger.addEvidence(shown), true)
  t.equal(stranger.isMember(idOf(3)), true)

  const first = policyOp(1, 0)
  membership.add(signed(first, 0))
  t.equal(membership.policy.version, cluster)
  membership.add(signed(first, 2))
  t.match(membership.policy, { version: versionOf(first), admins: [idOf(0)], threshold: 1 })
  t.strictSame(
    [0, 1, 2, 3].map(i => membership.isAdmin(idOf(i))),
    [true, false, false, false],
  )
  t.strictSame(
    [0, 1, 2, 3].map(i => membership.isMember(idOf(i))),
    [true, true, true, true],
    'who was an admin stays a member',
  )
  membership.add(signed(admit(5), 1))
  membership.add(signed(admit(5), 2))
  t.equal(membership.isMember(idOf(5)), true, 'what k admins of an earlier policy recorded still counts, whenever it is heard of')
  membership.add(signed(admit(6), 1, versionOf(first)))
  t.equal(membership.isMember(idOf(6)), false, 'but they have no voice under the later one')
  membership.add(signed({ op: 'retire', node: idOf(5) }, 0, versionOf(first)))
  membership.add(signed({ op: 'revoke', node: idOf(3), cut: [], reason: '' }, 0, versionOf(first)))
  t.strictSame(
    [3, 5].map(i => membership.member(idOf(i))?.status),
    ['revoked', 'retired'],
  )
  t.end()
})

t.test('whatever the order in which operations arrive, and however often, the membership is the same', t => {
  const p1 = policyOp(1, 0, 1)
  const p2 = policyOp(2, 1, 2, 3)
  const p3 = policyOp(1, 2)
  const ops: readonly (readonly [op: Op, version: string])[] = [
    [admit(3), cluster],
    [admit(4), cluster],
    [admit(4, new Uint8Array(32).fill(1)), cluster],
    [{ op: 'retire', node: idOf(3) }, cluster],
    [cutOf(9), cluster],
    [cutOf(4), cluster],
    [cutOf(4, 2), cluster],
    [p1, cluster],
    [p2, cluster],
    [p3, versionOf(p1)],
    [p3, versionOf(p2)],
    [admit(5), versionOf(p1)],
    [admit(6), versionOf(p2)],
    [{ op: 'retire', node: idOf(5) }, versionOf(p3, versionOf(p1))],
    [{ op: 'admit', node: idOf(6), role: 'observer', invite: EMPTY }, versionOf(p2)],
    [cutOf(1), versionOf(p1)],
  ]
  const all = ops.flatMap(([op, version]) => [0, 1, 2, 3].map(by => signed(op, by, version)))
  const view = (rows: readonly SignedOperation[]): unknown => {
    const membership = new Membership(genesis)
    for (const row of rows) membership.add(row)
    const { members, policy, pending } = membership
    return {
      members,
      policy,
      pending,
      authorities: [...membership.authorities].sort(),
      cut: membership.cutOf(idOf(4)),
      evidence: members.map(({ id }) => membership.evidence(id)),
      redeemed: membership.redeemed('01'.repeat(32)),
      replaced: all.map(({ operation }) => membership.isReplaced(operation.id)),
    }
  }
  const orders = fc
    .subarray(all)
    .chain(rows => fc.tuple(fc.shuffledSubarray(rows, { minLength: rows.length }), fc.constant(rows), fc.subarray(rows)))
  fc.assert(
    fc.property(orders, ([shuffled, rows, again]) => isDeepStrictEqual(view([...shuffled, ...again]), view(rows))),
    { numRuns: 60 },
  )
  // What a member shows proves the same to whoever starts from the genesis.
  const known = new Membership(genesis)
  for (const row of all) known.add(row)
  for (const { id, status } of known.members) {
    const stranger = new Membership(genesis)
    stranger.addEvidence(known.evidence(id))
    t.equal(stranger.member(id) !== undefined, true, `${id} ${status}`)
    t.strictSame(stranger.policy, known.policy)
  }
  t.equal((parseGenesis(encodeGenesisFile(genesis)) as Genesis).cluster, cluster)
  t.end()
})
