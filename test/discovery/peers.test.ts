import t from 'tap'
import { suite } from '../../base/crypto/suite.ts'
import { type NodeId, nodeIdOf } from '../../base/ids.ts'
import {
  FULL_MESH_MAX,
  PEER_ADDRESSES_MAX,
  PEER_BOOK_MAX,
  PEER_SILENT_MS,
  PING_BACK_INTERVAL_MS,
  PING_INTERVAL_MS,
  REDIAL_MAX_MS,
  REDIAL_MIN_MS,
} from '../../base/limits.ts'
import { Heartbeat } from '../../discovery/heartbeat.ts'
import { PeerBook } from '../../discovery/peer-book.ts'
import { Redial } from '../../discovery/redial.ts'
import { SimRandom } from '../../sim/random.ts'
import fc from '../properties.ts'

/** Ids of which nobody holds a key: they only have to differ. */
function idsOf(count: number): readonly NodeId[] {
  return Array.from({ length: count }, (_, i) => {
    const key = new Uint8Array(32)
    new DataView(key.buffer).setUint32(0, i + 1)
    return nodeIdOf(key)
  }).sort()
}

const SELF = nodeIdOf(suite.publicKeyOf(new Uint8Array(32).fill(1)))
const [A, B, C] = idsOf(3) as [NodeId, NodeId, NodeId]
/** Smaller than every NodeId, as SELF is greater than A, B and C: of two peers the smaller one pings in every round. */
const FIRST = '1' as NodeId

/** Wakes a heartbeat when it asks for it, until `untilMs`. */
function beat(
  heartbeat: Heartbeat,
  untilMs: number,
  answer: (peer: NodeId, number: number, nowMs: number) => void,
): readonly { peer: NodeId; atMs: number }[] {
  const gone: { peer: NodeId; atMs: number }[] = []
  for (let nowMs = heartbeat.nextWakeMs; nowMs <= untilMs; nowMs = heartbeat.nextWakeMs) {
    const woken = heartbeat.onWake(nowMs, nowMs + 1_000_000)
    for (const peer of woken.gone) {
      gone.push({ peer, atMs: nowMs })
      heartbeat.onDown(peer)
    }
    for (const { peer, number } of woken.pings) answer(peer, number, nowMs)
    if (heartbeat.nextWakeMs <= nowMs) throw new Error(`it asks to be woken at ${heartbeat.nextWakeMs}, at ${nowMs}`)
  }
  return gone
}

t.test('a peer that falls silent is gone within 15 s; any sign of life will do', t => {
  const self = fc.constantFrom(FIRST, SELF)
  fc.assert(
    fc.property(
      self,
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      fc.double({ min: 0, max: 60_000, noNaN: true }),
      (id, upMs, silentMs) => {
        const heartbeat = new Heartbeat(id)
        heartbeat.onUp(A, upMs)
        heartbeat.onUp(B, upMs)
        const diesMs = upMs + silentMs
        let heardMs = upMs
        const gone = beat(heartbeat, diesMs + 30_000, (peer, _, nowMs) => {
          if (peer === A && nowMs > diesMs) return
          if (peer === A) heardMs = nowMs
          heartbeat.heard(peer, nowMs)
        })
        return (
          gone.length === 1 &&
          gone[0]?.peer === A &&
          gone[0].atMs >= heardMs + PEER_SILENT_MS &&
          gone[0].atMs <= Math.max(diesMs, upMs) + 15_000
        )
      },
    ),
  )
  const heartbeat = new Heartbeat(FIRST)
  t.equal(heartbeat.nextWakeMs, Infinity, 'nobody, nothing to do')
  heartbeat.heard(A, 1)
  t.equal(heartbeat.onPong(A, 1, 1, 1), false, 'of a peer that is not connected')
  t.strictSame(heartbeat.clockOf(A), { rttMs: undefined, offsetMs: undefined })
  t.end()
})

t.test('a node that was asleep gives the others the time it slept', t => {
  const heartbeat = new Heartbeat(FIRST)
  for (const peer of [A, B]) heartbeat.onUp(peer, 0)
  t.strictSame(
    beat(heartbeat, 9000, (peer, _, nowMs) => heartbeat.heard(peer, nowMs)),
    [],
  )
  const awake = heartbeat.onWake(600_000, 600_000)
  t.strictSame(awake.gone, [], 'nobody is buried')
  t.strictSame(
    awake.pings.map(({ peer }) => peer),
    [A, B],
  )
  t.strictSame(
    beat(heartbeat, 650_000, (peer, _, nowMs) => {
      if (peer === B) heartbeat.heard(B, nowMs)
    }).map(({ peer }) => peer),
    [A],
    'but who stays silent after that is gone',
  )
  t.end()
})

t.test('pings measure the way there and back, and how far the other clock is off', t => {
  const heartbeat = new Heartbeat(FIRST)
  heartbeat.onUp(A, 1000)
  const { pings } = heartbeat.onWake(1000, 50_000)
  t.strictSame(pings, [{ peer: A, number: 1 }])
  t.equal(heartbeat.onPong(A, 2, 0, 1010), false, 'an answer to what was not asked')
  t.equal(heartbeat.onPong(B, 1, 0, 1010), false)
  t.equal(heartbeat.onPong(A, 1, 53_020, 1040), true)
  t.strictSame(heartbeat.clockOf(A), { rttMs: 40, offsetMs: 3000 })
  t.equal(heartbeat.onPong(A, 1, 53_020, 1050), false, 'and one twice')
  t.equal(heartbeat.nextWakeMs, 1000 + PING_INTERVAL_MS)
  t.end()
})

t.test('of two peers one pings in every round, all in one, and the other only when it would not be heard from', t => {
  const pingsOf = (self: NodeId, hears: boolean): readonly number[] => {
    const heartbeat = new Heartbeat(self)
    heartbeat.onUp(A, 0)
    heartbeat.onUp(B, 1000)
    const atMs: number[] = []
    for (let nowMs = heartbeat.nextWakeMs; nowMs <= 30_000; nowMs = heartbeat.nextWakeMs) {
      const { pings } = heartbeat.onWake(nowMs, nowMs)
      for (const { peer } of pings) if (peer === A) atMs.push(nowMs)
      for (const peer of [A, B]) if (hears || pings.some(ping => ping.peer === peer)) heartbeat.heard(peer, nowMs)
    }
    return atMs
  }
  const every = (ms: number): readonly number[] => Array.from({ length: 30_000 / ms + 1 }, (_, i) => i * ms)
  t.strictSame(pingsOf(FIRST, true), every(PING_INTERVAL_MS))
  t.strictSame(pingsOf(FIRST, false), every(PING_INTERVAL_MS))
  t.strictSame(pingsOf(SELF, true), [0, PING_BACK_INTERVAL_MS, 2 * PING_BACK_INTERVAL_MS], 'for the estimate of its clock')
  t.strictSame(pingsOf(SELF, false), every(2 * PING_INTERVAL_MS), 'a whole interval without a word')
  const heartbeat = new Heartbeat(FIRST)
  for (const [i, peer] of [A, B, C].entries()) heartbeat.onUp(peer, i)
  heartbeat.onWake(2, 2)
  t.equal(heartbeat.nextWakeMs, 2 + PING_INTERVAL_MS)
  t.strictSame(
    heartbeat.onWake(2 + PING_INTERVAL_MS, 0).pings.map(({ peer }) => peer),
    [A, B, C],
    'a round wakes a node once',
  )
  t.end()
})

/** Runs a redial until `untilMs`: who is dialled when. Dials fail at once unless `up` says otherwise. */
function dials(
  redial: Redial,
  untilMs: number,
  isUp: (peer: NodeId, nowMs: number) => boolean = () => false,
): readonly (readonly [peer: NodeId, atMs: number])[] {
  const made: [NodeId, number][] = []
  for (let nowMs = redial.nextWakeMs; nowMs <= untilMs; nowMs = redial.nextWakeMs) {
    for (const peer of redial.onWake(nowMs)) {
      made.push([peer, nowMs])
      if (isUp(peer, nowMs)) redial.onUp(peer, nowMs)
      else redial.onDialFailed(peer, nowMs)
    }
    if (redial.nextWakeMs <= nowMs) throw new Error(`it asks to be woken at ${redial.nextWakeMs}, at ${nowMs}`)
  }
  return made
}

t.test('who cannot be reached is dialled again, after waits that double up to half a minute and differ', t => {
  const redial = new Redial(SELF, new SimRandom(1, 'redial'))
  t.equal(redial.nextWakeMs, Infinity)
  redial.setTargets([SELF, A], 1000)
  const made = dials(redial, 300_000)
  t.strictSame(made[0], [A, 1000], 'at once at first, and never itself')
  const waits = made.slice(1).map(([, atMs], i) => atMs - (made[i] as readonly [NodeId, number])[1])
  let waitMs = REDIAL_MIN_MS
  for (const wait of waits) {
    t.ok(wait >= waitMs / 2 && wait <= waitMs, `${wait} of ${waitMs} ms`)
    waitMs = Math.min(REDIAL_MAX_MS, waitMs * 2)
  }
  t.ok(waits.length > 10 && new Set(waits).size === waits.length, 'with jitter')
  redial.hint(A, 300_000)
  t.strictSame(redial.onWake(300_000), [A], 'a new address is tried at once')
  t.strictSame(redial.onWake(300_000), [], 'one dial at a time')
  redial.hint(A, 300_000)
  redial.hint(B, 300_000)
  t.equal(redial.nextWakeMs, Infinity)
  redial.onUp(A, 300_000)
  t.equal(redial.nextWakeMs, Infinity, 'who is connected is not dialled')
  redial.onDown(A, 400_000)
  t.ok(redial.nextWakeMs > 400_000 && redial.nextWakeMs <= 400_000 + REDIAL_MIN_MS, 'who was is, soon')
  redial.setTargets([B], 400_000)
  t.strictSame(redial.onWake(500_000), [B], 'who is no member any more is not')
  redial.onDialFailed(A, 500_000)
  t.end()
})

t.test('one peer that is back has all the others tried again', t => {
  const redial = new Redial(SELF, new SimRandom(2, 'redial'))
  redial.setTargets([A, B, C], 0)
  dials(redial, 200_000)
  const beforeMs = redial.nextWakeMs
  redial.onUp(A, 200_000)
  const made = dials(redial, 200_000 + REDIAL_MIN_MS, () => true)
  t.strictSame(made.map(([peer]) => peer).sort(), [B, C], `and not only at ${beforeMs}`)
  t.end()
})

t.test('all are dialled up to a full mesh; beyond it each dials the next on a ring, so that all stay connected', t => {
  for (const count of [2, FULL_MESH_MAX, FULL_MESH_MAX + 1, 200]) {
    const members = idsOf(count)
    const edges = members.map(self => {
      const redial = new Redial(self, new SimRandom(3, self))
      redial.setTargets(members, 0)
      return redial.onWake(0)
    })
    const dialled = count <= FULL_MESH_MAX ? count - 1 : FULL_MESH_MAX / 2
    t.ok(
      edges.every(targets => targets.length === dialled),
      `${count} members: ${dialled} each`,
    )
    const reached = new Set([0])
    for (const i of reached) for (const target of edges[i] as readonly NodeId[]) reached.add(members.indexOf(target))
    t.equal(reached.size, count)
  }
  t.end()
})

t.test('a peer book keeps what a node says of itself first, and strangers only while there is room', t => {
  const book = new PeerBook(SELF, id => id === A)
  t.equal(book.learn(SELF, ['/x'], 1), false, 'itself it knows')
  t.equal(book.learn(A, [], 1), false)
  t.equal(book.learn(A, ['with a space', '', 'x'.repeat(257), '/é'], 1), false, 'no address at all')
  t.equal(book.learn(A, ['/1', 'no good\n', '/1'], 1), true)
  t.equal(book.learn(A, ['/1'], 2), false, 'nothing new')
  t.equal(book.learn(A, ['/hearsay'], 3), true)
  t.equal(book.learn(A, ['/own'], 4, 'itself'), true)
  t.strictSame(book.addressesOf(A), ['/own', '/1', '/hearsay'])
  book.learn(
    A,
    Array.from({ length: 20 }, (_, i) => `/hearsay/${i}`),
    5,
  )
  t.strictSame(book.addressesOf(A).slice(0, 3), ['/own', '/1', '/hearsay'], 'hearsay pushes nothing out')
  t.equal(book.addressesOf(A).length, PEER_ADDRESSES_MAX)
  book.learn(
    A,
    Array.from({ length: 20 }, (_, i) => `/moved/${i}`),
    6,
    'itself',
  )
  t.strictSame(
    book.addressesOf(A),
    Array.from({ length: PEER_ADDRESSES_MAX }, (_, i) => `/moved/${i}`),
  )
  t.strictSame(book.addressesOf(B), [])

  const others = idsOf(PEER_BOOK_MAX + 10).filter(id => id !== A && id !== B)
  others.forEach((id, i) => book.learn(id, [`/${i}`], 100 + i))
  t.equal(book.peers.length, PEER_BOOK_MAX)
  t.ok(book.addressesOf(A).length > 0, 'a member stays, however long it was not seen')
  t.strictSame(
    book.peers.map(({ id }) => id),
    book.peers.map(({ id }) => id).sort(),
  )
  const crowd = new PeerBook(SELF, id => id !== B)
  others.slice(0, PEER_BOOK_MAX).forEach((id, i) => crowd.learn(id, ['/x'], i))
  t.equal(crowd.learn(B, ['/x'], 9999), false, 'a stranger does not push a member out')
  t.equal(crowd.learn(A, ['/x'], 9999), true, 'another member does, the longest unseen')
  t.strictSame([crowd.peers.length, crowd.addressesOf(others[0] as NodeId)], [PEER_BOOK_MAX, []])
  t.end()
})

t.test('a peer book is saved and read back, and of a damaged one what can be read', t => {
  const book = new PeerBook(SELF)
  book.learn(A, ['/1', '/2'], 5)
  book.learn(B, ['/3'], 6)
  const again = new PeerBook(SELF)
  again.load(JSON.parse(JSON.stringify(book)))
  t.strictSame(again.peers, book.peers)
  const damaged = new PeerBook(SELF)
  damaged.load({
    [A]: { addresses: ['/1', 7, null, 'not one'], seenMs: 5 },
    [B]: { addresses: '/3', seenMs: 6 },
    [C]: { addresses: ['/4'] },
    [SELF]: { addresses: ['/5'], seenMs: 1 },
    nobody: { addresses: ['/6'], seenMs: 1 },
    __proto__: null,
    list: [],
    nothing: null,
  })
  t.strictSame(damaged.peers, [{ id: A, addresses: ['/1'] }])
  fc.assert(
    fc.property(fc.anything(), anything => {
      const any = new PeerBook(SELF)
      any.load(anything)
      return any.peers.length === 0
    }),
  )
  t.end()
})
