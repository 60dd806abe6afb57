import t from 'tap'
import { suite } from '../../base/crypto/suite.ts'
import type { ErrorCode } from '../../base/errors.ts'
import { clusterIdOf, type NodeId, nodeIdOf } from '../../base/ids.ts'
import { CURRENT } from '../../base/version.ts'
import { encodeGreeting, type Greeting, parseGreetingReply } from '../../discovery/greeting.ts'
import { formatToken, type InviteToken, parseToken } from '../../discovery/invite.ts'
import { operationOf, signOperation } from '../../discovery/operation.ts'
import type { MemberList } from '../../node/api.ts'
import { encodeMessage } from '../../node/messages.ts'
import { PEERS_FILE } from '../../node/peers.ts'
import type { CoreEvent } from '../../node/step.ts'
import { World } from '../../sim/world.ts'
import { codeOf, coreOf, dialAs, settle, STRANGER, textsOf, untilConnected, untilEqual } from './helpers.ts'
import { seedOf } from './seeds.ts'

const SEED = seedOf(3)

function membersOf(world: World, name: string): MemberList {
  return world.ask(name, 'member.list', {})
}

/** Everything that a refused attempt must leave as it was. */
function stateOf(world: World, names: readonly string[]): unknown {
  return names.map(name => ({
    members: membersOf(world, name),
    frontier: coreOf(world, name).frontierAll,
    records: world.ask(name, 'node.status', {}).records,
  }))
}

/** Of a few memories each. */
function policyOf(world: World, admins: readonly string[], threshold: number): { admins: NodeId[]; threshold: number } {
  return { admins: admins.map(name => world.nodeId(name)), threshold }
}

function untilPolicy(world: World, names: readonly string[], threshold: number, admins: readonly string[]): void {
  const expected = admins
    .map(name => world.nodeId(name))
    .sort()
    .join()
  const shown = ({ threshold: now, members }: MemberList): string =>
    `${now} ${members
      .filter(({ isAdmin }) => isAdmin)
      .map(({ nodeId }) => nodeId)
      .sort()
      .join()}`
  world.until('the policy to be known everywhere', () => names.every(name => shown(listed(world, name)) === `${threshold} ${expected}`))
}

/** Without running the world. */
function listed(world: World, name: string): MemberList {
  const { membership, genesis } = coreOf(world, name).cluster
  return {
    cluster: membership.cluster,
    name: genesis.name,
    threshold: membership.policy.threshold,
    members: membership.members.map(({ id, role, status, isAdmin }) => ({ nodeId: id, role, status, isAdmin })),
    pending: [],
  }
}

t.test('one admin of one decides alone, and all members see the same', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'b', 'c'])
  const { token, expires } = world.ask('a', 'member.invite', { role: 'observer', expiresMs: 60_000 })
  t.equal(expires, new Date(world.machine('a').clock.wallMs() + 60_000).toISOString().slice(0, 20) + expires.slice(20))
  world.join('d', token)
  world.start('d')
  untilConnected(world, ['a', 'b', 'c', 'd'])
  untilEqual(world, ['a', 'b', 'c', 'd'])
  const list = membersOf(world, 'a')
  t.strictSame(
    list.members.map(({ nodeId, role, status, isAdmin }) => ({ nodeId, role, status, isAdmin })),
    [
      { nodeId: world.nodeId('a'), role: 'admin', status: 'member', isAdmin: true },
      { nodeId: world.nodeId('b'), role: 'member', status: 'member', isAdmin: false },
      { nodeId: world.nodeId('c'), role: 'member', status: 'member', isAdmin: false },
      { nodeId: world.nodeId('d'), role: 'observer', status: 'member', isAdmin: false },
    ].sort((x, y) => (x.nodeId < y.nodeId ? -1 : 1)),
  )
  for (const name of ['b', 'c', 'd']) t.strictSame(membersOf(world, name), list)
  t.equal(
    codeOf(() => world.ask('b', 'member.invite', {})),
    'not_admin',
  )
  t.equal(
    codeOf(() => world.ask('b', 'member.retire', { nodeId: world.nodeId('c') })),
    'not_admin',
  )
  t.equal(
    codeOf(() => world.ask('a', 'member.retire', { nodeId: nodeIdOf(suite.publicKeyOf(new Uint8Array(32).fill(9))) })),
    'not_a_member',
  )
  t.equal(
    codeOf(() => world.ask('a', 'member.retire', { nodeId: world.nodeId('a') })),
    'invalid_argument',
    'a cluster keeps an admin',
  )
  t.equal(
    codeOf(() => world.ask('a', 'member.policy', { ...policyOf(world, ['a', 'b'], 3) })),
    'invalid_argument',
    '3 of 2 never come together',
  )
  t.end()
})

t.test('two of three admins decide: a join waits for the second, and so does a policy', t => {
  const world = new World({ seed: SEED })
  const names = ['a', 'b', 'c']
  settle(world, names)
  t.equal(world.ask('a', 'member.policy', policyOf(world, names, 2)).decided, true)
  untilPolicy(world, names, 2, names)
  const { token } = world.ask('a', 'member.invite', {})

  let operation = ''
  t.equal(
    codeOf(() =>
      world.wait(done =>
        world.joinSoon('d', token, error => {
          operation = String(error?.details?.['operation'])
          done(error, undefined)
        }),
      ),
    ),
    'join_pending',
  )
  t.equal(
    codeOf(() => world.start('d')),
    'not_initialised',
  )
  untilEqual(world, names)
  t.strictSame(membersOf(world, 'b').pending, [
    { operation, what: `admit ${world.nodeId('d')} as member`, admins: [world.nodeId('a')], needed: 2 },
  ])
  t.equal(
    codeOf(() => world.join('d', token)),
    'join_pending',
    'asking again changes nothing',
  )
  t.equal(
    codeOf(() => world.join('e', token)),
    'invite_used',
    'nor does anybody else',
  )
  t.equal(
    codeOf(() => world.ask('a', 'member.approve', { operation })),
    'already_proposed',
    'one admin is one voice',
  )
  t.equal(
    codeOf(() => world.ask('b', 'member.approve', { operation: '0123456789abcdef' })),
    'unknown_operation',
  )
  t.strictSame(world.ask('b', 'member.approve', { operation: operation.slice(0, 12) }), { operation, decided: true })
  world.until('a to hear of it', () => coreOf(world, 'a').cluster.membership.isMember(world.nodeId('d')))
  world.join('d', token)
  world.start('d')
  untilConnected(world, [...names, 'd'])
  t.strictSame(membersOf(world, 'd').pending, [])

  const proposed = world.ask('c', 'member.policy', policyOf(world, ['c'], 1))
  t.equal(proposed.decided, false)
  t.equal(
    codeOf(() => world.ask('c', 'member.policy', policyOf(world, ['c'], 1))),
    'already_proposed',
  )
  const other = world.ask('a', 'member.retire', { nodeId: world.nodeId('d') })
  untilEqual(world, [...names, 'd'])
  t.equal(world.ask('b', 'member.approve', { operation: proposed.operation }).decided, true)
  untilPolicy(world, [...names, 'd'], 1, ['c'])
  t.equal(
    codeOf(() => world.ask('c', 'member.approve', { operation: other.operation })),
    'policy_replaced',
    'what was proposed before is proposed anew',
  )
  t.equal(
    codeOf(() => world.ask('a', 'member.invite', {})),
    'not_admin',
  )
  t.equal(world.ask('c', 'member.retire', { nodeId: world.nodeId('d') }).decided, true)
  t.end()
})

t.test('an invite whose admission waits when the policy changes is good for the same node', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'b'])
  world.ask('a', 'member.policy', policyOf(world, ['a', 'b'], 2))
  untilPolicy(world, ['a', 'b'], 2, ['a', 'b'])
  const { token } = world.ask('a', 'member.invite', {})
  t.equal(
    codeOf(() => world.join('c', token)),
    'join_pending',
  )
  const { operation } = world.ask('a', 'member.policy', policyOf(world, ['a'], 1))
  untilEqual(world, ['a', 'b'])
  world.ask('b', 'member.approve', { operation })
  untilPolicy(world, ['a', 'b'], 1, ['a'])
  t.equal(
    codeOf(() => world.join('d', token)),
    'invite_used',
  )
  world.join('c', token)
  world.start('c')
  untilConnected(world, ['a', 'b', 'c'])
  t.end()
})

t.test('an invite admits one node, once, in time, at its issuer; whatever else is tried changes nothing', t => {
  const world = new World({ seed: SEED })
  const names = ['a', 'b']
  settle(world, names)
  const invite = (options: { expiresMs?: number; nodeId?: string } = {}): string => world.ask('a', 'member.invite', options).token
  const altered = (token: string, change: Partial<InviteToken>): string => formatToken({ ...(parseToken(token) as InviteToken), ...change })

  const used = invite()
  world.join('c', used)
  world.start('c')
  untilConnected(world, ['a', 'b', 'c'])
  const short = invite({ expiresMs: 1000 })
  const forB = invite({ nodeId: world.nodeId('b') })
  const fresh = invite()
  untilEqual(world, ['a', 'b', 'c'])
  world.run(1001)
  const before = stateOf(world, ['a', 'b', 'c'])

  const ADDRESSES_OF_B = { issuer: world.nodeId('b'), addresses: ['/sim/b'] }
  const attempts: readonly (readonly [what: string, token: string, code: ErrorCode])[] = [
    ['no token', 'weft1-', 'invite_malformed'],
    ['half a token', fresh.slice(0, 40), 'invite_malformed'],
    ['used by another', used, 'invite_used'],
    ['expired', short, 'invite_expired'],
    ['for another node', forB, 'invite_wrong_node'],
    ['another secret', altered(fresh, { secret: new Uint8Array(32).fill(7) }), 'invite_unknown'],
    ['another cluster', altered(fresh, { cluster: clusterIdOf(new Uint8Array(32).fill(7)) }), 'wrong_cluster'],
    ['at another node', altered(fresh, ADDRESSES_OF_B), 'not_admin'],
    ['at nobody', altered(fresh, { addresses: [] }), 'unreachable'],
    ['at another node, under the name of the issuer', altered(fresh, { addresses: ADDRESSES_OF_B.addresses }), 'impostor'],
  ]
  for (const [what, token, code] of attempts) {
    t.equal(
      codeOf(() => world.join('x', token)),
      code,
      what,
    )
    t.equal(world.machine('x').disk.files.includes('cluster.weft'), false, `${what}: the directory belongs to no cluster`)
  }
  t.strictSame(stateOf(world, ['a', 'b', 'c']), before)
  t.equal(
    codeOf(() => world.join('c', fresh)),
    'already_initialised',
  )

  const codes: (ErrorCode | undefined)[] = []
  for (const name of ['x', 'y']) world.joinSoon(name, fresh, error => codes.push(error?.code))
  world.until('both to be answered', () => codes.length === 2)
  t.strictSame([...codes].sort(), ['invite_used', undefined], 'of two at once one is admitted')
  world.until('b to hear of it', () => membersOf(world, 'b').members.length === 4)
  t.end()
})

t.test('an admission whose answer was lost can be asked for again, also when the invite has expired', t => {
  const world = new World({ seed: SEED })
  world.init('a')
  world.start('a')
  const { token } = world.ask('a', 'member.invite', { expiresMs: 5000 })
  world.network.tap = ({ from, to, kind, bytes }) => {
    if (kind === 'greeting' && from === 'a') world.network.cut(from, to, 'forward')
    return bytes
  }
  t.equal(
    codeOf(() => world.join('b', token)),
    'timeout',
  )
  world.network.tap = undefined
  world.heal()
  world.run(10_000)
  world.join('b', token)
  world.start('b')
  untilConnected(world, ['a', 'b'])
  t.equal(membersOf(world, 'a').members.length, 2)
  t.end()
})

t.test('who is no member is refused before any application protocol', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'b'])
  const { cluster } = coreOf(world, 'a').chain
  const signer = suite.signer(new Uint8Array(32).fill(42))
  const self = nodeIdOf(signer.publicKey)
  const admitSelf = signOperation(
    operationOf(cluster, cluster, { op: 'admit', node: self, role: 'member', invite: new Uint8Array(0) }),
    signer,
  )
  const forged = { ...admitSelf, admin: world.nodeId('a') }
  const member = (change: Partial<Extract<Greeting, { kind: 'member' }>> = {}): Uint8Array =>
    encodeGreeting({ kind: 'member', protocol: CURRENT.protocol, cluster, evidence: [], ...change })
  const greetings: readonly (readonly [what: string, greeting: Uint8Array, code: ErrorCode])[] = [
    ['nothing', new Uint8Array(0), 'not_canonical'],
    ['noise', Uint8Array.from({ length: 500 }, (_, i) => (i * 37) & 255), 'not_canonical'],
    ['a version that is no neighbour', member({ protocol: CURRENT.protocol + 2 }), 'incompatible'],
    ['another cluster', member({ cluster: clusterIdOf(new Uint8Array(32).fill(1)) }), 'wrong_cluster'],
    ['nothing to show', member(), 'not_a_member'],
    ['admitted by itself', member({ evidence: [admitSelf] }), 'not_a_member'],
    ['admitted by an admin who did not sign', member({ evidence: [forged] }), 'not_a_member'],
  ]
  const applications = (): number =>
    (['control', 'sync', 'ipc'] as const).reduce((sum, kind) => sum + world.network.traffic(kind).messages, 0)
  const before = stateOf(world, ['a', 'b'])
  world.network.tap = ({ from, to, kind, bytes }) => {
    if (
      (from === STRANGER || to === STRANGER) &&
      kind !== 'dial' &&
      kind !== 'open' &&
      kind !== 'greeting' &&
      kind !== 'end' &&
      kind !== 'reset'
    )
      t.fail(`a ${kind} frame`)
    return bytes
  }
  for (const [what, greeting, code] of greetings) {
    const { accepted, reply } = dialAs(world, self, 'a', greeting)
    t.equal(accepted, false, what)
    t.match(parseGreetingReply(reply, cluster), { kind: 'refused', code }, what)
  }
  t.ok(applications() > 0)
  t.equal(coreOf(world, 'a').cluster.membership.operation(admitSelf.operation.id), undefined, 'what a stranger says of itself is not kept')
  t.strictSame(stateOf(world, ['a', 'b']), before)

  // A whole node with the cluster file of a member, and a key of its own.
  world.init('x', 'another')
  const { disk } = world.machine('x')
  const stolen = new Map(disk.snapshot())
  for (const file of ['cluster.weft', 'peers.json']) stolen.set(file, world.machine('b').disk.contentOf(file))
  disk.rollback(stolen)
  world.start('x')
  world.run(30_000)
  t.strictSame(
    [...coreOf(world, 'x').chain.logs.values()].map(({ identity }) => identity.author === coreOf(world, 'x').self),
    [true],
    'it has its own log and no other',
  )
  t.equal(coreOf(world, 'x').peers.connected.size, 0)
  t.ok(coreOf(world, 'a').metrics.get('weft_greetings_refused_total', 'not_a_member') > 2)
  t.strictSame(membersOf(world, 'a').members.length, 2)
  t.end()
})

t.test('a revoked node is disconnected everywhere; its records beyond the cut are void on every replica, whenever it hears of it', t => {
  const world = new World({ seed: SEED })
  const names = ['a', 'b', 'c', 'd']
  settle(world, names)
  world.ask('d', 'memory.remember', { text: 'within the cut' })
  untilEqual(world, names)
  world.partition([
    ['a', 'b'],
    ['c', 'd'],
  ])
  const beyond = [1, 2, 3].map(i => world.ask('d', 'memory.remember', { text: `beyond the cut ${i}` }).id)
  untilEqual(world, ['c', 'd'])
  t.equal(textsOf(world, 'c').length, 4, 'c has applied what will turn out to be void')
  t.equal(world.ask('a', 'member.revoke', { nodeId: world.nodeId('d'), reason: 'stolen' }).decided, true)
  world.heal()
  untilConnected(world, ['a', 'b', 'c'])
  untilEqual(world, ['a', 'b', 'c'])
  world.until('d to be alone', () => coreOf(world, 'd').peers.connected.size === 0)
  world.run(30_000)
  t.equal(coreOf(world, 'd').peers.connected.size, 0)

  const check = (name: string): void => {
    t.strictSame(textsOf(world, name), ['within the cut'], `${name} keeps what is within the cut`)
    const { voids } = world.ask(name, 'memory.conflicts', {})
    t.strictSame(
      voids.map(({ id, code }) => ({ id, code })),
      beyond.map(id => ({ id, code: 'revoked' })),
      `${name} lists what is beyond it`,
    )
    t.equal(world.ask(name, 'chain.verify', { all: true }).valid, true)
    t.equal(
      codeOf(() => world.ask(name, 'memory.get', { id: beyond[0] as string })),
      'unknown_id',
    )
    t.equal(membersOf(world, name).members.find(({ nodeId }) => nodeId === world.nodeId('d'))?.status, 'revoked')
  }
  for (const name of ['a', 'b', 'c']) check(name)
  for (const how of ['stop', 'crash'] as const) {
    world[how]('c')
    world.start('c')
    untilConnected(world, ['a', 'b', 'c'])
    untilEqual(world, ['a', 'b', 'c'])
    check('c')
  }

  const { token } = world.ask('a', 'member.invite', {})
  world.join('e', token)
  world.start('e')
  untilConnected(world, ['a', 'b', 'c', 'e'])
  untilEqual(world, ['a', 'b', 'c', 'e'])
  check('e')
  t.strictSame(membersOf(world, 'e'), membersOf(world, 'a'))
  t.end()
})

t.test('who has ceased to be a member between greeting and connection is let go at once', t => {
  const world = new World({ seed: SEED })
  const names = ['a', 'b', 'c', 'd']
  settle(world, names)
  world.ask('a', 'member.revoke', { nodeId: world.nodeId('c') })
  world.ask('a', 'member.retire', { nodeId: world.nodeId('d') })
  untilEqual(world, ['a', 'b'])
  world.until('b to be connected to a alone', () => coreOf(world, 'b').peers.connected.size === 1)
  const core = coreOf(world, 'b')
  for (const [peer, code] of [
    [world.nodeId('c'), 'revoked'],
    [world.nodeId('d'), 'retired'],
    [nodeIdOf(suite.signer(new Uint8Array(32).fill(42)).publicKey), 'not_a_member'],
  ] as const) {
    const effects = core.step({ kind: 'up', peer }, core.context.now)
    t.strictSame(effects, [{ kind: 'close', peer, code }], 'and is told nothing')
    t.notOk(core.peers.connected.has(peer))
    t.strictSame(
      core.step({ kind: 'frame', from: peer, protocol: 'sync', frame: encodeMessage({ kind: 'sync.equal' }) }, core.context.now),
      [],
    )
    core.step({ kind: 'down', peer, code }, core.context.now)
  }
  untilConnected(world, ['a', 'b'])
  t.end()
})

t.test('where members are is saved once a second, however often it is told, and before the node stops', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'b'])
  world.run(5_000)
  const core = coreOf(world, 'a')
  const { wallMs, monotonicMs: startMs } = core.context.now
  const saves = (event: CoreEvent, atMs: number): number =>
    core
      .step(event, { wallMs: wallMs + atMs, monotonicMs: startMs + atMs })
      .filter(effect => effect.kind === 'save' && effect.file === PEERS_FILE).length
  const b = world.nodeId('b')
  const moved = (i: number): CoreEvent => {
    const frame = encodeMessage({ kind: 'peer.known', peers: [{ id: b, addresses: [`/sim/other-${i}`] }] })
    return { kind: 'frame', from: b, protocol: 'control', frame }
  }
  const counts = Array.from({ length: 100 }, (_, i) => saves(moved(i), i))
  t.strictSame(counts, [1, ...Array.from({ length: 99 }, () => 0)], 'the first at once')
  t.ok(core.nextWakeMs <= startMs + 1000)
  t.equal(saves({ kind: 'wake' }, 999), 0)
  t.equal(saves({ kind: 'wake' }, 1000), 1, 'the rest together')
  t.equal(saves({ kind: 'wake' }, 2000), 0, 'and nothing without news')
  t.equal(saves(moved(100), 2000) + saves(moved(101), 2001), 1)
  t.equal(saves({ kind: 'stopping', done: () => {} }, 2002), 1)
  t.end()
})

t.test('of two revocations the narrower cut holds, in whichever order they come', t => {
  const world = new World({ seed: SEED })
  const names = ['a', 'b', 'c', 'd']
  settle(world, names)
  world.ask('a', 'member.policy', policyOf(world, ['a', 'b', 'c'], 1))
  world.ask('d', 'memory.remember', { text: 'first' })
  untilEqual(world, names)
  world.partition([['a'], ['b', 'c', 'd']])
  world.ask('d', 'memory.remember', { text: 'second' })
  untilEqual(world, ['b', 'c', 'd'])
  world.partition([['a'], ['b'], ['c'], ['d']])
  world.ask('b', 'member.revoke', { nodeId: world.nodeId('d') })
  t.strictSame(textsOf(world, 'b'), ['first', 'second'], 'the cut of b has both')
  world.ask('a', 'member.revoke', { nodeId: world.nodeId('d') })
  world.heal()
  untilConnected(world, ['a', 'b', 'c'])
  untilEqual(world, ['a', 'b', 'c'])
  for (const name of ['a', 'b', 'c']) t.strictSame(textsOf(world, name), ['first'], name)
  t.end()
})

t.test('a retired node leaves its records behind, and does not come back', t => {
  const world = new World({ seed: SEED })
  const names = ['a', 'b', 'c']
  settle(world, names)
  world.ask('c', 'memory.remember', { text: 'so long' })
  untilEqual(world, names)
  world.ask('a', 'member.retire', { nodeId: world.nodeId('c') })
  world.until('c to be alone', () => coreOf(world, 'c').peers.connected.size === 0)
  world.run(30_000)
  t.equal(coreOf(world, 'c').peers.connected.size, 0)
  for (const name of ['a', 'b']) t.strictSame(textsOf(world, name), ['so long'])
  const { token } = world.ask('a', 'member.invite', {})
  const files = new Map(world.machine('c').disk.snapshot())
  world.stop('c')
  files.delete('cluster.weft')
  world.machine('c').disk.rollback(files)
  t.equal(
    codeOf(() => world.join('c', token)),
    'retired',
  )
  t.end()
})

t.test('of two policies that replace the same one the smaller id wins on every node', t => {
  const world = new World({ seed: SEED })
  const names = ['a', 'b', 'c', 'd']
  settle(world, names)
  world.ask('a', 'member.policy', policyOf(world, ['a', 'b', 'c'], 2))
  untilPolicy(world, names, 2, ['a', 'b', 'c'])
  const first = world.ask('a', 'member.policy', policyOf(world, ['a', 'b'], 1)).operation
  const second = world.ask('c', 'member.policy', policyOf(world, ['b', 'c'], 1)).operation
  untilEqual(world, names)
  world.partition([['a'], ['b'], ['c', 'd']])
  const larger = first < second ? second : first
  world.ask('b', 'member.approve', { operation: larger })
  // The other admin of the smaller one signs it where the larger has not been heard of.
  world.ask(larger === first ? 'a' : 'c', 'member.approve', { operation: larger === first ? second : first })
  world.heal()
  untilPolicy(world, names, 1, larger === first ? ['b', 'c'] : ['a', 'b'])
  untilEqual(world, names)
  for (const name of names) t.equal(coreOf(world, name).cluster.membership.policy.version, first < second ? first : second)
  t.end()
})

t.test('a member that a node has not heard of is admitted there by what it shows, under an older policy too', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'b', 'c'])
  const a = world.nodeId('a')
  for (const name of ['a', 'b']) world.network.cut(name, 'c')
  world.until('c to be alone', () => coreOf(world, 'c').peers.connected.size === 0)
  const { token } = world.ask('a', 'member.invite', {})
  world.join('d', token)
  world.start('d')
  world.network.cut('d', 'c')
  world.ask('a', 'member.policy', policyOf(world, ['a', 'b'], 1))
  untilConnected(world, ['a', 'b', 'd'])
  untilEqual(world, ['a', 'b', 'd'])
  for (const name of ['a', 'b']) world.network.cut(name, 'd')
  world.until('d to be alone', () => coreOf(world, 'd').peers.connected.size === 0)
  t.equal(coreOf(world, 'c').cluster.membership.isMember(world.nodeId('d')), false)
  world.network.restore('d', 'c')
  world.until('c and d to be connected', () => coreOf(world, 'c').peers.connected.has(world.nodeId('d')))
  t.equal(coreOf(world, 'c').cluster.membership.isMember(world.nodeId('d')), true)
  t.equal(coreOf(world, 'c').cluster.membership.policy.admins.length, 2, 'with the policies since')
  world.until('c to get the logs of the admins from d', () =>
    [...coreOf(world, 'c').chain.logs.values()].some(
      ({ identity, published }) => identity.author === a && identity.stream === 'cluster' && published >= 5,
    ),
  )
  world.heal()
  untilConnected(world, ['a', 'b', 'c', 'd'])
  untilEqual(world, ['a', 'b', 'c', 'd'])
  t.end()
})

t.test('a cluster of many changes of policy still greets and admits, until there is no room for the proof of one more', t => {
  const world = new World({ seed: SEED })
  settle(world, ['a', 'b', 'c'])
  let changes = 0
  let code: ErrorCode | undefined
  for (; code === undefined && changes < 100; changes++) {
    const admins = [
      ['a', 'b', 'c'],
      ['a', 'b'],
    ][changes % 2] as string[]
    code = codeOf(() => {
      const { operation, decided } = world.ask('a', 'member.policy', policyOf(world, admins, 1))
      if (decided) return
      world.until('b to hear of it', () => coreOf(world, 'b').cluster.membership.operation(operation) !== undefined)
      world.ask('b', 'member.approve', { operation })
      world.until('a to hear of it', () => coreOf(world, 'a').cluster.membership.policy.version === operation)
    })
  }
  t.equal(code, 'policies_exhausted')
  t.ok(changes > 20, `after ${changes} changes`)
  const { token } = world.ask('a', 'member.invite', {})
  world.join('d', token)
  world.start('d')
  untilConnected(world, ['a', 'b', 'c', 'd'])
  untilEqual(world, ['a', 'b', 'c', 'd'])
  t.end()
})
