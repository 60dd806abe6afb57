import t from 'tap'
import { compareBytes, concatBytes, equalBytes, fromHex, isWellFormed, textOf, toHex, utf8 } from '../../base/bytes.ts'
import { type Cbor, decode, encode } from '../../base/codec.ts'
import { bytes, list, literal, option, optional, type Shape, text, tuple, uint } from '../../base/shape.ts'
import fc from '../properties.ts'

const { value } = fc.letrec<{ value: Cbor; array: Cbor }>(tie => ({
  value: fc.oneof(
    { maxDepth: 12 },
    fc.oneof(
      fc.nat(300),
      fc.maxSafeNat(),
      fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
    ),
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.uint8Array({ maxLength: 30 }),
    { weight: 4, arbitrary: tie('array') },
  ),
  array: fc.array(tie('value'), { maxLength: 5 }) as fc.Arbitrary<Cbor>,
}))

t.test('deterministic CBOR', t => {
  t.test('100,000 values come back as they went in, and their bytes depend on nothing else', t => {
    fc.assert(
      fc.property(value, original => {
        const encoded = encode(original)
        const decoded = decode(encoded)
        return decoded.ok && isSame(decoded.value, original) && equalBytes(encode(decoded.value), encoded)
      }),
      { numRuns: 100_000 },
    )
    t.pass()
    t.end()
  })

  t.test('of 100,000 byte strings none makes decode throw, and what it accepts has no other encoding', t => {
    const spoiled = fc
      .tuple(value, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.constantFrom('set', 'insert', 'remove', 'cut'))
      .map(([original, place, byte, how]) => {
        const encoded = encode(original)
        const at = place % encoded.length
        if (how === 'cut') return encoded.slice(0, at)
        const rest = encoded.subarray(how === 'insert' ? at : at + 1)
        return concatBytes(encoded.subarray(0, at), how === 'remove' ? new Uint8Array(0) : Uint8Array.of(byte), rest)
      })
    let accepted = 0
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), spoiled), input => {
        const decoded = decode(input)
        if (!decoded.ok) return decoded.why !== ''
        accepted++
        return equalBytes(encode(decoded.value), input)
      }),
      { numRuns: 100_000 },
    )
    t.ok(accepted > 1000, `${accepted} accepted, so acceptance was tested`)
    t.end()
  })

  t.test('every value has the encoding of RFC 8949', t => {
    const cases: readonly (readonly [value: Cbor, hex: string])[] = [
      [0, '00'],
      [23, '17'],
      [24, '1818'],
      [255, '18ff'],
      [256, '190100'],
      [65_535, '19ffff'],
      [65_536, '1a00010000'],
      [2 ** 32 - 1, '1affffffff'],
      [2 ** 32, '1b0000000100000000'],
      [Number.MAX_SAFE_INTEGER, '1b001fffffffffffff'],
      ['', '60'],
      ['IETF', '6449455446'],
      ['\u00fc', '62c3bc'],
      ['\u{10151}', '64f0908591'],
      ['\ufeff', '63efbbbf'],
      ['\0', '6100'],
      [new Uint8Array(0), '40'],
      [Uint8Array.of(1, 2, 3, 4), '4401020304'],
      [new Uint8Array(24), `5818${'00'.repeat(24)}`],
      [[], '80'],
      [[1, [2, 3], [4, 5]], '8301820203820405'],
      [Array.from({ length: 25 }, (_, i) => i + 1), '98190102030405060708090a0b0c0d0e0f101112131415161718181819'],
    ]
    for (const [original, hex] of cases) {
      t.equal(toHex(encode(original)), hex, JSON.stringify(original))
      t.same(decode(fromHex(hex)), { ok: true, value: original })
    }
    t.end()
  })

  t.test('any other form is refused, with its reason', t => {
    const cases: Readonly<Record<string, readonly [hex: string, why: RegExp]>> = {
      nothing: ['', /^ends early/],
      '0 in one byte more': ['1800', /^not canonical$/],
      '23 in one byte more': ['1817', /^not canonical$/],
      '255 in two bytes': ['1900ff', /^not canonical$/],
      '65,535 in four bytes': ['1a0000ffff', /^not canonical$/],
      '2^32 - 1 in eight bytes': ['1b00000000ffffffff', /^not canonical$/],
      '2^53': ['1b0020000000000000', /^number of 2\^53 or more/],
      '2^64 - 1': ['1bffffffffffffffff', /^number of 2\^53 or more/],
      'a length in more bytes than needed': ['580101', /^not canonical$/],
      'an array length in more bytes than needed': ['980101', /^not canonical$/],
      'bytes of indefinite length': ['5f4101ff', /^indefinite or reserved length/],
      'text of indefinite length': ['7f6161ff', /^indefinite or reserved length/],
      'an array of indefinite length': ['9f01ff', /^indefinite or reserved length/],
      'reserved lengths': ['1c', /^indefinite or reserved length/],
      'a negative number': ['20', /^major type 1/],
      'a map': ['a0', /^major type 5/],
      'a map with an entry': ['a10102', /^major type 5/],
      'a tag': ['c074323031332d30332d32315432303a30343a30305a', /^major type 6/],
      false: ['f4', /^major type 7/],
      null: ['f6', /^major type 7/],
      undefined: ['f7', /^major type 7/],
      'a half float': ['f93c00', /^major type 7/],
      'a float': ['fa47c35000', /^major type 7/],
      'a double': ['fb0000000000000000', /^major type 7/],
      'a double whose bits are no number': ['fb3ff199999999999a', /^number of 2\^53 or more/],
      'a break': ['ff', /^indefinite or reserved length/],
      'text that is not UTF-8': ['61ff', /^invalid UTF-8/],
      'text with a surrogate': ['63eda080', /^invalid UTF-8/],
      'text in more bytes than needed': ['62c080', /^invalid UTF-8/],
      'a cut number': ['1901', /^ends early/],
      'cut bytes': ['4401', /^ends early/],
      'cut text': ['6461', /^ends early/],
      'a cut array': ['8201', /^ends early|^array longer/],
      'a length beyond the input': ['5b001fffffffffffff', /^ends early/],
      'an array longer than the input': ['9b001fffffffffffff', /^array longer than the input/],
      'an array of 2^32 - 1': ['9affffffff00', /^array longer than the input/],
      'a byte after the value': ['0000', /^1 bytes after the value$/],
      'a value after the value': ['80820102', /^3 bytes after the value$/],
      '17 arrays in each other': [`${'81'.repeat(16)}80`, /^nested deeper than 16/],
      'arrays without end': ['81'.repeat(100_000), /^nested deeper than 16/],
      'a bad item deep inside': ['818181f6', /^major type 7 is not allowed at byte 4$/],
    }
    for (const [name, [hex, why]] of Object.entries(cases)) {
      const decoded = decode(fromHex(hex))
      t.match(decoded, { ok: false, why }, name)
    }
    t.ok(decode(fromHex(`${'81'.repeat(15)}80`)).ok, '16 arrays in each other are taken')
    t.end()
  })

  t.test('a value without an encoding is a bug of the caller', t => {
    const cases: Readonly<Record<string, Cbor>> = {
      negative: -1,
      fraction: 0.5,
      '2^53': 2 ** 53,
      infinity: Number.POSITIVE_INFINITY,
      'not a number': Number.NaN,
      'a lone high surrogate': 'a\ud800b',
      'a lone low surrogate': '\udc00',
      'surrogates the wrong way round': '\udc00\ud800',
      'deep inside': [[['fine', [1.5]]]],
    }
    for (const [name, bad] of Object.entries(cases)) t.throws(() => encode(bad), { name: 'RangeError' }, name)
    let deep: Cbor = []
    for (let i = 1; i < 16; i++) deep = [deep]
    t.ok(decode(encode(deep)).ok, '16 arrays in each other')
    t.throws(() => encode([deep]), { name: 'RangeError' }, '17')
    t.end()
  })

  t.test('decoded bytes are views, encoded bytes are not', t => {
    const content = new Uint8Array(100).fill(1)
    const encoded = encode([content])
    content.fill(2)
    const decoded = decode(encoded)
    const [view] = (decoded.ok ? decoded.value : []) as [Uint8Array]
    t.equal(view.buffer, encoded.buffer)
    t.ok(view.every(byte => byte === 1))
    t.end()
  })

  t.test('a megabyte is encoded and decoded whole', t => {
    const large = [new Uint8Array(1 << 20).fill(5), 'x'.repeat(1 << 20), Array.from({ length: 100_000 }, (_, i) => i)]
    const decoded = decode(encode(large))
    t.ok(decoded.ok && isSame(decoded.value, large))
    t.end()
  })
  t.end()
})

t.test('bytes', t => {
  t.test('hex comes back, and only lower-case pairs of digits are hex', t => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        input => equalBytes(fromHex(toHex(input)), input) && toHex(input) === Buffer.from(input).toString('hex'),
      ),
    )
    for (const bad of ['0', 'abc', 'AB', 'g0', '0 ', ' 0', '0x', '\u0660\u0660'])
      t.throws(() => fromHex(bad), { name: 'RangeError' }, JSON.stringify(bad))
    t.end()
  })

  t.test('order and equality are those of Buffer', t => {
    const short = fc.uint8Array({ maxLength: 4, max: 3 })
    fc.assert(
      fc.property(
        short,
        short,
        (a, b) => Math.sign(compareBytes(a, b)) === Buffer.compare(a, b) && equalBytes(a, b) === (Buffer.compare(a, b) === 0),
      ),
      { numRuns: 2000 },
    )
    fc.assert(fc.property(fc.array(fc.uint8Array()), parts => equalBytes(concatBytes(...parts), Buffer.concat(parts))))
    t.end()
  })

  t.test('text comes back from UTF-8 when it is well formed', t => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.array(fc.integer({ min: 0xd800, max: 0xdfff }), { maxLength: 2 }),
        (well, surrogates) => {
          const mixed = well + String.fromCharCode(...surrogates)
          const carried = textOf(utf8(mixed))
          return textOf(utf8(well)) === well && isWellFormed(mixed) === (carried === mixed)
        },
      ),
      { numRuns: 2000 },
    )
    for (const hex of ['ff', 'c080', 'eda080', 'f4908080', 'c3', 'efbfbe00c0']) t.equal(textOf(fromHex(hex)), undefined, hex)
    t.end()
  })
  t.end()
})

t.test('shapes', t => {
  const rows: readonly (readonly [
    name: string,
    shape: Shape<unknown>,
    good: readonly (readonly [value: Cbor, parsed: unknown])[],
    bad: readonly Cbor[],
  ])[] = [
    [
      'uint(10)',
      uint(10),
      [
        [0, 0],
        [10, 10],
      ],
      [11, '1', Uint8Array.of(1), []],
    ],
    ['uint()', uint(), [[Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]], ['0', [0]]],
    ['bytes(2)', bytes(2), [[Uint8Array.of(1, 2), Uint8Array.of(1, 2)]], [Uint8Array.of(1), Uint8Array.of(1, 2, 3), 'ab', 2, [1, 2]]],
    [
      'bytes(1, 2)',
      bytes(1, 2),
      [
        [Uint8Array.of(1), Uint8Array.of(1)],
        [Uint8Array.of(1, 2), Uint8Array.of(1, 2)],
      ],
      [new Uint8Array(0), new Uint8Array(3)],
    ],
    [
      'text(3)',
      text(3),
      [
        ['', ''],
        ['abc', 'abc'],
        ['\u{1f600}', '\u{1f600}'],
      ],
      ['abcd', '\u{1f600}\u{1f600}', 3, utf8('abc'), ['a']],
    ],
    ['literal(7)', literal(7), [[7, 7]], [8, '7', [7]]],
    ['literal("a")', literal('a'), [['a', 'a']], ['b', '', utf8('a')]],
    [
      'list(uint(9), 3)',
      list(uint(9), 3),
      [
        [[], []],
        [
          [1, 2, 3],
          [1, 2, 3],
        ],
      ],
      [[1, 2, 3, 4], [10], ['1'], [[1]], 1, 'abc', Uint8Array.of(1)],
    ],
    [
      'optional(uint(9))',
      optional(uint(9)),
      [
        [[], null],
        [[4], 4],
      ],
      [4, [10], [1, 2], [[]], ''],
    ],
    [
      'tuple(uint(9), text(2))',
      tuple(uint(9), text(2)),
      [
        [
          [1, 'a'],
          [1, 'a'],
        ],
      ],
      [[], [1], [1, 'a', 2], ['a', 1], [10, 'a'], 1, '1a'],
    ],
    ['tuple()', tuple(), [[[], []]], [[1], 0, '']],
    [
      'nested',
      list(tuple(optional(bytes(1)), list(literal('x'), 1)), 2),
      [
        [
          [
            [[Uint8Array.of(5)], ['x']],
            [[], []],
          ],
          [
            [Uint8Array.of(5), ['x']],
            [null, []],
          ],
        ],
      ],
      [[[[], ['y']]], [[[]]]],
    ],
  ]
  for (const [name, shape, good, bad] of rows) {
    t.test(name, t => {
      for (const [input, parsed] of good) t.same(shape.parse(input), parsed, `takes ${JSON.stringify(input)}`)
      for (const input of bad) t.equal(shape.parse(input), undefined, `refuses ${JSON.stringify(input)}`)
      t.end()
    })
  }

  t.test('an optional field comes back from its encoding', t => {
    for (const input of [null, undefined, 0, 5, '', new Uint8Array(0), [1]] as const) {
      const any: Shape<Cbor> = { parse: value => value }
      t.same(optional(any).parse(option(input)), input ?? null)
    }
    t.end()
  })

  t.test('no value makes a shape throw', t => {
    fc.assert(
      fc.property(value, input => {
        for (const [, shape] of rows) shape.parse(input)
      }),
      { numRuns: 2000 },
    )
    t.end()
  })
  t.end()
})

function isSame(a: Cbor, b: Cbor): boolean {
  if (a instanceof Uint8Array) return b instanceof Uint8Array && equalBytes(a, b)
  if (typeof a !== 'object') return a === b
  return Array.isArray(b) && a.length === b.length && a.every((item, i) => isSame(item, b[i]))
}
