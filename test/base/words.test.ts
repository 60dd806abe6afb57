import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PublicKey } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import t from 'tap'
import { assert } from '../../base/assert.ts'
import { BoundedQueue, type Overflow } from '../../base/bounded-queue.ts'
import { toHex } from '../../base/bytes.ts'
import { encode } from '../../base/codec.ts'
import { nodeSuite } from '../../base/crypto/node-suite.ts'
import { asWeftError, ERRORS, type ErrorCode, isErrorCode, WeftError } from '../../base/errors.ts'
import { type FrontierEntry, formatFrontier, frontierHash, parseFrontier, sortFrontier } from '../../base/frontier.ts'
import { compareHlc, HLC_COUNTER_MAX, HLC_MS_MAX, HLC_ZERO, type Hlc, isHlc, isoOf, maxHlc, nextHlc } from '../../base/hlc.ts'
import * as ids from '../../base/ids.ts'
import { KIND, type KindName, kindName } from '../../base/kinds.ts'
import * as limits from '../../base/limits.ts'
import { METRICS, type MetricName, Metrics } from '../../base/metrics.ts'
import { ACCEPT, ignore, reject } from '../../base/verdict.ts'
import fc from '../properties.ts'

t.test('ids', t => {
  const key = nodeSuite.publicKeyOf(new Uint8Array(32).fill(1))
  const node = ids.nodeIdOf(key)
  const hex = 'a0'.repeat(32)

  t.test('a NodeId is the libp2p PeerId of a key, and gives the key back', t => {
    t.match(node, /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/)
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), bytes => {
        const id = ids.nodeIdOf(bytes)
        const theirs = peerIdFromPublicKey(publicKeyFromRaw(bytes) as Ed25519PublicKey).toString()
        return id === theirs && ids.parseNodeId(id) === id && toHex(ids.keyOf(id)) === toHex(bytes)
      }),
    )
    for (const length of [0, 31, 33])
      t.throws(() => ids.nodeIdOf(new Uint8Array(length)), { name: 'RangeError' }, `a key of ${length} bytes`)
    t.end()
  })

  const parsers: readonly (readonly [name: string, parse: (text: string) => unknown, good: readonly string[], bad: readonly string[]])[] = [
    [
      'parseNodeId',
      ids.parseNodeId,
      [node],
      [
        '',
        'x',
        hex,
        node.slice(1),
        `${node}1`,
        `1${node}`,
        ` ${node}`,
        `${node}\n`,
        node.toLowerCase(),
        node.replace('12D3', '0OIl'),
        'QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC',
        '1'.repeat(52),
      ],
    ],
    ...(['parseClusterId', 'parseLogId', 'parseCausalId'] as const).map(
      name =>
        [
          name,
          ids[name],
          [hex, '0'.repeat(64)],
          ['', hex.slice(1), `${hex}0`, hex.toUpperCase(), hex.replace('a', 'g'), `${hex}\n`, `0x${hex.slice(2)}`],
        ] as const,
    ),
    [
      'parsePid',
      ids.parsePid,
      ['0', '1', '42', '999999999999999'],
      ['', '-1', '+1', '01', '1.0', '1e3', ' 1', '1 ', '0x1', '1000000000000000', 'kernel', '\u0661'],
    ],
    [
      'parseStream',
      ids.parseStream,
      ['audit', 'cluster', 'memory/main', 'memory/0', `memory/${'x'.repeat(64)}`, 'memory/a.b-c_d'],
      [
        '',
        'Audit',
        'memory',
        'memory/',
        'memory/.a',
        'memory/-a',
        'memory/A',
        'memory/a b',
        'memory/a/b',
        `memory/${'x'.repeat(65)}`,
        'memory/a\n',
        'other/main',
      ],
    ],
  ]
  for (const [name, parse, good, bad] of parsers) {
    t.test(`${name} takes what it should and nothing else`, t => {
      for (const input of good) t.equal(String(parse(input)), input, input)
      for (const input of bad) t.equal(parse(input), undefined, JSON.stringify(input))
      t.end()
    })
  }

  t.test('no text makes a parser throw', t => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'12D3KooWmemory/0a'), minLength: 40, maxLength: 70 })),
        input => {
          for (const [, parse] of parsers) parse(input)
        },
      ),
      { numRuns: 2000 },
    )
    t.end()
  })

  t.test('digests and hex ids are two forms of one thing', t => {
    const digest = new Uint8Array(32).fill(0xa0)
    for (const make of [ids.clusterIdOf, ids.logIdOf, ids.causalIdOf]) {
      t.equal(make(digest), hex)
      t.same(ids.digestOf(make(digest)), digest)
      t.throws(() => make(digest.subarray(1)), { name: 'RangeError' })
    }
    t.ok(ids.isHexId(hex))
    t.notOk(ids.isHexId(hex.slice(2)))
    t.end()
  })

  t.test('streams and addresses are put together', t => {
    t.equal(ids.memoryStream(ids.DEFAULT_SPACE), 'memory/main')
    for (const space of ['', 'A', 'a/b', '.', 'x'.repeat(65)])
      t.throws(() => ids.memoryStream(space), { name: 'RangeError' }, JSON.stringify(space))
    t.equal(ids.spaceOf(ids.memoryStream('notes')), 'notes')
    t.equal(ids.spaceOf(ids.AUDIT), undefined)
    t.equal(ids.spaceOf(ids.CLUSTER), undefined)
    t.equal(ids.processAddress(node, ids.parsePid('7') as ids.Pid), `${node}/7`)
    t.end()
  })
  t.end()
})

t.test('hybrid logical clock', t => {
  t.test('every tick is after the last, whatever the wall says, and follows the wall when that is ahead', t => {
    const wall = fc.oneof(fc.integer({ min: -1000, max: 5000 }), fc.double({ min: 0, max: 5000, noNaN: true }), fc.constant(Number.NaN))
    fc.assert(
      fc.property(fc.array(wall, { maxLength: 100 }), walls => {
        let last = HLC_ZERO
        for (const wallMs of walls) {
          const next = nextHlc(last, wallMs)
          if (compareHlc(next, last) <= 0 || !isHlc(next.ms, next.counter)) return false
          if (Math.floor(wallMs) > last.ms && (next.ms !== Math.floor(wallMs) || next.counter !== 0)) return false
          last = next
        }
        return true
      }),
      { numRuns: 1000 },
    )
    t.end()
  })

  t.test('a full counter borrows the next millisecond', t => {
    const full: Hlc = { ms: 1000, counter: HLC_COUNTER_MAX }
    t.same(nextHlc(full, 0), { ms: 1001, counter: 0 })
    t.same(nextHlc(full, 1000), { ms: 1001, counter: 0 })
    t.same(nextHlc(full, 1001), { ms: 1001, counter: 0 })
    t.same(nextHlc(full, 1002.9), { ms: 1002, counter: 0 })
    t.same(nextHlc(HLC_ZERO, 2 ** 60), { ms: HLC_MS_MAX, counter: 0 }, 'a wall beyond 48 bits')
    t.end()
  })

  t.test('order is by milliseconds, then counter', t => {
    const ordered: readonly Hlc[] = [
      HLC_ZERO,
      { ms: 0, counter: 1 },
      { ms: 1, counter: 0 },
      { ms: 1, counter: HLC_COUNTER_MAX },
      { ms: HLC_MS_MAX, counter: 0 },
    ]
    for (const [i, a] of ordered.entries()) {
      for (const [j, b] of ordered.entries()) {
        t.equal(Math.sign(compareHlc(a, b)), Math.sign(i - j))
        t.equal(maxHlc(a, b), ordered[Math.max(i, j)])
      }
    }
    t.end()
  })

  t.test('what fits in 48 and 16 bits is a time', t => {
    for (const [ms, counter, isTime] of [
      [0, 0, true],
      [HLC_MS_MAX, HLC_COUNTER_MAX, true],
      [HLC_MS_MAX + 1, 0, false],
      [0, HLC_COUNTER_MAX + 1, false],
      [-1, 0, false],
      [0, -1, false],
    ] as const) {
      t.equal(isHlc(ms, counter), isTime, `${ms}, ${counter}`)
    }
    t.equal(isoOf({ ms: 1_767_225_600_000, counter: 9 }), '2026-01-01T00:00:00.000Z')
    t.end()
  })
  t.end()
})

t.test('frontier', t => {
  const entry: fc.Arbitrary<FrontierEntry> = fc.record({
    log: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(ids.logIdOf),
    size: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    head: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  })
  const entries = fc.uniqueArray(entry, { selector: each => each.log, maxLength: 12 })

  t.test('it comes back from its text, whatever the order of its entries', t => {
    fc.assert(
      fc.property(entries, fc.nat(), (original, turn) => {
        const turned = [...original.slice(turn % 12), ...original.slice(0, turn % 12)]
        const formatted = formatFrontier(original)
        const parsed = parseFrontier(formatted)
        return (
          formatFrontier(turned) === formatted &&
          toHex(frontierHash(turned)) === toHex(frontierHash(original)) &&
          /^[A-Za-z0-9_-]*$/.test(formatted) &&
          JSON.stringify(parsed) === JSON.stringify(sortFrontier(original))
        )
      }),
      { numRuns: 300 },
    )
    t.same(parseFrontier(formatFrontier([])), [])
    t.end()
  })

  t.test('two texts never mean the same frontier', t => {
    const alphabet = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
    fc.assert(
      fc.property(
        entries,
        fc.nat(),
        fc.constantFrom(...alphabet, '', '=', '+', '/', ' '),
        fc.boolean(),
        (original, place, character, isInserted) => {
          const formatted = formatFrontier(original)
          const at = place % (formatted.length + 1)
          const changed = formatted.slice(0, at) + character + formatted.slice(isInserted ? at : at + 1)
          const parsed = parseFrontier(changed)
          return parsed === undefined || formatFrontier(parsed) === changed
        },
      ),
      { numRuns: 3000 },
    )
    t.end()
  })

  t.test('what no node would print is refused', t => {
    const low = new Uint8Array(32).fill(1)
    const high = new Uint8Array(32).fill(2)
    const text = (value: Parameters<typeof encode>[0]): string => Buffer.from(encode(value)).toString('base64url')
    t.ok(
      parseFrontier(
        text([
          [low, 1, low],
          [high, 1, low],
        ]),
      ),
    )
    const refused: Readonly<Record<string, string>> = {
      nothing: '',
      'not base64url': '***',
      padding: `${text([])}==`,
      'a space': ` ${text([])}`,
      'not CBOR': Buffer.from('hello').toString('base64url'),
      'out of order': text([
        [high, 1, low],
        [low, 1, low],
      ]),
      'a log twice': text([
        [low, 1, low],
        [low, 2, low],
      ]),
      'an empty log': text([[low, 0, low]]),
      'a short head': text([[low, 1, low.subarray(1)]]),
      'a short log id': text([[low.subarray(1), 1, low]]),
      'a field more': text([[low, 1, low, 0]]),
      'no list': text(5),
      'a number in more bytes than needed': Buffer.from('980180', 'hex').toString('base64url'),
    }
    for (const [name, bad] of Object.entries(refused)) t.equal(parseFrontier(bad), undefined, name)
    t.end()
  })

  t.test('frontiers that differ have different hashes', t => {
    fc.assert(
      fc.property(
        entries,
        entries,
        (a, b) => (formatFrontier(a) === formatFrontier(b)) === (toHex(frontierHash(a)) === toHex(frontierHash(b))),
      ),
    )
    t.end()
  })
  t.end()
})

t.test('bounded queue', t => {
  for (const overflow of ['reject', 'drop-oldest', 'drop-new'] satisfies readonly Overflow[]) {
    t.test(`${overflow}: it is a list with a bound`, t => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 20 }),
          fc.array(fc.constantFrom('push', 'push', 'shift'), { maxLength: 200 }),
          (capacity, steps) => {
            const queue = new BoundedQueue<number>(capacity, overflow)
            const model: number[] = []
            let dropped = 0
            for (const [i, step] of steps.entries()) {
              if (step === 'push') {
                const isFull = model.length === capacity
                if (isFull) dropped++
                if (isFull && overflow === 'drop-oldest') model.shift()
                const isTaken = !isFull || overflow === 'drop-oldest'
                if (isTaken) model.push(i)
                if (queue.push(i) !== isTaken) return false
              } else if (queue.shift() !== model.shift()) return false
              if (
                queue.size !== model.length ||
                queue.dropped !== dropped ||
                queue.peek() !== model[0] ||
                [...queue].join() !== model.join()
              )
                return false
            }
            return true
          },
        ),
        { numRuns: 300 },
      )
      t.end()
    })
  }

  t.test('a capacity below 1 is a mistake', t => {
    for (const capacity of [0, -1, 1.5, Number.NaN]) t.throws(() => new BoundedQueue(capacity), { name: 'RangeError' }, `${capacity}`)
    t.end()
  })
  t.end()
})

t.test('errors', t => {
  t.test('every code says what it means for HTTP, for the command line and for the user', t => {
    const codes = Object.keys(ERRORS)
    t.ok(codes.length > 50)
    for (const code of codes) {
      const kind = ERRORS[code as ErrorCode]
      t.ok(isErrorCode(code))
      t.match(code, /^[a-z]+(?:_[a-z]+)*$/)
      t.ok(kind.status >= 400 && kind.status < 600, `${code}: status ${kind.status}`)
      t.ok([1, 2, 3, 64].includes(kind.exit), `${code}: exit ${kind.exit}`)
      if (kind.exit === 2) t.equal(kind.retryable, true, `${code}: nobody knows what happened, so asking again is sensible`)
      if (kind.next !== undefined) t.match(kind.next, /^[a-z].*[^.]$/, `${code}: a phrase`)
    }
    for (const text of ['', 'nonsense', 'toString', '__proto__', 'Usage']) t.notOk(isErrorCode(text), text)
    t.end()
  })

  t.test('it leaves the program in one form', t => {
    const cause = new Error('ENOSPC')
    const error = new WeftError('disk_full', 'no room for 10 bytes', { cause, details: { needed: 10 } })
    t.ok(error instanceof Error)
    t.equal(error.cause, cause)
    t.equal(error.retryable, true)
    t.same(JSON.parse(JSON.stringify(error)), {
      code: 'disk_full',
      message: 'no room for 10 bytes',
      retryable: true,
      next: ERRORS.disk_full.next,
      details: { needed: 10 },
    })
    t.same(new WeftError('noproc', 'no process 7').toJSON(), { code: 'noproc', message: 'no process 7', retryable: false })
    t.equal(new WeftError('usage', 'what?', { next: 'ask again' }).next, 'ask again')
    t.notOk('cause' in new WeftError('usage', 'what?'))
    t.end()
  })

  t.test('what was thrown becomes one', t => {
    const known = new WeftError('timeout', 'too late')
    t.equal(asWeftError(known), known)
    const thrown = new TypeError('x is not a function')
    t.match(asWeftError(thrown), { code: 'internal', message: 'x is not a function', cause: thrown })
    t.match(asWeftError('text'), { code: 'internal', message: 'text', cause: 'text' })
    t.match(asWeftError(undefined), { code: 'internal', message: 'undefined' })
    t.end()
  })

  t.test('a claim that does not hold is thrown', t => {
    assert(true, 'fine')
    t.throws(() => assert(false, 'not fine'), { name: 'AssertionError', message: 'not fine' })
    t.end()
  })
  t.end()
})

t.test('tables', t => {
  t.test('every limit is a whole number above 0', t => {
    const values = Object.entries(limits)
    t.ok(values.length > 50)
    for (const [name, value] of values) t.ok(Number.isSafeInteger(value) && value > 0, `${name} = ${value}`)
    t.end()
  })

  t.test('record kinds have their own numbers, and every number a name', t => {
    const kinds = Object.entries(KIND)
    t.equal(new Set(Object.values(KIND)).size, kinds.length)
    for (const [name, kind] of kinds) t.equal(kindName(kind), name as KindName)
    t.equal(kindName(9999), 'kind-9999')
    t.end()
  })

  t.test('metrics are named as Prometheus wants, and count', t => {
    for (const [name, { type, help }] of Object.entries(METRICS)) {
      t.match(name, /^weft_[a-z]+(?:_[a-z]+)*$/)
      t.equal(name.endsWith('_total'), type === 'counter', name)
      t.match(help, /^[A-Z].*[^.]$/)
    }
    const metrics = new Metrics()
    metrics.add('weft_dials_total', 1, 'ok')
    metrics.add('weft_dials_total', 2, 'ok')
    metrics.add('weft_dials_total', 1, 'unreachable')
    metrics.add('weft_inbox_dropped_total')
    metrics.set('weft_peers', 4)
    metrics.set('weft_peers', 3)
    t.equal(metrics.get('weft_dials_total', 'ok'), 3)
    t.equal(metrics.get('weft_dials_total'), 0)
    t.equal(metrics.get('weft_chain_conflicts' satisfies MetricName), 0)
    t.same(
      [...metrics.samples()],
      [
        ['weft_dials_total', 'ok', 3],
        ['weft_dials_total', 'unreachable', 1],
        ['weft_inbox_dropped_total', '', 1],
        ['weft_peers', '', 3],
      ],
    )
    t.end()
  })

  t.test('verdicts', t => {
    t.same(ACCEPT, { verdict: 'accept' })
    t.same(ignore('duplicate'), { verdict: 'ignore', code: 'duplicate' })
    t.same(reject('gap'), { verdict: 'reject', code: 'gap' })
    t.same(reject('gap', 'seq 7'), { verdict: 'reject', code: 'gap', detail: 'seq 7' })
    t.end()
  })
  t.end()
})
