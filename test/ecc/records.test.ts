import t from 'tap'
import { toHex } from '../../base/bytes.ts'
import { type Cbor, encode } from '../../base/codec.ts'
import type { CausalId } from '../../base/ids.ts'
import { BODY_MAX_BYTES, KEY_MAX_BYTES, META_MAX_BYTES, META_PAIRS_MAX, SUPERSEDE_TARGETS_MAX, TEXT_MAX_BYTES } from '../../base/limits.ts'
import { behaviourOf, EDGE_TYPES, edgeTypeOf, isEdgeType } from '../../ecc/edge-types.ts'
import {
  decodeLink,
  decodeRebase,
  decodeRemember,
  decodeRetract,
  decodeSupersede,
  encodeJoin,
  encodeLink,
  encodeRemember,
  encodeRetract,
  encodeSupersede,
  type RememberInput,
} from '../../ecc/records.ts'
import fc from '../properties.ts'

const id = (n: number): CausalId => toHex(bytes(n)) as CausalId
const bytes = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const TIME = '2026-01-31T12:00:00.000Z'
const LATER = '2026-02-01T00:00:00.000Z'

t.test('the numbers of edge types never change', async t => {
  t.strictSame(EDGE_TYPES, {
    causes: 1,
    inhibits: 2,
    correlates: 3,
    enables: 4,
    follows: 5,
    contradicts: 6,
    'triggered-by': 7,
    'evidence-for': 8,
    'derived-from': 9,
    supersedes: 10,
  })
  for (const [name, number] of Object.entries(EDGE_TYPES)) {
    t.equal(edgeTypeOf(number), name)
    t.ok(Math.abs(behaviourOf(number).spread) <= 1)
    t.ok(isEdgeType(name))
  }
  for (const number of [0, 11, 2 ** 32]) t.equal(edgeTypeOf(number), undefined)
  for (const name of ['', 'Causes', 'toString']) t.notOk(isEdgeType(name))
})

t.test('what is remembered comes back, and equal content has equal bytes', async t => {
  const body = encodeRemember({ text: 'T', meta: { b: '2', a: '1' }, key: 'k', validFrom: TIME, validTo: LATER, source: 's' })
  t.equal(
    toHex(body),
    toHex(
      encode([
        'T',
        [
          ['a', '1'],
          ['b', '2'],
        ],
        ['k'],
        [TIME],
        [LATER],
        ['s'],
      ]),
    ),
  )
  t.strictSame(decodeRemember(body), {
    text: 'T',
    meta: [
      ['a', '1'],
      ['b', '2'],
    ],
    key: 'k',
    validFrom: TIME,
    validTo: LATER,
    source: 's',
  })
  t.equal(toHex(encodeRemember({ text: 'T', meta: {} })), toHex(encode(['T', [], [], [], [], []])))
  t.strictSame(decodeRemember(encodeRemember({ text: 'T' })), {
    text: 'T',
    meta: [],
    key: null,
    validFrom: null,
    validTo: null,
    source: null,
  })
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 })
  fc.assert(
    fc.property(
      fc.record(
        { text, meta: fc.dictionary(text, fc.string({ unit: 'grapheme' }), { maxKeys: 5 }), key: text, source: text },
        { requiredKeys: ['text'] },
      ),
      input => {
        const decoded = decodeRemember(encodeRemember(input))
        return (
          decoded?.text === input.text &&
          decoded.key === (input.key ?? null) &&
          JSON.stringify(Object.fromEntries(decoded.meta)) === JSON.stringify(sorted(input.meta))
        )
      },
    ),
  )
})

function sorted(meta: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(meta ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)))
}

t.test('a caller is told what is wrong with a memory', async t => {
  const wrong: readonly (readonly [input: unknown, code: string, message: RegExp])[] = [
    [{ text: '' }, 'text_invalid', /1 character or more/],
    [{}, 'text_invalid', /1 character or more/],
    [{ text: 5 }, 'text_invalid', /1 character or more/],
    [{ text: 'a\ud800' }, 'text_invalid', /lone surrogate/],
    [{ text: 'x'.repeat(TEXT_MAX_BYTES + 1) }, 'text_too_long', /49144 bytes of text, at most 49143/],
    [
      { text: 'x'.repeat(TEXT_MAX_BYTES), key: 'k' },
      'body_too_large',
      /text, labels, key, times and source take 49154 bytes together, at most 49152/,
    ],
    [{ text: 'a', meta: { n: 1 } }, 'meta_invalid', /"n" is text, got number/],
    [{ text: 'a', meta: { '': 'x' } }, 'meta_invalid', /empty/],
    [{ text: 'a', meta: { n: '\udfff' } }, 'meta_invalid', /"n" holds a lone surrogate/],
    [{ text: 'a', meta: { n: 'x'.repeat(META_MAX_BYTES) } }, 'meta_invalid', /16385 bytes of meta, at most 16384/],
    [
      { text: 'a', meta: Object.fromEntries(Array.from({ length: META_PAIRS_MAX + 1 }, (_, i) => [`${i}`, ''])) },
      'meta_invalid',
      /65 pairs of meta, at most 64/,
    ],
    [{ text: 'a', key: '' }, 'key_invalid', /is empty/],
    [{ text: 'a', key: 'ü'.repeat(KEY_MAX_BYTES / 2 + 1) }, 'key_invalid', /has 514 bytes, at most 512/],
    [{ text: 'a', key: 7 }, 'key_invalid', /is text, got number/],
    [{ text: 'a', source: '' }, 'meta_invalid', /source is empty/],
    [{ text: 'a', validFrom: '2026-01-31' }, 'time_invalid', /validFrom .* got "2026-01-31"/],
    [{ text: 'a', validTo: 'x' }, 'time_invalid', /validTo/],
    [{ text: 'a', validFrom: TIME, validTo: TIME }, 'time_invalid', /not later/],
  ]
  for (const [input, code, message] of wrong)
    t.throws(() => encodeRemember(input as RememberInput), { name: 'WeftError', code, message }, `${code} ${String(message)}`)
  t.equal(encodeRemember({ text: 'x'.repeat(TEXT_MAX_BYTES) }).length, BODY_MAX_BYTES, 'the longest text alone fills a body')
})

t.test('links, supersedes, retracts and joins come back', async t => {
  t.strictSame(decodeLink(encodeLink({ from: id(1), to: id(2), type: 'causes' })), {
    from: bytes(1),
    to: bytes(2),
    type: 'causes',
    weight: 1_000_000,
  })
  t.equal(decodeLink(encodeLink({ from: id(1), to: id(1), type: 'supersedes', weight: 0.25 }))?.weight, 250_000)
  t.equal(decodeLink(encodeLink({ from: id(1), to: id(2), type: 'follows', weight: 1e-9 }))?.weight, 1)
  t.strictSame(decodeSupersede(encodeSupersede({ targets: [id(3), id(2)], by: id(1), reason: 'r' })), {
    targets: [bytes(2), bytes(3)],
    by: bytes(1),
    reason: 'r',
  })
  t.strictSame(decodeRetract(encodeRetract(id(1), true)), { target: bytes(1), erase: true })
  t.strictSame(decodeRetract(encodeRetract(id(1), false)), { target: bytes(1), erase: false })
  t.equal(toHex(encodeJoin()), '80')
  t.strictSame(decodeRebase(encode([[bytes(1), bytes(2)]])), [[bytes(1), bytes(2)]])
})

t.test('a caller is told what is wrong with an edge', async t => {
  const link = (more: object) => () => encodeLink({ from: id(1), to: id(2), type: 'causes', ...more })
  const wrong: readonly (readonly [run: () => unknown, message: RegExp])[] = [
    [link({ type: 'cause' }), /one of causes, .*, supersedes, got "cause"/],
    [link({ from: 'abc' }), /from is 64 lower-case hex digits, got "abc"/],
    [link({ weight: 0 }), /above 0 and at most 1, got 0/],
    [link({ weight: 1.01 }), /got 1.01/],
    [link({ weight: Number.NaN }), /got NaN/],
    [() => encodeSupersede({ targets: [], by: id(1) }), /1 to 64 memories are superseded at once, got 0/],
    [() => encodeSupersede({ targets: Array.from({ length: SUPERSEDE_TARGETS_MAX + 1 }, (_, i) => id(i + 2)), by: id(1) }), /got 65/],
    [() => encodeSupersede({ targets: [id(2), id(2)], by: id(1) }), /is named twice/],
    [() => encodeSupersede({ targets: [id(1)], by: id(1) }), /cannot supersede itself/],
    [() => encodeRetract('x' as CausalId, false), /target is 64/],
  ]
  for (const [run, message] of wrong) t.throws(run, { name: 'WeftError', code: 'edge_invalid', message })
  t.throws(() => encodeSupersede({ targets: [id(1)], by: id(2), reason: '\ud800' }), { code: 'text_invalid' })
  t.throws(() => encodeSupersede({ targets: [id(1)], by: id(2), reason: 'x'.repeat(BODY_MAX_BYTES) }), { code: 'body_too_large' })
})

t.test('what no caller could have written is no record', async t => {
  const bad: readonly (readonly [what: string, decode: (body: Uint8Array) => unknown, values: readonly Cbor[]])[] = [
    [
      'remember',
      decodeRemember,
      [
        [],
        ['a', [], [], [], []],
        ['a', [], [], [], [], [], []],
        ['', [], [], [], [], []],
        [1, [], [], [], [], []],
        [
          'a',
          [
            ['b', '1'],
            ['a', '2'],
          ],
          [],
          [],
          [],
          [],
        ],
        [
          'a',
          [
            ['a', '1'],
            ['a', '2'],
          ],
          [],
          [],
          [],
          [],
        ],
        ['a', [['', '1']], [], [], [], []],
        ['a', [['a', 'x'.repeat(META_MAX_BYTES)]], [], [], [], []],
        ['a', [], [''], [], [], []],
        ['a', [], ['k'.repeat(KEY_MAX_BYTES + 1)], [], [], []],
        ['a', [], ['k', 'k'], [], [], []],
        ['a', [], [], ['2026-01-31'], [], []],
        ['a', [], [], [LATER], [TIME], []],
        ['a', [], [], [], [], ['']],
      ],
    ],
    [
      'link',
      decodeLink,
      [
        [bytes(1), bytes(2), 1],
        [bytes(1), bytes(2), 0, 1],
        [bytes(1), bytes(2), 11, 1],
        [bytes(1), bytes(2), 1, 0],
        [bytes(1), bytes(2), 1, 1_000_001],
        [bytes(1).subarray(1), bytes(2), 1, 1],
      ],
    ],
    [
      'supersede',
      decodeSupersede,
      [
        [[], bytes(1), ''],
        [[bytes(1)], bytes(1), ''],
        [[bytes(3), bytes(2)], bytes(1), ''],
        [[bytes(2), bytes(2)], bytes(1), ''],
        [[bytes(2)], bytes(1)],
      ],
    ],
    ['retract', decodeRetract, [[bytes(1), 2], [bytes(1)], [bytes(1), 0, 0], 'x']],
    ['rebase', decodeRebase, [[[bytes(1)]], [bytes(1), bytes(2)], 1]],
  ]
  for (const [what, decode, values] of bad) {
    for (const value of values) t.equal(decode(encode(value)), undefined, `${what} ${JSON.stringify(value).slice(0, 60)}`)
    t.equal(decode(Uint8Array.of(0xff)), undefined, `${what} of no CBOR`)
    t.equal(decode(new Uint8Array(BODY_MAX_BYTES + 1)), undefined, `${what} too large`)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), body => {
      // It may be a record by chance; that nothing is thrown is what counts.
      for (const [, decode] of bad) decode(body)
    }),
  )
})
